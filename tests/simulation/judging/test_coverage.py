"""Counters are known beforehand; each situation is seen in the messages that tell of it, and only there."""

from decimal import Decimal

import pytest

from ganglion.actors.trading.trading_states import account_scope
from ganglion.messages.account import AccountSnapshot, OpenOrder, Reconciled
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import (
    ActorFailed,
    ActorStarted,
    ConnectionChanged,
    ConnectionState,
    EpochOpened,
    Failure,
    VenuePaused,
)
from ganglion.messages.market import BookInvalid
from ganglion.messages.orders import (
    Admitted,
    DenyReason,
    Fill,
    Intent,
    OrderDenied,
    OrderState,
    OrderUpdate,
    SendOrder,
)
from ganglion.messages.trading import By, Cause, StateEntry, TradingState, TradingStates
from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.simulation.disk import MemoryDisk
from ganglion.simulation.faults.fault import FaultKind
from ganglion.simulation.judging import FAULTS, NAMES, SITUATIONS, Coverage, CoverageError, Sights, fault_name, observe
from ganglion.simulation.judging.sights import torn
from tests.simulation.judging.scene import ORDERS, PORTFOLIO

D = Decimal
S = OrderState
NOW_MS = 1_000_000


# ------------------------------------------------------------------ counters


def test_every_kind_of_fault_has_a_counter_and_a_sentence():
    assert set(FAULTS) == {f"fault:{kind}" for kind in FaultKind}
    assert fault_name(FaultKind.REPLY_LOST) == "fault:reply_lost"
    assert all(text.endswith(".") for text in NAMES.values())


def test_what_was_never_met_counts_zero_and_is_listed():
    coverage = Coverage()
    coverage.sometimes("partial fill")
    coverage.sometimes("partial fill")
    assert coverage["partial fill"] == 2
    assert "partial fill" not in coverage.missing()
    assert set(coverage.missing()) == set(NAMES) - {"partial fill"}
    assert coverage.missing(["partial fill", "late arrival"]) == ("late arrival",)
    assert dict(coverage) == {name: 2 if name == "partial fill" else 0 for name in NAMES}


def test_a_name_that_nobody_planned_is_refused_with_the_nearest():
    with pytest.raises(CoverageError, match=r"'partial fil' is no counter .* did you mean 'partial fill'\?"):
        Coverage().sometimes("partial fil")
    with pytest.raises(CoverageError, match="another version's run"):
        Coverage().add({"partial fil": 1})


def test_runs_are_added_up():
    one, two = Coverage(), Coverage()
    one.sometimes("late arrival")
    two.add(one)
    two.add(one)
    assert two["late arrival"] == 2


# ------------------------------------------------------------------ situations


class Seer:
    """Sights and what they have counted."""

    def __init__(self):
        self.coverage = Coverage()
        self.now_ms = NOW_MS
        self.sights = Sights(self.coverage, lambda: self.now_ms)

    @property
    def met(self):
        return {name: count for name, count in self.coverage.items() if count}

    def order(self, *states, intent="i1", mode="grid", filled="0", reason="", venue_id="1"):
        for state in states:
            self.sights.update(update(state, intent=intent, mode=mode, filled=filled, reason=reason, venue_id=venue_id))


@pytest.fixture
def seer():
    return Seer()


def update(state, *, intent="i1", mode="grid", filled="0", reason="", venue_id="1"):
    return OrderUpdate(
        intent_id=intent,
        account="alpha",
        mode=mode,
        client_id=f"c-{intent}",
        venue_id=venue_id,
        symbol="BTC/USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        price=D(100),
        amount=D(1),
        state=state,
        filled=D(filled),
        reason=reason,
        sequence=1,
    )


