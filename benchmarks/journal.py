"""What the journal costs: intents made durable a second and the latency that it adds, against one sync an intent.

    python -m benchmarks.journal [--json FILE] [--dir DIR] [--seconds S]

A client actor on a loop keeps so many intents waiting, as an order line does, and the real journal actor on its own
thread and a real disk makes them durable. The reference is the same actor, format and disk with a write and a sync
for each intent. Rounds of both alternate, medians are compared, and what a bare fdatasync of one intent's bytes takes
is measured in between.
"""

from __future__ import annotations

import itertools
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import structlog

from benchmarks.report import Row, arguments, report
from ganglion.actors.trading.journal import FolderDevice, JournalActor, Log
from ganglion.actors.trading.journal.actor import FromJournal
from ganglion.actors.trading.journal.device import JOURNAL
from ganglion.actors.trading.journal.segments import Entry, batch_frame
from ganglion.actors.trading.orders import make_client_id, tag_of
from ganglion.actors.trading.orders import records as r
from ganglion.bot.run import SWITCH_INTERVAL_S
from ganglion.messages.base import Message
from ganglion.messages.journal import Append, CheckpointWanted, Durable, JournalFailed, JournalRead
from ganglion.messages.orders import Intent, OrderType, Side, TimeInForce
from ganglion.supervision import Actor, Address, ChildSpec, System, receives

ACCOUNT = "alpha"
CONCURRENT = (1, 10, 100)
REQUIRED_AT_100 = 10.0
ROUNDS = 3
BARE_SYNCS = 200
ROOT = b"r" * 16
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


class Start(Message, frozen=True, gc=False):
    """Begin to journal."""


class OneByOne(JournalActor):
    """The reference: a write and a sync for each intent, as a journal without group commit has it."""

    @receives
    def append(self, message: Append) -> None:
        """Make it durable now."""
        super().append(message)
        for account, keys in self._kept.commit().items():
            self._who(account).tell(Durable(keys))


class Client(Actor[Start | Durable | JournalRead | JournalFailed | CheckpointWanted]):
    """Keeps so many intents waiting for so long, and remembers how long each waited."""

    def __init__(self, journal: Address[Append], concurrent: int, seconds: float, done: threading.Event) -> None:
        """Know the journal and when to stop."""
        self._journal = journal
        self._concurrent = concurrent
        self._seconds = seconds
        self._done = done
        self._numbers = itertools.count(1)
        self._since: dict[str, float] = {}
        self._until = 0.0
        self.waits_s: list[float] = []
        self.took_s = 0.0

    @receives
    def start(self, message: Start) -> None:
        """Send the first ones."""
        self._began = time.perf_counter()
        self._until = self._began + self._seconds
        for _ in range(self._concurrent):
            self._intend()

    def _intend(self) -> None:
        number = next(self._numbers)
        key = f"{ACCOUNT}-1-{number}"
        self._since[key] = time.perf_counter()
        self._journal.tell(Append(ACCOUNT, key, RECORDS[number % len(RECORDS)]))

    @receives
    def durable(self, message: Durable) -> None:
        """Note how long they waited, and send as many more."""
        now = time.perf_counter()
        for key in message.keys:
            self.waits_s.append(now - self._since.pop(key))
            if now < self._until:
                self._intend()
        if not self._since:
            self.took_s = time.perf_counter() - self._began
            self._done.set()

    @receives
    def read(self, message: JournalRead) -> None:
        """Nobody asked."""

    @receives
    def failed(self, message: JournalFailed) -> None:
        """Say so: the figures would mean nothing."""
        raise RuntimeError(message.cause)

    @receives
    def checkpoint_wanted(self, message: CheckpointWanted) -> None:
        """A rotation, as in a bot; nothing has to be kept here."""


def intended(number: int) -> r.Intended:
    """An intent as an order line journals it."""
    client_id = make_client_id(tag_of("bench"), ROOT, ACCOUNT, number)
    intent = Intent(
        intent_id=f"{number:020x}",
        account=ACCOUNT,
        mode="maker",
        symbol="BTC/USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        amount=Decimal("0.01230"),
        price=Decimal("64250.10"),
        time_in_force=TimeInForce.GTC,
        post_only=True,
        epoch=3,
        deadline_s=123456.789,
        reason="quote 0.1 % below mid",
        correlation_id=f"{number:020x}",
        causation_id="book 123456789",
    )
    return r.Intended(intent, number, client_id)


RECORDS = [r.encode(intended(number)) for number in range(1, 513)]
"""Made before the clock runs: deciding and encoding are not the journal's work."""


class Measured(NamedTuple):
    """One round."""

    per_s: float
    p50_ms: float
    p99_ms: float


