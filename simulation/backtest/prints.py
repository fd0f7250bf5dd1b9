"""The run's loop over public trades beside a recorded order book: they are told, and fill what they trade through.

One step of run.py, apart because only books need it. The book moves the market's price; these make candles, and say
that somebody has traded at a price before the book does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from ganglion.messages.market import TradeTick
from ganglion.messages.values import Side
from ganglion.simulation.backtest.candles import CandleMaker
from ganglion.simulation.data import BUY, SELL, Trades

if TYPE_CHECKING:
    from ganglion.simulation.backtest.run import Backtest, Feed

SIDES = {BUY: Side.BUY, SELL: Side.SELL}


def print_rows(run: Backtest, feed: Feed, trades: Trades) -> Iterator[None]:
    """Go through trades, one a step."""
    exchange, symbol, name = feed.exchange, feed.symbol, feed.name
    hearers, makers = run.cells(feed.trade_hearers), run.makers(feed)
    last, ids = 0.0, iter(trades.ids) if trades.ids is not None else repeat("")
    for time_ms, price, amount, side, id_ in zip(
        trades.time_ms, trades.price, trades.amount, trades.side, ids, strict=False
    ):
        _close(run, makers, time_ms)
        now_s = (time_ms - run.start_ms) / 1000
        run.advance(now_s)
        exchange.trade_beside(symbol, price, amount)
        taker = SIDES.get(side) or (Side.BUY if price >= last else Side.SELL)
        last = price
        tick = TradeTick(name, symbol, id_ or str(feed.rows + 1), taker, price, amount, time_ms, now_s)
        run.tell(hearers, tick)
        for maker in makers:
            maker.trade(time_ms, price, amount)
        run.drain()
        feed.rows += 1
        yield


def _close(run: Backtest, makers: Sequence[CandleMaker], until_ms: int) -> None:
    """Tell the candles that are over by then, each at its own end."""
    while due := [maker.closes_ms for maker in makers if maker.closes_ms is not None and maker.closes_ms <= until_ms]:
        first_ms = min(due)
        run.advance((first_ms - run.start_ms) / 1000)
        for maker in makers:
            made = maker.close(first_ms)
            if made is not None:
                run.tell(maker.hearers, made)
        run.drain()
