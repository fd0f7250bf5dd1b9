"""A disk that fails under a trading account: nothing is placed any more, cancels pass, evidence is still taken over."""

import pytest

from ganglion.actors.trading.orders import OrdersSettings
from ganglion.actors.trading.orders import records as r
from ganglion.messages.orders import DenyReason, OrderState, SendOrder
from tests.actors.trading.model_venue import D
from tests.actors.trading.world import Account, SlowJournal


def fill_up(trouble):
    trouble.room = 20


def break_down(trouble):
    trouble.broken = True


def break_sync(trouble):
    trouble.broken_sync = True


def lock_up(trouble):
    trouble.read_only = True


FAILURES = pytest.mark.parametrize(
    ("fail", "words"),
    [
        (fill_up, "No space left on device"),
        (break_down, "Input/output error"),
        (break_sync, "Input/output error"),
        (lock_up, "Read-only file system"),
    ],
)


@FAILURES
def test_an_intent_that_can_not_be_made_durable_is_denied_and_never_sent(fail, words):
    account = Account().run()
    fail(account.disk.trouble)
    intent = account.place()
    account.run(5)
    assert not account.sent.of(SendOrder)
    assert not account.world.orders
    assert account.denials()[-1].intent_id == intent.intent_id
    assert account.denials()[-1].deny_reason is DenyReason.HALTED
    assert account.asset("USDT").reserved == 0
    assert words in account.view().halted
    assert "journal" in account.view().halted
    assert not account.violations()


@FAILURES
def test_cancels_pass_and_evidence_is_taken_over_when_the_journal_has_failed(fail, words):
    account = Account().run()
    first, second = account.place(), account.place(price="99")
    account.run()
    fail(account.disk.trouble)
    account.world.fill(account.world.open_orders()[0], D("0.5"))
    account.run()
    account.cancel(first.intent_id)
    account.cancel(second.intent_id)
    account.run(5)
    assert not account.world.open_orders()
    assert [account.state(intent.intent_id) for intent in (first, second)] == [OrderState.CANCELED] * 2
    assert account.asset("BTC").total == account.world.balances["BTC"]
    assert words in account.view().halted
    assert not account.violations()


def test_orders_that_restart_behind_a_failed_journal_are_halted_with_all_that_was_known():
    account = Account().run()
    account.place()
    account.run()
    account.disk.trouble.broken = True
    account.world.fill(account.world.open_orders()[0], D("0.25"))
    account.run()
    account.system.fail("/bot/account/orders")
    account.run(10)
    assert "Input/output error" in account.view().halted
    assert account.asset("BTC").total == account.world.balances["BTC"]
    account.place()
    account.run(5)
    assert len(account.world.orders) == 1


def test_a_bot_that_starts_on_a_damaged_journal_is_halted_with_the_ledger_of_the_readable_part():
    first = Account().run()
    intent = first.place()
    first.run()
    end = len(first.disk.read("journal/00000001.log"))
    first.log.collect("alpha", r.encode(r.Saved("grid", b"{}", 1)))
    first.log.commit()
    first.place(price="99")
    first.run()
    first.disk.flip("journal/00000001.log", end + 10)
    second = Account(world=first.world, disk=first.disk, seed=1).run(10)
    assert "damaged" in second.view().halted
    assert second.ledger().line_of_intent(intent.intent_id) is not None
    second.place()
    second.run(5)
    assert len(second.world.orders) == 2
    second.cancel(intent.intent_id)
    second.run(10)
    assert [order.client_id for order in second.world.open_orders()] != []
    assert second.state(intent.intent_id) == OrderState.CANCELED


def test_records_that_no_ledger_could_have_written_halt_and_nothing_is_written_behind_them():
    first = Account().run()
    first.log.collect("alpha", r.encode(r.Sent("nobody", 1)))
    first.log.commit()
    size = len(first.disk.read("journal/00000001.log"))
    second = Account(world=first.world, disk=first.disk, seed=1).run(10)
    assert "nobody" in second.view().halted
    second.place()
    second.run(10)
    assert not second.world.orders
    assert len(second.disk.read("journal/00000001.log")) == size


def test_a_journal_that_is_silent_for_too_long_halts_and_drops_all_that_waited():
    account = Account(settings=OrdersSettings(durable_s=2.0, audit_s=0)).run()
    slow = SlowJournal(account)
    account.place()
    account.run(1.5)
    account.place(price="99")
    account.run(1.0)
    assert [denied.deny_reason for denied in account.denials()] == [DenyReason.HALTED] * 2
    slow.release()
    account.run(5)
    assert not account.world.orders
    assert "journal" in account.view().halted


def test_a_bot_whose_journal_failed_trades_again_after_a_start_on_a_disk_that_works():
    first = Account().run()
    first.disk.trouble.read_only = True
    first.place()
    first.run(5)
    first.disk.trouble.read_only = False
    second = Account(world=first.world, disk=first.disk, seed=1).run(10)
    second.place()
    second.run()
    assert len(second.world.orders) == 1
    assert not second.view().halted
    assert not second.violations()
