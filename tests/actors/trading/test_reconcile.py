"""Reconcile: start, restart, reconnect and audit are one path; differences are believed late and never in silence."""

from ganglion.actors.trading.orders import OrdersSettings, make_client_id, tag_of
from ganglion.messages.account import (
    AccountSnapshot,
    External,
    Reconciled,
    Resume,
    SaveState,
    Suspend,
)
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, HaltAccount, MarketPaused, VenuePaused
from ganglion.messages.orders import (
    Balance,
    BalancesSeen,
    DenyReason,
    Fill,
    OrderState,
    PlaceOrder,
    Side,
)
from tests.actors.trading.model_venue import D, Fates, World
from tests.actors.trading.world import SYMBOL, Account, SlowJournal


def test_a_fill_missed_while_the_stream_was_broken_is_found_by_reconcile():
    account = Account().run()
    intent = account.place()
    account.run()
    account.fates.stream_loss = 1.0
    account.world.fill(account.world.open_orders()[0], D("0.4"))
    account.fates.stream_loss = 0.0
    account.reconnect()
    account.run(5)
    assert account.updates(intent.intent_id)[-1].filled == D("0.4")
    assert account.modes["grid"].of(Fill)[-1].amount == D("0.4")
    assert account.asset("BTC").total == account.world.balances["BTC"]


def test_a_fill_told_by_stream_and_reading_counts_once():
    account = Account(Fates(duplicate=1.0)).run()
    account.place()
    account.run()
    account.world.fill(account.world.open_orders()[0], D("0.4"))
    account.run()
    account.reconnect()
    account.run(5)
    assert len(account.watcher.of(Fill)) == 1
    assert account.asset("BTC").total == account.world.balances["BTC"]


def test_a_restart_of_the_orders_actor_loses_nothing_and_sends_nothing_again():
    account = Account().run()
    intent = account.place()
    account.run()
    account.system.fail("/bot/account/orders")
    account.run(5)
    assert account.state(intent.intent_id) == OrderState.ACCEPTED
    assert len(account.world.orders) == 1
    assert account.asset("USDT").reserved == D("100")
    resume = account.modes["grid"].of(Resume)[-1]
    assert [order.intent_id for order in resume.open_orders] == [intent.intent_id]


def test_a_restarted_portfolio_is_what_it_was():
    account = Account().run()
    account.place(amount="0.7")
    account.place(Side.SELL, "120", "0.5")
    account.run()
    account.world.fill(account.world.open_orders()[0], D("0.3"))
    account.run()
    before = account.view().assets
    account.system.fail("/bot/account/portfolio")
    account.run(5)
    assert account.view().assets == before


def test_a_reconcile_opens_a_new_epoch_and_every_mode_hears_suspend_then_resume():
    account = Account().run()
    first = account.epoch()
    account.reconnect()
    account.run(5)
    mode = account.modes["grid"]
    assert account.epoch() != first
    kinds = [type(m) for m in mode.received if isinstance(m, Suspend | Resume)]
    assert kinds[-2:] == [Suspend, Resume]


def test_a_saved_state_comes_back_with_the_fills_since():
    account = Account().run()
    account.place()
    account.run()
    order = account.world.open_orders()[0]
    account.world.fill(order, D("0.25"))
    account.run()
    first = account.modes["grid"].of(Fill)[-1]
    account.portfolio.tell(SaveState("grid", b'{"level":3}', first.sequence))
    account.world.fill(order, D("0.5"))
    account.run()
    account.system.fail("/bot/account/orders")
    account.run(5)
    resume = account.modes["grid"].of(Resume)[-1]
    assert resume.saved_state == b'{"level":3}'
    assert [fill.amount for fill in resume.fills_since] == [D("0.5")]


