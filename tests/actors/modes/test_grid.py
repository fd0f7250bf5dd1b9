"""The grid on a stage: it mirrors fills, and never places a second grid over the first."""

from decimal import Decimal

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.actors.modes.grid import Grid, GridConfig
from ganglion.actors.modes.levels import GridState
from ganglion.messages.account import SaveState
from ganglion.messages.orders import DenyReason, OrderDenied, OrderState, PlaceOrder
from ganglion.messages.values import Side
from tests.actors.modes.samples import ACCOUNT, funds, market
from tests.actors.modes.stage import Stage

TWO = GridConfig(levels=2, step_pct=Decimal(1))


def standing(stage: Stage) -> list[tuple[Side, Decimal | None]]:
    return sorted((o.side, o.price) for o in stage.open.values())


def running(config: GridConfig = TWO) -> Stage:
    stage = Stage(Grid, config)
    stage.start()
    stage.book()
    stage.accept_all()
    return stage


FIRST = sorted(
    [
        (Side.BUY, Decimal(49_500)),
        (Side.BUY, Decimal(49_000)),
        (Side.SELL, Decimal(50_500)),
        (Side.SELL, Decimal(51_000)),
    ]
)


def intent_at(stage: Stage, price: int):
    return next(i for i in reversed(stage.intents) if i.price == price and i.intent_id in stage.open)


def test_it_places_buys_below_the_centre_and_sells_above_it_once():
    stage = running()
    assert standing(stage) == FIRST
    for _ in range(5):
        stage.book()
    stage.system.run_for(30.0)
    stage.book()
    assert len(stage.intents) == 4


def test_a_filled_buy_is_mirrored_by_a_sell_one_level_above():
    stage = running()
    stage.fill(intent_at(stage, 49_500))
    (mirror,) = stage.intents[4:]
    assert (mirror.side, mirror.price) == (Side.SELL, Decimal(50_000))
    assert mirror.causation_id == "trade:1"


def test_a_filled_sell_is_mirrored_by_a_buy_one_level_below():
    stage = running()
    stage.fill(intent_at(stage, 50_500))
    (mirror,) = stage.intents[4:]
    assert (mirror.side, mirror.price) == (Side.BUY, Decimal(50_000))


def test_an_order_whose_last_fill_comes_before_the_word_that_it_is_filled_is_not_cancelled():
    stage = running()
    stage.fill(intent_at(stage, 49_500))
    stage.fill(intent_at(stage, 49_000))
    assert stage.cancels == []
    assert [(i.side, i.price) for i in stage.intents[4:]] == [
        (Side.SELL, Decimal(50_000)),
        (Side.SELL, Decimal(49_500)),
    ]


def test_a_partial_fill_is_mirrored_when_the_order_is_full():
    stage = running()
    buy = intent_at(stage, 49_500)
    stage.fill(buy, buy.amount / 2)
    assert len(stage.intents) == 4
    stage.fill(buy)
    assert len(stage.intents) == 5


def test_after_a_crash_it_adopts_its_orders_and_places_none_twice():
    stage = running()
    stage.crash()
    stage.book()
    stage.resume("restart")
    for _ in range(5):
        stage.book()
    stage.system.run_for(30.0)
    stage.book()
    assert standing(stage) == FIRST
    assert len(stage.intents) == 4
    assert stage.cancels == []
    assert stage.cancel_alls == 0


def test_a_fill_while_it_was_away_is_mirrored_after_the_crash():
    stage = running()
    stage.fill(intent_at(stage, 49_500), tell=False)
    stage.crash()
    stage.book()
    stage.resume("restart")
    stage.book()
    (mirror,) = stage.intents[4:]
    assert (mirror.side, mirror.price) == (Side.SELL, Decimal(50_000))


def test_a_fill_while_it_was_suspended_is_mirrored_once():
    stage = running()
    stage.suspend()
    stage.fill(intent_at(stage, 49_500), tell=False)
    stage.resume("reconnect")
    stage.book()
    stage.accept_all()
    stage.system.run_for(30.0)
    stage.book()
    assert [(i.side, i.price) for i in stage.intents[4:]] == [(Side.SELL, Decimal(50_000))]


