"""What the runtime costs, against stock pykka and against a plain loop without actors, in one run.

    python -m benchmarks.runtime [--json FILE] [--quick]

Supervision, dead letters and counters are on; all of our actors share one loop dispatcher. The plain loop makes the
same structs and makes one call a hop. Rounds of ours and of the reference alternate and medians are compared, so
that a noisy machine moves both.
"""

from __future__ import annotations

import gc
import logging
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pykka
import structlog

from benchmarks.report import Row, arguments, bounded, costs, faster, report
from ganglion.actors.market.order_book.book import OrderBook
from ganglion.messages.base import Message, Request
from ganglion.messages.market import BookDelta, BookSnapshot, Levels, TopOfBook
from ganglion.supervision import Actor, Address, Backoff, Budget, ChildSpec, Supervisor, System, receives


class Token(Message, frozen=True, gc=False):
    """Goes round a ring."""

    left: int


class Note(Message, frozen=True, gc=False):
    """Floods one actor."""

    number: int


class Count(Request[int], frozen=True, gc=False):
    """How many there were."""


def medians_of(rounds: int, ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    """Run ours and theirs in turn and return the median of each: what the machine does in a minute hits both."""
    results: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for found, run in zip(results, (ours, theirs), strict=True):
            gc.collect()
            found.append(run())
    return statistics.median(results[0]), statistics.median(results[1])


# ---------------------------------------------------------------- a ring: hop latency


class Hop(Actor[Token]):
    """Passes the token on."""

    def __init__(self, following: Address[Token], done: threading.Event) -> None:
        """Know who is next."""
        self._following = following
        self._done = done

    @receives
    def token(self, message: Token) -> None:
        """Pass it on, or ring."""
        if message.left:
            self._following.tell(Token(message.left - 1))
        else:
            self._done.set()


class PykkaHop(pykka.ThreadingActor):
    """The same in stock pykka."""

    following: Any = None
    done: threading.Event

    def on_receive(self, message: Token) -> None:
        """Pass it on, or ring."""
        if message.left:
            self.following.tell(Token(message.left - 1))
        else:
            self.done.set()


def ring_ns(size: int, hops: int) -> float:
    """Nanoseconds a hop round a ring of our actors."""
    system = System(dispatcher="loop")
    done = threading.Event()
    addresses = [system.address(f"/hop-{i}") for i in range(size)]
    for i in range(size):
        system.spawn(lambda i=i: Hop(addresses[(i + 1) % size], done), name=f"hop-{i}")
    start = time.perf_counter()
    addresses[0].tell(Token(hops))
    done.wait()
    took = time.perf_counter() - start
    system.stop()
    return took / hops * 1e9


def pykka_ring_ns(size: int, hops: int) -> float:
    """Nanoseconds a hop round a ring of stock pykka actors."""
    done = threading.Event()
    refs = [PykkaHop.start() for _ in range(size)]
    for i, ref in enumerate(refs):
        actor = ref._actor_weakref()  # the only way to wire a stock ring without a message
        assert actor is not None
        actor.following, actor.done = refs[(i + 1) % size], done
    start = time.perf_counter()
    refs[0].tell(Token(hops))
    done.wait()
    took = time.perf_counter() - start
    for ref in refs:
        ref.stop()
    return took / hops * 1e9


# ---------------------------------------------------------------- a flood


class Sink(Actor[Note | Count]):
    """Counts."""

    def __init__(self) -> None:
        """Start at zero."""
        self._seen = 0

    @receives
    def note(self, message: Note) -> None:
        """Count one."""
        self._seen += 1

    @receives
    def count(self, message: Count) -> int:
        """Answer."""
        return self._seen


class PykkaSink(pykka.ThreadingActor):
    """The same in stock pykka."""

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self._seen = 0

    def on_receive(self, message: Note | Count) -> int:
        """Count one, or answer."""
        if type(message) is Note:
            self._seen += 1
        return self._seen


BURST = 200
"""Messages in one turn of the flooding actor, so that others beside it get theirs."""
THE_NOTE = Note(0)
"""Messages are immutable, so one serves for all: making them is no cost of the runtime's."""


class Flooder(Actor[Token]):
    """Floods a sink from inside."""

    def __init__(self, sink: Address[Note], done: threading.Event) -> None:
        """Know whom."""
        self._sink = sink
        self._done = done

    @receives
    def token(self, message: Token) -> None:
        """Send one burst and go on with a message to itself."""
        sink, note = self._sink, THE_NOTE
        for _ in range(BURST):
            sink.tell(note)
        if message.left > BURST:
            self.address.tell(Token(message.left - BURST))
        else:
            self._done.set()


class PykkaFlooder(pykka.ThreadingActor):
    """The same in stock pykka."""

    def __init__(self, sink: Any, done: threading.Event) -> None:
        """Know whom."""
        super().__init__()
        self._sink = sink
        self._done = done

    def on_receive(self, message: Token) -> None:
        """Send one burst and go on with a message to itself."""
        sink, note = self._sink, THE_NOTE
        for _ in range(BURST):
            sink.tell(note)
        if message.left > BURST:
            self.actor_ref.tell(Token(message.left - BURST))
        else:
            self._done.set()


def flood_ns(count: int) -> float:
    """Nanoseconds a message, one actor to one."""
    system = System(dispatcher="loop")
    done = threading.Event()
    sink = system.spawn(Sink, name="sink")
    flooder = system.spawn(lambda: Flooder(sink, done), name="flooder")
    start = time.perf_counter()
    flooder.tell(Token(count))
    done.wait()
    assert sink.ask(Count(), timeout=30.0) == count
    took = time.perf_counter() - start
    system.stop()
    return took / count * 1e9


def pykka_flood_ns(count: int) -> float:
    """Nanoseconds a message, one stock actor to one."""
    done = threading.Event()
    sink = PykkaSink.start()
    flooder = PykkaFlooder.start(sink, done)
    start = time.perf_counter()
    flooder.tell(Token(count))
    done.wait()
    assert sink.ask(Count(), timeout=30.0) == count
    took = time.perf_counter() - start
    flooder.stop()
    sink.stop()
    return took / count * 1e9


# ---------------------------------------------------------------- starting, memory


class Idle(Actor[Count]):
    """Does nothing."""

    @receives
    def count(self, message: Count) -> int:
        """Answer."""
        return 0


class PykkaIdle(pykka.ThreadingActor):
    """Does nothing."""

    def on_receive(self, message: object) -> int:
        """Answer."""
        return 0


def start_us(count: int) -> float:
    """Microseconds an actor to start `count` under a supervisor, until the last one answers."""
    system = System(dispatcher="loop")
    specs = [ChildSpec(f"idle-{i}", Idle) for i in range(count)]
    start = time.perf_counter()
    system.spawn(ChildSpec("group", lambda: Supervisor(specs)))
    system.address(f"/group/idle-{count - 1}").ask(Count(), timeout=30.0)
    took = time.perf_counter() - start
    system.stop()
    return took / count * 1e6


def pykka_start_us(count: int) -> float:
    """Microseconds an actor to start `count` stock actors, until the last one answers."""
    start = time.perf_counter()
    refs = [PykkaIdle.start() for _ in range(count)]
    refs[-1].ask("count", timeout=30.0)
    took = time.perf_counter() - start
    for ref in refs:
        ref.stop(block=False)
    pykka.ActorRegistry.stop_all(timeout=30.0)
    return took / count * 1e6


MEMORY_SCRIPT = """
import logging, os
import structlog
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
from benchmarks.runtime import Idle, Count
from ganglion.supervision import ChildSpec, Supervisor, System
def rss():
    with open("/proc/self/statm") as f: return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
system = System(dispatcher="loop")
before = rss()
system.spawn(ChildSpec("group", lambda: Supervisor([ChildSpec(f"idle-{i}", Idle) for i in range(COUNT)])), timeout_s=60)
system.address(f"/group/idle-{COUNT - 1}").ask(Count(), timeout=30.0)
print((rss() - before) / COUNT / 1024)
system.stop()
"""


def memory_kib(count: int) -> float:
    """KiB of resident memory an idle actor, spec and supervision included, in a process of its own."""
    script = MEMORY_SCRIPT.replace("COUNT", str(count))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    return float(done.stdout.split()[-1])


# ---------------------------------------------------------------- the market line

EXCHANGES = 3
BOOKS = 100


class Frame(msgspec.Struct):
    """A depth frame as it comes from the wire."""

    s: int
    U: int
    u: int
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]


