"""The grid's book-keeping: one order at every level but the gap."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.modes.amounts import cut
from ganglion.actors.modes.levels import (
    GridState,
    adopt,
    affordable,
    filled,
    gone,
    grid_amount,
    grid_step,
    in_place,
    level_at,
    placed,
    price_of,
    side_at,
    wanted_orders,
)
from ganglion.messages.orders import OrderState, OrderUpdate
from ganglion.messages.values import OrderType, Side
from tests.actors.modes.samples import ACCOUNT, SYMBOL, funds, market


def grid(levels: int = 3, gap: int = 0) -> GridState:
    return GridState(
        settings="",
        centre=Decimal(50_000),
        step=Decimal(500),
        levels=levels,
        amount=Decimal("0.1"),
        gap=gap,
    )


def with_all_orders(state: GridState) -> GridState:
    taken = {order.level for order in state.orders.values()}
    for wanted in wanted_orders(state):
        if wanted.level not in taken:
            state = placed(state, f"{wanted.side}{wanted.level:+d}/{state.gap}", wanted)
    return state


def order_at(state: GridState, level: int) -> str:
    return next(key for key, order in state.orders.items() if order.level == level)


def test_buys_stand_below_the_gap_and_sells_above_it_nearest_first():
    wanted = wanted_orders(grid(levels=2))
    assert [(w.level, w.side) for w in wanted] == [
        (-1, Side.BUY),
        (1, Side.SELL),
        (-2, Side.BUY),
        (2, Side.SELL),
    ]
    assert [w.price for w in wanted] == [
        Decimal(49_500),
        Decimal(50_500),
        Decimal(49_000),
        Decimal(51_000),
    ]


def test_a_filled_buy_is_mirrored_by_a_sell_one_level_above_it():
    state = with_all_orders(grid())
    state, full = filled(state, order_at(state, -1), Decimal("0.1"))
    assert full is not None
    assert full.level == -1
    missing = {w.level: w.side for w in wanted_orders(state)}.items() - {
        (order.level, order.side) for order in state.orders.values()
    }
    assert missing == {(0, Side.SELL)}


def test_a_filled_sell_is_mirrored_by_a_buy_one_level_below_it():
    state = with_all_orders(grid())
    state, _ = filled(state, order_at(state, 1), Decimal("0.1"))
    missing = {w.level: w.side for w in wanted_orders(state)}.items() - {
        (order.level, order.side) for order in state.orders.values()
    }
    assert missing == {(0, Side.BUY)}


def test_a_partial_fill_moves_nothing_until_the_order_is_full():
    state = with_all_orders(grid())
    intent = order_at(state, -1)
    state, full = filled(state, intent, Decimal("0.04"))
    assert full is None
    assert state.gap == 0
    state, full = filled(state, intent, Decimal("0.06"))
    assert full is not None
    assert state.gap == -1


def test_a_round_trip_brings_the_gap_back_and_is_counted():
    state = with_all_orders(grid())
    state, _ = filled(state, order_at(state, -1), Decimal("0.1"))
    state = with_all_orders(state)
    state, _ = filled(state, order_at(state, 0), Decimal("0.1"))
    assert (state.gap, state.round_trips) == (0, 1)


def test_what_a_cancelled_order_had_filled_is_not_ordered_again():
    state = with_all_orders(grid())
    intent = order_at(state, -1)
    state, _ = filled(state, intent, Decimal("0.04"))
    state = gone(state, intent, Decimal("0.001"))
    again = next(w for w in wanted_orders(state) if w.level == -1)
    assert again.amount == Decimal("0.06")


def test_a_rest_below_the_venues_least_order_counts_as_filled():
    state = with_all_orders(grid())
    intent = order_at(state, -1)
    state, _ = filled(state, intent, Decimal("0.0999"))
    state = gone(state, intent, Decimal("0.001"))
    assert state.gap == -1


def test_a_fill_of_somebody_elses_order_changes_nothing():
    state = with_all_orders(grid())
    assert filled(state, "stranger", Decimal(1)) == (state, None)
    assert filled(state, None, Decimal(1)) == (state, None)


def test_an_open_order_is_recognised_by_its_price_where_its_placing_was_not_saved():
    state = grid()
    update = OrderUpdate(
        intent_id="unsaved",
        account=ACCOUNT,
        mode="grid",
        client_id="c",
        venue_id="v",
        symbol=SYMBOL,
        side=Side.BUY,
        type=OrderType.LIMIT,
        price=price_of(state, -2),
        amount=Decimal("0.1"),
        state=OrderState.ACCEPTED,
        filled=Decimal(0),
        reason="",
        sequence=1,
    )
    state = adopt(state, update)
    assert state.orders["unsaved"].level == -2
    assert "unsaved" in in_place(state)
    elsewhere = msgspec.structs.replace(update, intent_id="other", price=Decimal(1))
    assert adopt(state, elsewhere) == state


def test_a_state_survives_being_saved_as_json():
    state = with_all_orders(grid())
    state, _ = filled(state, order_at(state, -1), Decimal("0.04"))
    state = gone(state, order_at(state, -1), Decimal("0.001"))
    assert msgspec.json.decode(msgspec.json.encode(state), type=GridState) == state


def test_one_order_is_a_share_of_the_value_but_at_least_what_the_venue_takes():
    centre = Decimal(50_000)
    assert grid_amount(centre, centre, funds("1", "50000"), market(), Decimal(5)) == Decimal("0.1")
    assert grid_amount(centre, Decimal(25_000), funds("0", "10"), market(), Decimal(5)) == Decimal("0.0002")


def test_an_order_is_cut_to_what_the_funds_pay_and_dropped_below_the_least():
    wanted = next(w for w in wanted_orders(grid()) if w.side is Side.BUY)
    assert affordable(wanted, Decimal(0), Decimal(1_000_000), market()) == Decimal("0.1")
    assert affordable(wanted, Decimal(0), Decimal(1000), market()) == Decimal("0.02020")
    assert affordable(wanted, Decimal(0), Decimal(4), market()) == 0


@given(
    centre=st.decimals(min_value="0.0001", max_value=100_000, places=6),
    step_pct=st.decimals(min_value="0.01", max_value=20, places=2),
    tick=st.sampled_from([Decimal("0.00000001"), Decimal("0.0001"), Decimal("0.01"), Decimal(1)]),
)
def test_levels_are_whole_ticks_apart_and_a_level_is_found_by_its_price(centre, step_pct, tick):
    step = grid_step(centre, step_pct, tick)
    state = msgspec.structs.replace(grid(levels=8), centre=cut(centre, tick), step=step)
    assert step >= tick
    assert step % tick == 0
    assert [level_at(state, price_of(state, level)) for level in range(-8, 9)] == list(range(-8, 9))


@given(st.lists(st.sampled_from(Side), max_size=40))
def test_whatever_is_filled_every_level_but_one_is_wanted_and_the_gap_is_buys_against_sells(sides):
    state = with_all_orders(grid(levels=4))
    sold = bought = 0
    for side in sides:
        near = [k for k, o in state.orders.items() if o.side is side and abs(o.level - state.gap) == 1]
        if not near:
            continue
        state, full = filled(state, near[0], state.amount)
        assert full is not None
        sold, bought = sold + (side is Side.SELL), bought + (side is Side.BUY)
        state = with_all_orders(state)
        assert {o.level for o in state.orders.values()} == set(range(-4, 5)) - {state.gap}
        assert all(side_at(state, o.level) is o.side for o in state.orders.values())
    assert state.gap == sold - bought
