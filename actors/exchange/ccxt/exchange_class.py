"""The one generic subclass through which every ccxt.pro exchange is spoken to; made per exchange id.

It overrides ccxt's own seams and no venue's code: the session (loopback switch, hooks around the send),
`fetch` and `handle_errors` (phases, Retry-After, bodies that are no replies), `fetch2` (costs), `client`
(guarded sockets) and the order book factory (the tap). ccxt's classes stay untouched: a host shares them.
"""

from __future__ import annotations

import difflib
import functools
import logging
import ssl
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp._websocket import reader_py

from ganglion.actors.exchange.ccxt.kept_results import KeptResults, retrieved
from ganglion.actors.exchange.ccxt.loopback import new_connector
from ganglion.actors.exchange.ccxt.ordering import RequestOrder
from ganglion.actors.exchange.ccxt.settings import UnknownExchangeError
from ganglion.actors.exchange.ccxt.trace import IDEMPOTENT, TRACE

OVERHEAD: int = getattr(reader_py, "MSG_SIZE_OVERHEAD", 0)
"""What aiohttp counts for each frame in its buffer beyond the frame itself."""
SHOWN = 60
"""Characters of an unreadable frame that its error repeats."""


@dataclass(slots=True)
class Socket:
    """What is known of one WebSocket client of ccxt's."""

    url: str
    sends: int = 0
    frames: int = 0
    frames_since_send: int = 0
    last_send_s: float = 0.0


@dataclass(slots=True)
class Hooks:
    """What the exchange class calls back; set by the adapter."""

    gate: Callable[[str], None]
    """Raises for a URL that must not be reached."""
    leaves: Callable[[], None]
    """Immediately before bytes of a request leave; raises if they must not."""
    cost: Callable[[float], None]
    """A request that belongs to no submitted one was charged."""
    frame_begins: Callable[[], None]
    frame_handled: Callable[[str], None]
    """With a frame's text, which ccxt has taken in."""
    frame_ends: Callable[[str], None]
    """With the socket's URL; ccxt handles one frame at a time."""
    book: Callable[[str, dict[str, Any], int | None], Any]
    """Makes an order book of a kind (`plain`, `counted`, `indexed`)."""
    now_s: Callable[[], float]
    order: RequestOrder
    """Of requests that carry a rising number."""
    ordered: frozenset[str] = frozenset()
    """Which of ccxt's APIs those are."""
    refusals_unheard: bool = False
    """A refused subscription is handed to a number that nobody awaits."""
    used: ContextVar[dict[str, None] | None] = field(
        default_factory=lambda: ContextVar("ganglion_sockets", default=None)
    )
    """Sockets that the running watch uses."""
    keeps: ContextVar[bool] = field(default_factory=lambda: ContextVar("ganglion_keeps", default=False))
    """The running watch wants what came while it was not waiting; of an account nothing may stand unread."""


