"""An order line of a run that no process can follow: nothing is written, all else is as it is with a journal."""

from ganglion.actors.trading.orders import OrdersSettings
from ganglion.messages.orders import DenyReason, OrderState, SendOrder
from tests.actors.trading.model_venue import D
from tests.actors.trading.world import Account

UNJOURNALED = OrdersSettings(journaled=False, evidence_grace_s=6.0, audit_s=20.0)


def unjournaled() -> Account:
    return Account(settings=UNJOURNALED).run()


def test_a_place_is_sent_and_filled_and_nothing_is_written():
    account = unjournaled()
    intent = account.place()
    account.run()
    account.world.fill(account.world.open_orders()[0], D("1"))
    account.run()
    states = [update.state for update in account.updates(intent.intent_id)]
    assert states[:2] == [OrderState.SUBMITTED, OrderState.ACCEPTED]
    assert states[-1] is OrderState.FILLED
    assert len(account.sent.of(SendOrder)) == 1
    assert account.log.read("alpha").records == ()
    assert account.violations() == []


def test_a_cancel_in_the_same_breath_as_its_place_takes_it_back_as_with_a_journal():
    account = unjournaled()
    intent = account.place()
    account.cancel(intent.intent_id)
    account.run()
    assert [update.state for update in account.updates(intent.intent_id)] == [OrderState.CANCELED]
    assert not account.world.orders


def test_an_order_line_that_fails_has_lost_what_it_knew_and_halts():
    account = unjournaled()
    account.place()
    account.run()
    account.system.fail("/bot/account/orders")
    account.run(5)
    assert "order line was restarted" in account.view().halted
    intent = account.place()
    account.run()
    denied = account.denials()[-1]
    assert (denied.intent_id, denied.deny_reason) == (intent.intent_id, DenyReason.HALTED)
    assert len(account.world.orders) == 1