def test_an_order_with_our_tag_that_the_journal_does_not_know_halts_the_account():
    world = World()
    client_id = make_client_id(tag_of("bot"), b"another root", "alpha", 1)
    world.place(client_id, Side.BUY, D("90"), D("1"))
    account = Account(world=world).run(5)
    assert "ORPHAN" in account.view().halted
    intent = account.place()
    account.run()
    assert intent.intent_id not in account.ledger().by_intent
    assert account.denials()[-1].deny_reason is DenyReason.HALTED


def test_one_that_ended_while_nobody_looked_halts_the_account_at_the_next_start():
    account = Account().run(5)
    client_id = make_client_id(tag_of("bot"), b"another root", "alpha", 1)
    account.world.listeners.clear()
    account.world.fill(account.world.place(client_id, Side.BUY, D("100"), D("1")), D("1"))
    later = Account(world=account.world, disk=account.disk, now_s=60.0).run(5)
    assert client_id in later.view().halted


def test_one_that_had_ended_before_the_account_was_opened_is_another_journals():
    world = World()
    client_id = make_client_id(tag_of("bot"), b"another root", "alpha", 1)
    world.fill(world.place(client_id, Side.BUY, D("100"), D("1")), D("1"))
    first = Account(world=world, now_s=60.0).run(5)
    assert first.view().halted is None
    assert Account(world=world, disk=first.disk, now_s=120.0).run(5).view().halted is None


def test_the_halt_and_its_first_cause_outlive_restarts():
    world = World()
    client_id = make_client_id(tag_of("bot"), b"another root", "alpha", 1)
    world.place(client_id, Side.BUY, D("90"), D("1"))
    account = Account(world=world).run(5)
    cause = account.view().halted
    account.system.fail("/bot/account/orders")
    account.run(5)
    assert account.view().halted == cause


def test_an_open_order_of_somebody_else_locks_funds_and_halts_nothing():
    account = Account().run()
    order = account.world.place("web-1", Side.BUY, D("90"), D("10"))
    account.run()
    assert account.asset("USDT").locked == D("900")
    assert account.asset("USDT").free == D("99100")
    account.world.cancel(order)
    account.run()
    assert account.asset("USDT").locked == 0
    assert account.view().halted is None


def test_trades_of_somebody_elses_order_are_counted_as_nobodys():
    account = Account().run()
    order = account.world.place("web-1", Side.BUY, D("90"), D("10"))
    account.world.fill(order, D("4"))
    account.run(5)
    fill = account.watcher.of(Fill)[-1]
    assert fill.intent_id is None
    assert fill.mode is None
    assert account.asset("BTC").total == account.world.balances["BTC"]
    assert not account.violations()


def test_a_venue_that_comes_back_empty_halts_the_account():
    account = Account().run()
    account.world.balances = {}
    account.reconnect()
    account.run(5)
    assert "came back empty" in account.view().halted
    assert account.asset("BTC").total == D("2")


def test_a_deposit_becomes_an_external_entry_and_no_violation():
    account = Account().run()
    account.world.balances["USDT"] += D("500")
    account.reconnect()
    account.run(20)
    assert account.asset("USDT").external == D("500")
    assert account.asset("USDT").total == D("100500")
    assert not account.violations()
    told = account.watcher.of(Reconciled)[-1]
    assert [(d.asset, d.amount) for d in told.differences] == [("USDT", D("500"))]


def test_money_that_went_away_unexplained_is_a_violation_that_halts():
    account = Account().run()
    account.world.balances["USDT"] -= D("500")
    account.reconnect()
    account.run(20)
    assert any(text.startswith("I6") and "500 USDT less" in text for text in account.violations())
    assert account.view().halted is not None


def test_a_fill_that_stream_and_trades_hide_surfaces_as_a_violation():
    account = Account().run()
    intent = account.place()
    account.run()
    account.world.fill(account.world.open_orders()[0], D("0.4"), hidden=True)
    account.run(60)
    assert not account.violations()
    account.run(340)
    assert any(text.startswith("I6") for text in account.violations())
    assert "without a trade" in account.violations()[0]
    assert account.updates(intent.intent_id)[-1].filled == D("0.4")


