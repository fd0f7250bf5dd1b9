"""The adapter's pure edges: conversion, phases, Retry-After, what is no reply, the gate, secrets, the book tap."""

import json
import socket
import ssl
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.exchange.ccxt import convert
from ganglion.actors.exchange.ccxt.adapter import config_of
from ganglion.actors.exchange.ccxt.book_tap import BookTap, TappedBook, TappedCountedBook, levels_of
from ganglion.actors.exchange.ccxt.exchange_class import no_reply
from ganglion.actors.exchange.ccxt.failures import failure_from
from ganglion.actors.exchange.ccxt.settings import (
    CcxtSettings,
    Credentials,
    NotLiveError,
    VenueConfigError,
    check_gate,
)
from ganglion.actors.exchange.ccxt.trace import Trace, retry_after_of
from ganglion.actors.exchange.quirks import ClientIdRule, quirks_of
from ganglion.messages.lifecycle import Operation
from ganglion.messages.market import BookDelta, BookSnapshot
from ganglion.messages.orders import Phase

RULE = ClientIdRule()
TRADE = {"id": "7", "symbol": "BTC/USDT", "side": "buy", "price": "0.1", "amount": "3", "timestamp": 5}


# ------------------------------------------------------------------ conversion


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**9), max_value=10**9))
def test_an_amount_keeps_every_digit_that_the_venue_wrote(amount: Decimal) -> None:
    assert convert.decimal_of(format(amount, "f")) == amount


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_a_venue_did_not_say_is_none(nothing: object) -> None:
    assert convert.decimal_of(nothing) is None


def test_an_order_without_an_id_is_no_order() -> None:
    with pytest.raises(convert.IncompleteError, match="without an id"):
        convert.order_of({"id": None, "symbol": "BTC/USDT"}, RULE)


def test_an_order_that_says_only_its_id_has_nothing_else() -> None:
    order = convert.order_of({"id": 5, "clientOrderId": "abc"}, RULE, "BTC/USDT")
    assert (order.symbol, order.venue_id, order.client_id) == ("BTC/USDT", "5", "abc")
    assert (order.status, order.amount, order.filled) == (None, None, None)


def test_an_own_trade_without_its_fee_is_left_to_the_reading_by_request() -> None:
    assert convert.trade_of(TRADE | {"fee": {"cost": None}}, RULE) is None


def test_a_fee_is_taken_from_wherever_ccxt_put_it() -> None:
    trade = convert.trade_of(TRADE | {"fee": None, "fees": [{"cost": "-0.01", "currency": "BNB"}]}, RULE)
    assert trade is not None
    assert (trade.fee, trade.fee_asset) == (Decimal("-0.01"), "BNB")


def test_an_own_trade_of_nones_as_ccxt_makes_of_html_is_refused() -> None:
    with pytest.raises(convert.IncompleteError):
        convert.trade_of(dict.fromkeys(TRADE), RULE)


def test_balances_leave_out_what_is_nothing() -> None:
    raw = {"info": {}, "free": {}, "USDT": {"free": "1.5", "used": "0.5"}, "BTC": {"free": "0", "used": "0"}}
    (balance,) = convert.balances_of(raw)
    assert (balance.asset, balance.free, balance.used, balance.total) == (
        "USDT",
        Decimal("1.5"),
        Decimal("0.5"),
        Decimal(2),
    )


@pytest.mark.parametrize(
    ("mode", "value", "step"),
    [(4, "0.05", "0.05"), (2, 3, "0.001"), (2, "0", "1"), (3, 5, "1E-8"), (4, None, "1E-8"), (4, 1e-05, "0.00001")],
)
def test_steps_are_read_in_each_of_ccxts_precision_modes(mode: int, value: object, step: str) -> None:
    raw = {"symbol": "A/B", "precision": {"price": value, "amount": value}}
    assert convert.market_of(raw, "x", mode, "get").price_step == Decimal(step)


def test_a_candle_of_nones_is_refused() -> None:
    with pytest.raises(convert.IncompleteError, match="candle"):
        convert.candle_of([1, None, None, None, None, None], "x", "A/B", "1m")


