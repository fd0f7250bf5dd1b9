"""The ledger: evidence merges monotonically, fills count once, and replaying the journal is the live state."""

import itertools

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ganglion.actors.trading.money import times
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.counted import Anomaly
from ganglion.actors.trading.orders.ledger import Ledger, LedgerError, replay
from ganglion.actors.trading.orders.states import may_move
from ganglion.messages.account import External
from ganglion.messages.orders import Balance, DenyReason, Fill, OrderState, OrderUpdate, PlaceVerdict
from tests.actors.trading.evidence import OPENED, D, answered, intent, order, started, trade
from tests.actors.trading.halts import ALPHA, halted_for

REJECTED = PlaceVerdict.REJECTED
RECONCILE = PlaceVerdict.RECONCILE


def ledger_of(*records):
    ledger = Ledger("alpha")
    facts = []
    for record in [*started(), *records]:
        facts += ledger.apply(record)
    return ledger, facts


def seen(*args, **kwargs):
    return r.OrderEvidence("c1", order(*args, **kwargs))


def told(*args, **kwargs):
    return r.TradeEvidence(trade(*args, **kwargs))


def state_after(*records):
    return ledger_of(*records)[0].lines["c1"].state


def test_an_older_snapshot_changes_nothing():
    ledger, _ = ledger_of(seen("open", "0.4"), told(), seen("canceled", "0.4"))
    before = ledger.lines["c1"].state, ledger.lines["c1"].filled, ledger.sequence
    ledger.apply(seen("open", "0"))
    ledger.apply(seen("open", "0.2"))
    assert (ledger.lines["c1"].state, ledger.lines["c1"].filled, ledger.sequence) == before


def test_an_order_that_the_venue_forgot_is_filled_where_its_trades_are_all_of_it_and_canceled_where_they_are_not():
    gone = r.Gone("c1", "gone: the venue knows it no more")
    assert state_after(seen(), told(amount="1"), gone) is OrderState.FILLED
    assert state_after(seen(), told(amount="0.4"), gone) is OrderState.CANCELED


def test_a_fill_before_accepted_is_applied():
    ledger, facts = ledger_of(told(venue_id="v1", client_id="c1"), answered(order()))
    assert ledger.lines["c1"].filled == D("0.4")
    assert ledger.lines["c1"].state is OrderState.PARTIALLY_FILLED
    assert len([fact for fact in facts if isinstance(fact, Fill)]) == 1


def test_a_fill_after_canceled_is_applied_and_the_order_stays_canceled():
    ledger, facts = ledger_of(seen(), seen("canceled", "0"), told())
    assert ledger.lines["c1"].filled == D("0.4")
    assert ledger.lines["c1"].state is OrderState.CANCELED
    assert isinstance(facts[-1], OrderUpdate)
    assert facts[-1].filled == D("0.4")


def test_fills_after_canceled_that_complete_the_order_make_it_filled():
    assert state_after(seen(), seen("canceled", "0"), told(amount="1")) is OrderState.FILLED


def test_a_trade_before_its_orders_id_is_known_waits_and_is_claimed():
    ledger, _ = ledger_of(told())
    assert ledger.unmatched
    ledger.apply(answered(order()))
    assert ledger.lines["c1"].filled == D("0.4")
    assert not ledger.unmatched


def test_a_trade_that_was_taken_for_somebody_elses_is_claimed_back_without_counting_twice():
    ledger, _ = ledger_of(told())
    facts = ledger.apply(r.AdoptedTrade("BTC/USDT", "t1"))
    assert facts[0].intent_id is None
    before = ledger.totals()
    claimed = [fact for fact in ledger.apply(answered(order())) if isinstance(fact, Fill)]
    assert claimed[0].intent_id == "i1"
    assert claimed[0].replaces == ("t1",)
    assert ledger.totals() == before


def test_closed_needs_the_venues_word_and_all_its_fills():
    assert state_after(seen(), seen("closed", "1")) is OrderState.ACCEPTED
    assert state_after(seen(), told(amount="1")) is OrderState.PARTIALLY_FILLED
    assert state_after(seen(), seen("closed", "1"), told(amount="1")) is OrderState.FILLED


def test_a_cancel_that_does_not_say_how_much_was_filled_keeps_the_order_open():
    ledger, _ = ledger_of(seen("open", None), seen("canceled", None))
    line = ledger.lines["c1"]
    assert not line.state.terminal
    assert "not how much" in line.question
    ledger.apply(r.Concluded("c1"))
    assert line.state is OrderState.CANCELED


def test_a_refusal_of_the_only_attempt_is_rejected():
    assert state_after(answered(verdict=REJECTED)) is OrderState.REJECTED


