"""Every kind of fault as a client feels it, one by one, over bare HTTP and WebSockets."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from ganglion.simulation.venue import VenueSettings
from ganglion.simulation.venue.fault_guide import GUIDE, KEYS, FaultMistakeError, read_fault
from ganglion.simulation.venue.faults import FRAME_FAULTS, REQUEST_FAULTS, SOCKET_FAULTS, FaultKind
from ganglion.simulation.venue.server import RunningVenue, serving
from tests.simulation.venue.support import WAIT_S, until

Play = Callable[[RunningVenue, aiohttp.ClientSession], Awaitable[None]]
DEPTH = "btcusdt@depth@100ms"


def playing(play: Play) -> None:
    """Run a venue in this process and `play` against it."""

    async def run() -> None:
        async with serving(VenueSettings(seed=5)) as venue, aiohttp.ClientSession(venue.base_url) as session:
            await asyncio.wait_for(play(venue, session), 20)

    asyncio.run(run())


def fault(venue: RunningVenue, kind: str, **fields: Any) -> int:
    """Switch a fault on as a file or the control endpoint would."""
    return venue.hub.switch_on(read_fault({"kind": kind, **fields}))


async def order(session: aiohttp.ClientSession, client_id: str, timeout_s: float = 5.0) -> tuple[int, Any]:
    """Place a limit order far away; status and body."""
    return await signed(session, "POST", "order", timeout_s, newClientOrderId=client_id, **LIMIT)


async def signed(
    session: aiohttp.ClientSession, method: str, path: str, timeout_s: float = 5.0, **params: Any
) -> tuple[int, Any]:
    query = urlencode({"symbol": "BTCUSDT", **params, "timestamp": time.time_ns() // 1_000_000})
    signature = hmac.new(b"demo", query.encode(), hashlib.sha256).hexdigest()
    url = f"/api/v3/{path}?{query}&signature={signature}"
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with session.request(method, url, headers={"X-MBX-APIKEY": "demo"}, timeout=timeout) as answer:
        return answer.status, await answer.json(content_type=None)


LIMIT = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "40000"}


def at_venue(venue: RunningVenue) -> list[str]:
    """Client ids of the account's orders."""
    return [known.client_id for known in venue.hub.venue.engine.accounts["demo"].orders.values()]


async def subscribed(session: aiohttp.ClientSession, *streams: str) -> aiohttp.ClientWebSocketResponse:
    socket = await session.ws_connect("/stream/ws/0", max_msg_size=1 << 20, autoping=False)
    await socket.send_json({"method": "SUBSCRIBE", "params": list(streams), "id": 1})
    assert await socket.receive_json(timeout=WAIT_S) == {"result": None, "id": 1}
    return socket


async def ending(socket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
    """What a socket's last message is."""
    while (message := await socket.receive(timeout=WAIT_S)).type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
        pass
    return message


# --- the table


def test_every_kind_is_explained_once_and_every_key_too() -> None:
    assert [guide.kind for guide in GUIDE] == sorted(FaultKind, key=[guide.kind for guide in GUIDE].index)
    assert {guide.kind for guide in GUIDE} == set(FaultKind)
    assert {key for guide in GUIDE for key in guide.keys} <= KEYS.keys()


def test_every_kind_of_request_frame_and_socket_strikes_what_the_table_says() -> None:
    strikes = {guide.kind: guide.strikes for guide in GUIDE}
    assert {strikes[kind] for kind in FRAME_FAULTS} == {"frames"}
    assert {strikes[kind] for kind in SOCKET_FAULTS} == {"open sockets", "user streams"}
    assert {strikes[kind] for kind in REQUEST_FAULTS} == {"requests", "everything"}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"kind": "lose_replly"}, "did you mean lose_reply"),
        ({}, "kind is missing"),
        ({"kind": "gap", "delay_s": 1}, "'delay_s' is no key of a fault of kind gap"),
        ({"kind": "answer", "stauts": 500}, "did you mean status"),
        ({"kind": "answer", "status": "many"}, "status = 'many' cannot be"),
        ({"kind": "gap", "times": 0}, "times = 0 cannot be"),
        ({"kind": "gap", "probability": 1.5}, "probability = 1.5 cannot be"),
        ({"kind": "ban"}, "needs `seconds`"),
        ({"kind": "inject"}, "needs `text`"),
        ([], "a fault is a table of keys"),
    ],
)
def test_a_mistake_in_a_fault_is_named(raw: Any, said: str) -> None:
    with pytest.raises(FaultMistakeError, match=said):
        read_fault(raw)


