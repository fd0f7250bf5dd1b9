"""The dialect put together: its endpoints, and the clock of its streams. `server.py` runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from aiohttp import web

from ganglion.simulation.venue.answers import Answer
from ganglion.simulation.venue.dialects.binance import ccxt_settings
from ganglion.simulation.venue.dialects.binance.manners import ANSWERS, BinanceManners
from ganglion.simulation.venue.dialects.binance.market_streams import FAST_MS, KLINE_MS, SLOW_MS
from ganglion.simulation.venue.dialects.binance.public import PublicApi
from ganglion.simulation.venue.dialects.binance.rest import BinanceRest
from ganglion.simulation.venue.dialects.binance.trading import TradingApi
from ganglion.simulation.venue.dialects.binance.websocket_api import BinanceSockets
from ganglion.simulation.venue.gate import Gate
from ganglion.simulation.venue.wire import Hub


class BinanceDialect:
    """Everything of the dialect that a server needs: see `face.Dialect`."""

    answers: ClassVar[Mapping[str, Answer]] = ANSWERS

    def __init__(self, hub: Hub) -> None:
        public = PublicApi(hub.venue)
        trading = TradingApi(hub.venue, public, hub.faults)
        gate = Gate(hub, BinanceManners(hub))
        self.rest = BinanceRest(hub, gate, public, trading)
        self.sockets = BinanceSockets(hub, gate, public, trading)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the dialect's endpoints on the server."""
        self.rest.add_routes(router)
        self.sockets.add_routes(router)

    @staticmethod
    def api_secret(secret: str) -> str:
        """The account's secret itself."""
        return secret

    @staticmethod
    def python_text(base_url: str, key: str, secret: str) -> str:
        """Settings of an unmodified ccxt as Python that can be pasted."""
        return ccxt_settings.python_text(base_url, key, secret)

    @staticmethod
    def toml_text(base_url: str, symbols: tuple[str, ...]) -> str:
        """The same as a section of a ganglion configuration."""
        return ccxt_settings.toml_text(base_url, symbols)

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
