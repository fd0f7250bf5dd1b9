"""What a venue remembers of its trading: recent public trades, and candles for any interval.

Candles before the venue's start come from a seed (so that a client can warm up), later ones from the trades
themselves: open, high, low, close, volume, count and the takers' share always equal what the trade list says. Like
Binance, an interval in which nothing traded is a flat candle with volume zero.

Pure data, fed by `core.py`, read by the dialects.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from ganglion.messages.values import ZERO, Side
from ganglion.simulation.venue.events import Fill
from ganglion.simulation.venue.markets import Market

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

INTERVALS_MS: dict[str, int] = {
    "1s": SECOND_MS,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
    "1M": 31 * DAY_MS,
}
"""Interval names and lengths; a month's real length depends on the month (`bucket_start`)."""

HISTORY_MINUTES = 1_500
HISTORY_HOURS = 1_440
_TRADES_KEPT = 50_000
_SECONDS_KEPT = 3_600
_MONDAY_MS = 4 * DAY_MS
"""1970-01-01 was a Thursday; weeks begin on Mondays."""


@dataclass(slots=True)
class Candle:
    """One interval of trading; volumes in base, `quote_volume` and `taker_quote` in quote."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    count: int = 0
    taker_base: Decimal = ZERO
    taker_quote: Decimal = ZERO

    def add(self, fill: Fill) -> None:
        """Count one trade in."""
        self.high = max(self.high, fill.price)
        self.low = min(self.low, fill.price)
        self.close = fill.price
        self.volume += fill.quantity
        self.quote_volume += fill.quote
        self.count += 1
        if fill.taker_side is Side.BUY:
            self.taker_base += fill.quantity
            self.taker_quote += fill.quote

    def merge(self, later: Candle) -> None:
        """Append a later candle to this one."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.count += later.count
        self.taker_base += later.taker_base
        self.taker_quote += later.taker_quote


def bucket_start(interval: str, time_ms: int) -> int:
    """When the candle of `interval` that contains `time_ms` opens."""
    if interval == "1M":
        moment = datetime.fromtimestamp(time_ms / 1000, UTC)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp() * 1000)
    length = INTERVALS_MS[interval]
    offset = _MONDAY_MS if interval == "1w" else 0
    return (time_ms - offset) // length * length + offset


def bucket_end(interval: str, start_ms: int) -> int:
    """When the candle that opens at `start_ms` ends (the first millisecond of the next one)."""
    if interval == "1M":
        return bucket_start("1M", start_ms + 32 * DAY_MS)
    return start_ms + INTERVALS_MS[interval]


