"""What status, live view and summary show of trading states: each scope, its state, its first cause, who and when."""

import io
from decimal import Decimal

import pytest
from rich.console import Console

from ganglion.bot.collector import CollectorActor, ReadOrders, ReadStatus
from ganglion.bot.control import looks
from ganglion.bot.live_view import render, render_compact
from ganglion.bot.summary import summarize
from ganglion.bot.verdict import judge
from ganglion.messages.orders import Fill, OrderDenied, OrderState, OrderType, OrderUpdate, Side
from ganglion.messages.trading import BOT_SCOPE, Scope, ScopeKind, TradingState, TradingStates
from ganglion.supervision import System
from tests.actors.trading.halts import ALPHA, BTC_AT_ALPHA, GRID, entry_of

HALTED, REDUCING = TradingState.HALTED, TradingState.REDUCING
BTC, ETH = "BTC/USDT", "ETH/USDT"
D = Decimal


class Collected:
    """A collector alone."""

    def __init__(self) -> None:
        self.system = System(dispatcher="simulated", seed=1)
        exchanges = {"alpha": (BTC, ETH), "beta": (BTC,)}
        modes = {"grid": ("alpha", BTC), "maker": ("alpha", ETH), "far": ("beta", BTC)}
        self.actor = self.system.spawn(lambda: CollectorActor(exchanges, modes), name="collector")

    def tell(self, *messages):
        for message in messages:
            self.actor.tell(message)
        return self

    def ask(self, message):
        answer = self.actor.ask(message, block=False)
        self.system.run_until_idle()
        return answer.get(timeout=1)

    def status(self):
        return self.ask(ReadStatus())


@pytest.fixture
def collected():
    found = Collected()
    yield found
    found.system.stop()


def states(account, *entries):
    return TradingStates(account, entries)


def trading(status):
    return {row.name: str(row.trading) for row in (*status.exchanges, *status.modes)}


def test_the_severest_state_is_shown_of_each_account_and_mode(collected):
    collected.tell(states("alpha", entry_of(REDUCING, ALPHA), entry_of(HALTED, BTC_AT_ALPHA)))
    assert trading(collected.status()) == {
        "alpha": "reducing",
        "beta": "active",
        "grid": "halted",
        "maker": "reducing",
        "far": "active",
    }


def test_a_state_that_was_lifted_is_shown_no_more(collected):
    collected.tell(states("alpha", entry_of(HALTED, ALPHA)), states("alpha"))
    status = collected.status()
    assert set(trading(status).values()) == {"active"}
    assert status.exchanges[0].halted == ""


def test_a_state_carries_its_first_cause_who_and_when(collected):
    collected.tell(states("alpha", entry_of(HALTED, GRID, "it loses", at_ms=5_000)))
    (state,) = collected.status().exchanges[0].states
    assert (state.scope, state.state, state.cause, state.by, state.who, state.at_ms) == (
        "grid",
        "halted",
        "it loses",
        "operator",
        "anna",
        5_000,
    )


def test_the_whole_bots_state_is_listed_once(collected):
    collected.tell(*(states(name, entry_of(HALTED, BOT_SCOPE)) for name in ("alpha", "beta")))
    assert [state.scope for state in looks.all_states(collected.status())] == ["bot"]


def test_a_bot_wide_state_holds_once_every_account_has_it(collected):
    collected.tell(states("alpha", entry_of(HALTED, BOT_SCOPE)))
    status = collected.status()
    assert looks.without_state(status, BOT_SCOPE, HALTED, ["alpha", "beta"]) == ["beta"]
    assert looks.without_state(status, BOT_SCOPE, None, ["alpha", "beta"]) == ["alpha"]
    assert not looks.all_halted(status, BOT_SCOPE)


@pytest.mark.parametrize(("scope", "halted"), [(ALPHA, False), (GRID, True), (BTC_AT_ALPHA, True), (BOT_SCOPE, False)])
def test_what_a_markets_halt_halts(collected, scope, halted):
    collected.tell(states("alpha", entry_of(HALTED, BTC_AT_ALPHA)))
    assert looks.all_halted(collected.status(), scope) is halted


def test_what_stands_in_a_scope_counts_wider_and_narrower_ones(collected):
    every = (entry_of(REDUCING, ALPHA), entry_of(HALTED, GRID), entry_of(HALTED, BTC_AT_ALPHA))
    status = collected.tell(states("alpha", *every)).status()
    modes = {"grid": "alpha", "maker": "alpha", "far": "beta"}

    def named(scope):
        return [state.scope for state in looks.standing_in(status, scope, modes)]

    assert named(ALPHA) == ["alpha", "grid", "alpha/BTC/USDT"]
    assert named(GRID) == ["alpha", "grid", "alpha/BTC/USDT"]
    assert named(BTC_AT_ALPHA) == ["alpha", "grid", "alpha/BTC/USDT"]
    assert named(BOT_SCOPE) == ["alpha", "grid", "alpha/BTC/USDT"]


def shown(picture) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(picture)
    return console.export_text()


def test_the_live_view_shows_reducing_and_halted_with_the_cause(collected):
    far = Scope(ScopeKind.MODE, "beta", "far")
    collected.tell(states("alpha", entry_of(REDUCING, ALPHA, "careful")), states("beta", entry_of(HALTED, far, "lost")))
    status, tree = collected.status(), collected.system.tree()
    for picture in (render(status, tree, title="t"), render_compact(status, tree, title="t", height=40)):
        text = shown(picture)
        assert "REDUCING: careful" in text
        assert "far HALTED: lost (by anna)" in text


def test_the_summary_names_states_and_a_halted_modes_cause(collected):
    collected.tell(states("alpha", entry_of(HALTED, GRID, "it loses")))
    summary = summarize(collected.status(), collected.system.tree())
    assert summary.exchanges["alpha"].states[0].scope == "grid"
    assert (summary.modes["grid"].trading, summary.modes["grid"].state) == ("halted", "halted")
    told = judge(summary, bot="/bot").sentences
    assert "mode grid is halted: it loses (by anna)" in told


# ---------------------------------------------------------------- orders


def update(intent="i1", state=OrderState.ACCEPTED, filled="0", mode="grid"):
    return OrderUpdate(
        intent, "alpha", mode, f"c-{intent}", "7", BTC, Side.BUY, OrderType.LIMIT, D(100), D(2), state, D(filled), "", 1
    )


def filled(trade, price, amount, **more):
    return Fill(
        "alpha", BTC, trade, "i1", "grid", "c-i1", Side.BUY, D(price), D(amount), D(0), "USDT", None, 0, 2, **more
    )


def test_orders_are_told_with_age_and_the_average_price_of_their_fills(collected):
    collected.tell(update())
    collected.system.run_for(5)
    collected.tell(filled("t1", "100", "0.5"), filled("t2", "98", "1.5"), update(state=OrderState.FILLED, filled="2"))
    (order,) = collected.ask(ReadOrders()).orders
    assert (order.average, order.state, order.open) == (D("98.5"), "filled", False)
    assert order.age_s == pytest.approx(5.0, abs=0.5)
    assert order.changed_s < 0.5
    assert looks.within(GRID, order)
    assert looks.within(BTC_AT_ALPHA, order)
    assert not looks.within(Scope(ScopeKind.MODE, "alpha", "maker"), order)


def test_a_refusal_is_remembered_for_who_asks(collected):
    collected.tell(OrderDenied("i9", "alpha", "grid", "halted", "the journal is broken"))
    assert collected.ask(ReadOrders()).refused == {"i9": "the journal is broken"}
