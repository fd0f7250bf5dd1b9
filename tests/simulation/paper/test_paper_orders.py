"""What paper orders get of a live market, and what they don't: fills, fees, cancels."""

from ganglion.messages.values import TimeInForce
from ganglion.messages.venue import (
    FetchMyTrades,
    FetchOrder,
    OrdersStreamed,
    TradesFetched,
)
from ganglion.simulation.backtest import FillSettings
from ganglion.simulation.paper.exchange import QUIET_S
from tests.simulation.paper.scene import BTC, START_MS, D, Scene, market, resting

# ---------------------------------------------------------------- orders that cross


def test_a_market_order_takes_the_levels_as_far_as_they_reach_and_the_rest_of_it_expires():
    scene = Scene().opens()
    scene.place("a", "buy", "5")
    scene.nothing_new()
    assert scene.fills == [("a", 101.0, 1.0), ("a", 102.0, 1.0), ("a", 103.0, 1.0)]
    assert scene.stands("a") == "expired"
    assert scene.balances() == {"BTC": (D("12.997"), D(0)), "USDT": (D(100_000 - 306), D(0))}


def test_an_order_meets_the_book_that_comes_after_it_not_the_one_it_was_decided_on():
    scene = Scene().opens()
    scene.place("a", "buy", "1")
    assert scene.fills == []
    scene.change(asks=[(101, 0), (102, 2)])
    assert scene.fills == [("a", 102.0, 1.0)]


def test_before_its_latency_is_over_an_order_meets_nothing():
    scene = Scene(fills=FillSettings(latency_s=0.5)).opens()
    scene.place("a", "buy", "1")
    scene.time.passes(0.4)
    scene.nothing_new()
    assert scene.fills == []
    scene.time.passes(0.2)
    scene.nothing_new()
    assert scene.fills == [("a", 101.0, 1.0)]


def test_a_market_that_says_nothing_while_its_stream_is_up_is_met_as_it_stands():
    scene = Scene().opens()
    scene.place("a", "buy", "1")
    scene.time.passes(QUIET_S - 0.1)
    assert scene.fills == []
    scene.time.passes(0.2)
    assert scene.fills == [("a", 101.0, 1.0)]


def test_what_was_taken_of_a_level_is_not_there_again_before_it_was_gone():
    scene = Scene().opens()
    for name in ("a", "b"):
        scene.place(name, "buy", "0.6", "101", time_in_force=TimeInForce.IOC)
        scene.nothing_new()
    assert scene.fills == [("a", 101.0, 0.6), ("b", 101.0, 0.4)]
    scene.change(asks=[(101, 1.5)])
    scene.place("c", "buy", "2", "101", time_in_force=TimeInForce.IOC)
    scene.nothing_new()
    assert scene.fills[2:] == [("c", 101.0, 0.5)]
    scene.book([(100, 1)], [(102, 1)])
    scene.book([(100, 1)], [(101, 1)])
    scene.place("d", "buy", "2", "101", time_in_force=TimeInForce.IOC)
    scene.nothing_new()
    assert scene.fills[3:] == [("d", 101.0, 1.0)]
    scene.change(asks=[(101, 0), (102, 1)])
    scene.change(asks=[(101, 1)])
    scene.place("e", "buy", "2", "101", time_in_force=TimeInForce.IOC)
    scene.nothing_new()
    assert scene.fills[4:] == [("e", 101.0, 1.0)]


def test_a_share_of_what_stands_there_is_all_that_orders_get_where_the_model_says_so():
    scene = Scene(fills=FillSettings(participation=0.25, slippage_pct=0.1)).opens()
    scene.place("a", "sell", "0.5")
    scene.nothing_new()
    assert scene.fills == [("a", 99.9, 0.25), ("a", 98.9, 0.25)]


def test_a_post_only_order_that_would_take_is_refused_as_the_venue_would():
    scene = Scene().opens()
    scene.place("a", "buy", "1", "101", post_only=True)
    scene.nothing_new()
    assert scene.answer("a").failure.error == "OrderImmediatelyFillable"


def test_money_that_is_not_there_buys_nothing():
    scene = Scene(USDT="50").opens()
    scene.place("a", "buy", "1", "100")
    scene.nothing_new()
    assert scene.answer("a").failure.error == "InsufficientFunds"


# ---------------------------------------------------------------- orders that rest


