"""The dialect put together: its endpoints, and the clocks of its streams and switches. `server.py` runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from aiohttp import web

from ganglion.simulation.venue.answers import Answer
from ganglion.simulation.venue.dialects.kraken import ccxt_settings
from ganglion.simulation.venue.dialects.kraken.account import AccountApi
from ganglion.simulation.venue.dialects.kraken.manners import ANSWERS, KrakenManners
from ganglion.simulation.venue.dialects.kraken.names import Pairs
from ganglion.simulation.venue.dialects.kraken.public import PublicApi
from ganglion.simulation.venue.dialects.kraken.rest import KrakenRest
from ganglion.simulation.venue.dialects.kraken.signing import Keys
from ganglion.simulation.venue.dialects.kraken.socket_orders import SocketOrders
from ganglion.simulation.venue.dialects.kraken.sockets import KrakenSockets
from ganglion.simulation.venue.dialects.kraken.trading import TradingApi
from ganglion.simulation.venue.gate import Gate
from ganglion.simulation.venue.wire import Hub

STEP_MS = 50
BOOKS_MS = 100
SUMMARIES_MS = 250
HEARTBEAT_MS = 1_000


class KrakenDialect:
    """Everything of the dialect that a server needs: see `face.Dialect`."""

    answers: ClassVar[Mapping[str, Answer]] = ANSWERS

    def __init__(self, hub: Hub) -> None:
        venue = hub.venue
        pairs, keys = Pairs(venue.engine.markets.values()), Keys(venue.secrets)
        public = PublicApi(venue, pairs)
        self._venue = venue
        self._trading = TradingApi(venue, public)
        gate = Gate(hub, KrakenManners())
        account = AccountApi(venue, public, hub.faults, keys)
        self.rest = KrakenRest(hub, gate, public, self._trading, account, keys)
        self.sockets = KrakenSockets(hub, gate, pairs, keys, SocketOrders(venue, self.rest, self._trading))

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the dialect's endpoints on the server."""
        self.rest.add_routes(router)
        self.sockets.add_routes(router)

    @staticmethod
    def api_secret(secret: str) -> str:
        """The account's secret in base64."""
        return ccxt_settings.api_secret(secret)

    @staticmethod
    def python_text(base_url: str, key: str, secret: str) -> str:
        """Settings of an unmodified ccxt as Python that can be pasted."""
        return ccxt_settings.python_text(base_url, key, secret)

    @staticmethod
    def toml_text(base_url: str, symbols: tuple[str, ...]) -> str:
        """The same as a section of a ganglion configuration."""
        return ccxt_settings.toml_text(base_url, symbols)

    async def run(self) -> None:
        """Send the frames that wait for a clock, end what is over, until canceled."""
        streams = self.sockets.streams
        count = 0
        while True:
            await asyncio.sleep(STEP_MS / 1000)
            count += STEP_MS
            self._trading.trip_switches()
            self._venue.expire_due()
            if count % BOOKS_MS == 0:
                streams.tick_books()
            if count % SUMMARIES_MS == 0:
                streams.tick_summaries()
            if count % HEARTBEAT_MS == 0:
                self.sockets.beat()