def test_a_fill_that_nothing_at_all_tells_of_surfaces_by_an_audit_of_the_balances():
    account = Account(settings=OrdersSettings(audit_s=20.0)).run()
    account.place()
    account.run()
    # Not even the order's own quantity shows it.
    account.world.balances["BTC"] += D("0.4")
    account.world.balances["USDT"] -= D("40")
    account.run(90)
    assert any(text.startswith("I6") for text in account.violations())


def test_a_synthetic_fill_steps_aside_for_the_real_trade():
    account = Account().run()
    intent = account.place()
    account.run()
    trade = account.world.fill(account.world.open_orders()[0], D("0.4"), hidden=True)
    account.run(7)
    ledger = account.ledger()
    line = ledger.line_of_intent(intent.intent_id)
    if line.synthetic_count == 0:
        account.run(3)
    account.world.hidden.clear()
    account.reconnect()
    account.run(10)
    line = account.ledger().line_of_intent(intent.intent_id)
    assert list(line.fills) == [trade.trade_id]
    assert line.filled == D("0.4")
    assert account.asset("BTC").total == account.world.balances["BTC"]


def test_a_trade_that_is_listed_long_after_its_fill_was_inferred_is_still_found():
    account = Account().run()
    intent = account.place()
    account.run()
    trade = account.world.fill(account.world.open_orders()[0], D("0.4"), hidden=True)
    account.run(100)
    account.reconnect()
    account.run(100)
    account.world.hidden.clear()
    account.reconnect()
    account.run(10)
    assert list(account.ledger().line_of_intent(intent.intent_id).fills) == [trade.trade_id]
    assert not account.violations()


def test_a_reading_that_disagrees_once_is_read_again_before_it_is_believed():
    account = Account().run()
    account.world.balances["USDT"] -= D("500")
    account.reconnect()
    account.run(0.5)
    account.world.balances["USDT"] += D("500")
    account.run(10)
    assert not account.violations()
    assert account.asset("USDT").external == 0


def test_a_portfolio_restart_alone_opens_an_epoch_and_is_told_a_snapshot():
    account = Account().run()
    before = len(account.watcher.of(AccountSnapshot))
    epoch = account.epoch()
    account.system.fail("/bot/account/portfolio")
    account.run(5)
    assert len(account.watcher.of(AccountSnapshot)) == before + 1
    assert account.epoch() != epoch


def test_a_pause_denies_places_until_it_is_over_and_modes_hear_of_it():
    account = Account().run()
    until_s = account.system.clock.monotonic_s() + 5
    account.orders.tell(VenuePaused("alpha", until_s, "429"))
    account.run(1)
    account.place()
    account.run(1)
    assert account.denials()[-1].deny_reason is DenyReason.PAUSED
    account.run(4)
    assert isinstance([m for m in account.modes["grid"].received if isinstance(m, Suspend | Resume)][-1], Resume)
    account.place()
    account.run(1)
    assert len(account.world.orders) == 1


def test_a_closed_market_denies_its_places_until_it_opens_and_its_modes_hear_of_it():
    account = Account().run()
    until_s = account.system.clock.monotonic_s() + 5
    account.orders.tell(MarketPaused("alpha", SYMBOL, until_s, "MarketClosed: halted by the venue"))
    account.run(1)
    account.place()
    account.run(1)
    assert account.denials()[-1].deny_reason is DenyReason.PAUSED
    assert "BTC/USDT is closed: MarketClosed: halted by the venue" in account.denials()[-1].text
    account.run(4)
    assert isinstance([m for m in account.modes["grid"].received if isinstance(m, Suspend | Resume)][-1], Resume)
    account.place()
    account.run(1)
    assert len(account.world.orders) == 1