@contextmanager
def journal_in(folder: Path) -> Iterator[Log]:
    """A new journal below a folder of the disk that is measured."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="ganglion-bench-") as place:
        log = Log(
            FolderDevice(Path(place)),
            "bench",
            (ACCOUNT,),
            new_root=lambda: ROOT,
            now_ms=lambda: time.time_ns() // 1_000_000,
        )
        try:
            yield log
        finally:
            log.close()


def measure(folder: Path, actor: type[JournalActor], concurrent: int, seconds: float) -> Measured:
    """Keep so many intents waiting for so long."""
    with journal_in(folder) as log:
        system = System(dispatcher="loop")
        done = threading.Event()
        client = Client(system.address("/journal"), concurrent, seconds, done)
        address: Address[FromJournal | Start] = system.address("/client")
        dispatcher = system.dispatcher("journal", "thread")
        system.spawn(ChildSpec("journal", lambda: actor(log, {ACCOUNT: address}), dispatcher=dispatcher))
        system.spawn(ChildSpec("client", lambda: client))
        try:
            address.tell(Start())
            if not done.wait(seconds * 10 + 30):
                raise RuntimeError(f"no answer from the journal: {log.failure or system.tree()}")
        finally:
            system.stop()
        assert not log.failure
        assert len(log.read(ACCOUNT).records) == len(client.waits_s), "every durable intent is on the disk"
    waits = sorted(client.waits_s)
    return Measured(len(waits) / client.took_s, 1e3 * _quantile(waits, 0.5), 1e3 * _quantile(waits, 0.99))


def bare_ms(folder: Path) -> list[float]:
    """Milliseconds of a write of one intent's bytes and its fdatasync, without anything around them."""
    data = batch_frame([Entry(ACCOUNT, 0, RECORDS[0])])
    found = []
    with tempfile.TemporaryDirectory(dir=folder, prefix="ganglion-bench-") as place:
        device = FolderDevice(Path(place))
        name = f"{JOURNAL}/bare"
        device.create(name, b"")
        for _ in range(BARE_SYNCS):
            start = time.perf_counter()
            device.append(name, data)
            device.sync(name)
            found.append(1e3 * (time.perf_counter() - start))
        device.close()
    return sorted(found)


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def rows(folder: Path, seconds: float) -> list[Row]:
    """All figures."""
    bare: list[float] = []
    found: list[Row] = []
    for concurrent in CONCURRENT:
        ours: list[Measured] = []
        theirs: list[Measured] = []
        for _ in range(ROUNDS):
            ours.append(measure(folder, JournalActor, concurrent, seconds))
            theirs.append(measure(folder, OneByOne, concurrent, seconds))
            bare += bare_ms(folder)
        found += _compared(concurrent, _median(ours), _median(theirs))
    bare.sort()
    told = [
        Row("bare write and fdatasync, p50", _quantile(bare, 0.5), None, None, None, met=True, unit="ms"),
        Row("bare write and fdatasync, p99", _quantile(bare, 0.99), None, None, None, met=True, unit="ms"),
    ]
    return told + found


def _median(rounds: list[Measured]) -> Measured:
    return Measured(*(statistics.median(column) for column in zip(*rounds, strict=True)))


def _compared(concurrent: int, ours: Measured, theirs: Measured) -> Iterator[Row]:
    required = REQUIRED_AT_100 if concurrent == 100 else None
    ratio = ours.per_s / theirs.per_s
    met = required is None or ratio >= required
    at = f"{concurrent} concurrent"
    yield Row(f"intents a second, {at}", ours.per_s, theirs.per_s, ratio, required, met, "/s")
    for what, value, reference in (
        ("p50", ours.p50_ms, theirs.p50_ms),
        ("p99", ours.p99_ms, theirs.p99_ms),
    ):
        yield Row(f"latency {what}, {at}", value, reference, reference / value, None, met=True, unit="ms")


def filesystem_of(folder: Path) -> str:
    """The type of the file system that a folder lies on; empty where the system does not say."""
    mounts = Path("/proc/self/mountinfo")
    if not mounts.exists():
        return ""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.read_text().splitlines():
        left, _, right = line.partition(" - ")
        if left.split()[2] == wanted:
            return right.split()[0]
    return ""


def main() -> int:
    """Measure and print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--dir", type=Path, default=Path(), metavar="DIR", help="a folder on the disk to measure")
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="of each round")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    kind = filesystem_of(given.dir)
    if kind in IN_MEMORY:
        print(f"{given.dir.resolve()} is on {kind}: that is memory and no disk, the figures say nothing; use --dir")
    title = f"journal on {kind or 'a file system of unknown type'}; value: group commit, reference: one sync an intent"
    return report(rows(given.dir, given.seconds), given.json, title)


if __name__ == "__main__":
    sys.exit(main())
