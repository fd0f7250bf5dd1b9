"""What every dialect's server side shares: connections with bounded queues, and the logs that tests read.

A `Hub` belongs to one running server and one event loop. The frame log numbers every frame that was handed to a
client's connection, so that a test can ask which depth or trade frames an arm was sent between two instants; the
request log says what was asked, by whom, with which client id, and what became of it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec
from aiohttp import WSCloseCode, web

from ganglion.simulation.venue.answers import Manners, check_answer
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.faults import (
    SOCKET_FAULTS,
    ActiveFault,
    Fault,
    FaultKind,
    FaultTable,
    Target,
    matches,
)
from ganglion.simulation.venue.frames import OVERSIZED_CHARACTERS, PROTOCOL_ERROR, Frame, spoil

FRAMES_KEPT = 100_000
REQUESTS_KEPT = 50_000
_QUEUE_FRAMES = 5_000


class FrameEntry(msgspec.Struct, frozen=True, gc=False):
    """One frame that was sent to one connection."""

    seq: int
    """Counts over all connections."""
    connection: int
    number: int
    """Counts per connection, from 1."""
    time_ms: int
    stream: str
    first: int | None
    """First update id (U) of a depth frame, trade id of a trade frame."""
    last: int | None
    """Last update id (u) of a depth frame, trade id of a trade frame."""


class RequestEntry(msgspec.Struct):
    """One request, over REST or WebSocket; `status` stays 0 when no answer was given."""

    seq: int
    time_ms: int
    kind: str
    method: str
    path: str
    account: str
    symbol: str = ""
    client_id: str = ""
    order_id: str = ""
    status: int = 0
    code: int = 0
    """The venue's own error code, 0 for success."""
    applied: bool = False
    """Whether the handler ran to its end."""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Close:
    """The server closes the socket with this code."""

    code: int


class Connection:
    """One WebSocket: what it listens to, and the frames that wait to be written to it."""

    def __init__(self, hub: Hub, socket_: web.WebSocketResponse, request: web.Request, kind: str) -> None:
        self._hub = hub
        self._socket = socket_
        self._transport = request.transport
        self._queue: asyncio.Queue[Frame | _Close] = asyncio.Queue(_QUEUE_FRAMES)
        self.id = hub.next_connection()
        self.kind = kind
        self.opened_ms = hub.venue.now_ms()
        self.subscriptions: dict[str, None] = {}
        self.account = ""
        self.frames = 0

    def send(
        self,
        stream: str,
        text: str,
        first: int | None = None,
        last: int | None = None,
        account: str = "",
    ) -> None:
        """Queue a stream's frame, number and log it; a fault may hold it back or spoil it."""
        now_ms = self._hub.venue.now_ms()
        fault = self._hub.faults.on_frame(stream, account, now_ms)
        for frame in (text,) if fault is None else spoil(fault, text):
            self.frames += 1
            self._hub.log_frame(self, now_ms, stream, first, last)
            self.put(frame)

    def put(self, frame: Frame | _Close) -> None:
        """Queue a frame that is an answer and not a stream's; a client that never reads is dropped."""
        try:
            self._queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.abort()

    def listens_to(self, pattern: str) -> bool:
        """Whether one of its subscriptions fits a pattern; `*` fits a socket without any too."""
        return pattern == "*" or any(fnmatchcase(name, pattern) for name in self.subscriptions)

    def strike(self, fault: Fault) -> None:
        """Do to this socket what a fault of `SOCKET_FAULTS` says."""
        match fault.kind:
            case FaultKind.ABORT:
                self.abort()
            case FaultKind.CLOSE:
                self.put(_Close(fault.close_code))
            case FaultKind.INJECT:
                self.put(fault.text)
            case FaultKind.OVERSIZED:
                self.put("x" * OVERSIZED_CHARACTERS)
            case FaultKind.PROTOCOL_ERROR if isinstance(self._transport, asyncio.WriteTransport):
                # past aiohttp, which would never write such a frame
                self._transport.write(PROTOCOL_ERROR)
            case _:
                pass

    async def pong(self, data: bytes) -> None:
        """Answer a ping, unless a fault is against it."""
        target = Target(self.account, socket=self.kind)
        if not self._hub.faults.on_target(FaultKind.NO_PONG, target, self._hub.venue.now_ms()):
            with suppress(ConnectionError):
                await self._socket.pong(data)

    def abort(self) -> None:
        """Reset the TCP connection under the client's feet."""
        reset(self._transport)

    async def write(self) -> None:
        """Write what is queued, for as long as the connection lives."""
        while True:
            frame = await self._queue.get()
            try:
                if isinstance(frame, _Close):
                    await self._socket.close(code=frame.code, message=b"fault")
                    return
                if isinstance(frame, bytes):
                    await self._socket.send_bytes(frame)
                else:
                    await self._socket.send_str(frame)
            except ConnectionError:
                return

    async def close(self) -> None:
        """Say goodbye, as a venue does that goes down in order."""
        with suppress(ConnectionError):
            await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"venue stops")


