"""The gate: every request of every dialect passes here, is logged, and meets the fault that strikes it.

A dialect brings a handler (what to do, without I/O), says what was asked (`Asked`), and how it speaks when it refuses
(`answers.Manners`). `serve` is for REST, `serve_socket` for requests that come as frames, `handshake` for the opening
of a WebSocket. Nothing here knows a wire protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from ganglion.simulation.venue.answers import Answer, Manners, faulty_answer
from ganglion.simulation.venue.faults import ActiveFault, FaultKind, RequestKind, Target
from ganglion.simulation.venue.wire import Connection, Hub, RequestEntry, reset

Handler = Callable[[RequestEntry], Answer]
"""Does what was asked and answers; sets `applied`, `code` and `order_id` of the log's entry. Never raises."""

_UNTOUCHED = frozenset({FaultKind.ANSWER, FaultKind.BAN, FaultKind.LOSE_REQUEST, FaultKind.NO_ANSWER})
"""Kinds whose request the venue never sees."""
_GONE_EVERY_S = 0.05
_READ_S = 0.05
"""Time for a client to have read the half of a body that comes before the reset."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about, in the dialect's own words."""

    kind: RequestKind
    account: str = ""
    """The account's name, which is its API key; empty for public requests."""
    symbol: str = ""
    client_id: str = ""
    order_id: str = ""


