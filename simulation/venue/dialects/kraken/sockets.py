"""Kraken's WebSocket side: v2 on /v2 and /private/v2, and a bare first protocol on / and /private.

Subscriptions and orders come as requests with a method; private ones carry a token from REST. Requests pass the same
gate and request log as REST. The first protocol only greets and answers pings: ccxt opens it, and asks nothing there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec
from aiohttp import web

from ganglion.simulation.venue.answers import Answer
from ganglion.simulation.venue.dialects.kraken.errors import ApiError
from ganglion.simulation.venue.dialects.kraken.frames import accepted, encode, refused
from ganglion.simulation.venue.dialects.kraken.market_streams import MarketStreams, Wanted
from ganglion.simulation.venue.dialects.kraken.names import Pairs
from ganglion.simulation.venue.dialects.kraken.signing import Keys
from ganglion.simulation.venue.dialects.kraken.socket_orders import SocketOrders
from ganglion.simulation.venue.dialects.kraken.user_stream import BALANCES, EXECUTIONS, UserStreams
from ganglion.simulation.venue.faults import FaultKind, Target
from ganglion.simulation.venue.gate import Asked, Gate
from ganglion.simulation.venue.sockets import run_socket
from ganglion.simulation.venue.wire import Connection, Hub, RequestEntry

PING_S = 20.0
PRIVATE_CHANNELS = frozenset({EXECUTIONS, BALANCES})


class Request(msgspec.Struct):
    """A frame from a client of v2."""

    method: str
    params: dict[str, object] = {}
    req_id: int | None = None


class KrakenSockets:
    """Accepts WebSockets and answers what comes in on them."""

    def __init__(self, hub: Hub, gate: Gate, pairs: Pairs, keys: Keys, orders: SocketOrders) -> None:
        self._hub = hub
        self._gate = gate
        self._keys = keys
        self._orders = orders
        self.streams = MarketStreams(hub)
        self.users = UserStreams(hub, pairs)
        self._decoder = msgspec.json.Decoder(Request)
        self._tasks: set[asyncio.Task[None]] = set()
        hub.end_user_stream = self.users.forget

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put every socket on the server."""
        router.add_get("/v2", self._public)
        router.add_get("/private/v2", self._private)
        router.add_get("/", self._first_protocol)
        router.add_get("/private", self._first_protocol)

    def beat(self) -> None:
        """Every second: a sign of life to whoever listens to something."""
        for connection in list(self._hub.connections.values()):
            if connection.subscriptions:
                connection.put('{"channel":"heartbeat"}')

    # --- opening

    async def _public(self, request: web.Request) -> web.StreamResponse:
        return await self._run(request, "market", self._greet, self._request)

    async def _private(self, request: web.Request) -> web.StreamResponse:
        return await self._run(request, "user", self._greet, self._request)

    async def _first_protocol(self, request: web.Request) -> web.StreamResponse:
        def greet(connection: Connection) -> None:
            connection.put(encode({"connectionID": connection.id, "event": "systemStatus", "status": "online"}))

        def answer(connection: Connection, text: str) -> None:
            asked = msgspec.json.decode(text, type=dict[str, object])
            if asked.get("event") == "ping":
                connection.put(encode({"event": "pong", "reqid": asked.get("reqid")}))
            else:
                connection.put(encode({"errorMessage": "Event(s) not found", "event": "error"}))

        return await self._run(request, "market", greet, answer)

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

    def _greet(self, connection: Connection) -> None:
        data = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": connection.id}
        connection.put(encode({"channel": "status", "type": "update", "data": [data]}))

    def _closed(self, connection: Connection) -> None:
        self.users.forget(connection)
        self.streams.forget(connection)

    # --- requests

    def _request(self, connection: Connection, text: str) -> None:
        try:
            asked = self._decoder.decode(text)
        except msgspec.MsgspecError:
            self._put(connection, refused("", None, "Malformed request", self._hub.venue.now_ms()))
            return
        if asked.method == "ping":
            self._pong(connection, asked)
        elif asked.method in {"subscribe", "unsubscribe"} and asked.params.get("channel") not in PRIVATE_CHANNELS:
            self._change_public(connection, asked)
        else:
            task = asyncio.get_running_loop().create_task(self._serve(connection, asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _pong(self, connection: Connection, asked: Request) -> None:
        target = Target(connection.account, socket=connection.kind)
        if not self._strikes(FaultKind.NO_PONG, target):
            now_ms = self._hub.venue.now_ms()
            answer = accepted("pong", asked.req_id, None, now_ms)
            self._put(connection, {name: value for name, value in answer.items() if name not in {"result", "success"}})

    # --- public channels

    def _change_public(self, connection: Connection, asked: Request) -> None:
        """Subscribe or unsubscribe every symbol named; each has an answer of its own."""
        named = asked.params.get("symbol")
        for symbol in named if isinstance(named, list) else [named]:
            try:
                wanted = self.streams.wanted(str(symbol), asked.params)
                self._change_one(connection, asked.method, wanted)
            except ApiError as error:
                self._refuse(connection, asked, error, {"symbol": symbol})
                continue
            if not self._strikes(FaultKind.NO_ACK, Target(stream=wanted.name, socket=connection.kind)):
                self._accept(connection, asked, _terms(wanted))
            if asked.method == "subscribe":
                self.streams.begin(connection, wanted)

    def _change_one(self, connection: Connection, method: str, wanted: Wanted) -> None:
        if self._strikes(FaultKind.ERROR_ACK, Target(stream=wanted.name, socket=connection.kind)):
            raise ApiError("EGeneral:Internal error")
        if method == "unsubscribe":
            self.streams.unsubscribe(connection, wanted.name)
        elif wanted.name in connection.subscriptions:
            raise ApiError("Already subscribed")
        else:
            self.streams.subscribe(connection, wanted)

    # --- private channels and orders

    async def _serve(self, connection: Connection, asked: Request) -> None:
        """Answer one request that carries a token, through the gate."""
        token = asked.params.get("token")
        try:
            account = self._keys.account_of(str(token), self._hub.venue.now_ms())
        except ApiError as error:
            self._refuse(connection, asked, error)
            return
        if asked.method in {"subscribe", "unsubscribe"}:
            self._change_private(connection, asked, account)
            return
        form = form_of(asked.params)
        about = Asked(
            self._orders.kind_of(asked.method),
            account,
            form.get("symbol", ""),
            form.get("cl_ord_id", ""),
            form.get("order_id", ""),
        )

        def handle(entry: RequestEntry) -> Answer:
            return self._orders.answer(asked.method, account, form, entry)

        def reply(answer: Answer) -> None:
            self._reply(connection, asked, answer)

        await self._gate.serve_socket(connection, asked.method, about, handle, reply)

    def _change_private(self, connection: Connection, asked: Request, account: str) -> None:
        channel = str(asked.params.get("channel"))
        target = Target(account, stream="user", socket=connection.kind)
        entry = self._hub.log_request("stream", "WS", f"{asked.method}.{channel}", account)
        entry.status, entry.applied = 200, True
        if self._strikes(FaultKind.ERROR_ACK, target):
            self._refuse(connection, asked, ApiError("EGeneral:Internal error"))
            return
        if asked.method == "unsubscribe":
            self.users.unsubscribe(connection, channel)
        elif channel in connection.subscriptions:
            self._refuse(connection, asked, ApiError("Already subscribed"))
            return
        else:
            self.users.subscribe(connection, account, channel)
        if not self._strikes(FaultKind.NO_ACK, target):
            self._accept(connection, asked, {"channel": channel, "snapshot": True})
        if asked.method == "subscribe" and asked.params.get("snapshot", True) is True:
            orders, trades = asked.params.get("snap_orders", True), asked.params.get("snap_trades", False)
            self.users.begin(connection, account, channel, orders=orders is True, trades=trades is True)

    def _reply(self, connection: Connection, asked: Request, answer: Answer) -> None:
        """An answer in v2's envelope; what is not the venue's own form goes out as it is."""
        if answer.bare:
            connection.put(answer.body.decode())
            return
        envelope = msgspec.json.decode(answer.body, type=dict[str, object])
        now_ms, errors = self._hub.venue.now_ms(), envelope.get("error")
        if isinstance(errors, list) and errors:
            self._put(connection, refused(asked.method, asked.req_id, str(errors[0]), now_ms))
            return
        results = envelope.get("result")
        for result in results if isinstance(results, list) else [results]:
            self._put(connection, accepted(asked.method, asked.req_id, result, now_ms))

    # --- answers

    def _strikes(self, kind: FaultKind, target: Target) -> bool:
        return self._hub.faults.on_target(kind, target, self._hub.venue.now_ms())

    def _accept(self, connection: Connection, asked: Request, result: Mapping[str, object]) -> None:
        self._put(connection, accepted(asked.method, asked.req_id, dict(result), self._hub.venue.now_ms()))

    def _refuse(
        self,
        connection: Connection,
        asked: Request,
        error: ApiError,
        more: Mapping[str, object] | None = None,
    ) -> None:
        answer = refused(asked.method, asked.req_id, error.text, self._hub.venue.now_ms())
        self._put(connection, {**answer, **(more or {})})

    def _put(self, connection: Connection, answer: Mapping[str, object]) -> None:
        connection.put(encode(answer))


def _terms(wanted: Wanted) -> dict[str, object]:
    """What an acknowledgement says about a subscription."""
    terms: dict[str, object] = {"channel": wanted.channel, "snapshot": wanted.snapshot, "symbol": wanted.market.symbol}
    if wanted.argument is not None:
        terms["depth" if wanted.channel == "book" else "interval"] = wanted.argument
    return terms


def form_of(params: Mapping[str, object]) -> dict[str, str]:
    """A request's parameters as text; of a list, its entries with commas between."""
    return {name: as_text(value) for name, value in params.items() if value is not None}


def as_text(value: object) -> str:
    """A JSON value as a form has it: numbers without an exponent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, list):
        return ",".join(as_text(inner) for inner in value)
    return str(value)