class Signal(Message, frozen=True, gc=False):
    """What the mode tells the portfolio now and then."""

    price: float


class Book(Actor[BookSnapshot | BookDelta]):
    """A book that tells its top."""

    def __init__(self, mode: Address[TopOfBook]) -> None:
        """Know the mode."""
        self._book = OrderBook()
        self._mode = mode

    @receives
    def snapshot(self, message: BookSnapshot) -> None:
        """Replace the book."""
        self._book.apply_snapshot(message)

    @receives
    def delta(self, message: BookDelta) -> None:
        """Change it and tell the top."""
        self._mode.tell(top_after(self._book, message))


def top_after(book: OrderBook, delta: BookDelta) -> TopOfBook:
    """Apply a delta and make the top; the same for both sides of the comparison."""
    book.apply_delta(delta)
    return TopOfBook(
        delta.exchange, delta.symbol, book.bid, book.bid_size, book.ask, book.ask_size, delta.sequence, delta.received_s
    )


class Mode(Actor[TopOfBook]):
    """Decides on each top."""

    def __init__(self, portfolio: Address[Signal]) -> None:
        """Know the portfolio."""
        self._portfolio = portfolio

    @receives
    def top(self, message: TopOfBook) -> None:
        """Decide."""
        self._portfolio.tell(Signal(message.bid))