# ------------------------------------------------------------------ phases and replies


def test_a_request_whose_first_byte_never_left_is_before_send() -> None:
    trace = Trace(Operation.PLACE)
    trace.begin("POST")
    assert trace.phase is Phase.BEFORE_SEND


def test_a_whole_reply_is_after_reply() -> None:
    trace = Trace(Operation.PLACE)
    trace.begin("POST")
    trace.leaves()
    assert trace.phase is Phase.MAYBE_SENT
    trace.replied({}, {})
    assert trace.phase is Phase.AFTER_REPLY


def test_a_reading_after_a_write_does_not_unsend_the_write() -> None:
    trace = Trace(Operation.PLACE)
    for method in ("POST", "GET"):
        trace.begin(method)
        trace.leaves()
        trace.replied({}, {})
    trace.begin("GET")
    assert trace.phase is Phase.MAYBE_SENT


def test_a_reading_before_a_write_leaves_the_write_unsent() -> None:
    trace = Trace(Operation.PLACE)
    trace.begin("GET")
    trace.leaves()
    trace.replied({}, {})
    trace.begin("POST")
    assert trace.phase is Phase.BEFORE_SEND


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_of_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_of(headers) == seconds


@pytest.mark.parametrize("body", ["", "  ", "null", "{}", "<html>busy</html>", "garbage", "[1, 2"])
def test_a_200_that_is_no_reply_is_named(body: str) -> None:
    assert no_reply(200, body, parsed(body)) is not None


@pytest.mark.parametrize("body", ["[]", '{"a": 1}', "1700000000000", '"text"'])
def test_a_200_that_may_be_a_reply_passes(body: str) -> None:
    assert no_reply(200, body, parsed(body)) is None


def test_an_error_page_is_left_to_its_status() -> None:
    assert no_reply(503, "<html>", None) is None


def parsed(body: str) -> object:
    """As ccxt parses: objects and lists only."""
    try:
        return json.loads(body) if body.startswith(("{", "[")) else None
    except ValueError:
        return None


# ------------------------------------------------------------------ failures and secrets

KEYS = Credentials(key="my-api-key", secret="very-secret", password="hush-hush")


def test_no_repr_shows_a_secret() -> None:
    settings = CcxtSettings(name="a", id="binance", symbols=(), credentials=KEYS, ccxt={"headers": {"X": "hidden"}})
    shown = repr(settings) + repr(KEYS)
    assert not [text for text in ("my-api-key", "very-secret", "hush-hush", "hidden") if text in shown]
    assert "key=***" in shown


def test_no_failure_quotes_a_secret_or_a_signature() -> None:
    error = ValueError("GET https://x/?apiKey=my-api-key&signature=abcdef123 said very-secret")
    failure = failure_from(error, Trace(Operation.READ), KEYS, quirks_of("binance"))
    assert failure.text == "GET https://x/?apiKey=***&signature=*** said ***"


def test_a_duplicate_client_id_is_one_whatever_class_it_came_in() -> None:
    import ccxt

    said = ccxt.InvalidOrder('binance {"code":-2010,"msg":"Duplicate order sent."}')
    failure = failure_from(said, Trace(Operation.PLACE), KEYS, quirks_of("binance"))
    assert failure.error == "DuplicateOrderId"
    assert "InvalidOrder" in failure.bases


def test_a_code_inside_a_longer_number_is_not_that_code() -> None:
    import ccxt

    said = ccxt.InvalidOrder('okx {"ordId":"9510119","msg":"no"}')
    failure = failure_from(said, Trace(Operation.PLACE), KEYS, quirks_of("okx"))
    assert failure.error == "InvalidOrder"


def test_a_bare_exchange_error_that_the_transport_caused_is_a_network_error() -> None:
    import ccxt

    error = ccxt.ExchangeError("binance POST")
    error.__cause__ = aiohttp.ClientPayloadError("reset in the middle of the body")
    failure = failure_from(error, Trace(Operation.PLACE), KEYS, quirks_of("binance"))
    assert failure.error == "NetworkError"


