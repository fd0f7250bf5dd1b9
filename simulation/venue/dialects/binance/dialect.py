"""The dialect put together: its endpoints, and the clock of its streams. `server.py` runs it."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ganglion.simulation.venue.dialects.binance.market_streams import FAST_MS, KLINE_MS, SLOW_MS
from ganglion.simulation.venue.dialects.binance.public import PublicApi
from ganglion.simulation.venue.dialects.binance.rest import BinanceRest
from ganglion.simulation.venue.dialects.binance.trading import TradingApi
from ganglion.simulation.venue.dialects.binance.websocket_api import BinanceSockets
from ganglion.simulation.venue.wire import Hub


class BinanceDialect:
    """Everything of the dialect that a server needs: routes, and the clock of its streams."""

    def __init__(self, hub: Hub) -> None:
        public = PublicApi(hub.venue)
        trading = TradingApi(hub.venue, public, hub.faults)
        self.rest = BinanceRest(hub, public, trading)
        self.sockets = BinanceSockets(hub, public, trading)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the dialect's endpoints on the server."""
        self.rest.add_routes(router)
        self.sockets.add_routes(router)

    async def run(self) -> None:
        """Send the frames that wait for a clock, until canceled."""
        streams = self.sockets.streams
        count = 0
        step_ms = 50
        while True:
            await asyncio.sleep(step_ms / 1000)
            count += step_ms
            if count % FAST_MS == 0:
                streams.tick_fast()
            if count % KLINE_MS == 0:
                streams.tick_klines()
            if count % SLOW_MS == 0:
                streams.tick_slow()
