"""Nothing that one actor raises reaches another, whatever it raises and wherever."""

import asyncio
import sys

import pytest

from ganglion.messages.lifecycle import Failure, Operation
from ganglion.supervision import Actor, ChildSpec, Message, Request, receives
from ganglion.supervision.failure import failure_of
from tests.supervision.cast import GENEROUS, AskedBoom, Boom, Counter, Note, Read, reaches, settle, supervise


class Throw(Message, frozen=True, gc=False):
    """Raise the next error."""


class AskedThrow(Request[int], frozen=True, gc=False):
    """Raise the next error while somebody waits."""


class Thrower(Actor[Throw | AskedThrow]):
    """Raises what it was given."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    @receives
    def throw(self, message: Throw) -> None:
        raise self._error

    @receives
    def asked_throw(self, message: AskedThrow) -> int:
        raise self._error


class MuteError(Exception):
    """Can't even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class TwoFacedError(Exception):
    """Raises when it is looked at."""

    @property
    def failure(self) -> Failure:
        raise RuntimeError("do not look")


ERRORS = [
    SystemExit(3),
    KeyboardInterrupt(),
    asyncio.CancelledError(),
    GeneratorExit(),
    StopIteration(),
    KeyError("x"),
    AttributeError("y"),
    MuteError(),
    TwoFacedError("z"),
]
NAMES = [type(error).__name__ for error in ERRORS]


@pytest.mark.parametrize("error", ERRORS, ids=NAMES)
def test_whatever_a_handler_raises_is_a_failure_of_that_actor_alone(system, error):
    supervise(system, [ChildSpec("t", lambda: Thrower(error)), ChildSpec("a", Counter)])
    system.address("/top/t").tell(Throw())
    failure = reaches(system, "/top/t", incarnation=2).last_failure
    assert failure is not None
    assert failure.error == type(error).__name__
    assert settle(system, system.address("/top/a")) == 0


@pytest.mark.parametrize(
    "error", [SystemExit(3), asyncio.CancelledError(), MuteError()], ids=lambda e: type(e).__name__
)
def test_an_asker_gets_what_the_handler_raised_and_does_not_hang(system, error):
    supervise(system, [ChildSpec("t", lambda: Thrower(error))])
    with pytest.raises(type(error)):
        system.address("/top/t").ask(AskedThrow(), timeout=5.0)
    reaches(system, "/top/t", incarnation=2)


def test_a_key_error_in_a_handler_is_a_failure_and_not_an_unknown_message(system):
    supervise(system, [ChildSpec("t", lambda: Thrower(KeyError("symbol")))])
    system.address("/top/t").tell(Throw())
    reaches(system, "/top/t", incarnation=2)
    assert system.dead_letters == {}


def test_a_failure_hook_that_raises_changes_nothing(system):
    class Clumsy(Counter):
        """Fails twice over."""

        def on_failure(self, failure: Failure) -> None:
            raise SystemExit(1)

    supervise(system, [ChildSpec("c", Clumsy)])
    system.address("/top/c").tell(Boom())
    reaches(system, "/top/c", incarnation=2)


class BrokenLogger:
    """A log whose disk is full."""

    def __getattr__(self, _: str):
        def write(*args: object, **kwargs: object) -> None:
            raise OSError("disk full")

        return write


def test_a_log_that_raises_does_not_keep_the_supervisor_from_hearing_of_a_failure(system, monkeypatch, capsys):
    supervise(system, [ChildSpec("c", Counter)])
    cell = system.address("/top/c")._cell
    monkeypatch.setattr(cell, "_log", BrokenLogger())
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    cell.address.tell(Boom())
    reaches(system, "/top/c", incarnation=2)
    said = capsys.readouterr().err
    assert "actor failed {'error': 'ValueError', 'text': 'boom 0'" in said
    assert "and the log raised: OSError" in said


def test_a_failure_pins_no_exception_and_names_the_place():
    def place() -> None:
        raise ValueError("here")

    try:
        place()
    except ValueError as error:
        failure = failure_of(error, Note("x"))
    assert failure.traceback.endswith("in test_a_failure_pins_no_exception_and_names_the_place.<locals>.place")
    assert (failure.error, failure.message, failure.bases) == ("ValueError", "Note", ("Exception", "BaseException"))
    assert failure.fact == failure_of(ValueError(), Note("x")).fact != failure_of(ValueError(), Note("y")).fact


def test_an_error_that_classifies_itself_is_taken_at_its_word():
    class VenueError(Exception):
        """Knows what it was doing."""

        operation = Operation.PLACE
        phase = "maybe_sent"
        retry_after_s = 2
        stop = True

    failure = failure_of(VenueError("504"))
    assert (failure.operation, failure.phase) == (Operation.PLACE, "maybe_sent")
    assert (failure.retry_after_s, failure.stop) == (2.0, True)
    own = Failure(error="Other", text="mine")
    carrier = ValueError("outer")
    carrier.failure = own  # type: ignore[attr-defined]
    assert failure_of(carrier) is own


def test_an_error_whose_text_cannot_be_had_still_has_a_name():
    failure = failure_of(MuteError())
    assert (failure.error, failure.text) == ("MuteError", "(its text can't be had: RuntimeError)")


def test_a_dispatcher_survives_a_thousand_failures(system):
    supervise(system, [ChildSpec("c", Counter, budget=GENEROUS)])
    address = system.address("/top/c")
    for number in range(500):
        address.tell(Boom(number))
    assert address.ask(Read(), timeout=20.0) == 0
    assert reaches(system, "/top/c").restarts == 500
    with pytest.raises(ValueError, match="boom 1"):
        address.ask(AskedBoom(1), timeout=5.0)
