"""Unmodified ccxt.kraken trades on the venue by configuration alone: sync, async and pro."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from ganglion.simulation.venue import VenueProcess, ccxt_settings
from tests.simulation.venue.kraken.support import BTC, ETH
from tests.simulation.venue.support import until

FAR = 40_000


@pytest.fixture(scope="module")
def sync(process: VenueProcess) -> Iterator[Any]:
    exchange = ccxt.kraken(settings_of(process))
    exchange.load_markets()
    yield exchange
    exchange.session.close()


def settings_of(venue: VenueProcess, key: str = "demo", secret: str = "") -> dict[str, object]:
    return ccxt_settings(venue.base_url, key, secret or key, "kraken")


def trading(venue: VenueProcess, flavour: Any, play: Callable[[Any], Awaitable[None]]) -> None:
    """Run `play` with an exchange of the flavour, and close it."""

    async def run() -> None:
        exchange = flavour.kraken(settings_of(venue))
        try:
            await asyncio.wait_for(play(exchange), 15)
        finally:
            await exchange.close()

    asyncio.run(run())


async def user_stream(venue: VenueProcess, channel: str) -> None:
    """Wait until the venue has opened a private channel for the account."""
    control = venue.control
    await until(lambda: any(channel in c["subscriptions"] for c in control.connections()), "the user stream")


# --- sync


def test_markets_have_the_venues_filters_under_unified_symbols(sync: Any):
    assert set(sync.symbols) == {BTC, ETH, "ETH/BTC"}
    market = sync.market(BTC)
    assert (market["id"], market["active"], market["taker"]) == ("XBTUSDT", True, 0.001)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert (market["limits"]["cost"]["min"], market["limits"]["amount"]["min"]) == (5, 0.00001)
    assert sync.currency("BTC")["id"] == "XXBT"


def test_public_data_is_there(sync: Any):
    assert abs(sync.fetch_time() - sync.milliseconds()) < 5_000
    assert sync.fetch_status()["status"] == "ok"
    assert sync.fetch_ticker(BTC)["bid"] > 0
    assert set(sync.fetch_tickers()) == {BTC, ETH, "ETH/BTC"}
    book = sync.fetch_order_book(BTC, 20)
    assert len(book["bids"]) == len(book["asks"]) == 20
    assert book["bids"][0][0] < book["asks"][0][0]


def test_candles_are_there_to_warm_up_on_and_can_be_asked_from_a_time_on(sync: Any):
    candles = sync.fetch_ohlcv(BTC, "1m", limit=300)
    assert len(candles) == 300
    again = sync.fetch_ohlcv(BTC, "1m", since=candles[-50][0], limit=30)
    assert [row[0] for row in again] == [row[0] for row in candles[-50:-20]]
    assert len(sync.fetch_ohlcv(BTC, "1d", limit=30)) == 30


def test_public_trades_are_what_moved_the_price(sync: Any, venue: VenueProcess):
    (trade_id,) = venue.control.sweep(ETH, "buy", "0.01")
    trades = {trade["id"]: trade for trade in sync.fetch_trades(ETH)}
    assert (trades[str(trade_id)]["side"], trades[str(trade_id)]["amount"]) == ("buy", 0.01)


def test_a_limit_order_can_be_placed_found_and_canceled(sync: Any):
    order = sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": "findme"})
    # as on the real venue: the answer says neither status nor client id
    assert (order["status"], order["clientOrderId"], order["amount"], order["price"]) == (None, None, 0.01, FAR)
    found = sync.fetch_order(order["id"], BTC)
    assert (found["status"], found["clientOrderId"], found["filled"]) == ("open", "findme", 0)
    assert order["id"] in [o["id"] for o in sync.fetch_open_orders(BTC)]
    assert [o["id"] for o in sync.fetch_open_orders(BTC, params={"clientOrderId": "findme"})] == [order["id"]]
    assert sync.fetch_balance()["USDT"]["used"] >= 400.4
    assert sync.cancel_order(order["id"], BTC)["info"]["result"] == {"count": 1}
    assert sync.fetch_order(order["id"], BTC)["status"] == "canceled"
    closed = sync.fetch_closed_orders(BTC, params={"clientOrderId": "findme"})
    assert [(o["id"], o["status"]) for o in closed] == [(order["id"], "canceled")]


def test_fetch_order_asks_for_another_field_than_create_order_wrote(sync: Any, venue: VenueProcess):
    order = sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": "notthis"})
    with pytest.raises((ccxt.ExchangeError, TypeError)):
        sync.fetch_order(order["id"], BTC, {"clientOrderId": "notthis"})
    sync.cancel_order(order["id"], BTC)


def test_an_order_can_be_canceled_by_its_client_id(sync: Any):
    order = sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": "cancelme"})
    sync.cancel_order(None, BTC, {"clientOrderId": "cancelme"})
    assert sync.fetch_order(order["id"], BTC)["status"] == "canceled"


def test_a_market_order_pays_its_fee_in_quote(sync: Any):
    order = sync.create_order(BTC, "market", "buy", 0.02)
    found = sync.fetch_order(order["id"], BTC)
    assert (found["status"], found["filled"], found["fee"]["currency"]) == ("closed", 0.02, "USDT")
    trades = [trade for trade in sync.fetch_my_trades(BTC) if trade["order"] == order["id"]]
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.02)
    assert {(t["side"], t["takerOrMaker"], t["fee"]["currency"]) for t in trades} == {("buy", "taker", "USDT")}
    assert sum(trade["fee"]["cost"] for trade in trades) == pytest.approx(float(found["fee"]["cost"]))


def test_a_market_order_can_be_sized_by_its_cost(sync: Any):
    order = sync.create_market_buy_order_with_cost(BTC, 500)
    assert sync.fetch_order(order["id"], BTC)["status"] == "closed"


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK"])
def test_orders_that_find_nothing_end_canceled(sync: Any, time_in_force: str):
    order = sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"timeInForce": time_in_force})
    found = sync.fetch_order(order["id"], BTC)
    assert (found["status"], found["filled"]) == ("canceled", 0)


def test_a_post_only_order_rests(sync: Any):
    order = sync.create_order(BTC, "limit", "buy", 0.01, FAR, {"postOnly": True})
    assert sync.fetch_order(order["id"], BTC)["postOnly"] is True
    sync.cancel_order(order["id"], BTC)


def test_an_order_can_be_edited_in_place(sync: Any):
    order = sync.create_order(BTC, "limit", "buy", 0.01, FAR)
    sync.edit_order(order["id"], BTC, "limit", "buy", 0.02, FAR + 1)
    found = sync.fetch_order(order["id"], BTC)
    assert (found["amount"], found["price"], found["status"]) == (0.02, FAR + 1, "open")
    assert next(o["info"]["result"] for o in sync.cancel_all_orders())["count"] >= 1


def test_the_dead_mans_switch_can_be_set_and_unset(sync: Any):
    assert sync.cancel_all_orders_after(60_000)["result"]["triggerTime"] != "0"
    assert sync.cancel_all_orders_after(0)["result"]["triggerTime"] == "0"


def test_fees_are_published(sync: Any):
    assert sync.fetch_trading_fee(BTC)["maker"] == 0.001


def refusals(exchange: Any) -> list[tuple[type[Exception], Callable[[], object]]]:
    buy = exchange.create_order
    return [
        (ccxt.InsufficientFunds, lambda: buy(BTC, "limit", "buy", 100, 60_000)),
        (ccxt.InvalidOrder, lambda: buy(BTC, "limit", "buy", 9_500, FAR)),
        (ccxt.OrderNotFound, lambda: exchange.cancel_order("OAAAAA-BBBBB-CCCCCC", BTC)),
        (ccxt.OrderNotFound, lambda: exchange.fetch_order("O0XOO4-BJ000-00ZZZZ", BTC)),
        # ccxt has no class for these texts: it cannot tell them from a failure
        (ccxt.ExchangeError, lambda: buy(BTC, "limit", "buy", 0.01, 90_000, {"postOnly": True})),
        (ccxt.ExchangeError, lambda: exchange.public_get_depth({"pair": "NOPE"})),
    ]


@pytest.mark.parametrize("number", range(6))
def test_a_refusal_is_the_exception_that_the_real_venue_causes(sync: Any, number: int):
    kind, act = refusals(sync)[number]
    with pytest.raises(kind) as raised:
        act()
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("EAPI:Invalid key", ccxt.AuthenticationError),
        ("EAPI:Invalid nonce", ccxt.InvalidNonce),
        ("EAPI:Rate limit exceeded", ccxt.DDoSProtection),
        ("EGeneral:Permission denied", ccxt.PermissionDenied),
        ("EGeneral:Internal error", ccxt.ExchangeNotAvailable),
        ("EGeneral:Temporary lockout", ccxt.DDoSProtection),
        ("EOrder:Insufficient funds", ccxt.InsufficientFunds),
        ("EOrder:Order minimum not met", ccxt.InvalidOrder),
        ("EOrder:Rate limit exceeded", ccxt.DDoSProtection),
        ("EService:Busy", ccxt.ExchangeNotAvailable),
        ("EService:Unavailable", ccxt.ExchangeNotAvailable),
        ("EService:Market in cancel_only mode", ccxt.OnMaintenance),
        ("EService:Market in post_only mode", ccxt.OnMaintenance),
        ("ETrade:User Locked", ccxt.AccountSuspended),
        ("EUnknown:This text is in nobody's table", ccxt.ExchangeError),
    ],
)
def test_a_text_is_the_exception_that_the_real_venue_causes(
    venue: VenueProcess, sync: Any, answer: str, kind: type[Exception]
):
    venue.control.fault("answer", requests="place", answer=answer)
    with pytest.raises(kind) as raised:
        sync.create_order(BTC, "limit", "buy", 0.01, FAR)
    assert type(raised.value) is kind


@pytest.mark.parametrize(("key", "secret"), [("demo", "wrong"), ("nobody", "nobody")])
def test_a_wrong_key_or_secret_is_refused(venue: VenueProcess, key: str, secret: str):
    exchange = ccxt.kraken(settings_of(venue, key, secret))
    with pytest.raises(ccxt.ExchangeError, match=r"EAPI:Invalid (key|signature)"):
        exchange.fetch_balance()
    exchange.session.close()


def test_accounts_have_their_own_money_and_orders(venue: VenueProcess):
    exchange = ccxt.kraken(settings_of(venue, "poor"))
    assert exchange.fetch_balance()["total"] == {"USDT": 20}
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(BTC, "market", "buy", 0.01)
    exchange.session.close()


# --- async


def test_the_async_class_trades_as_well(venue: VenueProcess):
    async def play(exchange: Any) -> None:
        await exchange.load_markets()
        assert len((await exchange.fetch_order_book(BTC))["bids"]) > 10
        assert len(await exchange.fetch_ohlcv(BTC, "5m", limit=100)) == 100
        order = await exchange.create_order(BTC, "limit", "buy", 0.01, FAR, {"postOnly": True})
        assert (await exchange.fetch_order(order["id"], BTC))["postOnly"] is True
        await exchange.cancel_order(order["id"], BTC)
        assert (await exchange.fetch_balance())["USDT"]["used"] == 0
        assert await exchange.fetch_my_trades(BTC) is not None
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order(order["id"], BTC)

    trading(venue, ccxt.async_support, play)


# --- pro


def test_market_streams_bring_books_trades_tickers_and_candles(venue: VenueProcess):
    async def play(exchange: Any) -> None:
        await exchange.load_markets()
        book, ticker, trades, candles = await asyncio.gather(
            exchange.watch_order_book(ETH, 25),
            exchange.watch_ticker(BTC),
            exchange.watch_trades(BTC),
            exchange.watch_ohlcv(BTC, "1m"),
        )
        assert len(book["bids"]) == 25
        assert book["bids"][0][0] < book["asks"][0][0]
        assert ticker["bid"] < ticker["ask"]
        assert trades[-1]["price"] > 0
        assert float(candles[-1][5]) >= 0
        later = await exchange.watch_order_book(ETH, 25)
        assert later["timestamp"] is not None, "an update came"

    trading(venue, ccxt.pro, play)


def test_the_user_stream_reports_orders_fills_and_balances(venue: VenueProcess):
    async def play(exchange: Any) -> None:
        await exchange.load_markets()
        assert (await exchange.watch_balance())["USDT"]["total"] > 0
        watchers = [asyncio.ensure_future(watch) for watch in (exchange.watch_orders(ETH), exchange.watch_my_trades())]
        await user_stream(venue, "executions")
        placed = await exchange.create_order(ETH, "market", "buy", 0.02, None, {"clientOrderId": "watched"})
        balance = await exchange.watch_balance()
        orders, trades = await asyncio.gather(*watchers)
        assert orders[-1]["info"]["cl_ord_id"] == "watched"
        assert (trades[-1]["order"], trades[-1]["fee"]["currency"]) == (placed["id"], "USDT")
        rest = await exchange.fetch_balance()
        assert balance["USDT"]["total"] == rest["USDT"]["total"]

    trading(venue, ccxt.pro, play)


def test_orders_can_be_placed_and_canceled_over_the_socket(venue: VenueProcess):
    async def play(exchange: Any) -> None:
        await exchange.load_markets()
        order = await exchange.create_order_ws(BTC, "limit", "buy", 0.01, FAR, {"clientOrderId": "bysocket"})
        assert (await exchange.fetch_order(order["id"]))["clientOrderId"] == "bysocket"
        assert (await exchange.cancel_order_ws(order["id"]))["success"] is True
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order_ws(order["id"])
        with pytest.raises(ccxt.ExchangeError, match="Insufficient funds"):
            await exchange.create_order_ws(BTC, "limit", "buy", 100, 60_000)

    trading(venue, ccxt.pro, play)


def test_money_is_still_conserved_after_all_this(venue: VenueProcess):
    ledger = venue.control.ledger()
    assert ledger["totals"] == ledger["deposited"]
