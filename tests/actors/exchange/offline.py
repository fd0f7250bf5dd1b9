"""Unmodified ccxt.pro classes behind our adapter without any network: their session is a function of the test.

Requests leave through ccxt's own `sign` and `fetch`, replies come back through its `handle_errors` and parsers.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from ganglion.actors.exchange.ccxt.adapter import make_ccxt_venue
from ganglion.actors.exchange.ccxt.settings import CcxtSettings, Credentials
from ganglion.actors.exchange.ccxt.trace import TRACE, Trace
from ganglion.actors.exchange.venue import operation_of
from ganglion.messages.lifecycle import Failure
from ganglion.messages.venue import FromVenue, VenueRequest

KEYS = Credentials(
    key="k" * 20,
    secret="c2VjcmV0LXNlY3JldA==",
    password="pass-word",
    uid="user-id-1",
    wallet="0x" + "1" * 40,
    private_key="0x" + "2" * 64,
)
EC_KEY = """-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49
AwEHoUQDQgAEPR3tU2Fta9ktY+6P9G0cWO+0kETA6SFs38GecTyudlHz6xvCdz8q
EKTcWGekdmdDPsHloRNtsiCa697B2O9IFA==
-----END EC PRIVATE KEY-----
"""
"""The example of RFC 5915's format that many test suites carry; it opens nothing."""


class Sent(NamedTuple):
    """One HTTP request as it would have left."""

    method: str
    url: str
    body: str | None
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """Without host and query."""
        return urlsplit(self.url).path

    @property
    def fields(self) -> dict[str, Any]:
        """What it carries: query, form and JSON body in one, of a list its first."""
        found: dict[str, Any] = dict(parse_qsl(urlsplit(self.url).query))
        if self.body:
            try:
                body = json.loads(self.body)
            except ValueError:
                body = dict(parse_qsl(self.body))
            found |= body[0] if isinstance(body, list) else body
        return found

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.body or ''}"


Answer = Callable[[Sent], tuple[int, str]]


class Response:
    """What ccxt reads of aiohttp's."""

    def __init__(self, status: int, body: str) -> None:
        self.status, self.reason, self.headers, self._body = status, "", {"Content-Type": "application/json"}, body

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Nothing is held."""

    async def text(self, **_how: object) -> str:
        """The body."""
        return self._body


class Session:
    """What ccxt uses of aiohttp's."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.sent: list[Sent] = []
        self.headers: dict[str, str] = {}

    def _request(self, method: str, url: object, data: object, headers: dict[str, str]) -> Response:
        body = data.decode() if isinstance(data, bytes) else None
        sent = Sent(method, str(url), body, dict(headers))
        self.sent.append(sent)
        trace = TRACE.get()
        if trace is not None:
            trace.leaves()
        return Response(*self.answer(sent))

    def get(self, url: object, data: object = None, headers: Any = None, **_rest: object) -> Response:
        """As aiohttp's."""
        return self._request("GET", url, data, headers)

    def post(self, url: object, data: object = None, headers: Any = None, **_rest: object) -> Response:
        """As aiohttp's."""
        return self._request("POST", url, data, headers)

    def delete(self, url: object, data: object = None, headers: Any = None, **_rest: object) -> Response:
        """As aiohttp's."""
        return self._request("DELETE", url, data, headers)

    async def close(self) -> None:
        """Nothing is open."""


class Clock:
    def monotonic_s(self) -> float:
        return time.monotonic()


class Offline:
    """One venue of ours on one exchange class."""

    def __init__(self, exchange_id: str, **ccxt_config: Any) -> None:
        self.loop = asyncio.new_event_loop()
        keys = KEYS
        if exchange_id == "coinbase":
            keys = Credentials(key="organizations/o/apiKeys/k", secret=EC_KEY)
        settings = CcxtSettings(
            name="any", id=exchange_id, symbols=("BTC/USDT",), credentials=keys, live=True, ccxt=ccxt_config
        )
        self.venue: Any = make_ccxt_venue(settings, self.loop, Clock())
        self.quirks = self.venue.quirks
        self.exchange = self.venue._exchange
        self.answer: Answer = lambda _sent: (200, "{}")
        self.session = Session(self._answered)
        self.exchange.session = self.session
        self.exchange.own_session = False
        self.exchange.asyncio_loop = self.loop
        quote = "USDC" if exchange_id in {"hyperliquid", "coinbase"} else "USDT"
        self.symbol = f"BTC/{quote}"
        self.exchange.set_markets([market(self.exchange, quote)], {})

    def _answered(self, sent: Sent) -> tuple[int, str]:
        return self.answer(sent)

    def close(self) -> None:
        """Nothing is open that would have to be closed."""
        self.exchange.session = None
        self.loop.close()

    def ask(self, request: VenueRequest) -> FromVenue | Failure:
        """The reply to one request, or how it failed."""
        return self.loop.run_until_complete(self._ask(request))

    async def _ask(self, request: VenueRequest) -> FromVenue | Failure:
        self.trace = Trace(operation_of(request))
        TRACE.set(self.trace)
        try:
            return await self.venue._requests.answer(request, self.trace)
        except Exception as error:  # noqa: BLE001 (what came of it is what the test looks at)
            self.error = error
            return self.venue._describe(error, self.trace)

    @property
    def sent(self) -> list[Sent]:
        """What left so far."""
        return self.session.sent


def market(exchange: Any, quote: str) -> dict[str, Any]:
    """A market as every class of ccxt's can use it."""
    raw = {
        "id": "@142" if exchange.id == "hyperliquid" else f"BTC{quote}",
        "symbol": f"BTC/{quote}",
        "base": "BTC",
        "quote": quote,
        "baseId": "10142" if exchange.id == "hyperliquid" else "BTC",
        "quoteId": quote,
        "type": "spot",
        "spot": True,
        "active": True,
        "contract": False,
        "precision": {"amount": "0.0001", "price": "0.01", "cost": "0.01", "base": "0.0001", "quote": "0.01"},
        "limits": {"amount": {"min": "0.0001"}, "price": {}, "cost": {"min": "1"}, "leverage": {}},
        "info": {"orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"], "name": "@142"},
    }
    return dict(exchange.safe_market_structure(raw))


def each(value: Any) -> Iterator[Any]:
    """A parsed body and all that is in it."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from each(item)
