"""What faults make of requests: the failure that the real adapter would tell, and what the venue did."""

from decimal import Decimal

import pytest

from ganglion.messages import venue as v
from ganglion.messages.orders import Phase
from ganglion.messages.values import OrderType
from ganglion.simulation.faults.fault import FaultKind as K
from ganglion.simulation.port import BINANCE, KRAKEN
from tests.simulation.port.bench import SYMBOL, Client

UNANSWERED = {"RequestTimeout", "ExchangeNotAvailable", "NetworkError"}


@pytest.fixture(params=[BINANCE, KRAKEN], ids=["binance", "kraken"])
def client(request):
    return Client(profile=request.param)


def open_orders(number):
    return v.FetchOpenOrders(number, SYMBOL)


def test_a_lost_place_is_maybe_sent_and_the_venue_never_saw_it(client):
    client.fault(K.REQUEST_LOST, requests="place")
    failure = client.failure(client.create())
    assert failure.error in UNANSWERED
    assert failure.phase == Phase.MAYBE_SENT
    assert client.open_at_venue == []
    assert client.struck == {"fault:request_lost": 1}


def test_a_lost_reply_to_a_place_looks_the_same_and_the_order_stands(client):
    client.fault(K.REPLY_LOST, requests="place")
    failure = client.failure(client.create())
    assert failure.error in UNANSWERED
    assert failure.phase == Phase.MAYBE_SENT
    assert client.open_at_venue == ["c1"]


@pytest.mark.parametrize("seed", range(6))
def test_a_reading_whose_connection_is_reset_is_asked_again_or_times_out(seed):
    client = Client(seed).fault(K.REQUEST_LOST, requests="query")
    reply = client.ask(v.FetchBalance)
    assert isinstance(reply, v.BalanceFetched) or reply.failure.error == "RequestTimeout"


def test_a_delayed_place_is_given_up_and_arrives_all_the_same():
    client = Client(profile=KRAKEN).fault(K.REQUEST_DELAYED, requests="place", delay_s=12.0)
    failure = client.failure(client.create(expires_ms=client.timeline.now_ms() + 60_000))
    assert (failure.error, failure.phase) == ("RequestTimeout", Phase.MAYBE_SENT)
    assert client.timeline.now_s == pytest.approx(10.0, abs=0.1)
    assert client.open_at_venue == []
    assert client.run(5.0).open_at_venue == ["c1"]


def test_a_place_delayed_beyond_its_expiry_is_refused_by_the_venue(client):
    client.fault(K.REQUEST_DELAYED, requests="place", delay_s=7.0)
    failure = client.failure(client.create())
    assert failure.phase == Phase.AFTER_REPLY
    assert client.run(20.0).open_at_venue == []


def test_a_delayed_reply_is_given_up_after_the_order_was_taken(client):
    client.fault(K.REPLY_DELAYED, requests="place", delay_s=12.0)
    number = client.submit(client.create())
    client.run(30.0)
    replies = client.answers(number)
    assert [reply.failure.error for reply in replies] == ["RequestTimeout"]
    assert client.open_at_venue == ["c1"]


def test_a_doubled_place_is_answered_for_the_second_and_the_first_stands():
    for profile, error in ((BINANCE, "DuplicateOrderId"), (KRAKEN, "InvalidNonce")):
        client = Client(profile=profile).fault(K.DUPLICATED, requests="place")
        assert client.failure(client.create()).error == error
        assert client.open_at_venue == ["c1"]


def test_a_doubled_place_that_was_filled_at_once_makes_no_second_order():
    for profile in (BINANCE, KRAKEN):
        client = Client(profile=profile).fault(K.DUPLICATED, requests="place")
        assert client.ask(client.create(type=OrderType.MARKET, price=None)).failure is None
        assert len(client.exchange.account.orders) == 1


def test_a_doubled_cancel_is_answered_order_not_found_although_it_was_done():
    client = Client()
    client.ask(client.create())
    client.fault(K.DUPLICATED, requests="cancel")
    assert client.failure(client.cancel()).error == "OrderNotFound"
    assert client.open_at_venue == []


def test_a_refusal_before_is_not_applied_and_one_after_is(client):
    client.fault(K.ERROR, requests="place", error="OnMaintenance")
    failure = client.failure(client.create("c1"))
    assert (failure.error, failure.bases[0], failure.phase) == (
        "OnMaintenance",
        "ExchangeNotAvailable",
        Phase.AFTER_REPLY,
    )
    assert client.open_at_venue == []
    client.fault(K.ERROR_AFTER, requests="place", error="RequestTimeout")
    assert client.failure(client.create("c2")).error == "RequestTimeout"
    assert client.open_at_venue == ["c2"]


def test_a_venue_that_refuses_rate_limits_at_its_gateway_does_not_say_so_of_an_order_that_it_took(client):
    client.fault(K.ERROR_AFTER, requests="place", error="RateLimitExceeded", times=2)
    assert client.ask(client.create("c1")).failure is None
    assert client.open_at_venue == ["c1"]
    assert not client.struck


@pytest.mark.parametrize("kind", [K.HTML, K.EMPTY_OBJECT, K.EMPTY_BODY])
def test_what_is_no_answer_is_a_bad_response_and_writes_are_applied_or_not(client, kind):
    client.fault(kind, times=21)
    assert client.failure(v.FetchBalance).error == "BadResponse"
    for number in range(20):
        failure = client.failure(client.create(f"c{number}", amount=Decimal("0.001")))
        assert (failure.error, failure.phase) == ("BadResponse", Phase.AFTER_REPLY)
    assert 0 < len(client.open_at_venue) < 20


