"""What the oracle says at any time: it sees what arrived at the venue, and each arrival once."""

from decimal import Decimal

from ganglion.messages.values import OrderType, Side
from ganglion.simulation.venue.orders import NewOrder
from tests.actors.trading.model_venue import SYMBOL

D = Decimal


def arrive(scene, client_id, price="90", amount="1", side=Side.BUY):
    """An order comes to the venue that the bot knows nothing of."""
    command = NewOrder("bot", SYMBOL, side, OrderType.LIMIT, client_id, quantity=D(amount), price=D(price))
    scene.world.muted = True
    events = scene.world.core.place(command)
    scene.world.muted = False
    return events


def gone(scene, order):
    scene.world.core.cancel("bot", SYMBOL, order_id=order.id)


def test_a_bot_that_does_right_is_not_blamed(scene):
    order = scene.placed()
    scene.filled(order)
    scene.placed(Side.SELL, "101", "0.5")
    assert scene.look() == []
    assert scene.oracle.arrivals == 2


def test_an_order_is_looked_at_once(scene):
    order = scene.placed()
    scene.look()
    gone(scene, order)
    arrive(scene, order.client_id)
    assert len(scene.look()) == 1
    assert scene.look() == []


def test_a_client_id_that_was_used_again_is_told_with_both_orders(scene):
    order = scene.placed()
    gone(scene, order)
    arrive(scene, order.client_id, "90")
    (text,) = scene.look()
    assert text.startswith(f"I2 alpha: client id {order.client_id} was used for two orders: order 1 of")
    assert "buy 1 BTC/USDT at 100, canceled, filled 0" in text
    assert "and order 2 of" in text
    assert "at 90, new" in text


def test_an_order_that_no_intent_was_journaled_for_is_told(scene):
    client_id = scene.placed().client_id
    stranger = client_id[:4] + "z" * 14
    arrive(scene, stranger)
    (text,) = scene.look()
    assert text.startswith(f"I4 alpha: order 2 of {stranger}")
    assert "no intent in its ledger" in text


def test_such_an_order_is_forgiven_where_a_disk_has_lied(scene):
    arrive(scene, scene.placed().client_id[:4] + "z" * 14)
    scene.oracle.lost_records = True
    assert scene.look() == []


def test_what_arrives_while_the_order_line_is_away_is_judged_when_it_is_back(scene):
    stranger = scene.placed().client_id[:4] + "z" * 14
    scene.look()
    arrive(scene, stranger)
    assert scene.oracle.look(None) == []
    assert len(scene.look()) == 1


def test_orders_of_others_on_the_account_are_none_of_its_business(scene):
    arrive(scene, "web-1")
    assert scene.look() == []
    assert scene.oracle.arrivals == 0


def test_a_second_order_of_one_intent_is_told_although_its_client_id_differs(scene):
    first = scene.placed()
    second = scene.placed()
    twin = scene.line_of(second)
    twin.intent = scene.line_of(first).intent
    (text,) = scene.look()
    assert text.startswith(f"I3 alpha: intent {twin.intent.intent_id} of grid has two orders: order 1 of")
    assert "and order 2 of" in text


def test_an_order_that_is_not_what_was_intended_is_told_with_both(scene):
    order = scene.placed(amount="1")
    order.quantity = D(2)
    (text,) = scene.look()
    assert "buy 2 BTC/USDT at 100" in text
    assert text.endswith("is not what intent intent-1 says: buy 1 BTC/USDT at 100")


def test_money_that_appears_at_the_venue_itself_is_told(scene):
    scene.world.core.engine.accounts["other"].balance("BTC").free += D("0.5")
    (text,) = scene.look()
    assert text.startswith("I1 alpha: the venue's own books do not add up: BTC")