def test_an_answer_that_the_venue_does_not_have_is_named() -> None:
    async def play(venue: RunningVenue, _session: aiohttp.ClientSession) -> None:
        with pytest.raises(ValueError, match="'-4711' is unknown; this venue has: -1000, -1001"):
            fault(venue, "answer", answer="-4711")

    playing(play)


# --- requests


def test_a_duplicate_request_is_one_order_and_its_second_answer_is_seen() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        fault(venue, "duplicate", requests="place")
        status, body = await order(session, "twice")
        assert (status, body["code"]) == (400, -2010)
        assert at_venue(venue) == ["twice"]
        assert [entry.client_id for entry in venue.hub.requests] == ["twice", "twice"]

    playing(play)


def test_a_request_can_be_accepted_and_never_answered() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        fault(venue, "no_answer", requests="place")
        with pytest.raises(TimeoutError):
            await order(session, "unheard", timeout_s=0.2)
        assert at_venue(venue) == []
        assert (await order(session, "heard"))[0] == 200

    playing(play)


def test_a_late_request_is_applied_although_its_client_has_gone() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        fault(venue, "delay_request", requests="place", delay_s=0.4)
        with pytest.raises(TimeoutError):
            await order(session, "late", timeout_s=0.1)
        assert at_venue(venue) == []
        await until(lambda: at_venue(venue) == ["late"], "the late request")

    playing(play)


def test_an_answer_can_be_cut_in_its_middle_and_the_order_is_there() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        fault(venue, "reset_body", requests="place")
        with pytest.raises(aiohttp.ClientPayloadError):
            await order(session, "cut")
        assert at_venue(venue) == ["cut"]

    playing(play)


def test_an_answer_can_come_byte_by_byte() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        fault(venue, "trickle", requests="place", delay_s=0.002)
        started_s = time.monotonic()
        status, body = await order(session, "slow")
        assert (status, body["clientOrderId"]) == (200, "slow")
        assert time.monotonic() - started_s > 0.2

    playing(play)


def test_a_ban_is_for_everything_and_says_when_it_ends() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        fault(venue, "ban", seconds=0.5)
        async with session.get("/api/v3/time") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (418, "1")
            until_ms = int((await answer.json())["msg"].split("until ")[1].split(".")[0])
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect("/stream/ws/0")
        await until(lambda: time.time() * 1000 > until_ms, "the end of the ban")
        assert (await order(session, "after"))[0] == 200

    playing(play)


def test_a_venue_can_refuse_connections_for_a_time() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribed(session, DEPTH)
        fault(venue, "refuse", seconds=0.5)
        assert (await ending(socket)).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("/api/v3/time")
        again: list[int] = []
        deadline_s = time.monotonic() + WAIT_S
        while not again:
            assert time.monotonic() < deadline_s, "it never listened again"
            try:
                again.append((await session.get("/api/v3/time")).status)
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.01)
        assert again == [200]

    playing(play)


def test_an_order_can_be_invisible_for_some_queries() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        await order(session, "shy")
        await order(session, "bold")
        fault(venue, "hide_order", client_id="shy", times=3)
        assert (await signed(session, "GET", "order", origClientOrderId="shy"))[1]["code"] == -2013
        assert [known["clientOrderId"] for known in (await signed(session, "GET", "openOrders"))[1]] == ["bold"]
        assert [known["clientOrderId"] for known in (await signed(session, "GET", "allOrders"))[1]] == ["bold"]
        assert (await signed(session, "GET", "order", origClientOrderId="shy"))[1]["clientOrderId"] == "shy"

    playing(play)


def test_a_fault_finds_its_requests_by_path_symbol_client_id_and_number() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        fault(venue, "answer", path="*/v3/order", symbol="BTC*", client_id="x-*", after=1, answer="503-html")
        assert (await signed(session, "GET", "openOrders"))[0] == 200
        assert (await order(session, "y-1"))[0] == 200
        assert (await order(session, "x-1"))[0] == 200
        with pytest.raises(json.JSONDecodeError):
            await order(session, "x-2")
        assert (await order(session, "x-3"))[0] == 200
        assert at_venue(venue) == ["y-1", "x-1", "x-3"]

    playing(play)


