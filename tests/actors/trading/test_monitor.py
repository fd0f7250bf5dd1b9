"""The monitor: each invariant is judged with all its figures, told once, and halts its account with the first cause."""

import pytest

from ganglion.actors.trading.monitor import MonitorActor
from ganglion.actors.trading.monitor import invariants as check
from ganglion.actors.trading.portfolio import admission
from ganglion.messages.account import AccountSnapshot, AssetView, External, PortfolioView, Reconciled
from ganglion.messages.degraded import VenueBack, VenueDown
from ganglion.messages.lifecycle import (
    BudgetSpent,
    ConnectionChanged,
    ConnectionState,
    DeadLetter,
    EpochOpened,
    HaltAccount,
    Halted,
    VenuePaused,
    Violation,
)
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import (
    Admitted,
    Balance,
    DenyReason,
    Fill,
    OrderState,
    OrderType,
    OrderUpdate,
    SendOrder,
    Side,
)
from ganglion.messages.trading import TradingStates
from ganglion.supervision import System
from tests.actors.trading.evidence import D, intent
from tests.actors.trading.halts import halted_for
from tests.actors.trading.world import Account

SYMBOL = "BTC/USDT"


def view(free="900", reserved="100", fees="1", initial="1000", net="0", external="1", locked="0"):
    asset = AssetView("USDT", *map(D, (free, reserved, locked, initial, net, fees, external)))
    return PortfolioView("alpha", 1, 5, (asset,), True, None)


def update(state=OrderState.ACCEPTED, filled="0", name="i1", client_id="c1", venue_id="v1", sequence=1):
    return OrderUpdate(
        name,
        "alpha",
        "grid",
        client_id,
        venue_id,
        SYMBOL,
        Side.BUY,
        OrderType.LIMIT,
        D("100"),
        D("1"),
        state,
        D(filled),
        "why",
        sequence,
    )


def fill(trade_id="t1", *, synthetic=False, replaces=()):
    return Fill(
        "alpha",
        SYMBOL,
        trade_id,
        "i1",
        "grid",
        "c1",
        Side.BUY,
        D("100"),
        D("0.4"),
        D("0"),
        "BTC",
        None,
        0,
        3,
        synthetic,
        replaces,
    )


def snapshot(*fills, open_orders=()):
    opening = (Balance("USDT", D("1000"), D(0)),)
    return AccountSnapshot("alpha", 1, opening, (), fills, open_orders, (), (), (), (), 5)


def reconciled(*amounts, epoch=1):
    differences = tuple(External(asset, D(amount), f"{amount} {asset}") for asset, amount in amounts)
    return Reconciled("alpha", epoch, not differences, differences, 0.0)


TOP = TopOfBook("alpha", SYMBOL, 99.0, 1, 101.0, 1, 1, 10.0)
CROSSED = TopOfBook("alpha", SYMBOL, 101.0, 1, 101.0, 1, 1, 10.0)


def admitted(top=TOP, at_s=12.0, invalid=None):
    return Admitted("alpha", "i1", SYMBOL, top, invalid, at_s)


def spent(at_s, requests, units, *, burst=10.0, units_per_s=2.0, dearest=1.0, banned_until_s=0.0):
    return BudgetSpent("alpha", at_s, requests, units, units_per_s, burst, dearest, banned_until_s)


def sent(epoch=1):
    return SendOrder(intent(), "c1", 1, epoch)


# ---------------------------------------------------------------- pure


def test_i1_money_is_conserved_to_the_last_digit():
    assert check.money_conserved(view()) is None
    found = check.money_conserved(view(free="900.00000001"))
    assert found.invariant == "I1"
    assert "900.00000001" in found.text
    assert "1001.00000001" in found.text


def test_i1_nothing_reserved_is_below_zero():
    assert check.money_conserved(view(free="1100", reserved="-100")).invariant == "I1"


