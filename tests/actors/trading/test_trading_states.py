"""The tree of trading states: the severest counts, first causes are kept, and a resume restores exactly what was."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ganglion.actors.trading.trading_states import StateTree, changes, newly_halted, stopped_text, stops
from ganglion.messages.trading import BOT_SCOPE, By, Cause, Scope, ScopeKind, StateEntry, TradingState
from ganglion.messages.values import Side
from tests.actors.trading.halts import ALPHA, BTC_AT_ALPHA, GRID, SCOPES, entry_of, halted_for

ACTIVE, REDUCING, HALTED = TradingState
BTC, ETH = "BTC/USDT", "ETH/USDT"

entries = st.builds(
    StateEntry,
    st.sampled_from(SCOPES),
    st.sampled_from(TradingState),
    st.builds(Cause, st.text("abc", min_size=1, max_size=2), st.sampled_from(By), st.integers(1, 9)),
)
steps = st.lists(st.one_of(entries, st.sampled_from(SCOPES)), max_size=12)
"""An entry is set, a scope is resumed."""


def grown(ops) -> StateTree:
    tree = StateTree()
    for op in ops:
        if isinstance(op, Scope):
            tree.lift(op)
        else:
            tree.set(op)
    return tree


def model(ops) -> dict[Scope, list[StateEntry]]:
    """The same, told another way: for each scope what was set since its last resume, and what that did not lift."""
    told: dict[Scope, list[StateEntry]] = {scope: [] for scope in SCOPES}
    for op in ops:
        if isinstance(op, Scope):
            halts = [entry for entry in told[op] if entry.state is HALTED]
            beside = halts and halts[0].cause.by is not By.INVARIANT
            told[op] = [entry for entry in halts if beside and entry.cause.by is By.INVARIANT][:1]
        else:
            told[op.scope].append(op)
    return told


def severest(told: list[StateEntry]) -> TradingState:
    return max((entry.state for entry in told), key=lambda state: state.severity, default=ACTIVE)


def state(tree: StateTree, mode="grid", symbol=BTC) -> TradingState:
    entry = tree.effective(mode, symbol)
    return ACTIVE if entry is None else entry.state


@given(steps)
def test_the_severest_state_that_applies_counts(ops):
    tree, told = grown(ops), model(ops)
    assert state(tree) is severest([entry for scope in SCOPES for entry in told[scope]])
    assert state(tree, "maker", ETH) is severest(told[BOT_SCOPE] + told[ALPHA])
    assert state(tree, "grid", ETH) is severest(told[BOT_SCOPE] + told[ALPHA] + told[GRID])


@given(steps)
def test_the_first_cause_of_the_state_that_counts_is_kept(ops):
    tree, told = grown(ops), model(ops)
    for scope in SCOPES:
        known = tree.at(scope)
        worst = severest(told[scope])
        first = next((entry for entry in told[scope] if entry.state is worst), None)
        assert known == (None if worst is ACTIVE else first)


def test_a_violation_under_an_operators_halt_stands_until_it_is_lifted_in_its_turn():
    tree = grown([halted_for("I4: an orphan")])
    assert tree.lift(ALPHA)
    assert not tree.entries
    tree = grown([entry_of(HALTED, ALPHA, "lunch"), halted_for("I4: an orphan"), halted_for("I4: another")])
    assert tree.at(ALPHA).cause.text == "lunch"
    tree.lift(ALPHA)
    assert tree.at(ALPHA).cause.text == "I4: an orphan"
    tree.lift(ALPHA)
    assert not tree.entries


@given(steps, st.lists(st.builds(entry_of, st.sampled_from([REDUCING, HALTED])), min_size=1, max_size=4))
def test_a_resume_restores_exactly_what_was_before(ops, set_now):
    tree = grown([*ops, ALPHA, ALPHA])
    before = list(tree.entries)
    for entry in set_now:
        tree.set(entry)
    assert tree.lift(ALPHA)
    assert tree.entries == before


@given(steps)
def test_what_is_told_is_what_is_known(ops):
    tree, copy = grown(ops), StateTree()
    copy.replace(tuple(tree.entries))
    assert copy == tree


@given(entries, st.sampled_from(Side), st.booleans())
def test_only_sells_reduce_and_only_a_flatten_passes_a_halt(entry, side, flatten):
    passes = {
        ACTIVE: True,
        REDUCING: side is Side.SELL,
        HALTED: side is Side.SELL and flatten,
    }
    assert stops(entry, side, flatten=flatten) is not passes[entry.state]


def test_a_lesser_state_never_takes_a_severer_ones_place():
    tree = grown([halted_for("I1: money")])
    assert not tree.set(entry_of(REDUCING))
    assert not tree.set(entry_of(HALTED))
    assert tree.at(ALPHA).cause.text == "I1: money"


def test_resuming_an_account_leaves_its_modes_and_the_bot_as_they_are():
    tree = grown([entry_of(scope=BOT_SCOPE), entry_of(scope=ALPHA), entry_of(scope=GRID), entry_of(scope=BTC_AT_ALPHA)])
    tree.lift(ALPHA)
    assert [entry.scope for entry in tree.entries] == [BOT_SCOPE, GRID, BTC_AT_ALPHA]


@pytest.mark.parametrize(
    ("scope", "written"),
    [(BOT_SCOPE, "bot"), (ALPHA, "alpha"), (BTC_AT_ALPHA, "alpha/BTC/USDT"), (GRID, "grid")],
)
def test_a_scope_is_written_as_on_the_command_line(scope, written):
    assert str(scope) == written


def test_a_refusal_says_the_cause_who_and_how_to_lift_it():
    text = stopped_text(entry_of(HALTED, GRID, "too many losses"))
    assert text == ("grid is halted: too many losses (by anna); cancels still pass, `ganglion resume grid` lifts it")


def test_the_log_is_told_what_is_new_and_what_was_lifted():
    old, new = [entry_of(scope=GRID)], [entry_of(REDUCING, ALPHA, "careful")]
    assert list(changes(old, new)) == [
        {"scope": "alpha", "state": "reducing", "cause": "careful", "by": "anna"},
        {"scope": "grid", "state": "active", "cause": "resumed", "by": "an operator"},
    ]


def test_only_a_new_halt_is_news():
    old = [entry_of(scope=GRID)]
    new = [*old, entry_of(REDUCING), entry_of(scope=BTC_AT_ALPHA)]
    assert [(news.mode, news.symbol) for news in newly_halted("alpha", old, new)] == [(None, BTC)]
    assert Scope(ScopeKind.BOT) == BOT_SCOPE
