"""The line mode -> portfolio -> orders -> exchange and back, in virtual time: places and cancels."""

import msgspec

from ganglion.actors.trading.orders import OrdersSettings
from ganglion.messages.account import Resume
from ganglion.messages.orders import (
    CancelAll,
    DenyReason,
    OrderDenied,
    OrderState,
    OrderUpdate,
    PlaceOrder,
    SendOrder,
    Side,
)
from tests.actors.trading.model_venue import D, Fates
from tests.actors.trading.world import Account, SlowJournal


def test_a_place_is_journaled_sent_and_accepted():
    account = Account().run()
    intent = account.place()
    account.run()
    states = [update.state for update in account.updates(intent.intent_id)]
    assert states == [OrderState.SUBMITTED, OrderState.ACCEPTED]
    assert len(account.sent.of(SendOrder)) == 1
    assert account.modes["grid"].of(OrderUpdate)[-1].state is OrderState.ACCEPTED
    assert account.asset("USDT").reserved == D("100")


def test_a_mode_hears_resume_with_its_funds_after_reconcile():
    account = Account().run()
    resume = account.modes["grid"].of(Resume)[-1]
    assert resume.funds.quote_available == D("100000")
    assert resume.funds.base_total == D("2")
    assert resume.open_orders == ()
    assert resume.saved_state is None


def test_a_fill_moves_money_once_and_releases_to_the_last_digit():
    account = Account().run()
    intent = account.place(amount="0.3333")
    account.run()
    order = account.world.open_orders()[0]
    account.world.fill(order, D("0.1111"))
    account.run()
    account.world.fill(order, D("1"))
    account.run()
    assert account.state(intent.intent_id) == OrderState.FILLED
    assert account.asset("USDT").reserved == 0
    assert account.asset("USDT").total == account.world.balances["USDT"]
    assert account.asset("BTC").total == account.world.balances["BTC"]


def test_the_same_intent_placed_twice_reaches_the_venue_once():
    account = Account().run()
    intent = account.place()
    account.portfolio.tell(PlaceOrder(intent))
    account.run()
    assert len(account.world.orders) == 1
    assert account.asset("USDT").reserved == D("100")
    # The order line itself says it once too, whoever repeats the command.
    account.orders.tell(PlaceOrder(intent))
    account.run()
    assert len(account.world.orders) == 1


def test_an_answer_is_a_journal_entry_before_the_exchange_hears_of_the_order():
    account = Account(settings=OrdersSettings(durable_s=2.0, audit_s=0)).run()
    slow = SlowJournal(account)
    intent = account.place()
    account.run(1.0)
    assert not account.world.orders
    account.run(5.0)
    slow.release()
    account.run()
    denied = account.denials()[-1]
    assert denied.intent_id == intent.intent_id
    assert denied.deny_reason is DenyReason.HALTED
    assert not account.world.orders
    assert "journal" in account.view().halted
    assert account.asset("USDT").reserved == 0


def test_a_cancel_ends_the_order_and_frees_what_it_held():
    account = Account().run()
    intent = account.place()
    account.run()
    account.cancel(intent.intent_id)
    account.run()
    assert account.state(intent.intent_id) == OrderState.CANCELED
    assert account.asset("USDT").free == D("100000")


def test_a_cancel_of_a_filled_order_is_answered_unknown_order():
    account = Account().run()
    intent = account.place()
    account.run()
    account.world.fill(account.world.open_orders()[0], D("1"))
    account.run()
    account.cancel(intent.intent_id)
    account.run()
    denied = account.modes["grid"].of(OrderDenied)[-1]
    assert denied.deny_reason is DenyReason.UNKNOWN_ORDER
    assert "already filled" in denied.text


def test_a_cancel_in_the_same_breath_as_its_place_is_never_sent_and_never_lost():
    account = Account().run()
    intent = account.place()
    account.cancel(intent.intent_id)
    account.run()
    assert account.state(intent.intent_id) == OrderState.CANCELED
    assert not account.world.open_orders()
    assert account.asset("USDT").reserved == 0


def test_a_cancel_whose_request_is_lost_is_repeated_until_the_order_is_gone():
    account = Account().run()
    intent = account.place()
    account.run()
    account.fates.lost_request = 1.0
    account.cancel(intent.intent_id)
    account.run(10)
    assert account.world.open_orders()
    account.fates.lost_request = 0.0
    account.run(40)
    assert account.state(intent.intent_id) == OrderState.CANCELED
    assert not account.world.open_orders()


def test_order_not_found_on_cancel_of_an_order_that_was_filled_ends_as_filled():
    account = Account().run()
    intent = account.place()
    account.run()
    account.fates.stream_loss = 1.0
    account.world.fill(account.world.open_orders()[0], D("1"))
    account.cancel(intent.intent_id)
    account.run(5)
    assert account.state(intent.intent_id) == OrderState.FILLED
    assert account.asset("BTC").total == account.world.balances["BTC"]
    states = [update.state for update in account.updates(intent.intent_id)]
    assert OrderState.UNKNOWN in states


