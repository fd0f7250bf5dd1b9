"""Kraken's private endpoints that change something: add, amend, edit, cancel, the dead man's switch.

REST (`rest.py`) and the socket (`sockets.py`) call the same handlers, after they have checked who asks. Without I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.dialects.kraken import render
from ganglion.simulation.venue.dialects.kraken.errors import (
    DEADLINE,
    UNKNOWN_ORDER,
    ApiError,
    from_rejected,
    invalid,
)
from ganglion.simulation.venue.dialects.kraken.names import Pair
from ganglion.simulation.venue.dialects.kraken.params import Params, wire_time
from ganglion.simulation.venue.dialects.kraken.public import PublicApi
from ganglion.simulation.venue.events import Event, Rejected
from ganglion.simulation.venue.orders import FeeAsset, NewOrder, Order, SelfTrade

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_TYPES = {"limit": OrderType.LIMIT, "market": OrderType.MARKET}
_SELF_TRADES = {
    "cancel-newest": SelfTrade.EXPIRE_TAKER,
    "cancel-oldest": SelfTrade.EXPIRE_MAKER,
    "cancel-both": SelfTrade.EXPIRE_BOTH,
}
_FLAGS = frozenset({"post", "fcib", "fciq", "nompp", "viqc"})
_LONGEST_TIMEOUT_S = 86_400
_AMENDMENTS = 36**8
"""Ids of amendments look like those of trades: theirs begin where no trade's number comes to."""


