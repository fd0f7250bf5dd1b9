"""What the cell relies on in the installed pykka, underscore names included: a new pykka that breaks it fails here."""

import inspect
import queue
import threading

import pykka
import pytest
from pykka import ActorRef, ThreadingFuture
from pykka._envelope import Envelope

from ganglion.supervision import Address, System
from ganglion.supervision.cell import Cell
from ganglion.supervision.mailbox import Mailbox
from ganglion.supervision.pykka_hooks import Inbox, PykkaCell, StoppedFlag
from ganglion.supervision.reply import Reply, SteppingReply, WaitingReply
from tests.supervision.cast import Add, Counter, Read

HOOKS = {
    "_create_actor_inbox": [],
    "_create_future": [],
    "_start_actor_loop": ["self"],
    "_stop": ["self"],
    "_handle_failure": ["self", "exception_type", "exception_value", "traceback"],
}


@pytest.mark.parametrize(("hook", "parameters"), HOOKS.items())
def test_the_hooks_we_override_exist_with_the_signatures_we_rely_on(hook, parameters):
    theirs = inspect.getattr_static(pykka.Actor, hook)
    ours = inspect.getattr_static(PykkaCell, hook)
    assert isinstance(theirs, staticmethod) is isinstance(ours, staticmethod) is (not parameters)
    assert list(inspect.signature(getattr(pykka.Actor, hook)).parameters) == parameters
    assert list(inspect.signature(getattr(PykkaCell, hook)).parameters) == parameters


def test_pykkas_constructor_sets_the_four_fields_that_we_set_ourselves_and_nothing_else():
    class Stock(pykka.ThreadingActor):
        """Nothing added."""

    assert set(vars(Stock())) == {"actor_urn", "actor_inbox", "actor_stopped", "_actor_ref"}


def test_a_cell_has_all_fields_of_a_pykka_actor():
    system = System(dispatcher="simulated")
    address = system.spawn(Counter)
    cell = address._cell
    assert isinstance(cell, pykka.Actor)
    assert cell.actor_urn == "urn:ganglion:/counter"
    assert isinstance(cell.actor_inbox, Inbox)
    assert isinstance(cell.actor_stopped, StoppedFlag)
    assert cell.actor_ref is address
    system.stop()


def test_a_reference_copies_what_an_address_relies_on():
    class Stock(pykka.ThreadingActor):
        """Nothing added."""

    fields = {"_actor_weakref", "actor_class", "actor_urn", "actor_inbox", "actor_stopped"}
    assert set(vars(Stock().actor_ref)) == fields
    system = System(dispatcher="simulated")
    address = system.spawn(Counter)
    assert isinstance(address, ActorRef)
    assert (address.actor_urn, address.actor_class) == ("urn:ganglion:/counter", Cell)
    system.stop()


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("tell", ["self", "message"]),
        ("ask", ["self", "message", "block", "timeout"]),
        ("stop", ["self", "block", "timeout"]),
        ("is_alive", ["self"]),
        ("proxy", ["self"]),
    ],
)
def test_an_address_keeps_the_signatures_of_a_reference(method, parameters):
    assert list(inspect.signature(getattr(ActorRef, method)).parameters) == parameters
    ours = inspect.signature(getattr(Address, method)).parameters
    assert list(ours)[: len(parameters)] == parameters
    assert all(ours[name].default is not inspect.Parameter.empty for name in list(ours)[len(parameters) :])


def test_a_future_keeps_its_answer_where_we_look_for_it_and_takes_only_one():
    future: ThreadingFuture[int] = ThreadingFuture()
    assert future._result is None
    assert isinstance(future._condition, type(threading.Condition()))
    future.set(1)
    assert future._result is not None
    with pytest.raises(queue.Full):
        future.set(2)
    assert issubclass(Reply, ThreadingFuture)


@pytest.mark.parametrize("kind", [WaitingReply, SteppingReply])
def test_a_reply_is_a_future_with_a_deadline(kind):
    system = System(dispatcher="simulated")
    reply = kind(2.5) if kind is WaitingReply else kind(system.core, 2.5)
    assert (reply.deadline_s, reply.done) == (2.5, False)
    reply.set(7)
    assert (reply.done, reply.get(timeout=0)) == (True, 7)
    system.stop()


def test_an_envelope_put_into_the_inbox_by_pykkas_own_api_arrives():
    system = System(dispatcher="simulated")
    address = system.spawn(Counter)
    reply = Cell._create_future()
    address.actor_inbox.put(Envelope(Add(4)))
    address.actor_inbox.put(Envelope(Read(), reply_to=reply))
    system.run_until_idle()
    assert reply.get(timeout=0) == 4
    assert address.actor_inbox.empty()
    system.stop()


def test_the_stopped_flag_stands_in_for_an_event():
    flag, woken = StoppedFlag(), threading.Event()
    waiter = threading.Thread(target=lambda: flag.wait(5.0) and woken.set())
    waiter.start()
    assert not flag.is_set()
    flag.set()
    assert woken.wait(5.0)
    waiter.join()
    assert flag.is_set()
    assert flag.wait(0)
    for name in ("is_set", "set", "wait"):
        assert hasattr(threading.Event, name)


def test_pykka_may_not_run_a_cell_behind_the_supervisors_back():
    system = System(dispatcher="simulated")
    cell = system.spawn(Counter)._cell
    for forbidden in (cell._start_actor_loop, cell.actor_inbox.get, cell._create_actor_inbox):
        with pytest.raises(TypeError):
            forbidden()
    with pytest.raises(TypeError, match="failures go to the supervisor"):
        cell._handle_failure(None, None, None)
    system.stop()


def test_the_two_halves_of_a_cell_have_no_attribute_outside_their_slots():
    assert not set(Mailbox.__slots__) & set(Cell.__slots__)
    system = System(dispatcher="simulated")
    cell = system.spawn(Counter)._cell
    assert set(vars(cell)) == {"actor_urn", "actor_inbox", "actor_stopped", "_actor_ref"}
    system.stop()
