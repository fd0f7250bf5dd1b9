"""A small venue that plays a recorded Binance spot stream to ccxt.pro, as fast as its trades are taken.

The recording has no REST snapshot, so the book starts at nonce U - 1 with one far-off level a side.
"""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

SYMBOL, MARKET = "BTC/USDT", "BTCUSDT"
AHEAD = 500  # trades on the way at most: ccxt keeps the last 1,000, and a real venue never sends more at once


def recording(folder: Path) -> dict[str, list[str]]:
    """Frames by stream name, as text."""
    streams: dict[str, list[str]] = {}
    with gzip.open(folder / "binance_spot" / "binance_spot_btcusdt_20240809.gz", "rt") as lines:
        for line in lines:
            frame = json.loads(line.partition(" ")[2])
            streams.setdefault(frame["stream"], []).append(json.dumps(frame["data"]))
    return streams


class ReplayVenue:
    """Serves one recording, once per connection."""

    def __init__(self, streams: dict[str, list[str]]) -> None:
        self.streams = streams
        self.trades_taken: Callable[[], int] = lambda: 0
        self.depth = next(frames for name, frames in streams.items() if "@depth" in name)
        self.snapshot_read = asyncio.Event()
        self.base_url = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["ReplayVenue"]:
        app = web.Application()
        app.router.add_get("/api/v3/exchangeInfo", self.info)
        app.router.add_get("/api/v3/time", self.time)
        app.router.add_get("/api/v3/depth", self.book)
        app.router.add_get("/stream/{tail:.*}", self.stream)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def info(self, _request: web.Request) -> web.Response:
        filters = [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        ]
        market: dict[str, Any] = {
            "symbol": MARKET,
            "status": "TRADING",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "permissions": ["SPOT"],
            "isSpotTradingAllowed": True,
            "filters": filters,
        }
        return web.json_response({"timezone": "UTC", "symbols": [market]})

    async def time(self, _request: web.Request) -> web.Response:
        return web.json_response({"serverTime": json.loads(self.depth[0])["E"]})

    async def book(self, _request: web.Request) -> web.Response:
        nonce = json.loads(self.depth[0])["U"] - 1
        self.snapshot_read.set()
        return web.json_response({"lastUpdateId": nonce, "bids": [["1.00", "1"]], "asks": [["900000.00", "1"]]})

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            wanted = json.loads(message.data)
            await socket.send_json({"result": None, "id": wanted["id"]})
            for name in wanted.get("params", []):
                if "@depth" in name:
                    await self.snapshot_read.wait()
                for index, frame in enumerate(self.streams.get(name, [])):
                    while "@trade" in name and index - self.trades_taken() >= AHEAD:  # noqa: ASYNC110 (another thread counts)
                        await asyncio.sleep(0.002)
                    await socket.send_str(frame)
        return socket
