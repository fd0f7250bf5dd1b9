"""Kraken's private endpoints that only read: balances, orders, own trades, fees, the key, tokens. Without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from ganglion.messages.values import ZERO
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.dialects.kraken import render
from ganglion.simulation.venue.dialects.kraken.errors import BAD_ARGUMENTS, ApiError, invalid
from ganglion.simulation.venue.dialects.kraken.names import Pair
from ganglion.simulation.venue.dialects.kraken.params import Params, start_time, wire_time
from ganglion.simulation.venue.dialects.kraken.public import PublicApi
from ganglion.simulation.venue.dialects.kraken.signing import TOKEN_S, Keys
from ganglion.simulation.venue.events import Fill
from ganglion.simulation.venue.faults import FaultKind, FaultTable
from ganglion.simulation.venue.orders import Order

PAGE = 50
"""Entries of a list per answer."""
_QUERY_MOST = 50
PERMISSIONS = (
    "query-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "get-websockets-token",
)
"""Of every key here: it trades and reads, and never withdraws."""


@dataclass(slots=True)
class Fills:
    """An account's own fills by order, as it may see them, for the length of one request."""

    venue: Venue
    account: Account
    _by_order: dict[str, dict[int, list[Fill]]] = field(default_factory=dict)

    def of(self, order: Order) -> list[Fill]:
        """The order's fills, oldest first."""
        if order.symbol not in self._by_order:
            found = self._by_order[order.symbol] = {}
            for fill in self.venue.seen_fills(self.account, order.symbol):
                found.setdefault(render.own_order(fill, self.account), []).append(fill)
        return self._by_order[order.symbol].get(order.id, [])


