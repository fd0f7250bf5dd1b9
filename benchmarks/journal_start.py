"""How long a start takes that follows on a long life: opening the journal, reading it back, rebuilding the ledger.

    python -m benchmarks.journal_start [--json FILE] [--dir DIR] [--records N ...]

A life is made of orders that are placed, answered, filled in part or canceled, with a reconcile now and then, and is
written with the bot's own log, rotation and checkpoints. The reference is the same life without a checkpoint: one
segment that is replayed whole.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from benchmarks.journal import ACCOUNT, ROOT, filesystem_of, intended
from benchmarks.report import Row, arguments, report
from ganglion.actors.trading.journal import FolderDevice, Log
from ganglion.actors.trading.journal.log import SEGMENT_BYTES
from ganglion.actors.trading.journal.segments import Kind
from ganglion.actors.trading.orders import OrdersSettings
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.checkpoint import encode_ledger, restore
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.messages.orders import Balance, PlaceAnswered, VenueOrder, VenueTrade
from ganglion.messages.values import ZERO

RECORDS = (100_000,)
BATCH = 50
STEP_MS = 2_000
"""Between two orders: 43,200 a day, which is a busy market maker."""
FILLED_EVERY = 8
SETTLED_EVERY = 30
WITHOUT_CHECKPOINTS = 1 << 62


def life(count: int) -> Iterator[r.AnyRecord]:
    """So many records of one account, in order."""
    yield r.Opened((Balance("USDT", Decimal(1_000_000), ZERO), Balance("BTC", Decimal(100), ZERO)), 1, ())
    made, number = 1, 0
    while made < count:
        number += 1
        for record in _order(number):
            yield record
            made += 1
        if number % SETTLED_EVERY == 0:
            yield r.Settled(1, number * STEP_MS)
            made += 1


def _order(number: int) -> Iterator[r.AnyRecord]:
    record = intended(number)
    name, venue_id, symbol = record.client_id, str(number), record.intent.symbol
    yield record
    yield r.Sent(name, 1)
    found = VenueOrder(symbol, venue_id, name, "open", filled=ZERO)
    yield r.Answered(PlaceAnswered(name, 1, found, None, None, number * STEP_MS))
    filled = ZERO
    if number % FILLED_EVERY == 0:
        filled = Decimal("0.004")
        intent = record.intent
        price = Decimal("64250.10")
        fee = Decimal("0.000004")
        at_ms = number * STEP_MS
        yield r.TradeEvidence(
            VenueTrade(symbol, f"t{number}", venue_id, name, intent.side, price, filled, fee, "BTC", None, at_ms)
        )
    yield r.CancelAsked(name, False, "requote")
    yield r.OrderEvidence(name, msgspec.structs.replace(found, status="canceled", filled=filled))


def live(folder: Path, count: int, segment_bytes: int) -> None:
    """Write a life as a bot does: batches, rotation, a checkpoint for each new segment."""
    log = _open(folder, segment_bytes)
    ledger = Ledger(ACCOUNT)
    forget_ms = int(OrdersSettings().forget_after_s * 1000)
    for number, record in enumerate(life(count)):
        ledger.apply(record)
        log.collect(ACCOUNT, r.encode(record))
        if number % BATCH:
            continue
        log.commit()
        if log.rotate():
            forgotten = r.Forgotten(ledger.watermark_ms - forget_ms)
            ledger.apply(forgotten)
            log.collect(ACCOUNT, r.encode(forgotten))
            log.collect(ACCOUNT, encode_ledger(ledger), kind=Kind.CHECKPOINT)
            log.commit()
            log.retire()
    log.close()


def _open(folder: Path, segment_bytes: int) -> Log:
    return Log(
        FolderDevice(folder),
        "bench",
        (ACCOUNT,),
        new_root=lambda: ROOT,
        now_ms=lambda: time.time_ns() // 1_000_000,
        segment_bytes=segment_bytes,
    )


def start_s(folder: Path, segment_bytes: int) -> float:
    """Seconds from nothing to a ledger."""
    began = time.perf_counter()
    log = _open(folder, segment_bytes)
    found = log.read(ACCOUNT)
    _, trouble = restore(ACCOUNT, found.checkpoint, found.records)
    took = time.perf_counter() - began
    log.close()
    assert not trouble
    return took


def rows(folder: Path, counts: list[int]) -> Iterator[Row]:
    """The start after lives of so many records, and what lies on the disk then."""
    for count in counts:
        took: list[float] = []
        for segment_bytes in (SEGMENT_BYTES, WITHOUT_CHECKPOINTS):
            with tempfile.TemporaryDirectory(dir=folder, prefix="ganglion-bench-") as place:
                live(Path(place), count, segment_bytes)
                took.append(start_s(Path(place), segment_bytes))
                if segment_bytes == SEGMENT_BYTES:
                    sizes = [path.stat().st_size for path in (Path(place) / "journal").iterdir()]
        name = f"start after {count:,} records"
        yield Row(name, took[0], took[1], took[1] / took[0], None, met=True, unit="s")
        yield Row(f"{name}: read at the start", sum(sizes) / 2**20, None, None, None, met=True, unit="MiB")


def main() -> int:
    """Measure and print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--dir", type=Path, default=Path(), metavar="DIR", help="a folder on the disk to measure")
    parser.add_argument("--records", type=int, nargs="+", default=list(RECORDS), metavar="N", help="length of the life")
    given = parser.parse_args()
    kind = filesystem_of(given.dir) or "a file system of unknown type"
    title = f"start on {kind}; value: with checkpoints, reference: everything replayed"
    return report(list(rows(given.dir, given.records)), given.json, title)


if __name__ == "__main__":
    sys.exit(main())
