"""Per-venue data against the ccxt that is installed: what its own classes really send, and how they read replies."""

import contextlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ganglion.actors.exchange.directives import place_verdict
from ganglion.actors.exchange.quirks import QUIRKS, quirks_of
from ganglion.messages import venue as v
from ganglion.messages.lifecycle import Failure
from ganglion.messages.orders import PlaceVerdict
from ganglion.messages.values import OrderType, Side, TimeInForce
from tests.actors.exchange.offline import Offline, Sent, each

ID = "gabc234567abcdefgh"
EXPIRES_MS = 1_800_000_000_000

FIRST: tuple[tuple[str, Any], ...] = (
    ("v5/user/query-api", {"retCode": 0, "retMsg": "", "result": {"uta": 1, "unified": 1}}),
    ("v5/account/info", {"retCode": 0, "retMsg": "", "result": {"unifiedMarginStatus": 5}}),
    ("ua/v1/account/mode", {"code": "200000", "data": {"selfAccountMode": "CLASSIC"}}),
    ("v3/account/settings", {"code": "25245", "msg": "not a unified account"}),
    ("api/v4/account/detail", {"user_id": 1, "key": {"mode": 1}}),
    ("userAbstraction", "disabled"),
)
"""What some venues are asked before the request itself, and what they say."""

CREATED: dict[str, Any] = {
    "binance": {
        "symbol": "BTCUSDT",
        "orderId": 7,
        "clientOrderId": ID,
        "status": "NEW",
        "side": "BUY",
        "type": "LIMIT",
    },
    "okx": {"code": "0", "msg": "", "data": [{"clOrdId": ID, "ordId": "7", "sCode": "0", "sMsg": "", "tag": ""}]},
    "kraken": {"error": [], "result": {"descr": {"order": "buy 0.01 BTCUSDT @ limit 50000"}, "txid": ["7"]}},
    "bybit": {"retCode": 0, "retMsg": "OK", "result": {"orderId": "7", "orderLinkId": ID}},
    "kucoin": {"code": "200000", "data": {"orderId": "7", "clientOid": ID}},
    "bitget": {"code": "00000", "msg": "success", "data": {"orderId": "7", "clientOid": ID}},
    "gate": {"id": "7", "text": f"t-{ID}", "currency_pair": "BTCUSDT", "status": "open", "side": "buy", "amount": "1"},
    "coinbase": {
        "success": True,
        "success_response": {"order_id": "7", "product_id": "BTC-USDC", "client_order_id": ID},
    },
    "hyperliquid": {
        "status": "ok",
        "response": {"type": "order", "data": {"statuses": [{"resting": {"oid": 7}}]}},
    },
}
WIRE = {
    "binance": ("newClientOrderId", ID, 36),
    "okx": ("clOrdId", ID, 32),
    "kraken": ("cl_ord_id", ID, 18),
    "bybit": ("orderLinkId", ID, 36),
    "kucoin": ("clientOid", ID, 40),
    "bitget": ("clientOid", ID, 50),
    "gate": ("text", f"t-{ID}", 30),
    "coinbase": ("client_order_id", ID, 128),
    "hyperliquid": ("c", "0x" + f"{int('1' + ID, 36):032x}", 34),
}
"""Field, text and the venue's own limit of its length."""


MADE: dict[str, Offline] = {}
"""One class of each: making it takes longer than any test."""


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    while MADE:
        MADE.popitem()[1].close()


@contextlib.contextmanager
def venue(exchange_id: str, body: Any, status: int = 200) -> Iterator[Offline]:
    """One that answers everything with `body`, after what comes first."""
    offline = MADE.get(exchange_id) or MADE.setdefault(exchange_id, Offline(exchange_id))
    offline.sent.clear()
    text = body if isinstance(body, str) else json.dumps(body)

    def answer(sent: Sent) -> tuple[int, str]:
        for fragment, first in FIRST:
            if fragment in str(sent):
                return 200, json.dumps(first)
        return status, text

    offline.answer = answer
    yield offline


def asked_first(sent: Sent) -> bool:
    return any(fragment in str(sent) for fragment, _ in FIRST)