@pytest.mark.parametrize(("key", "hint"), [("enableRateLimit", "belong to the engine"), ("apiKey", "credentials")])
def test_keys_that_the_engine_owns_and_secrets_are_refused_with_a_hint(key: str, hint: str) -> None:
    with pytest.raises(VenueConfigError, match=hint):
        CcxtSettings(name="a", id="binance", symbols=(), ccxt={key: 1})


def test_what_the_user_sets_wins_over_quirks_and_the_engine_over_both() -> None:
    mine = {"options": {"fetchMarkets": {"types": ["linear"]}, "maxRetriesOnFailure": 5}, "timeout": 7}
    config = config_of(CcxtSettings(name="a", id="binance", symbols=(), ccxt=mine), quirks_of("binance"))
    assert config["options"]["fetchMarkets"] == {"types": ["linear"]}
    assert config["options"]["fetchCurrencies"] is False
    assert (config["timeout"], config["number"], config["enableRateLimit"]) == (7, str, False)
    assert config["options"]["maxRetriesOnFailure"] == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/api", "ws://localhost:1/x", "http://[::1]:5", "somekey"])
def test_this_machine_is_reached_without_live(url: str) -> None:
    check_gate(CcxtSettings(name="a", id="binance", symbols=()), url)


@pytest.mark.parametrize("url", ["https://api.example.com", "wss://127.0.0.1.example.com/ws", "https://10.0.0.5/x"])
def test_any_other_host_needs_live_or_sandbox(url: str) -> None:
    with pytest.raises(NotLiveError, match="live = true"):
        check_gate(CcxtSettings(name="a", id="binance", symbols=()), url)
    check_gate(CcxtSettings(name="a", id="binance", symbols=(), live=True), url)
    check_gate(CcxtSettings(name="a", id="binance", symbols=(), sandbox=True), url)


# ------------------------------------------------------------------ the book tap


class Listener:
    """Collects what a tap tells, and keeps a book by it."""

    def __init__(self) -> None:
        self.told: list[BookSnapshot | BookDelta] = []
        self.failed: list[str] = []
        self.later: list[Callable[[], None]] = []
        self.tap = BookTap(
            "x",
            lambda: 0.0,
            self.told.append,
            lambda _, reason: self.failed.append(reason),
            lambda _: "BTC/USDT",
            self.later.append,
        )

    def book(self) -> dict[str, dict[float, float]]:
        """What somebody who only heard the messages knows; fails on a hole in the numbers."""
        sides: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
        sequence = 0
        for message in self.told:
            if isinstance(message, BookSnapshot):
                sides = {"bids": dict(message.bids), "asks": dict(message.asks)}
            else:
                assert message.previous == sequence
                for name in ("bids", "asks"):
                    for price, size in getattr(message, name):
                        if size:
                            sides[name][price] = size
                        else:
                            sides[name].pop(price, None)
            sequence = message.sequence
        return sides


LEVEL = st.tuples(st.integers(1, 30), st.sampled_from([0.0, 1.0, 2.5]))
STEP = st.one_of(
    st.tuples(st.just("bids"), LEVEL),
    st.tuples(st.just("asks"), LEVEL),
    st.tuples(st.just("reset"), st.lists(LEVEL, min_size=1, max_size=8)),
    st.tuples(st.just("limit"), st.none()),
    st.tuples(st.just("flush"), st.none()),
)


@given(steps=st.lists(STEP, max_size=60), depth=st.sampled_from([3, None]))
def test_whoever_hears_only_the_messages_knows_the_same_book(steps: list[tuple[str, Any]], depth: int | None) -> None:
    listener = Listener()
    start = {"bids": [[50.0, 1.0]], "asks": [[60.0, 1.0]]}
    book = TappedBook(listener.tap, start, depth)
    for what, given_ in steps:
        if what == "reset":
            levels = [[float(price), 1.0] for price, _ in given_]
            book.reset({"bids": levels, "asks": [[100.0, 1.0]]})
        elif what == "limit":
            book.limit()
        elif what == "flush":
            listener.tap.flush()
        else:
            price, size = given_
            offset = 0 if what == "bids" else 100
            book[what].storeArray([float(price + offset), size])
    listener.tap.flush()
    if not listener.failed:
        assert listener.book() == {name: {level[0]: level[1] for level in book[name]} for name in ("bids", "asks")}


