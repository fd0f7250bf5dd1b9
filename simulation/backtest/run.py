"""The run of a backtest: goes through the data row by row, moves time, fills orders, tells the bot what it may know.

For each row, in this order: time comes to the row's start, with every timer that is due before; what was sent before
becomes effective and meets the row's first price; time comes to the row's end; what rests and was reached is filled;
the prices are told to whoever decides; everything that follows is handled. So nobody hears of a row before it is over,
and nothing that is decided on it is effective before the next.

A row costs some 2 us, a tenth of what telling it the ordinary way would. So each kind of data has one loop with its
locals (a generator, which keeps them between rows), messages go into the run queue without an address between, and who
need not know each price is told only when it matters.
"""

from __future__ import annotations

import gc
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from itertools import islice, repeat
from math import ceil, floor
from typing import Any

from ganglion.messages.base import Message
from ganglion.messages.market import Candle, TopOfBook, TradeTick
from ganglion.messages.values import Side, Symbol
from ganglion.simulation.backtest.candles import CandleMaker
from ganglion.simulation.backtest.exchange import DataExchange
from ganglion.simulation.backtest.fills import path_of
from ganglion.simulation.data import BUY, SELL, Bars, Series, Trades, merged, times_of
from ganglion.supervision import Address, System
from ganglion.supervision.cell import Cell
from ganglion.supervision.clock import VirtualClock
from ganglion.supervision.dispatchers.simulated import SimulatedDispatcher

WARM_UP_S = 60.0
"""Of virtual time before the first row: the bot connects and reconciles."""
LAST_LOOK_S = 2.0
"""Behind the last row: nothing can be filled any more."""
WORTH_FREEZING = 10_000
"""Rows: fewer are gone through before the garbage collector is put aside."""
CHUNK = 2_000
"""Rows between two looks at whether somebody wants it to end."""
NEVER_S = float("inf")
DUST = 1e-6
"""Of a tick: a price that is nearer to one stands on it."""
SIDES = {BUY: Side.BUY, SELL: Side.SELL}


@dataclass
class Feed:
    """One series, the market that it moves, and who hears of it."""

    series: Series
    name: str
    """The exchange's, in messages."""
    symbol: Symbol
    exchange: DataExchange
    deciders: Sequence[Address[Any]] = ()
    """Told every best price, before anybody else: they may act on it."""
    keepers: Sequence[Address[Any]] = ()
    """Told the best price before anything that was decided on it reaches them."""
    samplers: Sequence[Address[Any]] = ()
    """Told the best price at the end."""
    trade_hearers: Sequence[Address[Any]] = ()
    """Told every public trade."""
    candle_hearers: Mapping[str, Sequence[Address[Any]]] = field(default_factory=dict)
    """Told every candle, by timeframe."""
    top: TopOfBook | None = None
    """The latest."""
    rows: int = 0
    """Gone through."""
    begun: bool = False
    """The next row has begun: what arrived before it has met its first price."""
    beside: bool = False
    """Public trades of a market that its book moves: told, and no price of theirs stands."""
    keeper_cells: Sequence[Cell] = ()
    """Of the keepers; set by the run."""
    mids: array[float] | None = None
    """Of a book, by row: what it has no column for."""

    @property
    def end_ms(self) -> int:
        """The end of the last row that was gone through; 0 before the first."""
        if not self.rows:
            return 0
        last = self.rows - 1
        series = self.series
        return series.open_ms[last] + series.length_ms if isinstance(series, Bars) else series.time_ms[last]

    def price_at(self, row: int) -> float:
        """The market's price after a row."""
        if isinstance(self.series, Bars):
            return self.series.close[row]
        return self.series.price[row] if self.mids is None else self.mids[row]


class DataClock(VirtualClock):
    """A virtual clock whose date is never a millisecond short of the data's."""

    def now_ms(self) -> int:
        """The virtual date."""
        return self._start_ms + round(self._now_s * 1000) + self.skew_ms