def place(offline: Offline, client_id: str = ID, **fields: Any) -> Any:
    given: dict[str, Any] = {
        "request_id": 1,
        "client_id": client_id,
        "attempt": 1,
        "symbol": offline.symbol,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "amount": Decimal("0.01"),
        "price": Decimal(50000),
        "time_in_force": TimeInForce.GTC,
        "post_only": False,
        "expires_ms": EXPIRES_MS,
    }
    return offline.ask(v.CreateOrder(**(given | fields)))


def values_of(sent: Sent, field: str) -> Iterator[Any]:
    for inner in each(sent.fields):
        if isinstance(inner, dict) and field in inner:
            yield inner[field]


# ------------------------------------------------------------------ client ids


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_a_place_carries_our_client_id_in_the_venues_field_and_is_sent_once(exchange_id: str) -> None:
    field, text, _ = WIRE[exchange_id]
    with venue(exchange_id, CREATED[exchange_id]) as offline:
        reply = place(offline)
        assert isinstance(reply, v.OrderCreated), reply
        assert reply.order is not None
        assert (reply.order.venue_id, reply.order.client_id) == ("7", ID)
        (sent,) = [sent for sent in offline.sent if not asked_first(sent)]
        assert list(values_of(sent, field)) == [text]


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_our_longest_client_id_is_within_the_venues_limit(exchange_id: str) -> None:
    rule, (_, _, limit) = quirks_of(exchange_id).client_id, WIRE[exchange_id]
    written = rule.encode("z" * rule.max_length)
    assert len(written) <= limit
    assert re.fullmatch(r"(t-|0x)?[0-9a-z]+", written)
    assert rule.decode(written) == "z" * rule.max_length


