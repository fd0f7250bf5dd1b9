"""Makes the record of a run from what the witness has seen, the data, and the opening balances.

Nothing of it costs the run anything: equity and inventory follow from fills and prices, so the curves are worked out
afterwards. Prices are sampled to some ten thousand points; every fill is one as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from ganglion.messages.orders import Fill
from ganglion.messages.values import ZERO, Asset, Symbol, base_of, quote_of
from ganglion.simulation.backtest.witness import Seen
from ganglion.simulation.data import Bars, Series
from ganglion.simulation.figures import Curve, FillRecord, MarketRecord, ModeRecord

POINTS = 50_000
"""Samples of all markets together."""


class Prices(Protocol):
    """The prices of one market, as far as the run went through them."""

    @property
    def series(self) -> Series:
        """All of them."""

    @property
    def name(self) -> str:
        """The exchange's."""

    @property
    def symbol(self) -> Symbol:
        """The market's."""

    @property
    def rows(self) -> int:
        """Gone through."""

    def price_at(self, row: int) -> float:
        """The market's price after a row."""


@dataclass(frozen=True, slots=True)
class ModePlace:
    """A trading mode, as the record needs it."""

    name: str
    exchange: str
    symbol: Symbol
    kind: str
    share: Decimal
    """Of its account's opening balances."""
    parameters: Mapping[str, str] = field(default_factory=dict)


class Rates:
    """What an asset is worth in the reference currency, by the last prices."""

    def __init__(self, reference: Asset) -> None:
        self._reference = reference
        self._prices: dict[Symbol, float] = {}
        self._known: dict[Asset, Symbol] = {}

    def price(self, symbol: Symbol, price: float) -> None:
        """A market's price is this from now on."""
        if symbol not in self._prices:
            base, quote = base_of(symbol), quote_of(symbol)
            if quote == self._reference:
                self._known.setdefault(base, symbol)
            elif base == self._reference:
                self._known.setdefault(quote, symbol)
        self._prices[symbol] = price

    def rate(self, asset: Asset) -> float:
        """What one unit is worth; 0 where no market of the run says."""
        if asset == self._reference:
            return 1.0
        symbol = self._known.get(asset)
        if symbol is None:
            return 0.0
        price = self._prices[symbol]
        return price if base_of(symbol) == asset else 1 / price


@dataclass(slots=True)
class Purse:
    """What somebody holds, as floats, and its curve."""

    holds: dict[Asset, float]
    curve: Curve = field(default_factory=Curve)
    inventory: Curve = field(default_factory=Curve)
    base: Asset = ""

    def worth(self, rates: Rates) -> float:
        """In the reference currency."""
        return sum(amount * rates.rate(asset) for asset, amount in self.holds.items())

    def note(self, time_ms: int, rates: Rates) -> None:
        """A point of the curves."""
        self.curve.note(time_ms, self.worth(rates))
        if self.base:
            self.inventory.note(time_ms, self.holds.get(self.base, 0.0))

    def take(self, fill: Fill) -> None:
        """What a fill moves."""
        base, quote, sign = base_of(fill.symbol), quote_of(fill.symbol), fill.side.sign
        amount = float(fill.amount)
        self.holds[base] = self.holds.get(base, 0.0) + sign * amount
        self.holds[quote] = self.holds.get(quote, 0.0) - sign * amount * float(fill.price)
        self.holds[fill.fee_asset] = self.holds.get(fill.fee_asset, 0.0) - float(fill.fee)


@dataclass(slots=True)
class Curves:
    """All curves of a run, and its fills as the record has them."""

    total: Purse
    modes: dict[str, Purse]
    fills: list[FillRecord]
    rates: Rates


