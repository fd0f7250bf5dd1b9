"""At a settled point every order, every trade and every coin is compared with the venue, to the last digit."""

from decimal import Decimal

import msgspec
import pytest

from ganglion.messages.account import External
from ganglion.messages.orders import OrderState
from ganglion.messages.values import OrderType, Side
from ganglion.simulation.judging import Places, judge_settled
from ganglion.simulation.judging.inside import money_at
from ganglion.simulation.venue.orders import NewOrder
from tests.simulation.judging.scene import PORTFOLIO, texts
from tests.simulation.judging.test_oracle import arrive

D = Decimal


def only(found):
    """The one text that was found."""
    assert len(found) == 1, found
    return found[0]


def test_a_bot_that_does_right_is_not_blamed(scene):
    bought = scene.placed()
    scene.filled(bought, "0.4")
    sold = scene.placed(Side.SELL, "101", "0.5")
    scene.filled(sold, "0.5")
    canceled = scene.placed(price="99")
    scene.bot.cancel(scene.line_of(canceled).intent.intent_id)
    scene.bot.run(5)
    assert scene.restless() == ""
    assert scene.settled() == []


def test_an_account_with_something_on_its_way_is_no_quiet_point(scene):
    order = scene.placed()
    line = scene.line_of(order)
    line.state = OrderState.PENDING_CANCEL
    assert f"({order.client_id}, buy 1 BTC/USDT) is pending_cancel" in scene.restless()


@pytest.mark.parametrize("state", [OrderState.UNKNOWN, OrderState.SUBMITTED, OrderState.PENDING_CANCEL])
def test_an_order_that_stays_between_two_states_is_told(scene, state):
    order = scene.placed()
    line = scene.line_of(order)
    line.state, line.reason = state, "nobody answered"
    assert any(f"is {state} (nobody answered): after healing" in text for text in scene.settled())


def test_a_lost_cancel_is_seen_by_the_order_that_works_on(scene):
    order = scene.placed()
    line = scene.line_of(order)
    line.state = OrderState.CANCELED
    scene.ledger().unsettled.clear()
    found = scene.settled()
    assert any("is canceled (no reason given), at the venue accepted: order 1 of" in text for text in found)
    assert any(
        "exposure of grid in BTC/USDT: buy orders over 1 are open at the venue, by the ledger 0" in text
        for text in found
    )


def test_an_order_that_was_taken_for_not_placed_and_is_there_is_told(scene):
    line = scene.line_of(scene.placed())
    line.state, line.reason = OrderState.REJECTED, "not placed"
    scene.ledger().unsettled.clear()
    assert any("is rejected (not placed), at the venue accepted" in text for text in scene.settled())


def test_an_order_that_the_venue_never_had_is_told(scene):
    order = scene.placed()
    ledger = scene.ledger()
    line = ledger.lines[order.client_id]
    del scene.world.account.orders["BTC/USDT", order.id]
    assert any(
        f"({line.client_id}, buy 1 BTC/USDT) is accepted, filled 0, under venue id 1: the venue never had" in text
        for text in scene.settled()
    )


def test_an_order_with_our_tag_that_the_ledger_does_not_know_is_told_at_every_settled_point(scene):
    arrive(scene, scene.placed().client_id[:4] + "z" * 14)
    scene.settled()
    assert any("and its ledger does not know it" in text for text in scene.settled())


def test_a_fill_that_was_never_counted_is_told_with_the_money_that_it_moved(scene):
    order = scene.placed()
    scene.world.core.listeners.clear()
    scene.world.core.place(sell(order, "0.4"))
    found = scene.settled()
    assert any(
        "I10 alpha: trade 1 of BTC/USDT (0.4 at 100) was never counted; it is one of order 1" in t for t in found
    )
    assert any("I6 alpha: BTC: the portfolio counts 2, the venue has 2.3996 (apart by -0.3996)" in t for t in found)
    assert any("I6 alpha: USDT: the order line counts 100000, the venue has 99960" in t for t in found)
    assert any("is accepted (no reason given), at the venue partially_filled" in t for t in found)


def sell(order, amount):
    return NewOrder("other", order.symbol, Side.SELL, OrderType.LIMIT, "x", quantity=D(amount), price=order.price)


