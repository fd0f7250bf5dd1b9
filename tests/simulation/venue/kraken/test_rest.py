"""Kraken's REST rules, one sentence each: who may ask, which orders it takes, and in which words it refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ganglion.simulation.venue import VenueProcess
from ganglion.simulation.venue.dialects.kraken import limits
from tests.simulation.venue.kraken.support import FAR, Raw

# --- who may ask


def test_a_request_with_the_right_signature_is_answered(raw: Raw):
    answer = raw.private("Balance")
    assert answer["error"] == []
    assert set(answer["result"]) == {"XXBT", "XETH", "USDT"}


def test_an_unknown_key_is_refused(venue: VenueProcess):
    assert Raw(venue.base_url, "nobody").private("Balance") == {"error": ["EAPI:Invalid key"]}


@pytest.mark.parametrize("signature", ["", "bm90IGl0"])
def test_a_wrong_signature_is_refused(raw: Raw, signature: str):
    assert raw.private("Balance", signature=signature) == {"error": ["EAPI:Invalid signature"]}


def test_a_nonce_that_does_not_rise_is_refused(raw: Raw):
    nonce = next(raw.numbers)
    assert raw.private("Balance", nonce=str(nonce))["error"] == []
    assert raw.private("Balance", nonce=str(nonce)) == {"error": ["EAPI:Invalid nonce"]}
    assert raw.private("Balance", nonce=str(nonce - 1)) == {"error": ["EAPI:Invalid nonce"]}


def test_a_request_that_is_delayed_behind_a_later_one_is_refused_and_never_applied(venue: VenueProcess, raw: Raw):
    older = str(next(raw.numbers))
    raw.private("Balance")
    assert raw.order(nonce=older, cl_ord_id="overtaken") == {"error": ["EAPI:Invalid nonce"]}
    assert raw.private("OpenOrders", cl_ord_id="overtaken")["result"]["open"] == {}


def test_an_unknown_method_is_refused(raw: Raw):
    assert raw.public("Nothing") == {"error": ["EGeneral:Unknown method"]}
    assert raw.private("Nothing") == {"error": ["EGeneral:Unknown method"]}


def test_the_key_may_trade_and_not_withdraw(raw: Raw):
    permissions = raw.private("GetApiKeyInfo")["result"]["permissions"]
    assert "modify-trades" in permissions
    assert not any("withdraw" in permission for permission in permissions)


# --- orders


def test_an_order_is_shown_with_its_client_id_its_userref_and_a_sentence(raw: Raw):
    shown = raw.shown(raw.placed(cl_ord_id="shown1", userref="77", oflags="post"))
    assert (shown["cl_ord_id"], shown["userref"], shown["status"]) == ("shown1", 77, "open")
    assert shown["descr"]["order"] == "buy 0.01000000 XBTUSDT @ limit 40000.00"
    assert set(shown["oflags"].split(",")) == {"fciq", "post"}


def test_an_order_without_a_client_id_has_none(raw: Raw):
    assert "cl_ord_id" not in raw.shown(raw.placed())


def test_a_client_id_is_unique_among_open_orders_only(raw: Raw):
    txid = raw.placed(cl_ord_id="twice")
    assert raw.order(cl_ord_id="twice") == {"error": ["EGeneral:Invalid arguments:cl_ord_id not unique"]}
    raw.private("CancelOrder", txid=txid)
    again = raw.placed(cl_ord_id="twice")
    assert again != txid
    raw.private("CancelOrder", cl_ord_id="twice")


@pytest.mark.parametrize("client_id", ["Upper", "x" * 19, "with space", "6d1b345e-2821-40e2-ad83"])
def test_a_client_id_is_short_lower_case_text_or_a_uuid(raw: Raw, client_id: str):
    assert raw.order(cl_ord_id=client_id) == {"error": ["EGeneral:Invalid arguments:cl_ord_id"]}


def test_a_uuid_is_a_client_id_too(raw: Raw):
    uuid = "6d1b345e-2821-40e2-ad83-4ecb18a06876"
    raw.placed(cl_ord_id=uuid)
    assert raw.private("CancelOrder", cl_ord_id=uuid)["result"] == {"count": 1}


def test_a_userref_names_all_orders_that_carry_it(raw: Raw):
    for _ in range(3):
        raw.placed(userref="4711")
    assert len(raw.private("OpenOrders", userref="4711")["result"]["open"]) == 3
    assert raw.private("CancelOrder", txid="4711")["result"] == {"count": 3}
    assert raw.private("CancelOrder", txid="4711") == {"error": ["EOrder:Unknown order"]}


def test_with_validate_an_order_is_checked_and_not_placed(raw: Raw):
    answer = raw.order(validate="true", cl_ord_id="onlylooked")
    assert answer["result"] == {"descr": {"order": "buy 0.01000000 XBTUSDT @ limit 40000.00"}}
    assert raw.private("OpenOrders", cl_ord_id="onlylooked")["result"]["open"] == {}
    assert raw.order(validate="true", volume="x")["error"] == ["EGeneral:Invalid arguments:volume"]


def deadline(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def test_an_order_past_its_deadline_is_refused(raw: Raw):
    assert raw.order(deadline=deadline(-0.5)) == {"error": ["EService:Deadline elapsed"]}
    txid = raw.placed(deadline=deadline(5))
    raw.private("CancelOrder", txid=txid)


@pytest.mark.parametrize("make", [lambda: "soon", lambda: "2026-01-01", lambda: deadline(3600)])
def test_a_deadline_is_a_time_at_most_a_minute_away(raw: Raw, make: Callable[[], str]):
    text = make()
    assert raw.order(deadline=text) == {"error": ["EGeneral:Invalid arguments:deadline"]}


@pytest.mark.parametrize(
    ("refusal", "params"),
    [
        ("EOrder:Insufficient funds", {"volume": "100", "price": "50000"}),
        ("EOrder:Order minimum not met", {"volume": "0.000001"}),
        ("EOrder:Cost minimum not met", {"volume": "0.0001"}),
        ("EOrder:Post only order", {"price": "90000", "oflags": "post"}),
        ("EOrder:Invalid price:XBTUSDT price can only be specified up to 2 decimals.", {"price": "40000.001"}),
        ("EOrder:Invalid price", {"price": "1", "volume": "10"}),
        ("EQuery:Unknown asset pair", {"pair": "XBTEUR"}),
        ("EGeneral:Invalid arguments:type", {"type": "hold"}),
        ("EGeneral:Invalid arguments:ordertype", {"ordertype": "stop-loss"}),
        ("EGeneral:Invalid arguments:price", {"price": None}),
        ("EGeneral:Invalid arguments:volume", {"volume": "0"}),
        ("EGeneral:Invalid arguments:oflags", {"oflags": "fcib,fciq"}),
        ("EGeneral:Invalid arguments:timeinforce", {"timeinforce": "DAY"}),
        ("EGeneral:Invalid arguments:userref", {"userref": "123456789012"}),
        ("EGeneral:Invalid arguments:expiretm", {"timeinforce": "GTD", "expiretm": "1000"}),
    ],
)
def test_a_refusal_has_krakens_own_words(raw: Raw, refusal: str, params: dict[str, str | None]):
    assert raw.order(**params) == {"error": [refusal]}


def test_an_immediate_or_cancel_order_that_finds_nothing_is_canceled_by_the_venue(raw: Raw):
    shown = raw.shown(raw.placed(timeinforce="IOC"))
    assert (shown["status"], shown["vol_exec"], shown["reason"]) == ("canceled", "0.00000000", "Immediate or cancel")


def test_a_market_order_can_be_sized_in_quote(raw: Raw):
    txid = raw.placed(ordertype="market", price=None, volume="600", oflags="viqc")
    shown = raw.shown(txid)
    assert shown["status"] == "closed"
    assert 590 < float(shown["cost"]) <= 600


# --- fees


def test_fees_are_charged_in_quote_on_both_sides_unless_the_order_says_base(venue: VenueProcess):
    raw = Raw(venue.base_url, "alone")
    for side, flags in (("buy", ""), ("sell", ""), ("buy", "fcib"), ("sell", "fcib")):
        raw.placed(type=side, ordertype="market", price=None, volume="0.01", oflags=flags or None)
    fills = venue.control.ledger()["accounts"]["alone"]["fills"]
    assert [(fill["side"], fill["fee_asset"]) for fill in fills] == [
        ("buy", "USDT"),
        ("sell", "USDT"),
        ("buy", "BTC"),
        ("sell", "BTC"),
    ]


def test_a_buy_holds_its_fee_as_well(venue: VenueProcess):
    raw = Raw(venue.base_url, "poor")
    txid = raw.placed(volume="0.0004")
    assert raw.private("BalanceEx")["result"]["USDT"] == {"balance": "20.00000000", "hold_trade": "16.01600000"}
    raw.private("CancelOrder", txid=txid)
    assert raw.private("BalanceEx")["result"]["USDT"]["hold_trade"] == "0.00000000"
    assert raw.order(volume="0.0005") == {"error": ["EOrder:Insufficient funds"]}, "20 would pay the order, not its fee"


# --- changes


def test_an_amended_order_keeps_its_id(raw: Raw):
    txid = raw.placed(cl_ord_id="amended1")
    assert raw.private("AmendOrder", txid=txid, order_qty="0.02", limit_price="41000")["error"] == []
    shown = raw.shown(txid)
    assert (shown["vol"], shown["descr"]["price"], shown["cl_ord_id"]) == ("0.02000000", "41000.00", "amended1")
    assert raw.private("AmendOrder", txid=txid, limit_price="90000", post_only="true") == {
        "error": ["EOrder:Post only order"],
    }
    raw.private("CancelOrder", txid=txid)


def test_an_edited_order_is_another_one(raw: Raw):
    txid = raw.placed(userref="5")
    answer = raw.private("EditOrder", txid=txid, pair="XBTUSDT", price="41000")["result"]
    assert (answer["status"], answer["originaltxid"]) == ("ok", txid)
    assert raw.shown(txid)["status"] == "canceled"
    assert raw.shown(answer["txid"])["descr"]["price"] == "41000.00"
    raw.private("CancelOrder", txid=answer["txid"])


# --- lists


def test_lists_of_the_past_come_fifty_at_a_time_the_newest_first(venue: VenueProcess):
    raw = Raw(venue.base_url, "alone")
    for _ in range(55):
        raw.placed(ordertype="market", price=None, volume="0.0002")
    first = raw.private("TradesHistory")["result"]
    rest = raw.private("TradesHistory", ofs="50")["result"]
    times = [trade["time"] for trade in (*first["trades"].values(), *rest["trades"].values())]
    assert (len(first["trades"]), first["count"]) == (50, len(times))
    assert times == sorted(times, reverse=True)
    closed = raw.private("ClosedOrders")["result"]
    assert len(closed["closed"]) == 50 < closed["count"]
    assert not set(closed["closed"]) & set(raw.private("ClosedOrders", ofs="50")["result"]["closed"])


def test_a_list_can_begin_behind_a_time(raw: Raw):
    raw.placed(ordertype="market", price=None, volume="0.0002")
    start = max(trade["time"] for trade in raw.private("TradesHistory")["result"]["trades"].values())
    assert raw.private("TradesHistory", start=f"{start:.3f}")["result"]["trades"] == {}


def test_own_trades_can_be_asked_for_by_id(raw: Raw):
    shown = raw.shown(raw.placed(ordertype="market", price=None, volume="0.0002"))
    (trade_id,) = shown["trades"]
    assert raw.private("QueryTrades", txid=trade_id)["result"][trade_id]["fee"] == shown["fee"]


def test_an_account_can_be_made_to_look_empty(venue: VenueProcess, raw: Raw):
    raw.placed(cl_ord_id="unseen")
    venue.control.fault("empty_account", account="demo", seconds=30)
    assert raw.private("BalanceEx")["result"] == {}
    assert raw.private("OpenOrders")["result"] == {"open": {}}
    assert raw.private("TradesHistory")["result"] == {"trades": {}, "count": 0}
    venue.control.clear()
    raw.private("CancelOrder", cl_ord_id="unseen")


def test_an_order_can_be_invisible_for_some_queries(venue: VenueProcess, raw: Raw):
    txid = raw.placed(cl_ord_id="slow1")
    venue.control.fault("hide_order", client_id="slow1", times=2)
    assert raw.private("OpenOrders", cl_ord_id="slow1")["result"]["open"] == {}
    assert raw.private("QueryOrders", txid=txid)["result"] == {}
    assert list(raw.private("OpenOrders", cl_ord_id="slow1")["result"]["open"]) == [txid]
    raw.private("CancelOrder", txid=txid)


def test_a_hidden_fill_shows_in_the_balance_alone(venue: VenueProcess, raw: Raw):
    before = float(raw.private("Balance")["result"]["XXBT"])
    venue.control.hide_fill("demo")
    txid = raw.placed(ordertype="market", price=None, volume="0.0002")
    shown = raw.shown(txid)
    assert (shown["status"], shown["vol_exec"], shown["fee"], shown["trades"]) == (
        "canceled",
        "0.00000000",
        "0.00000000",
        [],
    )
    assert float(raw.private("Balance")["result"]["XXBT"]) == pytest.approx(before + 0.0002)


# --- public


def test_names_of_a_pair_can_be_mixed(raw: Raw):
    answer = raw.public("Ticker", pair="XBT/USDT,XETHXXBT,ETHUSDT")
    assert set(answer["result"]) == {"XBTUSDT", "XETHXXBT", "ETHUSDT"}


def test_candles_begin_behind_since_and_never_go_back_further_than_720(raw: Raw):
    answer = raw.public("OHLC", pair="XBTUSDT", interval="1")["result"]
    assert len(answer["XBTUSDT"]) == 720
    since = answer["XBTUSDT"][-10][0]
    later = raw.public("OHLC", pair="XBTUSDT", interval="1", since=since)["result"]["XBTUSDT"]
    assert later[0][0] == since + 60
    assert raw.public("OHLC", pair="XBTUSDT", interval="7")["error"] == ["EGeneral:Invalid arguments:interval"]


def test_a_book_has_as_many_levels_as_asked_for(raw: Raw):
    book = raw.public("Depth", pair="XBTUSDT", count="3")["result"]["XBTUSDT"]
    assert len(book["asks"]) == len(book["bids"]) == 3
    assert float(book["bids"][0][0]) < float(book["asks"][0][0])


def test_assets_have_their_long_names(raw: Raw):
    assert set(raw.public("Assets")["result"]) == {"XXBT", "XETH", "USDT"}
    assert raw.public("Assets", asset="BTC,NOPE")["error"] == ["EQuery:Unknown asset"]


def test_time_has_whole_seconds(raw: Raw):
    assert isinstance(raw.public("Time")["result"]["unixtime"], int)
    assert raw.public("SystemStatus")["result"]["status"] == "online"


# --- limits


def test_requests_above_the_counter_are_refused_with_a_text():
    arguments = ["--dialect", "kraken", "--symbols", "BTC/USDT", "--enforce-weight", "--tick-ms", "0"]
    with VenueProcess(arguments) as venue:
        raw = Raw(venue.base_url)
        answers = [raw.private("Balance")["error"] for _ in range(int(limits.MOST) + 3)]
        assert answers[0] == []
        assert answers[-1] == ["EAPI:Rate limit exceeded"]
        assert raw.order(price=FAR)["error"] == [], "orders have a counter of their own"
        refused = []
        while not refused:
            # a cancel of a young order is never refused, and costs as much as eight orders
            raw.private("CancelOrder", txid=raw.placed())
            refused = raw.order(validate="true")["error"]
        assert refused == ["EOrder:Rate limit exceeded"]
