"""The rate budget: I11 (never exceeded), priorities, bans and pauses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.exchange.budget import Budget, Lane, Priority

COSTS = st.floats(0.1, 30.0)
REQUESTS = st.lists(st.tuples(st.sampled_from(Priority), COSTS, st.floats(0.0, 3.0)), max_size=60)


def drain(lane: Lane[tuple[Priority, float, int]], budget: Budget, now: float) -> list[tuple[Priority, float, int]]:
    sent = []
    while (item := lane.pop_ready(budget, now)) is not None:
        sent.append(item)
    return sent


@given(requests=REQUESTS, rate=st.floats(0.5, 50.0), burst=st.floats(5.0, 40.0))
def test_no_stretch_of_time_ever_sees_more_than_the_venue_allows(
    requests: list[tuple[Priority, float, float]], rate: float, burst: float
) -> None:
    budget, lane, now = Budget(rate, burst, 0.0), Lane[tuple[Priority, float, int]](), 0.0
    sent: list[tuple[float, float]] = []
    for number, (priority, cost, pause) in enumerate(requests):
        now += pause
        lane.push(priority, (priority, cost, number), cost)
        sent += [(now, cost) for _, cost, _ in drain(lane, budget, now)]
    dearest = max((cost for _, cost in sent), default=0.0)
    for first, (begin, _) in enumerate(sent):
        total = 0.0
        for at, cost in sent[first:]:
            total += cost
            assert total <= max(burst, dearest) + rate * (at - begin) + 1e-6


@given(requests=REQUESTS)
def test_of_what_waits_the_highest_priority_goes_first_and_each_in_its_order(
    requests: list[tuple[Priority, float, float]],
) -> None:
    budget, lane = Budget(1.0, 10.0, 0.0), Lane[tuple[Priority, float, int]]()
    for number, (priority, cost, _) in enumerate(requests):
        lane.push(priority, (priority, cost, number), cost)
    sent, now = [], 0.0
    while len(lane):
        ready = lane.ready_at(budget, now)
        assert ready is not None
        now = max(now, ready) + 1e-9
        sent += drain(lane, budget, now)
    assert [(priority, number) for priority, _, number in sent] == sorted(
        (priority, number) for number, (priority, _, _) in enumerate(requests)
    )


@given(polls=st.integers(0, 200))
def test_polling_never_takes_what_a_cancel_needs(polls: int) -> None:
    budget = Budget(1.0, 10.0, 0.0)
    for _ in range(polls):
        if budget.ready_at(Priority.POLL, 1.0, 0.0) <= 0.0:
            budget.spend(Priority.POLL, 1.0, 0.0)
    assert budget.ready_at(Priority.CANCEL, 1.0, 0.0) == 0.0


@pytest.mark.parametrize("priority", Priority)
def test_a_ban_holds_everything_even_cancels(priority: Priority) -> None:
    budget = Budget(10.0, 10.0, 0.0)
    budget.ban(7.5)
    assert budget.ready_at(priority, 1.0, 0.0) == 7.5


def test_a_pause_holds_places_and_polls_and_lets_cancels_and_queries_pass() -> None:
    budget = Budget(10.0, 10.0, 0.0)
    budget.pause(5.0)
    ready = {priority: budget.ready_at(priority, 1.0, 0.0) for priority in Priority}
    assert ready == {Priority.CANCEL: 0.0, Priority.QUERY: 0.0, Priority.PLACE: 5.0, Priority.POLL: 5.0}


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    budget = Budget(10.0, 10.0, 0.0)
    budget.ban(9.0)
    budget.ban(3.0)
    assert budget.banned_until_s == 9.0


def test_what_cost_more_than_estimated_is_paid_off_before_the_next() -> None:
    budget = Budget(2.0, 10.0, 0.0)
    budget.spend(Priority.QUERY, 1.0, 0.0)
    budget.settle(15.0, 0.0)
    assert budget.tokens(0.0) == -6.0
    assert budget.ready_at(Priority.CANCEL, 1.0, 0.0) == 3.5


def test_requests_are_counted_by_priority() -> None:
    budget = Budget(10.0, 10.0, 0.0)
    budget.spend(Priority.CANCEL, 1.0, 0.0)
    budget.spend(Priority.POLL, 1.0, 0.0)
    budget.spend(Priority.POLL, 1.0, 0.0)
    assert budget.spent == {Priority.CANCEL: 1, Priority.POLL: 2}


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Budget(0.0, 10.0, 0.0)
