"""Small systems that are recorded live and replayed: two arms that talk to each other, timers, a feed from outside."""

import threading
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ganglion.supervision import (
    Actor,
    Address,
    Backoff,
    Budget,
    ChildSpec,
    Message,
    Overflow,
    Request,
    Supervisor,
    System,
    receives,
)
from ganglion.supervision.tape import Recorder, Replayer, ReplaySystem, TapedSystem, join, split

SEED = 11
LIMIT_S = 20.0


class Serve(Message, frozen=True, gc=False):
    """Begin a rally of so many strokes."""

    strokes: int


class Ball(Message, frozen=True, gc=False):
    """One stroke."""

    left: int
    mark: str


class Later(Message, frozen=True, gc=False):
    """A timer's own."""

    name: str


class Price(Message, frozen=True, gc=False):
    """From outside; only the newest matters."""

    overflow: ClassVar[Overflow] = Overflow.CONFLATE
    market: str
    value: float

    def conflation_key(self) -> Hashable:
        return self.market


class Crash(Message, frozen=True, gc=False):
    """Raise; each by a name of its own is another fact."""

    name: str


class Seen(Request[int], frozen=True, gc=False):
    """How many strokes there were."""


class Handled(Message, frozen=True, gc=False):
    """Something that the book is to keep."""

    what: str


class Player(Actor[Serve | Ball | Later | Price | Crash | Seen]):
    """Plays the ball back, sets timers, watches prices; draws an id and reads the clock at each stroke."""

    def __init__(self, other: Address[Any], book: Address[Any]) -> None:
        self._other, self._book = other, book
        self._strokes = 0

    def _note(self, what: str) -> None:
        stamp = f"{self.clock.monotonic_s():.6f} {self.clock.now_ms()}"
        self._book.tell(Handled(f"{self.path} {self.incarnation} {what} {self.ids.token()} {stamp}"))

    @receives
    def serve(self, message: Serve) -> None:
        self._note("serve")
        self._other.tell(Ball(message.strokes, self.ids.token()))
        self.after(0.002, Later("served"))

    @receives
    def ball(self, message: Ball) -> None:
        self._strokes += 1
        self._note(f"ball {message.left} {message.mark}")
        if message.left:
            self._other.tell(Ball(message.left - 1, self.ids.token()))
        if message.left % 10 == 0:
            self.after(0.001, Later(f"ball {message.left}")).cancel()
            self.after(0.001, Later(f"stroke {message.left}"))
        if message.left % 7 == 0:
            for value in range(3):
                self._other.tell(Price("inside", float(value + message.left)))

    @receives
    def later(self, message: Later) -> None:
        self._note(f"later {message.name}")

    @receives
    def price(self, message: Price) -> None:
        self._note(f"price {message.market} {message.value}")

    @receives
    def crash(self, _: Crash) -> None:
        self._note("crash")
        raise ValueError("on purpose")

    @receives
    def seen(self, _: Seen) -> int:
        self._note("seen")
        return self._strokes


class Forgetful(Player):
    """One that has been changed: from the 21st stroke on it sends another mark."""

    @receives
    def ball(self, message: Ball) -> None:
        super().ball(message if self._strokes < 20 else Ball(message.left, "changed"))


class Book(Actor[Handled]):
    """Keeps what was handled, in the order in which it came."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    @receives
    def handled(self, message: Handled) -> None:
        self._lines.append(message.what)


def tree(system: System, lines: list[str], player: type[Player] = Player) -> ChildSpec:
    """Two players on loops of their own and a book on a thread."""
    left, right, book = (system.address(f"/game/{name}") for name in ("left", "right", "book"))
    children = [
        ChildSpec("book", lambda: Book(lines), dispatcher=system.dispatcher("book", "thread")),
        ChildSpec("left", lambda: Player(right, book), dispatcher=system.dispatcher("left"), budget=Budget(100, 60)),
        ChildSpec("right", lambda: player(left, book), dispatcher=system.dispatcher("right"), budget=Budget(100, 60)),
    ]
    return ChildSpec("game", lambda: Supervisor(children, backoff=Backoff(base_s=0.001, cap_s=0.01)))


@dataclass
class Sink:
    """A tape in memory."""

    records: list[bytes] = field(default_factory=list)

    def write(self, record: bytes) -> bool:
        self.records.append(record)
        return True


@dataclass
class Recording:
    """A tape, and what the book said live."""

    tape: bytes
    lines: list[str]


def record(play: Callable[[System, list[str]], None], **options: Any) -> Recording:
    """Run a live system with a tape and let somebody play in it."""
    sink, lines = Sink(), []
    recorder = Recorder(sink, **options)
    system = TapedSystem(recorder, SEED)
    try:
        system.spawn(tree(system, lines))
        play(system, lines)
    finally:
        system.stop()
    assert recorder.reason == "the system stopped"
    return Recording(join(sink.records), lines)


def replay(
    recording: Recording, player: type[Player] = Player, tell: Callable[[str], None] | None = None, seed: int = SEED
) -> list[str]:
    """Replay a tape; what the book says."""
    lines: list[str] = []
    replayer = Replayer(split(recording.tape), tell)
    system = ReplaySystem(replayer, seed)
    system.spawn(tree(system, lines, player))
    replayer.run()
    return lines


def until(system: System, condition: Callable[[], bool]) -> None:
    """Wait for something in a live system."""
    assert system.wait_for(condition, LIMIT_S)


def rally(system: System, lines: list[str]) -> None:
    """Strokes, timers, prices from four threads, asks, two crashes and a crash on purpose."""
    left, right = system.address("/game/left"), system.address("/game/right")

    def feed(market: str) -> None:
        for value in range(200):
            left.tell(Price(market, float(value)))
            if value % 50 == 10:
                right.tell(Crash(f"{market} {value}"))
                right.ask(Seen(), timeout=LIMIT_S)

    for _ in range(3):
        left.tell(Serve(60))
    threads = [threading.Thread(target=feed, args=(f"market-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    system.fail("/game/left", "by hand")
    assert left.ask(Seen(), timeout=LIMIT_S) >= 0
    left.tell(Serve(5))
    until(system, lambda: sum("ball 0 " in line for line in lines) >= 4)
    assert Counter(line.split()[2] for line in lines)["crash"] >= 4