def test_a_resting_order_is_filled_at_its_price_as_far_as_the_book_comes_through_it():
    scene = resting()
    scene.change(asks=[(100.25, 0.5), (100.5, 3)])
    assert scene.fills == [("a", 100.5, 0.5)]
    scene.nothing_new()
    assert scene.fills == [("a", 100.5, 0.5)]
    scene.change(asks=[(100.3, 9)])
    assert scene.fills == [("a", 100.5, 0.5), ("a", 100.5, 1.5)]
    assert scene.stands("a") == "filled"


def test_a_resting_order_is_filled_by_trades_that_go_through_it_as_much_as_was_traded():
    scene = resting()
    scene.prints(100.5, 5)
    assert scene.fills == []
    scene.prints(100.4, 0.3)
    assert scene.fills == [("a", 100.5, 0.3)]
    assert scene.stands("a") == "partially_filled"


def test_a_resting_sell_is_filled_by_what_goes_above_it():
    scene = resting("100.5", side="sell")
    scene.prints(100.4, 1)
    scene.change(bids=[(100.6, 9)])
    assert scene.fills == [("a", 100.5, 2.0)]


def test_touches_fill_where_the_model_says_so():
    scene = resting(touch_fills=True)
    scene.prints(100.5, 0.5)
    scene.change(asks=[(100.5, 9)])
    assert scene.fills == [("a", 100.5, 0.5), ("a", 100.5, 1.5)]


def test_with_a_queue_what_stood_at_the_price_is_served_first():
    scene = resting("100", queue=True)
    scene.prints(100, 1)
    assert scene.fills == []
    scene.prints(100, 0.5)
    assert scene.fills == [("a", 100.0, 0.5)]


def test_trades_from_before_an_order_was_there_are_not_for_it():
    scene = Scene().opens()
    scene.time.passes(10.0)
    scene.place("a", "buy", "1", "100.5")
    scene.nothing_new()
    scene.prints(99, 5, ago_s=5.0)
    assert scene.stands("a") == "new"
    scene.prints(99, 5)
    assert scene.stands("a") == "filled"


def test_a_fill_is_told_with_its_fee_and_shows_in_every_reading():
    scene = resting(amount="1")
    scene.prints(100, 1)
    assert scene.balances() == {"BTC": (D("10.999"), D(0)), "USDT": (D("99899.5"), D(0))}
    scene.ask(FetchMyTrades(scene.number(), BTC, START_MS))
    (trade,) = scene.heard(TradesFetched)[-1].trades
    assert (trade.fee, trade.fee_asset, str(trade.liquidity)) == (D("0.001"), "BTC", "maker")
    scene.ask(FetchOrder(scene.number(), BTC, "a", None))
    assert scene.heard(OrdersStreamed)[-1].orders[0].status == "closed"


def test_a_venue_that_charges_in_the_quote_asset_does_so_on_paper():
    scene = Scene("kraken").opens()
    scene.place("a", "buy", "1")
    scene.nothing_new()
    assert scene.balances() == {"BTC": (D(11), D(0)), "USDT": (D("99898.899"), D(0))}
    other = Scene("okx", markets=[market(fee_side="quote")]).opens()
    other.place("a", "buy", "1")
    other.nothing_new()
    assert other.balances() == scene.balances()


def test_a_cancelled_order_gives_its_money_back_and_is_told():
    scene = resting()
    scene.cancel("a")
    scene.nothing_new()
    assert scene.answer("a").failure is None
    assert scene.heard(OrdersStreamed)[-1].orders[0].status == "canceled"
    assert scene.balances()["USDT"] == (D(100_000), D(0))
    scene.change(asks=[(100.3, 9)])
    assert scene.fills == []


def test_a_cancel_that_the_market_outruns_finds_no_order():
    scene = resting(latency_s=0.5)
    scene.cancel("a")
    scene.change(asks=[(100.3, 9)])
    scene.time.passes(0.5)
    scene.nothing_new()
    assert scene.answer("a").failure.error == "OrderNotFound"
    assert scene.fills == [("a", 100.5, 2.0)]


def test_orders_of_one_account_arrive_in_the_order_of_their_sending():
    scene = Scene(fills=FillSettings(latency_s=0.1)).opens()
    scene.place("a", "buy", "1", "90")
    scene.cancel("a")
    scene.time.passes(0.1)
    scene.nothing_new()
    assert scene.stands("a") == "canceled"
