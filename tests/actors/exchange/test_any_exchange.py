"""The adapter works by capability: exchanges that nobody wrote a line for, against a server that says `{}` to all."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import ccxt.pro
import pytest
from aiohttp import web

from ganglion.actors.exchange.ccxt.adapter import make_ccxt_venue
from ganglion.actors.exchange.ccxt.settings import CcxtSettings, Credentials
from ganglion.messages.lifecycle import Operation
from ganglion.messages.orders import Phase
from ganglion.messages.venue import CloseVenue, FetchMarkets, RequestFailed

KEYS = Credentials(key="k" * 20, secret="c2VjcmV0LXNlY3JldA==", password="pass-word", uid="user-id-1")
EXCHANGES = ["kraken", "bybit", "coinbase", "kucoin", "bitget", "gate", "mexc", "htx", "bitstamp", "cryptocom"]


class Clock:
    def monotonic_s(self) -> float:
        return time.monotonic()


class Box:
    """Waits for one reply."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def tell(self, message: Any) -> None:
        if getattr(message, "request_id", None) is not None and not self.reply.done():
            self.reply.set_result(message)


@contextlib.asynccontextmanager
async def server(body: str) -> AsyncIterator[str]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def pointed_at(value: Any, host: str) -> Any:
    """ccxt's own urls with every host replaced."""
    if isinstance(value, str):
        parts = urlsplit(value)
        scheme = {"https": "http", "wss": "ws"}.get(parts.scheme, parts.scheme)
        return f"{scheme}://{host}{parts.path}"
    if isinstance(value, Mapping):
        return {key: pointed_at(inner, host) for key, inner in value.items()}
    return value


async def first_reply(exchange_id: str, body: str) -> Any:
    """What comes of loading markets."""
    async with server(body) as host:
        urls = {"api": pointed_at(getattr(ccxt.pro, exchange_id)().urls["api"], host)}
        extra: dict[str, Any] = {"urls": urls}
        settings = CcxtSettings(
            name="any", id=exchange_id, symbols=("BTC/USDT",), credentials=KEYS, ccxt=extra, timeout_s=3.0
        )
        venue, box = make_ccxt_venue(settings, asyncio.get_running_loop(), Clock()), Box()
        venue.submit(FetchMarkets(1, ("BTC/USDT",)), box)
        try:
            return await asyncio.wait_for(box.reply, 10)
        finally:
            venue.submit(CloseVenue(2), box)
            running = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait_for(asyncio.gather(*running, return_exceptions=True), 10)


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_markets_that_are_an_empty_object_are_a_typed_failure(exchange_id: str) -> None:
    reply = asyncio.run(first_reply(exchange_id, "{}"))
    assert isinstance(reply, RequestFailed)
    assert (reply.failure.error, reply.failure.operation) == ("BadResponse", Operation.READ)
    assert reply.failure.phase == Phase.AFTER_REPLY
    assert "an empty object" in reply.failure.text


def test_credentials_never_reach_the_text_of_a_failure() -> None:
    reply = asyncio.run(first_reply("bybit", "<html>busy</html>"))
    assert isinstance(reply, RequestFailed)
    assert not [text for text in KEYS.for_ccxt().values() if text in reply.failure.text]