class Portfolio(Actor[Signal | Count]):
    """Counts what reached it."""

    def __init__(self) -> None:
        """Start at zero."""
        self.seen = 0

    @receives
    def signal(self, message: Signal) -> None:
        """Count one."""
        self.seen += 1

    @receives
    def count(self, message: Count) -> int:
        """Answer."""
        return self.seen


class Feed(Actor[Note]):
    """Stands for an exchange: turns one frame a message into a delta for its book."""

    def __init__(self, source: Source, books: list[Address[BookDelta]]) -> None:
        """Know the frames and the books."""
        self._source = source
        self._books = books

    @receives
    def note(self, message: Note) -> None:
        """Send a burst of frames, then go on after the loop had its turn."""
        make, books, number = self._source.make, self._books, message.number
        last = min(number + 50, self._source.count)
        for i in range(number, last):
            index, delta = make(i)
            books[index].tell(delta)
        if last < self._source.count:
            self.address.tell(Note(last))
        else:
            self._source.done.set()


class Source:
    """Frames for one exchange: one-level updates as tuples, or JSON of 2x10 levels."""

    def __init__(self, seed: int, count: int, levels: int, json: bool) -> None:  # noqa: FBT001 - a benchmark's switch
        """Make all frames before the clock runs."""
        chance = random.Random(seed)
        self.count = count
        self.done = threading.Event()
        self._json = json
        self._decoder = msgspec.json.Decoder(Frame)
        self._symbols = [f"S{i}/USDT" for i in range(BOOKS)]
        self._sequence = [1] * BOOKS
        self._frames: list[Any] = []
        for _ in range(count):
            index = chance.randrange(BOOKS)
            sequence = self._sequence[index]
            self._sequence[index] += 1
            bids = [(100.0 - chance.randrange(1, 40) / 10, float(chance.randrange(1, 9))) for _ in range(levels)]
            asks = [(100.0 + chance.randrange(1, 40) / 10, float(chance.randrange(1, 9))) for _ in range(levels)]
            if levels == 1:
                bids, asks = (bids, []) if chance.random() < 0.5 else ([], asks)
            frame = {"s": index, "U": sequence, "u": sequence + 1, "b": bids, "a": asks}
            self._frames.append(msgspec.json.encode(frame) if json else (index, sequence, tuple(bids), tuple(asks)))

    def make(self, i: int) -> tuple[int, BookDelta]:
        """Turn frame `i` into a delta, as an exchange actor does."""
        frame = self._frames[i]
        if self._json:
            wire = self._decoder.decode(frame)
            return wire.s, BookDelta("x", self._symbols[wire.s], tuple(wire.b), tuple(wire.a), wire.U, wire.u, 0.0)
        index, sequence, bids, asks = frame
        return index, BookDelta("x", self._symbols[index], bids, asks, sequence, sequence + 1, 0.0)


