"""The connection's state machine and its backoff."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ganglion.actors.exchange.connection import LEGAL, Connection, IllegalMoveError, ReconnectBackoff
from ganglion.messages.lifecycle import ConnectionState

S = ConnectionState


class AnyWalk(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.connection = Connection(self.now)
        self.left_live = 0

    @rule(state=st.sampled_from(S), seconds=st.floats(0.0, 1000.0))
    def move(self, state: ConnectionState, seconds: float) -> None:
        self.now += seconds
        before = self.connection.state
        legal = state is before or state in LEGAL[before]
        if not legal:
            with pytest.raises(IllegalMoveError, match=str(before)):
                self.connection.move(state, "asked", self.now)
            assert self.connection.state is before
            return
        moved = self.connection.move(state, "asked", self.now)
        assert moved == (state is not before)
        self.left_live += before is S.LIVE and state is S.CONNECTING

    @invariant()
    def the_seconds_in_all_states_add_up_to_its_age(self) -> None:
        total = sum(self.connection.seconds_in(self.now).values())
        assert total == pytest.approx(self.now - 100.0)

    @invariant()
    def reconnects_count_how_often_live_was_lost(self) -> None:
        assert self.connection.reconnects == self.left_live


TestAnyWalk = AnyWalk.TestCase


def test_a_drained_connection_only_ends() -> None:
    assert LEGAL[S.DRAINING] == {S.DOWN}


@given(seed=st.integers(), failures=st.integers(1, 200))
def test_probes_never_wait_longer_than_five_seconds(seed: int, failures: int) -> None:
    backoff, dice = ReconnectBackoff(), random.Random(seed)
    for _ in range(failures):
        backoff.failed(0.0)
        assert 0.0 <= backoff.delay_s(dice) <= 5.0


class Most(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_wait_doubles_up_to_its_cap() -> None:
    backoff, waits = ReconnectBackoff(), []
    for _ in range(7):
        backoff.failed(0.0)
        waits.append(backoff.delay_s(Most()))
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_connection_that_only_flaps_keeps_its_count() -> None:
    backoff = ReconnectBackoff()
    backoff.failed(0.0)
    backoff.came_up(1.0)
    assert backoff.failed(2.0) == 2


def test_a_healthy_stretch_starts_a_new_count() -> None:
    backoff = ReconnectBackoff()
    backoff.failed(0.0)
    backoff.came_up(1.0)
    assert backoff.failed(12.0) == 1
