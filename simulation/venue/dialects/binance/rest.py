"""Binance spot over REST: routes, who may ask, request weights, and the one fault hook of every request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.dialects.binance import signing
from ganglion.simulation.venue.dialects.binance.errors import ApiError
from ganglion.simulation.venue.dialects.binance.params import Params
from ganglion.simulation.venue.dialects.binance.public import PublicApi
from ganglion.simulation.venue.dialects.binance.render import WEIGHT_PER_MINUTE
from ganglion.simulation.venue.dialects.binance.trading import TradingApi
from ganglion.simulation.venue.faults import Fault, FaultKind, RequestKind
from ganglion.simulation.venue.wire import Hub, RequestEntry, reset

PublicHandler = Callable[[Params], object]
SignedHandler = Callable[[Account, Params], object]
Answer = tuple[int, bytes]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MINUTE_MS = 60_000
_HTML = b"<html><head><title>503 Service Temporarily Unavailable</title></head><body>nginx</body></html>"


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

    def __init__(self, hub: Hub, public: PublicApi, trading: TradingApi) -> None:
        self._hub = hub
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
        hub = self._hub
        entry = hub.log_request(kind, request.method, request.path, account, values)
        within = self._weights.add(_weight(request.path, weight, values))
        fault = hub.faults.on_request(kind, account, hub.venue.now_ms())
        entry.fault = "" if fault is None else str(fault.kind)
        if fault is not None:
            if fault.kind is FaultKind.LOSE_REQUEST:
                return self._reset(request)
            if fault.kind is FaultKind.ANSWER:
                return self._faulty(fault, entry)
            if fault.kind is FaultKind.DELAY_REQUEST:
                await asyncio.sleep(fault.delay_s)
        if within:
            status, body = run(answer, entry)
        else:
            status, body = 429, msgspec.json.encode({"code": -1003, "msg": "Too many requests."})
        if fault is not None:
            if fault.kind is FaultKind.LOSE_REPLY:
                return self._reset(request)
            if fault.kind is FaultKind.ANSWER_AFTER:
                return self._faulty(fault, entry)
            if fault.kind is FaultKind.DELAY_REPLY:
                await asyncio.sleep(fault.delay_s)
        entry.status = status
        headers = self._headers()
        if status == 429:
            headers["Retry-After"] = str(self._weights.retry_after_s)
        return web.Response(body=body, status=status, headers=headers, content_type="application/json")

    def _headers(self) -> dict[str, str]:
        used = str(self._hub.weight_used)
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def _reset(self, request: web.Request) -> web.StreamResponse:
        reset(request.transport)
        # nobody can read this any more; aiohttp wants an answer all the same
        return web.Response(status=500)

    def _faulty(self, fault: Fault, entry: RequestEntry) -> web.StreamResponse:
        entry.status, entry.code = fault.status, fault.code
        headers = self._headers()
        if fault.retry_after_s is not None:
            headers["Retry-After"] = str(fault.retry_after_s)
        body, kind = fault_body(fault)
        return web.Response(body=body, status=fault.status, headers=headers, content_type=kind)


def run(answer: Callable[[], object], entry: RequestEntry) -> Answer:
    """Run a handler: HTTP status and JSON, its refusals turned into the venue's error envelope."""
    try:
        result = answer()
    except ApiError as error:
        entry.code = error.code
        return error.status, msgspec.json.encode(error.body)
    entry.applied = True
    if isinstance(result, dict) and not entry.order_id and "orderId" in result:
        entry.order_id = str(result["orderId"])
    return 200, msgspec.json.encode(result)


def fault_body(fault: Fault) -> tuple[bytes, str]:
    """What a struck request is answered with, and its content type."""
    if fault.body == "error":
        return msgspec.json.encode({"code": fault.code, "msg": fault.message}), "application/json"
    if fault.body == "garbage":
        return b'{"orderId": 12', "application/json"
    if fault.body == "empty":
        return b"", "application/json"
    if fault.body == "{}":
        return b"{}", "application/json"
    return _HTML, "text/html"


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