def test_a_closed_market_is_no_matter_of_the_others():
    account = Account().run()
    account.orders.tell(MarketPaused("alpha", "ETH/USDT", account.system.clock.monotonic_s() + 5, "MarketClosed"))
    account.run(1)
    account.place()
    account.run(1)
    assert len(account.world.orders) == 1
    assert not account.denials()


def test_a_closed_market_does_not_open_before_a_longer_pause_of_the_venue_is_over():
    account = Account().run()
    now_s = account.system.clock.monotonic_s()
    account.orders.tell(MarketPaused("alpha", SYMBOL, now_s + 2, "MarketClosed"))
    account.orders.tell(VenuePaused("alpha", now_s + 5, "429"))
    account.run(3)
    assert isinstance([m for m in account.modes["grid"].received if isinstance(m, Suspend | Resume)][-1], Suspend)
    account.run(3)
    assert isinstance([m for m in account.modes["grid"].received if isinstance(m, Suspend | Resume)][-1], Resume)


def test_places_into_a_lost_connection_are_denied_and_cancels_pass():
    account = Account().run()
    intent = account.place()
    account.run()
    down = ConnectionChanged("alpha", ConnectionState.CONNECTING, account.epoch(), "reset", 0.0)
    account.orders.tell(down)
    account.run()
    account.place()
    account.run()
    assert account.denials()[-1].deny_reason is DenyReason.NOT_RECONCILED
    account.cancel(intent.intent_id)
    account.run()
    assert not account.world.open_orders()


def test_a_second_process_on_the_same_journal_goes_on_where_the_first_was_killed():
    first = Account(Fates(lost_reply=1.0, stream_loss=1.0)).run()
    intent = first.place()
    first.run(0.01)
    second = Account(world=first.world, disk=first.disk, seed=1).run(10)
    assert second.state(intent.intent_id) == OrderState.ACCEPTED
    assert len(first.world.orders) == 1
    assert second.asset("USDT").reserved == D("100")
    assert not second.violations()


def test_an_intent_that_died_with_the_orders_actor_is_told_as_denied():
    account = Account().run()
    intent = account.intent()
    account.portfolio.tell(PlaceOrder(intent))
    account.actor("/bot/account/orders")
    account.system.fail("/bot/account/orders")
    account.run(10)
    assert len(account.world.orders) <= 1
    ledger = account.ledger()
    known = ledger.line_of_intent(intent.intent_id)
    if known is None:
        assert account.asset("USDT").reserved == 0
    else:
        assert account.asset("USDT").reserved == D("100")


def test_externals_say_why():
    account = Account().run()
    account.world.balances["USDT"] += D("1")
    account.reconnect()
    account.run(20)
    external = account.ledger().externals[0]
    assert isinstance(external, External)
    assert "1 USDT more than the 100000" in external.reason


def test_an_order_that_the_venue_canceled_while_the_stream_was_broken_is_found_out():
    account = Account().run()
    intent = account.place()
    account.run()
    account.fates.stream_loss = 1.0
    account.world.cancel(account.world.open_orders()[0])
    account.fates.stream_loss = 0.0
    account.reconnect()
    account.run(5)
    assert account.state(intent.intent_id) == OrderState.CANCELED
    assert account.asset("USDT").reserved == 0


def test_an_order_that_ended_without_the_stream_saying_so_is_found_out_by_an_audit():
    account = Account(settings=OrdersSettings(audit_s=20.0)).run()
    intent = account.place()
    account.run()
    account.fates.stream_loss = 1.0
    account.world.cancel(account.world.open_orders()[0])
    account.run(30)
    assert account.state(intent.intent_id) == OrderState.CANCELED


def test_a_place_that_waits_for_the_journal_is_never_sent_into_a_later_epoch():
    account = Account().run()
    slow = SlowJournal(account)
    intent = account.place()
    account.run(0.1)
    account.reconnect()
    account.run(0.1)
    slow.release()
    account.run(5)
    assert not account.world.orders
    assert account.denials()[-1].deny_reason is DenyReason.STALE_EPOCH
    assert account.state(intent.intent_id) == OrderState.DENIED