class Hooked:
    """Mixed in front of an exchange class of ccxt.pro; instances are made by `make_exchange`."""

    hooks: Hooks
    sockets: dict[str, Socket]
    dial_not_before_s: dict[str, float]
    """By URL, where a venue said so."""

    # the members of ccxt's class that are used here
    session: Any
    own_session: bool
    ssl_context: Any
    cafile: str
    verify: bool
    aiohttp_trust_env: bool
    asyncio_loop: Any
    clients: dict[str, Any]

    # -------------------------------------------------------------- HTTP

    def open(self, *args: Any, **kwargs: Any) -> None:
        """As ccxt does it, on a session of ours: the loopback switch and the hooks live in it."""
        if self.session is None and self.own_session and not getattr(self, "closed_by_user", False):
            hooks = aiohttp.TraceConfig()
            hooks.on_request_headers_sent.append(functools.partial(_leaves, self.hooks))
            hooks.on_request_chunk_sent.append(functools.partial(_body_leaves, self.hooks))
            if self.ssl_context is None:
                self.ssl_context = ssl.create_default_context(cafile=self.cafile) if self.verify else False
            self.session = aiohttp.ClientSession(
                connector=new_connector(tls=self.ssl_context),
                trust_env=self.aiohttp_trust_env,
                trace_configs=[hooks],
            )
        super().open(*args, **kwargs)  # type: ignore[misc]

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """As ccxt does it, behind the gate, with its phases noted."""
        self.hooks.gate(url)
        trace = TRACE.get()
        if trace is not None:
            trace.begin(method)
            if trace.headers and method not in IDEMPOTENT:
                headers = {**(headers or {}), **trace.headers}
        return await super().fetch(url, method, headers, body)  # type: ignore[misc]

    async def fetch2(self, path: Any, api: Any = "public", *args: Any, **kwargs: Any) -> Any:
        """As ccxt does it, with the venue's own weight of this request noted."""
        named = dict(zip(("method", "params"), args, strict=False)) | kwargs
        config = kwargs.get("config") or (args[-1] if len(args) > 2 else {})
        cost = self.calculate_rate_limiter_cost(  # type: ignore[attr-defined]
            api, named.get("method", "GET"), path, named.get("params", {}), config or {}
        )
        trace = TRACE.get()
        if trace is None:
            self.hooks.cost(float(cost))
        else:
            trace.cost += float(cost)
        send = functools.partial(super().fetch2, path, api, *args, **kwargs)  # type: ignore[misc]
        name = api if isinstance(api, str) else api[0]
        return await (self.hooks.order.in_turn(send) if name in self.hooks.ordered else send())

    def nonce(self) -> Any:
        """As ccxt does it; where a venue wants rising numbers, never the same twice."""
        wanted = super().nonce()  # type: ignore[misc]
        return self.hooks.order.nonce(wanted) if self.hooks.ordered else wanted

    def handle_errors(
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: str,
        response: Any,
        *rest: Any,
    ) -> Any:
        """As ccxt does it, after the phase is noted and what is no reply at all is refused."""
        trace = TRACE.get()
        if trace is not None:
            trace.replied(headers, response)
        problem = no_reply(code, body, response)
        if problem is not None:
            from ccxt.base.errors import BadResponse  # noqa: PLC0415 (ccxt is imported late)

            raise BadResponse(f"{method} {url} answered {code} with {problem}")
        return super().handle_errors(  # type: ignore[misc]
            code, reason, url, method, headers, body, response, *rest
        )

    # -------------------------------------------------------------- WebSocket

    def on_error(self, client: Any, error: Any) -> None:
        """As ccxt does it; a venue that refuses a handshake may say how long to stay away."""
        retry_after_s = getattr(client, "last_retry_after", None)
        if retry_after_s is not None:
            self.dial_not_before_s[client.url] = self.hooks.now_s() + retry_after_s
        super().on_error(client, error)  # type: ignore[misc]

    def ws_dial_delay(self, url: str) -> float:
        """Seconds that a venue asked for before the next dial; else how often is dialled, the exchange actor decides.

        ccxt's own pauses (4.5.28 has none) grow with each dial that failed and are slept inside the dial: after a
        long absence of the venue nothing could end them.
        """
        return max(0.0, self.dial_not_before_s.get(url, 0.0) - self.hooks.now_s())

    def client(self, url: str) -> Any:
        """As ccxt does it, with a frame handler that reports what would otherwise end its loop in silence."""
        self.hooks.gate(url)
        client = super().client(url)  # type: ignore[misc]
        used = self.hooks.used.get()
        if used is not None:
            used[url] = None
        socket = self.sockets.get(url)
        if socket is None or "handle_message" not in vars(client):
            socket = self.sockets[url] = Socket(url)
            client.handle_message = functools.partial(_guarded, self.hooks, socket, client, client.handle_message)
            client.send = functools.partial(_counted, self.hooks, socket, client.send)
            KeptResults(client, self.hooks.keeps)
            client.connected.add_done_callback(retrieved)
            if self.hooks.refusals_unheard:
                client.reject = functools.partial(_rejected, client, client.reject)
            if _drains_too_lightly(client):
                client.receive_loop = functools.partial(_drain_first, client, client.receive_loop)
        return client

    def order_book(self, snapshot: Any = None, depth: Any = None) -> Any:
        """A tapped book."""
        return self.hooks.book("plain", snapshot or {}, depth)

    def counted_order_book(self, snapshot: Any = None, depth: Any = None) -> Any:
        """A tapped book whose levels carry a number of orders."""
        return self.hooks.book("counted", snapshot or {}, depth)

    def indexed_order_book(self, snapshot: Any = None, depth: Any = None) -> Any:
        """As ccxt does it: its levels are single orders, so only whole books are told."""
        return super().indexed_order_book(snapshot or {}, depth)  # type: ignore[misc]


async def _leaves(hooks: Hooks, _session: object, _context: object, _params: object) -> None:
    hooks.leaves()
    trace = TRACE.get()
    if trace is not None:
        trace.leaves()