def curves_of(
    feeds: Sequence[Prices],
    seen: Seen,
    modes: Sequence[ModePlace],
    opening: Mapping[str, Mapping[Asset, Decimal]],
    reference: Asset,
) -> Curves:
    """Walk through prices and fills once.

    Args:
        feeds: as they were gone through.
        seen: by the witness.
        modes: of the bot.
        opening: balances by exchange.
        reference: currency of the curves.
    """
    rates = Rates(reference)
    whole: dict[Asset, float] = {}
    for balances in opening.values():
        for asset, amount in balances.items():
            whole[asset] = whole.get(asset, 0.0) + float(amount)
    total = Purse(whole)
    own = {mode.name: _purse_of(mode, opening.get(mode.exchange, {})) for mode in modes}
    for feed in feeds:
        if feed.rows:
            first = feed.series.open[0] if isinstance(feed.series, Bars) else feed.price_at(0)
            rates.price(feed.symbol, first)
    fills = sorted(seen.fills, key=lambda fill: fill.timestamp_ms)
    records: list[FillRecord] = []
    done = 0
    for time_ms, symbol, price in prices_of(feeds):
        while done < len(fills) and fills[done].timestamp_ms <= time_ms:
            fill = fills[done]
            done += 1
            total.take(fill)
            records.append(_record_of(fill, seen, rates))
            if fill.mode in own:
                own[fill.mode].take(fill)
        rates.price(symbol, price)
        total.note(time_ms, rates)
        for purse in own.values():
            purse.note(time_ms, rates)
    return Curves(total, own, records, rates)


def _purse_of(mode: ModePlace, opening: Mapping[Asset, Decimal]) -> Purse:
    base, quote = base_of(mode.symbol), quote_of(mode.symbol)
    holds = {asset: float(opening.get(asset, ZERO) * mode.share) for asset in (base, quote)}
    return Purse(holds, base=base)


def prices_of(feeds: Sequence[Prices]) -> Iterator[tuple[int, Symbol, float]]:
    """Sampled prices of all markets by time; the last one of each is among them."""
    every = max(1, -(-sum(feed.rows for feed in feeds) // POINTS))
    points: list[tuple[int, Symbol, float]] = []
    for feed in feeds:
        if not feed.rows:
            continue
        series = feed.series
        rows = [*range(every - 1, feed.rows - 1, every), feed.rows - 1]
        if isinstance(series, Bars):
            points += [(series.open_ms[row] + series.length_ms, feed.symbol, series.close[row]) for row in rows]
        else:
            points += [(series.time_ms[row], feed.symbol, feed.price_at(row)) for row in rows]
    points.sort(key=lambda point: point[0])
    yield from points


def _record_of(fill: Fill, seen: Seen, rates: Rates) -> FillRecord:
    worth = None
    if fill.fee and fill.fee_asset not in (base_of(fill.symbol), quote_of(fill.symbol)):
        rate = rates.rate(quote_of(fill.symbol))
        worth = Decimal(repr(float(fill.fee) * rates.rate(fill.fee_asset) / rate)) if rate else None
    return FillRecord(
        time_ms=fill.timestamp_ms,
        mode=fill.mode or "",
        exchange=fill.account,
        symbol=fill.symbol,
        side=fill.side,
        price=fill.price,
        amount=fill.amount,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        liquidity=fill.liquidity,
        order_id=fill.client_id or "",
        reason=seen.reasons.get(fill.client_id or "", ""),
        fee_value=worth,
        rate=rates.rate(quote_of(fill.symbol)) or 1.0,
    )


def markets_of(feeds: Sequence[Prices], rates: Rates) -> list[MarketRecord]:
    """Every market with its price curve."""
    found: list[MarketRecord] = []
    for feed in feeds:
        curve = Curve()
        for time_ms, _, price in prices_of([feed]):
            curve.note(time_ms, price)
        facts, series = feed.series.facts, feed.series
        found.append(
            MarketRecord(
                exchange=feed.name,
                symbol=feed.symbol,
                price=curve,
                kind=f"bars {series.timeframe}" if isinstance(series, Bars) else series.kind,
                source=", ".join(facts.files),
                rows=feed.rows,
                gaps=len(facts.gaps),
                dropped=facts.duplicates + facts.skipped,
                rate=rates.rate(quote_of(feed.symbol)) or 1.0,
            )
        )
    return found


def modes_of(
    modes: Sequence[ModePlace], curves: Curves, seen: Seen, opening: Mapping[str, Mapping[Asset, Decimal]]
) -> list[ModeRecord]:
    """Every mode; how its orders ended is filled in by whoever asks the bot."""
    return [
        ModeRecord(
            name=mode.name,
            exchange=mode.exchange,
            symbol=mode.symbol,
            kind=mode.kind,
            parameters=dict(mode.parameters),
            opening_base=opening.get(mode.exchange, {}).get(base_of(mode.symbol), ZERO) * mode.share,
            equity=curves.modes[mode.name].curve,
            inventory=curves.modes[mode.name].inventory,
            denials=dict(seen.denials.get(mode.name, Counter())),
        )
        for mode in modes
    ]