def test_chance_is_drawn_from_a_seed_so_that_the_same_requests_are_struck_again() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        struck = []
        for _ in range(2):
            fault(venue, "answer", requests="market", status=502, probability=0.5, seconds=60, seed=7)
            struck.append([(await session.get("/api/v3/time")).status for _ in range(20)])
            venue.hub.faults.clear()
        assert struck[0] == struck[1]
        assert set(struck[0]) == {200, 502}

    playing(play)


# --- sockets


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013])
def test_open_sockets_can_be_closed_with_a_code(code: int) -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribed(session, DEPTH)
        fault(venue, "close", close_code=code)
        assert (await ending(socket)).data == code

    playing(play)


@pytest.mark.parametrize(("kind", "code"), [("protocol_error", 1002), ("oversized", 1009)])
def test_open_sockets_can_be_sent_what_no_client_takes(kind: str, code: int) -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribed(session, DEPTH)
        fault(venue, kind, socket="market")
        last = await ending(socket)
        assert last.type is aiohttp.WSMsgType.ERROR
        assert last.data.code == code

    playing(play)


def test_a_frame_can_be_put_in_and_only_the_named_sockets_get_it() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        trades, books = await subscribed(session, "btcusdt@trade"), await subscribed(session, DEPTH)
        fault(venue, "inject", stream="*@depth*", text="hello")
        while (text := await books.receive_str(timeout=WAIT_S)) != "hello":
            assert "depthUpdate" in text
        (known,) = [active for active in venue.hub.faults.history if active.fault.kind is FaultKind.INJECT]
        assert known.hits == 1
        await trades.close()
        await books.close()

    playing(play)


def test_a_ping_can_stay_unanswered() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribed(session, "btcusdt@kline_1M")
        await socket.ping(b"one")
        assert await next_pong(socket) == b"one"
        fault(venue, "no_pong")
        await socket.ping(b"two")
        await socket.ping(b"three")
        assert await next_pong(socket) == b"three"
        await socket.close()

    async def next_pong(socket: aiohttp.ClientWebSocketResponse) -> bytes:
        while (message := await socket.receive(timeout=WAIT_S)).type is not aiohttp.WSMsgType.PONG:
            pass
        return bytes(message.data)

    playing(play)


# --- frames


@pytest.mark.parametrize(
    ("kind", "fields", "is_spoiled"),
    [
        ("binary", {}, lambda message: message.type is aiohttp.WSMsgType.BINARY),
        ("wrong_shape", {}, lambda message: message.data == "[1,2]"),
        ("wrong_shape", {"text": "{}"}, lambda message: message.data == "{}"),
        ("wrong_type", {}, lambda message: '["abc","' in message.data),
        ("wrong_type", {"text": "null"}, lambda message: '[null,"' in message.data),
    ],
)
def test_one_frame_can_be_something_else(
    kind: str, fields: dict[str, str], is_spoiled: Callable[[aiohttp.WSMessage], bool]
) -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribed(session, DEPTH)
        fault(venue, kind, stream="*@depth*", **fields)
        messages = [await socket.receive(timeout=WAIT_S) for _ in range(4)]
        assert [is_spoiled(message) for message in messages].count(True) == 1
        await socket.close()

    playing(play)


def test_an_old_frame_can_be_told_again() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await subscribed(session, DEPTH)
        fault(venue, "replay", stream="*@depth*")
        texts = [await socket.receive_str(timeout=WAIT_S) for _ in range(4)]
        assert len(set(texts)) == 3
        await socket.close()

    playing(play)


def test_a_subscription_can_be_refused_or_stay_unacknowledged() -> None:
    async def play(venue: RunningVenue, session: aiohttp.ClientSession) -> None:
        socket = await session.ws_connect("/stream/ws/0")
        fault(venue, "error_ack", stream="btcusdt@*")
        fault(venue, "no_ack", stream="ethusdt@*")
        for number, stream in enumerate(["ethusdt@kline_1M", "btcusdt@kline_1M", "btcusdt@kline_1w"]):
            await socket.send_json({"method": "SUBSCRIBE", "params": [stream], "id": number})
        answers = []
        while len(answers) < 2:
            frame = await socket.receive_json(timeout=WAIT_S)
            answers += [frame] if "id" in frame else []
        assert answers[0]["error"]["code"] == 2
        assert (answers[0]["id"], answers[1]) == (1, {"result": None, "id": 2})
        (connection,) = venue.hub.connections.values()
        assert list(connection.subscriptions) == ["ethusdt@kline_1M", "btcusdt@kline_1w"]
        await socket.close()

    playing(play)
