"""Kraken over REST: routes, who may ask and what it costs; every request goes through the gate (`gate.py`).

Public requests are GETs with a query; private ones are POSTs with a form (or JSON) that holds the nonce.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.answers import Answer
from ganglion.simulation.venue.dialects.kraken.account import AccountApi
from ganglion.simulation.venue.dialects.kraken.errors import UNKNOWN_METHOD, ApiError
from ganglion.simulation.venue.dialects.kraken.limits import Limits
from ganglion.simulation.venue.dialects.kraken.manners import error as refusal
from ganglion.simulation.venue.dialects.kraken.params import Params
from ganglion.simulation.venue.dialects.kraken.public import PublicApi
from ganglion.simulation.venue.dialects.kraken.signing import Keys
from ganglion.simulation.venue.dialects.kraken.trading import Command, TradingApi
from ganglion.simulation.venue.faults import RequestKind
from ganglion.simulation.venue.gate import Asked, Gate
from ganglion.simulation.venue.wire import Hub, RequestEntry

PublicHandler = Callable[[Params], object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class KrakenRest:
    """The REST side of the dialect."""

    def __init__(
        self,
        hub: Hub,
        gate: Gate,
        public: PublicApi,
        trading: TradingApi,
        account: AccountApi,
        keys: Keys,
    ) -> None:
        self._hub = hub
        self._gate = gate
        self._public = public
        self._trading = trading
        self._account = account
        self._keys = keys
        self.limits = Limits(hub)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put every endpoint on the server."""
        public = self._public
        for name, open_handler in (
            ("Time", public.time),
            ("SystemStatus", public.system_status),
            ("Assets", public.assets),
            ("AssetPairs", public.asset_pairs),
            ("Ticker", public.ticker),
            ("Depth", public.depth),
            ("Trades", public.trades),
            ("OHLC", public.ohlc),
            ("Spread", public.spread),
        ):
            router.add_get(f"/0/public/{name}", self._open(open_handler))
        for name, kind, cost, handler in self._private_routes():
            router.add_post(f"/0/private/{name}", self._private(kind, cost, handler))
        router.add_get("/0/{tail:.*}", self._open(_no_method))
        router.add_post("/0/{tail:.*}", self._open(_no_method))

    def _private_routes(self) -> tuple[tuple[str, RequestKind, float, Command], ...]:
        trading, account = self._trading, self._account
        return (
            ("AddOrder", "place", 0, self.limited_place(trading.add)),
            ("AmendOrder", "place", 0, self.limited_change(trading.amend)),
            ("EditOrder", "place", 0, self.limited_change(trading.edit)),
            ("CancelOrder", "cancel", 0, self.limited_cancel(trading.cancel)),
            ("CancelAll", "cancel", 1, trading.cancel_all),
            ("CancelAllOrdersAfter", "cancel", 1, trading.cancel_all_after),
            ("Balance", "query", 1, account.balance),
            ("BalanceEx", "query", 1, account.balance_ex),
            ("OpenOrders", "query", 1, account.open_orders),
            ("ClosedOrders", "query", 1, account.closed_orders),
            ("QueryOrders", "query", 1, account.query_orders),
            ("TradesHistory", "query", 2, account.trades_history),
            ("QueryTrades", "query", 1, account.query_trades),
            ("TradeVolume", "query", 1, account.trade_volume),
            ("GetApiKeyInfo", "query", 1, account.key_info),
            ("GetWebSocketsToken", "query", 1, account.websockets_token),
        )

    # --- limits of orders

    def limited_place(self, handler: Command) -> Command:
        """A handler that places on a pair it names."""

        def limited(account: Account, params: Params) -> dict[str, object]:
            self.limits.order(account.name, self._public.pair(params).market.symbol)
            return handler(account, params)

        return limited

    def limited_change(self, handler: Command) -> Command:
        """A handler that changes an open order."""

        def limited(account: Account, params: Params) -> dict[str, object]:
            for order in self._trading.named_orders(account, params)[:1]:
                self.limits.order(account.name, order.symbol)
            return handler(account, params)

        return limited

    def limited_cancel(self, handler: Command) -> Command:
        """A handler that cancels open orders."""

        def limited(account: Account, params: Params) -> dict[str, object]:
            for order in self._trading.named_orders(account, params):
                age_ms = self._hub.venue.now_ms() - order.created_ms
                self.limits.cancel(account.name, order.symbol, age_ms)
            return handler(account, params)

        return limited

    # --- the way of a request

    def _open(self, handler: PublicHandler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            values = dict(parse_qsl(request.query_string, keep_blank_values=True))

            def answer(entry: RequestEntry) -> Answer:
                return run(lambda: handler(Params(values)), entry)

            return await self._gate.serve(request, asked("market", "", values), answer)

        return handle

    def _private(self, kind: RequestKind, cost: float, handler: Command) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = (await request.read()).decode("utf-8", errors="replace")
            values = form_of(body)
            key = request.headers.get("API-Key")

            def work() -> object:
                signature, nonce = request.headers.get("API-Sign"), values.get("nonce", "")
                name = self._keys.check(key, signature, request.raw_path, nonce, body)
                if cost:
                    self.limits.request(name, cost)
                return handler(self._hub.venue.engine.accounts[name], Params(values))

            return await self._gate.serve(request, asked(kind, key or "", values), lambda entry: run(work, entry))

        return handle


def form_of(body: str) -> dict[str, str]:
    """A private request's parameters, from a form or from JSON."""
    if not body.startswith("{"):
        return dict(parse_qsl(body, keep_blank_values=True))
    try:
        found = json.loads(body)
    except json.JSONDecodeError:
        return {}
    return {name: str(value) for name, value in found.items()}


def asked(kind: RequestKind, account: str, values: dict[str, str]) -> Asked:
    """What a request is about, for the gate."""
    client_id, order_id = values.get("cl_ord_id", ""), values.get("txid", "")
    return Asked(kind, account, values.get("pair", ""), client_id, order_id)


def run(work: Callable[[], object], entry: RequestEntry) -> Answer:
    """Run a handler: its result in Kraken's envelope, or its refusal, which is a 200 too."""
    try:
        result = work()
    except ApiError as error:
        entry.code = -1
        return refusal(200, -1, error.text)
    entry.applied = True
    if isinstance(result, dict) and isinstance(result.get("txid"), list):
        entry.order_id = entry.order_id or str(result["txid"][0])
    return Answer(200, msgspec.json.encode({"error": [], "result": result}))


def _no_method(_params: Params) -> object:
    raise ApiError(UNKNOWN_METHOD)
