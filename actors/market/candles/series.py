"""Candles of one market and timeframe, from trades and from the venue's own history, as a plain value.

Pure: no clock, no I/O, no actor. The candle actor owns one, hands it trades, readings of the venue's candles
and the time, and publishes what comes back. Everything it returns is final: it comes once, in order.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from decimal import Decimal

from ganglion.actors.market.candles.timeframe import Timeframe
from ganglion.messages.market import Candle, CandlesRead, TradeTick
from ganglion.messages.values import Symbol

GRACE_MS = 2_000
"""How long after its end an interval waits for late trades, where no later trade closes it before."""

_RECENT_IDS = 2_000
"""Trade ids remembered against doubles; ccxt repeats at most its cache of 1,000 after a reconnect."""

_JOIN_BUFFER = 20_000
"""Trades kept while the venue's candles are awaited."""

_EXACT = decimal.Context(prec=60)
"""Wide enough that no sum of volumes is ever rounded; the thread's own context is not ours to trust."""


class Watermark:
    """Up to where candles were published; outlives the actor's incarnations when the factory holds it."""

    __slots__ = ("next_ms",)

    def __init__(self, next_ms: int | None = None) -> None:
        """Begin with nothing published."""
        self.next_ms = next_ms
        """Start of the earliest interval that may still be published; None before the first."""


class _Building:
    """A candle that trades still go into.

    Sums are made in Decimal from the shortest text of each size (which is the exchange's own text up to 15
    digits) and rounded to a float once: the order of trades does not matter, and the result is the float
    that the venue's own volume text gives.
    """

    __slots__ = ("close", "end_ms", "first_ms", "high", "last_ms", "low", "open", "open_ms", "volume")

    def __init__(self, open_ms: int, end_ms: int, trade: TradeTick) -> None:
        self.open_ms = open_ms
        self.end_ms = end_ms
        self.open = self.high = self.low = self.close = trade.price
        self.first_ms = self.last_ms = trade.timestamp_ms
        self.volume = Decimal(repr(trade.size))

    @classmethod
    def from_venue(cls, candle: Candle, end_ms: int, read_ms: int) -> _Building:
        """Go on from the venue's own, still open candle, which holds every trade up to `read_ms`."""
        made = cls.__new__(cls)
        made.open_ms, made.end_ms = candle.open_ms, end_ms
        made.open, made.high = candle.open, candle.high
        made.low, made.close = candle.low, candle.close
        made.first_ms, made.last_ms = candle.open_ms, read_ms
        made.volume = Decimal(repr(candle.volume))
        return made

    def add(self, trade: TradeTick) -> None:
        """Take a trade in; among trades of the same millisecond arrival decides which came first and last."""
        price = trade.price
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        if trade.timestamp_ms >= self.last_ms:
            self.last_ms = trade.timestamp_ms
            self.close = price
        elif trade.timestamp_ms < self.first_ms:
            self.first_ms = trade.timestamp_ms
            self.open = price
        self.volume = _EXACT.add(self.volume, Decimal(repr(trade.size)))