class TradingApi:
    """Answers one account's commands; the account is handed in, already known to be who it says."""

    def __init__(self, venue: Venue, public: PublicApi) -> None:
        self._venue = venue
        self._public = public
        self._generated = 0
        self._switches: dict[str, int] = {}
        """When everything of an account is canceled, unless it says something before."""

    # --- orders

    def add(self, account: Account, params: Params) -> render.Json:
        """POST AddOrder; with `validate` everything is checked and nothing is sent to the engine."""
        pair = self._public.pair(params)
        command = self._command(account, pair, params)
        if not params.check_deadline(self._venue.now_ms()):
            raise ApiError(DEADLINE)
        if params.flag("validate"):
            return {"descr": {"order": render.description(Order(command, account, 0, 0), pair)}}
        _refuse(self._venue.place(command))
        order = account.by_client_id[pair.market.symbol, command.client_id]
        return {
            "descr": {"order": render.description(order, pair)},
            "txid": [self._public.pairs.order_id(order.symbol, order.id)],
        }

    def cancel(self, account: Account, params: Params) -> render.Json:
        """POST CancelOrder, by `txid` (an order id or a userref) or by `cl_ord_id`; how many it ended."""
        orders = self.named_orders(account, params)
        for order in orders:
            _refuse(self._venue.cancel(account.name, order.symbol, order_id=order.id))
        return {"count": len(orders)}

    def cancel_all(self, account: Account, _params: Params) -> render.Json:
        """POST CancelAll."""
        return {"count": self._cancel_all(account)}

    def cancel_all_after(self, account: Account, params: Params) -> render.Json:
        """POST CancelAllOrdersAfter: the dead man's switch, in seconds; 0 disarms it."""
        timeout_s = params.integer("timeout")
        if timeout_s is None or not 0 <= timeout_s <= _LONGEST_TIMEOUT_S:
            raise invalid("timeout")
        now_ms = self._venue.now_ms()
        if timeout_s == 0:
            self._switches.pop(account.name, None)
            return {"currentTime": _second(now_ms), "triggerTime": "0"}
        self._switches[account.name] = now_ms + timeout_s * 1000
        return {"currentTime": _second(now_ms), "triggerTime": _second(now_ms + timeout_s * 1000)}

    def trip_switches(self) -> None:
        """Cancel everything of the accounts whose switch was not pressed in time."""
        now_ms = self._venue.now_ms()
        for name in [name for name, at_ms in self._switches.items() if at_ms <= now_ms]:
            del self._switches[name]
            self._cancel_all(self._venue.engine.accounts[name])

    def edit(self, account: Account, params: Params) -> render.Json:
        """POST EditOrder: cancel an order and place another like it, which gets an id of its own."""
        pair = self._public.pair(params)
        (old,) = self.named_orders(account, params)[:1]
        values = {
            "pair": pair.id,
            "type": render.side_name(old.side),
            "ordertype": "limit" if old.type is OrderType.LIMIT else "market",
            "volume": params.optional("volume") or str(old.quantity),
            "price": params.optional("price") or str(old.price),
            "oflags": params.optional("oflags") or render.flags(old),
            "userref": params.optional("userref") or str(old.reference),
        }
        if not params.check_deadline(self._venue.now_ms()):
            raise ApiError(DEADLINE)
        replacement = Params(values)
        self._command(account, pair, replacement)
        _refuse(self._venue.cancel(account.name, old.symbol, order_id=old.id))
        placed = self.add(account, replacement)
        return {
            "status": "ok",
            "txid": placed["txid"][0] if isinstance(placed["txid"], list) else "",
            "originaltxid": self._public.pairs.order_id(old.symbol, old.id),
            "descr": placed["descr"],
            "volume": values["volume"],
            "price": values["price"],
            "orders_cancelled": 1,
        }

    def amend(self, account: Account, params: Params) -> render.Json:
        """POST AmendOrder: change an open order in place; it keeps its id and what it filled."""
        (order,) = self.named_orders(account, params)[:1]
        if not params.check_deadline(self._venue.now_ms()):
            raise ApiError(DEADLINE)
        quantity, price = params.amount("order_qty"), params.amount("limit_price")
        if quantity is None and price is None:
            raise invalid("order_qty")
        post_only = params.flag("post_only")
        _refuse(
            self._venue.amend(
                account.name,
                order.symbol,
                order_id=order.id,
                quantity=quantity,
                price=price,
                post_only=post_only,
            ),
        )
        self._generated += 1
        return {"amend_id": self._public.pairs.trade_id(order.symbol, _AMENDMENTS + self._generated)}

    # --- finding

    def named_orders(self, account: Account, params: Params) -> list[Order]:
        """The open orders that a request names by `txid` or `cl_ord_id`; several only for a userref.

        Raises:
            ApiError: EGeneral:Invalid arguments without a name, EOrder:Unknown order when none is open.
        """
        client_id, txid = params.optional("cl_ord_id"), params.optional("txid")
        if client_id is not None:
            found = account.open_client_ids.get(client_id)
            orders = [] if found is None else [found]
        elif txid is None:
            raise invalid("txid")
        elif txid.removeprefix("-").isdecimal():
            orders = [order for order in account.open.values() if order.reference == int(txid)]
        else:
            key = self._public.pairs.read_id(txid)
            found = None if key is None else account.open.get(key)
            orders = [] if found is None else [found]
        if not orders:
            raise ApiError(UNKNOWN_ORDER)
        return orders

    # --- reading commands

    def _command(self, account: Account, pair: Pair, params: Params) -> NewOrder:
        side, kind = params.choice("type", _SIDES), params.choice("ordertype", _TYPES)
        flags = set(filter(None, (params.optional("oflags") or "").split(",")))
        if flags - _FLAGS or {"fcib", "fciq"} <= flags:
            raise invalid("oflags")
        volume, price = params.amount("volume"), params.amount("price")
        is_limit = kind is OrderType.LIMIT
        if not volume:
            raise invalid("volume")
        if is_limit and not price:
            raise invalid("price")
        if (not is_limit and flags & {"post"}) or (is_limit and flags & {"viqc"}):
            raise invalid("oflags")
        time_in_force, expires_ms = self._time_in_force(params)
        if is_limit and price is not None:
            _check_decimals(price, pair)
        in_quote = "viqc" in flags
        return NewOrder(
            account=account.name,
            symbol=pair.market.symbol,
            side=side,
            type=kind,
            client_id=params.client_id() or self._generate(),
            quantity=None if in_quote else volume,
            price=price if is_limit else None,
            quote_quantity=volume if in_quote else None,
            time_in_force=time_in_force,
            post_only="post" in flags,
            self_trade=_self_trade(params),
            fee_asset=FeeAsset.BASE if "fcib" in flags else FeeAsset.QUOTE,
            reference=params.reference() or 0,
            expires_ms=expires_ms,
        )

    def _time_in_force(self, params: Params) -> tuple[TimeInForce, int | None]:
        given = (params.optional("timeinforce") or "GTC").upper()
        if given in {"GTC", "IOC", "FOK"}:
            return TimeInForce(given), None
        if given != "GTD":
            raise invalid("timeinforce")
        text = params.text("expiretm")
        now_ms = self._venue.now_ms()
        if text.startswith("+") and text[1:].isdecimal():
            return TimeInForce.GTC, now_ms + int(text[1:]) * 1000
        expires_ms = params.seconds_ms("expiretm")
        if expires_ms is None or expires_ms <= now_ms:
            raise invalid("expiretm")
        return TimeInForce.GTC, expires_ms

    def _cancel_all(self, account: Account) -> int:
        orders = list(account.open.values())
        for order in orders:
            self._venue.cancel(account.name, order.symbol, order_id=order.id)
        return len(orders)

    def _generate(self) -> str:
        """An engine's client id for an order without: unique in this life and across restarts."""
        self._generated += 1
        return f"{render.VENUE_MADE}{self._venue.started_ms:x}{self._generated:08x}"


def _check_decimals(price: Decimal, pair: Pair) -> None:
    places = render.decimals_of(pair.market.tick)
    if render.decimals_of(price) > places:
        text = f"{pair.altname} price can only be specified up to {places} decimals."
        raise ApiError(f"EOrder:Invalid price:{text}")


def _self_trade(params: Params) -> SelfTrade:
    given = params.optional("stptype") or "cancel-newest"
    if given not in _SELF_TRADES:
        raise invalid("stptype")
    return _SELF_TRADES[given]


def _refuse(events: list[Event]) -> None:
    if events and isinstance(events[0], Rejected):
        raise from_rejected(events[0])


def _second(time_ms: int) -> str:
    return wire_time(time_ms // 1000 * 1000)[:19] + "Z"


Command = Callable[[Account, Params], render.Json]
"""A handler of a private request."""
