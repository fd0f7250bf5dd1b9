"""Open orders of somebody else, and a venue that shows no money."""

from ganglion.actors.trading.orders.others import Others, came_back_empty
from ganglion.messages.orders import Balance, Side, VenueOrder
from tests.actors.trading.evidence import D


def order(venue_id="1", status="open", side=Side.BUY, amount="2", filled="0", price="50"):
    return VenueOrder("BTC/USDT", venue_id, None, status, side=side, price=D(price), amount=D(amount), filled=D(filled))


def locked(others):
    return {balance.asset: balance.used for balance in others.locked()}


def test_buys_lock_quote_and_sells_lock_base_for_what_is_not_filled():
    others = Others()
    others.replace([order(filled="0.5"), order("2", side=Side.SELL, amount="3")])
    assert locked(others) == {"USDT": D("75"), "BTC": D("3")}


def test_an_order_that_ended_locks_nothing_and_a_late_echo_does_not_bring_it_back():
    others = Others()
    assert others.see(order())
    assert others.see(order(status="canceled"))
    assert not others.see(order())
    assert locked(others) == {}


def test_an_older_picture_of_an_order_changes_nothing():
    others = Others()
    others.see(order(filled="1"))
    assert not others.see(order(filled="0.5"))
    assert locked(others) == {"USDT": D("50")}


def test_a_venue_that_shows_nothing_where_there_was_money_came_back_empty():
    assert came_back_empty((), {"USDT": D("5")})
    assert came_back_empty((Balance("USDT", D(0), D(0)),), {"USDT": D("5")})
    assert not came_back_empty((Balance("BTC", D(0), D("1")),), {"USDT": D("5")})
    assert not came_back_empty((), {"USDT": D(0)})