class CandleSeries:
    """Trades in, closed candles out: each interval with a trade exactly once, in order, none without a trade.

    An interval whose trades were all heard is SURE: it is published as built, as soon as a later trade or the
    clock (`close_due`) closes it. Around a start, a lost connection or an overflow (`interrupted`) trades may
    be missing: every interval up to the one in which the stream was whole again is UNSURE, and is published
    from the venue's own closed candle, read once it is over (`read`). Later intervals wait their turn behind
    it. If the venue can't say (`give_up`), unsure candles are published as built, `complete=False`.

    Joining: from an interruption until the next reading, trades are kept aside. The reading's last candle is
    usually still open and contains the trades up to `read_ms`; building goes on from it with kept trades of a
    LATER timestamp, so none is counted twice and none is left out. That is exact where the venue's candle is
    true at `read_ms`; because venues lag behind by milliseconds, that interval stays unsure and is confirmed
    by the venue when it is over. Its figures go out unconfirmed only through `give_up`.

    A candle that was returned is final. Trades that come later for it are counted in `late`; so is a stream's
    silent death found only after the clock had closed an interval.

    Attributes:
        late: trades that came after their interval was closed, left out.
        doubles: trades whose id was heard before, left out.
    """

    def __init__(
        self,
        exchange: str,
        symbol: Symbol,
        timeframe: Timeframe,
        watermark: Watermark | None = None,
        grace_ms: int = GRACE_MS,
    ) -> None:
        """Begin sure and empty; one that joins a market that is running calls `interrupted` first."""
        self.late = 0
        self.doubles = 0
        self._exchange = exchange
        self._symbol = symbol
        self._timeframe = timeframe
        self._watermark = watermark or Watermark()
        self._grace_ms = grace_ms
        self._open: _Building | None = None
        self._closed: dict[int, _Building] = {}  # closed, waiting for an unsure interval before them or theirs
        self._unsure_ms: int | None = None  # start of the last unsure interval
        self._joining: list[TradeTick] | None = None
        self._floor_ms = watermark.next_ms or 0 if watermark else 0  # trades before it are late
        self._counted_ms = -1  # trades up to it are in the venue's candle that ours goes on from
        self._ids: dict[str, None] = {}

    # ------------------------------------------------------------------ in

    def add(self, trade: TradeTick) -> tuple[Candle, ...]:
        """Take a trade in; returns the candles that it closed."""
        if self._joining is not None:
            self._joining.append(trade)
            return self._stop_joining() if len(self._joining) >= _JOIN_BUFFER else ()
        if trade.trade_id and not self._is_new(trade.trade_id):
            self.doubles += 1
            return ()
        time_ms = trade.timestamp_ms
        building = self._open
        if building is not None and building.open_ms <= time_ms < building.end_ms:
            if time_ms > self._counted_ms:
                building.add(trade)
            return ()
        if time_ms < self._floor_ms:
            self.late += 1
            return ()
        closed = self._close()
        open_ms = self._timeframe.open_ms_of(time_ms)
        self._open = _Building(open_ms, self._timeframe.end_ms_of(open_ms), trade)
        self._floor_ms = open_ms
        return closed

    def close_due(self, now_ms: int) -> tuple[Candle, ...]:
        """Close the open interval if it ended more than the grace ago, by the venue's clock."""
        if self._joining is None and self._open and now_ms >= self._open.end_ms + self._grace_ms:
            return self._close()
        return ()

    def interrupted(self, now_ms: int) -> None:
        """Trades may be missing from the last one heard until `now_ms`: what is not published yet is unsure."""
        last_ms = self._timeframe.open_ms_of(now_ms)
        if self._open is not None:
            last_ms = max(last_ms, self._open.open_ms)
        if self._closed:
            last_ms = max(last_ms, *self._closed)
        self._unsure_ms = last_ms if self._unsure_ms is None else max(last_ms, self._unsure_ms)
        if self._joining is None:
            self._joining = []

    def read(self, reading: CandlesRead, asked_ms: int | None = None) -> tuple[Candle, ...]:
        """Take the venue's own candles in; returns what became certain.

        The venue's word counts for every unsure interval that ended more than the grace before it was asked
        (venues finish a candle some milliseconds late, and a slow answer may be older than its arrival).
        Candles without volume are those of intervals without a trade, and none of ours.

        Args:
            reading: the venue's answer, without an error.
            asked_ms: when it was asked, by the venue's clock; None is `read_ms`.
        """
        self._take_alignment(reading)
        running_ms = self._timeframe.open_ms_of(reading.read_ms)
        if self._joining is not None:
            self._unsure_ms = max(running_ms, self._unsure_ms or running_ms)
        if self._unsure_ms is None:
            return ()
        if self._open is not None and self._open.open_ms < running_ms:
            self._close()
        venue = {c.open_ms: c for c in reading.candles if c.volume > 0}
        taken_ms = reading.read_ms if asked_ms is None else min(asked_ms, reading.read_ms)
        out = self._settle(venue, self._timeframe.open_ms_of(taken_ms - self._grace_ms))
        if self._joining is not None:
            out += self._join(venue, running_ms, reading.read_ms)
        return out

    def give_up(self, now_ms: int) -> tuple[Candle, ...]:
        """The venue can't say: publish what is closed as it was built, the unsure ones as incomplete."""
        out = self._stop_joining() if self._joining is not None else ()
        unsure_ms, confirms_ms = self._unsure_ms, self.confirms_ms
        if unsure_ms is None or confirms_ms is None:
            return out
        if now_ms >= confirms_ms:
            if self._open is not None and self._open.open_ms <= unsure_ms:
                self._close()
            self._floor_ms = max(self._floor_ms, self._timeframe.end_ms_of(unsure_ms))
        out += self._publish(self._candle(b, complete=ms > unsure_ms) for ms, b in sorted(self._closed.items()))
        self._closed.clear()
        if self._floor_ms > unsure_ms:
            self._unsure_ms = None
        return out

    # ------------------------------------------------------------------ what it waits for

    @property
    def joining(self) -> bool:
        """Whether trades are kept aside until the next reading."""
        return self._joining is not None

    @property
    def next_ms(self) -> int | None:
        """Start of the earliest interval that is not published; None where nothing ever was."""
        return self._watermark.next_ms

    @property
    def closes_ms(self) -> int | None:
        """When `close_due` will have something to do, by the venue's clock."""
        if self._open is None or self._joining is not None:
            return None
        return self._open.end_ms + self._grace_ms

    @property
    def confirms_ms(self) -> int | None:
        """When the last unsure interval can be read from the venue; None where all is sure."""
        if self._unsure_ms is None:
            return None
        return self._timeframe.end_ms_of(self._unsure_ms) + self._grace_ms

    # ------------------------------------------------------------------ inside

    def _is_new(self, trade_id: str) -> bool:
        if trade_id in self._ids:
            return False
        self._ids[trade_id] = None
        if len(self._ids) > _RECENT_IDS:
            del self._ids[next(iter(self._ids))]
        return True

    def _close(self) -> tuple[Candle, ...]:
        building = self._open
        if building is None:
            return ()
        self._open = None
        self._floor_ms = building.end_ms
        if self._unsure_ms is None:
            return self._publish((self._candle(building, complete=True),))
        self._closed[building.open_ms] = building
        return ()

    def _take_alignment(self, reading: CandlesRead) -> None:
        """Cut as the venue does; what was built otherwise is given to the venue's candles to replace."""
        if not reading.candles:
            return
        aligned = self._timeframe.anchored_at(reading.candles[-1].open_ms)
        if aligned is self._timeframe:
            return
        if any(aligned.open_ms_of(candle.open_ms) != candle.open_ms for candle in reading.candles):
            return  # they do not even agree with each other
        self._timeframe = aligned
        self._open = None
        self._closed.clear()
        self._unsure_ms = aligned.open_ms_of(reading.read_ms)
        self._floor_ms = self._watermark.next_ms or 0

    def _settle(self, venue: Mapping[int, Candle], settled_ms: int) -> tuple[Candle, ...]:
        """Publish the venue's candles of unsure intervals before `settled_ms`; behind the last one, ours."""
        unsure_ms = self._unsure_ms
        if unsure_ms is None:
            return ()
        over = {ms: self._named(candle) for ms, candle in venue.items() if ms <= unsure_ms and ms < settled_ms}
        for ms in [ms for ms in self._closed if ms <= unsure_ms and ms < settled_ms]:
            building = self._closed.pop(ms)
            # Trades that the venue's answer knows nothing of: they are too old for it, or it is wrong.
            over.setdefault(ms, self._candle(building, complete=False))
        out = self._publish(candle for _, candle in sorted(over.items()))
        if settled_ms > unsure_ms:
            self._unsure_ms = None
            self._floor_ms = max(self._floor_ms, self._timeframe.end_ms_of(unsure_ms))
            out += self._publish(self._candle(building, complete=True) for _, building in sorted(self._closed.items()))
            self._closed.clear()
        return out

    def _join(self, venue: Mapping[int, Candle], running_ms: int, read_ms: int) -> tuple[Candle, ...]:
        """Go on from what the venue has counted so far, with the trades that it has not."""
        self._counted_ms = -1
        for ms, candle in venue.items():
            building = _Building.from_venue(candle, self._timeframe.end_ms_of(ms), read_ms)
            if ms == running_ms:
                self._open = building
                self._counted_ms = read_ms
            elif ms < running_ms and ms >= (self._watermark.next_ms or 0):
                self._closed[ms] = building  # over, but too lately for the venue's word to be its last
        self._floor_ms = max(self._floor_ms, running_ms)
        return self._stop_joining(running_ms)

    def _stop_joining(self, running_ms: int = -1) -> tuple[Candle, ...]:
        """Go through the trades kept aside; those before `running_ms` are the venue's to tell."""
        kept, self._joining = self._joining or [], None
        out: list[Candle] = []
        for trade in kept:
            if trade.timestamp_ms >= running_ms:
                out += self.add(trade)
            elif trade.trade_id:
                self._is_new(trade.trade_id)
        return tuple(out)

    def _publish(self, candles: Iterable[Candle]) -> tuple[Candle, ...]:
        """Let pass what was never published, and remember how far that went."""
        out = []
        for candle in candles:
            if candle.open_ms >= (self._watermark.next_ms or 0):
                self._watermark.next_ms = self._timeframe.end_ms_of(candle.open_ms)
                out.append(candle)
        return tuple(out)

    def _candle(self, building: _Building, *, complete: bool) -> Candle:
        return Candle(
            exchange=self._exchange,
            symbol=self._symbol,
            timeframe=self._timeframe.text,
            open_ms=building.open_ms,
            open=building.open,
            high=building.high,
            low=building.low,
            close=building.close,
            volume=float(building.volume),
            complete=complete,
        )

    def _named(self, candle: Candle) -> Candle:
        """The venue's candle under our names."""
        return Candle(
            exchange=self._exchange,
            symbol=self._symbol,
            timeframe=self._timeframe.text,
            open_ms=candle.open_ms,
            open=candle.open,
            high=candle.high,
            low=candle.low,
            close=candle.close,
            volume=candle.volume,
            complete=candle.complete,
        )