def test_i1_a_portfolio_counts_what_the_facts_come_to():
    assert check.counted_right(snapshot(fill()), {"USDT": D("960"), "BTC": D("0.4")}) is None
    assert "apart by -1" in check.counted_right(snapshot(fill()), {"USDT": D("959"), "BTC": D("0.4")}).text


def test_i2_a_client_id_has_one_intent():
    assert check.client_id_unique("i1", update()) is None
    assert check.client_id_unique("i0", update()).invariant == "I2"


def test_i3_an_intent_has_one_order_and_is_never_overfilled():
    assert check.one_order_per_intent("v1", update()) is None
    assert check.one_order_per_intent("v2", update()).invariant == "I3"
    assert check.not_overfilled(update(filled="1")) is None
    assert check.not_overfilled(update(filled="1.0001")).invariant == "I3"


def test_i4_an_intent_settles_in_time():
    assert check.settled_in_time(update(OrderState.UNKNOWN), 0.0, 300.0, 300.0) is None
    assert check.settled_in_time(update(OrderState.UNKNOWN), 0.0, 300.1, 300.0).invariant == "I4"


@pytest.mark.parametrize(("opened", "done"), [(1, None), (2, 1), (2, 2)])
def test_i5_nothing_is_sent_before_its_epoch_is_reconciled(opened, done):
    assert check.placed_after_reconcile(sent(1), "alpha", opened, done).invariant == "I5"


def test_i5_what_is_sent_in_a_reconciled_epoch_is_right():
    assert check.placed_after_reconcile(sent(1), "alpha", 1, 1) is None


@pytest.mark.parametrize(
    ("amounts", "broken"),
    [
        ([], False),
        ([("USDT", "5")], False),
        ([("USDT", "-5")], True),
        ([("BTC", "0.4"), ("USDT", "-40")], True),
    ],
)
def test_i6_only_what_came_in_by_itself_is_no_violation(amounts, broken):
    assert (check.balances_equal(reconciled(*amounts)) is not None) == broken


def test_i6_a_fill_without_a_trade_is_a_violation_with_its_figures():
    assert check.no_stand_ins("alpha", (), 300.0) is None
    found = check.no_stand_ins("alpha", (fill("synthetic-c1-1", synthetic=True),), 300.0)
    assert found.invariant == "I6"
    assert "buy 0.4 BTC/USDT of intent i1" in found.text


def test_i7_moves_are_legal_and_filled_only_grows():
    assert check.legal_move(OrderState.ACCEPTED, update(OrderState.FILLED)) is None
    assert check.legal_move(OrderState.FILLED, update(OrderState.ACCEPTED)).invariant == "I7"
    assert check.filled_grows(D("0.4"), update(filled="0.4")) is None
    assert check.filled_grows(D("0.4"), update(filled="0.3")).invariant == "I7"


def test_i8_a_book_decided_on_is_neither_old_nor_crossed():
    assert check.book_fit(admitted(at_s=15.0), 5.0) is None
    assert "5.10 s old" in check.book_fit(admitted(at_s=15.1), 5.0).text
    assert check.book_fit(admitted(CROSSED), 5.0).invariant == "I8"


def test_i8_a_book_decided_on_is_there_and_has_no_gap():
    assert "no book" in check.book_fit(admitted(None), 5.0).text
    assert "gap: 3 after 1" in check.book_fit(admitted(invalid="gap: 3 after 1"), 5.0).text


def test_i9_a_halted_account_sends_nothing():
    assert check.not_halted(sent(), "alpha", None) is None
    assert check.not_halted(sent(), "alpha", halted_for("I1: money")).invariant == "I9"


def test_i10_a_fill_is_applied_once():
    assert check.fill_once(known=False, fill=fill()) is None
    assert check.fill_once(known=True, fill=fill()).invariant == "I10"
    assert check.fill_once(known=True, fill=fill(replaces=("t1",))) is None


