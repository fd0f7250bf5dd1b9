"""What the control endpoint does to a venue, as a client feels it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import ccxt
import ccxt.pro
import pytest

from ganglion.simulation.venue import ControlError, VenueControl, VenueProcess, VenueSettings, ccxt_settings
from ganglion.simulation.venue.server import RunningVenue, serving
from tests.simulation.venue.support import WAIT_S, Raw, until

BTC = "BTC/USDT"
FAR = 40_000


@pytest.fixture(scope="module")
def process() -> Iterator[VenueProcess]:
    with VenueProcess(["--seed", "5", "--account", "demo:demo", "--account", "other:other"]) as venue:
        yield venue


@pytest.fixture
def control(process: VenueProcess) -> Iterator[VenueControl]:
    yield process.control
    process.control.clear()


@pytest.fixture
def exchange(process: VenueProcess) -> Iterator[Any]:
    made = ccxt.binance(ccxt_settings(process.base_url, "demo", "demo"))
    made.load_markets()
    yield made
    made.session.close()


def place(exchange: Any, client_id: str) -> Any:
    return exchange.create_order(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": client_id})


def orders(control: VenueControl, client_id: str) -> list[dict[str, Any]]:
    return [o for o in control.ledger()["accounts"]["demo"]["orders"] if o["client_id"] == client_id]


# --- requests


def test_a_lost_reply_leaves_exactly_one_order_at_the_venue(exchange: Any, control: VenueControl):
    control.fault("lose_reply", requests="place")
    with pytest.raises(ccxt.NetworkError):
        place(exchange, "reply-lost")
    assert len(orders(control, "reply-lost")) == 1
    (request,) = control.requests(client_id="reply-lost", kind="place")
    assert (request["applied"], request["status"], request["fault"]) == (True, 0, "lose_reply")
    assert exchange.fetch_order(None, BTC, {"clientOrderId": "reply-lost"})["status"] == "open"


def test_a_lost_request_leaves_none(exchange: Any, control: VenueControl):
    control.fault("lose_request", requests="place")
    with pytest.raises(ccxt.NetworkError):
        place(exchange, "request-lost")
    assert orders(control, "request-lost") == []
    (request,) = control.requests(client_id="request-lost")
    assert request["applied"] is False


def test_a_lost_reply_to_a_cancel_has_canceled(exchange: Any, control: VenueControl):
    order = place(exchange, "cancel-lost")
    control.fault("lose_reply", requests="cancel")
    with pytest.raises(ccxt.NetworkError):
        exchange.cancel_order(order["id"], BTC)
    assert orders(control, "cancel-lost")[0]["status"] == "canceled"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 503}, ccxt.ExchangeNotAvailable),
        ({"status": 503, "body": "error"}, ccxt.OperationFailed),
        ({"status": 429, "body": "error", "code": -1003, "retry_after_s": 2}, ccxt.DDoSProtection),
        ({"status": 418, "body": "error", "code": -1003, "retry_after_s": 2}, ccxt.DDoSProtection),
        ({"status": 504, "body": "error", "code": -1007}, ccxt.RequestTimeout),
    ],
)
def test_requests_can_be_answered_with_any_error(
    exchange: Any, control: VenueControl, fault: dict[str, Any], error: type[Exception]
):
    control.fault("answer", requests="query", **fault)
    with pytest.raises(error):
        exchange.fetch_balance()
    if "retry_after_s" in fault:
        assert exchange.last_response_headers["Retry-After"] == "2"
    assert exchange.fetch_balance()["USDT"]["total"] > 0


@pytest.mark.parametrize("body", ["html", "garbage", "empty", "{}"])
def test_requests_can_be_answered_200_with_nothing_in_it(exchange: Any, control: VenueControl, body: str):
    control.fault("answer", requests="place", status=200, body=body)
    assert place(exchange, f"nothing-{len(body)}")["id"] is None
    assert orders(control, f"nothing-{len(body)}") == []


def test_an_order_can_be_applied_and_answered_503(exchange: Any, control: VenueControl):
    control.fault("answer_after", requests="place", status=503)
    with pytest.raises(ccxt.ExchangeNotAvailable):
        place(exchange, "applied-503")
    assert len(orders(control, "applied-503")) == 1


def test_a_fault_lasts_as_long_as_it_says_and_strikes_only_what_it_names(exchange: Any, control: VenueControl):
    control.fault("answer", requests="place", status=503, seconds=0.4)
    with pytest.raises(ccxt.ExchangeNotAvailable):
        place(exchange, "too-early")
    assert exchange.fetch_balance()["USDT"]["total"] > 0
    (fault,) = control.faults()
    assert fault["hits"] == 1
    deadline = time.monotonic() + WAIT_S
    while control.faults():
        assert time.monotonic() < deadline
    assert place(exchange, "late-enough")["id"]


def test_a_fault_can_be_for_one_account_only(process: VenueProcess, control: VenueControl):
    control.fault("answer", requests="query", account="other", times=5)
    assert Raw(process.base_url).call("GET", "/api/v3/account")[0] == 200
    assert Raw(process.base_url, "other").call("GET", "/api/v3/account")[0] == 503


def test_a_request_or_its_reply_can_be_late(process: VenueProcess, control: VenueControl):
    raw = Raw(process.base_url)
    for kind in ("delay_request", "delay_reply"):
        control.fault(kind, requests="place", delay_s=0.2)
        started = time.monotonic()
        assert raw.order(price="40000")[0] == 200
        assert time.monotonic() - started >= 0.2


def test_an_account_can_come_back_empty(exchange: Any, control: VenueControl):
    place(exchange, "was-there")
    control.fault("empty_account", account="demo", seconds=30)
    assert exchange.fetch_balance()["total"] == {}
    assert exchange.fetch_open_orders(BTC) == []
    assert exchange.fetch_orders(BTC) == []
    assert exchange.fetch_my_trades(BTC) == []
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order(None, BTC, {"clientOrderId": "was-there"})
    control.clear()
    assert exchange.fetch_balance()["USDT"]["total"] > 0


def test_a_hidden_fill_shows_in_the_balance_and_nowhere_else(exchange: Any, control: VenueControl):
    before = exchange.fetch_balance()["BTC"]["total"]
    control.hide_fill("demo")
    order = exchange.create_order(BTC, "market", "buy", 0.001, None, {"clientOrderId": "hidden"})
    assert order["filled"] == 0
    assert order["trades"] == []
    assert exchange.fetch_order(order["id"], BTC)["status"] == "canceled"
    assert order["id"] not in {trade["order"] for trade in exchange.fetch_my_trades(BTC)}
    assert exchange.fetch_balance()["BTC"]["total"] > before
    assert order["id"] in {str(fill["order_id"]) for fill in control.ledger()["accounts"]["demo"]["fills"]}
    assert exchange.create_order(BTC, "market", "buy", 0.001)["filled"] == 0.001


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/control/faults", {"kind": "nonsense"}),
        ("/control/faults", {"kind": "gap", "unknown_field": 1}),
        ("/control/hide_fill", {"account": "nobody"}),
        ("/control/sweep", {"symbol": "BTC/USDT", "side": "buy", "quantity": "many"}),
        ("/control/sweep", {"symbol": "NO/PE", "side": "buy", "quantity": "1"}),
    ],
)
def test_a_mistake_at_the_control_endpoint_is_answered_with_a_sentence(
    control: VenueControl, path: str, body: dict[str, Any]
):
    with pytest.raises(ControlError, match="400"):
        control._call("POST", path, body)


# --- streams


def playing(play: Callable[[RunningVenue, aiohttp.ClientSession], Awaitable[None]]) -> None:
    """Run a venue in this process and `play` against it."""

    async def run() -> None:
        async with serving(VenueSettings(seed=5)) as venue, aiohttp.ClientSession(venue.base_url) as session:
            await asyncio.wait_for(play(venue, session), 20)

    asyncio.run(run())


async def subscribe(session: aiohttp.ClientSession, *streams: str) -> aiohttp.ClientWebSocketResponse:
    socket = await session.ws_connect("/stream/ws/0")
    await socket.send_json({"method": "SUBSCRIBE", "params": list(streams), "id": 7})
    assert await socket.receive_json() == {"result": None, "id": 7}
    return socket


async def command(session: aiohttp.ClientSession, path: str, **body: Any) -> Any:
    async with session.post(f"/control/{path}", data=json.dumps(body)) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def frames(session: aiohttp.ClientSession, **where: Any) -> list[dict[str, Any]]:
    async with session.get("/control/frames", params=where) as answer:
        return (await answer.json())["frames"]


def test_every_frame_that_was_sent_is_numbered_and_can_be_asked_for():
    async def play(_venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribe(session, "btcusdt@depth@100ms", "btcusdt@trade")
        received = [await socket.receive_json(timeout=WAIT_S) for _ in range(20)]
        logged = await frames(session)
        assert [entry["number"] for entry in logged] == list(range(1, len(logged) + 1))
        depth = [(f["U"], f["u"]) for f in received if f["e"] == "depthUpdate"]
        assert [(e["first"], e["last"]) for e in logged if "depth" in e["stream"]][: len(depth)] == depth
        trades = [f["t"] for f in received if f["e"] == "trade"]
        assert [e["first"] for e in await frames(session, stream="*@trade")][: len(trades)] == trades
        middle = logged[9]["time_ms"]
        assert await frames(session, since_ms=middle, until_ms=middle)
        await socket.close()

    playing(play)


def test_depth_frames_follow_each_other_without_a_hole_and_a_gap_makes_one():
    async def play(_venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribe(session, "btcusdt@depth@100ms")
        last = (await socket.receive_json())["u"]
        for _ in range(5):
            frame = await socket.receive_json(timeout=WAIT_S)
            assert frame["U"] == last + 1
            last = frame["u"]
        await command(session, "faults", kind="gap", stream="btcusdt@depth*")
        frame = await socket.receive_json(timeout=WAIT_S)
        assert frame["U"] > last + 1
        await socket.close()

    playing(play)


def test_a_frame_can_be_garbage():
    async def play(_venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribe(session, "btcusdt@depth@100ms")
        await command(session, "faults", kind="garbage", stream="*@depth*")
        bad = 0
        for _ in range(5):
            text = await socket.receive_str(timeout=WAIT_S)
            try:
                json.loads(text)
            except ValueError:
                bad += 1
        assert bad == 1
        await socket.close()

    playing(play)


def test_a_frozen_stream_is_silent_while_its_neighbour_flows():
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        frozen = await subscribe(session, "btcusdt@depth@100ms")
        flowing = await subscribe(session, "ethusdt@depth@100ms")
        await command(session, "faults", kind="freeze", stream="btcusdt@*", seconds=60)
        count = len(await frames(session, stream="btcusdt@*"))
        for _ in range(5):
            await flowing.receive_json(timeout=WAIT_S)
        assert len(await frames(session, stream="btcusdt@*")) == count
        venue.hub.faults.clear()
        await until(lambda: any(f.stream.startswith("btc") for f in list(venue.hub.frames)[-4:]), "the thaw")
        await frozen.close()
        await flowing.close()

    playing(play)


def test_all_sockets_can_be_dropped_and_a_handshake_refused():
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribe(session, "btcusdt@trade")
        assert await command(session, "drop", kind="user") == {"dropped": 0}
        assert await command(session, "drop") == {"dropped": 1}
        while (await socket.receive(timeout=WAIT_S)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert socket.closed
        await until(lambda: not venue.hub.connections, "forgetting the connection")
        await command(session, "faults", kind="answer", requests="stream", status=503)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect("/stream/ws/0")
        await (await subscribe(session, "btcusdt@trade")).close()

    playing(play)


def test_wrong_subscriptions_are_answered_with_an_error():
    async def play(_venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await session.ws_connect("/stream/ws")
        for text in (
            '{"method":"SUBSCRIBE","params":["nope@trade"],"id":1}',
            '{"method":"SUBSCRIBE","params":[],"id":1}',
            '{"method":"DANCE","params":[],"id":1}',
            "no json",
        ):
            await socket.send_str(text)
            assert "error" in await socket.receive_json(timeout=WAIT_S)
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        assert await socket.receive_json() == {"result": [], "id": 2}
        await socket.close()

    playing(play)


def test_streams_can_be_named_in_the_address_and_wrapped():
    async def play(_venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        plain = await session.ws_connect("/ws/btcusdt@bookTicker/btcusdt@depth5@100ms")
        kinds: set[bool] = set()
        while kinds != {True, False}:
            kinds.add("bids" in await plain.receive_json(timeout=WAIT_S))
        wrapped = await session.ws_connect("/stream?streams=btcusdt@trade")
        frame = await wrapped.receive_json(timeout=WAIT_S)
        assert frame["stream"] == "btcusdt@trade"
        assert frame["data"]["e"] == "trade"
        await plain.close()
        await wrapped.close()

    playing(play)


def test_candles_on_the_stream_are_the_candles_of_the_rest_endpoint():
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribe(session, "btcusdt@kline_1s")
        closed: list[dict[str, Any]] = []
        while len(closed) < 2:
            candle = (await socket.receive_json(timeout=WAIT_S))["k"]
            if candle["x"]:
                closed.append(candle)
        for candle in closed:
            query = {"symbol": "BTCUSDT", "interval": "1s", "startTime": candle["t"], "limit": 1}
            async with session.get("/api/v3/klines", params=query) as answer:
                (rest,) = await answer.json()
            assert [rest[0], *rest[1:6], rest[8]] == [candle[name] for name in ("t", "o", "h", "l", "c", "v", "n")]
            counted = [f for f in venue.hub.venue.tapes[BTC].trades if candle["t"] <= f.time_ms <= candle["T"]]
            assert len(counted) == candle["n"]
        await socket.close()

    playing(play)


def test_a_hidden_maker_fill_is_not_told_and_ends_as_a_cancel_on_the_user_stream():
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        exchange = ccxt.pro.binance(ccxt_settings(venue.base_url, "demo", "demo"))
        try:
            await exchange.load_markets()
            watcher = asyncio.ensure_future(exchange.watch_orders())
            await until(lambda: any(c.account for c in venue.hub.connections.values()), "the user stream")
            bid = (await exchange.fetch_order_book(BTC, 5))["bids"][0][0]
            await command(session, "hide_fill", account="demo")
            order = await exchange.create_order(BTC, "limit", "buy", 0.001, bid + 1, {"postOnly": True})
            await command(session, "sweep", symbol=BTC, side="sell", quantity="0.002")
            reports = await watcher
            while reports[-1]["status"] == "open":
                reports = await exchange.watch_orders()
            assert (reports[-1]["id"], reports[-1]["status"], reports[-1]["filled"]) == (order["id"], "canceled", 0)
            assert exchange.myTrades is None
        finally:
            await exchange.close()

    playing(play)


def test_a_client_that_never_reads_is_dropped_and_the_others_live():
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        await subscribe(session, "btcusdt@trade")
        connection = next(iter(venue.hub.connections.values()))
        for _ in range(5_001):
            connection.put("x")
        await until(lambda: connection.id not in venue.hub.connections, "dropping the slow client")
        await (await subscribe(session, "btcusdt@trade")).close()

    playing(play)
