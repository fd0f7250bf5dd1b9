from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.messages.values import Side
from ganglion.simulation.figures import FillRecord, trips

BUY, SELL = Side.BUY, Side.SELL


def fill(time_ms, side, price, amount, fee="0", fee_asset="USDT", order_id="", **other):
    return FillRecord(
        time_ms, other.pop("mode", "m"), "alpha", other.pop("symbol", "BTC/USDT"), side, Decimal(price),
        Decimal(amount), Decimal(fee), fee_asset, None, order_id or f"o{time_ms}", **other,
    )  # fmt: skip


def test_a_sell_closes_the_oldest_buy_first():
    (trip,) = trips.match([fill(1, BUY, "100", "1"), fill(2, BUY, "200", "1"), fill(3, SELL, "150", "1")])
    assert (trip.entry, trip.exit, trip.profit, trip.opened_ms, trip.closed_ms) == (100.0, 150.0, 50.0, 1, 3)


def test_one_order_that_closes_several_lots_is_one_trade():
    (trip,) = trips.match([fill(0, BUY, "100", "1"), fill(1000, BUY, "200", "3"), fill(2000, SELL, "250", "4")])
    assert (trip.amount, trip.entry, trip.profit) == (4.0, 175.0, 300.0)
    assert trip.held_s == pytest.approx(1.25)


def test_partial_fills_of_one_order_are_one_trade():
    fills = [fill(1, BUY, "100", "2"), *(fill(time_ms, SELL, "110", "1", order_id="out") for time_ms in (2, 3))]
    (trip,) = trips.match(fills)
    assert (trip.amount, trip.profit, trip.closed_ms) == (2.0, 20.0, 3)


def test_fees_of_both_ends_are_taken_off_by_share_of_amount():
    fills = [fill(1, BUY, "100", "2", "4"), fill(2, SELL, "110", "1", "1"), fill(3, SELL, "110", "1", "1")]
    assert [(trip.fees, trip.profit) for trip in trips.match(fills)] == [(3.0, 7.0), (3.0, 7.0)]


def test_a_fee_in_the_base_asset_leaves_nothing_open():
    bought = fill(1, BUY, "100", "1", "0.001", "BTC")
    ledgers = trips.ledgers_of([bought, fill(2, SELL, "110", "0.999")], {})
    (ledger,) = ledgers.values()
    assert not ledger.lots
    assert ledger.trips[0].profit == pytest.approx(0.999 * 110 - 100)


def test_a_fee_in_a_third_asset_counts_at_the_value_that_was_recorded():
    fills = [fill(1, BUY, "100", "1", "0.1", "BNB", fee_value=Decimal(30)), fill(2, SELL, "150", "1")]
    assert trips.match(fills)[0].profit == pytest.approx(20)


def test_a_sell_without_inventory_is_a_short_that_a_buy_closes():
    (trip,) = trips.match([fill(1, SELL, "100", "1"), fill(2, BUY, "90", "1")])
    assert (trip.side, trip.profit) == (SELL, 10.0)


def test_an_order_larger_than_the_position_closes_it_and_opens_the_other_way():
    fills = [fill(1, BUY, "100", "1"), fill(2, SELL, "110", "3"), fill(3, BUY, "105", "2")]
    assert [(trip.side, trip.amount, trip.profit) for trip in trips.match(fills)] == [(BUY, 1, 10), (SELL, 2, 10)]


def test_modes_and_markets_are_matched_apart():
    fills = [fill(1, BUY, "100", "1"), fill(2, SELL, "110", "1", mode="n"), fill(3, SELL, "9", "1", symbol="ETH/USDT")]
    assert trips.match(fills) == []


def test_profit_is_told_in_the_reference_currency():
    fills = [fill(1, BUY, "0.05", "1", symbol="ETH/BTC"), fill(2, SELL, "0.06", "1", symbol="ETH/BTC", rate=50_000.0)]
    assert trips.match(fills)[0].profit == pytest.approx(500)


amounts = st.decimals("0.0001", "50", places=4)
prices = st.decimals("0.01", "5000", places=2)
one_fill = st.tuples(st.sampled_from(Side), prices, amounts, st.sampled_from(["USDT", "BTC"]), st.booleans())


@given(st.lists(one_fill, max_size=40), prices)
def test_realised_and_unrealised_profit_are_together_what_cash_and_inventory_gained(drawn, last):
    fills = []
    for number, (side, price, amount, fee_asset, same_order) in enumerate(drawn):
        fee = amount * Decimal("0.001") * (price if fee_asset == "USDT" else 1)
        order = "same" if same_order else f"o{number}"
        fills.append(fill(number, side, price, amount, fee, fee_asset, order))
    cash = base = Decimal(0)
    for each in fills:
        cash -= each.price * each.amount * each.side.sign + (each.fee if each.fee_asset == "USDT" else 0)
        base += each.change()
    ledgers = trips.ledgers_of(fills, {})
    profit = sum(trip.profit for trip in trips.closed(ledgers))
    profit += sum(ledger.unrealised(float(last)) for ledger in ledgers.values())
    assert profit == pytest.approx(float(cash + base * last), rel=1e-9, abs=1e-5)
    assert sum(lot.amount for ledger in ledgers.values() for lot in ledger.lots) == base