def test_a_refusal_after_an_earlier_attempt_that_was_maybe_sent_proves_nothing_about_the_intent():
    state = state_after(
        answered(verdict=RECONCILE, phase="maybe_sent"),
        r.Sent("c1", 2),
        answered(verdict=REJECTED, attempt=2),
    )
    assert state is OrderState.UNKNOWN


def test_a_refusal_after_an_earlier_refusal_is_rejected():
    state = state_after(
        answered(verdict=PlaceVerdict.DENIED, phase="maybe_sent"),
        answered(verdict=REJECTED),
    )
    assert state is OrderState.REJECTED


def test_a_refusal_of_an_order_that_the_stream_has_shown_changes_nothing():
    assert state_after(seen(), answered(verdict=REJECTED)) is OrderState.ACCEPTED


def test_before_send_is_denied_and_nothing_else_is():
    denied = answered(verdict=PlaceVerdict.DENIED, phase="before_send")
    assert state_after(denied) is OrderState.DENIED
    doubtful = answered(verdict=PlaceVerdict.DENIED, phase="maybe_sent")
    assert state_after(doubtful) is OrderState.UNKNOWN


def test_an_intent_found_in_the_journal_counts_as_sent():
    ledger = replay("alpha", [OPENED, r.Intended(intent(), 1, "c1"), r.Frozen(2, "a restart")])
    assert ledger.lines["c1"].state is OrderState.UNKNOWN


def test_a_new_epoch_makes_what_is_under_way_unknown_and_leaves_what_is_known():
    assert state_after(r.Frozen(2, "reconnect")) is OrderState.UNKNOWN
    assert state_after(seen(), r.Frozen(2, "reconnect")) is OrderState.ACCEPTED
    asked = r.CancelAsked("c1", amending=False, reason="")
    assert state_after(seen(), asked, r.Frozen(2, "reconnect")) is OrderState.UNKNOWN


def test_two_venue_orders_of_one_intent_are_an_anomaly():
    _, facts = ledger_of(seen(), seen(venue_id="v2"))
    assert isinstance(facts[-1], Anomaly)
    assert facts[-1].invariant == "I3"


def test_more_filled_than_asked_is_counted_and_is_an_anomaly():
    ledger, facts = ledger_of(seen(), told(amount="1.5"))
    assert isinstance(facts[-1], Anomaly)
    assert ledger.lines["c1"].filled == D("1.5")


def test_an_order_of_an_intent_that_was_never_sent_is_an_anomaly():
    ledger = Ledger("alpha")
    for record in [OPENED, r.Intended(intent(), 1, "c1"), r.Tombstoned("c1", DenyReason.EXPIRED, "late")]:
        ledger.apply(record)
    facts = ledger.apply(seen())
    assert facts[0].invariant == "I4"
    assert ledger.lines["c1"].state is OrderState.DENIED


def test_an_order_taken_for_not_placed_comes_back_to_life_on_evidence():
    ledger, _ = ledger_of(answered(verdict=RECONCILE, phase="maybe_sent"), r.NotPlaced("c1", "absent"))
    line = ledger.lines["c1"]
    assert line.state is OrderState.REJECTED
    ledger.apply(seen())
    assert line.state is OrderState.ACCEPTED
    assert line.late


def test_a_synthetic_fill_gives_way_to_the_real_trades_one_by_one():
    ledger, _ = ledger_of(seen("open", "0.5"))
    line = ledger.lines["c1"]
    assert line.missing == D("0.5")
    ledger.apply(r.Inferred("c1", trade("", "0.5")))
    assert [fill.synthetic for fill in line.fills.values()] == [True]
    facts = ledger.apply(told("t1", "0.2"))
    assert facts[0].replaces == (f"synthetic-{line.client_id}-1",)
    assert line.filled == D("0.5")
    ledger.apply(told("t2", "0.3"))
    assert list(line.fills) == ["t1", "t2"]
    assert not ledger.stand_ins
    assert ledger.totals()["USDT"] == D("950")


def test_updates_and_fills_say_of_each_field_what_intent_trade_and_line_say():
    ledger, facts = ledger_of(answered(order()), told(client_id="c1"))
    line = ledger.lines["c1"]
    update, fill = ledger.update_of(line), next(fact for fact in facts if isinstance(fact, Fill))
    for fact, source in ((update, line.intent), (update, line), (fill, line.intent), (fill, trade(client_id="c1"))):
        # An intent's amount and price are the order's, a fill's are the trade's.
        own = {"amount", "price"} if source is line.intent and fact is fill else set()
        for name in fact.__struct_fields__:
            if hasattr(source, name) and name not in own:
                assert getattr(fact, name) == getattr(source, name), name
    assert (update.account, fill.account, fill.client_id) == ("alpha", "alpha", "c1")
    assert (fill.synthetic, fill.replaces, fill.told_as) == (False, (), ())
    assert (fill.sequence, update.sequence) == (3, 4)


