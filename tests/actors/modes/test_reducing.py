"""While only sells of what is held pass, the built-in modes sell on, take their buys back, and come back whole."""

from decimal import Decimal

from ganglion.actors.modes.grid import Grid, GridConfig
from ganglion.actors.modes.market_making import MarketMaking, MarketMakingConfig
from ganglion.messages.trading import TradingState
from ganglion.messages.values import Side
from tests.actors.modes.stage import Stage

REDUCING = TradingState.REDUCING


def sides(stage: Stage) -> list[Side]:
    return sorted(order.side for order in stage.open.values())


def cancelled_sides(stage: Stage) -> list[Side]:
    by_id = {intent.intent_id: intent.side for intent in stage.intents}
    return [by_id[intent_id] for intent_id in stage.cancels]


def making() -> Stage:
    stage = Stage(MarketMaking, MarketMakingConfig(levels=1, skew=Decimal(0), min_interval_s=0.0))
    stage.start()
    stage.book()
    stage.accept_all()
    return stage


def grid() -> Stage:
    stage = Stage(Grid, GridConfig(levels=2, step_pct=Decimal(1)))
    stage.start()
    stage.book()
    stage.accept_all()
    return stage


def test_a_reducing_market_maker_takes_its_bids_back_and_quotes_asks_only():
    stage = making()
    stage.resume("its trading state changed", state=REDUCING)
    stage.book()
    assert cancelled_sides(stage) == [Side.BUY]
    for intent_id in stage.cancels:
        stage.end(intent_id)
    for ask in [intent for intent in stage.intents if intent.side is Side.SELL]:
        stage.end(ask.intent_id)
    stage.book()
    assert [intent.side for intent in stage.intents[2:]] == [Side.SELL]


def test_an_active_market_maker_quotes_both_sides_again():
    stage = making()
    stage.resume("reducing", state=REDUCING)
    stage.book()
    for intent_id in stage.cancels:
        stage.end(intent_id)
    stage.resume("resumed")
    stage.book()
    assert [intent.side for intent in stage.intents[2:]] == [Side.BUY]


def test_a_reducing_grid_takes_its_buys_back_and_mirrors_no_sell_by_a_buy():
    stage = grid()
    stage.resume("reducing", state=REDUCING)
    stage.book()
    assert cancelled_sides(stage) == [Side.BUY, Side.BUY]
    for intent_id in stage.cancels:
        stage.end(intent_id)
    sold = next(intent for intent in stage.intents if intent.side is Side.SELL)
    stage.fill(sold)
    stage.book()
    assert all(intent.side is Side.SELL for intent in stage.intents[4:])


def test_an_active_grid_stands_whole_again_on_the_levels_that_it_had():
    stage = grid()
    before = sorted((order.side, order.price) for order in stage.open.values())
    stage.resume("reducing", state=REDUCING)
    stage.book()
    for intent_id in stage.cancels:
        stage.end(intent_id)
    assert sides(stage) == [Side.SELL, Side.SELL]
    stage.resume("resumed")
    stage.book()
    stage.accept_all()
    assert sorted((order.side, order.price) for order in stage.open.values()) == before