def test_i11_what_is_sent_in_any_time_is_at_most_a_burst_and_the_refill():
    least = check.unspent(spent(100.0, 0, 0.0))
    assert check.budget_kept(spent(105.0, 20, 20.0), least) is None
    found = check.budget_kept(spent(105.0, 21, 20.5), least)
    assert found.invariant == "I11"
    assert "10.50 units" in found.text


def test_i11_a_request_dearer_than_the_bucket_may_go_when_it_is_full():
    least = check.unspent(spent(100.0, 0, 0.0))
    assert check.budget_kept(spent(100.0, 1, 25.0, dearest=25.0), least) is None
    assert check.budget_kept(spent(100.0, 2, 26.0, dearest=25.0), least).invariant == "I11"


def test_i11_nothing_is_sent_in_a_ban():
    before = spent(100.0, 5, 5.0, banned_until_s=130.0)
    assert check.silent_in_a_ban(before, spent(101.0, 5, 5.0)) is None
    assert check.silent_in_a_ban(before, spent(130.0, 6, 6.0)) is None
    assert "29.0 s to go" in check.silent_in_a_ban(before, spent(101.0, 6, 6.0)).text


def test_i12_a_fill_that_nobody_will_count_is_a_violation_and_a_lost_book_is_none():
    lost = DeadLetter("/bot/alpha/account/portfolio", "Fill", "stopped")
    assert check.nothing_dropped(lost, "alpha").invariant == "I12"
    assert check.nothing_dropped(DeadLetter("/bot/modes/grid", "Fill", "stopped"), "alpha") is None
    assert check.nothing_dropped(DeadLetter("/bot/alpha/books/X", "BookDelta", "full"), "alpha") is None
    assert check.nothing_dropped(DeadLetter("/bot/alpha/account/portfolio", "TopOfBook", "full"), "alpha") is None


@pytest.mark.parametrize("kind", ["Fill", "OrderUpdate", "PlaceAnswered", "TradeSeen", "AccountRead", "HaltAccount"])
def test_i12_speaks_of_everything_that_no_mailbox_may_drop(kind):
    lost = DeadLetter("/bot/alpha/account/orders", kind, "not in the actor's protocol")
    assert check.nothing_dropped(lost, "alpha").invariant == "I12"


# ---------------------------------------------------------------- the actor


@pytest.fixture
def watched():
    system = System(dispatcher="simulated", seed=0)
    portfolio = system.probe("portfolio")
    seen = system.probe("seen")
    monitor = system.spawn(lambda: MonitorActor({"alpha": portfolio.address}), name="monitor")
    system.subscribe(monitor, seen.address, Violation)
    yield system, monitor, portfolio, seen
    system.stop()


def test_a_violation_halts_its_account_once_with_the_figures(watched):
    system, monitor, portfolio, seen = watched
    monitor.tell(view(free="901"))
    monitor.tell(view(free="901"))
    system.run_until_idle()
    assert len(seen.of(Violation)) == 1
    halt = portfolio.of(HaltAccount)[0]
    assert halt.cause.startswith("I1: USDT: free 901")


def test_a_sound_line_of_facts_is_no_violation(watched):
    system, monitor, portfolio, seen = watched
    for message in (
        EpochOpened("alpha", 1, "start", 0),
        snapshot(),
        reconciled(),
        sent(),
        update(OrderState.SUBMITTED, venue_id=None),
        update(),
        fill(),
        update(OrderState.PARTIALLY_FILLED, "0.4"),
        update(OrderState.PENDING_CANCEL, "0.4"),
        update(OrderState.CANCELED, "0.4"),
        view(),
    ):
        monitor.tell(message)
    system.run_for(1000)
    assert not seen.received
    assert not portfolio.received