def opening(symbol: int) -> BookSnapshot:
    """A book of 50 levels a side at sequence 1."""
    bids: Levels = tuple((100.0 - i / 10, 5.0) for i in range(1, 51))
    asks: Levels = tuple((100.0 + i / 10, 5.0) for i in range(1, 51))
    return BookSnapshot("x", f"S{symbol}/USDT", bids, asks, 1, 0.0)


def line_ns(count: int, levels: int, json: bool) -> float:  # noqa: FBT001
    """Nanoseconds an update through feed, book, mode and portfolio as actors."""
    system = System(dispatcher="loop")
    portfolio = system.spawn(Portfolio, name="portfolio")
    mode = system.spawn(lambda: Mode(portfolio), name="mode")
    sources = [Source(seed, count, levels, json) for seed in range(EXCHANGES)]
    feeds = []
    for x, source in enumerate(sources):
        books = []
        for i in range(BOOKS):
            book = system.spawn(lambda: Book(mode), name=f"book-{x}-{i}")
            book.tell(opening(i))
            books.append(book)
        feeds.append(system.spawn(lambda s=source, b=books: Feed(s, b), name=f"feed-{x}"))
    portfolio.ask(Count(), timeout=30.0)
    start = time.perf_counter()
    for feed in feeds:
        feed.tell(Note(0))
    for source in sources:
        source.done.wait()
    portfolio.ask(Count(), timeout=60.0)
    took = time.perf_counter() - start
    system.stop()
    return took / (count * EXCHANGES) * 1e9


class PlainMode:
    """The mode without an actor."""

    def __init__(self, portfolio: PlainPortfolio) -> None:
        """Know the portfolio."""
        self._portfolio = portfolio

    def top(self, message: TopOfBook) -> None:
        """Decide."""
        self._portfolio.signal(Signal(message.bid))


class PlainPortfolio:
    """The portfolio without an actor."""

    def __init__(self) -> None:
        """Start at zero."""
        self.seen = 0

    def signal(self, message: Signal) -> None:
        """Count one."""
        self.seen += 1


class PlainBook:
    """The book without an actor."""

    def __init__(self, mode: PlainMode) -> None:
        """Know the mode."""
        self._book = OrderBook()
        self._mode = mode

    def snapshot(self, message: BookSnapshot) -> None:
        """Replace the book."""
        self._book.apply_snapshot(message)

    def delta(self, message: BookDelta) -> None:
        """Change it and tell the top."""
        self._mode.top(top_after(self._book, message))


def plain_line_ns(count: int, levels: int, json: bool) -> float:  # noqa: FBT001
    """Nanoseconds an update through the same four parts by plain calls."""
    portfolio = PlainPortfolio()
    mode = PlainMode(portfolio)
    sources = [Source(seed, count, levels, json) for seed in range(EXCHANGES)]
    books = []
    for _ in sources:
        own = [PlainBook(mode) for _ in range(BOOKS)]
        for i, book in enumerate(own):
            book.snapshot(opening(i))
        books.append(own)
    start = time.perf_counter()
    for first in range(0, count, 50):
        for source, own in zip(sources, books, strict=True):
            make = source.make
            for i in range(first, min(first + 50, count)):
                index, delta = make(i)
                own[index].delta(delta)
    took = time.perf_counter() - start
    assert portfolio.seen == count * EXCHANGES
    return took / (count * EXCHANGES) * 1e9


