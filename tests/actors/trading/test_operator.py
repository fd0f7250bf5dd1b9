"""Halt, reduce, resume and flatten on a whole account: what passes, what is kept, what is sold."""

import pytest

from ganglion.actors.trading.orders.desk import Desk
from ganglion.actors.trading.portfolio import Limits
from ganglion.actors.trading.trading_states import mode_scope
from ganglion.messages.account import Reconciled, Resume, Suspend
from ganglion.messages.journal import JournalFailed
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, Violation
from ganglion.messages.orders import CancelAll, DenyReason, Fill, OrderState, Side
from ganglion.messages.trading import BOT_SCOPE, By, Flatten, LiftTradingState, TradingState, TradingStates
from tests.actors.trading.halts import ALPHA, BTC_AT_ALPHA, GRID, SCOPES, said
from tests.actors.trading.model_venue import D
from tests.actors.trading.world import Account

HALTED, REDUCING = TradingState.HALTED, TradingState.REDUCING


def in_state(state, scope=ALPHA, **kwargs) -> Account:
    account = Account(**kwargs).run()
    account.portfolio.tell(said(state, scope))
    return account.run()


def resumed(account: Account, scope=ALPHA) -> str:
    answer = account.orders.ask(LiftTradingState(scope, "anna"), block=False)
    account.run(5)
    return answer.get(timeout=1)


def bought(account: Account, amount: str = "1") -> None:
    """The mode owns something that its own fills brought."""
    account.place(amount=amount)
    account.run()
    account.world.fill(account.world.open_orders()[0], D(amount))
    account.run()


def flatten(account: Account, scope=ALPHA):
    deadline_s = account.system.clock.monotonic_s() + 60
    answer = account.portfolio.ask(Flatten(scope, "anna", deadline_s), block=False)
    account.run()
    return answer.get(timeout=1)


# ---------------------------------------------------------------- what passes


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_a_halt_of_any_scope_above_a_mode_denies_all_that_it_places(scope):
    account = in_state(HALTED, scope)
    account.place(Side.BUY)
    account.place(Side.SELL, price="102")
    account.run()
    assert [d.deny_reason for d in account.denials()] == [DenyReason.HALTED] * 2
    assert f"{scope} is halted: an operator said so (by anna)" in account.denials()[0].text
    assert account.world.orders == {} or not account.world.open_orders()


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_reducing_lets_sells_pass_and_no_buy(scope):
    account = in_state(REDUCING, scope)
    buy, sell = account.place(Side.BUY), account.place(Side.SELL, price="102")
    account.run()
    assert [d.intent_id for d in account.denials()] == [buy.intent_id]
    assert "sells of what is held and cancels still pass" in account.denials()[0].text
    assert account.state(sell.intent_id) == OrderState.ACCEPTED
    assert account.violations() == []


def test_the_halt_of_one_market_or_mode_is_no_other_modes_matter():
    account = Account(modes=("grid", "maker")).run()
    account.portfolio.tell(said(HALTED, GRID))
    account.run()
    assert account.modes["maker"].of(Suspend) == [
        s for s in account.modes["maker"].of(Suspend) if "halted" not in s.reason
    ]
    assert account.view().halted is None


def test_a_mode_is_told_that_it_may_only_reduce_and_then_that_it_may_decide_nothing():
    account = in_state(REDUCING)
    assert account.modes["grid"].of(Resume)[-1].state is REDUCING
    account.portfolio.tell(said(HALTED))
    account.run()
    assert account.modes["grid"].received[-1] == Suspend("alpha", "halted: an operator said so (by anna)")


def test_cancels_pass_every_state_and_can_be_of_one_side_or_market():
    account = Account().run()
    buy, sell = account.place(Side.BUY, price="98"), account.place(Side.SELL, price="102")
    account.run()
    account.portfolio.tell(said(HALTED))
    account.portfolio.tell(CancelAll(None, "reduce", side=Side.BUY))
    account.portfolio.tell(CancelAll(None, "another market", symbol="ETH/USDT"))
    account.run()
    assert account.state(buy.intent_id) == OrderState.CANCELED
    assert account.state(sell.intent_id) == OrderState.ACCEPTED


def test_an_order_line_that_forgets_to_look_at_the_state_is_caught(monkeypatch):
    account = Account().run()
    monkeypatch.setattr(Desk, "set_state", lambda desk, entry: desk.outside.publish(TradingStates("alpha", (entry,))))
    account.portfolio.tell(said(REDUCING))
    account.run()
    account.place(Side.BUY)
    account.run()
    text = "I9: intent intent-1 (buy 1 BTC/USDT) was sent although alpha is reducing"
    assert account.violations()[0].startswith(text)
    account.system.stop()


# ---------------------------------------------------------------- kept, and lifted


@pytest.mark.parametrize("part", ["orders", "portfolio"])
def test_a_state_outlives_restarts_with_its_first_cause(part):
    account = in_state(REDUCING, BTC_AT_ALPHA)
    account.portfolio.tell(said(REDUCING, BTC_AT_ALPHA, "a second cause"))
    account.run()
    account.system.fail(f"/bot/account/{part}")
    account.run(5)
    account.place()
    account.run()
    assert "an operator said so" in account.denials()[-1].text
    assert account.ledger().states.at(BTC_AT_ALPHA).cause.who == "anna"


