"""Kraken's WebSocket v2 as a client reads it: books with checksums, sparse reports, answers and refusals."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ganglion.simulation.venue import VenueProcess
from tests.simulation.venue.kraken.support import BTC, FAR, Raw, Socket, private_socket, socket


def play(work: Callable[[], Awaitable[None]]) -> None:
    """Run a scene on a loop of its own, and never for ever."""
    asyncio.run(asyncio.wait_for(work(), 30))


class Book:
    """A book as any client keeps it: snapshot, updates, cut to its depth after each."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[float, tuple[str, str]]] = {"bids": {}, "asks": {}}

    def take(self, data: dict[str, Any]) -> None:
        """Apply one entry of a frame; its numbers are texts, as they were on the wire."""
        for name, side in self.sides.items():
            for level in data[name]:
                side.pop(float(level["price"]), None)
                if float(level["qty"]):
                    side[float(level["price"])] = (level["price"], level["qty"])
            for price in sorted(side, reverse=name == "bids")[self.depth :]:
                del side[price]

    def checksum(self) -> int:
        """By the published rule, from the digits as they came."""
        digits = ""
        for name in ("asks", "bids"):
            side = self.sides[name]
            for price in sorted(side, reverse=name == "bids")[:10]:
                digits += "".join(text.replace(".", "").lstrip("0") for text in side[price])
        return zlib.crc32(digits.encode())


@pytest.mark.parametrize("depth", [10, 25])
def test_a_client_that_follows_the_book_has_every_checksum_right(venue: VenueProcess, depth: int):
    async def work() -> None:
        async with socket(venue.base_url) as link:
            await link.send("subscribe", channel="book", symbol=[BTC], depth=depth)
            book = Book(depth)
            first = (await link.data("book", "snapshot"))["data"][0]
            book.take(first)
            assert book.checksum() == first["checksum"]
            assert len(book.sides["bids"]) == depth
            for _ in range(8):
                data = (await link.data("book", "update"))["data"][0]
                book.take(data)
                assert book.checksum() == data["checksum"]

    play(work)


def test_a_book_with_a_frame_left_out_has_a_wrong_checksum(venue: VenueProcess):
    async def work() -> None:
        async with socket(venue.base_url) as link:
            await link.send("subscribe", channel="book", symbol=[BTC], depth=10)
            book = Book(10)
            book.take((await link.data("book", "snapshot"))["data"][0])
            wrong = False
            while not wrong:
                # what the next frame says anew is no difference any more
                venue.control.fault("gap", stream="book-10@*")
                for _ in range(3):
                    data = (await link.data("book", "update"))["data"][0]
                    book.take(data)
                    wrong = wrong or book.checksum() != data["checksum"]

    play(work)


def test_a_second_client_joins_a_book_that_is_followed_already(venue: VenueProcess):
    async def work() -> None:
        async with socket(venue.base_url) as one, socket(venue.base_url) as two:
            books = []
            for link in (one, two):
                await link.send("subscribe", channel="book", symbol=[BTC], depth=10)
                book = Book(10)
                book.take((await link.data("book", "snapshot"))["data"][0])
                books.append(book)
            for _ in range(4):
                for link, book in zip((one, two), books, strict=True):
                    data = (await link.data("book", "update"))["data"][0]
                    book.take(data)
                    assert book.checksum() == data["checksum"]

    play(work)


def test_each_symbol_is_acknowledged_by_itself_and_a_wrong_one_refused(venue: VenueProcess):
    async def work() -> None:
        async with socket(venue.base_url) as link:
            assert (await link.data("status", "update"))["data"][0]["api_version"] == "v2"
            await link.send("subscribe", 7, channel="ticker", symbol=[BTC, "NO/PE"])
            good, bad = await link.answer("subscribe"), await link.answer("subscribe")
            assert (good["success"], good["result"]["symbol"], good["req_id"]) == (True, BTC, 7)
            assert (bad["success"], bad["error"]) == (False, "Currency pair not supported NO/PE")
            await link.send("subscribe", channel="ticker", symbol=[BTC])
            assert (await link.answer("subscribe"))["error"] == "Already subscribed"
            await link.send("unsubscribe", channel="ticker", symbol=[BTC])
            assert (await link.answer("unsubscribe"))["success"] is True
            await link.send("subscribe", channel="book", symbol=[BTC], depth=11)
            assert (await link.answer("subscribe"))["error"] == "Subscription depth not supported"

    play(work)


