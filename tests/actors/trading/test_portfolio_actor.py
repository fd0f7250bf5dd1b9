"""The portfolio actor: denies with a reason, halts with the first cause, tells modes where they stand."""

from ganglion.actors.trading.portfolio import Limits
from ganglion.messages.account import Drain, Funds, Reconciled, Resume, ResumeRequest, Suspend
from ganglion.messages.lifecycle import HaltAccount, Halted, HaltMode
from ganglion.messages.orders import CancelAll, DenyReason, OrderDenied, OrderState, OrderUpdate, PlaceOrder, Side
from tests.actors.trading.model_venue import D, Fates
from tests.actors.trading.world import Account


def test_a_mode_may_not_spend_what_belongs_to_another():
    account = Account(modes=("grid", "maker")).run()
    account.portfolio.tell(PlaceOrder(account.intent(amount="501", mode="grid")))
    account.run()
    denied = account.modes["grid"].of(OrderDenied)[-1]
    assert denied.deny_reason is DenyReason.INSUFFICIENT_FUNDS
    assert "mode grid may commit 50000 of its 50000" in denied.text


def test_funds_follow_each_reservation_and_each_fill():
    account = Account().run()
    account.place(amount="1")
    account.run()
    assert account.modes["grid"].of(Funds)[-1].quote_available == D("99900")
    account.world.fill(account.world.open_orders()[0], D("1"))
    account.run()
    funds = account.modes["grid"].of(Funds)[-1]
    assert funds.quote_total == D("99900")
    assert funds.base_total == D("2.999")


def test_funds_are_told_again_only_where_they_are_others():
    account = Account().run()
    before = len(account.modes["grid"].of(Funds))
    order = account.place(amount="1")
    account.run()
    assert len(account.updates(order.intent_id)) > 1
    assert len(account.modes["grid"].of(Funds)) == before + 1
    account.cancel(order.intent_id)
    account.run()
    assert len(account.modes["grid"].of(Funds)) == before + 2


def test_a_halted_account_places_nothing_and_cancels_still_pass():
    account = Account().run()
    intent = account.place()
    account.run()
    account.portfolio.tell(HaltAccount("alpha", "an operator said so"))
    account.portfolio.tell(HaltAccount("alpha", "a second cause"))
    account.run()
    account.place()
    account.run()
    denied = account.modes["grid"].of(OrderDenied)[-1]
    assert denied.deny_reason is DenyReason.HALTED
    assert "an operator said so" in denied.text
    assert [h.cause for h in account.watcher.of(Halted)] == ["an operator said so"]
    assert [s.reason for s in account.modes["grid"].of(Suspend)][-1] == "halted: an operator said so"
    account.cancel(intent.intent_id)
    account.run()
    assert account.state(intent.intent_id) == OrderState.CANCELED


def test_a_halted_mode_leaves_the_other_trading():
    account = Account(modes=("grid", "maker")).run()
    account.portfolio.tell(HaltMode("grid", "too many refusals"))
    account.run()
    for mode in ("grid", "maker"):
        account.portfolio.tell(PlaceOrder(account.intent(mode=mode)))
    account.run()
    assert [denied.mode for denied in account.denials()] == ["grid"]
    assert len(account.world.orders) == 1


def test_a_halt_outlives_a_restart_of_the_portfolio():
    account = Account().run()
    account.portfolio.tell(HaltAccount("alpha", "an operator said so"))
    account.run()
    account.system.fail("/bot/account/portfolio")
    account.run(5)
    account.place()
    account.run()
    assert account.denials()[-1].deny_reason is DenyReason.HALTED
    assert isinstance(account.modes["grid"].received[-1], OrderDenied)


def test_an_invalid_book_blocks_places_until_its_next_top():
    account = Account().run()
    account.break_book("gap")
    account.place()
    account.run()
    assert account.denials()[-1].deny_reason is DenyReason.STALE_BOOK
    account.top(99.0, 101.0)
    account.place()
    account.run()
    assert len(account.world.orders) == 1


def test_a_mode_that_asks_before_reconcile_hears_suspend_and_then_resume():
    account = Account(Fates(bad_read=1.0)).run(0.5)
    account.portfolio.tell(ResumeRequest("grid"))
    account.run(0.5)
    mode = account.modes["grid"]
    assert mode.of(Suspend)
    assert not mode.of(Resume)
    account.fates.heal()
    account.run(10)
    assert mode.of(Resume)


