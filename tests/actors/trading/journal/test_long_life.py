"""A bot that lives long: its journal rotates, old orders are forgotten, and a start reads little."""

from ganglion.actors.trading.journal.segments import Kind
from ganglion.actors.trading.orders import OrdersSettings
from ganglion.actors.trading.orders.checkpoint import unlike
from ganglion.messages.orders import Side
from tests.actors.trading.model_venue import D, Fates
from tests.actors.trading.world import Account

SETTINGS = OrdersSettings(evidence_grace_s=6.0, audit_s=5.0, forget_after_s=30.0)


def traded(account, rounds):
    """Orders placed, some filled, all ended, with audits in between."""
    for number in range(rounds):
        intent = account.place(Side.BUY if number % 2 else Side.SELL, "100", "0.1")
        account.run(2)
        if number % 3 == 0:
            account.world.fill(account.world.open_orders()[0], D("0.04"))
        account.cancel(intent.intent_id)
        account.run(6)
    return account


def test_what_a_start_reads_does_not_grow_with_the_life_of_the_bot():
    account = Account(segment_bytes=8_000, settings=SETTINGS).run()
    sizes = []
    for _ in range(4):
        traded(account, 20)
        found = account.log.read("alpha")
        sizes.append((len(found.records), len(account.ledger().lines)))
    assert account.disk.names("archive")
    assert max(records for records, _ in sizes) < 150
    assert max(lines for _, lines in sizes) < 40
    assert account.ledger().next_number() == 81
    assert not account.violations()
    assert not unlike(account.actor("/bot/account/orders")._desk.ledger, account.ledger())


def test_a_process_that_starts_from_a_checkpoint_knows_its_money_and_repeats_no_client_id():
    first = traded(Account(segment_bytes=8_000, settings=SETTINGS).run(), 40)
    for name in first.disk.names("archive"):
        first.disk.remove(f"archive/{name}")
    second = Account(world=first.world, disk=first.disk, segment_bytes=8_000, settings=SETTINGS, seed=1).run(10)
    assert second.log.read("alpha").checkpoint
    assert second.ledger().totals() == first.ledger().totals()
    traded(second, 10)
    ids = [order.client_id for order in second.world.orders.values()]
    assert len(set(ids)) == len(ids) == 50
    for asset in ("USDT", "BTC"):
        assert second.asset(asset).total == second.world.balances[asset]
        assert second.asset(asset).external == 0
    assert not second.violations()


def test_trades_that_the_venue_tells_again_after_their_order_was_forgotten_count_once():
    account = traded(Account(Fates(duplicate=1.0), segment_bytes=8_000, settings=SETTINGS).run(), 40)
    assert account.ledger().forgotten
    account.reconnect()
    account.run(20)
    assert account.asset("BTC").total == account.world.balances["BTC"]
    assert not account.violations()


def test_an_order_that_a_lying_disk_has_lost_is_an_orphan_and_its_client_id_is_not_made_again():
    first = Account().run()
    before = len(first.disk.read("journal/00000001.log"))
    first.place()
    first.run()
    first.disk.replace("journal/00000001.log", first.disk.read("journal/00000001.log")[:before])
    second = Account(world=first.world, disk=first.disk, seed=1).run(10)
    assert "ORPHAN" in second.view().halted
    desks = [account.actor("/bot/account/orders")._desk for account in (first, second)]
    assert second.ledger().next_number() == 1
    roots = [desk.run_root for desk in desks]
    assert roots[0] != roots[1]
    assert roots[0][:16] == roots[1][:16] == second.log.run_root


def test_checkpoints_stand_in_the_journal_beside_the_records():
    account = traded(Account(segment_bytes=8_000, settings=SETTINGS).run(), 20)
    kinds = {entry.kind for entry in account.log._entries(1, [])}
    assert kinds == {Kind.RECORD, Kind.CHECKPOINT}