def test_a_place_that_waits_for_the_journal_is_never_sent_after_a_halt():
    account = Account().run()
    slow = SlowJournal(account)
    intent = account.place()
    account.portfolio.tell(HaltAccount("alpha", "an operator said so"))
    account.run(0.1)
    slow.release()
    account.run(5)
    assert not account.world.orders
    assert account.denials()[-1].deny_reason is DenyReason.HALTED
    assert account.state(intent.intent_id) == OrderState.DENIED


def test_a_place_that_waits_for_the_journal_is_never_sent_after_its_deadline():
    account = Account().run()
    slow = SlowJournal(account)
    intent = account.intent(deadline_s=1.0)
    account.portfolio.tell(PlaceOrder(intent))
    account.run(2)
    slow.release()
    account.run(5)
    assert not account.world.orders
    assert account.denials()[-1].deny_reason is DenyReason.EXPIRED
    assert account.asset("USDT").reserved == 0


def test_a_reading_that_never_comes_is_asked_for_again():
    account = Account().run()
    exchange = account.actor("/bot/exchange")
    exchange.read = lambda message: None
    account.reconnect()
    account.run(10)
    first = len(account.watcher.of(Reconciled))
    del exchange.read
    account.run(130)
    assert len(account.watcher.of(Reconciled)) == first + 1


def test_a_portfolio_that_was_full_of_facts_is_compared_with_the_venue_at_each_reconcile():
    account = Account().run()
    for _ in range(5):
        account.place(amount="0.2")
    account.run()
    for order in account.world.open_orders():
        account.world.fill(order, D("0.1"))
    account.reconnect()
    account.run(5)
    told = account.watcher.of(Reconciled)[-1]
    assert told.balances_equal
    assert told.differences == ()


def test_streamed_balances_that_differ_for_long_make_the_account_be_read():
    account = Account(settings=OrdersSettings(audit_s=1000.0)).run()
    account.world.balances["USDT"] -= D("5")
    account.actor("/bot/exchange").sequence = 1
    account.orders.tell(BalancesSeen((Balance("USDT", D("99995"), D(0)),), 1))
    account.run(30)
    assert any("5 USDT less" in text for text in account.violations())


def test_streamed_balances_that_run_ahead_of_their_fill_cause_no_reading():
    account = Account(settings=OrdersSettings(audit_s=1000.0)).run()
    account.place()
    account.run()
    reads = account.actor("/bot/exchange").reads
    order = account.world.open_orders()[0]
    account.orders.tell(BalancesSeen((Balance("USDT", D("99900"), D(0)),), 2))
    account.world.fill(order, D("1"))
    account.run(10)
    assert account.actor("/bot/exchange").reads == reads
    assert account.asset("USDT").total == D("99900")


def test_a_fill_that_the_stream_lost_is_found_though_the_account_never_rests():
    account = Account(settings=OrdersSettings(audit_s=1000.0)).run()
    for _ in range(4):
        account.place(amount="5")
    account.run()
    lost, *busy = account.world.open_orders()
    listeners, account.world.listeners = account.world.listeners, []
    account.world.fill(lost, D("0.5"))
    account.world.listeners = listeners
    account.actor("/bot/exchange").fates.bad_read = 1.0  # something always comes between
    for second in range(12):
        account.world.fill(busy[second % 3], D("0.1"))
        totals = tuple(Balance(asset, total, D(0)) for asset, total in sorted(account.world.balances.items()))
        account.run(0.5)
        account.orders.tell(BalancesSeen(totals, account.actor("/bot/exchange").sequence))
        account.run(0.5)
    assert account.asset("BTC").total == account.world.balances["BTC"]
    assert account.violations() == []
