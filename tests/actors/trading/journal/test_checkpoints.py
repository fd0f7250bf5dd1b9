"""A checkpoint is the ledger: what is restored equals what was written, whichever record it was taken behind."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganglion.actors.trading.money import total
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.checkpoint import (
    VERSION,
    CheckpointError,
    decode_ledger,
    encode_ledger,
    restore,
    unlike,
)
from ganglion.actors.trading.orders.ledger import Ledger, LedgerError, replay
from ganglion.messages.account import External
from ganglion.messages.orders import Balance, DenyReason, PlaceVerdict, Side, VenueOrder
from tests.actors.trading.evidence import OPENED, SYMBOL, D, answered, intent, order, trade
from tests.actors.trading.halts import ALPHA, halted_for

IDS = ("c1", "c2", "c3")
VENUE_IDS = ("v1", "v2", "v3", None)
AMOUNTS = ("0", "0.2", "0.4", "1")


@st.composite
def records(draw):
    """Any record about one of three intents; those that no ledger would have written are left out later."""
    client_id = draw(st.sampled_from(IDS))
    number = IDS.index(client_id) + 1
    venue_id = draw(st.sampled_from([f"v{number}", None]))
    amount = draw(st.sampled_from(AMOUNTS))
    trade_id = f"t{draw(st.integers(1, 6))}"
    told = trade(trade_id, draw(st.sampled_from(["0.2", "0.6"])), draw(st.sampled_from(VENUE_IDS)))
    found = VenueOrder(
        SYMBOL,
        venue_id,
        client_id,
        draw(st.sampled_from(["open", "closed", "canceled", "expired", "rejected", None])),
        side=draw(st.sampled_from([None, *Side])),
        filled=None if amount == "0" else D(amount),
        cost=D("33.333") if amount == "1" else None,
    )
    return draw(
        st.sampled_from(
            [
                r.Opened((Balance("USDT", D("1000.10"), D(0)),), 1_000, ((SYMBOL, "t6"),)),
                r.Intended(intent(f"i{number}"), number, client_id),
                r.Sent(client_id, 1),
                r.Tombstoned(client_id, DenyReason.EXPIRED, "late"),
                r.Withdrawn(client_id, "canceled before it was sent"),
                answered(order(venue_id=venue_id), client_id=client_id),
                answered(verdict=PlaceVerdict.RECONCILE, phase="maybe_sent", client_id=client_id),
                answered(verdict=PlaceVerdict.REJECTED, client_id=client_id),
                r.OrderEvidence(client_id, found),
                r.TradeEvidence(told),
                r.AdoptedTrade(SYMBOL, trade_id),
                r.Inferred(client_id, trade("", "0.2")),
                r.CancelAsked(client_id, draw(st.booleans()), "a test"),
                r.CancelFailed(client_id, "OrderNotFound"),
                r.Doubted(client_id, "not among the open orders"),
                r.Frozen(2, "reconnect"),
                r.NotPlaced(client_id, "absent"),
                r.Gone(client_id, "gone"),
                r.Concluded(client_id),
                r.ExternalEntry(External("USDT", D("-0.00000001"), "a withdrawal")),
                r.Settled(2, 9_000),
                r.Saved("grid", b'{"levels": [1]}', 3),
                r.StateSet(halted_for("first")),
                r.StateLifted(ALPHA, "anna", 2),
            ]
        )
    )


@st.composite
def histories(draw):
    """Records as some ledger could have written them, in order."""
    ledger = Ledger("alpha")
    kept = []
    for record in [OPENED, *draw(st.lists(records(), max_size=30))]:
        try:
            ledger.apply(record)
        except LedgerError:
            continue
        kept.append(record)
    return kept


UNHURRIED = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
"""Histories are long; on a busy machine that is no sign of anything."""


def same(left, right):
    """Equal, and in the same order in every dict: the order of lines and fills means something."""
    return left == right and encode_ledger(left) == encode_ledger(right)


@UNHURRIED
@given(histories())
def test_a_ledger_comes_back_as_it_was_written(history):
    ledger = replay("alpha", history)
    assert same(decode_ledger("alpha", encode_ledger(ledger)), ledger)


@UNHURRIED
@given(histories())
def test_a_checkpoint_behind_any_record_and_the_records_after_it_give_the_same_ledger(history):
    whole = replay("alpha", history)
    for place in range(len(history) + 1):
        state = encode_ledger(replay("alpha", history[:place]))
        restored, trouble = restore("alpha", state, map(r.encode, history[place:]))
        assert not trouble
        assert same(restored, whole)


@UNHURRIED
@given(histories())
def test_a_restored_ledger_says_the_same_of_what_comes_next(history):
    live = replay("alpha", history)
    restored = decode_ledger("alpha", encode_ledger(live))
    for record in (r.Frozen(9, "restart"), r.TradeEvidence(trade("t9", "0.2")), r.Settled(9, 10)):
        assert restored.apply(record) == live.apply(record)
    assert restored.totals() == live.totals()
    assert restored.differences(()) == live.differences(())


@UNHURRIED
@given(histories())
def test_what_a_line_is_filled_by_is_the_sum_of_its_fills_to_the_last_digit(history):
    live = Ledger("alpha")
    for record in history:
        live.apply(record)
        for line in live.lines.values():
            assert str(line.filled) == str(total(fill.amount for fill in line.fills.values()))
    restored = decode_ledger("alpha", encode_ledger(live))
    assert [str(line.filled) for line in restored.lines.values()] == [str(line.filled) for line in live.lines.values()]


@UNHURRIED
@given(histories())
def test_no_trade_of_a_known_order_waits_to_be_claimed(history):
    ledger = replay("alpha", history)
    for waiting in (ledger.unmatched, ledger.external_trades):
        assert not [trade for trade in waiting.values() if (trade.symbol, trade.venue_order_id) in ledger.by_venue]


def test_a_checkpoint_of_another_account_is_refused():
    with pytest.raises(CheckpointError, match="of 'beta' stands among the records of 'alpha'"):
        decode_ledger("alpha", encode_ledger(Ledger("beta")))


def test_a_checkpoint_of_another_version_is_refused_by_its_number():
    data = msgspec.msgpack.encode([VERSION + 1, {"all": "different"}])
    with pytest.raises(CheckpointError, match=f"version {VERSION + 1}"):
        decode_ledger("alpha", data)


def test_bytes_that_are_no_checkpoint_are_refused():
    with pytest.raises(CheckpointError, match="do not trade on it"):
        decode_ledger("alpha", b"\x92\x01\xc0")


def test_what_can_not_be_understood_leaves_the_ledger_of_what_came_before_and_says_why():
    written = [r.encode(OPENED), r.encode(r.Sent("c9", 1)), r.encode(r.Settled(3, 4_000))]
    ledger, trouble = restore("alpha", b"", written)
    assert "c9" in trouble
    assert ledger == replay("alpha", [OPENED])


@given(histories())
def test_a_ledger_is_like_itself_and_unlike_one_that_heard_more(history):
    live = replay("alpha", history)
    assert unlike(live, replay("alpha", history)) == ()
    more = replay("alpha", [*history, r.Saved("maker", b"{}", 99)])
    assert unlike(live, more) == ("saved",)


# ------------------------------------------------------------------ forgetting

LONG_AGO, NOW = 5_000, 10**9


def ended(*more, filled="1"):
    """A ledger whose first order ended long ago, with a second that is open."""
    return [
        OPENED,
        r.Settled(1, LONG_AGO),
        r.Intended(intent("i1"), 1, "c1"),
        r.Sent("c1", 1),
        answered(order(), client_id="c1"),
        *([r.TradeEvidence(trade("t1", filled))] if filled != "0" else []),
        r.OrderEvidence("c1", order("canceled", filled)),
        r.Intended(intent("i2"), 2, "c2"),
        r.Sent("c2", 1),
        answered(order(client_id="c2", venue_id="v2"), client_id="c2"),
        r.Settled(2, NOW),
        *more,
    ]


FORGET = r.Forgotten(NOW - 1)


@given(histories(), st.integers(1, 2 * LONG_AGO))
def test_forgetting_changes_no_money_no_fill_no_open_order_and_no_number(history, before_ms):
    kept = replay("alpha", history)
    forgot = replay("alpha", [*history, r.Forgotten(before_ms)])
    assert forgot.totals() == kept.totals()
    assert forgot.fills == kept.fills
    assert forgot.externals == kept.externals
    assert forgot.next_number() == kept.next_number()
    assert forgot.unsettled_lines() == kept.unsettled_lines()
    assert all(line.state.terminal for name, line in kept.lines.items() if name not in forgot.lines)


@pytest.mark.parametrize("filled", ["0", "0.4", "1"])
def test_an_order_that_ended_long_ago_is_forgotten_and_an_open_one_is_not(filled):
    ledger = replay("alpha", ended(FORGET, filled=filled))
    assert list(ledger.lines) == ["c2"]
    assert list(ledger.by_intent) == ["i2"]
    assert ledger.next_number() == 3


def test_an_order_that_ended_lately_is_kept():
    assert list(replay("alpha", ended(r.Forgotten(LONG_AGO))).lines) == ["c1", "c2"]


def test_the_same_trade_of_a_forgotten_order_is_known_again():
    ledger = replay("alpha", ended(FORGET))
    before = ledger.totals()
    for _ in range(2):
        assert ledger.apply(r.TradeEvidence(trade("t1", "1"))) == ()
    assert ledger.totals() == before
    assert not ledger.unmatched


def test_an_order_whose_fills_are_not_all_known_is_never_forgotten():
    history = [*ended(filled="0"), r.OrderEvidence("c1", order("canceled", "0.4")), r.Settled(3, NOW), FORGET]
    assert "c1" in replay("alpha", history).lines


def test_an_order_that_only_votes_of_absence_ended_is_never_forgotten():
    history = [
        OPENED,
        r.Settled(1, LONG_AGO),
        r.Intended(intent("i1"), 1, "c1"),
        r.Sent("c1", 1),
        answered(verdict=PlaceVerdict.RECONCILE, phase="maybe_sent"),
        r.NotPlaced("c1", "absent"),
        r.Settled(2, NOW),
        FORGET,
    ]
    assert "c1" in replay("alpha", history).lines


def test_an_order_that_came_back_to_life_is_not_forgotten():
    history = [
        *ended(filled="0")[:-1],
        r.Gone("c2", "gone"),
        r.OrderEvidence("c2", order("open", "0", "c2", "v2")),
        r.Settled(2, NOW),
        FORGET,
    ]
    assert list(replay("alpha", history).lines) == ["c2"]


def test_a_new_venue_leaves_nothing_of_the_account_but_its_numbers_and_its_halts():
    ledger = replay("alpha", [*ended(r.StateSet(halted_for("by hand"))), r.VenueRenewed("a test")])
    sequence = replay("alpha", ended()).sequence
    assert ledger.opening is None
    assert not ledger.lines
    assert not ledger.fills
    assert not ledger.totals()
    assert ledger.next_number() == 3
    assert ledger.sequence == sequence
    assert ledger.states.entries == [halted_for("by hand")]
