"""The tree as a value: what stands where, how it fares, and how it reads."""

from ganglion.messages.lifecycle import CellState
from ganglion.supervision import Backoff, Budget, ChildSpec, Supervisor
from tests.supervision.cast import Add, Boom, Counter, info, reaches, settle, supervise


def test_the_tree_shows_everything_about_an_actor(system):
    supervise(system, [ChildSpec("a", Counter), ChildSpec("b", Counter)])
    address = system.address("/top/a")
    address.tell(Add())
    address.tell(Boom(3))
    settle(system, address)
    shown = info(system, "/top/a")
    assert (shown.path, shown.actor, shown.state) == ("/top/a", "Counter", CellState.RUNNING)
    assert (shown.incarnation, shown.restarts, shown.queued, shown.handled) == (2, 1, 0, 2)
    assert shown.last_failure is not None
    assert (shown.last_failure.error, shown.last_failure.text) == ("ValueError", "boom 3")
    assert shown.last_failure.traceback.endswith("in Counter.boom")


def test_the_tree_shows_what_waits_in_queue_and_stash(simulation):
    supervise(simulation, [ChildSpec("a", Counter)], backoff=Backoff(base_s=5.0))
    address = simulation.address("/top/a")
    address.tell(Boom())
    for _ in range(3):
        address.tell(Add())
    assert info(simulation, "/top/a").queued == 4
    simulation.run_until_idle()
    assert info(simulation, "/top/a").queued == 3
    address.tell(Add())
    assert info(simulation, "/top/a").queued == 4
    assert info(simulation, "/top/a").state is CellState.SUSPENDED


def test_the_tree_walks_parents_first_and_in_starting_order(system):
    inner = ChildSpec("inner", lambda: Supervisor([ChildSpec("x", Counter), ChildSpec("y", Counter)]))
    supervise(system, [ChildSpec("a", Counter), inner])
    paths = [found.path for found in system.tree().root.walk()]
    assert paths == ["/", "/top", "/top/a", "/top/inner", "/top/inner/x", "/top/inner/y"]


def test_the_tree_reads_as_indented_text(system):
    supervise(system, [ChildSpec("a", Counter, budget=Budget(0, 300))])
    system.address("/top/a").tell(Boom())
    reaches(system, "/top/a", CellState.PARKED)
    assert str(system.tree()).splitlines() == [
        "/ running restarts=0 queued=0",
        "  top running restarts=0 queued=0",
        "    a parked restarts=0 queued=0",
    ]


def test_the_tree_counts_restarts_and_dead_letters_of_the_whole_system(system):
    supervise(system, [ChildSpec("a", Counter), ChildSpec("b", Counter)])
    for name in "ab":
        system.address(f"/top/{name}").tell(Boom())
        reaches(system, f"/top/{name}", incarnation=2)
    assert system.tree().restarts == 2
    assert system.tree().dead_letters == {}


def test_the_tree_shows_each_dispatcher(system):
    address = system.spawn(Counter)
    address.tell(Add())
    settle(system, address)
    (core,) = system.tree().dispatchers
    assert (core.name, core.queued, core.oldest_age_s) == ("core", 0, 0.0)
    assert core.handled >= 1


def test_a_path_without_an_actor_is_not_in_the_tree(system):
    system.address("/reserved").tell(Add())
    assert system.tree().find("/reserved") is None
    assert system.tree().find("/") is not None


def test_a_symbol_with_a_slash_is_written_with_a_dash(system):
    system.spawn(ChildSpec("BTC-USDT", Counter))
    assert info(system, "/BTC-USDT").actor == "Counter"


def test_an_earlier_picture_does_not_change(system):
    address = system.spawn(Counter)
    before = system.tree()
    address.stop(timeout=5.0)
    assert before.find("/counter") is not None
    assert system.tree().find("/counter") is None
