"""A venue whose circuit breaker is open: places are denied with its reason, modes wait, cancels pass."""

from ganglion.messages.account import Resume, Suspend
from ganglion.messages.degraded import VenueBack, VenueDown
from ganglion.messages.lifecycle import Failure, VenuePaused
from ganglion.messages.orders import DenyReason, OrderState, PlaceAnswered, PlaceVerdict, SendOrder
from tests.actors.trading.model_venue import Fates
from tests.actors.trading.world import Account

DOWN = VenueDown("alpha", "5 failures in a row, the last: ExchangeNotAvailable: 503", 0.0)
BACK = VenueBack("alpha", "the venue answers again after 10.0 s", 10.0)


def last_word(account: Account) -> Suspend | Resume:
    """What the mode was told last."""
    return [m for m in account.modes["grid"].received if isinstance(m, Suspend | Resume)][-1]


def test_places_are_denied_with_its_reason_while_it_is_down_and_the_mode_waits():
    account = Account().run()
    account.orders.tell(DOWN)
    account.run(60)
    account.place()
    account.run(1)
    denial = account.denials()[-1]
    assert denial.deny_reason is DenyReason.PAUSED
    assert "alpha is down: 5 failures in a row" in denial.text
    assert "ExchangeNotAvailable" in denial.text
    told = last_word(account)
    assert isinstance(told, Suspend)
    assert "down" in told.reason
    assert not account.world.orders


def test_cancels_pass_while_it_is_down():
    account = Account().run()
    intent = account.place()
    account.run()
    account.orders.tell(DOWN)
    account.run(1)
    account.cancel(intent.intent_id)
    account.run()
    assert not account.world.open_orders()


def test_when_it_is_back_modes_resume_and_place():
    account = Account().run()
    account.orders.tell(DOWN)
    account.run(1)
    account.orders.tell(BACK)
    account.run(1)
    assert isinstance(last_word(account), Resume)
    account.place()
    account.run(1)
    assert len(account.world.orders) == 1


def test_a_pause_that_outlasts_the_outage_still_holds_and_ends_by_itself():
    account = Account().run()
    now_s = account.system.clock.monotonic_s()
    account.orders.tell(VenuePaused("alpha", now_s + 20, "429"))
    account.orders.tell(DOWN)
    account.run(5)
    account.orders.tell(BACK)
    account.run(1)
    assert isinstance(last_word(account), Suspend)
    account.run(16)
    assert isinstance(last_word(account), Resume)


def test_a_pause_that_ends_during_the_outage_resumes_nobody():
    account = Account().run()
    now_s = account.system.clock.monotonic_s()
    account.orders.tell(VenuePaused("alpha", now_s + 3, "429"))
    account.orders.tell(DOWN)
    account.run(10)
    assert isinstance(last_word(account), Suspend)


# ------------------------------------------------------------------ lacking funds beside an order in doubt


def refused_for_funds(account: Account) -> str:
    """Place once more, and let the venue refuse it for want of money; its intent id."""
    intent = account.place()
    account.run(0.1)
    client_id = account.sent.of(SendOrder)[-1].client_id
    refusal = Failure("InsufficientFunds", "balance", phase="after_reply", bases=("ExchangeError",))
    account.orders.tell(PlaceAnswered(client_id, 1, None, refusal, PlaceVerdict.REJECTED, 0))
    account.run(0.1)
    return intent.intent_id


def test_lacking_funds_beside_an_unknown_order_may_be_its_echo_and_is_looked_up():
    account = Account(Fates(lost_request=1.0)).run()
    doubtful = account.place()
    account.run(1)
    assert account.state(doubtful.intent_id) == OrderState.UNKNOWN
    account.fates.lost_request, account.fates.silence, account.fates.stream_loss = 0.0, 1.0, 1.0
    states = [update.state for update in account.updates(refused_for_funds(account))]
    assert OrderState.UNKNOWN in states
    assert OrderState.REJECTED not in states


def test_lacking_funds_is_a_plain_refusal_where_nothing_is_in_doubt():
    account = Account(Fates(silence=1.0)).run()
    assert account.state(refused_for_funds(account)) == OrderState.REJECTED