def test_a_book_that_counts_orders_loses_a_level_with_its_last_order() -> None:
    listener = Listener()
    book = TappedCountedBook(listener.tap, {"bids": [[5.0, 1.0, 2]], "asks": [[6.0, 1.0, 1]]}, None)
    listener.tap.flush()
    book["bids"].storeArray([5.0, 1.0, 0])
    listener.tap.flush()
    delta = listener.told[-1]
    assert isinstance(delta, BookDelta)
    assert delta.bids == ((5.0, 0.0),)


def test_a_book_that_becomes_empty_on_both_sides_is_a_failure() -> None:
    listener = Listener()
    book = TappedBook(listener.tap, {"bids": [[5.0, 1.0]], "asks": [[6.0, 1.0]]}, None)
    listener.tap.flush()
    book.reset({})
    listener.tap.flush()
    assert len(listener.told) == 1
    assert "empty" in listener.failed[0]


def test_what_changes_outside_of_a_frame_is_told_soon_all_the_same() -> None:
    listener = Listener()
    TappedBook(listener.tap, {"bids": [[5.0, 1.0]], "asks": []}, None)
    assert not listener.told
    for call in listener.later:
        call()
    assert len(listener.told) == 1


def test_levels_with_a_count_are_pairs_to_us() -> None:
    assert levels_of([["5", "1", 7], [4, 2, 1]], depth=1) == ((5.0, 1.0),)


# ------------------------------------------------------------------ why a host cannot be reached


def unreachable(cause: BaseException) -> str:
    """What is said of a request that failed for `cause`, which ccxt hides behind its URL."""
    import ccxt

    error = ccxt.ExchangeNotAvailable("binance GET https://api.example.com/api/v3/time")
    error.__cause__ = cause
    return failure_from(error, Trace(Operation.READ), KEYS, quirks_of("binance")).text


def connector_error(kind: type[aiohttp.ClientConnectorError], cause: OSError) -> aiohttp.ClientConnectorError:
    key = SimpleNamespace(host="api.example.com", port=443, is_ssl=True, ssl=True)
    return kind(key, cause)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (connector_error(aiohttp.ClientConnectorError, ConnectionRefusedError(111, "")), "connection refused"),
        (connector_error(aiohttp.ClientConnectorError, OSError(113, "Connect call failed")), "no route to host"),
        (
            connector_error(aiohttp.ClientConnectorDNSError, socket.gaierror(-2, "Name or service not known")),
            "its name is not found, Name or service not known",
        ),
        (
            connector_error(aiohttp.ClientConnectorSSLError, ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong")),
            "TLS: ",
        ),
        (
            aiohttp.ClientConnectorCertificateError(
                SimpleNamespace(host="api.example.com", port=443, is_ssl=True, ssl=True),  # type: ignore[arg-type]
                ssl.SSLCertVerificationError(1, "[SSL] certificate verify failed: certificate has expired"),
            ),
            "TLS: its certificate is not accepted",
        ),
        (TimeoutError(), "it did not answer in time"),
        (aiohttp.ServerDisconnectedError(), "Server disconnected"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_unreachable_host_is_reported_with_the_reason(cause: BaseException, said: str) -> None:
    text = unreachable(cause)
    assert said in text
    assert "https://api.example.com/api/v3/time" in text


def test_a_reason_stands_behind_the_longest_text_and_shows_no_secret() -> None:
    import ccxt

    error = ccxt.ExchangeNotAvailable("x" * 2000)
    error.__cause__ = aiohttp.ClientError("refused for very-secret")
    failure = failure_from(error, Trace(Operation.READ), KEYS, quirks_of("binance"))
    assert failure.text.endswith("refused for ***")
    assert len(failure.text) <= 600


def test_an_error_that_no_transport_caused_has_no_reason_of_one() -> None:
    import ccxt

    error = ccxt.InvalidOrder("binance too small")
    error.__cause__ = KeyError("minNotional")
    assert failure_from(error, Trace(Operation.PLACE), KEYS, quirks_of("binance")).text == "binance too small"