OPEN: dict[str, Any] = {
    "binance": [
        {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": ID, "status": "NEW", "origQty": "1", "side": "BUY"}
    ],
    "okx": {
        "code": "0",
        "msg": "",
        "data": [{"instId": "BTCUSDT", "ordId": "7", "clOrdId": ID, "state": "live", "sz": "1"}],
    },
    "kraken": {
        "error": [],
        "result": {"open": {"7": {"cl_ord_id": ID, "status": "open", "vol": "1", "descr": {"pair": "BTCUSDT"}}}},
    },
    "bybit": {
        "retCode": 0,
        "retMsg": "OK",
        "result": {
            "category": "spot",
            "nextPageCursor": "",
            "list": [{"symbol": "BTCUSDT", "orderId": "7", "orderLinkId": ID, "orderStatus": "New", "qty": "1"}],
        },
    },
    "kucoin": {
        "code": "200000",
        "data": {"items": [{"id": "7", "clientOid": ID, "symbol": "BTCUSDT", "isActive": True, "size": "1"}]},
    },
    "bitget": {
        "code": "00000",
        "msg": "success",
        "data": [{"symbol": "BTCUSDT", "orderId": "7", "clientOid": ID, "status": "live", "size": "1"}],
    },
    "gate": [
        {
            "currency_pair": "BTCUSDT",
            "total": 1,
            "orders": [{"id": "7", "text": f"t-{ID}", "currency_pair": "BTCUSDT", "status": "open", "amount": "1"}],
        }
    ],
    "coinbase": {
        "orders": [{"order_id": "7", "client_order_id": ID, "product_id": "BTC-USDC", "status": "OPEN"}],
        "has_next": False,
        "cursor": "",
    },
    "hyperliquid": [
        {
            "coin": "@142",
            "oid": 7,
            "cloid": WIRE["hyperliquid"][1],
            "side": "B",
            "limitPx": "5",
            "sz": "1",
            "origSz": "1",
        }
    ],
}


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_what_comes_back_among_the_open_orders_is_our_id_as_we_made_it(exchange_id: str) -> None:
    with venue(exchange_id, OPEN[exchange_id]) as offline:
        reply = offline.ask(v.FetchOpenOrders(1, offline.symbol))
        assert isinstance(reply, v.OrdersFetched), reply
        assert [(order.venue_id, order.client_id) for order in reply.orders] == [("7", ID)]


# ------------------------------------------------------------------ expiry


def expiry_of(exchange_id: str, sent: Sent) -> int | None:
    """Until when the venue may take it, in ms: of its window, or its point in time."""
    header = {name.lower(): text for name, text in sent.headers.items()}
    match exchange_id:
        case "binance":
            return int(sent.fields["recvWindow"])
        case "bybit":
            return int(header["x-bapi-recv-window"])
        case "okx":
            return int(header["exptime"])
        case "gate":
            return int(header["x-gate-exptime"])
        case "kraken":
            assert sent.fields["deadline"] == "2027-01-15T08:00:00.000Z"
            return EXPIRES_MS
        case _:
            return None


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_a_place_that_arrives_late_is_refused_wherever_the_data_says_so(exchange_id: str) -> None:
    quirks = quirks_of(exchange_id)
    with venue(exchange_id, CREATED[exchange_id]) as offline:
        place(offline)
        expiry = expiry_of(exchange_id, offline.sent[-1])
        caps = offline.venue._requests.capabilities()
    if caps.expiry_ms is not None:
        assert (caps.expiry_ms, expiry) == (quirks.expiry_ms, EXPIRES_MS)
    else:
        assert expiry == quirks.expiry_ms


# ------------------------------------------------------------------ duplicate client ids

DUPLICATES = [
    ("binance", 400, {"code": -2010, "msg": "Duplicate order sent."}, "InvalidOrder"),
    ("binance", 400, {"code": -4116, "msg": "ClientOrderId is duplicated."}, None),
    (
        "okx",
        200,
        {
            "code": "1",
            "msg": "",
            "data": [{"clOrdId": ID, "sCode": "51016", "sMsg": "Client order ID already exists."}],
        },
        "InvalidOrder",
    ),
    (
        "okx",
        200,
        {"code": "1", "msg": "", "data": [{"sCode": "51011", "sMsg": "Order ID already exists."}]},
        "InvalidOrder",
    ),
    ("kraken", 200, {"error": ["EOrder:cl_ord_id not unique"]}, None),
    ("bybit", 200, {"retCode": 170141, "retMsg": "Duplicate clientOrderId"}, "InvalidOrder"),
    ("bybit", 200, {"retCode": 110072, "retMsg": "OrderLinkedID is duplicate"}, "InvalidOrder"),
    ("bybit", 200, {"retCode": 12141, "retMsg": "Duplicate clientOrderId.", "result": {}}, "BadRequest"),
    ("kucoin", 200, {"code": "126033", "msg": "Duplicate order"}, None),
    ("kucoin", 200, {"code": "126044", "msg": "clientOid duplicate"}, None),
]
"""Venue, status, body, and the class that ccxt's own handle_errors makes of it (None: it differs between versions)."""


@pytest.mark.parametrize(("exchange_id", "status", "body", "ccxts"), DUPLICATES)
def test_a_duplicate_id_is_evidence_and_no_refusal_whatever_class_ccxt_makes_of_it(
    exchange_id: str, status: int, body: Any, ccxts: str | None
) -> None:
    with venue(exchange_id, body, status) as offline:
        failure = place(offline)
        assert isinstance(failure, Failure), failure
        assert failure.error == "DuplicateOrderId"
        assert ccxts is None or ccxts in failure.bases
        assert place_verdict(failure, resent=True) is PlaceVerdict.RECONCILE
        assert place_verdict(failure, resent=False) is PlaceVerdict.RECONCILE


def test_every_duplicate_text_of_the_data_is_tried() -> None:
    tried = {
        exchange_id: [json.dumps(body) for other, _, body, _ in DUPLICATES if other == exchange_id]
        for exchange_id in QUIRKS
    }
    known_twins = {"110030", "140030"}  # of contracts: the same class by the same table as 170141
    missing = [
        (exchange_id, text)
        for exchange_id, quirks in QUIRKS.items()
        for text in quirks.duplicate_texts
        if text not in known_twins and not any(text in body for body in tried[exchange_id])
    ]
    assert not missing


# ------------------------------------------------------------------ looking up

ASKED_BY = {"binance": ("orderId|origClientOrderId", ID), "okx": ("clOrdId", ID)}


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_asking_by_client_id_asks_the_field_that_the_place_wrote_or_is_not_done(exchange_id: str) -> None:
    with venue(exchange_id, CREATED[exchange_id]) as offline:
        reply = offline.ask(v.FetchOrder(1, offline.symbol, ID, None))
        if not quirks_of(exchange_id).fetch_by_client_id:
            assert isinstance(reply, Failure)
            assert "NotSupported" in (reply.error, *reply.bases)
            assert not offline.sent
            return
        names, text = ASKED_BY[exchange_id]
        (sent,) = [sent for sent in offline.sent if not asked_first(sent)]
        assert text in [value for name in names.split("|") for value in values_of(sent, name)]


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_cancelling_by_client_id_names_the_field_that_the_place_wrote_or_is_not_done(exchange_id: str) -> None:
    fields = {"binance": "origClientOrderId", "okx": "clOrdId", "kraken": "cl_ord_id"}
    with venue(exchange_id, CREATED[exchange_id]) as offline:
        reply = offline.ask(v.CancelAtVenue(1, ID, None, offline.symbol))
        if not quirks_of(exchange_id).cancel_by_client_id:
            assert isinstance(reply, Failure)
            assert "NotSupported" in (reply.error, *reply.bases)
            assert not offline.sent
            return
        assert list(values_of(offline.sent[-1], fields[exchange_id])) == [ID]


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_own_trades_are_asked_by_market_where_ccxt_says_that_they_must(exchange_id: str) -> None:
    with venue(exchange_id, {}) as offline:
        features = (getattr(offline.exchange, "features", None) or {}).get("spot") or {}
        needs = (features.get("fetchMyTrades") or {}).get("symbolRequired")
    if needs is not None:
        assert quirks_of(exchange_id).own_trades_need_symbol >= bool(needs)


def test_only_venues_whose_routes_were_tried_end_to_end_make_votes_of_silence() -> None:
    assert {exchange_id for exchange_id, quirks in QUIRKS.items() if quirks.look_up_tested} == {
        "binance",
        "okx",
        "kraken",
    }


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_an_id_is_never_taken_for_used_for_ever(exchange_id: str) -> None:
    assert quirks_of(exchange_id).client_id_scope == "open", "re-sending needs a test of its own"


# ------------------------------------------------------------------ replies that are none

NOTHING: dict[str, tuple[Any, Any, Any]] = {
    "binance": ([], {"balances": []}, []),
    "okx": (
        {"code": "0", "msg": "", "data": []},
        {"code": "0", "msg": "", "data": [{"details": []}]},
        {"code": "0", "data": []},
    ),
    "kraken": (
        {"error": [], "result": {"open": {}}},
        {"error": [], "result": {}},
        {"error": [], "result": {"trades": {}, "count": 0}},
    ),
    "bybit": (
        {"retCode": 0, "retMsg": "OK", "result": {"list": [], "category": "spot"}},
        {"retCode": 0, "retMsg": "OK", "result": {"list": []}},
        {"retCode": 0, "retMsg": "OK", "result": {"list": [], "category": "spot"}},
    ),
    "kucoin": (
        {"code": "200000", "data": {"items": []}},
        {"code": "200000", "data": []},
        {"code": "200000", "data": {"items": []}},
    ),
    "bitget": tuple([{"code": "00000", "msg": "success", "data": []}] * 3),  # type: ignore[dict-item]
    "gate": ([], [], []),
    "coinbase": ({"orders": [], "has_next": False}, {"pagination": {}, "data": []}, {"fills": [], "cursor": ""}),
    "hyperliquid": ([], {"balances": []}, []),
}
"""What an account with nothing in it looks like: open orders, balances, own trades."""
NO_REPLIES = ["{}", "null", "", "  ", "<html>busy</html>", "garbage", '{"hello": "world"}', "[1, 2"]


def readings(symbol: str) -> tuple[Any, Any, Any]:
    return v.FetchOpenOrders(1, symbol), v.FetchBalance(1), v.FetchMyTrades(1, symbol, 1_700_000_000_000)


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_an_account_with_nothing_in_it_is_read_as_that(exchange_id: str) -> None:
    for index, body in enumerate(NOTHING[exchange_id]):
        with venue(exchange_id, body) as offline:
            reply = offline.ask(readings(offline.symbol)[index])
        assert not isinstance(reply, Failure), reply
        assert not [name for name in ("orders", "balances", "trades") if getattr(reply, name, ())]


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_a_200_that_is_no_reply_is_never_read_as_nothing(exchange_id: str) -> None:
    for body in NO_REPLIES:
        for index in range(3):
            with venue(exchange_id, body) as offline:
                reply = offline.ask(readings(offline.symbol)[index])
            assert isinstance(reply, Failure), (body, reply)


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_an_empty_list_is_nothing_only_where_the_venue_sends_bare_lists(exchange_id: str) -> None:
    bare = quirks_of(exchange_id).list_envelope == ""
    with venue(exchange_id, []) as offline:
        for request in (readings(offline.symbol)[0], readings(offline.symbol)[2]):
            assert isinstance(offline.ask(request), Failure) != bare


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_a_200_that_is_no_reply_leaves_a_place_unknown(exchange_id: str) -> None:
    for body in NO_REPLIES[:6]:
        with venue(exchange_id, body) as offline:
            failure = place(offline)
        assert isinstance(failure, Failure), failure
        assert place_verdict(failure, resent=False) is PlaceVerdict.RECONCILE


# ------------------------------------------------------------------ the dead man's switch

ARMED: dict[str, Any] = {
    "kraken": {"error": [], "result": {"currentTime": "2023-03-24T17:41:56Z", "triggerTime": "2023-03-24T17:42:56Z"}},
    "okx": {"code": "0", "msg": "", "data": [{"triggerTime": "1587971460", "ts": "1587971400"}]},
    "bybit": {"retCode": 0, "retMsg": "success"},
    "hyperliquid": {"status": "ok", "response": {"type": "default"}},
}


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_the_dead_mans_switch_is_armed_in_seconds_where_the_venue_has_one(exchange_id: str) -> None:
    with venue(exchange_id, ARMED.get(exchange_id, {})) as offline:
        caps = offline.venue._requests.capabilities()
        assert caps.cancel_all_after == (exchange_id in ARMED)
        reply = offline.ask(v.CancelAllAfter(1, 60.0))
        if exchange_id not in ARMED:
            assert isinstance(reply, Failure)
            assert not offline.sent
            return
        assert isinstance(reply, v.CancelAllAfterSet), reply
        (sent,) = [sent for sent in offline.sent if not asked_first(sent)]
        fields = {"kraken": "timeout", "okx": "timeOut", "bybit": "timeWindow"}
        if exchange_id in fields:
            assert [int(value) for value in values_of(sent, fields[exchange_id])] == [60]
        else:
            (action,) = values_of(sent, "action")
            assert action["type"] == "scheduleCancel"
            assert action["time"] == sent.fields["nonce"] + 60_000
        if exchange_id == "bybit":
            assert sent.fields["product"] == "SPOT"


@pytest.mark.parametrize("exchange_id", ARMED)
def test_it_is_switched_off_by_0_or_not_at_all(exchange_id: str) -> None:
    with venue(exchange_id, ARMED[exchange_id]) as offline:
        reply = offline.ask(v.CancelAllAfter(1, 0.0))
        if not quirks_of(exchange_id).dead_man.stops:
            assert isinstance(reply, Failure)
            assert not offline.sent
            return
        assert isinstance(reply, v.CancelAllAfterSet), reply
        assert [
            int(value) for value in values_of(offline.sent[-1], {"kraken": "timeout", "okx": "timeOut"}[exchange_id])
        ] == [0]


# ------------------------------------------------------------------ nothing that nobody asked for


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_no_approval_and_no_referral_leaves_with_an_order(exchange_id: str) -> None:
    with venue(exchange_id, CREATED[exchange_id]) as offline:
        place(offline)
        text = " ".join(str(sent) for sent in offline.sent)
        writes = [sent for sent in offline.sent if sent.method == "POST" and not asked_first(sent)]
    assert len(writes) == 1
    assert not re.search("approve|referr|setReferrer|builder", text, re.IGNORECASE)
