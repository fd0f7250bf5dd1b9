"""Kraken's private channels, executions and balances: what an account is told as events happen.

As on the venue, only the first report of an order names its market and terms; later ones carry ids and what changed.
Every report is a frame of its own. Fills that a fault hides are left out; a hidden fill that ended its order looks
like a cancel by the venue.
https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/executions and .../balances (read 2025).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ganglion.messages.values import ZERO, OrderType
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.core import Seen
from ganglion.simulation.venue.dialects.kraken import render
from ganglion.simulation.venue.dialects.kraken.frames import encode, number, price_of
from ganglion.simulation.venue.dialects.kraken.names import Pairs
from ganglion.simulation.venue.dialects.kraken.params import wire_time
from ganglion.simulation.venue.dialects.kraken.render import Json
from ganglion.simulation.venue.events import Accepted, Amended, BalanceChanged, Canceled, Event, Expired, Fill
from ganglion.simulation.venue.orders import Order, OrderStatus
from ganglion.simulation.venue.wire import Connection, Hub

EXECUTIONS, BALANCES = "executions", "balances"
_TRADES = 50
_WS_STATUS = {
    OrderStatus.NEW: "new",
    OrderStatus.PARTIALLY_FILLED: "partially_filled",
    OrderStatus.FILLED: "filled",
}


@dataclass(slots=True)
class Listener:
    """One private channel of one connection."""

    connection: Connection
    sequence: int = 0


class UserStreams:
    """Who listens to which account's channels."""

    def __init__(self, hub: Hub, pairs: Pairs) -> None:
        self._hub = hub
        self._pairs = pairs
        self._listeners: dict[tuple[str, str], dict[int, Listener]] = {}
        self._totals: dict[tuple[str, str], Decimal] = {}
        self._entries = 0
        hub.venue.listeners.append(self.on_events)

    # --- subscriptions

    def subscribe(self, connection: Connection, account: str, channel: str) -> None:
        """Send the account's channel to the connection from now on."""
        connection.account = account
        connection.subscriptions[channel] = None
        self._listeners.setdefault((account, channel), {})[connection.id] = Listener(connection)
        for asset, balance in self._account(account).balances.items():
            self._totals.setdefault((account, asset), balance.total)

    def begin(self, connection: Connection, account: str, channel: str, *, orders: bool, trades: bool) -> None:
        """Send what a channel begins with; the acknowledgement is out."""
        listener = self._listeners[account, channel][connection.id]
        if channel == BALANCES:
            self._send_one(listener, BALANCES, "snapshot", self._balances(account), account)
            return
        if orders:
            reports = [
                self._whole(order, self._hub.venue.seen(order)) for order in self._account(account).open.values()
            ]
            self._send_one(listener, EXECUTIONS, "snapshot", reports, account)
        if trades:
            own = self._account(account)
            fills = [fill for symbol in own.fills for fill in self._hub.venue.seen_fills(own, symbol)]
            fills.sort(key=lambda fill: fill.time_ms)
            found = [self._traded(own, fill) for fill in fills[-_TRADES:]]
            if found:
                self._send_one(listener, EXECUTIONS, "snapshot", found, account)

    def unsubscribe(self, connection: Connection, channel: str) -> bool:
        """Stop sending a channel to the connection; whether it was."""
        connection.subscriptions.pop(channel, None)
        found = False
        for (_account, named), listeners in self._listeners.items():
            if named == channel and listeners.pop(connection.id, None) is not None:
                found = True
        return found

    def forget(self, connection: Connection) -> None:
        """A connection is gone, or hears no more; Kraken has no word for that."""
        for channel in (EXECUTIONS, BALANCES):
            self.unsubscribe(connection, channel)

    # --- what makes frames

    def on_events(self, events: list[Event]) -> None:
        """Tell every account what concerns it: its orders in order of events, then the balances that changed."""
        changed: dict[str, list[BalanceChanged]] = {}
        hidden: set[str] = set()
        for event in events:
            if isinstance(event, BalanceChanged):
                changed.setdefault(event.account, []).append(event)
            elif isinstance(event, Fill):
                for name, order_id in (
                    (event.taker_account, event.taker_order_id),
                    (event.maker_account, event.maker_order_id),
                ):
                    if self._listeners.get((name, EXECUTIONS)) and self._fill(name, order_id, event):
                        hidden.add(name)
            elif isinstance(event, Accepted | Amended | Canceled | Expired):
                self._lifecycle(event)
        for name, balances in changed.items():
            self._balances_changed(name, balances, tell=name not in hidden)

    def _lifecycle(self, event: Accepted | Amended | Canceled | Expired) -> None:
        if not self._listeners.get((event.account, EXECUTIONS)):
            return
        order = self._account(event.account).orders[event.symbol, event.order_id]
        seen = self._hub.venue.seen(order)
        if isinstance(event, Accepted):
            fresh = Seen(ZERO, ZERO, OrderStatus.NEW)
            self._report(event.account, self._whole(order, fresh, "pending_new"))
            self._report(event.account, self._sparse(order, event.time_ms, "new", "new"))
        elif isinstance(event, Amended):
            self._report(event.account, self._amended(order, seen, event.time_ms))
        else:
            self._report(event.account, self._ended(order, seen, event.time_ms))

    def _fill(self, name: str, order_id: int, fill: Fill) -> bool:
        """Report a fill to one of its sides, unless it is hidden; whether it was."""
        venue = self._hub.venue
        order = self._account(name).orders[fill.symbol, order_id]
        filled = fill.maker_filled if fill.maker_account == name else fill.taker_filled
        done = order.status is OrderStatus.FILLED and filled == order.filled
        hidden = venue.hidden_amounts(order, fill.trade_id) != (ZERO, ZERO)
        if not venue.is_hidden(name, fill):
            report = self._traded(self._account(name), fill)
            report["order_status"] = "filled" if done and not hidden else "partially_filled"
            self._report(name, report, fill.trade_id)
        if done:
            self._report(name, self._ended(order, venue.seen(order), fill.time_ms))
        return venue.is_hidden(name, fill)

    # --- reports of orders

    def _ids(self, order: Order) -> Json:
        ids: Json = {"order_id": self._pairs.order_id(order.symbol, order.id)}
        if order.reference:
            ids["order_userref"] = order.reference
        client_id = render.client_id(order)
        if client_id is not None:
            ids["cl_ord_id"] = client_id
        return ids

    def _whole(self, order: Order, seen: Seen, execution: str = "new") -> Json:
        """Everything about an open order: its first report, and how a snapshot has it."""
        market = self._hub.venue.engine.markets[order.symbol]
        report: Json = {
            **self._ids(order),
            "symbol": order.symbol,
            "order_qty": number(order.quantity),
            "cum_cost": number(seen.quote_filled),
            "cum_qty": number(seen.filled),
            "time_in_force": "GTD" if order.expires_ms is not None else str(order.time_in_force),
            "exec_type": execution,
            "side": render.side_name(order.side),
            "order_type": "limit" if order.type is OrderType.LIMIT else "market",
            "order_status": "pending_new" if execution == "pending_new" else _WS_STATUS.get(seen.status, "new"),
            "stop_price": Decimal("0.0"),
            "fee_usd_equiv": ZERO,
            "fee_ccy_pref": render.fee_flag(order),
            "timestamp": wire_time(order.created_ms),
        }
        if order.price is not None:
            report["limit_price_type"] = "static"
            report["limit_price"] = price_of(order.price, market)
        if order.post_only:
            report["post_only"] = True
        if execution == "pending_new":
            del report["cum_qty"]
        return report

    def _sparse(self, order: Order, time_ms: int, execution: str, status: str) -> Json:
        """What a later report always has: ids and status, and no market."""
        return {
            "timestamp": wire_time(time_ms),
            "order_status": status,
            "exec_type": execution,
            **self._ids(order),
        }

    def _sums(self, seen: Seen) -> Json:
        average = seen.quote_filled / seen.filled if seen.filled else ZERO
        return {
            "cum_qty": number(seen.filled),
            "cum_cost": number(seen.quote_filled),
            "fee_usd_equiv": ZERO,
            "avg_price": number(average),
        }

    def _amended(self, order: Order, seen: Seen, time_ms: int) -> Json:
        market = self._hub.venue.engine.markets[order.symbol]
        status = _WS_STATUS.get(seen.status, "new")
        return {
            **self._sparse(order, time_ms, "amended", status),
            "cum_qty": number(seen.filled),
            "reason": "User requested",
            "amended": True,
            "order_qty": number(order.quantity),
            "limit_price": price_of(order.price or ZERO, market),
            "limit_price_type": "static",
        }

    def _ended(self, order: Order, seen: Seen, time_ms: int) -> Json:
        if seen.status is OrderStatus.FILLED:
            return {**self._sparse(order, time_ms, "filled", "filled"), **self._sums(seen)}
        kind = "expired" if render.timed_out(order, seen) else "canceled"
        reason = render.reason(order, seen) or "User requested"
        report = {**self._sparse(order, time_ms, kind, kind), **self._sums(seen)}
        return {**report, "cancel_reason": reason, "reason": reason}

    def _traded(self, account: Account, fill: Fill) -> Json:
        order = account.orders[fill.symbol, render.own_order(fill, account)]
        maker = fill.maker_account == account.name
        return {
            **self._ids(order),
            "exec_id": self._pairs.trade_id(fill.symbol, fill.trade_id),
            "exec_type": "trade",
            "trade_id": fill.trade_id,
            "symbol": fill.symbol,
            "side": render.side_name(order.side),
            "last_qty": number(fill.quantity),
            "last_price": fill.price,
            "liquidity_ind": "m" if maker else "t",
            "cost": number(fill.quote),
            "order_status": "partially_filled",
            "order_type": "limit" if order.type is OrderType.LIMIT else "market",
            "fee_usd_equiv": ZERO,
            "fees": [
                {
                    "asset": fill.maker_fee_asset if maker else fill.taker_fee_asset,
                    "qty": number(render.own_fee(fill, account)),
                },
            ],
            "timestamp": wire_time(fill.time_ms),
        }

    # --- reports of balances

    def _balances(self, account: str) -> list[Json]:
        held = sorted(self._account(account).balances.items())
        return [
            {
                "asset": asset,
                "asset_class": "currency",
                "balance": number(balance.total),
                "wallets": [{"type": "spot", "id": "main", "balance": number(balance.total)}],
            }
            for asset, balance in held
        ]

    def _balances_changed(self, name: str, balances: list[BalanceChanged], *, tell: bool) -> None:
        """Tell totals that changed: what an order only locks is no change here."""
        entries: list[Json] = []
        for event in balances:
            total, key = event.free + event.locked, (name, event.asset)
            before = self._totals.get(key)
            if before is None or before == total:
                continue
            self._totals[key] = total
            self._entries += 1
            entries.append(
                {
                    "ledger_id": self._pairs.trade_id(event.asset, self._entries).replace("T", "L", 1),
                    "ref_id": self._pairs.trade_id(event.asset, self._entries),
                    "timestamp": wire_time(event.time_ms),
                    "type": "trade",
                    "asset": event.asset,
                    "asset_class": "currency",
                    "category": "trade",
                    "wallet_type": "spot",
                    "wallet_id": "main",
                    "amount": number(total - before),
                    "fee": ZERO,
                    "balance": number(total),
                },
            )
        if entries and tell:
            for listener in list(self._listeners.get((name, BALANCES), {}).values()):
                self._send_one(listener, BALANCES, "update", entries, name)

    # --- sending

    def _report(self, account: str, report: Json, trade_id: int | None = None) -> None:
        for listener in list(self._listeners.get((account, EXECUTIONS), {}).values()):
            self._send_one(listener, EXECUTIONS, "update", [report], account, trade_id)

    def _send_one(
        self,
        listener: Listener,
        channel: str,
        kind: str,
        data: list[Json],
        account: str,
        trade_id: int | None = None,
    ) -> None:
        listener.sequence += 1
        frame = {"channel": channel, "type": kind, "data": data, "sequence": listener.sequence}
        listener.connection.send("user", encode(frame), trade_id, trade_id, account)

    def _account(self, name: str) -> Account:
        return self._hub.venue.engine.accounts[name]