def fill(at_ms=NOW_MS, *, synthetic=False, replaces=(), intent="i1"):
    return Fill(
        account="alpha",
        symbol="BTC/USDT",
        trade_id="t",
        intent_id=intent,
        mode="grid",
        client_id="c",
        side=Side.BUY,
        price=D(100),
        amount=D("0.1"),
        fee=D(0),
        fee_asset="BTC",
        liquidity=None,
        timestamp_ms=at_ms,
        sequence=2,
        synthetic=synthetic,
        replaces=replaces,
    )


@pytest.mark.parametrize(
    ("states", "options", "name"),
    [
        ((S.SUBMITTED, S.UNKNOWN), {"venue_id": None}, "order unknown"),
        ((S.UNKNOWN, S.ACCEPTED), {}, "unknown order found"),
        ((S.UNKNOWN, S.REJECTED), {"reason": "not placed: 3 look-ups", "venue_id": None}, "unknown order not placed"),
        ((S.REJECTED, S.ACCEPTED), {}, "late arrival"),
        ((S.SUBMITTED, S.REJECTED), {"venue_id": None}, "order refused by the venue"),
        ((S.PENDING_CANCEL, S.FILLED), {"filled": "1"}, "cancel of a filled order"),
        ((S.ACCEPTED, S.PARTIALLY_FILLED), {"filled": "0.5"}, "partial fill"),
        ((S.PARTIALLY_FILLED, S.CANCELED), {"filled": "0.5"}, "partial fill, then canceled"),
    ],
)
def test_the_way_of_an_order_is_seen_in_its_updates(seer, states, options, name):
    seer.order(*states, **options)
    assert seer.met[name] == 1


def test_a_cancel_that_was_refused_is_seen_when_the_order_is_found_to_work_on(seer):
    seer.order(S.PENDING_CANCEL)
    seer.order(S.UNKNOWN, reason="its cancel was answered OrderNotFound: html")
    seer.order(S.ACCEPTED)
    assert seer.met["cancel refused"] == 1


def test_an_ordinary_order_is_no_situation(seer):
    seer.order(S.SUBMITTED, venue_id=None)
    seer.order(S.ACCEPTED, S.PENDING_CANCEL, S.CANCELED)
    assert seer.met == {}


def test_a_fill_before_the_answer_is_seen(seer):
    seer.order(S.SUBMITTED)
    seer.sights.fill(fill())
    assert seer.met == {"fill before accepted": 1}


def test_a_fill_that_only_a_reconcile_found_is_seen(seer):
    seer.sights.epoch(EpochOpened("alpha", 2, "reconnect", 0))
    seer.sights.fill(fill(NOW_MS - 1))
    seer.sights.fill(fill(NOW_MS + 1))
    seer.sights.reconciled(Reconciled("alpha", 2, True, (), 1.0))
    seer.sights.fill(fill(NOW_MS - 1))
    assert seer.met == {"missed fill found": 1}


def test_a_reading_that_lists_an_older_trade_again_is_seen(seer):
    seer.sights.fill(fill(NOW_MS - 30_000))
    seer.sights.epoch(EpochOpened("alpha", 2, "reconnect", 0))
    seer.sights.reconciled(Reconciled("alpha", 2, True, (), 1.0))
    assert seer.met == {"fill told again": 1}


def test_inferred_fills_and_what_replaces_them_are_seen(seer):
    seer.sights.fill(fill(synthetic=True))
    seer.sights.fill(fill(replaces=("synthetic-c-1",)))
    assert seer.met == {"synthetic fill": 1, "synthetic fill replaced": 1}


def test_an_epoch_over_an_order_on_its_way_and_a_snapshot_with_open_orders_are_seen(seer):
    seer.order(S.SUBMITTED)
    seer.sights.epoch(EpochOpened("alpha", 2, "reconnect", 0))
    snapshot = AccountSnapshot("alpha", 2, (), (), (), (OpenOrder(update(S.ACCEPTED)),), (), (), (), (), 1)
    seer.sights.snapshot(snapshot)
    assert seer.met == {"epoch over an order in flight": 1, "reconciled with open orders": 1}


