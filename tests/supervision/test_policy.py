"""`decide`, budgets and backoff as pure functions: tables, and Hypothesis against a small model of their own."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.messages.lifecycle import Failure
from ganglion.supervision import Backoff, Budget, ChildSpec
from ganglion.supervision.policy import History, Verb, decide
from tests.supervision.cast import Counter

FAILED = Failure(error="ValueError", text="no", message="Boom", fact="Boom:1")
NO_FACT = Failure(error="InjectedFailure", text="no")


def spec(**options) -> ChildSpec:
    return ChildSpec("a", Counter, **options)


@pytest.mark.parametrize(
    ("restart", "failure", "verb"),
    [
        ("permanent", NO_FACT, Verb.RESTART),
        ("permanent", None, Verb.RESTART),
        ("transient", NO_FACT, Verb.RESTART),
        ("transient", None, Verb.STOP),
        ("temporary", NO_FACT, Verb.STOP),
        ("temporary", None, Verb.STOP),
    ],
)
def test_the_restart_type_decides_who_comes_back(restart, failure, verb):
    assert decide(failure, spec(restart=restart), History(), 0.0).verb is verb


@pytest.mark.parametrize(("on_exhausted", "verb"), [("park", Verb.PARK), ("escalate", Verb.ESCALATE)])
def test_a_spent_budget_parks_or_escalates(on_exhausted, verb):
    history = History(restarts=(1.0, 2.0, 3.0))
    directive = decide(NO_FACT, spec(on_exhausted=on_exhausted), history, 4.0)
    assert (directive.verb, directive.slow_retry) == (verb, True)


def test_a_budget_of_none_is_spent_by_the_first_failure():
    assert decide(NO_FACT, spec(budget=Budget(0, 10)), History(), 0.0).verb is Verb.PARK


def test_a_failure_that_says_stop_parks_without_a_slow_retry_even_what_would_escalate():
    directive = decide(replace_stop(NO_FACT), spec(on_exhausted="escalate"), History(), 0.0)
    assert (directive.verb, directive.slow_retry) == (Verb.PARK, False)


def replace_stop(failure: Failure) -> Failure:
    return Failure(error=failure.error, text=failure.text, stop=True)


# ---------------------------------------------------------------- decide, against a model

times = st.floats(min_value=0.0, max_value=1_000.0, allow_nan=False)
failures = st.one_of(
    st.none(),
    st.builds(Failure, error=st.just("E"), text=st.just(""), fact=st.sampled_from(["", "x", "y"]), stop=st.booleans()),
)
specs = st.builds(
    spec,
    restart=st.sampled_from(["permanent", "transient", "temporary"]),
    on_exhausted=st.sampled_from(["park", "escalate"]),
    budget=st.builds(Budget, restarts=st.integers(0, 4), within_s=st.sampled_from([1.0, 10.0, 100.0])),
)


class Model:
    """The rules said once more, as a list of what happened, counted from scratch each time."""

    def __init__(self, child: ChildSpec) -> None:
        self.child = child
        self.log: list[tuple[float, str]] = []
        """When it was restarted, and after which fact."""

    def verb(self, failure: Failure | None, now: float) -> Verb:
        comes_back = {"permanent": True, "transient": failure is not None, "temporary": False}[self.child.restart]
        if not comes_back:
            return Verb.STOP
        recent = [fact for at, fact in self.log if at > now - self.child.budget.within_s]
        exhausted = Verb.PARK if self.child.on_exhausted == "park" else Verb.ESCALATE
        if failure is not None:
            if failure.stop:
                return Verb.PARK
            if failure.fact and recent and recent[-1] == failure.fact:
                return exhausted
        return exhausted if len(recent) >= self.child.budget.restarts else Verb.RESTART


@given(child=specs, ends=st.lists(st.tuples(st.floats(0.01, 60.0), failures), max_size=30))
def test_decide_agrees_with_the_model_over_any_life_of_a_child(child, ends):
    model, history, now = Model(child), History(), 0.0
    for pause_s, failure in ends:
        history = history.started(now)
        now += pause_s
        directive = decide(failure, child, history, now)
        assert directive.verb is model.verb(failure, now)
        if directive.verb is not Verb.RESTART:
            break
        fact = failure.fact if failure is not None else ""
        history = history.restarted(now, child.budget, Backoff(), fact)
        model.log.append((now, fact))


@given(child=specs, failure=failures, restarts=st.lists(times, max_size=8), now=times)
def test_decide_changes_nothing_and_says_the_same_twice(child, failure, restarts, now):
    history = History(restarts=tuple(sorted(restarts)))
    before = replace(history)
    assert decide(failure, child, history, now) == decide(failure, child, history, now)
    assert history == before


@given(
    budget=st.builds(Budget, restarts=st.integers(0, 5), within_s=st.floats(1.0, 100.0)),
    pauses=st.lists(st.floats(0.0, 50.0), max_size=60),
)
def test_no_window_of_a_budget_ever_holds_more_restarts_than_it_allows(budget, pauses):
    child, history, now, granted = spec(budget=budget), History(), 0.0, []
    for pause_s in pauses:
        now += pause_s
        if decide(NO_FACT, child, history, now).verb is Verb.RESTART:
            history = history.restarted(now, budget, Backoff(), "")
            granted.append(now)
    for at in granted:
        assert sum(1 for other in granted if at <= other < at + budget.within_s) <= budget.restarts
    assert len(history.restarts) <= budget.restarts


@given(st.builds(Budget, restarts=st.integers(1, 5), within_s=st.floats(1.0, 100.0)))
def test_a_spent_budget_is_whole_again_after_its_window(budget):
    history = History(restarts=tuple([0.0] * budget.restarts))
    child = spec(budget=budget)
    assert decide(NO_FACT, child, history, budget.within_s * 0.999).verb is Verb.PARK
    assert decide(NO_FACT, child, history, budget.within_s).verb is Verb.RESTART


# ---------------------------------------------------------------- backoff

backoffs = st.builds(
    Backoff,
    base_s=st.floats(0.001, 10.0),
    factor=st.floats(1.01, 10.0),
    cap_s=st.floats(0.001, 1_000.0),
    reset_after_s=st.floats(0.0, 100.0),
)


@given(backoffs, st.integers(0, 200))
def test_backoff_is_exponential_until_it_meets_its_cap(backoff, attempt):
    here, there = backoff.ceiling_s(attempt), backoff.ceiling_s(attempt + 1)
    assert here <= backoff.cap_s
    if there < backoff.cap_s:
        assert there / here == pytest.approx(backoff.factor)
    else:
        assert there == backoff.cap_s


def test_backoff_starts_at_its_base():
    assert [Backoff().ceiling_s(attempt) for attempt in range(9)] == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]


def test_backoff_survives_any_number_of_attempts():
    assert Backoff().ceiling_s(10**6) == 30.0
    assert Backoff(base_s=0.0).ceiling_s(10**6) == 0.0


@given(backoffs, st.integers(0, 100), st.integers())
def test_jitter_is_between_nothing_and_the_ceiling(backoff, attempt, seed):
    assert 0.0 <= backoff.delay_s(attempt, random.Random(seed)) <= backoff.ceiling_s(attempt)


def test_jitter_is_full_it_reaches_into_every_tenth_of_the_ceiling():
    chance, backoff = random.Random(1), Backoff(base_s=1.0, cap_s=1.0)
    tenths = {int(backoff.delay_s(0, chance) * 10) for _ in range(1_000)}
    assert tenths == set(range(10))


@given(backoffs, st.floats(0.0, 200.0), st.integers(0, 50))
def test_the_attempts_count_anew_after_a_healthy_period_and_only_then(backoff, healthy_s, attempt):
    history = History(attempt=attempt, started_s=10.0)
    healthy = (10.0 + healthy_s) - 10.0 >= backoff.reset_after_s
    assert history.attempt_at(10.0 + healthy_s, backoff) == (0 if healthy else attempt)
    after = history.restarted(10.0 + healthy_s, Budget(), backoff, "")
    assert after.attempt == (1 if healthy else attempt + 1)


def test_a_child_that_never_became_ready_was_never_healthy():
    assert History(attempt=4).attempt_at(1e9, Backoff()) == 4


@given(st.lists(st.floats(0.0, 30.0), min_size=1, max_size=20))
def test_failures_without_a_healthy_period_between_them_raise_the_attempt_one_by_one(pauses):
    history, now = History(), 0.0
    for count, pause_s in enumerate(pauses):
        assert history.attempt_at(now + pause_s, Backoff()) == count
        now += pause_s
        history = history.restarted(now, Budget(), Backoff(), "").started(now)