def test_pings_are_answered_and_a_listener_hears_a_heartbeat(venue: VenueProcess):
    async def work() -> None:
        async with socket(venue.base_url) as link:
            await link.send("ping", 3)
            assert (await link.answer("pong"))["req_id"] == 3
            await link.send("subscribe", channel="ticker", symbol=[BTC])
            await link.until(lambda frame: frame == {"channel": "heartbeat"})

    play(work)


def test_the_first_protocol_greets_and_answers_pings(venue: VenueProcess):
    async def work() -> None:
        async with socket(venue.base_url, "/private") as link:
            await link.until(lambda frame: frame.get("event") == "systemStatus")
            await link._link.send_json({"event": "ping", "reqid": 9})
            assert (await link.until(lambda frame: frame.get("event") == "pong"))["reqid"] == 9

    play(work)


async def listening(link: Socket, token: str, channel: str = "executions", **params: Any) -> dict[str, Any]:
    """Subscribe to a private channel; its snapshot."""
    await link.send("subscribe", channel=channel, token=token, **params)
    assert (await link.answer("subscribe"))["success"] is True
    return await link.data(channel, "snapshot")


def test_only_the_first_report_of_an_order_names_its_market(raw: Raw):
    async def work() -> None:
        async with private_socket(raw) as (link, token):
            await listening(link, token)
            txid = raw.placed(cl_ord_id="sparse1", userref="3")
            first = await link.execution("pending_new", cl_ord_id="sparse1")
            assert (first["symbol"], first["order_id"], first["order_qty"]) == (BTC, txid, "0.01000000")
            second = await link.execution("new", cl_ord_id="sparse1")
            assert set(second) == {"timestamp", "order_status", "exec_type", "order_id", "order_userref", "cl_ord_id"}
            raw.private("CancelOrder", txid=txid)
            last = await link.execution("canceled", cl_ord_id="sparse1")
            assert "symbol" not in last
            assert (last["reason"], float(last["cum_qty"])) == ("User requested", 0)

    play(work)


def test_a_fill_is_a_report_of_its_own_and_so_is_its_end(raw: Raw):
    async def work() -> None:
        async with private_socket(raw) as (link, token):
            await listening(link, token)
            txid = raw.placed(ordertype="market", price=None, volume="0.0002", cl_ord_id="filled1")
            trade = await link.execution("trade", cl_ord_id="filled1")
            shown = raw.shown(txid)
            assert [trade["exec_id"]] == shown["trades"]
            assert (trade["fees"], trade["liquidity_ind"]) == ([{"asset": "USDT", "qty": shown["fee"]}], "t")
            done = await link.execution("filled", cl_ord_id="filled1")
            assert (done["cum_qty"], done["cum_cost"]) == (shown["vol_exec"], shown["cost"])

    play(work)


def test_a_snapshot_has_the_open_orders_and_on_request_the_last_trades(raw: Raw):
    async def work() -> None:
        txid = raw.placed(cl_ord_id="there1")
        raw.placed(ordertype="market", price=None, volume="0.0002")
        async with private_socket(raw) as (link, token):
            snapshot = await listening(link, token, snap_trades=True)
            assert txid in {report["order_id"] for report in snapshot["data"]}
            trades = await link.data("executions", "snapshot")
            assert {report["exec_type"] for report in trades["data"]} == {"trade"}
        raw.private("CancelOrder", txid=txid)

    play(work)


def test_an_amendment_is_reported_with_what_changed(raw: Raw):
    async def work() -> None:
        async with private_socket(raw) as (link, token):
            await listening(link, token)
            txid = raw.placed(cl_ord_id="amended2")
            raw.private("AmendOrder", txid=txid, limit_price="40001")
            report = await link.execution("amended", cl_ord_id="amended2")
            assert (report["limit_price"], report["amended"]) == ("40001.00", True)
            raw.private("CancelOrder", txid=txid)

    play(work)


