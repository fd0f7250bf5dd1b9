"""What one level update of an order book costs: ours, a SortedDict's and ccxt's own, in one run.

All three are fed the same messages and have to know the best bid and ask after each, which is what a book
is kept for. Rounds are interleaved (ours, SortedDict, ccxt, ours, ...), so a neighbour that slows the
machine slows all of them, and the figures are medians in nanoseconds a level update.

What each is given is the best case for it: ccxt gets fresh `[price, size]` lists made outside the timing
(its book keeps them), SortedDict has its `pop` and `__setitem__` with nothing around them, ours its frozen
messages with the check of the sequence. With GANGLION_DATA set, a recorded Binance stream is a case too.
"""

from __future__ import annotations

import gc
import gzip
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
from ccxt.async_support.base.ws.order_book import OrderBook as CcxtBook
from sortedcontainers import SortedDict

from benchmarks.report import Row, arguments, faster, report
from ganglion.actors.market.order_book.book import OrderBook
from ganglion.messages.market import BookDelta, BookSnapshot, Levels

AGAINST_SORTEDDICT = 2.0
AGAINST_CCXT = 1.5
RECORDING = "binance_spot/binance_spot_btcusdt_20240809.gz"

Top: TypeAlias = tuple[float, float]
Rival: TypeAlias = Callable[[BookSnapshot, Sequence[BookDelta]], tuple[float, Top]]
"""Builds its book from the snapshot, applies the deltas, returns the seconds these took and the best prices."""


class Case(msgspec.Struct, frozen=True):
    """A snapshot and what follows it."""

    name: str
    snapshot: BookSnapshot
    deltas: tuple[BookDelta, ...]

    @property
    def updates(self) -> int:
        """Level updates in all deltas."""
        return sum(len(delta.bids) + len(delta.asks) for delta in self.deltas)


def ours(snapshot: BookSnapshot, deltas: Sequence[BookDelta]) -> tuple[float, Top]:
    """The project's book; it finds its best levels itself."""
    book = OrderBook()
    book.apply_snapshot(snapshot)
    apply = book.apply_delta
    start = time.perf_counter()
    for delta in deltas:
        apply(delta)
    return time.perf_counter() - start, (book.bid, book.ask)


def sorted_dict(snapshot: BookSnapshot, deltas: Sequence[BookDelta]) -> tuple[float, Top]:
    """A SortedDict a side."""
    bids, asks = SortedDict(snapshot.bids), SortedDict(snapshot.asks)
    top = (0.0, 0.0)
    start = time.perf_counter()
    for delta in deltas:
        for price, size in delta.bids:
            if size:
                bids[price] = size
            else:
                bids.pop(price, None)
        for price, size in delta.asks:
            if size:
                asks[price] = size
            else:
                asks.pop(price, None)
        top = (bids.peekitem(-1)[0], asks.peekitem(0)[0])
    return time.perf_counter() - start, top


def ccxt_book(snapshot: BookSnapshot, deltas: Sequence[BookDelta]) -> tuple[float, Top]:
    """The book that ccxt.pro keeps, driven as its exchanges drive it: one storeArray a level."""
    book = CcxtBook(
        {"bids": [list(level) for level in snapshot.bids], "asks": [list(level) for level in snapshot.asks]}
    )
    messages = [([list(level) for level in delta.bids], [list(level) for level in delta.asks]) for delta in deltas]
    bids, asks = book["bids"], book["asks"]
    top = (0.0, 0.0)
    start = time.perf_counter()
    for new_bids, new_asks in messages:
        for level in new_bids:
            bids.storeArray(level)
        for level in new_asks:
            asks.storeArray(level)
        top = (bids[0][0], asks[0][0])
    return time.perf_counter() - start, top


RIVALS: tuple[Rival, ...] = (ours, sorted_dict, ccxt_book)