def test_an_order_sent_between_two_epochs_is_a_violation(watched):
    system, monitor, _, seen = watched
    for message in (
        EpochOpened("alpha", 1, "start", 0),
        reconciled(),
        EpochOpened("alpha", 2, "reconnect", 0),
        sent(epoch=1),
    ):
        monitor.tell(message)
    system.run_until_idle()
    assert [v.invariant for v in seen.of(Violation)] == ["I5"]


def test_an_order_sent_after_a_halt_is_a_violation(watched):
    system, monitor, _, seen = watched
    for message in (
        EpochOpened("alpha", 1, "start", 0),
        reconciled(),
        TradingStates("alpha", (halted_for("I1: money"),)),
        sent(),
    ):
        monitor.tell(message)
    system.run_until_idle()
    assert [v.invariant for v in seen.of(Violation)] == ["I9"]


def test_an_intent_that_stays_unknown_on_a_reconciled_account_is_a_violation_in_time(watched):
    system, monitor, _, seen = watched
    for message in (EpochOpened("alpha", 1, "start", 0), reconciled(), update(OrderState.UNKNOWN)):
        monitor.tell(message)
    system.run_for(295)
    assert not seen.received
    system.run_for(30)
    assert seen.of(Violation)[0].invariant == "I4"


@pytest.mark.parametrize(
    ("away", "back"),
    [
        (ConnectionChanged("alpha", ConnectionState.DOWN, 1, "parked", 0.0), ConnectionState.LIVE),
        (VenueDown("alpha", "5 failures in a row", 0.0), VenueBack("alpha", "it answers", 0.0)),
        (VenuePaused("alpha", 900.0, "a ban"), None),
    ],
)
def test_an_intent_is_not_expected_to_be_known_while_its_venue_cannot_be_asked(watched, away, back):
    system, monitor, _, seen = watched
    for message in (EpochOpened("alpha", 1, "start", 0), reconciled(), update(OrderState.UNKNOWN), away):
        monitor.tell(message)
    system.run_for(900)
    if isinstance(back, ConnectionState):
        back = ConnectionChanged("alpha", back, 1, "it answers", 0.0)
    if back is not None:
        monitor.tell(back)
    system.run_for(295)
    assert not seen.received
    system.run_for(30)
    assert seen.of(Violation)[0].invariant == "I4"


def test_an_inferred_fill_may_wait_for_its_trade_and_not_for_ever(watched):
    system, monitor, _, seen = watched
    stand_in = fill("synthetic-c1-1", synthetic=True)
    for message in (EpochOpened("alpha", 1, "start", 0), reconciled(), stand_in, snapshot(stand_in)):
        monitor.tell(message)
    system.run_for(295)
    assert not seen.received
    system.run_for(30)
    assert seen.of(Violation)[0].invariant == "I6"


def test_an_inferred_fill_whose_trade_came_is_no_violation(watched):
    system, monitor, _, seen = watched
    for message in (
        EpochOpened("alpha", 1, "start", 0),
        reconciled(),
        fill("synthetic-c1-1", synthetic=True),
        fill("t1", replaces=("synthetic-c1-1",)),
    ):
        monitor.tell(message)
    system.run_for(900)
    assert not seen.received


def test_a_fill_applied_twice_is_a_violation(watched):
    system, monitor, _, seen = watched
    monitor.tell(fill())
    monitor.tell(fill())
    system.run_until_idle()
    assert [v.invariant for v in seen.of(Violation)] == ["I10"]


def test_a_violation_that_an_actor_found_itself_is_passed_on(watched):
    system, monitor, portfolio, seen = watched
    monitor.tell(Violation("I4", "alpha", "ORPHAN: …"))
    system.run_until_idle()
    assert len(seen.of(Violation)) == 1
    assert portfolio.of(HaltAccount)


def test_states_are_taken_from_a_snapshot_so_that_what_was_missed_is_no_violation(watched):
    system, monitor, _, seen = watched
    monitor.tell(update(OrderState.FILLED, "1"))
    monitor.tell(snapshot())
    monitor.tell(update(OrderState.ACCEPTED, name="i2", client_id="c2", venue_id="v2"))
    system.run_until_idle()
    assert not seen.received