class Backtest:
    """One run."""

    def __init__(self, system: System, clock: DataClock, feeds: Sequence[Feed], start_ms: int) -> None:
        """Take a built bot.

        Args:
            system: it runs in; simulated, with `clock`.
            clock: stands at 0 s.
            feeds: the data.
            start_ms: the date at 0 s.
        """
        core = system.core
        if not isinstance(core, SimulatedDispatcher):
            raise TypeError(f"{core!r} is not simulated")
        self._system = system
        self._core = core
        self._clock = clock
        self._feeds = list(feeds)
        self.start_ms = start_ms
        self.rows = 0
        """Gone through so far."""
        self.wants_end: Callable[[], bool] = lambda: False
        """Asked now and then."""
        self.progress: Callable[[int], None] = lambda _rows: None
        """Told now and then how many rows were gone through."""

    # -------------------------------------------------------------- the whole

    def run(self) -> None:
        """Go through all rows, or until somebody wants it to end."""
        frozen = gc.isenabled() and sum(len(feed.series) for feed in self._feeds) >= WORTH_FREEZING
        if frozen:
            # What the bot is made of stays: it need not be looked through again and again.
            gc.collect()
            gc.freeze()
        try:
            Context().run(self._core.in_turn, self._run)
        finally:
            if frozen:
                gc.unfreeze()

    def _run(self) -> None:
        self._advance(WARM_UP_S)
        for feed in self._feeds:
            feed.keeper_cells = self._cells(feed.keepers)
        loops = [self._loop(feed) for feed in self._feeds]
        steps = loops[0] if len(loops) == 1 else self._merged(loops)
        while not self.wants_end():
            before = self.rows
            deque(islice(steps, CHUNK), maxlen=0)
            self.rows = sum(feed.rows for feed in self._feeds)
            self.progress(self.rows)
            if self.rows == before:
                break
        # What is looked at a moment after a change is looked at now.
        self._advance(self._clock.monotonic_s() + LAST_LOOK_S)
        for feed in self._feeds:
            if feed.top is not None:
                for address in feed.samplers:
                    address.tell(feed.top)
        self._drain()

    def _merged(self, loops: Sequence[Iterator[None]]) -> Iterator[None]:
        """A step for each row, by the time at which it is known; of one time what ends comes before what begins."""
        bars = [feed for feed in self._feeds if isinstance(feed.series, Bars)]
        ends = times_of([feed.series for feed in self._feeds])
        for _, index, _ in merged([*ends, *(feed.series.time_ms for feed in bars)]):
            if index < len(loops):
                yield next(loops[index])
            elif (feed := bars[index - len(loops)]).symbol in feed.exchange.waiting:
                self._begin_bar(feed)

    def _begin_bar(self, feed: Feed) -> None:
        """Time comes to the start of a feed's next bar: what was sent before meets its open."""
        bars, row = feed.series, feed.rows
        if not isinstance(bars, Bars):
            return
        self._advance((bars.open_ms[row] - self.start_ms) / 1000)
        feed.exchange.begin_row(feed.symbol, bars.open[row], bars.volume[row])
        feed.exchange.arrive(feed.symbol, bars.open_ms[row], bars.open_ms[row] + bars.length_ms)
        feed.begun = True
        self._refresh(self._clock.monotonic_s())
        self._drain()

    def _loop(self, feed: Feed) -> Iterator[None]:
        if isinstance(feed.series, Bars):
            return self._bars(feed, feed.series)
        if isinstance(feed.series, Trades) and feed.beside:
            from ganglion.simulation.backtest.prints import print_rows  # noqa: PLC0415  # likewise

            return print_rows(self, feed, feed.series)
        if isinstance(feed.series, Trades):
            return self._trades(feed, feed.series)
        from ganglion.simulation.backtest.books import book_rows  # noqa: PLC0415  # only where there is one

        return book_rows(self, feed, feed.series)

    # -------------------------------------------------------------- time

    def now_s(self) -> float:
        """Virtual seconds since the start."""
        return self._clock.monotonic_s()

    def drain(self) -> None:
        """Handle all that can be handled now."""
        self._drain()

    def _drain(self) -> None:
        core, queue, control = self._core, self._core.queue, self._core.control
        while queue or control:
            core.deliver(len(queue) or 1)

    def tell(self, cells: Sequence[Cell], message: Message) -> None:
        """Tell cells something; they handle it with the next `drain`."""
        for cell in cells:
            self._core.queue.append((cell, message, None))

    def cells(self, addresses: Sequence[Address[Any]]) -> list[Cell]:
        """Where addresses lead, for `tell`."""
        return self._cells(addresses)

    def makers(self, feed: Feed) -> list[CandleMaker]:
        """Makers of all candles that are wanted of a feed."""
        return self._makers(feed, "")

    def advance(self, until_s: float) -> None:
        """Let time pass, timer by timer."""
        self._advance(until_s)

    def _advance(self, until_s: float) -> None:
        core, clock = self._core, self._clock
        self._drain()
        while (due_s := core.next_timer_s()) is not None and due_s <= until_s:
            core.fire_next()
            if not core.queue:
                continue
            self._refresh(clock.monotonic_s())
            self._drain()
        clock.move_to(until_s)

    def _refresh(self, now_s: float) -> None:
        """Between two rows the data's last prices stand: who decides now decides on them."""
        queue = self._core.queue
        for feed in self._feeds:
            top = feed.top
            if top is not None and top.received_s != now_s:
                feed.top = top = TopOfBook(
                    top.exchange, top.symbol, top.bid, top.bid_size, top.ask, top.ask_size, top.sequence, now_s
                )
                for cell in feed.keeper_cells:
                    queue.appendleft((cell, top, None))

    def _cells(self, addresses: Sequence[Address[Any]]) -> list[Cell]:
        return [self._system.cell_at(address.path) for address in addresses]

    def _makers(self, feed: Feed, given: str) -> list[CandleMaker]:
        return [
            CandleMaker(feed.name, feed.symbol, timeframe, self._cells(hearers))
            for timeframe, hearers in feed.candle_hearers.items()
            if timeframe != given
        ]

    # -------------------------------------------------------------- bars

    def _bars(self, feed: Feed, bars: Bars) -> Iterator[None]:  # noqa: C901, PLR0912 - see the docstring above
        core, clock, exchange = self._core, self._clock, feed.exchange
        queue, control, agenda, deliver = core.queue, core.control, core.agenda, core.deliver
        waiting, open_orders = exchange.waiting, exchange.open_orders
        name, symbol, base_ms, length_ms = feed.name, feed.symbol, self.start_ms, bars.length_ms
        deciders = self._cells(feed.deciders)
        keepers = feed.keeper_cells
        own = self._cells(feed.candle_hearers.get(bars.timeframe, ()))
        makers = self._makers(feed, bars.timeframe)
        spread = spread_of(exchange, symbol)
        timeframe, sequence = bars.timeframe, 0
        columns = zip(bars.open_ms, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
        for open_ms, open_, high, low, close, volume in columns:
            close_ms = open_ms + length_ms
            close_s = (close_ms - base_ms) / 1000
            if agenda and agenda[0][0] <= close_s:
                self._advance((open_ms - base_ms) / 1000)
            if symbol in waiting and not feed.begun:
                self._begin_bar(feed)
            if agenda and agenda[0][0] <= close_s:
                self._advance(close_s)
            clock.move_to(close_s)
            sequence += 1  # noqa: SIM113 - one call less
            bid, ask = spread(close)
            feed.top = top = TopOfBook(name, symbol, bid, volume, ask, volume, sequence, close_s)
            if open_orders:
                if not feed.begun:
                    exchange.begin_row(symbol, open_, volume)
                exchange.trade_range(symbol, *path_of(open_, high, low))
                if queue:
                    for cell in keepers:
                        queue.appendleft((cell, top, None))
                    self._drain()
            for cell in deciders:
                queue.append((cell, top, None))
            if own:
                candle = Candle(name, symbol, timeframe, open_ms, open_, high, low, close, volume)
                for cell in own:
                    queue.append((cell, candle, None))
            for maker in makers:
                for made in maker.bar(open_ms, close_ms, open_, high, low, close, volume):
                    for cell in maker.hearers:
                        queue.append((cell, made, None))
            if queue:
                deliver(len(queue))
                if queue or control:
                    for cell in keepers:
                        queue.appendleft((cell, top, None))
                    self._drain()
            feed.rows += 1
            feed.begun = False
            yield

    # -------------------------------------------------------------- trades

    def _trades(self, feed: Feed, trades: Trades) -> Iterator[None]:  # noqa: C901, PLR0912, PLR0915 - likewise
        core, clock, exchange = self._core, self._clock, feed.exchange
        queue, control, agenda, deliver = core.queue, core.control, core.agenda, core.deliver
        waiting, open_orders = exchange.waiting, exchange.open_orders
        name, symbol, base_ms = feed.name, feed.symbol, self.start_ms
        deciders = self._cells(feed.deciders)
        keepers = feed.keeper_cells
        hearers = self._cells(feed.trade_hearers)
        makers = self._makers(feed, "")
        spread = spread_of(exchange, symbol)
        queues = exchange.fill_settings.queue
        sequence, last = 0, 0.0
        boundary_s = NEVER_S if not makers else -1.0
        ids: Iterator[str] = iter(trades.ids) if trades.ids is not None else repeat("")
        columns = zip(trades.time_ms, trades.price, trades.amount, trades.side, ids, strict=False)
        for time_ms, price, amount, side, id_ in columns:
            now_s = (time_ms - base_ms) / 1000
            while boundary_s <= now_s:
                self._close_candles(makers, max(boundary_s, clock.monotonic_s()), feed.top)
                boundary_s = min(maker.closes_ms or (1 << 62) for maker in makers)
                boundary_s = (boundary_s - base_ms) / 1000 if boundary_s < 1 << 61 else NEVER_S
            if agenda and agenda[0][0] <= now_s:
                self._advance(now_s)
            clock.move_to(now_s)
            sequence += 1  # noqa: SIM113 - one call less
            bid, ask = spread(price)
            feed.top = top = TopOfBook(name, symbol, bid, amount, ask, amount, sequence, now_s)
            if symbol in waiting or open_orders:
                exchange.begin_row(symbol, price, amount)
                if symbol in waiting:
                    exchange.arrive(symbol, time_ms, time_ms)
                if open_orders:
                    exchange.trade_print(symbol, price, amount)
                if queue:
                    for cell in keepers:
                        queue.appendleft((cell, top, None))
                    self._drain()
            elif queues:
                exchange.count_queue(symbol, price, amount)
            for cell in deciders:
                queue.append((cell, top, None))
            if hearers:
                taker = SIDES.get(side) or (Side.BUY if price >= last else Side.SELL)
                tick = TradeTick(name, symbol, id_ or str(sequence), taker, price, amount, time_ms, now_s)
                for cell in hearers:
                    queue.append((cell, tick, None))
                last = price
            if makers:
                for maker in makers:
                    maker.trade(time_ms, price, amount)
                boundary_s = (min(maker.closes_ms or (1 << 62) for maker in makers) - base_ms) / 1000
            if queue:
                deliver(len(queue))
                if queue or control:
                    for cell in keepers:
                        queue.appendleft((cell, top, None))
                    self._drain()
            feed.rows += 1
            yield

    def _close_candles(self, makers: Sequence[CandleMaker], at_s: float, top: TopOfBook | None) -> None:
        """Time comes to the end of an interval: its candle is known now, and before the next trade."""
        if top is None:
            return
        self._advance(at_s)
        self._refresh(at_s)
        queue = self._core.queue
        for maker in makers:
            made = maker.close(self._clock.now_ms())
            if made is not None:
                for cell in maker.hearers:
                    queue.append((cell, made, None))
        self._drain()


def spread_of(exchange: DataExchange, symbol: Symbol) -> Callable[[float], tuple[float, float]]:
    """Best bid and ask around a price of the data, as the bot is told them: never one price, which would be crossed."""
    tick = exchange.engine.markets[symbol].tick
    per_unit, share = float(1 / tick), exchange.fill_settings.half_spread_pct / 100

    def around(price: float) -> tuple[float, float]:
        ticks = int(price * per_unit + 0.5)
        return price, (ticks + 1) / per_unit

    def apart(price: float) -> tuple[float, float]:
        # As `quote_of` makes them, but for the dust of floats.
        below = max(1, floor(price * (1 - share) * per_unit + DUST))
        return below / per_unit, max(below + 1, ceil(price * (1 + share) * per_unit - DUST)) / per_unit

    return apart if share else around
