"""The listening socket of a venue, which a fault can close for a time: connections are refused, open ones reset."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ganglion.simulation.venue.wire import reset

_ANSWER_S = 0.05
"""Time for the control endpoint to have answered the request that closes the door."""


class Door:
    """Where one server listens."""

    def __init__(self, runner: web.AppRunner, host: str, port: int) -> None:
        self._runner = runner
        self._host = host
        self._port = port
        self._site: web.TCPSite | None = None
        self._closed: asyncio.Task[None] | None = None
        self._open_at_s = 0.0

    async def open(self) -> int:
        """Listen; the port.

        Raises:
            OSError: when the address cannot be had.
        """
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._site = site
        self._port = int(self._runner.addresses[0][1])
        return self._port

    def refuse(self, seconds: float) -> None:
        """Close the door for so long; a second call makes it longer."""
        now = asyncio.get_running_loop().time()
        self._open_at_s = max(self._open_at_s, now + seconds)
        if self._closed is None or self._closed.done():
            self._closed = asyncio.get_running_loop().create_task(self._stay_closed())

    def close(self) -> None:
        """Stay as it is: the server ends."""
        if self._closed is not None:
            self._closed.cancel()

    async def _stay_closed(self) -> None:
        await asyncio.sleep(_ANSWER_S)
        loop = asyncio.get_running_loop()
        if self._site is not None:
            await self._site.stop()
        server = self._runner.server
        for connection in list(server.connections) if server is not None else ():
            reset(connection.transport)
        while (left_s := self._open_at_s - loop.time()) > 0:  # noqa: ASYNC110  it can become longer meanwhile
            await asyncio.sleep(left_s)
        await self.open()
