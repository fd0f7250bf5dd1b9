"""Kraken's WebSocket v2 frames: numbers as JSON numbers, acknowledgements, the book's checksum.

https://docs.kraken.com/exchange/guides/websockets/book-v2-checksum (read 2025): CRC32 over the best ten asks (lowest
first), then the best ten bids (highest first), each as its price and quantity without the point and leading zeros.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from ganglion.simulation.venue.dialects.kraken.params import wire_time
from ganglion.simulation.venue.dialects.kraken.render import Json, decimals_of
from ganglion.simulation.venue.markets import Market

CHECKED_LEVELS = 10
Levels = Iterable[tuple[Decimal, Decimal]]

_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(frame: object) -> str:
    """A frame as text; every Decimal in it becomes a JSON number with the decimals it has."""
    return _encoder.encode(frame).decode()


def number(value: Decimal, decimals: int = 8) -> Decimal:
    """A number that goes out with so many decimals."""
    return Decimal(f"{value:.{decimals}f}")


def price_of(value: Decimal, market: Market) -> Decimal:
    """A price with the market's decimals."""
    return number(value, decimals_of(market.tick))


def size_of(value: Decimal, market: Market) -> Decimal:
    """A quantity with the market's decimals."""
    return number(value, decimals_of(market.step))


def checksum(bids: Levels, asks: Levels, market: Market) -> int:
    """The checksum of a book, whose sides are given from the best level on."""
    places, size_places = decimals_of(market.tick), decimals_of(market.step)
    text = ""
    for side in (asks, bids):
        for price, size in list(side)[:CHECKED_LEVELS]:
            text += _digits(f"{price:.{places}f}") + _digits(f"{size:.{size_places}f}")
    return zlib.crc32(text.encode())


def _digits(text: str) -> str:
    return text.replace(".", "").lstrip("0")


def accepted(method: str, req_id: int | None, result: object, now_ms: int) -> Json:
    """The answer to a request that was done."""
    return _answer(method, req_id, now_ms, {"result": result, "success": True})


def refused(method: str, req_id: int | None, text: str, now_ms: int) -> Json:
    """The answer to a request that was refused."""
    return _answer(method, req_id, now_ms, {"error": text, "success": False})


def _answer(method: str, req_id: int | None, now_ms: int, outcome: Json) -> Json:
    at = wire_time(now_ms)
    answer: Json = {"method": method, **outcome, "time_in": at, "time_out": at}
    if req_id is not None:
        answer["req_id"] = req_id
    return answer
