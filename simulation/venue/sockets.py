"""One WebSocket from its opening to its end, for every dialect: handshake, queue, pings, and who is told it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import WSMsgType, web

from ganglion.simulation.venue.gate import Gate
from ganglion.simulation.venue.wire import Connection, Hub

CLOSE_S = 1.0
"""How long a client may take to say goodbye."""


async def run_socket(
    hub: Hub,
    gate: Gate,
    request: web.Request,
    kind: str,
    *,
    ping_s: float,
    opened: Callable[[Connection], None],
    answer: Callable[[Connection, str], None],
    closed: Callable[[Connection], None],
) -> web.StreamResponse:
    """Accept a WebSocket and serve it until it ends.

    Args:
        hub: the server's.
        gate: asked for a fault of the handshake.
        request: the one to upgrade.
        kind: `market` or `user`.
        ping_s: how often the venue pings.
        opened: called with the new connection.
        answer: called with each text frame of the client.
        closed: called when the connection is gone.
    """
    refused = await gate.handshake(request, kind)
    if refused is not None:
        return refused
    # pings are answered here and not by aiohttp, so that a fault can be against it
    socket = web.WebSocketResponse(heartbeat=ping_s, timeout=CLOSE_S, autoping=False)
    await socket.prepare(request)
    connection = Connection(hub, socket, request, kind)
    hub.connections[connection.id] = connection
    opened(connection)
    writer = asyncio.get_running_loop().create_task(connection.write())
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                answer(connection, message.data)
            elif message.type is WSMsgType.PING:
                await connection.pong(message.data)
            elif message.type is WSMsgType.ERROR:
                break
    finally:
        writer.cancel()
        closed(connection)
        hub.connections.pop(connection.id, None)
    return socket
