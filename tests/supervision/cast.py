"""The messages and actors that play in these tests, and a few words to say what is expected of them."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

from ganglion.messages.lifecycle import CellState, Failure
from ganglion.supervision import (
    Actor,
    Address,
    Backoff,
    Budget,
    CellInfo,
    ChildSpec,
    Message,
    Overflow,
    Request,
    Strategy,
    Supervisor,
    System,
    receives,
)

AT_ONCE = Backoff(base_s=0.0)
"""Restart without waiting."""
GENEROUS = Budget(restarts=1_000, within_s=300.0)


class Add(Message, frozen=True, gc=False):
    """Add to a counter."""

    amount: int = 1


class Read(Request[int], frozen=True, gc=False):
    """What the counter stands at."""


class Boom(Message, frozen=True, gc=False):
    """Raise; each with a number of its own is another fact."""

    number: int = 0


class AskedBoom(Request[int], frozen=True, gc=False):
    """Raise while somebody waits for the answer."""

    number: int = 0


class End(Message, frozen=True, gc=False):
    """Stop normally, by your own wish."""


class Note(Message, frozen=True, gc=False):
    """Something to write down."""

    text: str


class Fill(Message, frozen=True, gc=False):
    """A fact about money."""

    number: int
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Command(Message, frozen=True, gc=False):
    """Something to do, answered if it can't be."""

    number: int
    overflow: ClassVar[Overflow] = Overflow.REFUSE


class Price(Message, frozen=True, gc=False):
    """Only the newest counts, for each symbol."""

    symbol: str
    value: float
    overflow: ClassVar[Overflow] = Overflow.CONFLATE

    def conflation_key(self) -> Hashable:
        return self.symbol


class Counter(Actor[Add | Read | Boom | AskedBoom | End]):
    """Counts, fails and ends on demand."""

    def __init__(self, start: int = 0) -> None:
        self.total = start

    @receives
    def add(self, message: Add) -> None:
        self.total += message.amount

    @receives
    def read(self, message: Read) -> int:
        return self.total

    @receives
    def boom(self, message: Boom) -> None:
        raise ValueError(f"boom {message.number}")

    @receives
    def asked_boom(self, message: AskedBoom) -> int:
        raise ValueError(f"boom {message.number}")

    @receives
    def end(self, message: End) -> None:
        self.stop()


class Traced(Counter):
    """Writes into a list that the test holds what happens to it."""

    def __init__(self, name: str, trace: list[str]) -> None:
        super().__init__()
        self._name = name
        self._trace = trace

    def on_start(self) -> None:
        self._trace.append(f"start {self._name}")

    def on_stop(self) -> None:
        self._trace.append(f"stop {self._name}")

    def on_failure(self, failure: Failure) -> None:
        self._trace.append(f"fail {self._name}")


class Diary(Actor[Note | Fill | Command | Price | Boom]):
    """Writes down everything in the order it comes."""

    def __init__(self, pages: list[Message]) -> None:
        self._pages = pages

    @receives
    def note(self, message: Note) -> None:
        self._pages.append(message)

    @receives
    def fill(self, message: Fill) -> None:
        self._pages.append(message)

    @receives
    def command(self, message: Command) -> None:
        self._pages.append(message)

    @receives
    def price(self, message: Price) -> None:
        self._pages.append(message)

    @receives
    def boom(self, message: Boom) -> None:
        raise ValueError(f"boom {message.number}")


def traced(name: str, trace: list[str], **options: Any) -> ChildSpec:
    """A spec for a child that writes into a list."""
    return ChildSpec(name, lambda: Traced(name, trace), **options)


def supervise(
    system: System,
    children: Sequence[ChildSpec],
    strategy: Strategy = Strategy.ONE_FOR_ONE,
    backoff: Backoff = AT_ONCE,
    name: str = "top",
    **options: Any,
) -> Address[Any]:
    """Start a supervisor over children that restart at once."""
    return system.spawn(ChildSpec(name, lambda: Supervisor(children, strategy, backoff=backoff), **options))


def info(system: System, path: str) -> CellInfo:
    """What the tree shows of a path that must be in it."""
    found = system.tree().find(path)
    assert found is not None, f"{path} is not in\n{system.tree()}"
    return found


def eventually(system: System, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Wait for a condition, or fail with a picture of the tree."""
    assert system.wait_for(condition, timeout_s), f"it never came true in\n{system.tree()}"


def reaches(
    system: System, path: str, state: CellState = CellState.RUNNING, incarnation: int | None = None
) -> CellInfo:
    """Wait until the actor at a path stands where it should."""

    def there() -> bool:
        found = system.tree().find(path)
        return found is not None and found.state is state and incarnation in (None, found.incarnation)

    eventually(system, there)
    return info(system, path)


def vanishes(system: System, path: str) -> None:
    """Wait until nothing is left at a path."""
    eventually(system, lambda: system.tree().find(path) is None)


def settle(system: System, address: Address[Any]) -> int:
    """Have everything handled that was sent to a counter before; returns where it stands."""
    return int(address.ask(Read(), timeout=5.0))