@pytest.mark.parametrize(
    ("path", "state", "name"),
    [
        ("/bot/alpha/account/orders", S.SUBMITTED, "orders restarted with an order in flight"),
        ("/bot/alpha/account/portfolio", S.ACCEPTED, "portfolio restarted with reservations"),
        ("/bot/alpha/exchange", S.ACCEPTED, "exchange restarted with open orders"),
        ("/bot/modes/grid", S.ACCEPTED, "mode restarted with open orders"),
    ],
)
def test_a_crash_is_seen_with_what_it_leaves_behind(seer, path, state, name):
    failed = ActorFailed(path, 1, Failure("ValueError", "no"))
    seer.sights.failed(failed)
    assert seer.met == {}
    seer.order(state)
    seer.sights.failed(failed)
    assert seer.met == {name: 1}


def test_a_mode_that_comes_back_and_places_beside_its_orders_has_adopted_them(seer):
    seer.order(S.SUBMITTED, S.ACCEPTED)
    seer.sights.failed(ActorFailed("/bot/modes/grid", 1, Failure("ValueError", "no")))
    seer.order(S.SUBMITTED, intent="i2")
    seer.order(S.SUBMITTED, intent="i3")
    assert seer.met["orders adopted by a mode"] == 1
    assert "orders cleared by a mode" not in seer.met


def test_a_mode_that_comes_back_and_cancels_its_orders_has_cleared_them(seer):
    seer.order(S.SUBMITTED, S.ACCEPTED)
    seer.sights.failed(ActorFailed("/bot/modes/grid", 1, Failure("ValueError", "no")))
    seer.order(S.PENDING_CANCEL, reason="on_restart = cancel")
    seer.order(S.CANCELED)
    seer.order(S.SUBMITTED, intent="i2")
    assert seer.met["orders cleared by a mode"] == 1
    assert "orders adopted by a mode" not in seer.met


def test_a_kill_is_seen_with_what_it_interrupts(seer):
    seer.order(S.ACCEPTED)
    seer.order(S.SUBMITTED, intent="i2")
    seer.sights.killed(MemoryDisk())
    assert seer.met == {"killed with an order in flight": 1, "killed with open orders": 1}


def test_a_torn_journal_is_seen_on_the_disk_that_it_is_on(scene):
    scene.placed()
    disk = scene.bot.disk
    assert not torn(disk)
    (segment,) = disk.names("journal")
    disk.append(f"journal/{segment}", b"\x20\x00\x00\x00half a rec")
    assert torn(disk)
    assert not torn(MemoryDisk())


def test_a_ban_is_obeyed_once_something_is_sent_after_it(seer):
    sent = SendOrder(_intent(), "c", 1, 1)
    seer.sights.sent(sent, 1.0)
    seer.sights.paused(VenuePaused("alpha", 10.0, "418"))
    seer.sights.sent(sent, 9.0)
    assert seer.met == {}
    seer.sights.sent(sent, 10.0)
    seer.sights.sent(sent, 11.0)
    assert seer.met == {"ban obeyed": 1}


def _intent():
    return Intent(
        "i1", "alpha", "grid", "BTC/USDT", Side.BUY, OrderType.LIMIT, D(1), D(100), TimeInForce.GTC,
        False, 1, 60.0, "a test", "i1", "",
    )  # fmt: skip


@pytest.mark.parametrize("reason", [r for r in DenyReason if f"denied: {r}" in SITUATIONS])
def test_each_counted_denial_is_seen(seer, reason):
    seer.sights.denied(OrderDenied("i1", "alpha", "grid", reason, "no"))
    assert seer.met == {f"denied: {reason}": 1}


def test_a_denial_that_a_default_campaign_does_not_meet_is_not_counted(seer):
    seer.sights.denied(OrderDenied("i1", "alpha", "grid", DenyReason.BELOW_MINIMUM, "no"))
    assert seer.met == {}


