"""Real recorded order book streams through the book and its actor; skipped where GANGLION_DATA names no folder."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ganglion.actors.market.order_book import OrderBook, OrderBookActor
from ganglion.messages.market import BookDelta, BookInvalid, BookSnapshot, Levels, ResyncBook, TopOfBook
from ganglion.supervision import System


@pytest.fixture
def recorded_deltas(recorded_data: Path) -> Callable[[float], list[BookDelta]]:
    """The 3,044 messages of Binance's depth@100ms, BTC/USDT, as deltas that arrived at a given time."""
    with gzip.open(recorded_data / "binance_spot/binance_spot_btcusdt_20240809.gz") as lines:
        depths = [line.partition(b" ")[2] for line in lines if b"@depth" in line]
    events = [msgspec.json.decode(depth)["data"] for depth in depths]

    def deltas(received_s: float) -> list[BookDelta]:
        return [
            BookDelta(
                "x",
                "A/B",
                *(tuple((float(p), float(s)) for p, s in event[side]) for side in "ba"),
                event["U"] - 1,
                event["u"],
                received_s,
            )
            for event in events
        ]

    return deltas


FAR_OFF: tuple[Levels, Levels] = (((0.01, 1.0),), ((1e7, 1.0),))


def test_the_recorded_binance_stream_leaves_the_book_at_its_known_end(
    recorded_deltas: Callable[[float], list[BookDelta]],
):
    deltas = recorded_deltas(0.0)
    assert len(deltas) == 3044
    book = OrderBook()
    book.apply_snapshot(BookSnapshot("x", "A/B", *FAR_OFF, deltas[0].previous, 0.0))
    assert {book.apply_delta(delta).value for delta in deltas} == {"top", "deeper"}
    assert (book.bid, book.ask) == (61602.01, 61602.02)


def test_the_recorded_binance_stream_leaves_the_book_actor_at_its_known_end(
    system: System, recorded_deltas: Callable[[float], list[BookDelta]]
):
    deltas = recorded_deltas(0.0)
    venue, mode = system.probe("venue"), system.probe("mode")
    book = system.spawn(lambda: OrderBookActor("x", "A/B", venue.address), name="book")
    system.subscribe(book, mode.address, TopOfBook, BookInvalid)
    book.tell(BookSnapshot("x", "A/B", *FAR_OFF, deltas[0].previous, 0.0))
    for delta in deltas:
        book.tell(delta)
        system.run_until_idle()
    last = mode.of(TopOfBook)[-1]
    assert (last.bid, last.ask) == (61602.01, 61602.02)
    assert last.sequence == max(told.sequence for told in mode.of(TopOfBook))
    # Between the far-off snapshot and the first change there is nothing to complain about either.
    assert mode.of(BookInvalid) == []
    assert venue.of(ResyncBook) == []