def test_trades_of_before_the_opening_never_count():
    ledger = Ledger("alpha")
    ledger.apply(r.Opened(OPENED.balances, 1_000, (("BTC/USDT", "t1"),)))
    assert not ledger.apply(told())
    assert ledger.totals() == {"USDT": D("1000"), "BTC": D("3")}


def test_differences_are_exact_and_name_what_only_one_side_has():
    ledger, _ = ledger_of()
    venue = (Balance("USDT", D("999.99999999"), D(0)), Balance("ETH", D("1"), D(0)))
    assert ledger.differences(venue) == {"BTC": D("-3"), "ETH": D("1"), "USDT": D("-1E-8")}


def test_a_record_of_an_unknown_order_is_refused():
    with pytest.raises(LedgerError, match="do not trade on it"):
        Ledger("alpha").apply(r.Sent("c9", 1))


def test_bytes_that_are_no_record_are_refused():
    with pytest.raises(r.RecordError, match="do not trade on it"):
        r.decode(b"\x93\xa6Nobody\x01\x02")


# ---------------------------------------------------------------- properties

AMOUNTS = st.sampled_from(["0", "0.2", "0.4", "1"])
TRADES = st.sampled_from([("t1", "0.2"), ("t2", "0.2"), ("t3", "0.6")])
EVIDENCE = st.one_of(
    st.builds(
        seen,
        st.sampled_from(["open", "closed", "canceled", "expired", None]),
        st.one_of(st.none(), AMOUNTS),
        venue_id=st.sampled_from(["v1", None]),
    ),
    TRADES.map(lambda pair: told(*pair)),
    st.builds(answered, st.builds(order, st.sampled_from(["open", None]), AMOUNTS)),
    st.just(answered(verdict=RECONCILE, phase="maybe_sent")),
    st.just(answered(verdict=REJECTED)),
    st.just(r.CancelFailed("c1", "OrderNotFound")),
    st.just(r.Doubted("c1", "not among the open orders")),
    st.just(r.Frozen(2, "reconnect")),
    st.just(r.ExternalEntry(External("USDT", D("5"), "a deposit"))),
    st.just(r.Settled(2, 9_000)),
    st.just(r.Saved("grid", b"{}", 3)),
    st.just(r.StateSet(halted_for("first"))),
    st.just(r.StateLifted(ALPHA, "anna", 2)),
)


@given(st.lists(EVIDENCE, max_size=15))
def test_replaying_the_journals_bytes_gives_the_live_state(records):
    live, _ = ledger_of(*records)
    written = [r.encode(record) for record in [*started(), *records]]
    assert replay("alpha", map(r.decode, written)) == live


@given(st.lists(EVIDENCE, max_size=15))
def test_only_legal_moves_filled_only_grows_and_numbers_only_rise(records):
    _, facts = ledger_of(*records)
    updates = [fact for fact in facts if isinstance(fact, OrderUpdate)]
    for before, after in itertools.pairwise(updates):
        assert may_move(before.state, after.state), (before.state, after.state)
        assert after.filled >= before.filled
    numbers = [fact.sequence for fact in facts if not isinstance(fact, Anomaly)]
    assert numbers == sorted(set(numbers))


@given(st.permutations([seen("open", "0.2"), told("t1", "0.2"), told("t2", "0.8"), seen("closed", "1"), seen()]))
def test_the_order_in_which_evidence_comes_does_not_matter(records):
    ledger, _ = ledger_of(answered(order("open", "0")), *records)
    assert ledger.lines["c1"].state is OrderState.FILLED
    assert ledger.lines["c1"].filled == D("1")
    assert ledger.totals() == {"USDT": D("900"), "BTC": D("3.998")}


@given(st.lists(TRADES, max_size=12), st.booleans())
def test_a_trade_counts_once_however_often_and_wherever_it_is_told(trades, inferred):
    records = [seen("open", "1")]
    if inferred:
        records.append(r.Inferred("c1", trade("", "1")))
    ledger, _ = ledger_of(*records, *(told(*pair) for pair in trades))
    real = [fill for fill in ledger.fills.values() if not fill.synthetic]
    distinct = dict(trades)
    assert sorted(fill.trade_id for fill in real) == sorted(distinct)
    spent = sum((times(fill.price, fill.amount) for fill in ledger.fills.values()), D(0))
    assert ledger.totals()["USDT"] == D("1000") - spent