def test_an_intent_admitted_on_an_old_book_is_a_violation(watched):
    system, monitor, portfolio, seen = watched
    monitor.tell(admitted(at_s=12.0))
    monitor.tell(admitted(at_s=16.0))
    system.run_until_idle()
    assert [v.invariant for v in seen.of(Violation)] == ["I8"]
    assert portfolio.of(HaltAccount)[0].cause.startswith("I8: intent i1 was admitted on a book of BTC/USDT 6.00 s old")


def test_a_budget_that_is_spent_at_the_pace_of_its_refill_is_no_violation(watched):
    system, monitor, _, seen = watched
    for second in range(60):
        monitor.tell(spent(100.0 + second, second * 2, 10.0 * (second > 0) + second * 2.0))
    system.run_until_idle()
    assert not seen.received


def test_a_budget_that_is_exceeded_slowly_is_a_violation_in_time_and_told_once(watched):
    system, monitor, _, seen = watched
    for second in range(12):
        monitor.tell(spent(100.0 + second, second * 3, second * 3.0))
    system.run_until_idle()
    assert [v.invariant for v in seen.of(Violation)] == ["I11"]


def test_the_venues_own_figures_begin_a_new_envelope(watched):
    system, monitor, _, seen = watched
    monitor.tell(spent(100.0, 9, 9.0))
    monitor.tell(spent(100.0, 9, 9.0, burst=40.0, units_per_s=20.0))
    monitor.tell(spent(101.0, 60, 60.0, burst=40.0, units_per_s=20.0))
    system.run_until_idle()
    assert not seen.received


def test_a_request_in_a_ban_is_a_violation(watched):
    system, monitor, _, seen = watched
    monitor.tell(spent(100.0, 5, 5.0, banned_until_s=130.0))
    monitor.tell(spent(101.0, 6, 6.0, banned_until_s=130.0))
    system.run_until_idle()
    assert [v.invariant for v in seen.of(Violation)] == ["I11"]


# ---------------------------------------------------------------- sabotage: the line itself is broken


def test_a_portfolio_that_does_not_look_at_the_book_is_caught(monkeypatch):
    account = Account().run()
    monkeypatch.setattr(admission, "_book", lambda _intent, _facts: None)
    account.break_book("gap: 3 after 1")
    account.place()
    account.run()
    assert "gap: 3 after 1" in account.violations()[0]
    assert account.violations()[0].startswith("I8")
    assert all(denied.deny_reason is not DenyReason.STALE_BOOK for denied in account.denials())
    assert account.watcher.of(Halted)[0].cause.startswith("I8")
    account.system.stop()


def test_a_portfolio_that_looks_at_the_book_is_left_alone():
    account = Account().run()
    account.place()
    account.break_book("gap: 3 after 1")
    account.place()
    account.run()
    assert account.violations() == []
    assert [denied.deny_reason for denied in account.denials()] == [DenyReason.STALE_BOOK]
    account.system.stop()


def test_an_order_event_that_reaches_nobody_who_counts_is_caught_while_the_bot_runs():
    account = Account().run()
    account.portfolio.stop()
    account.system.dead_letter(account.portfolio.path, fill(), "the actor has stopped")
    account.run()
    assert account.violations()[0].startswith("I12: Fill to /bot/account/portfolio was dropped")
    account.system.stop()


def test_facts_that_wait_for_a_restarting_account_are_no_dead_letters():
    account = Account().run()
    account.place()
    for part in ("orders", "portfolio"):
        account.system.fail(f"/bot/account/{part}")
        account.place()
    account.run(30.0)
    assert account.violations() == []
    assert not {"Fill", "OrderUpdate", "PlaceAnswered"} & set(account.system.dead_letters)
    account.system.stop()