class AccountApi:
    """Answers one account's questions; the account is handed in, already known to be who it says."""

    def __init__(self, venue: Venue, public: PublicApi, faults: FaultTable, keys: Keys) -> None:
        self._venue = venue
        self._public = public
        self._pairs = public.pairs
        self._faults = faults
        self._keys = keys

    def balance(self, account: Account, _params: Params) -> render.Json:
        """POST Balance."""
        return {} if self._is_empty(account) else render.balances(account)

    def balance_ex(self, account: Account, _params: Params) -> render.Json:
        """POST BalanceEx."""
        return {} if self._is_empty(account) else render.balances_with_holds(account)

    def open_orders(self, account: Account, params: Params) -> render.Json:
        """POST OpenOrders: all of them."""
        if self._is_empty(account):
            return {"open": {}}
        chosen = [order for order in account.open.values() if self._matches(order, params)]
        chosen.reverse()
        return {"open": self._orders(account, chosen, trades=params.flag("trades"))}

    def closed_orders(self, account: Account, params: Params) -> render.Json:
        """POST ClosedOrders: fifty from `ofs` on, those that ended last first; `start` and `end` are close times."""
        if self._is_empty(account):
            return {"closed": {}, "count": 0}
        closed = [order for order in account.orders.values() if not order.status.is_open]
        times = {self._pairs.order_id(order.symbol, order.id): order.created_ms for order in closed}
        start_ms, end_ms = start_time(params, "start", times), start_time(params, "end", times)
        by_open = params.optional("closetime") == "open"
        when = {order: order.created_ms if by_open else order.updated_ms for order in closed}
        chosen = [
            order
            for order in closed
            if self._matches(order, params)
            and (start_ms is None or when[order] > start_ms)
            and (end_ms is None or when[order] <= end_ms)
        ]
        chosen.sort(key=lambda order: (when[order], order.id), reverse=True)
        first = params.integer("ofs") or 0
        page = chosen[first : first + PAGE]
        return {"closed": self._orders(account, page, trades=params.flag("trades")), "count": len(chosen)}

    def query_orders(self, account: Account, params: Params) -> render.Json:
        """POST QueryOrders: up to fifty by id; ids that are nobody's are left out."""
        ids = params.text("txid").split(",")
        if len(ids) > _QUERY_MOST:
            raise ApiError(BAD_ARGUMENTS)
        keys = [self._pairs.read_id(text) for text in ids]
        if None in keys:
            raise ApiError("EOrder:Invalid order")
        found = [order for key in keys if key is not None and (order := account.orders.get(key)) is not None]
        chosen = [order for order in found if self._matches(order, params)]
        if self._is_empty(account):
            chosen = []
        return self._orders(account, chosen, trades=params.flag("trades"))

    def trades_history(self, account: Account, params: Params) -> render.Json:
        """POST TradesHistory: fifty from `ofs` on, the newest first; after `start`, up to `end`."""
        if self._is_empty(account):
            return {"trades": {}, "count": 0}
        fills = [fill for symbol in account.fills for fill in self._venue.seen_fills(account, symbol)]
        times = {self._pairs.trade_id(fill.symbol, fill.trade_id): fill.time_ms for fill in fills}
        start_ms, end_ms = start_time(params, "start", times), start_time(params, "end", times)
        chosen = [
            fill
            for fill in fills
            if (start_ms is None or fill.time_ms > start_ms) and (end_ms is None or fill.time_ms <= end_ms)
        ]
        chosen.sort(key=lambda fill: (fill.time_ms, fill.symbol, fill.trade_id), reverse=True)
        first = params.integer("ofs") or 0
        return {"trades": self._trades(account, chosen[first : first + PAGE]), "count": len(chosen)}

    def query_trades(self, account: Account, params: Params) -> render.Json:
        """POST QueryTrades: up to twenty by id."""
        wanted = set(params.text("txid").split(","))
        fills = [fill for symbol in account.fills for fill in self._venue.seen_fills(account, symbol)]
        named = [fill for fill in fills if self._pairs.trade_id(fill.symbol, fill.trade_id) in wanted]
        return self._trades(account, named)

    def trade_volume(self, account: Account, params: Params) -> render.Json:
        """POST TradeVolume: the fees of the pairs named."""
        chosen = [self._public.pair(params)] if params.optional("pair") else []
        return {
            "currency": "ZUSD",
            "volume": render.fixed(sum((fill.quote for fills in account.fills.values() for fill in fills), ZERO)),
            "fees": {pair.id: _fee(pair, maker=False) for pair in chosen},
            "fees_maker": {pair.id: _fee(pair, maker=True) for pair in chosen},
        }

    def key_info(self, account: Account, _params: Params) -> render.Json:
        """POST GetApiKeyInfo: what the key may do; never withdraw."""
        opened = wire_time(self._venue.started_ms)
        return {
            "api_key_name": account.name,
            "api_key": account.name,
            "nonce": str(self._keys.last_nonce(account.name)),
            "nonce_window": 0,
            "permissions": list(PERMISSIONS),
            "valid_until": "0",
            "query_from": "0",
            "query_to": "0",
            "created_time": opened,
            "modified_time": opened,
            "ip_allowlist": [],
            "last_used": wire_time(self._venue.now_ms()),
        }

    def websockets_token(self, account: Account, _params: Params) -> render.Json:
        """POST GetWebSocketsToken."""
        return {"token": self._keys.give_token(account.name, self._venue.now_ms()), "expires": TOKEN_S}

    # --- parts

    def _orders(self, account: Account, chosen: list[Order], *, trades: bool) -> render.Json:
        fills = Fills(self._venue, account)
        answer: render.Json = {}
        for order in chosen:
            own, pair = fills.of(order), self._pairs.by_symbol[order.symbol]
            if self._is_hidden(order):
                continue
            ids = [self._pairs.trade_id(fill.symbol, fill.trade_id) for fill in own] if trades else None
            shown = render.order(order, self._venue.seen(order), pair, own, ids)
            answer[self._pairs.order_id(order.symbol, order.id)] = shown
        return answer

    def _trades(self, account: Account, fills: list[Fill]) -> render.Json:
        own = {(fill.symbol, render.own_order(fill, account)): None for fill in fills}
        hidden = {key for key in own if self._is_hidden(account.orders[key])}
        fills = [fill for fill in fills if (fill.symbol, render.own_order(fill, account)) not in hidden]
        return {
            self._pairs.trade_id(fill.symbol, fill.trade_id): render.trade(
                fill, account, self._pairs.by_symbol[fill.symbol], self._pairs
            )
            for fill in fills
        }

    def _matches(self, order: Order, params: Params) -> bool:
        """Whether an order is one of those that `userref` and `cl_ord_id` ask for."""
        reference, client_id = params.reference(), params.client_id()
        if reference is not None and client_id is not None:
            raise invalid("userref")
        return reference in {None, order.reference} and client_id in {None, order.client_id}

    def _is_hidden(self, order: Order) -> bool:
        return self._faults.hides_order(order.account.name, order.client_id, self._venue.now_ms())

    def _is_empty(self, account: Account) -> bool:
        return self._faults.strikes(FaultKind.EMPTY_ACCOUNT, account.name, self._venue.now_ms())


def _fee(pair: Pair, *, maker: bool) -> render.Json:
    rate = pair.market.maker_fee if maker else pair.market.taker_fee
    fee = render.fixed(rate * 100, 4)
    return {"fee": fee, "minfee": fee, "maxfee": fee, "nextfee": None, "tiervolume": None, "nextvolume": None}
