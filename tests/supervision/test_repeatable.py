"""One seed, one run: ids, jitter and the order of everything repeat in the simulation."""

from hypothesis import given
from hypothesis import strategies as st

from ganglion.messages.lifecycle import ActorFailed, ActorParked, ActorStarted, ActorStopped
from ganglion.supervision import Backoff, ChildSpec, Ids, Strategy, System
from tests.supervision.cast import Add, Boom, Counter, End, supervise


def test_one_seed_gives_one_path_the_same_ids():
    def tokens(seed: int, path: str) -> list[str]:
        ids = Ids.of_system(seed).for_path(path)
        return [ids.token() for _ in range(5)]

    assert tokens(7, "/a") == tokens(7, "/a")
    assert len({*tokens(7, "/a"), *tokens(7, "/b"), *tokens(8, "/a"), *tokens(-7, "/a")}) == 20


def test_without_a_seed_ids_differ_between_systems():
    assert Ids.of_system(None).for_path("/a").token() != Ids.of_system(None).for_path("/a").token()


@given(st.integers(-(2**200), 2**200), st.text(max_size=20))
def test_a_token_is_twenty_hex_digits_of_any_seed_and_path(seed, path):
    token = Ids.of_system(seed).for_path(path).token()
    assert len(token) == 20
    assert int(token, 16) < 2**80


def test_the_draws_of_one_actor_never_shift_anothers():
    one, other = Ids.of_system(1), Ids.of_system(1)
    one.for_path("/busy").bits(1_000)
    assert one.for_path("/quiet").token() == other.for_path("/quiet").token()


def test_a_restart_goes_on_drawing_where_the_last_incarnation_stopped(simulation):
    drawn: list[str] = []

    class Drawer(Counter):
        """Draws an id as it starts."""

        def on_start(self) -> None:
            drawn.append(self.ids.token())

    supervise(simulation, [ChildSpec("d", Drawer)])
    simulation.fail("/top/d")
    simulation.run_for(1.0)
    expected = simulation.ids.for_path("/top/d")
    assert drawn == [expected.token(), expected.token()]


def life(seed: int) -> list[tuple[float, str]]:
    """What happens in a troubled life, and when."""
    system = System(dispatcher="simulated", seed=seed)
    probe = system.probe("listener")
    system.events.subscribe(probe.address, ActorStarted, ActorFailed, ActorParked, ActorStopped)
    specs = [ChildSpec(name, Counter) for name in "abc"]
    supervise(system, specs, Strategy.REST_FOR_ONE, Backoff(base_s=1.0))
    for number in range(6):
        for name in "abc":
            address = system.address(f"/top/{name}")
            address.tell(Add())
            address.tell(Boom(number) if number % 2 else End())
        system.run_for(0.7)
    system.run_for(500.0)
    told = [(round(system.clock.monotonic_s(), 9), "end")]
    told += [(0.0, repr(event)) for event in probe.received]
    told += [(info.handled, str(info.state)) for info in system.tree().root.walk()]
    system.stop()
    return told


def test_one_seed_repeats_a_whole_life_and_another_one_differs():
    def restarts_at(seed: int) -> list[float]:
        system = System(dispatcher="simulated", seed=seed)
        supervise(system, [ChildSpec("a", Counter)], backoff=Backoff(base_s=1.0))
        times = []
        for number in range(3):
            system.address("/top/a").tell(Boom(number))
            system.wait_for(lambda number=number: system.tree().find("/top/a").incarnation == number + 2, 100.0)
            times.append(system.clock.monotonic_s())
        system.stop()
        return times

    assert life(5) == life(5)
    assert restarts_at(5) == restarts_at(5)
    assert restarts_at(5) != restarts_at(6)


def test_a_simulation_without_a_seed_repeats_too():
    tokens = []
    for _ in range(2):
        system = System(dispatcher="simulated")
        tokens.append(system.ids.for_path("/a").token())
        system.stop()
    assert tokens[0] == tokens[1]