def test_a_ban_refuses_everything_until_it_is_over(client):
    client.fault(K.BAN, seconds=8.0)
    client.run(1.0)
    failure = client.failure(v.FetchBalance)
    assert failure.error == "DDoSProtection"
    if client.exchange.profile is BINANCE:
        assert failure.retry_after_s == pytest.approx(7.0, abs=1.0)
        assert " 418 " in failure.text
    client.run(8.0)
    assert client.ask(v.FetchBalance).balances


def test_a_venue_that_cannot_be_reached_ends_streams_and_refuses_before_the_send(client):
    client.watch(v.StreamKind.BOOK, v.StreamKind.ORDERS).fault(K.REFUSED, seconds=5.0)
    failure = client.failure(client.create())
    assert (failure.error, failure.phase) == ("ExchangeNotAvailable", Phase.BEFORE_SEND)
    assert len(client.run(0.1).of(v.StreamDown)) == 2
    client.watch(v.StreamKind.ORDERS)
    assert client.of(v.StreamDown)[-1].failure.text == "Cannot connect to host"
    client.run(5.0).heard.clear()
    client.watch(v.StreamKind.ORDERS)
    assert client.of(v.StreamUp)


def test_an_invisible_order_is_not_shown_so_often(client):
    client.ask(client.create())
    client.fault(K.ORDER_INVISIBLE, times=2)
    assert client.ask(open_orders).orders == ()
    assert client.ask(lambda n: v.FetchRecentOrders(n, SYMBOL, 0)).orders == ()
    assert len(client.ask(open_orders).orders) == 1
    assert client.struck["fault:order_invisible"] == 2


def test_half_of_the_orders_that_are_not_shown_are_not_told_of_at_all_and_turn_up_later(client):
    client.watch(v.StreamKind.ORDERS)
    for number in range(8):
        client.fault(K.ORDER_INVISIBLE, times=1)
        reply = client.ask(client.create(f"c{number}"))
        client.run(1.0)
        heard = [order.client_id for message in client.of(v.OrdersStreamed) for order in message.orders]
        assert (reply.failure is None) == (f"c{number}" in heard)
        if reply.failure is not None:
            assert (reply.failure.error, reply.failure.phase) == ("RequestTimeout", Phase.AFTER_REPLY)
            assert f"c{number}" not in [order.client_id for order in client.ask(open_orders).orders]
            assert f"c{number}" in [order.client_id for order in client.ask(open_orders).orders]
            return
        client.exchange.heal()
    pytest.fail("none of eight orders was kept back")


def test_an_empty_account_is_told_in_the_right_form(client):
    client.ask(client.create())
    client.fault(K.EMPTY_ACCOUNT, requests="query", times=2)
    assert client.ask(v.FetchBalance).balances == ()
    assert client.ask(open_orders).orders == ()
    assert client.ask(v.FetchBalance).balances


def test_a_stale_reading_shows_things_as_they_were(client):
    client.run(5.0)
    before = client.ask(v.FetchBalance).balances
    client.run(5.0)
    client.ask(client.create("c1"))
    client.ask(client.create("c2", type=OrderType.MARKET, price=None))
    client.fault(K.STALE_READING, requests="query", times=3, delay_s=3.0)
    assert client.ask(v.FetchBalance).balances == before
    assert client.ask(open_orders).orders == ()
    assert client.ask(lambda n: v.FetchMyTrades(n, SYMBOL, 0)).trades == ()
    assert len(client.ask(open_orders).orders) == 1


def test_a_cancel_loses_the_race_against_a_fill(client):
    client.watch(v.StreamKind.MY_TRADES)
    client.ask(client.create())
    client.fault(K.CANCEL_FILL_RACE)
    assert client.failure(client.cancel()).error == "OrderNotFound"
    client.run(1.0)
    assert sum(m.trades[0].amount for m in client.of(v.TradesStreamed)) == Decimal("0.01")
    client.exchange.core.engine.audit()


def test_a_clock_that_is_wrong_refuses_signed_requests_until_it_is_read():
    client = Client().fault(K.VENUE_CLOCK, delay_s=20.0, seconds=300.0)
    assert client.failure(v.FetchBalance).error == "InvalidNonce"
    client.ask(lambda number: v.FetchTime(number, resync=True))
    assert client.ask(v.FetchBalance).balances
    client.run(300.0)
    assert client.failure(v.FetchBalance).error == "InvalidNonce"
    client.ask(lambda number: v.FetchTime(number, resync=True))
    assert client.ask(v.FetchBalance).balances


def test_a_fault_ends_with_its_seconds_and_at_once_when_healed(client):
    client.fault(K.ERROR, error="ExchangeError", seconds=5.0)
    assert client.failure(v.FetchBalance).error == "ExchangeError"
    client.run(5.0)
    assert client.ask(v.FetchBalance).balances
    client.fault(K.ERROR, error="ExchangeError", seconds=500.0)
    client.exchange.heal()
    assert client.ask(v.FetchBalance).balances
    assert not client.exchange.faults.on


def test_only_the_requests_that_it_names_are_struck(client):
    client.fault(K.ERROR, error="ExchangeError", requests="cancel", seconds=50.0)
    assert client.ask(v.FetchBalance).balances
    assert client.ask(client.create()).failure is None
    assert client.failure(client.cancel()).error == "ExchangeError"