class Gate:
    """One server's gate for one dialect."""

    def __init__(self, hub: Hub, manners: Manners) -> None:
        self._hub = hub
        self._manners = manners
        hub.manners = manners

    # --- REST

    async def serve(self, request: web.Request, asked: Asked, handler: Handler) -> web.StreamResponse:
        """Answer one REST request, or hurt it."""
        entry, active = self._begin(request.method, request.path, asked)
        kind = None if active is None else active.fault.kind
        if active is not None and kind in _UNTOUCHED:
            return await self._refuse(request, active, entry)
        answer = await self._apply(active, asked, handler, entry)
        if kind is FaultKind.LOSE_REPLY:
            return _reset(request)
        if active is not None and kind is FaultKind.ANSWER_AFTER:
            answer = faulty_answer(active, self._manners, self._hub.venue.now_ms())
            entry.code = answer.code
        if active is not None and kind is FaultKind.DELAY_REPLY:
            await _while_there(request, active.fault.delay_s)
        if kind is FaultKind.RESET_BODY:
            return await self._half(request, answer)
        entry.status = answer.status
        if active is not None and kind is FaultKind.TRICKLE:
            return await self._drip(request, answer, active.fault.delay_s)
        return self._response(answer)

    async def _refuse(self, request: web.Request, active: ActiveFault, entry: RequestEntry) -> web.StreamResponse:
        if active.fault.kind is FaultKind.LOSE_REQUEST:
            return _reset(request)
        if active.fault.kind is FaultKind.NO_ANSWER:
            await _while_there(request, None)
            return _reset(request)
        answer = faulty_answer(active, self._manners, self._hub.venue.now_ms())
        entry.status, entry.code = answer.status, answer.code
        return self._response(answer)

    def _response(self, answer: Answer) -> web.Response:
        headers = {**self._manners.headers(), **answer.headers}
        return web.Response(body=answer.body, status=answer.status, headers=headers, content_type=answer.content_type)

    async def _half(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        response = await self._start(request, answer)
        await response.write(answer.body[: max(1, len(answer.body) // 2)])
        await asyncio.sleep(_READ_S)
        reset(request.transport)
        return response

    async def _drip(self, request: web.Request, answer: Answer, pause_s: float) -> web.StreamResponse:
        response = await self._start(request, answer)
        for position in range(len(answer.body)):
            try:
                await response.write(answer.body[position : position + 1])
            except ConnectionError:
                return response
            await _while_there(request, pause_s)
        return response

    async def _start(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers={**self._manners.headers(), **answer.headers})
        response.content_type = answer.content_type
        response.content_length = len(answer.body)
        await response.prepare(request)
        return response

    # --- requests on a socket

    async def serve_socket(
        self,
        connection: Connection,
        method: str,
        asked: Asked,
        handler: Handler,
        reply: Callable[[Answer], None],
    ) -> None:
        """Answer one request that came as a frame, or hurt it; `reply` puts an answer into the protocol's envelope."""
        entry, active = self._begin("WS", method, asked)
        kind = None if active is None else active.fault.kind
        if kind is FaultKind.NO_ANSWER:
            return
        if kind is FaultKind.LOSE_REQUEST:
            connection.abort()
            return
        if active is not None and kind in _UNTOUCHED:
            answer = faulty_answer(active, self._manners, self._hub.venue.now_ms())
            entry.code = answer.code
        else:
            answer = await self._apply(active, asked, handler, entry)
        if kind in {FaultKind.LOSE_REPLY, FaultKind.RESET_BODY}:
            connection.abort()
            return
        if active is not None and kind is FaultKind.ANSWER_AFTER:
            answer = faulty_answer(active, self._manners, self._hub.venue.now_ms())
        if active is not None and kind in {FaultKind.DELAY_REPLY, FaultKind.TRICKLE}:
            await asyncio.sleep(active.fault.delay_s)
        entry.status = answer.status
        reply(answer)

    # --- sockets

    async def handshake(self, request: web.Request, socket: str) -> web.StreamResponse | None:
        """What a fault does to the opening of a socket (`market` or `user`): an answer instead of one, or None."""
        target = Target("", "stream", request.path, socket=socket)
        active = self._hub.faults.on_request(target, self._hub.venue.now_ms())
        if active is None:
            return None
        kind = active.fault.kind
        if kind in {FaultKind.LOSE_REQUEST, FaultKind.LOSE_REPLY, FaultKind.RESET_BODY}:
            return _reset(request)
        if kind is FaultKind.NO_ANSWER:
            await _while_there(request, None)
            return _reset(request)
        if kind in {FaultKind.DELAY_REQUEST, FaultKind.DELAY_REPLY, FaultKind.TRICKLE}:
            await _while_there(request, active.fault.delay_s)
            return None
        if kind is FaultKind.DUPLICATE:
            return None
        return self._response(faulty_answer(active, self._manners, self._hub.venue.now_ms()))

    # --- any request

    def _begin(self, method: str, path: str, asked: Asked) -> tuple[RequestEntry, ActiveFault | None]:
        hub = self._hub
        entry = self._log(method, path, asked)
        target = Target(asked.account, asked.kind, path, asked.symbol, asked.client_id)
        active = hub.faults.on_request(target, hub.venue.now_ms())
        entry.fault = "" if active is None else str(active.fault.kind)
        return entry, active

    async def _apply(
        self,
        active: ActiveFault | None,
        asked: Asked,
        handler: Handler,
        entry: RequestEntry,
    ) -> Answer:
        kind = None if active is None else active.fault.kind
        if active is not None and kind is FaultKind.DELAY_REQUEST:
            await asyncio.sleep(active.fault.delay_s)
        answer = handler(entry)
        if kind is FaultKind.DUPLICATE:
            again = self._log(entry.method, entry.path, asked)
            again.fault = entry.fault
            # as through a proxy that lost the first answer and asked again: the client sees the second one
            answer = handler(again)
            again.status = answer.status
        return answer

    def _log(self, method: str, path: str, asked: Asked) -> RequestEntry:
        return self._hub.log_request(
            asked.kind,
            method,
            path,
            asked.account,
            symbol=asked.symbol,
            client_id=asked.client_id,
            order_id=asked.order_id,
        )


def _reset(request: web.Request) -> web.StreamResponse:
    reset(request.transport)
    # nobody can read this any more; aiohttp wants an answer all the same
    return web.Response(status=500)


async def _while_there(request: web.Request, seconds: float | None) -> None:
    """Wait for so long (None: for ever), but not for a client that has gone."""
    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    while request.transport is not None and not request.transport.is_closing():
        left = _GONE_EVERY_S if end is None else min(_GONE_EVERY_S, end - loop.time())
        if left <= 0:
            return
        await asyncio.sleep(left)
