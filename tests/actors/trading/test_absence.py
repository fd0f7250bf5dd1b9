"""When finding nothing proves something."""

from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.absence import Finding, Watch
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.orders.settings import OrdersSettings
from ganglion.messages.lifecycle import Failure
from ganglion.messages.orders import LookUpDone, PlaceVerdict
from tests.actors.trading.evidence import answered, order, started

SETTINGS = OrdersSettings(evidence_grace_s=6.0, vote_spacing_s=2.0, votes=3)
SENT_MS = 5_000


def unknown_line(*more):
    ledger = Ledger("alpha")
    maybe_sent = answered(verdict=PlaceVerdict.RECONCILE, phase="maybe_sent")
    for record in [*started(), maybe_sent, *more]:
        ledger.apply(record)
    return ledger.lines["c1"]


def nothing(venue_ms, *, counts=True, failure=None):
    return LookUpDone("c1", None, (), counts, venue_ms, failure)


def judged(watch, line, *dones, under_way=False):
    return [watch.judge(line, done, SETTINGS, may_be_under_way=under_way) for done in dones]


def test_three_spaced_votes_past_the_grace_prove_absence():
    times = [SENT_MS + 6_000, SENT_MS + 8_000, SENT_MS + 10_000]
    found = judged(Watch(), unknown_line(), *map(nothing, times))
    assert found == [Finding.AGAIN, Finding.AGAIN, Finding.ABSENT]


def test_votes_closer_than_the_spacing_are_one_vote():
    times = [SENT_MS + 6_000, SENT_MS + 6_001, SENT_MS + 6_002, SENT_MS + 6_003]
    watch = Watch()
    assert judged(watch, unknown_line(), *map(nothing, times)) == [Finding.AGAIN] * 4
    assert watch.votes == 1


def test_a_vote_before_the_grace_is_none():
    watch = Watch()
    judged(watch, unknown_line(), nothing(SENT_MS + 5_999))
    assert watch.votes == 0


def test_where_the_send_time_is_not_known_the_grace_counts_from_the_first_look_up():
    ledger = Ledger("alpha")
    for record in [*started(), r.Frozen(2, "a restart")]:
        ledger.apply(record)
    watch = Watch()
    times = [100_000, 105_000, 106_000, 108_000]
    judged(watch, ledger.lines["c1"], *map(nothing, times))
    assert watch.votes == 2


def test_a_look_up_that_does_not_count_and_one_that_failed_are_no_votes():
    watch = Watch()
    late = SENT_MS + 60_000
    failure = Failure("RequestTimeout", "no answer")
    found = judged(watch, unknown_line(), nothing(late, counts=False), nothing(late, failure=failure))
    assert found == [Finding.AGAIN, Finding.FAILED]
    assert watch.votes == 0


def test_failures_in_a_row_are_asked_again_at_growing_distances_up_to_the_cap():
    watch = Watch()
    failure = Failure("RequestTimeout", "no answer")
    delays = []
    for _ in range(6):
        judged(watch, unknown_line(), nothing(0, failure=failure))
        delays.append(watch.delay_s(SETTINGS))
    assert delays == [4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_absence_of_an_order_whose_request_may_still_be_under_way_asks_for_an_epoch_first():
    times = [SENT_MS + 6_000, SENT_MS + 8_000, SENT_MS + 10_000]
    found = judged(Watch(), unknown_line(), *map(nothing, times), under_way=True)
    assert found[-1] is Finding.UNANSWERED


def test_absence_of_an_order_that_the_venue_had_is_gone_and_never_not_placed():
    line = unknown_line(r.OrderEvidence("c1", order()), r.Doubted("c1", "not among the open orders"))
    times = [SENT_MS + 6_000, SENT_MS + 8_000, SENT_MS + 10_000]
    assert judged(Watch(), line, *map(nothing, times))[-1] is Finding.GONE


def test_missing_trades_are_inferred_only_after_several_whole_look_ups():
    line = unknown_line(r.OrderEvidence("c1", order("open", "0.4")))
    done = LookUpDone("c1", order("open", "0.4"), (), counts=True, venue_ms=SENT_MS)
    assert judged(Watch(), line, done, done, done) == [Finding.AGAIN, Finding.AGAIN, Finding.INFER]


def test_a_found_order_that_answers_the_question_ends_the_look_ups():
    line = unknown_line(r.OrderEvidence("c1", order()))
    done = LookUpDone("c1", order(), (), counts=True, venue_ms=SENT_MS)
    assert judged(Watch(), line, done) == [Finding.ANSWERED]
