"""Unmodified ccxt classes trade on the venue by configuration alone: sync, async and pro."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from ganglion.simulation.venue import VenueProcess, ccxt_settings
from tests.simulation.venue.support import until

BTC = "BTC/USDT"
FAR = 40_000


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueProcess]:
    with VenueProcess(["--seed", "3", "--account", "demo:demo", "--account", "poor:secret:USDT=20"]) as process:
        yield process


@pytest.fixture
def sync(venue: VenueProcess) -> Iterator[Any]:
    exchange = ccxt.binance(ccxt_settings(venue.base_url, "demo", "demo"))
    exchange.load_markets()
    yield exchange
    exchange.session.close()


def trading(venue: VenueProcess, flavour: Any, play: Callable[[Any], Awaitable[None]]) -> None:
    """Run `play` with an exchange of the flavour, and close it."""

    async def run() -> None:
        exchange = flavour.binance(ccxt_settings(venue.base_url, "demo", "demo"))
        try:
            await asyncio.wait_for(play(exchange), 15)
        finally:
            await exchange.close()

    asyncio.run(run())


async def user_stream(venue: VenueProcess) -> None:
    """Wait until the venue has opened a user stream for the account."""
    control = venue.control
    await until(lambda: any(c["account"] == "demo" for c in control.connections()), "the user stream")


# --- sync


def test_markets_have_the_venue_s_filters(sync: Any):
    market = sync.market(BTC)
    assert market["active"] is True
    assert market["precision"]["price"] == 0.01
    assert market["precision"]["amount"] == 0.00001
    assert market["limits"]["cost"]["min"] == 5
    assert market["taker"] == 0.001


def test_public_data_is_there(sync: Any):
    assert abs(sync.fetch_time() - sync.milliseconds()) < 5_000
    assert sync.fetch_ticker(BTC)["bid"] > 0
    assert set(sync.fetch_tickers()) == {BTC, "ETH/USDT"}
    assert set(sync.fetch_bids_asks()) == {BTC, "ETH/USDT"}
    assert sync.fetch_last_prices([BTC])[BTC]["price"] > 0
    book = sync.fetch_order_book(BTC, 20)
    assert len(book["bids"]) == len(book["asks"]) == 20
    assert book["bids"][0][0] < book["asks"][0][0]


def test_candles_are_there_to_warm_up_on_and_can_be_asked_from_a_time_on(sync: Any):
    candles = sync.fetch_ohlcv(BTC, "1m", limit=300)
    assert len(candles) == 300
    again = sync.fetch_ohlcv(BTC, "1m", since=candles[100][0], limit=50)
    assert again == candles[100:150]
    assert len(sync.fetch_ohlcv(BTC, "1d", limit=30)) == 30


def test_public_trades_are_what_moved_the_price(sync: Any, venue: VenueProcess):
    (trade_id,) = venue.control.sweep("ETH/USDT", "buy", "0.01")
    trades = {trade["id"]: trade for trade in sync.fetch_trades("ETH/USDT")}
    assert trades[str(trade_id)]["side"] == "buy"
    assert trades[str(trade_id)]["amount"] == 0.01


def test_a_limit_order_can_be_placed_found_and_canceled(sync: Any):
    order = sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": "find-me"})
    assert (order["status"], order["clientOrderId"], order["filled"]) == ("open", "find-me", 0)
    assert [o["id"] for o in sync.fetch_open_orders(BTC)] == [order["id"]]
    assert [str(o["orderId"]) for o in sync.private_get_openorders()] == [order["id"]]
    assert sync.fetch_order(order["id"], BTC)["status"] == "open"
    assert sync.fetch_order(None, BTC, {"clientOrderId": "find-me"})["id"] == order["id"]
    assert sync.fetch_balance()["USDT"]["used"] >= 400
    assert sync.cancel_order(order["id"], BTC)["status"] == "canceled"
    assert sync.fetch_order(order["id"], BTC)["status"] == "canceled"


def test_an_order_can_be_canceled_by_its_client_id(sync: Any):
    sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": "cancel-me"})
    canceled = sync.cancel_order(None, BTC, {"clientOrderId": "cancel-me"})
    assert (canceled["status"], canceled["info"]["origClientOrderId"]) == ("canceled", "cancel-me")
    # as on the real venue, `clientOrderId` of a cancel's answer is the cancel's own
    assert canceled["clientOrderId"] != "cancel-me"


def test_a_market_order_is_answered_with_its_fills_and_their_fee(sync: Any):
    order = sync.create_order(BTC, "market", "buy", 0.02)
    assert order["status"] == "closed"
    assert order["filled"] == 0.02
    assert order["fees"] == [{"currency": "BTC", "cost": 0.00002}]
    trades = sync.fetch_my_trades(BTC, params={"orderId": order["id"]})
    assert sum(trade["amount"] for trade in trades) == 0.02
    assert {(trade["side"], trade["takerOrMaker"]) for trade in trades} == {("buy", "taker")}


def test_a_market_order_can_be_sized_by_its_cost(sync: Any):
    order = sync.create_market_buy_order_with_cost(BTC, 500)
    assert order["status"] == "closed"
    assert 499 < order["cost"] <= 500


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK"])
def test_orders_that_find_nothing_expire(sync: Any, time_in_force: str):
    order = sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"timeInForce": time_in_force})
    assert (order["status"], order["filled"]) == ("expired", 0)


def test_lists_of_orders_and_trades_are_there(sync: Any):
    done = sync.create_order(BTC, "market", "sell", 0.01)
    sync.create_order(BTC, "limit", "buy", 0.01, FAR)
    assert done["id"] in {order["id"] for order in sync.fetch_orders(BTC)}
    assert done["id"] in {order["id"] for order in sync.fetch_closed_orders(BTC)}
    assert done["id"] in {trade["order"] for trade in sync.fetch_my_trades(BTC)}
    assert {o["status"] for o in sync.cancel_all_orders(BTC)} == {"canceled"}
    assert sync.fetch_open_orders(BTC) == []


def test_an_order_can_be_replaced(sync: Any):
    old = sync.create_order(BTC, "limit", "buy", 0.01, FAR)
    new = sync.edit_order(old["id"], BTC, "limit", "buy", 0.02, FAR + 1)
    assert (new["amount"], new["price"], new["status"]) == (0.02, FAR + 1, "open")
    assert sync.fetch_order(old["id"], BTC)["status"] == "canceled"
    sync.cancel_order(new["id"], BTC)


def test_fees_are_published(sync: Any):
    assert sync.fetch_trading_fee(BTC)["maker"] == 0.001


def refusals(exchange: Any) -> list[tuple[type[Exception], Callable[[], object]]]:
    buy = exchange.create_order
    return [
        (ccxt.InsufficientFunds, lambda: buy(BTC, "limit", "buy", 100, 60_000)),
        (ccxt.OrderImmediatelyFillable, lambda: buy(BTC, "limit", "buy", 0.01, 90_000, {"postOnly": True})),
        (ccxt.BadRequest, lambda: buy(BTC, "limit", "buy", 0.00001, FAR)),
        (ccxt.InvalidOrder, lambda: buy(BTC, "limit", "buy", 9_500, FAR)),
        (ccxt.OrderNotFound, lambda: exchange.cancel_order("999999", BTC)),
        (ccxt.OrderNotFound, lambda: exchange.fetch_order("999999", BTC)),
        (ccxt.BadSymbol, lambda: exchange.public_get_depth({"symbol": "NOPE"})),
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_refusal_is_the_exception_that_the_real_venue_causes(sync: Any, number: int):
    kind, act = refusals(sync)[number]
    with pytest.raises(kind):
        act()


def test_a_duplicate_client_id_is_refused_while_the_first_order_is_open(sync: Any):
    sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": "twice"})
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": "twice"})
    sync.cancel_order(None, BTC, {"clientOrderId": "twice"})
    sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": "twice"})
    sync.cancel_order(None, BTC, {"clientOrderId": "twice"})


@pytest.mark.parametrize(("key", "secret"), [("demo", "wrong"), ("nobody", "demo"), ("poor", "demo")])
def test_a_wrong_key_or_secret_is_an_authentication_error(venue: VenueProcess, key: str, secret: str):
    exchange = ccxt.binance(ccxt_settings(venue.base_url, key, secret))
    with pytest.raises(ccxt.AuthenticationError):
        exchange.fetch_balance()
    exchange.session.close()


def test_accounts_have_their_own_money_and_orders(venue: VenueProcess):
    exchange = ccxt.binance(ccxt_settings(venue.base_url, "poor", "secret"))
    assert exchange.fetch_balance()["total"] == {"USDT": 20}
    assert exchange.fetch_orders(BTC) == []
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(BTC, "market", "buy", 0.01)
    exchange.session.close()


# --- async


def test_the_async_class_trades_as_well(venue: VenueProcess):
    async def play(exchange: Any) -> None:
        await exchange.load_markets()
        assert (await exchange.fetch_order_book(BTC))["nonce"] > 0
        assert len(await exchange.fetch_ohlcv(BTC, "5m", limit=100)) == 100
        order = await exchange.create_order(BTC, "limit", "buy", 0.01, FAR, {"postOnly": True})
        assert (await exchange.fetch_order(order["id"], BTC))["postOnly"] is True
        assert (await exchange.cancel_order(order["id"], BTC))["status"] == "canceled"
        assert (await exchange.fetch_balance())["USDT"]["used"] == 0
        assert await exchange.fetch_my_trades(BTC) is not None
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order(order["id"], BTC)

    trading(venue, ccxt.async_support, play)


# --- pro


def test_market_streams_bring_books_trades_tickers_and_candles(venue: VenueProcess):
    async def play(exchange: Any) -> None:
        await exchange.load_markets()
        book, many, ticker, tickers, best, trades, candles = await asyncio.gather(
            exchange.watch_order_book("ETH/USDT"),
            exchange.watch_order_book_for_symbols([BTC, "ETH/USDT"]),
            exchange.watch_ticker(BTC),
            exchange.watch_tickers([BTC]),
            exchange.watch_bids_asks([BTC]),
            exchange.watch_trades(BTC),
            exchange.watch_ohlcv(BTC, "1m"),
        )
        assert book["bids"][0][0] < book["asks"][0][0]
        assert many["symbol"] in {BTC, "ETH/USDT"}
        assert ticker["last"] == tickers[BTC]["last"]
        assert best[BTC]["bid"] < best[BTC]["ask"]
        assert trades[-1]["price"] > 0
        assert candles[-1][5] >= 0
        assert await exchange.un_watch_order_book("ETH/USDT") is not None

    trading(venue, ccxt.pro, play)


def test_a_watched_book_equals_the_venue_s_at_the_same_number(venue: VenueProcess):
    async def play(exchange: Any) -> None:
        await exchange.load_markets()
        seen: dict[int, tuple[object, object]] = {}
        while len(seen) < 8:
            book = await exchange.watch_order_book(BTC)
            seen[book["nonce"]] = ([list(b) for b in book["bids"][:25]], [list(a) for a in book["asks"][:25]])
        for _ in range(100):
            rest = await exchange.fetch_order_book(BTC, 25)
            while max(seen) < rest["nonce"]:
                book = await exchange.watch_order_book(BTC)
                seen[book["nonce"]] = ([list(b) for b in book["bids"][:25]], [list(a) for a in book["asks"][:25]])
            if rest["nonce"] in seen:
                assert seen[rest["nonce"]] == (rest["bids"], rest["asks"])
                return
        pytest.fail("no REST snapshot fell between two changes")

    trading(venue, ccxt.pro, play)


def test_the_user_stream_reports_orders_fills_and_balances(venue: VenueProcess):
    async def play(exchange: Any) -> None:
        await exchange.load_markets()
        watchers = [
            asyncio.ensure_future(watch)
            for watch in (exchange.watch_orders(), exchange.watch_my_trades(), exchange.watch_balance())
        ]
        await user_stream(venue)
        placed = await exchange.create_order(BTC, "market", "buy", 0.02, None, {"clientOrderId": "watched"})
        orders, trades, balance = await asyncio.gather(*watchers)
        assert {order["clientOrderId"] for order in orders} == {"watched"}
        assert trades[-1]["order"] == placed["id"]
        assert trades[-1]["fee"]["currency"] == "BTC"
        rest = await exchange.fetch_balance()
        assert balance["USDT"]["free"] == rest["USDT"]["free"]

    trading(venue, ccxt.pro, play)


def test_a_cancel_is_reported_under_the_order_s_own_client_id(venue: VenueProcess):
    async def play(exchange: Any) -> None:
        await exchange.load_markets()
        order = await exchange.create_order(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": "mine"})
        watcher = asyncio.ensure_future(exchange.watch_orders())
        await user_stream(venue)
        await exchange.cancel_order(order["id"], BTC)
        (report,) = await watcher
        assert (report["clientOrderId"], report["status"]) == ("mine", "canceled")

    trading(venue, ccxt.pro, play)


def test_orders_can_be_placed_queried_and_canceled_over_the_websocket_api(venue: VenueProcess):
    async def play(exchange: Any) -> None:
        await exchange.load_markets()
        order = await exchange.create_order_ws(BTC, "limit", "buy", 0.01, FAR)
        assert order["status"] == "open"
        assert (await exchange.fetch_order_ws(order["id"], BTC))["id"] == order["id"]
        assert order["id"] in {o["id"] for o in await exchange.fetch_open_orders_ws(BTC)}
        # ccxt does not parse a spot account here, it only hands it on
        assert (await exchange.fetch_balance_ws())["info"]["accountType"] == "SPOT"
        assert (await exchange.cancel_order_ws(order["id"], BTC))["status"] == "canceled"
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order_ws(order["id"], BTC)
        with pytest.raises(ccxt.InsufficientFunds):
            await exchange.create_order_ws(BTC, "limit", "buy", 100, 60_000)

    trading(venue, ccxt.pro, play)


def test_a_wrong_secret_cannot_open_the_user_stream(venue: VenueProcess):
    async def run() -> None:
        exchange = ccxt.pro.binance(ccxt_settings(venue.base_url, "demo", "wrong"))
        try:
            # ccxt 4.5.90 trips over its own clean-up and raises KeyError from the AuthenticationError
            with pytest.raises((ccxt.AuthenticationError, KeyError)) as raised:
                await asyncio.wait_for(exchange.watch_orders(), 10)
            cause = raised.value if isinstance(raised.value, ccxt.AuthenticationError) else raised.value.__context__
            assert "-1022" in str(cause)
        finally:
            await exchange.close()

    asyncio.run(run())


def test_money_is_still_conserved_after_all_this(venue: VenueProcess):
    ledger = venue.control.ledger()
    assert ledger["totals"] == ledger["deposited"]
    assert all(fill["counterparty"].startswith("flow:") for fill in ledger["accounts"]["demo"]["fills"])
