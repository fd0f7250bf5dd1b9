"""What is wrong with a protocol is said when the class is defined."""

from typing import Any, TypeVar

import pytest

from ganglion.supervision import (
    Actor,
    Message,
    ProtocolError,
    Request,
    StartChild,
    StartError,
    StopChild,
    Supervisor,
    System,
    receives,
)
from ganglion.supervision.supervisor import ResumeChild
from tests.supervision.cast import Add, Boom, Note, Read


def test_a_member_without_a_handler_is_an_error():
    with pytest.raises(ProtocolError, match="no @receives handler for Boom, Read"):

        class Incomplete(Actor[Add | Read | Boom]):
            @receives
            def add(self, message: Add) -> None: ...


def test_a_handler_outside_the_protocol_is_an_error():
    with pytest.raises(ProtocolError, match="handles Note, which its protocol does not name"):

        class Nosy(Actor[Add]):
            @receives
            def add(self, message: Add) -> None: ...

            @receives
            def note(self, message: Note) -> None: ...


def test_a_method_without_the_mark_is_no_handler():
    with pytest.raises(ProtocolError, match="no @receives handler for Add"):

        class Forgetful(Actor[Add]):
            def add(self, message: Add) -> None: ...


@pytest.mark.parametrize("wrong", [int, "Add", object, int | str])
def test_a_protocol_is_made_of_messages(wrong):
    with pytest.raises(ProtocolError, match="is not a union of Message types"):

        class Odd(Actor[wrong]): ...


def test_a_handler_takes_one_annotated_message():
    with pytest.raises(ProtocolError, match="annotated with one Message type; found none"):

        class Bare(Actor[Add]):
            @receives
            def add(self, message): ...

    with pytest.raises(ProtocolError, match="annotated with one Message type"):

        class Two(Actor[Add]):
            @receives
            def add(self, message: Add, other: Note) -> None: ...

    with pytest.raises(ProtocolError, match="annotated with one Message type"):

        class Number(Actor[Add]):
            @receives
            def add(self, message: int) -> None: ...


def test_a_handler_whose_annotation_cannot_be_found_says_what_to_do():
    with pytest.raises(ProtocolError, match="import it at the top, not under TYPE_CHECKING"):

        class Lost(Actor[Add]):
            @receives
            def add(self, message: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821


def test_two_members_may_share_a_base_and_a_subclass_may_replace_a_handler():
    class Base(Actor[Add | Note]):
        @receives
        def add(self, message: Add) -> None: ...

        @receives
        def note(self, message: Note) -> None: ...

    class Better(Base):
        @receives
        def add(self, message: Add) -> None: ...

    assert Better.handlers == {Add: "add", Note: "note"}


def test_an_abstract_actor_leaves_its_protocol_to_its_subclasses():
    M = TypeVar("M", bound=Message)

    class Abstract(Actor[M]):
        """Knows no messages yet."""

    class Concrete(Abstract[Add]):
        @receives
        def add(self, message: Add) -> None: ...

    assert Concrete.handlers == {Add: "add"}
    with pytest.raises(ProtocolError, match="no @receives handler for Note"):

        class Unfinished(Abstract[Note]): ...


def test_an_actor_of_anything_needs_no_handlers():
    class Open(Actor[Any]): ...

    assert Open.handlers == {}


def test_messages_of_local_classes_are_found():
    class Local(Request[int], frozen=True, gc=False): ...

    class Knows(Actor[Local]):
        @receives
        def local(self, message: Local) -> int:
            return 1

    assert Knows.handlers == {Local: "local"}


def test_a_supervisor_is_an_actor_with_a_protocol_like_any_other():
    assert set(Supervisor.handlers) == {StartChild, StopChild, ResumeChild}


def test_two_handlers_of_one_message_in_one_class_are_an_error():
    with pytest.raises(ProtocolError, match="add and plus both handle Add"):

        class Twice(Actor[Add]):
            @receives
            def add(self, message: Add) -> None: ...

            @receives
            def plus(self, message: Add) -> None: ...


def test_a_handler_that_nobody_would_await_is_an_error():
    with pytest.raises(ProtocolError, match=r"Waiting\.add: a handler can't be async"):

        class Waiting(Actor[Add]):
            @receives
            async def add(self, message: Add) -> None: ...


def test_handlers_without_a_protocol_are_an_error():
    with pytest.raises(ProtocolError, match=r"Plain: it has handlers and no protocol; derive it from Actor\[Add\]"):

        class Plain(Actor):  # type: ignore[type-arg]
            @receives
            def add(self, message: Add) -> None: ...


def test_a_handler_of_a_request_says_what_it_returns():
    with pytest.raises(ProtocolError, match="Read is answered with int; annotate what it returns: -> int"):

        class Silent(Actor[Read]):
            @receives
            def read(self, message: Read): ...

    with pytest.raises(ProtocolError, match="Read is answered with int, and this handler returns None"):

        class Empty(Actor[Read]):
            @receives
            def read(self, message: Read) -> None: ...

    with pytest.raises(ProtocolError, match="Read is answered with int, and this handler returns str"):

        class Other(Actor[Read]):
            @receives
            def read(self, message: Read) -> str: ...


def test_a_handler_may_return_something_more_special_than_its_request_promises():
    class Ratio(Request[float], frozen=True, gc=False): ...

    class Flag(Actor[Read | Ratio]):
        @receives
        def read(self, message: Read) -> bool:
            return True

        @receives
        def ratio(self, message: Ratio) -> int:
            return 1

    assert set(Flag.handlers) == {Read, Ratio}


@pytest.mark.parametrize("kind", ["loop", "thread", "simulated"])
def test_spawning_in_a_system_that_has_ended_is_refused_at_once(kind):
    class Late(Actor[Add]):
        @receives
        def add(self, message: Add) -> None: ...

    system = System(dispatcher=kind)
    system.stop()
    with pytest.raises(StartError, match="/late was not started: the system has ended"):
        system.spawn(Late, timeout_s=0.5)
