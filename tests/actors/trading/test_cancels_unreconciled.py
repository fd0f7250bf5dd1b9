"""Cancels of an account that this process could not reconcile yet: kept, and sent again once the venue is back."""

import pytest

from ganglion.actors.trading.orders import records as r
from ganglion.messages.account import LedgerRead
from ganglion.messages.journal import Append
from ganglion.messages.orders import CancelAll, OrderState
from tests.actors.trading.model_venue import Fates
from tests.actors.trading.world import Account


def later(first: Account) -> Account:
    """The next process, while the venue can't be reached."""
    return Account(Fates(bad_read=1.0, lost_request=1.0), world=first.world, disk=first.disk, seed=1, now_s=60.0)


def placed(count: int = 2) -> Account:
    account = Account().run()
    for number in range(count):
        account.place(price=str(90 + number))
    return account.run()


def test_the_journal_is_told_before_the_venue_was_heard():
    first = placed()
    second = later(first)
    told = second.system.probe("told")
    second.system.subscribe(second.portfolio, told.address, LedgerRead)
    second.run(5)
    (read,) = told.of(LedgerRead)
    assert [order.update.state for order in read.open_orders] == [OrderState.ACCEPTED] * 2
    assert read.trouble == ""


@pytest.mark.parametrize("wait_s", [0.0, 5.0], ids=["while the journal is read", "after it was read"])
def test_a_cancel_all_before_the_first_reconcile_is_kept_until_the_venue_is_back(wait_s):
    first = placed()
    second = later(first).run(wait_s)
    second.portfolio.tell(CancelAll(None, "an operator said so"))
    second.run(20)
    assert len(second.world.open_orders()) == 2
    second.fates.heal()
    second.run(90)
    assert second.world.open_orders() == []
    assert [line.state for line in second.ledger().lines.values()] == [OrderState.CANCELED] * 2
    assert not second.violations()


class ForgetsWhatWasSent:
    """Stands before a journal: of each order only the intent gets there before the process dies."""

    def __init__(self, account: Account) -> None:
        desk = account.actor("/bot/account/orders")._desk
        self.journal, desk._journal = desk._journal, self

    def tell(self, message) -> None:
        if not isinstance(message, Append) or isinstance(r.decode(message.record), r.Intended):
            self.journal.tell(message)


def test_an_intent_that_the_last_process_may_have_sent_is_not_taken_for_never_sent():
    first = Account().run()
    ForgetsWhatWasSent(first)
    intent = first.place()
    first.run()
    assert first.state(intent.intent_id) == OrderState.INTENDED
    second = later(first)
    second.orders.tell(CancelAll(None, "an operator said so"))
    second.run(5)
    assert second.state(intent.intent_id) == OrderState.UNKNOWN
    second.fates.heal()
    second.run(90)
    assert second.world.open_orders() == []
    assert second.state(intent.intent_id) == OrderState.CANCELED
    assert not second.violations()
