"""Market making on a stage: when it quotes, moves and takes back its quotes."""

from decimal import Decimal

import pydantic
import pytest

from ganglion.actors.modes.market_making import MarketMaking, MarketMakingConfig
from ganglion.messages.orders import DenyReason, OrderDenied, OrderState
from ganglion.messages.values import Side
from tests.actors.modes.samples import ACCOUNT, funds, market
from tests.actors.modes.stage import Stage


def quoting(**changed: object) -> Stage:
    stage = Stage(MarketMaking, MarketMakingConfig(levels=1, **changed))  # type: ignore[arg-type]
    stage.start()
    stage.book()
    stage.accept_all()
    return stage


def later(stage: Stage, seconds: float = 2.0) -> None:
    stage.system.run_for(seconds)


def test_it_quotes_both_sides_of_mid_post_only():
    stage = quoting()
    assert [(i.side, i.price, i.post_only) for i in stage.intents] == [
        (Side.BUY, Decimal("49950.00"), True),
        (Side.SELL, Decimal("50050.00"), True),
    ]


def test_a_small_move_moves_no_quote():
    stage = quoting()
    later(stage)
    stage.book(50_000.0, 50_010.0)
    assert stage.cancels == []
    assert len(stage.intents) == 2


def test_a_large_move_cancels_first_and_places_when_the_old_quotes_are_gone():
    stage = quoting(skew=Decimal(0))
    old = [intent.intent_id for intent in stage.intents]
    later(stage)
    stage.book(50_495.0, 50_505.0)
    assert stage.cancels == old
    assert len(stage.intents) == 2
    later(stage)
    stage.book(50_495.0, 50_505.0)
    assert stage.cancels == old
    for intent_id in old:
        stage.end(intent_id)
    stage.book(50_495.0, 50_505.0)
    assert [intent.price for intent in stage.last(2)] == [Decimal("50449.50"), Decimal("50550.50")]


def test_quotes_move_no_more_often_than_the_least_interval():
    stage = quoting(min_interval_s=10.0)
    later(stage, 2.0)
    stage.book(50_495.0, 50_505.0)
    assert stage.cancels == []
    later(stage, 8.5)
    stage.book(50_495.0, 50_505.0)
    assert len(stage.cancels) == 2


def test_a_filled_quote_is_replaced_leaning_against_the_inventory():
    stage = quoting(skew=Decimal(1), requote_pct=Decimal("0.01"))
    bid, ask = stage.intents
    stage.fill(bid)
    stage.tell(funds("1.5", "25000"))
    later(stage)
    stage.book()
    assert stage.cancels == [ask.intent_id]
    stage.end(ask.intent_id)
    later(stage)
    stage.book()
    new_bid, new_ask = stage.last(2)
    assert new_bid.price < bid.price
    assert new_ask.price < ask.price


def test_quotes_are_taken_back_when_the_book_can_not_be_seen():
    stage = quoting()
    stage.blind()
    assert stage.cancel_alls == 1
    for intent in stage.intents:
        stage.end(intent.intent_id)
    later(stage)
    stage.book()
    assert len(stage.intents) == 4


def test_after_a_crash_old_quotes_are_cancelled_before_new_ones_are_placed():
    stage = quoting()
    stage.crash()
    stage.book()
    stage.resume("restart")
    assert stage.cancel_alls == 1
    for _ in range(3):
        stage.book()
    assert len(stage.intents) == 2
    for intent_id in list(stage.open):
        stage.end(intent_id)
    stage.book()
    assert len(stage.intents) == 4
    assert stage.cancels == []


def test_a_refused_post_only_quote_is_tried_again_after_a_pause():
    stage = Stage(MarketMaking, MarketMakingConfig(levels=1))
    stage.start()
    stage.book()
    stage.accept(stage.intents[1])
    stage.accept(stage.intents[0])
    stage.end(stage.intents[0].intent_id, OrderState.REJECTED)
    for _ in range(10):
        stage.book()
    assert len(stage.intents) == 2
    later(stage)
    stage.book()
    assert len(stage.intents) == 3


def test_it_quotes_on_any_price_scale_with_its_defaults():
    tiny = market(price_step=Decimal("0.00000001"), amount_step=Decimal(1), min_amount=Decimal(1))
    stage = Stage(MarketMaking, own_market=tiny, own_funds=funds("1000000000", "12000"))
    stage.book(0.00001200, 0.00001201)
    stage.resume()
    stage.book(0.00001200, 0.00001201)
    assert len(stage.intents) == 4
    assert all(intent.price * intent.amount >= 5 for intent in stage.intents if intent.price)


def test_without_enough_funds_for_the_least_order_it_quotes_nothing():
    stage = Stage(MarketMaking, own_funds=funds("0", "3"))
    stage.start()
    stage.book()
    assert stage.intents == []


def test_denied_quotes_are_not_sent_again_at_each_book():
    stage = Stage(MarketMaking, MarketMakingConfig(levels=1, min_interval_s=0.0))
    stage.start()
    stage.book()
    for intent in stage.intents:
        stage.tell(OrderDenied(intent.intent_id, ACCOUNT, "mode", DenyReason.LIMIT, "too many", ""))
    for _ in range(50):
        stage.book()
    assert len(stage.intents) == 2


@pytest.mark.parametrize("wrong", [{"spread_pct": "0"}, {"levels": 0}, {"skew": 2}, {"spred_pct": "1"}])
def test_settings_that_can_not_be_meant_are_refused(wrong):
    with pytest.raises(pydantic.ValidationError):
        MarketMakingConfig(**wrong)
