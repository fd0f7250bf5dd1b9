"""Makes one market's candles of one timeframe out of its public trades, and publishes each once, in order.

The exchange actor sends it TradeTick, ConnectionChanged and CandlesRead; it asks the exchange for the venue's
own candles (CandlesRequest) where trades were missed, and publishes Candle to modes. It touches nothing but
its own series, clock and timers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from ganglion.actors.market.candles.series import CandleSeries, Watermark
from ganglion.actors.market.candles.timeframe import Timeframe
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, Overflowed, Tick
from ganglion.messages.market import Candle, CandlesRead, CandlesRequest, TradeTick
from ganglion.messages.values import Symbol
from ganglion.supervision import Actor, Address, Backoff, Timer, receives

CandleMessage: TypeAlias = TradeTick | CandlesRead | ConnectionChanged | Overflowed | Tick
"""The protocol of a candle actor."""

HISTORY: Final = 200
"""Closed candles that are published at the first start."""

_MOST_CANDLES: Final = 1000
_ANSWER_S: Final = 30.0
_ATTEMPTS: Final = 3
_RETRY: Final = Backoff(base_s=1.0, factor=2.0, cap_s=30.0)
_SHORTEST_S: Final = 0.25
"""Least time between two looks at the clock, whatever it says."""

_CLOSE = "close"
_ASK = "ask"
_ANSWER = "answer"


class CandleActor(Actor[CandleMessage]):
    """Candles from trades, warmed up and healed by the venue's own.

    At a start, after each time the connection was not live, and after an overflow it asks the venue for its
    candles; what the series does with them is said there. Three requests without an answer, and the candles
    concerned go out as they are, `complete=False`.
    """

    def __init__(
        self,
        exchange: str,
        symbol: Symbol,
        timeframe: str,
        venue: Address[CandlesRequest],
        *,
        history: int = HISTORY,
        watermark: Watermark | None = None,
    ) -> None:
        """Wire it to the exchange actor of its arm.

        Args:
            exchange: the arm's name, as it stands in the messages.
            symbol: the market.
            timeframe: ccxt's spelling, `1m`.
            venue: the exchange actor, which answers CandlesRequest with CandlesRead.
            history: closed candles published at the first start, 0 for none.
            watermark: held by the factory, it lets the next incarnation go on where this one stopped,
                instead of publishing the history again.

        Raises:
            TimeframeError: if the timeframe is no timeframe.
        """
        self._symbol = symbol
        self._timeframe = Timeframe(timeframe)
        self._venue = venue
        self._history = history
        self._watermark = watermark or Watermark()
        self._series = CandleSeries(exchange, symbol, self._timeframe, self._watermark)
        self._ahead_ms = 0  # how far the venue's clock is ahead of ours
        self._live = True
        self._asked_s = 0.0
        self._failures = 0
        self._late_told = 0
        self._close_timer: Timer | None = None
        self._asked = False  # a request is on its way
        self._ask_timer: Timer | None = None  # to its answer's deadline while one is, else to the next one

    def on_start(self) -> None:
        """Ask for what happened before."""
        if self._watermark.next_ms is None and self._history == 0:
            self._watermark.next_ms = self._timeframe.open_ms_of(self._now_ms())
        self._interrupted()

    @receives
    def trade(self, message: TradeTick) -> None:
        """Take a public trade in."""
        if message.symbol != self._symbol:
            return
        closed = self._series.add(message)
        if closed:
            self._publish(closed)
        if self._close_timer is None:
            self._look_ahead()

    @receives
    def candles(self, message: CandlesRead) -> None:
        """Take the venue's own candles in, or the reason why there are none."""
        if message.symbol != self._symbol or message.timeframe != self._timeframe.text:
            return
        asked_ms = None
        if self._asked:
            took_s = self.clock.monotonic_s() - self._asked_s
            asked_ms = message.read_ms - int(took_s * 1000)
        self._let_ask_go()
        if message.error is not None:
            self._failed(message.error)
            return
        self._failures = 0
        self._ahead_ms = message.read_ms - self.clock.now_ms()
        self._publish(self._series.read(message, asked_ms))
        self._look_ahead()

    @receives
    def connection(self, message: ConnectionChanged) -> None:
        """Trades are missed while the connection is not live; what was missed is read when it is again."""
        self._live = message.state is ConnectionState.LIVE
        self._failures = 0
        if not self._live:
            self._let_ask_go()
        self._interrupted()

    @receives
    def overflowed(self, message: Overflowed) -> None:
        """Messages were dropped: trades, or the answer that was waited for."""
        self.log.warning("candles overflowed", type=message.type, dropped=message.count)
        self._interrupted()

    @receives
    def tick(self, message: Tick) -> None:
        """Close what is over, or ask again."""
        if message.key == _CLOSE:
            self._close_timer = None
            self._publish(self._series.close_due(self._now_ms()))
            self._tell_late()
            self._look_ahead()
        elif message.key == _ASK and not self._asked and self._live:
            self._publish(self._series.close_due(self._now_ms()))
            self._ask()
        elif message.key == _ANSWER and self._asked and self._late_answer():
            self._let_ask_go()
            self._failed(f"no answer within {_ANSWER_S:g} s")

    # ------------------------------------------------------------------ inside

    def _now_ms(self) -> int:
        """The venue's clock, as far as we know it."""
        return self.clock.now_ms() + self._ahead_ms

    def _publish(self, candles: Iterable[Candle]) -> None:
        for candle in candles:
            self.publish(candle)

    def _interrupted(self) -> None:
        self._series.interrupted(self._now_ms())
        if self._live and not self._asked:
            self._ask()
        self._look_ahead()

    def _ask(self) -> None:
        """Ask for the newest candles, as many as are missing; the last may be open."""
        next_ms = self._series.next_ms
        wanted = self._history
        if next_ms is not None:
            wanted = self._timeframe.count_between(next_ms, self._now_ms())
        # Without `since` every venue sends its newest; with it some send only the first of too long a span.
        limit = min(wanted + 2, _MOST_CANDLES)
        self._venue.tell(CandlesRequest(self._symbol, self._timeframe.text, None, limit))
        self._let_ask_go()
        self._asked = True
        self._asked_s = self.clock.monotonic_s()
        self._ask_timer = self.after(_ANSWER_S, Tick(key=_ANSWER))

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures < _ATTEMPTS:
            self._ask_timer = self.after(_RETRY.ceiling_s(self._failures - 1), Tick(key=_ASK))
            return
        self._failures = 0
        self.log.warning("candles not read", symbol=self._symbol, timeframe=self._timeframe.text, why=why)
        self._publish(self._series.give_up(self._now_ms()))
        self._look_ahead()

    def _look_ahead(self) -> None:
        """See to it that the next interval is closed, and the last unsure one asked for, when it is time."""
        now_ms = self._now_ms()
        closes_ms = self._series.closes_ms
        if closes_ms is not None:
            if self._close_timer is not None:
                self._close_timer.cancel()
            self._close_timer = self.after(_wait_s(closes_ms - now_ms), Tick(key=_CLOSE))
        confirms_ms = self._series.confirms_ms
        if confirms_ms is not None and self._live and self._ask_timer is None:
            self._ask_timer = self.after(_wait_s(confirms_ms - now_ms), Tick(key=_ASK))

    def _let_ask_go(self) -> None:
        self._asked = False
        if self._ask_timer is not None:
            self._ask_timer.cancel()
            self._ask_timer = None

    def _late_answer(self) -> bool:
        """Whether the request that is on its way is overdue: the tick may be that of an earlier one."""
        return self.clock.monotonic_s() - self._asked_s >= _ANSWER_S

    def _tell_late(self) -> None:
        """Say once an interval, not once a trade, that trades came too late."""
        if self._series.late > self._late_told:
            late = self._series.late - self._late_told
            self._late_told = self._series.late
            self.log.warning("late trades left out", symbol=self._symbol, late=late)


def _wait_s(milliseconds: int) -> float:
    return max(milliseconds / 1000, _SHORTEST_S)
