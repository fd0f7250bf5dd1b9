"""An amend is a cancel to terminal, then a second intent; both are never open together."""

from ganglion.messages.account import PortfolioView
from ganglion.messages.orders import AmendOrder, DenyReason, OrderState, Side
from tests.actors.trading.model_venue import D
from tests.actors.trading.world import Account


def amended(account, old, price="98", amount="1"):
    intent = account.intent(Side.BUY, price, amount)
    account.portfolio.tell(AmendOrder(old.intent_id, intent))
    return intent


def test_an_amended_order_is_replaced_once_it_is_canceled():
    account = Account().run()
    old = account.place()
    account.run()
    new = amended(account, old)
    account.run()
    assert account.state(old.intent_id) == OrderState.CANCELED
    assert account.state(new.intent_id) == OrderState.ACCEPTED
    assert [order.price for order in account.world.open_orders()] == [D("98")]
    states = [update.state for update in account.updates(old.intent_id)]
    assert OrderState.PENDING_AMEND in states


def test_what_is_held_during_an_amend_is_the_larger_of_both():
    account = Account().run()
    old = account.place(amount="600")
    account.run()
    amended(account, old, "99", "610")
    account.run()
    held = [
        next(asset.reserved for asset in view.assets if asset.asset == "USDT")
        for view in account.watcher.of(PortfolioView)
    ]
    assert max(held) == D("60390")
    assert account.asset("USDT").reserved == D("60390")


def test_an_order_that_filled_before_it_could_be_amended_is_not_placed_again():
    account = Account().run()
    old = account.place()
    account.run()
    account.fates.stream_loss = 1.0
    account.world.fill(account.world.open_orders()[0], D("1"))
    new = amended(account, old)
    account.run(10)
    assert account.state(old.intent_id) == OrderState.FILLED
    denied = account.denials()[-1]
    assert (denied.intent_id, denied.deny_reason) == (new.intent_id, DenyReason.UNKNOWN_ORDER)
    assert not account.world.open_orders()
    assert account.asset("USDT").reserved == 0


def test_an_amend_whose_cancel_is_lost_goes_on_until_the_old_order_is_gone():
    account = Account().run()
    old = account.place()
    account.run()
    account.fates.lost_request = 1.0
    new = amended(account, old)
    account.run(2)
    assert len(account.world.open_orders()) == 1
    account.fates.lost_request = 0.0
    account.run(30)
    assert account.state(old.intent_id) == OrderState.CANCELED
    assert account.state(new.intent_id) == OrderState.ACCEPTED


def test_a_reconnect_in_the_middle_of_an_amend_denies_its_second_leg():
    account = Account().run()
    old = account.place()
    account.run()
    account.fates.lost_request = 1.0
    new = amended(account, old)
    account.run(0.5)
    account.fates.lost_request = 0.0
    account.reconnect()
    account.run(60)
    assert account.state(old.intent_id) == OrderState.CANCELED
    assert account.denials()[-1].intent_id == new.intent_id
    assert account.denials()[-1].deny_reason is DenyReason.STALE_EPOCH
    assert account.asset("USDT").reserved == 0


def test_an_amend_of_an_order_that_ended_is_denied_with_what_to_do():
    account = Account().run()
    old = account.place()
    account.run()
    account.cancel(old.intent_id)
    account.run()
    amended(account, old)
    account.run()
    denied = account.denials()[-1]
    assert denied.deny_reason is DenyReason.UNKNOWN_ORDER
    assert "place a new" in denied.text


def test_a_cancel_of_an_order_that_is_being_amended_cancels_the_amend_too():
    account = Account().run()
    old = account.place()
    account.run()
    account.fates.lost_request = 1.0
    new = amended(account, old)
    account.run(0.5)
    account.cancel(old.intent_id)
    account.fates.lost_request = 0.0
    account.run(30)
    assert account.denials()[-1].intent_id == new.intent_id
    assert not account.world.open_orders()
    assert account.asset("USDT").reserved == 0


def test_an_amend_that_cannot_be_afforded_leaves_the_old_order_alone():
    account = Account().run()
    old = account.place()
    account.run()
    amended(account, old, "100", "5000")
    account.run()
    assert account.denials()[-1].deny_reason is DenyReason.INSUFFICIENT_FUNDS
    assert account.state(old.intent_id) == OrderState.ACCEPTED
