"""Orders of which nobody knows whether the venue has them: held, looked up, never sent a second time."""

from ganglion.actors.trading.orders import OrdersSettings
from ganglion.messages.lifecycle import Failure
from ganglion.messages.orders import (
    OrderState,
    OrderUpdate,
    PlaceAnswered,
    PlaceVerdict,
    SendOrder,
)
from tests.actors.trading.model_venue import D, Fates
from tests.actors.trading.world import Account


def test_a_reply_lost_after_the_venue_applied_the_order_ends_as_exactly_one_known_order():
    account = Account(Fates(lost_reply=1.0, stream_loss=1.0)).run()
    intent = account.place()
    account.run(4)
    assert account.state(intent.intent_id) == OrderState.ACCEPTED
    assert len(account.world.orders) == 1
    assert len(account.sent.of(SendOrder)) == 1


def test_the_reservation_is_held_while_an_order_is_unknown():
    account = Account(Fates(lost_request=1.0)).run()
    intent = account.place()
    account.run(1)
    assert account.state(intent.intent_id) == OrderState.UNKNOWN
    assert account.asset("USDT").reserved == D("100")


def test_an_order_that_never_arrived_is_rejected_as_not_placed_after_three_spaced_votes():
    settings = OrdersSettings(evidence_grace_s=6.0, audit_s=0)
    account = Account(Fates(lost_request=1.0), settings=settings).run()
    intent = account.place()
    account.run(6)
    assert account.state(intent.intent_id) == OrderState.UNKNOWN
    account.run(10)
    update = account.updates(intent.intent_id)[-1]
    assert update.state is OrderState.REJECTED
    assert "not placed" in update.reason
    assert account.asset("USDT").reserved == 0
    assert len(account.sent.of(SendOrder)) == 1


def test_no_vote_counts_before_the_venues_clock_has_passed_the_requests_expiry():
    settings = OrdersSettings(evidence_grace_s=60.0, audit_s=0)
    account = Account(Fates(lost_request=1.0), settings=settings).run()
    intent = account.place()
    account.run(55)
    assert account.state(intent.intent_id) == OrderState.UNKNOWN
    account.run(20)
    assert account.state(intent.intent_id) == OrderState.REJECTED


def test_look_ups_that_do_not_count_never_prove_absence():
    account = Account(Fates(lost_request=1.0, no_vote=1.0)).run()
    intent = account.place()
    account.run(300)
    assert account.state(intent.intent_id) == OrderState.UNKNOWN
    assert account.asset("USDT").reserved == D("100")


def test_failed_look_ups_never_prove_absence():
    settings = OrdersSettings(evidence_grace_s=6.0, audit_s=0)
    account = Account(Fates(lost_request=1.0), settings=settings).run()
    intent = account.place()
    account.run(0.5)
    account.fates.bad_read = 1.0
    account.run(300)
    assert account.state(intent.intent_id) == OrderState.UNKNOWN


def test_an_order_that_arrives_after_it_was_taken_for_not_placed_is_cancelled():
    account = Account(Fates(late_arrival=1.0, late_s=25.0)).run()
    intent = account.place()
    account.run(20)
    assert account.state(intent.intent_id) == OrderState.REJECTED
    account.run(20)
    assert account.state(intent.intent_id) == OrderState.CANCELED
    assert not account.world.open_orders()
    assert account.asset("USDT").reserved == 0
    assert not account.violations()


def test_a_late_arrival_that_no_stream_tells_of_is_found_by_watching_its_id():
    settings = OrdersSettings(evidence_grace_s=6.0, audit_s=0)
    account = Account(Fates(late_arrival=1.0, late_s=25.0, stream_loss=1.0), settings=settings).run()
    intent = account.place()
    account.run(20)
    assert account.state(intent.intent_id) == OrderState.REJECTED
    account.run(60)
    assert account.state(intent.intent_id) == OrderState.CANCELED
    assert not account.world.open_orders()


def test_an_id_that_was_watched_is_watched_on_after_a_restart():
    settings = OrdersSettings(evidence_grace_s=6.0, audit_s=0)
    account = Account(Fates(late_arrival=1.0, late_s=30.0, stream_loss=1.0), settings=settings).run()
    intent = account.place()
    account.run(20)
    assert account.state(intent.intent_id) == OrderState.REJECTED
    account.system.fail("/bot/account/orders")
    account.run(60)
    assert account.state(intent.intent_id) == OrderState.CANCELED
    assert not account.world.open_orders()


def test_a_late_arrival_that_filled_at_once_is_counted():
    account = Account(Fates(late_arrival=1.0, late_s=25.0)).run()
    intent = account.place()
    account.run(24.9)
    account.fates.lost_request = 1.0
    account.run(1)
    account.world.fill(account.world.open_orders()[0], D("1"))
    account.run(30)
    assert account.state(intent.intent_id) == OrderState.FILLED
    assert account.asset("BTC").total == account.world.balances["BTC"]
    assert not account.violations()


def test_a_silent_exchange_is_overtaken_by_an_epoch_before_absence_counts():
    account = Account(Fates(silence=1.0)).run()
    account.fates.chance.seed(3)
    before = account.epoch()
    intent = account.place()
    account.run(0.1)
    lost = not account.world.orders
    account.fates.heal()
    account.run(120)
    if lost:
        assert account.state(intent.intent_id) == OrderState.REJECTED
        assert account.epoch() > before
    else:
        assert account.state(intent.intent_id) == OrderState.ACCEPTED


def test_an_answer_that_comes_after_a_new_epoch_is_evidence_all_the_same():
    account = Account(Fates(lost_request=1.0)).run()
    intent = account.place()
    account.run(0.5)
    client_id = account.sent.of(SendOrder)[-1].client_id
    account.reconnect()
    account.run(1)
    assert account.state(intent.intent_id) == OrderState.UNKNOWN
    refusal = Failure("InvalidOrder", "too small", phase="after_reply")
    account.orders.tell(PlaceAnswered(client_id, 1, None, refusal, PlaceVerdict.REJECTED, 0))
    account.run(1)
    assert account.state(intent.intent_id) == OrderState.REJECTED


def test_a_refusal_while_maybe_sent_proves_nothing():
    account = Account(Fates(silence=1.0)).run()
    intent = account.place()
    account.run(0.1)
    client_id = account.sent.of(SendOrder)[-1].client_id
    doubtful = Failure("InvalidOrder", "or so it says", phase="maybe_sent")
    account.orders.tell(PlaceAnswered(client_id, 1, None, doubtful, PlaceVerdict.REJECTED, 0))
    account.run(0.1)
    states = [update.state for update in account.updates(intent.intent_id)]
    assert OrderState.REJECTED not in states


def test_a_mode_is_told_when_its_order_becomes_unknown_and_when_it_is_known_again():
    account = Account(Fates(lost_reply=1.0, stream_loss=1.0)).run()
    account.place()
    account.run(5)
    states = [update.state for update in account.modes["grid"].of(OrderUpdate)]
    assert states == [OrderState.SUBMITTED, OrderState.UNKNOWN, OrderState.ACCEPTED]