def test_a_resume_reconciles_before_anything_is_placed():
    account = in_state(HALTED)
    mode, epoch = account.modes["grid"], account.epoch()
    mode.received.clear()
    account.orders.ask(LiftTradingState(ALPHA, "anna"), block=False)
    account.run(5)
    assert account.watcher.of(Reconciled)[-1].epoch > epoch
    assert mode.of(Resume)[-1].epoch > epoch
    assert "resumed by anna" in mode.of(Resume)[-1].reason
    intent = account.place()
    account.run()
    assert account.state(intent.intent_id) == OrderState.ACCEPTED
    assert account.view().halted is None


def test_a_resume_outlives_restarts():
    account = in_state(HALTED)
    resumed(account)
    account.system.fail("/bot/account/orders")
    account.run(5)
    assert account.view().halted is None


def test_resuming_one_scope_leaves_the_others_as_they_are():
    account = in_state(HALTED)
    account.portfolio.tell(said(HALTED, BOT_SCOPE, "everything off"))
    account.run()
    assert resumed(account) == ""
    account.place()
    account.run()
    assert "bot is halted: everything off" in account.denials()[-1].text


def test_what_is_active_already_needs_no_reconcile():
    account = Account().run()
    epoch = account.epoch()
    assert resumed(account) == ""
    assert account.epoch() == epoch


def test_an_account_whose_venue_rests_for_good_is_not_resumed():
    account = in_state(HALTED)
    rests = ConnectionChanged("alpha", ConnectionState.DOWN, 1, "stopped: AuthenticationError", 0.0, stopped=True)
    account.orders.tell(rests)
    answer = account.orders.ask(LiftTradingState(ALPHA, "anna"), block=False)
    account.run()
    assert "AuthenticationError: see to that, start the bot again" in answer.get(timeout=1)
    assert account.view().halted is not None


def test_an_invariant_that_breaks_again_after_a_resume_halts_again():
    account = Account().run()
    cause = "I8: the same text"
    for _ in range(2):
        account.system.address("/bot/monitor").tell(violated(cause))
        account.run()
        assert account.view().halted == cause
        resumed(account)
        assert account.view().halted is None


def violated(cause: str):
    invariant, _, text = cause.partition(": ")
    return Violation(invariant, "alpha", text)


# ---------------------------------------------------------------- flatten


@pytest.mark.parametrize("state", [HALTED, REDUCING])
def test_a_flatten_sells_what_the_modes_own_fills_hold_and_no_more(state):
    account = Account().run()
    bought(account, "1")
    account.portfolio.tell(said(state))
    account.run()
    (part,) = flatten(account)
    # The opening balance has more of it; a fee was taken off the buy.
    assert (part.mode, part.held, part.selling) == ("grid", D("0.999"), D("0.999"))
    sell = account.updates(part.intent_id)[-1]
    assert (sell.side, sell.amount, sell.type) == (Side.SELL, D("0.999"), "market")
    assert account.ledger().line_of_intent(part.intent_id).intent.reason == "operator flatten by anna"
    assert account.violations() == []


def test_a_flatten_of_what_is_active_is_refused():
    account = Account().run()
    bought(account)
    (part,) = flatten(account)
    assert part.selling == 0
    assert "it is active: halt or reduce it first" in part.why


def test_a_flatten_says_what_is_below_the_venues_least_order():
    account = Account().run()
    bought(account, "0.05")
    account.portfolio.tell(said(HALTED))
    account.run()
    (part,) = flatten(account)
    assert part.selling == 0
    assert "is under the least cost" in part.why


def test_a_flatten_obeys_the_price_collar_and_no_count():
    limits = Limits(price_collar=D("0.05"), max_open_orders=1, max_notional_per_order=D(150))
    account = Account(mode_limits=limits).run()
    bought(account, "1")
    account.place(Side.SELL, price="101", amount="1")
    account.portfolio.tell(said(HALTED))
    account.top(80.0, 120.0)
    account.run()
    (part,) = flatten(account)
    assert "more than 5.00% beyond mid 100" in part.why
    account.top(99.0, 101.0)
    (part,) = flatten(account)
    assert part.selling == D("0.999")


def test_a_flatten_of_another_scope_sells_nothing():
    account = Account().run()
    bought(account)
    account.portfolio.tell(said(HALTED))
    account.run()
    assert flatten(account, mode_scope("alpha", "maker")) == ()


def test_what_a_flatten_sold_is_the_modes_own_fill():
    account = Account().run()
    bought(account)
    account.portfolio.tell(said(HALTED))
    account.run()
    (part,) = flatten(account)
    account.world.fill(account.world.open_orders()[0], part.selling)
    account.run()
    assert account.modes["grid"].of(Fill)[-1].intent_id == part.intent_id
    assert flatten(account) == ()


def test_with_a_broken_journal_nothing_is_sold_and_nothing_resumed():
    account = Account().run()
    bought(account)
    account.orders.tell(JournalFailed("no space left on device"))
    account.run()
    (part,) = flatten(account)
    assert "the journal of alpha is broken: no space left on device" in account.denials()[-1].text
    assert account.denials()[-1].intent_id == part.intent_id
    answer = account.orders.ask(LiftTradingState(ALPHA, "anna"), block=False)
    account.run()
    assert "the journal is broken (no space left on device): see to that" in answer.get(timeout=1)
    assert account.ledger().states.at(ALPHA).cause.by is By.JOURNAL