def test_a_hidden_fill_is_told_to_nobody_and_looks_like_a_cancel(venue: VenueProcess, raw: Raw):
    async def work() -> None:
        async with private_socket(raw) as (link, token):
            await listening(link, token)
            venue.control.hide_fill("demo")
            raw.placed(ordertype="market", price=None, volume="0.0002", cl_ord_id="hidden1")
            ended = await link.execution("canceled", cl_ord_id="hidden1")
            assert float(ended["cum_qty"]) == 0
            assert "trade" not in {r["exec_type"] for f in link.frames for r in f.get("data", ()) if "exec_type" in r}

    play(work)


def test_balances_are_totals_and_change_with_fills_alone(raw: Raw):
    async def work() -> None:
        async with private_socket(raw) as (link, token):
            snapshot = await listening(link, token, "balances")
            before = {entry["asset"]: entry["balance"] for entry in snapshot["data"]}
            raw.private("CancelOrder", txid=raw.placed())
            raw.placed(ordertype="market", price=None, volume="0.0002")
            update = (await link.data("balances", "update"))["data"]
            assert {entry["asset"] for entry in update} == {"BTC", "USDT"}
            bought = next(entry for entry in update if entry["asset"] == "BTC")
            assert float(bought["balance"]) == pytest.approx(float(before["BTC"]) + 0.0002)

    play(work)


def test_without_a_token_nothing_private_is_told(raw: Raw):
    async def work() -> None:
        async with private_socket(raw) as (link, _token):
            await link.send("subscribe", channel="executions", token="guessed")
            refused = await link.answer("subscribe")
            assert (refused["success"], refused["error"]) == (False, "ESession:Invalid session")

    play(work)


def test_orders_can_be_placed_amended_and_canceled_over_the_socket(raw: Raw):
    async def work() -> None:
        async with private_socket(raw) as (link, token):
            order = {"order_type": "limit", "side": "buy", "symbol": BTC, "order_qty": 0.01, "limit_price": float(FAR)}
            await link.send("add_order", token=token, cl_ord_id="socket1", post_only=True, **order)
            placed = (await link.answer("add_order"))["result"]
            assert placed["cl_ord_id"] == "socket1"
            assert "post" in raw.shown(placed["order_id"])["oflags"]
            await link.send("amend_order", token=token, order_id=placed["order_id"], limit_price=40001.0)
            assert (await link.answer("amend_order"))["result"]["order_id"] == placed["order_id"]
            await link.send("cancel_order", token=token, order_id=[placed["order_id"]])
            assert (await link.answer("cancel_order"))["result"] == {"order_id": placed["order_id"]}
            await link.send("cancel_order", token=token, order_id=[placed["order_id"]])
            assert (await link.answer("cancel_order"))["error"] == "EOrder:Unknown order"
            await link.send("add_order", token=token, **(order | {"order_qty": 100}))
            assert (await link.answer("add_order"))["error"] == "EOrder:Insufficient funds"
            await link.send("batch_anything", token=token)
            assert (await link.answer("batch_anything"))["success"] is False

    play(work)


def test_what_is_no_request_is_refused(venue: VenueProcess):
    async def work() -> None:
        async with socket(venue.base_url) as link:
            await link._link.send_str("[1, 2]")
            assert (await link.until(lambda frame: "error" in frame))["error"] == "Malformed request"

    play(work)


def test_candles_and_trades_tell_the_same_story(venue: VenueProcess):
    async def work() -> None:
        async with socket(venue.base_url) as link:
            await link.send("subscribe", channel="ohlc", symbol=[BTC], interval=1)
            assert len((await link.data("ohlc", "snapshot"))["data"]) > 1
            await link.send("subscribe", channel="trade", symbol=[BTC])
            trade = (await link.data("trade", "update"))["data"][0]
            price, found = float(trade["price"]), False
            while not found:
                candles = (await link.data("ohlc", "update"))["data"]
                found = any(float(candle["low"]) <= price <= float(candle["high"]) for candle in candles)

    play(work)
