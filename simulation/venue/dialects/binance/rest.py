"""Binance spot over REST: routes, who may ask and what it weighs; every request goes through the gate (`gate.py`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.answers import Answer
from ganglion.simulation.venue.dialects.binance import signing
from ganglion.simulation.venue.dialects.binance.errors import ApiError
from ganglion.simulation.venue.dialects.binance.params import Params
from ganglion.simulation.venue.dialects.binance.public import PublicApi
from ganglion.simulation.venue.dialects.binance.render import WEIGHT_PER_MINUTE
from ganglion.simulation.venue.dialects.binance.trading import TradingApi
from ganglion.simulation.venue.faults import RequestKind
from ganglion.simulation.venue.gate import Asked, Gate
from ganglion.simulation.venue.wire import Hub, RequestEntry

PublicHandler = Callable[[Params], object]
SignedHandler = Callable[[Account, Params], object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MINUTE_MS = 60_000


class Weights:
    """Request weight used in the running minute; one client address, so one count."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._minute = 0

    def add(self, weight: int) -> bool:
        """Count a request; whether it is within the venue's limit."""
        minute = self._hub.venue.now_ms() // MINUTE_MS
        if minute != self._minute:
            self._minute, self._hub.weight_used = minute, 0
        self._hub.weight_used += weight
        self._hub.weight_peak = max(self._hub.weight_peak, self._hub.weight_used)
        return self._hub.weight_used <= WEIGHT_PER_MINUTE or not self._hub.venue.settings.enforce_weight

    @property
    def retry_after_s(self) -> int:
        """Seconds until the minute is over."""
        return 60 - self._hub.venue.now_ms() % MINUTE_MS // 1000


class BinanceRest:
    """The REST side of the dialect."""

    def __init__(self, hub: Hub, gate: Gate, public: PublicApi, trading: TradingApi) -> None:
        self._hub = hub
        self._gate = gate
        self._weights = Weights(hub)
        self._public = public
        self._trading = trading

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put every endpoint on the server."""
        public, trading = self._public, self._trading
        for path, weight, open_handler in (
            ("ping", 1, public.ping),
            ("time", 1, public.time),
            ("exchangeInfo", 20, public.exchange_info),
            ("depth", 5, public.depth),
            ("trades", 25, public.trades),
            ("historicalTrades", 25, public.historical_trades),
            ("aggTrades", 4, public.aggregate_trades),
            ("klines", 2, public.klines),
            ("avgPrice", 2, public.average_price),
            ("ticker/24hr", 2, public.ticker_24hr),
            ("ticker/price", 2, public.ticker_price),
            ("ticker/bookTicker", 2, public.ticker_book),
        ):
            for version in ("v3", "v1"):
                router.add_get(f"/api/{version}/{path}", self._open("market", weight, open_handler))
        for method, path, kind, weight, handler in self._signed_routes(trading):
            router.add_route(method, path, self._signed(kind, weight, handler))
        router.add_get("/sapi/v1/system/status", self._open("market", 1, _system_status))

    def _signed_routes(
        self,
        trading: TradingApi,
    ) -> tuple[tuple[str, str, RequestKind, int, SignedHandler], ...]:
        return (
            ("POST", "/api/v3/order", "place", 1, trading.place),
            ("POST", "/api/v3/order/test", "query", 1, trading.test),
            ("POST", "/api/v3/order/cancelReplace", "place", 1, trading.cancel_replace),
            ("DELETE", "/api/v3/order", "cancel", 1, trading.cancel),
            ("DELETE", "/api/v3/openOrders", "cancel", 1, trading.cancel_all),
            ("GET", "/api/v3/order", "query", 4, trading.order),
            ("GET", "/api/v3/openOrders", "query", 6, trading.open_orders),
            ("GET", "/api/v3/allOrders", "query", 20, trading.all_orders),
            ("GET", "/api/v3/myTrades", "query", 20, trading.my_trades),
            ("GET", "/api/v3/account", "query", 20, trading.account),
            ("GET", "/sapi/v1/account/apiRestrictions", "query", 1, trading.restrictions),
            ("GET", "/sapi/v1/asset/tradeFee", "query", 1, trading.trade_fee),
        )

    def _open(self, kind: RequestKind, weight: int, handler: PublicHandler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            values = dict(parse_qsl(request.query_string, keep_blank_values=True))
            return await self._serve(request, kind, weight, values, "", lambda: handler(Params(values)))

        return handle

    def _signed(self, kind: RequestKind, weight: int, handler: SignedHandler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            query = request.raw_path.partition("?")[2]
            body = (await request.read()).decode("utf-8", errors="replace")
            values = dict(parse_qsl(query, keep_blank_values=True))
            values.update(parse_qsl(body, keep_blank_values=True))
            key = request.headers.get("X-MBX-APIKEY")

            def answer() -> object:
                venue = self._hub.venue
                name = signing.check_key(venue.secrets, key)
                params = Params(values)
                payload = signing.without_signature(query) + signing.without_signature(body)
                signing.check_signature(venue.secrets[name], payload, params.optional("signature"))
                signing.check_time(params, venue.now_ms())
                return handler(venue.engine.accounts[name], params)

            return await self._serve(request, kind, weight, values, key or "", answer)

        return handle

    async def _serve(
        self,
        request: web.Request,
        kind: RequestKind,
        weight: int,
        values: dict[str, str],
        account: str,
        answer: Callable[[], object],
    ) -> web.StreamResponse:
        within = self._weights.add(_weight(request.path, weight, values))

        def handle(entry: RequestEntry) -> Answer:
            return run(answer, entry) if within else self._too_many(entry)

        return await self._gate.serve(request, asked(kind, account, values), handle)

    def _too_many(self, entry: RequestEntry) -> Answer:
        entry.code = -1003
        body = msgspec.json.encode({"code": -1003, "msg": "Too many requests."})
        return Answer(429, body, headers={"Retry-After": str(self._weights.retry_after_s)})


def asked(kind: RequestKind, account: str, values: dict[str, str]) -> Asked:
    """What a request is about, for the gate."""
    client_id = values.get("newClientOrderId") or values.get("origClientOrderId", "")
    return Asked(kind, account, values.get("symbol", ""), client_id, values.get("orderId", ""))


def run(answer: Callable[[], object], entry: RequestEntry) -> Answer:
    """Run a handler: its result as JSON, its refusals turned into the venue's error envelope."""
    try:
        result = answer()
    except ApiError as error:
        entry.code = error.code
        return Answer(error.status, msgspec.json.encode(error.body), code=error.code)
    entry.applied = True
    if isinstance(result, dict) and not entry.order_id and "orderId" in result:
        entry.order_id = str(result["orderId"])
    return Answer(200, msgspec.json.encode(result))


def _weight(path: str, usual: int, values: dict[str, str]) -> int:
    """The request's weight, where it depends on how much is asked for."""
    if path.endswith("/depth"):
        limit = values.get("limit", "100")
        size = int(limit) if limit.isdecimal() else 100
        return 5 if size <= 100 else 25 if size <= 500 else 50 if size <= 1000 else 250
    if "symbol" not in values:
        return {"openOrders": 80, "24hr": 80, "price": 4, "bookTicker": 4}.get(path.rpartition("/")[2], usual)
    return usual


def _system_status(_params: Params) -> object:
    return {"status": 0, "msg": "normal"}