class Tape:
    """Public trades and candles of one symbol.

    Args:
        market: its scale starts the history.
        seed: of the candles before `start_ms`.
        start_ms: when the venue first opened, milliseconds since 1970.
    """

    def __init__(self, market: Market, seed: int, start_ms: int) -> None:
        self.market = market
        self.trades: deque[Fill] = deque(maxlen=_TRADES_KEPT)
        self._seconds: deque[Candle] = deque(maxlen=_SECONDS_KEPT)
        self._minutes: list[Candle] = []
        """Of the trades, behind the invented ones once somebody has asked for those."""
        self._past: tuple[int, int] | None = (seed, start_ms)
        """What the invented candles follow from; None once they are there. Inventing them takes long."""
        self._invented_hours: list[Candle] = []
        self._minute_history_ms = 0

    @property
    def minutes(self) -> list[Candle]:
        """One candle a minute, invented ones first."""
        self._recall()
        return self._minutes

    @property
    def _hours(self) -> list[Candle]:
        """One invented candle an hour, before the minutes."""
        self._recall()
        return self._invented_hours

    def _recall(self) -> None:
        if self._past is not None:
            seed, start_ms = self._past
            self._past = None
            self._invent(seed, start_ms)

    def add(self, fill: Fill) -> None:
        """Count one trade in; trades come in the order of their ids."""
        self.trades.append(fill)
        _add_to(self._minutes, fill, MINUTE_MS)
        _add_to(self._seconds, fill, SECOND_MS)

    def latest(self, limit: int) -> list[Fill]:
        """The last `limit` trades, oldest first."""
        size = len(self.trades)
        return [self.trades[index] for index in range(max(0, size - limit), size)]

    def select(
        self,
        limit: int,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Fill]:
        """Up to `limit` trades: from an id or a time on, oldest first; without either, the latest."""
        if from_id is None and start_ms is None:
            chosen = [f for f in self.latest(_TRADES_KEPT) if end_ms is None or f.time_ms <= end_ms]
            return chosen[-limit:]
        found: list[Fill] = []
        for fill in self.trades:
            if from_id is not None and fill.trade_id < from_id:
                continue
            if start_ms is not None and fill.time_ms < start_ms:
                continue
            if len(found) == limit or (end_ms is not None and fill.time_ms > end_ms):
                break
            found.append(fill)
        return found

    def candles(
        self,
        interval: str,
        now_ms: int,
        limit: int,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Candle]:
        """Candles of `interval`: the first `limit` from `start_ms` on, or the last `limit` up to `end_ms` or now.

        Raises:
            KeyError: for an interval that is not in `INTERVALS_MS`.
        """
        last_ms = min(now_ms, now_ms if end_ms is None else end_ms)
        first_ms = self._first_ms(interval)
        if start_ms is None:
            start_ms = max(bucket_start(interval, last_ms - (limit - 1) * INTERVALS_MS[interval]), first_ms)
            return self._aggregate(interval, start_ms, last_ms)[-limit:]
        if bucket_start(interval, start_ms) < start_ms:
            start_ms = bucket_end(interval, bucket_start(interval, start_ms))
        start_ms = max(start_ms, first_ms)
        until_ms = min(last_ms, start_ms + limit * INTERVALS_MS[interval])
        return self._aggregate(interval, start_ms, until_ms)[:limit]

    def day(self, now_ms: int) -> Candle:
        """The rolling 24 hours up to `now_ms` as one candle."""
        index = bisect_left(self.minutes, now_ms - DAY_MS, key=_open_ms)
        window = self.minutes[min(index, len(self.minutes) - 1) :]
        first = window[0]
        total = Candle(first.open_ms, first.open, first.high, first.low, first.close)
        total.volume, total.quote_volume, total.count = first.volume, first.quote_volume, first.count
        for candle in window[1:]:
            total.merge(candle)
        return total

    def _first_ms(self, interval: str) -> int:
        self._recall()
        if interval == "1s":
            first = self._seconds[0].open_ms if self._seconds else 1 << 62
        elif INTERVALS_MS[interval] < HOUR_MS:
            first = bucket_end(interval, bucket_start(interval, self._minute_history_ms - 1))
        else:
            first = bucket_end(interval, bucket_start(interval, self._hours[0].open_ms - 1))
        return first

    def _aggregate(self, interval: str, start_ms: int, until_ms: int) -> list[Candle]:
        base: list[Candle] = list(self._seconds) if interval == "1s" else self.minutes
        if INTERVALS_MS[interval] >= HOUR_MS:
            base = self._hours + self.minutes
        index = bisect_left(base, start_ms, key=_open_ms)
        close = base[index - 1].close if index else None
        found: list[Candle] = []
        while start_ms <= until_ms:
            end_ms = bucket_end(interval, start_ms)
            candle: Candle | None = None
            while index < len(base) and base[index].open_ms < end_ms:
                part = base[index]
                index += 1
                if candle is None:
                    candle = Candle(start_ms, part.open, part.high, part.low, part.close)
                    candle.volume, candle.quote_volume = part.volume, part.quote_volume
                    candle.count = part.count
                    candle.taker_base, candle.taker_quote = part.taker_base, part.taker_quote
                else:
                    candle.merge(part)
            if candle is None and close is not None:
                candle = Candle(start_ms, close, close, close, close)
            if candle is not None:
                found.append(candle)
                close = candle.close
            start_ms = end_ms
        return found

    def _invent(self, seed: int, start_ms: int) -> None:
        """Make the candles of before the start, backwards from the market's opening price."""
        source = random.Random(f"{seed}:history:{self.market.symbol}")
        first_minute = start_ms // MINUTE_MS * MINUTE_MS - HISTORY_MINUTES * MINUTE_MS
        # whole hours before, so that an hour is never half invented twice
        first_minute = first_minute // HOUR_MS * HOUR_MS
        count = (start_ms // MINUTE_MS * MINUTE_MS - first_minute) // MINUTE_MS
        self._minute_history_ms = first_minute
        minutes = self._path(source, first_minute, MINUTE_MS, count, 0.0004, self.market.price)
        first_hour = first_minute - HISTORY_HOURS * HOUR_MS
        self._invented_hours = self._path(source, first_hour, HOUR_MS, HISTORY_HOURS, 0.003, minutes[0].open)
        self._minutes[:0] = minutes

    def _path(
        self,
        source: random.Random,
        first_ms: int,
        length_ms: int,
        count: int,
        sigma: float,
        last: Decimal,
    ) -> list[Candle]:
        """`count` joined candles from `first_ms` on whose last close is `last`."""
        tick, anchor = self.market.tick, float(self.market.price)
        backwards: list[Candle] = []
        close = last
        for number in range(count):
            drift = 0.02 * (anchor / float(close) - 1)
            open_ = _on_tick(float(close) * (1 + drift + source.gauss(0.0, sigma)), tick)
            high = _on_tick(float(max(open_, close)) * (1 + abs(source.gauss(0.0, sigma / 2))), tick)
            low = _on_tick(float(min(open_, close)) * (1 - abs(source.gauss(0.0, sigma / 2))), tick)
            worth = 200_000 * length_ms / MINUTE_MS * source.uniform(0.3, 1.7)
            volume = self.market.truncate(Decimal(worth / anchor).quantize(Decimal("0.00000001"), ROUND_HALF_EVEN))
            volume = max(volume, self.market.step)
            candle = Candle(
                first_ms + (count - 1 - number) * length_ms,
                open_,
                max(high, open_, close),
                min(low, open_, close),
                close,
                volume=volume,
                quote_volume=(volume * (open_ + close) / 2).quantize(Decimal("0.00000001"), ROUND_HALF_EVEN),
                count=source.randrange(20, 400),
            )
            candle.taker_base = self.market.truncate(volume / 2)
            candle.taker_quote = (candle.quote_volume / 2).quantize(Decimal("0.00000001"), ROUND_HALF_EVEN)
            backwards.append(candle)
            close = open_
        backwards.reverse()
        return backwards


def _open_ms(candle: Candle) -> int:
    return candle.open_ms


def _on_tick(price: float, tick: Decimal) -> Decimal:
    return max(tick, (Decimal(price) / tick).quantize(Decimal(1), ROUND_HALF_EVEN) * tick)


def _add_to(candles: list[Candle] | deque[Candle], fill: Fill, length_ms: int) -> None:
    start_ms = fill.time_ms // length_ms * length_ms
    if not candles or candles[-1].open_ms != start_ms:
        candles.append(Candle(start_ms, fill.price, fill.price, fill.price, fill.price))
    candles[-1].add(fill)
