"""What is wrong with a protocol is said when the class is defined."""

from typing import Any, TypeVar

import pytest

from ganglion.supervision import Actor, Message, ProtocolError, Request, StartChild, StopChild, Supervisor, receives
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