class Hub:
    """One server's venue, faults, connections and logs."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.faults = FaultTable()
        self.manners: Manners | None = None
        """How the dialect speaks; set by its gate."""
        self.refuse: Callable[[float], None] | None = None
        """Closes the door for so many seconds; set by the server."""
        self.end_user_stream: Callable[[Connection], None] | None = None
        """Ends a socket's user stream with the venue's own word for it; set by the dialect."""
        self.connections: dict[int, Connection] = {}
        self.frames: deque[FrameEntry] = deque(maxlen=FRAMES_KEPT)
        self.requests: deque[RequestEntry] = deque(maxlen=REQUESTS_KEPT)
        self.weight_used = 0
        self.weight_peak = 0
        """Most request weight used in any minute."""
        self._connection_count = 0
        self._frame_count = 0
        self._request_count = 0

    def next_connection(self) -> int:
        """The number of the next connection."""
        self._connection_count += 1
        return self._connection_count

    def log_frame(
        self,
        connection: Connection,
        now_ms: int,
        stream: str,
        first: int | None,
        last: int | None,
    ) -> None:
        """Number a frame and remember it."""
        self._frame_count += 1
        self.frames.append(
            FrameEntry(self._frame_count, connection.id, connection.frames, now_ms, stream, first, last),
        )

    def log_request(
        self,
        kind: str,
        method: str,
        path: str,
        account: str,
        *,
        symbol: str = "",
        client_id: str = "",
        order_id: str = "",
    ) -> RequestEntry:
        """Remember a request; the caller fills in what becomes of it."""
        self._request_count += 1
        entry = RequestEntry(
            seq=self._request_count,
            time_ms=self.venue.now_ms(),
            kind=kind,
            method=method,
            path=path,
            account=account,
            symbol=symbol,
            client_id=client_id,
            order_id=order_id,
        )
        self.requests.append(entry)
        return entry

    # --- faults

    def switch_on(self, fault: Fault) -> int:
        """Switch a fault on, or do it at once where that is all there is to it; its number.

        Raises:
            ValueError: when it names an answer that this dialect does not have.
        """
        if self.manners is not None:
            check_answer(fault, self.manners)
        number = self.faults.add(fault, self.venue.now_ms())
        active = self.faults.active[-1]
        if fault.kind in SOCKET_FAULTS:
            self._strike_sockets(active)
        elif fault.kind is FaultKind.REFUSE and self.refuse is not None and fault.seconds is not None:
            self.refuse(fault.seconds)
        return number

    def _strike_sockets(self, active: ActiveFault) -> None:
        fault = active.fault
        active.left, now_ms = fault.times, self.venue.now_ms()
        for connection in list(self.connections.values()):
            if active.left == 0:
                break
            target = Target(connection.account, socket=connection.kind)
            if not (matches(fault, target) and connection.listens_to(fault.stream) and active.strikes_now(now_ms)):
                continue
            if fault.kind is not FaultKind.END_USER_STREAM:
                connection.strike(fault)
            elif self.end_user_stream is not None:
                self.end_user_stream(connection)
        active.left = 0

    def drop_sockets(self, kind: str = "all") -> int:
        """Reset every WebSocket of a kind (`market`, `user` or `all`); how many there were."""
        dropped = [c for c in self.connections.values() if kind in {"all", c.kind}]
        for connection in dropped:
            connection.abort()
        return len(dropped)


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Abort a TCP connection with a reset: what was not sent yet is lost, as when a machine dies."""
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # linger 0: close() sends RST instead of an orderly FIN
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(transport, asyncio.Transport):
        transport.abort()