@pytest.mark.parametrize(
    ("by", "name"),
    [(By.JOURNAL, "journal halt"), (By.ERROR, "halt by an error"), (By.INVARIANT, "halt by an error")],
)
def test_a_halt_is_seen_once_by_who_set_it(seer, by, name):
    entry = StateEntry(account_scope("alpha"), TradingState.HALTED, Cause("why", by, 1))
    for _ in range(3):
        seer.sights.states(TradingStates("alpha", (entry,)))
    assert seer.met == {name: 1}


def test_connections_breakers_and_polling_are_seen(seer):
    for state in (ConnectionState.LIVE, ConnectionState.CONNECTING, ConnectionState.DOWN):
        seer.sights.connection(ConnectionChanged("alpha", state, 1, "why", 1.0))
    seer.sights.breaker(opened=True)
    seer.sights.breaker(opened=False)
    for what in ("book BTC/USDT", "user stream"):
        seer.sights.degraded(Degraded("alpha", what, "polled by request: it is silent", 1.0))
        seer.sights.degraded(Degraded("alpha", what, "", 2.0))
    assert seer.met == {
        "connection lost": 1,
        "breaker opened": 1,
        "breaker closed": 1,
        "book polled": 1,
        "user stream polled": 1,
    }


def test_a_book_that_was_lost_and_is_decided_on_again_is_seen(seer):
    admitted = Admitted("alpha", "i1", "BTC/USDT", None, None, 1.0)
    seer.sights.book(BookInvalid("alpha", "BTC/USDT", "starting: no snapshot yet"))
    seer.sights.admitted(admitted)
    assert seer.met == {}
    seer.sights.book(BookInvalid("alpha", "BTC/USDT", "gap: the book is at 5"))
    seer.sights.book(BookInvalid("alpha", "BTC/USDT", "stale: 9 s"))
    seer.sights.admitted(admitted)
    seer.sights.admitted(admitted)
    assert seer.met == {"book gap": 1, "book stale": 1, "book whole again": 1}


def test_only_a_supervisor_that_started_again_is_counted(seer):
    seer.sights.started(ActorStarted("/bot/alpha", 1), supervisor=True)
    seer.sights.started(ActorStarted("/bot/alpha/exchange", 2), supervisor=False)
    assert seer.met == {}
    seer.sights.started(ActorStarted("/bot/alpha", 2), supervisor=True)
    assert seer.met == {"supervisor restarted": 1}


def test_an_observer_hears_a_real_account(scene):
    coverage = Coverage()
    sights = Sights(coverage, scene.system.clock.now_ms)
    observe(
        scene.system,
        sights,
        orders=[ORDERS],
        portfolios=[PORTFOLIO],
        exchanges=["/bot/exchange"],
        supervisors=["/bot/account"],
    )
    order = scene.placed()
    scene.filled(order, "0.4")
    scene.bot.reconnect()
    scene.bot.run(5)
    scene.bot.cancel(scene.line_of(order).intent.intent_id)
    scene.bot.run(5)
    scene.bot.cancel(scene.line_of(order).intent.intent_id)
    scene.system.fail("/bot/account", "on purpose")
    scene.bot.run(5)
    for name in (
        "partial fill",
        "reconciled with open orders",
        "fill told again",
        "partial fill, then canceled",
        "denied: unknown_order",
        "supervisor restarted",
    ):
        assert coverage[name] >= 1, name


def test_an_end_that_is_known_before_its_fills_is_seen_in_the_ledger(scene, seer):
    line = scene.line_of(scene.placed())
    seer.sights.look(scene.ledger())
    assert seer.met == {}
    line.ended, line.venue_filled = "canceled", D("0.4")
    for _ in range(2):
        seer.sights.look(scene.ledger())
    assert seer.met == {"fill after the end was told": 1}
