"""Checks a streamed book against the checksum that its frame carries, where ccxt cannot.

Some venues number nothing: a frame that is lost leaves a book that looks whole and is wrong, and only the checksum
shows it. ccxt's own check needs the digits as they stood on the wire, which its floats have lost; here they are made
again with the market's decimals. Whether a venue's frames are checked so is per-venue data (`Quirks.book_checksum`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from ganglion.actors.exchange.quirks import ChecksumRule
from ganglion.messages.values import Symbol

LEVELS = 10


class BookChecksum:
    """Judges the frames of one venue.

    Args:
        rule: Of the venue.
        exchange: ccxt's, which has handled the frame already.
        failed: Takes the market of a book that is wrong, and why.
    """

    def __init__(self, rule: ChecksumRule, exchange: Any, failed: Callable[[Symbol, str], None]) -> None:
        self._rule = rule
        self._mark = f'"{rule.channel}"'
        self._exchange = exchange
        self._failed = failed
        self._decimals: dict[Symbol, tuple[int, int]] = {}

    def frame(self, text: str) -> None:
        """Judge the books that a frame changed."""
        if self._mark not in text:
            return
        frame = msgspec.json.decode(text)
        if not isinstance(frame, dict) or frame.get("channel") != self._rule.channel:
            return
        for entry in frame.get("data") or ():
            symbol, wanted = entry.get("symbol"), entry.get("checksum")
            book = self._exchange.orderbooks.get(symbol)
            if book is not None and wanted is not None and self._sum(symbol, book) != wanted:
                self._failed(symbol, "the venue's checksum of its book is another: something was lost")

    def _sum(self, symbol: Symbol, book: Any) -> int:
        price, size = self._decimals_of(symbol)
        digits = [*_digits(book["asks"], price, size), *_digits(book["bids"], price, size)]
        return zlib.crc32("".join(digits).encode())

    def _decimals_of(self, symbol: Symbol) -> tuple[int, int]:
        known = self._decimals.get(symbol)
        if known is None:
            precision = self._exchange.markets[symbol]["precision"]
            known = self._decimals[symbol] = (_decimals(precision["price"]), _decimals(precision["amount"]))
        return known


def _decimals(step: object) -> int:
    exponent = Decimal(str(step)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _digits(side: Iterable[Any], price_decimals: int, size_decimals: int) -> Iterable[str]:
    for number, (price, size, *_) in enumerate(side):
        if number == LEVELS:
            return
        yield f"{float(price):.{price_decimals}f}".replace(".", "").lstrip("0")
        yield f"{float(size):.{size_decimals}f}".replace(".", "").lstrip("0")
