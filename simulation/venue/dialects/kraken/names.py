"""Kraken's names: assets (XXBT, ZUSD), pairs (XXBTZUSD, XBTUSDT), ids of orders, trades and amendments.

https://docs.kraken.com/api-reference/market-data/get-tradable-asset-pairs (read 2025): the oldest assets carry an X or
Z in front; a pair of two such assets is named by both long names, any other by the short ones. WebSocket v2 writes the
names that everybody else uses (BTC/USD).

Ids are made from the engine's own numbers and can be read back, so that they outlive a restart of the venue: the
market as a checksum of its symbol, then the number.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ganglion.simulation.venue.markets import Market

_SHORT = {"BTC": "XBT", "DOGE": "XDG"}
_WITH_X = frozenset({"XBT", "XDG", "ETH", "ETC", "LTC", "MLN", "REP", "XLM", "XMR", "XRP", "ZEC"})
_WITH_Z = frozenset({"USD", "EUR", "GBP", "CAD", "JPY", "AUD"})
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARKET_DIGITS = 7
_NUMBER_DIGITS = 9


def short_asset(asset: str) -> str:
    """The name without a prefix: BTC is XBT."""
    return _SHORT.get(asset, asset)


def long_asset(asset: str) -> str:
    """The name that balances come under: BTC is XXBT, USDT is USDT."""
    short = short_asset(asset)
    if short in _WITH_X:
        return "X" + short
    return "Z" + short if short in _WITH_Z else short


@dataclass(frozen=True, slots=True)
class Pair:
    """One market under all of Kraken's names for it."""

    market: Market

    @property
    def id(self) -> str:
        """The key of answers: XXBTZUSD, XBTUSDT."""
        base, quote = long_asset(self.market.base), long_asset(self.market.quote)
        prefixed = base != short_asset(self.market.base) and quote != short_asset(self.market.quote)
        return base + quote if prefixed else self.altname

    @property
    def altname(self) -> str:
        """Short names together: XBTUSD."""
        return short_asset(self.market.base) + short_asset(self.market.quote)

    @property
    def wsname(self) -> str:
        """The name of the first WebSocket protocol: XBT/USD."""
        return f"{short_asset(self.market.base)}/{short_asset(self.market.quote)}"


class Pairs:
    """All markets of one venue, found by any of their names."""

    def __init__(self, markets: Iterable[Market]) -> None:
        self.all = tuple(Pair(market) for market in markets)
        self.by_symbol: dict[str, Pair] = {pair.market.symbol: pair for pair in self.all}
        self._by_name: dict[str, Pair] = {}
        self._by_checksum: dict[str, Pair] = {}
        for pair in self.all:
            for name in (pair.id, pair.altname, pair.wsname, pair.market.symbol):
                self._by_name[name] = pair
            self._by_checksum[_checksum(pair.market.symbol)] = pair

    def named(self, name: str) -> Pair | None:
        """The pair of that id, alternative name, wsname or symbol."""
        return self._by_name.get(name)

    def order_id(self, symbol: str, number: int) -> str:
        """The id of an order: OXXXXX-XXXXX-XXXXXX."""
        return _id("O", symbol, number)

    def trade_id(self, symbol: str, number: int) -> str:
        """The id of an own trade: TXXXXX-XXXXX-XXXXXX."""
        return _id("T", symbol, number)

    def read_id(self, text: str) -> tuple[str, int] | None:
        """Symbol and number in an id that was made here; None for any other text."""
        plain = text.replace("-", "")[1:]
        if len(plain) != _MARKET_DIGITS + _NUMBER_DIGITS or set(plain) - set(_DIGITS):
            return None
        pair = self._by_checksum.get(plain[:_MARKET_DIGITS])
        return None if pair is None else (pair.market.symbol, int(plain[_MARKET_DIGITS:], 36))


def balances_by_asset(held: Mapping[str, object]) -> dict[str, str]:
    """Kraken's long name for each asset held, in order."""
    return {asset: long_asset(asset) for asset in sorted(held)}


def _id(letter: str, symbol: str, number: int) -> str:
    digits = _checksum(symbol) + _base36(number, _NUMBER_DIGITS)
    return f"{letter}{digits[:5]}-{digits[5:10]}-{digits[10:]}"


def _checksum(symbol: str) -> str:
    return _base36(zlib.crc32(symbol.encode()), _MARKET_DIGITS)


def _base36(number: int, width: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits.rjust(width, "0")
