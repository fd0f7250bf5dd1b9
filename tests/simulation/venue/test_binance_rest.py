"""Binance's REST rules request by request: signatures, times, parameters, and the exact codes of refusals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ganglion.simulation.venue import VenueProcess
from tests.simulation.venue.support import Raw

ORDER = "/api/v3/order"


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueProcess]:
    # one tick an hour: there is a book, and it stands still
    with VenueProcess(["--seed", "3", "--tick-ms", "3600000"]) as process:
        yield process


@pytest.fixture
def raw(venue: VenueProcess) -> Raw:
    return Raw(venue.base_url)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"symbol": "NOPE"}, 400, -1121),
        ({"symbol": None}, 400, -1102),
        ({"side": "HOLD"}, 400, -1117),
        ({"type": "STOP_LOSS"}, 400, -1116),
        ({"timeInForce": "GTX"}, 400, -1115),
        ({"timeInForce": None}, 400, -1102),
        ({"type": "LIMIT_MAKER"}, 400, -1106),
        ({"type": "MARKET", "timeInForce": None}, 400, -1106),
        ({"type": "MARKET", "timeInForce": None, "price": None, "quantity": None}, 400, -1102),
        ({"type": "MARKET", "timeInForce": None, "price": None, "quoteOrderQty": "100"}, 400, -1128),
        ({"quoteOrderQty": "100"}, 400, -1106),
        ({"price": None}, 400, -1102),
        ({"price": "1e5"}, 400, -1100),
        ({"price": "-5"}, 400, -1100),
        ({"quantity": "0.123456789"}, 400, -1111),
        ({"newClientOrderId": "x" * 37}, 400, -1100),
        ({"newClientOrderId": "with space"}, 400, -1100),
        ({"selfTradePreventionMode": "NONE"}, 400, -1013),
        ({"quantity": "0.000015"}, 400, -1013),
        ({"price": "50000.001"}, 400, -1013),
        ({"price": "400000"}, 400, -1013),
        ({"quantity": "0.00001"}, 400, -1013),
        ({"quantity": "1000"}, 400, -2010),
        ({"recvWindow": "60001"}, 400, -1131),
        ({"timestamp": ""}, 400, -1102),
    ],
)
def test_a_wrong_order_is_refused_with_the_venue_s_code(raw: Raw, changes: dict[str, Any], status: int, code: int):
    assert raw.error(*raw.order(**changes)) == (status, code)


def test_a_request_outside_its_time_window_is_refused(raw: Raw):
    assert raw.error(*raw.order(timestamp=now_ms() - 6_000)) == (400, -1021)
    assert raw.error(*raw.order(timestamp=now_ms() + 2_000)) == (400, -1021)
    assert raw.order(timestamp=now_ms() - 6_000, recvWindow=10_000)[0] == 200


def test_the_window_is_judged_by_the_venue_s_clock(raw: Raw, venue: VenueProcess):
    venue.control.clock(60_000)
    assert raw.error(*raw.order()) == (400, -1021)
    venue.control.clock(0)
    assert raw.order()[0] == 200


def test_keys_and_signatures_are_checked(raw: Raw, venue: VenueProcess):
    assert raw.error(*raw.order(signature="0" * 64)) == (400, -1022)
    assert raw.error(*raw.order(signature="")) == (400, -1102)
    assert raw.error(*Raw(venue.base_url, key="nobody").order()) == (401, -2015)
    assert raw.error(*raw.call("GET", "/api/v3/account", signed=False)) == (401, -2014)


def test_every_answer_says_how_much_weight_is_used(raw: Raw):
    first = int(raw.call("GET", "/api/v3/ping", signed=False)[2]["X-MBX-USED-WEIGHT-1M"])
    second = int(
        raw.call("GET", "/api/v3/depth", signed=False, symbol="BTCUSDT", limit=1000)[2]["X-MBX-USED-WEIGHT-1M"]
    )
    assert second in {first + 50, 50}


def test_an_answer_is_as_full_as_was_asked_for(raw: Raw):
    full, result, short = (raw.order(newOrderRespType=kind)[1] for kind in ("FULL", "RESULT", "ACK"))
    assert full["fills"] == []
    assert "fills" not in result
    assert set(short) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}


def test_an_order_without_client_id_gets_one(raw: Raw):
    answer = raw.order()[1]
    assert answer["clientOrderId"]
    found = raw.call("GET", ORDER, symbol="BTCUSDT", origClientOrderId=answer["clientOrderId"])[1]
    assert found["orderId"] == answer["orderId"]


def test_a_test_order_is_checked_and_not_placed(raw: Raw):
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "newClientOrderId": "tested"}
    assert raw.call("POST", "/api/v3/order/test", **params)[:2] == (200, {})
    assert raw.error(*raw.call("GET", ORDER, symbol="BTCUSDT", origClientOrderId="tested")) == (400, -2013)


def test_unknown_orders_are_unknown(raw: Raw):
    assert raw.error(*raw.call("GET", ORDER, symbol="BTCUSDT", orderId=999_999_999)) == (400, -2013)
    assert raw.error(*raw.call("DELETE", ORDER, symbol="BTCUSDT", orderId=999_999_999)) == (400, -2011)
    assert raw.error(*raw.call("DELETE", ORDER, symbol="BTCUSDT")) == (400, -1102)
    assert raw.error(*raw.call("DELETE", "/api/v3/openOrders", symbol="ETHUSDT")) == (400, -2011)


def test_an_order_id_and_a_client_id_that_do_not_belong_together_find_nothing(raw: Raw):
    order = raw.order()[1]
    answer = raw.call("DELETE", ORDER, symbol="BTCUSDT", orderId=order["orderId"], origClientOrderId="another")
    assert raw.error(*answer) == (400, -2011)


def test_a_cancel_and_replace_that_cannot_cancel_places_nothing(raw: Raw):
    params = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": 999_999_999, "newClientOrderId": "replaced"}
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.01", "price": "50000"}
    status, body, _ = raw.call("POST", "/api/v3/order/cancelReplace", **params, **order)
    assert (status, body["code"], body["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")
    assert raw.error(*raw.call("GET", ORDER, symbol="BTCUSDT", origClientOrderId="replaced")) == (400, -2013)


def test_lists_can_be_read_in_pages(raw: Raw):
    made = [raw.order(symbol="ETHUSDT", price="2000")[1]["orderId"] for _ in range(5)]
    page = raw.call("GET", "/api/v3/allOrders", symbol="ETHUSDT", orderId=made[1], limit=2)[1]
    assert [order["orderId"] for order in page] == made[1:3]
    for _ in range(3):
        raw.order(symbol="ETHUSDT", type="MARKET", timeInForce=None, price=None)
    trades = raw.call("GET", "/api/v3/myTrades", symbol="ETHUSDT")[1]
    rest = raw.call("GET", "/api/v3/myTrades", symbol="ETHUSDT", fromId=trades[1]["id"], limit=1)[1]
    assert rest == trades[1:2]
    day_ms = 86_400_000
    window = {"startTime": now_ms() - 2 * day_ms, "endTime": now_ms()}
    assert raw.error(*raw.call("GET", "/api/v3/myTrades", symbol="ETHUSDT", **window)) == (400, -1127)


def test_keys_may_never_withdraw(raw: Raw):
    answer = raw.call("GET", "/sapi/v1/account/apiRestrictions")[1]
    assert (answer["enableWithdrawals"], answer["enableSpotAndMarginTrading"]) == (False, True)


def test_wrong_public_requests_are_refused(raw: Raw):
    klines = "/api/v3/klines"
    assert raw.error(*raw.call("GET", klines, signed=False, symbol="BTCUSDT", interval="7m")) == (400, -1120)
    assert raw.error(*raw.call("GET", klines, signed=False, symbol="XX", interval="1m")) == (400, -1121)
    assert raw.error(*raw.call("GET", "/api/v3/depth", signed=False)) == (400, -1102)


def test_a_venue_that_enforces_its_limit_answers_429_with_the_time_to_wait():
    with VenueProcess(["--tick-ms", "0", "--enforce-weight"]) as process:
        raw = Raw(process.base_url)
        # two limits' worth, in case a minute begins meanwhile
        answers = [raw.call("GET", "/api/v3/depth", signed=False, symbol="BTCUSDT", limit=5000) for _ in range(50)]
        headers = next(headers for status, _, headers in answers if status == 429)
        assert 0 < int(headers["Retry-After"]) <= 60
        assert process.control.status()["weight_peak"] > 6_000