def test_a_state_saved_by_a_new_incarnation_says_that_it_contains_what_the_last_one_had_counted():
    stage = Stage(Grid, TWO, on_restart="cancel")
    stage.start()
    stage.book()
    stage.accept_all()
    fill = stage.fill(intent_at(stage, 49_500))
    stage.crash()
    stage.book()
    stage.resume("restart")
    for intent_id in list(stage.open):
        stage.end(intent_id)
    before = len(stage.portfolio.of(SaveState))
    stage.book()
    said = [message.sequence for message in stage.portfolio.of(SaveState)[before:]]
    assert said
    assert min(said) >= fill.sequence


def test_a_state_saved_while_fills_are_still_to_be_told_does_not_say_that_it_contains_them():
    stage = running()
    stage.suspend()
    first = stage.fill(intent_at(stage, 49_500), tell=False)
    second = stage.fill(intent_at(stage, 49_000), tell=False)
    for _ in range(3):
        stage.sequence += 1
        (other, *_) = stage.open.values()
        stage.open[other.intent_id] = msgspec.structs.replace(other, sequence=stage.sequence)
    before = len(stage.portfolio.of(SaveState))
    stage.resume("reconnect")
    stage.book()
    said = [message.sequence for message in stage.portfolio.of(SaveState)[before:]]
    assert first.sequence <= said[0] < second.sequence
    assert said[-1] >= second.sequence


def test_several_fills_while_it_was_suspended_are_all_counted_before_it_places_anything():
    stage = running()
    stage.suspend()
    for price in (49_500, 49_000):
        stage.fill(intent_at(stage, price), tell=False)
    stage.resume("reconnect")
    stage.book()
    assert [(i.side, i.price) for i in stage.intents[4:]] == [
        (Side.SELL, Decimal(49_500)),
        (Side.SELL, Decimal(50_000)),
    ]


def test_several_fills_after_the_reconcile_and_before_the_book_is_whole_are_all_counted_before_it_places_anything():
    stage = running()
    stage.blind()
    stage.suspend()
    stage.resume("reconnect")
    for price in (49_500, 49_000):
        stage.fill(intent_at(stage, price))
    stage.book()
    stage.book()
    assert [(i.side, i.price) for i in stage.intents[4:]] == [
        (Side.SELL, Decimal(49_500)),
        (Side.SELL, Decimal(50_000)),
    ]


@pytest.mark.parametrize("ends", ["filled", "canceled"])
def test_a_level_that_is_filled_before_a_nearer_one_is_not_bought_twice(ends: str):
    stage = running()
    near = intent_at(stage, 49_500)
    stage.fill(intent_at(stage, 49_000))
    stage.book()
    assert stage.cancels == [near.intent_id]
    assert [(i.side, i.price) for i in stage.intents[4:]] == [(Side.SELL, Decimal(50_000))]
    if ends == "filled":
        stage.fill(near)
    else:
        stage.end(near.intent_id)
    stage.accept_all()
    stage.book()
    level = (Side.SELL, Decimal(49_500)) if ends == "filled" else (Side.BUY, Decimal(49_000))
    assert [(i.side, i.price) for i in stage.intents[5:]] == [level]


def test_an_order_cancelled_by_somebody_else_is_placed_again():
    stage = running()
    stage.end(intent_at(stage, 49_000).intent_id)
    stage.book()
    assert (stage.intents[-1].side, stage.intents[-1].price) == (Side.BUY, Decimal(49_000))
    assert len(stage.intents) == 5


def test_an_order_that_vanished_while_it_was_away_is_placed_again():
    stage = running()
    gone = intent_at(stage, 51_000)
    del stage.open[gone.intent_id]
    stage.crash()
    stage.book()
    stage.resume("restart")
    stage.book()
    assert [(i.side, i.price) for i in stage.intents[4:]] == [(Side.SELL, Decimal(51_000))]


def test_orders_without_a_saved_state_are_cancelled_before_a_grid_is_made():
    stage = running()
    stage.portfolio.received.clear()
    stage.crash()
    stage.book()
    stage.resume("restart")
    stage.book()
    assert sorted(stage.cancels) == sorted(stage.open)
    assert stage.intents == []
    for intent_id in list(stage.open):
        stage.end(intent_id)
    stage.book()
    assert len(stage.intents) == 4


def test_other_settings_make_another_grid_once_the_old_one_is_gone():
    stage = running()
    saved = stage.saved
    assert saved is not None
    other = Stage(Grid, GridConfig(levels=1, step_pct=Decimal(2)))
    other.open = dict(stage.open)
    other.book()
    other.resume(saved_state=saved.state)
    other.book()
    assert sorted(other.cancels) == sorted(stage.open)
    for intent_id in list(other.open):
        other.end(intent_id)
    other.book()
    assert [i.price for i in other.intents] == [Decimal(49_000), Decimal(51_000)]


