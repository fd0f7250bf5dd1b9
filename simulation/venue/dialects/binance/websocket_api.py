"""Binance spot's WebSocket side: market streams on /stream/ws and /ws, the WebSocket API on /ws-api/v3.

The WebSocket API answers the same handlers as REST, and opens user streams with
`userDataStream.subscribe.signature`; its requests pass the same fault hook and request log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.answers import Answer
from ganglion.simulation.venue.dialects.binance import signing
from ganglion.simulation.venue.dialects.binance.errors import ApiError
from ganglion.simulation.venue.dialects.binance.manners import ANSWERS
from ganglion.simulation.venue.dialects.binance.market_streams import MarketStreams
from ganglion.simulation.venue.dialects.binance.params import Params
from ganglion.simulation.venue.dialects.binance.public import PublicApi
from ganglion.simulation.venue.dialects.binance.rest import asked, run
from ganglion.simulation.venue.dialects.binance.trading import TradingApi
from ganglion.simulation.venue.dialects.binance.user_stream import UserStreams
from ganglion.simulation.venue.faults import FaultKind, RequestKind, Target
from ganglion.simulation.venue.gate import Gate
from ganglion.simulation.venue.sockets import run_socket
from ganglion.simulation.venue.wire import Connection, Hub

PING_S = 20.0
"""Binance pings every 20 seconds and wants a pong."""


class _Request(msgspec.Struct):
    """A frame from a client, of either kind of socket."""

    method: str
    params: list[str] | dict[str, object] = {}
    id: int | str | None = None


class BinanceSockets:
    """Accepts WebSockets and answers what comes in on them."""

    def __init__(self, hub: Hub, gate: Gate, public: PublicApi, trading: TradingApi) -> None:
        self._hub = hub
        self._gate = gate
        self.streams = MarketStreams(hub)
        self._users = UserStreams(hub)
        hub.end_user_stream = self._users.terminate
        self._decoder = msgspec.json.Decoder(_Request)
        self._open: dict[str, Callable[[Params], object]] = {
            "ping": public.ping,
            "time": public.time,
            "exchangeInfo": public.exchange_info,
            "depth": public.depth,
            "trades.recent": public.trades,
            "klines": public.klines,
            "ticker.24hr": public.ticker_24hr,
            "ticker.price": public.ticker_price,
            "ticker.book": public.ticker_book,
        }
        self._signed: dict[str, tuple[RequestKind, Callable[[Account, Params], object]]] = {
            "order.place": ("place", trading.place),
            "order.cancelReplace": ("place", trading.cancel_replace),
            "order.test": ("query", trading.test),
            "order.cancel": ("cancel", trading.cancel),
            "openOrders.cancelAll": ("cancel", trading.cancel_all),
            "order.status": ("query", trading.order),
            "openOrders.status": ("query", trading.open_orders),
            "allOrders": ("query", trading.all_orders),
            "myTrades": ("query", trading.my_trades),
            "account.status": ("query", trading.account),
        }

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put both kinds of socket on the server."""
        router.add_get("/ws-api/v3", self._api)
        router.add_get("/stream", self._market)
        for prefix in ("/stream/ws", "/ws"):
            router.add_get(prefix, self._market)
            router.add_get(prefix + "/{tail:.*}", self._market)

    # --- market streams

    async def _market(self, request: web.Request) -> web.StreamResponse:
        def answer(connection: Connection, text: str) -> None:
            self._market_request(connection, text)

        def opened(connection: Connection) -> None:
            tail = request.match_info.get("tail", "")
            wanted = tail.split("/")
            if request.path == "/stream":
                self.streams.wrap(connection)
                wanted = request.query.get("streams", "").split("/")
            self.streams.subscribe(connection, [name for name in wanted if self.streams.is_stream(name)])

        return await self._run(request, "market", opened, answer)

    def _market_request(self, connection: Connection, text: str) -> None:
        try:
            wanted = self._decoder.decode(text)
        except msgspec.MsgspecError as error:
            self._reply(connection, {"error": {"code": 3, "msg": f"Invalid JSON: {error}"}, "id": None})
            return
        names = wanted.params if isinstance(wanted.params, list) else []
        result: object = None
        target = Target(stream=names[0] if names else None, socket=connection.kind)
        if self._strikes(FaultKind.ERROR_ACK, target):
            error_body = {"code": 2, "msg": "Invalid request: this subscription fails"}
            self._reply(connection, {"error": error_body, "id": wanted.id})
            return
        if wanted.method in {"SUBSCRIBE", "UNSUBSCRIBE"}:
            if not names or not all(self.streams.is_stream(name) for name in names):
                error_body = {"code": 2, "msg": "Invalid request: invalid stream"}
                self._reply(connection, {"error": error_body, "id": wanted.id})
                return
            change = self.streams.subscribe if wanted.method == "SUBSCRIBE" else self.streams.unsubscribe
            change(connection, names)
        elif wanted.method == "LIST_SUBSCRIPTIONS":
            result = list(connection.subscriptions)
        else:
            error_body = {"code": 2, "msg": f"Invalid request: unknown method {wanted.method}"}
            self._reply(connection, {"error": error_body, "id": wanted.id})
            return
        if not self._strikes(FaultKind.NO_ACK, target):
            self._reply(connection, {"result": result, "id": wanted.id})

    def _strikes(self, kind: FaultKind, target: Target) -> bool:
        return self._hub.faults.on_target(kind, target, self._hub.venue.now_ms())

    # --- WebSocket API

    async def _api(self, request: web.Request) -> web.StreamResponse:
        waiting: set[asyncio.Task[None]] = set()

        def answer(connection: Connection, text: str) -> None:
            task = asyncio.get_running_loop().create_task(self._api_request(connection, text))
            waiting.add(task)
            task.add_done_callback(waiting.discard)

        try:
            return await self._run(request, "user", lambda _connection: None, answer)
        finally:
            for task in list(waiting):
                task.cancel()

    async def _api_request(self, connection: Connection, text: str) -> None:
        try:
            wanted = self._decoder.decode(text)
        except msgspec.MsgspecError as error:
            body = {"code": -1135, "msg": f"Invalid JSON Request: {error}"}
            self._reply(connection, {"id": None, "status": 400, "error": body})
            return
        raw = wanted.params if isinstance(wanted.params, dict) else {}
        params = Params({name: signing.as_text(value) for name, value in raw.items()})
        kind, handler = self._handler(connection, wanted.method, params, signing.websocket_payload(raw))
        account = params.optional("apiKey") or ""

        subscribed = Target(account, stream="user", socket=connection.kind)
        if kind == "stream" and self._strikes(FaultKind.ERROR_ACK, subscribed):
            self._answer(connection, wanted.id, ANSWERS["503-unknown"])
            return
        mute = kind == "stream" and self._strikes(FaultKind.NO_ACK, subscribed)

        def reply(answer: Answer) -> None:
            if not mute:
                self._answer(connection, wanted.id, answer)

        await self._gate.serve_socket(
            connection,
            wanted.method,
            asked(kind, account, params.values),
            lambda entry: run(handler, entry),
            reply,
        )

    def _answer(self, connection: Connection, request_id: int | str | None, answer: Answer) -> None:
        """An answer in the WebSocket API's envelope; what is not the venue's own form goes out as it is."""
        if answer.bare:
            connection.put(answer.body.decode())
            return
        name = "result" if answer.status == 200 else "error"
        envelope: dict[str, object] = {"id": request_id, "status": answer.status, name: msgspec.Raw(answer.body)}
        self._reply(connection, {**envelope, "rateLimits": []})

    def _handler(
        self,
        connection: Connection,
        method: str,
        params: Params,
        payload: str,
    ) -> tuple[RequestKind, Callable[[], object]]:
        """What answers a method, and what kind of request it is."""
        if method in self._open:
            return "market", lambda: self._open[method](params)
        if method == "userDataStream.subscribe.signature":
            return "stream", lambda: {
                "subscriptionId": self._users.subscribe(connection, self._authorize(params, payload).name),
            }
        if method == "userDataStream.unsubscribe":
            return "stream", lambda: self._unsubscribe(connection)
        if method in self._signed:
            kind, signed = self._signed[method]
            return kind, lambda: signed(self._authorize(params, payload), params)
        return "query", lambda: _unknown_method(method)

    def _authorize(self, params: Params, payload: str) -> Account:
        venue = self._hub.venue
        name = signing.check_key(venue.secrets, params.optional("apiKey"))
        signing.check_signature(venue.secrets[name], payload, params.optional("signature"))
        signing.check_time(params, venue.now_ms())
        return venue.engine.accounts[name]

    def _unsubscribe(self, connection: Connection) -> object:
        self._users.forget(connection)
        return {}

    # --- any socket

    async def _run(
        self,
        request: web.Request,
        kind: str,
        opened: Callable[[Connection], None],
        answer: Callable[[Connection, str], None],
    ) -> web.StreamResponse:
        return await run_socket(
            self._hub,
            self._gate,
            request,
            kind,
            ping_s=PING_S,
            opened=opened,
            answer=answer,
            closed=self._closed,
        )

    def _closed(self, connection: Connection) -> None:
        self.streams.forget(connection)
        self._users.forget(connection)

    def _reply(self, connection: Connection, answer: dict[str, object]) -> None:
        connection.put(msgspec.json.encode(answer).decode())


def _unknown_method(method: str) -> object:
    raise ApiError(400, -1020, f"This operation is not supported: {method}")