async def _body_leaves(hooks: Hooks, _session: object, _context: object, _params: object) -> None:
    # The headers wait for the body, which aiohttp sends in a turn of its own: much may have happened before it.
    hooks.leaves()


def _guarded(hooks: Hooks, socket: Socket, client: Any, handle: Callable[[Any], None], message: Any) -> None:
    if message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
        socket.frames += 1
        socket.frames_since_send += 1
        if message.type is aiohttp.WSMsgType.TEXT and not message.data:
            return  # some venues' heartbeat
    hooks.frame_begins()
    try:
        handle(message)
        if message.type is aiohttp.WSMsgType.TEXT:
            hooks.frame_handled(message.data)
        # raised by venue code on whatever a venue sends: it must end this client's streams, loudly
    except Exception as error:  # noqa: BLE001
        from ccxt.base.errors import BadResponse, BaseError  # noqa: PLC0415 (imported late)

        known = isinstance(error, BaseError)
        client.on_error(error if known else BadResponse(f"unreadable frame {str(message.data)[:SHOWN]!r}: {error!r}"))
    finally:
        hooks.frame_ends(socket.url)


async def _counted(hooks: Hooks, socket: Socket, send: Callable[[Any], Any], message: Any) -> Any:
    socket.sends += 1
    socket.frames_since_send = 0
    socket.last_send_s = hooks.now_s()
    return await send(message)


def _rejected(client: Any, reject: Callable[..., Any], error: Any, message_hash: str | None = None) -> Any:
    """A refusal under a number that nobody awaits would leave a stream waiting for ever: it ends the socket."""
    if str(message_hash or "").isdigit() and message_hash not in client.futures:
        client.on_error(error)
        return error
    return reject(error, message_hash)


def _drains_too_lightly(client: Any) -> bool:
    """Whether this ccxt takes frames out of aiohttp's buffer at less than aiohttp counted them.

    aiohttp 3.14.4 began to count an overhead for each frame; a ccxt that does not know it (4.5.28) leaves
    a rest behind with each burst, until aiohttp stops reading the socket for ever.
    """
    return OVERHEAD > 0 and not hasattr(sys.modules[type(client).__module__], "MSG_SIZE_OVERHEAD")


def _drain_first(client: Any, receive_loop: Callable[[], None]) -> None:
    buffer = None if client.closed() else client.buffer
    if buffer and len(buffer) > 1:
        weight = 0
        while len(buffer) > 1:
            message, size = buffer.popleft()
            weight += size + OVERHEAD
            client.handle_message(message)
        buffer[0] = (buffer[0][0], buffer[0][1] + weight)
    receive_loop()


def no_reply(code: int, body: str | None, response: object) -> str | None:
    """What a body is instead of a venue's reply; None where it may be one.

    ccxt takes html, nothing, `null` and `{}` for empty results; an empty result is a statement that
    only the venue itself can make.
    """
    if code != 200:
        return None
    text = (body or "").strip()
    if not text:
        return "nothing"
    if text == "null":
        return "null"
    if response in ({}, {"responseHeaders": {}}) and text.startswith("{"):
        return "an empty object"
    if response is None and not text[0].isdigit() and text[0] != '"':
        return "html instead of JSON" if text.startswith("<") else "something that is no JSON"
    return None


def make_exchange(exchange_id: str, config: Mapping[str, object], hooks: Hooks) -> Any:
    """An exchange of ccxt.pro under `Hooked`.

    Raises:
        UnknownExchangeError: ccxt has no such id, or no streams for it.
    """
    import ccxt.pro as ccxt_pro  # noqa: PLC0415 (half a second and 80 MB that only this adapter needs)

    if exchange_id not in ccxt_pro.exchanges:
        near = difflib.get_close_matches(exchange_id, ccxt_pro.exchanges, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise UnknownExchangeError(f"ccxt.pro has no exchange {exchange_id!r}{hint}")
    base = getattr(ccxt_pro, exchange_id)
    # the class is made anew for each instance, so that what hangs on it belongs to this one
    own = {"hooks": hooks, "sockets": {}, "dial_not_before_s": {}, "logger": _quiet_logger(exchange_id)}
    made = type(f"Hooked_{exchange_id}", (Hooked, base), own)
    return made(dict(config))


def _quiet_logger(exchange_id: str) -> logging.Logger:
    """A logger below ccxt's debug level: there it writes every request's headers, keys included."""
    logger = logging.getLogger(f"ganglion.ccxt.{exchange_id}")
    logger.setLevel(logging.WARNING)
    return logger