def test_sides_without_funds_are_left_out_until_there_are_some():
    stage = Stage(Grid, TWO, own_funds=funds("0", "50000"))
    stage.start()
    stage.book()
    stage.accept_all()
    assert {intent.side for intent in stage.intents} == {Side.BUY}
    bought = stage.fill(intent_at(stage, 49_500))
    stage.tell(funds(str(bought.amount), "48000"))
    stage.system.run_for(6.0)
    stage.book()
    (mirror,) = stage.intents[2:]
    assert (mirror.side, mirror.price, mirror.amount) == (Side.SELL, Decimal(50_000), bought.amount)


def test_a_denied_level_is_tried_again_later_and_not_at_once():
    stage = Stage(Grid, TWO)
    stage.start()
    stage.book()
    for intent in stage.intents:
        stage.tell(OrderDenied(intent.intent_id, ACCOUNT, "mode", DenyReason.PAUSED, "429", ""))
    for _ in range(20):
        stage.book()
    assert len(stage.intents) == 4
    stage.system.run_for(1.0)
    stage.book()
    assert len(stage.intents) == 8


def test_the_centre_can_be_given():
    stage = Stage(Grid, GridConfig(levels=1, step_pct=Decimal(1), centre="@40000"))
    stage.start()
    stage.book()
    assert [intent.price for intent in stage.intents] == [Decimal(39_600), Decimal(40_400)]


def test_it_trades_on_any_price_scale_with_its_defaults():
    coarse = market(price_step=Decimal("0.00000001"), amount_step=Decimal(1), min_amount=Decimal(1))
    stage = Stage(Grid, own_market=coarse, own_funds=funds("1000000000", "500"))
    stage.book(0.00000040, 0.00000041)
    stage.resume()
    stage.book(0.00000040, 0.00000041)
    prices = [intent.price for intent in stage.intents]
    assert len(prices) == len(set(prices)) == 10


@pytest.mark.parametrize("wrong", [{"levels": 0}, {"levels": 50, "step_pct": 2}, {"centre": "middle"}, {"level": 3}])
def test_settings_that_can_not_be_meant_are_refused(wrong):
    with pytest.raises(pydantic.ValidationError):
        GridConfig(**wrong)


STEPS = st.lists(
    st.tuples(st.sampled_from(["fill", "half", "cancel", "crash", "reconnect", "blind", "book"]), st.integers(0, 9)),
    max_size=25,
)


@settings(max_examples=60)
@given(STEPS)
def test_through_fills_cancels_crashes_and_reconnects_no_level_ever_has_two_orders(steps):
    stage = running()
    for what, which in steps:
        orders = list(stage.open)
        chosen = orders[which % len(orders)] if orders else None
        intent = next((i for i in stage.intents if i.intent_id == chosen), None)
        if what == "fill" and intent:
            stage.fill(intent)
        elif what == "half" and intent and stage.open[intent.intent_id].remaining == intent.amount:
            stage.fill(intent, intent.amount / 2)
        elif what == "cancel" and intent:
            stage.end(intent.intent_id, OrderState.CANCELED)
        elif what == "crash":
            stage.crash()
            stage.resume("restart")
        elif what == "reconnect":
            stage.suspend()
            stage.resume("reconnect")
        elif what == "blind":
            stage.blind()
        stage.book()
        for asked in stage.cancels:
            if asked in stage.open:
                stage.end(asked)
        stage.system.run_for(6.0)
        stage.book()
        stage.accept_all()
        there = standing(stage)
        prices = [price for _, price in there]
        assert len(prices) == len(set(prices))
        assert set(prices) <= {Decimal(p) for p in (49_000, 49_500, 50_000, 50_500, 51_000)}


def test_the_state_that_knows_an_order_is_on_its_way_to_the_journal_before_the_order_itself():
    stage = running()
    stage.fill(intent_at(stage, 49_500))
    known: set[str] = set()
    for message in stage.portfolio.received:
        if isinstance(message, SaveState):
            known = set(msgspec.json.decode(message.state, type=GridState).orders)
        elif isinstance(message, PlaceOrder):
            assert message.intent.intent_id in known
    assert len(stage.intents) == 5