def test_a_mode_that_restarted_is_told_its_own_open_orders_only():
    account = Account(modes=("grid", "maker")).run()
    account.portfolio.tell(PlaceOrder(account.intent(mode="grid")))
    account.portfolio.tell(PlaceOrder(account.intent(Side.SELL, "120", "0.5", mode="maker")))
    account.run()
    account.portfolio.tell(ResumeRequest("maker"))
    account.run()
    resume = account.modes["maker"].of(Resume)[-1]
    assert [order.side for order in resume.open_orders] == [Side.SELL]


def test_a_mode_that_restarts_before_the_order_line_has_spoken_is_told_of_what_it_decided():
    account = Account().run()
    intent = account.intent()
    account.portfolio.tell(PlaceOrder(intent))
    account.portfolio.tell(ResumeRequest("grid"))
    account.run()
    resume = account.modes["grid"].of(Resume)[-1]
    assert [(order.intent_id, order.state) for order in resume.open_orders] == [(intent.intent_id, OrderState.INTENDED)]


def test_limits_count_orders_that_are_open_and_those_of_the_last_minute():
    account = Account(mode_limits=Limits(max_open_orders=2), limits=Limits(max_orders_per_minute=3)).run()
    intents = [account.place() for _ in range(3)]
    account.run()
    assert "max_open_orders" in account.denials()[-1].text
    account.cancel(intents[0].intent_id)
    account.run()
    account.place()
    account.run()
    account.cancel(intents[1].intent_id)
    account.run()
    account.place()
    account.run()
    assert "max_orders_per_minute" in account.denials()[-1].text
    account.run(61)
    account.top(99.0, 101.0)
    account.place()
    account.run()
    assert account.denials()[-1].text.count("max_orders_per_minute") == 1
    assert len(account.denials()) == 2


def test_a_mode_that_is_not_wired_is_denied_and_nobody_falls_over():
    account = Account().run()
    account.portfolio.tell(PlaceOrder(account.intent(mode="stranger", epoch=account.epoch())))
    account.run()
    assert account.denials()[-1].deny_reason is DenyReason.INVALID
    assert account.system.tree() is not None


def test_a_fact_that_the_snapshot_already_held_is_skipped():
    account = Account().run()
    intent = account.place()
    account.run()
    account.cancel(intent.intent_id)
    account.run()
    accepted = next(u for u in account.updates(intent.intent_id) if u.state is OrderState.ACCEPTED)
    account.reconnect()
    account.run(5)
    told = len(account.modes["grid"].of(OrderUpdate))
    account.portfolio.tell(accepted)
    account.run()
    assert account.asset("USDT").reserved == 0
    assert len(account.modes["grid"].of(OrderUpdate)) == told


def test_a_reconciled_of_an_older_epoch_allows_nothing():
    account = Account().run()
    old = account.watcher.of(Reconciled)[-1]
    account.fates.bad_read = 1.0
    account.reconnect()
    account.run(1)
    account.portfolio.tell(old)
    account.run(1)
    account.portfolio.tell(PlaceOrder(account.intent(epoch=account.actor("/bot/exchange").epoch)))
    account.run(1)
    assert account.denials()[-1].deny_reason is DenyReason.NOT_RECONCILED


def test_a_draining_account_denies_every_place_and_cancels_still_pass():
    account = Account().run()
    intent = account.place()
    account.run()
    account.portfolio.tell(Drain("the bot stops"))
    account.place()
    account.portfolio.tell(CancelAll(None, "the bot stops"))
    account.run()
    assert account.denials()[-1].deny_reason is DenyReason.DRAINING
    assert account.modes["grid"].of(Drain) == [Drain("the bot stops")]
    assert account.state(intent.intent_id) == OrderState.CANCELED
    assert account.world.open_orders() == []
    assert len(account.world.orders) == 1


def test_a_place_that_waits_for_its_journal_when_the_account_drains_is_never_sent():
    account = Account().run()
    intent = account.intent()
    # At one instant of virtual time: the drain overtakes the journal's answer, not the place.
    account.portfolio.tell(PlaceOrder(intent))
    account.portfolio.tell(Drain("the bot stops"))
    account.run()
    assert [denied.deny_reason for denied in account.denials()] == [DenyReason.DRAINING]
    assert len(account.world.orders) == 0
    assert account.state(intent.intent_id) == OrderState.DENIED


def test_a_drain_said_again_reaches_parts_that_restarted():
    account = Account().run()
    account.portfolio.tell(Drain("the bot stops"))
    account.run()
    account.system.fail("/bot/account/orders")
    account.run(5)
    account.portfolio.tell(Drain("the bot stops"))
    account.place()
    account.run()
    assert account.denials()[-1].deny_reason is DenyReason.DRAINING
    assert len(account.world.orders) == 0