def test_cancel_all_of_a_mode_leaves_the_others_alone():
    account = Account(modes=("grid", "maker")).run()
    for mode in ("grid", "grid", "maker"):
        account.portfolio.tell(PlaceOrder(account.intent(mode=mode)))
    account.run()
    account.portfolio.tell(CancelAll("grid", "a test"))
    account.run()
    left = account.world.open_orders()
    assert len(left) == 1
    assert account.ledger().lines[left[0].client_id].intent.mode == "maker"


def test_a_venues_refusal_is_rejected_with_its_words_and_frees_the_funds():
    account = Account(Fates(refusal=1.0)).run()
    intent = account.place()
    account.run()
    update = account.updates(intent.intent_id)[-1]
    assert update.state is OrderState.REJECTED
    assert "InvalidOrder" in update.reason
    assert account.asset("USDT").reserved == 0


def test_a_place_that_expired_before_it_was_durable_is_answered_and_never_sent():
    account = Account().run()
    intent = account.intent(deadline_s=1.0)
    account.run(2)
    account.orders.tell(PlaceOrder(intent))
    account.run()
    assert account.denials()[-1].deny_reason is DenyReason.EXPIRED
    assert not account.world.orders


def test_a_place_of_an_older_epoch_is_answered_stale_epoch():
    account = Account().run()
    old = account.intent()
    account.reconnect()
    account.run(5)
    account.orders.tell(PlaceOrder(old))
    account.run()
    assert account.denials()[-1].deny_reason is DenyReason.STALE_EPOCH
    assert not account.world.orders


def test_nothing_is_placed_before_the_account_is_reconciled():
    account = Account(Fates(bad_read=1.0)).run(5)
    intent = account.intent(epoch=account.actor("/bot/exchange").epoch)
    account.portfolio.tell(PlaceOrder(intent))
    account.orders.tell(PlaceOrder(intent))
    account.run(5)
    reasons = [denied.deny_reason for denied in account.denials()]
    assert reasons == [DenyReason.NOT_RECONCILED, DenyReason.NOT_RECONCILED]
    assert not account.world.orders


def test_a_sell_reserves_base_and_its_fill_pays_the_fee_in_quote():
    account = Account().run()
    account.place(Side.SELL, "105", "0.5")
    account.run()
    assert account.asset("BTC").reserved == D("0.5")
    account.world.fill(account.world.open_orders()[0], D("0.5"))
    account.run()
    assert account.asset("USDT").fees == D("52.5") * D("0.001")
    assert account.asset("USDT").total == account.world.balances["USDT"]


def test_client_ids_of_one_account_are_all_different():
    account = Account().run()
    for _ in range(5):
        account.place(amount="0.1")
    account.run()
    ids = [order.client_id for order in account.world.orders.values()]
    assert len(set(ids)) == 5
    assert all(len(client_id) == 18 and client_id.isalnum() for client_id in ids)


def test_a_denied_intent_is_told_once_and_as_a_denial():
    account = Account().run()
    intent = account.intent(amount="100000")
    account.portfolio.tell(PlaceOrder(intent))
    account.run()
    mode = account.modes["grid"]
    assert [d.deny_reason for d in mode.of(OrderDenied)] == [DenyReason.INSUFFICIENT_FUNDS]
    assert not mode.of(OrderUpdate)
    assert "make the order smaller" in mode.of(OrderDenied)[0].text
    assert msgspec.json.encode(mode.of(OrderDenied)[0])


def test_cancelling_an_order_that_waits_in_the_budget_over_and_over_spends_one_cancel_and_no_look_up():
    account = Account(Fates(held_back=True)).run()
    intent = account.place()
    account.run(0.1)
    for _ in range(20):
        account.cancel(intent.intent_id)
        account.run(0.05)
    heard = [type(message).__name__ for message in account.actor("/bot/exchange").heard]
    assert heard == ["SendCancel"]
    assert account.ledger().line_of_intent(intent.intent_id).cancel_asked


def test_an_order_that_is_accepted_after_its_cancel_found_nothing_is_cancelled_again():
    account = Account(Fates(held_back=True)).run()
    intent = account.place()
    account.run(0.1)
    account.cancel(intent.intent_id)
    account.run(0.1)
    account.fates.held_back = False
    account.exchange.tell(account.sent.of(SendOrder)[-1])
    account.run(10)
    assert account.state(intent.intent_id) == OrderState.CANCELED
    assert len(account.world.orders) == 1
    assert not account.world.open_orders()


def test_an_order_whose_answer_is_overdue_is_looked_for():
    account = Account(Fates(held_back=True), settings=OrdersSettings(answer_s=5.0, audit_s=0)).run()
    account.place()
    account.run(4.9)
    exchange = account.actor("/bot/exchange")
    assert not exchange.heard
    account.run(1)
    assert [type(message).__name__ for message in exchange.heard] == ["LookUpOrder"]
