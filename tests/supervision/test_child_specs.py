"""What a child spec may say, and what is refused before anything starts."""

import pytest

from ganglion.supervision import Backoff, Budget, ChildSpec, Strategy, Supervisor, System
from tests.supervision.cast import Add, Counter, Read, info


def test_a_spec_has_the_decided_defaults():
    spec = ChildSpec("a", Counter)
    assert (spec.restart, spec.shutdown_s, spec.budget, spec.on_exhausted) == ("permanent", 5.0, Budget(3, 300), "park")
    assert (spec.mailbox, spec.dispatcher, spec.refuse, spec.on_escalated) == (10_000, None, None, "restart")
    assert Backoff() == Backoff(base_s=0.25, factor=2.0, cap_s=30.0, reset_after_s=60.0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": ""}, "child name ''"),
        ({"name": "a/b"}, "child name 'a/b'"),
        ({"factory": None}, "factory must be callable"),
        ({"factory": "Counter"}, "factory must be callable"),
        ({"restart": "always"}, "permanent, transient or temporary"),
        ({"on_exhausted": "shrug"}, "park or escalate"),
        ({"on_escalated": "shrug"}, "restart or exhaust"),
        ({"shutdown_s": -1.0}, "shutdown_s"),
        ({"mailbox": 0}, "mailbox"),
    ],
)
def test_a_spec_that_cannot_be_meant_is_refused_saying_what_is_wrong(wrong, says):
    with pytest.raises((ValueError, TypeError), match=says):
        ChildSpec(**{"name": "a", "factory": Counter, **wrong})


@pytest.mark.parametrize("wrong", [{"restarts": -1}, {"within_s": 0.0}])
def test_a_budget_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValueError, match="Budget"):
        Budget(**wrong)


@pytest.mark.parametrize("wrong", [{"base_s": -1.0}, {"factor": 0.5}, {"cap_s": -1.0}, {"reset_after_s": -1.0}])
def test_a_backoff_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValueError, match="Backoff"):
        Backoff(**wrong)


def test_a_supervisor_refuses_two_children_of_one_name():
    with pytest.raises(ValueError, match="one name: a"):
        Supervisor([ChildSpec("a", Counter), ChildSpec("b", Counter), ChildSpec("a", Counter)])


def test_a_supervisor_refuses_more_children_than_its_maximum():
    with pytest.raises(ValueError, match="max_children is 1"):
        Supervisor([ChildSpec("a", Counter), ChildSpec("b", Counter)], max_children=1)


def test_a_system_refuses_a_driver_that_it_does_not_have():
    with pytest.raises(ValueError, match="loop, thread or simulated"):
        System(dispatcher="gevent")


def test_an_actor_is_started_from_its_class_a_factory_or_a_spec(system):
    by_class = system.spawn(Counter)
    by_factory = system.spawn(lambda: Counter(5), name="five")
    by_spec = system.spawn(ChildSpec("spec", lambda: Counter(7)))
    assert [a.path for a in (by_class, by_factory, by_spec)] == ["/counter", "/five", "/spec"]
    by_class.tell(Add(1))

    assert [a.ask(Read(), timeout=5.0) for a in (by_class, by_factory, by_spec)] == [1, 5, 7]


def test_a_class_that_is_no_factory_is_refused_when_it_is_spawned(system):
    with pytest.raises(TypeError, match="factory must be callable"):
        system.spawn("Counter", name="text")


def test_the_strategies_carry_the_words_of_otp():
    assert [s.value for s in Strategy] == ["one_for_one", "one_for_all", "rest_for_one"]


def test_a_spec_can_place_a_child_on_a_dispatcher_by_name(live):
    live.spawn(ChildSpec("own", Counter, dispatcher="arm"))
    assert info(live, "/own").actor == "Counter"
    assert [d.name for d in live.tree().dispatchers] == ["core", "arm"]