def test_a_fill_that_the_venue_does_not_know_is_told(scene):
    order = scene.placed()
    scene.filled(order, "0.4")
    ledger = scene.ledger()
    ((key, fill),) = ledger.fills.items()
    ledger.fills[key[0], "made-up"] = msgspec.structs.replace(fill, trade_id="made-up")
    assert "fill made-up of BTC/USDT (buy 0.4 at 100) of intent intent-1 is no trade of the venue's" in only(
        scene.settled()
    )


def test_a_fill_with_another_fee_than_was_charged_is_told_with_both(scene):
    scene.filled(scene.placed(), "0.4")
    ledger = scene.ledger()
    ((key, fill),) = ledger.fills.items()
    ledger.fills[key] = msgspec.structs.replace(fill, fee=D("0.1"))
    assert only(scene.settled()).endswith("is counted wrong: fee 0.1 instead of 0.00040000")


def test_an_inferred_fill_that_was_never_replaced_is_told(scene):
    scene.filled(scene.placed(), "0.4")
    ledger = scene.ledger()
    ((key, fill),) = ledger.fills.items()
    del ledger.fills[key]
    ledger.fills[key[0], "synthetic-1"] = msgspec.structs.replace(fill, trade_id="synthetic-1", synthetic=True)
    assert any("is inferred and was never replaced" in text for text in scene.settled())


def test_an_external_entry_without_anybody_who_moved_money_is_a_fill_that_was_not_counted(scene):
    scene.ledger().add_external(External("USDT", D(-40), "40 USDT less"))
    found = scene.settled()
    assert any(
        "I1 alpha: USDT: external entries come to -40, somebody else moved 0: the rest is a fill" in t for t in found
    )


def test_a_deposit_that_somebody_made_is_no_fault(scene):
    scene.world.core.engine.deposit("bot", "USDT", D(50))
    scene.bot.reconnect()
    scene.bot.run(30)
    assert scene.settled(moved={"USDT": D(50)}) == []
    assert any("somebody else moved 0" in text for text in scene.settled())


def test_a_reservation_that_outlives_its_order_is_told_with_its_amount(scene):
    order = scene.placed()
    money = money_at(scene.system, PORTFOLIO)
    held = next(iter(money.reservations.values()))
    scene.bot.cancel(scene.line_of(order).intent.intent_id)
    scene.bot.run(5)
    money.reservations[held.intent_id] = held
    assert only(scene.settled()) == (
        "I1 alpha: 100 USDT stay reserved for intent intent-1 of grid, which has no open order at the venue"
    )


def test_a_reservation_that_is_wrong_in_its_last_digit_is_told(scene):
    scene.placed()
    (held,) = money_at(scene.system, PORTFOLIO).reservations.values()
    held.amount += D("0.00000001")
    text = only(scene.settled())
    assert text.startswith("I1 alpha: 100.000001 USDT are reserved for intent intent-1, the venue has locked 100 USDT")


def test_the_portfolios_own_sums_are_checked_too(scene):
    money_at(scene.system, PORTFOLIO).holdings["BTC"].fees += D("0.1")
    assert only(scene.settled()).startswith("I1 alpha: BTC: free 2 + reserved 0")


def test_a_portfolio_that_takes_an_ended_order_for_open_is_told(scene):
    order = scene.placed()
    actor = scene.system.cell_at(PORTFOLIO).actor
    kept = dict(actor._orders_open)
    scene.bot.cancel(scene.line_of(order).intent.intent_id)
    scene.bot.run(5)
    actor._orders_open.update(kept)
    assert "the portfolio takes intent intent-1 for accepted, filled 0, by the ledger it is not open" in only(
        scene.settled()
    )


def test_an_account_whose_parts_did_not_come_back_is_told_with_the_reason(scene):
    found = texts(judge_settled(scene.oracle, scene.system, Places("/bot/account/nobody", PORTFOLIO)))
    assert only(found) == ("I4 alpha: it can't be judged although all is healed: nothing runs at /bot/account/nobody")


def test_judging_changes_nothing(scene):
    scene.filled(scene.placed(), "0.4")
    before = scene.bot.ledger()
    cells = len(scene.system.cells())
    for _ in range(3):
        assert scene.settled() == []
    assert scene.bot.ledger() == before
    assert len(scene.system.cells()) == cells