# ---------------------------------------------------------------- restart


class Mortal(Actor[Note | Token]):
    """Fails on a Note, stamps a Token."""

    def __init__(self, stamps: list[float], done: threading.Event) -> None:
        """Know where to stamp."""
        self._stamps = stamps
        self._done = done

    @receives
    def note(self, message: Note) -> None:
        """Fail, and stamp when."""
        self._stamps.append(time.perf_counter())
        raise ValueError("on purpose")

    @receives
    def token(self, message: Token) -> None:
        """Stamp when the next message is handled."""
        self._stamps.append(time.perf_counter())
        self._done.set()


def restart_us(count: int) -> float:
    """Microseconds from a failure to the next message handled, without backoff; median."""
    system = System(dispatcher="loop")
    stamps: list[float] = []
    done = threading.Event()
    spec = ChildSpec("mortal", lambda: Mortal(stamps, done), budget=Budget(10 * count, 0.001))
    system.spawn(ChildSpec("group", lambda: Supervisor([spec], backoff=Backoff(base_s=0.0))))
    mortal = system.address("/group/mortal")
    for number in range(count):
        done.clear()
        mortal.tell(Note(number))
        mortal.tell(Token(number))
        done.wait()
    system.stop()
    return statistics.median(b - a for a, b in zip(stamps[::2], stamps[1::2], strict=True)) * 1e6


def pykka_thread_us(count: int) -> float:
    """Microseconds of one start of a stock actor until it has handled a message; median."""
    results = []
    for _ in range(count):
        start = time.perf_counter()
        ref = PykkaIdle.start()
        ref.ask("count")
        results.append(time.perf_counter() - start)
        ref.stop()
    return statistics.median(results) * 1e6


# ---------------------------------------------------------------- the table


def rows(quick: bool) -> list[Row]:  # noqa: FBT001
    """Measure everything."""
    scale = 10 if quick else 1
    rounds = 3 if quick else 9
    hops, slow_hops = 200_000 // scale, 10_000 // scale
    found = []
    for size, required in ((2, 40.0), (100, 25.0)):
        pair = medians_of(rounds, partial(ring_ns, size, hops), partial(pykka_ring_ns, size, slow_hops))
        found.append(faster(f"hop, ring of {size}, against pykka", *pair, required))
    pair = medians_of(rounds, partial(flood_ns, 200_000 // scale), partial(pykka_flood_ns, 50_000 // scale))
    found.append(faster("flood one to one, a message, against pykka", *pair, 10.0))
    pair = medians_of(rounds, partial(start_us, 1_000), partial(pykka_start_us, 1_000))
    found.append(faster("start 1000 actors, each, against pykka", *pair, 5.0, "us"))
    found.append(bounded("memory an idle actor of 10,000", memory_kib(10_000), 4.0, "KiB"))
    for label, levels, json, count, required in (
        ("one-level updates", 1, False, 20_000, 2.6),
        ("JSON frames of 2x10 levels", 10, True, 5_000, 1.4),
    ):
        shape = (count // scale, levels, json)
        # Short and many: a shared machine has slow seconds, and a median needs most of its rounds outside them.
        pair = medians_of(3 * rounds, partial(line_ns, *shape), partial(plain_line_ns, *shape))
        found.append(costs(f"3 x 100 books -> mode -> portfolio, {label}, against plain calls", *pair, required))
    pair = medians_of(rounds, partial(restart_us, 1_000 // scale), partial(pykka_thread_us, 1_000 // scale))
    found.append(faster("restart to next message, against a pykka start", *pair, 1.0, "us"))
    return found


def main() -> int:
    """Print the table; 1 if a figure is not met."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: a look, not a measurement")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return report(rows(options.quick), options.json, "runtime")


if __name__ == "__main__":
    sys.exit(main())
