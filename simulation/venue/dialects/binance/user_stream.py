"""Binance spot's user stream: what an account is told about its orders and balances, as events happen.

Every report is wrapped as `{"subscriptionId": n, "event": {...}}`, the form of streams opened over the WebSocket API.
Fills that a fault hides are left out; a hidden fill that ended its order looks like a cancel by the venue.
https://developers.binance.com/docs/binance-spot-api-docs/user-data-stream (read 2025).
"""

from __future__ import annotations

import msgspec

from ganglion.messages.values import ZERO
from ganglion.simulation.venue.core import Seen
from ganglion.simulation.venue.dialects.binance import render
from ganglion.simulation.venue.events import Accepted, BalanceChanged, Canceled, Event, Expired, Fill
from ganglion.simulation.venue.orders import Order, OrderStatus
from ganglion.simulation.venue.wire import Connection, Hub


class UserStreams:
    """Who listens to which account."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._listeners: dict[str, dict[int, tuple[Connection, int]]] = {}
        self._executions = 0
        hub.venue.listeners.append(self.on_events)

    def subscribe(self, connection: Connection, account: str) -> int:
        """Send the account's reports to the connection from now on; the subscription's number."""
        subscription = len(connection.subscriptions)
        connection.account = account
        connection.subscriptions[f"user:{account}"] = None
        self._listeners.setdefault(account, {})[connection.id] = (connection, subscription)
        return subscription

    def forget(self, connection: Connection) -> None:
        """A connection is gone, or wants no more reports."""
        for listeners in self._listeners.values():
            listeners.pop(connection.id, None)
        connection.subscriptions.clear()

    def terminate(self, connection: Connection) -> None:
        """End a connection's user stream with the venue's word for it; the socket stays open."""
        event = f'{{"e":"eventStreamTerminated","E":{self._hub.venue.now_ms()}}}'
        for number, name in enumerate(list(connection.subscriptions)):
            if name.startswith("user:"):
                connection.put(f'{{"subscriptionId":{number},"event":{event}}}')
        self.forget(connection)

    def on_events(self, events: list[Event]) -> None:
        """Tell every account what concerns it: its orders in order of events, then its balances in one report."""
        changed: dict[str, list[BalanceChanged]] = {}
        hidden: set[str] = set()
        for event in events:
            if isinstance(event, BalanceChanged):
                if self._listeners.get(event.account):
                    changed.setdefault(event.account, []).append(event)
            elif isinstance(event, Fill):
                for name, order_id, maker in (
                    (event.taker_account, event.taker_order_id, False),
                    (event.maker_account, event.maker_order_id, True),
                ):
                    if self._listeners.get(name) and self._fill(name, order_id, event, maker=maker):
                        hidden.add(name)
            elif isinstance(event, Accepted | Canceled | Expired) and self._listeners.get(event.account):
                self._lifecycle(event)
        for name, balances in changed.items():
            if name not in hidden:
                self._send(name, _position(balances, self._hub.venue.now_ms()))

    def _lifecycle(self, event: Accepted | Canceled | Expired) -> None:
        order = self._hub.venue.engine.accounts[event.account].orders[event.symbol, event.order_id]
        if isinstance(event, Accepted):
            seen = Seen(ZERO, ZERO, OrderStatus.NEW)
            report = self._report(order, seen, "NEW", event.time_ms)
        elif isinstance(event, Canceled):
            report = self._report(order, self._hub.venue.seen(order), "CANCELED", event.time_ms)
            report["c"], report["C"] = event.cancel_id, event.client_id
        else:
            kind = "TRADE_PREVENTION" if order.status is OrderStatus.EXPIRED_SELF_TRADE else "EXPIRED"
            report = self._report(order, self._hub.venue.seen(order), kind, event.time_ms)
        self._send(event.account, report)

    def _fill(self, name: str, order_id: int, fill: Fill, *, maker: bool) -> bool:
        """Report a fill to one of its sides, unless it is hidden; whether it was."""
        venue = self._hub.venue
        order = venue.engine.accounts[name].orders[fill.symbol, order_id]
        filled = fill.maker_filled if maker else fill.taker_filled
        done = order.status is OrderStatus.FILLED and filled == order.filled
        hidden = venue.hidden_amounts(order, fill.trade_id)
        status = OrderStatus.FILLED if done and hidden == (ZERO, ZERO) else OrderStatus.PARTIALLY_FILLED
        quote = fill.maker_quote_filled if maker else fill.taker_quote_filled
        seen = Seen(filled - hidden[0], quote - hidden[1], status)
        if venue.is_hidden(name, fill):
            if done:
                self._send(name, self._report(order, venue.seen(order), "CANCELED", fill.time_ms))
            return True
        report = self._report(order, seen, "TRADE", fill.time_ms)
        report.update(
            {
                "l": render.money(fill.quantity),
                "L": render.money(fill.price),
                "Y": render.money(fill.quote),
                "n": render.money(fill.maker_fee if maker else fill.taker_fee),
                "N": fill.maker_fee_asset if maker else fill.taker_fee_asset,
                "t": fill.trade_id,
                "m": maker,
            },
        )
        self._send(name, report)
        if done and hidden != (ZERO, ZERO):
            self._send(name, self._report(order, venue.seen(order), "CANCELED", fill.time_ms))
        return False

    def _report(self, order: Order, seen: Seen, execution: str, time_ms: int) -> render.Json:
        self._executions += 1
        market = self._hub.venue.engine.markets[order.symbol]
        return {
            "e": "executionReport",
            "E": self._hub.venue.now_ms(),
            "s": market.wire_id,
            "c": order.client_id,
            "S": render.side_name(order.side),
            "o": render.type_name(order),
            "f": str(order.time_in_force),
            "q": render.money(order.quantity),
            "p": render.money(order.price or ZERO),
            "P": "0.00000000",
            "F": "0.00000000",
            "g": -1,
            "C": "",
            "x": execution,
            "X": render.STATUS[seen.status],
            "r": "NONE",
            "i": order.id,
            "l": "0.00000000",
            "z": render.money(seen.filled),
            "L": "0.00000000",
            "n": "0",
            "N": None,
            "T": time_ms,
            "t": -1,
            "I": self._executions,
            "w": seen.status.is_open,
            "m": False,
            "M": False,
            "O": order.created_ms,
            "Z": render.money(seen.quote_filled),
            "Y": "0.00000000",
            "Q": render.money(order.quote_quantity or ZERO),
            "W": order.created_ms,
            "V": order.self_trade.upper(),
        }

    def _send(self, account: str, event: render.Json) -> None:
        text = msgspec.json.encode(event).decode()
        trade = event.get("t")
        number = trade if isinstance(trade, int) and trade >= 0 else None
        for connection, subscription in list(self._listeners[account].values()):
            wrapped = f'{{"subscriptionId":{subscription},"event":{text}}}'
            connection.send("user", wrapped, number, number, account)


def _position(balances: list[BalanceChanged], now_ms: int) -> render.Json:
    return {
        "e": "outboundAccountPosition",
        "E": now_ms,
        "u": now_ms,
        "B": [{"a": event.asset, "f": render.money(event.free), "l": render.money(event.locked)} for event in balances],
    }