def generated(levels: int, per_message: int, messages: int, seed: int = 1) -> Case:
    """A market whose middle walks by ticks; changes crowd near the best prices, four in ten are removals."""
    rng = random.Random(seed)
    middle, tick = 100_000, 0.01
    sides: tuple[dict[int, float], dict[int, float]] = (
        {middle - n: 1.0 for n in range(1, levels + 1)},
        {middle + n: 1.0 for n in range(1, levels + 1)},
    )

    def as_levels(side: dict[int, float]) -> Levels:
        return tuple((round(price * tick, 2), size) for price, size in side.items())

    snapshot = BookSnapshot("x", "A/B", as_levels(sides[0]), as_levels(sides[1]), 0, 0.0)
    deltas = []
    for number in range(messages):
        middle += rng.choice((-1, 0, 0, 1))
        changed: tuple[dict[int, float], dict[int, float]] = ({}, {})
        for side, change, sign in zip(sides, changed, (-1, 1), strict=True):
            # What the walk ran over is gone, and what it left behind is quoted again: never crossed or empty.
            change.update(dict.fromkeys((p for p in (middle, middle - sign) if p in side), 0.0))
            change[middle + sign] = rng.random() + 0.1
        while len(changed[0]) + len(changed[1]) < per_message:
            which = rng.randrange(2)
            price = middle + (1, -1)[which == 0] * (2 + int(rng.expovariate(1 / 30)))
            changed[which][price] = 0.0 if rng.random() < 0.4 else rng.random() + 0.1
        for side, change in zip(sides, changed, strict=True):
            for price, size in change.items():
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        bids, asks = as_levels(changed[0]), as_levels(changed[1])
        deltas.append(BookDelta("x", "A/B", bids, asks, number, number + 1, 0.0))
    return Case(f"{levels} levels a side, {per_message} a message", snapshot, tuple(deltas))


def recorded(folder: Path) -> Case:
    """Binance's depth@100ms of BTC/USDT: 3,044 messages of 57 level updates on average, 1,400 levels a side."""
    deltas = []
    with gzip.open(folder / RECORDING) as lines:
        for line in lines:
            if b"@depth" not in line:
                continue
            event = msgspec.json.decode(line.partition(b" ")[2])["data"]
            bids, asks = (tuple((float(price), float(size)) for price, size in event[side]) for side in "ba")
            deltas.append(BookDelta("binance", "BTC/USDT", bids, asks, event["U"] - 1, event["u"], 0.0))
    far_off = BookSnapshot("binance", "BTC/USDT", ((0.01, 1.0),), ((1e7, 1.0),), deltas[0].previous, 0.0)
    return Case("recorded binance depth@100ms", far_off, tuple(deltas))


def measure(case: Case, rounds: int) -> dict[Rival, float]:
    """Median nanoseconds a level update of each rival, rounds interleaved; all must end on the same best prices."""
    nanoseconds: dict[Rival, list[float]] = {rival: [] for rival in RIVALS}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            tops = set()
            for rival in RIVALS:
                seconds, top = rival(case.snapshot, case.deltas)
                nanoseconds[rival].append(seconds / case.updates * 1e9)
                tops.add(top)
            assert len(tops) == 1, f"{case.name}: the books disagree on the best prices: {tops}"
    finally:
        gc.enable()
    return {rival: statistics.median(each) for rival, each in nanoseconds.items()}


def rows_of(case: Case, rounds: int) -> list[Row]:
    """Both comparisons of one case."""
    medians = measure(case, rounds)
    return [
        faster(
            f"{case.name}: update, against SortedDict",
            medians[ours],
            medians[sorted_dict],
            AGAINST_SORTEDDICT,
        ),
        faster(
            f"{case.name}: update, against ccxt's book",
            medians[ours],
            medians[ccxt_book],
            AGAINST_CCXT,
        ),
    ]


def main() -> int:
    """Measure all cases; the exit code says whether every row is met."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="interleaved rounds a case (11)")
    options = parser.parse_args()
    cases = [generated(1000, 10, 4000), generated(100, 20, 2000)]
    folder = os.environ.get("GANGLION_DATA")
    if folder:
        cases.append(recorded(Path(folder)))
    rows = [row for case in cases for row in rows_of(case, options.rounds)]
    code = report(rows, options.json, title="order book, nanoseconds a level update (medians)")
    if not folder:
        print("recorded case left out: GANGLION_DATA names no folder")
    return code


if __name__ == "__main__":
    sys.exit(main())
