"""The check of the user stream by polls of open orders: what it finds, and what must not trouble it."""

import msgspec
import pytest

from ganglion.actors.exchange.ccxt.failures import failure_from
from ganglion.actors.exchange.ccxt.settings import Credentials
from ganglion.actors.exchange.ccxt.trace import Trace
from ganglion.actors.exchange.directives import row_of
from ganglion.actors.exchange.quirks import quirks_of
from ganglion.messages import venue as v
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, Operation
from ganglion.messages.orders import AccountRead, ReadAccount
from tests.actors.exchange.scripted import World, order


def test_an_order_whose_end_the_stream_never_told_is_missed_at_two_polls() -> None:
    world = World().start()
    world.tell(v.OrdersStreamed((order("ended"),)))
    world.open_orders = ()
    world.system.run_for(61.0)
    assert not world.asked(v.DropClient)
    world.system.run_for(60.0)
    assert "never told of order v-ended" in world.asked(v.DropClient)[0].reason


@pytest.mark.parametrize("missed", ["its end", "its beginning"])
def test_what_the_stream_lost_is_said_once_even_if_it_is_not_opened_anew(missed: str) -> None:
    world = World().start()
    lost = order("lost")
    if missed == "its end":
        world.tell(v.OrdersStreamed((lost,)))
    else:
        world.open_orders = (lost,)
    world.system.run_for(500.0)
    assert len(world.asked(v.DropClient)) == 1


def test_an_order_that_was_told_after_the_poll_was_answered_raises_no_suspicion_later() -> None:
    world = World().start()
    world.tell(v.OrdersStreamed((order("young"),)))
    world.system.run_for(61.0)
    world.open_orders = (order("young"),)
    world.system.run_for(60.0)
    world.open_orders = ()
    world.system.run_for(60.0)
    world.tell(v.OrdersStreamed((order("young", "closed", "1"),)))
    world.system.run_for(200.0)
    assert not world.asked(v.DropClient)


def test_an_order_that_ends_while_the_account_is_read_is_not_open_again() -> None:
    world = World().start()
    resting = order("resting")
    world.tell(v.OrdersStreamed((resting,)))
    world.open_orders = (resting,)

    def ends_meanwhile(request: v.FetchBalance) -> v.VenueReply:
        # in every attempt something comes between, so that the last one is taken as it is
        world.tell(v.OrdersStreamed((order("resting", "closed", "1"),)))
        return world.default(request)

    world.answers[v.FetchBalance] = ends_meanwhile
    world.exchange.tell(ReadAccount(world.epoch, (), 0))
    world.system.run_for(1.0)
    assert not world.heard(AccountRead)[-1].settled
    world.open_orders = ()
    world.system.run_for(200.0)
    assert not world.asked(v.DropClient)


def test_orders_of_two_markets_may_have_the_same_number() -> None:
    world = World().start()
    twin = msgspec.structs.replace(order("twin"), symbol="ETH/USDT", client_id="other")
    world.tell(v.OrdersStreamed((order("twin"), twin)))
    world.tell(v.OrdersStreamed((msgspec.structs.replace(twin, status="closed"),)))
    world.open_orders = (order("twin"),)
    world.system.run_for(200.0)
    assert not world.asked(v.DropClient)


@pytest.mark.parametrize("error", [TypeError("'<' not supported"), KeyError("data"), ValueError("abc")])
def test_what_a_frame_makes_python_raise_is_an_unreadable_frame_of_that_stream_alone(error: Exception) -> None:
    described = failure_from(error, Trace(Operation.STREAM), Credentials(), quirks_of("binance"))
    assert described.error == "BadResponse"
    assert described.text.startswith(f"unreadable frame: {type(error).__name__}")
    assert row_of(described).error == "BadResponse"
    read = failure_from(error, Trace(Operation.READ), Credentials(), quirks_of("binance"))
    assert read.error == type(error).__name__


def test_private_streams_that_end_together_are_one_failure_of_the_connection() -> None:
    world = World().start()
    kinds = [kind for kind in world.capabilities.streams if kind.private]
    assert len(kinds) > 1
    world.lose(kinds[0])
    world.system.run_for(2.0)
    for kind in kinds:
        # the second failure in a row of such a class is still only tried again, the third restarts the actor
        world.lose(kind, "ExchangeError")
    world.system.run_for(10.0)
    assert len(world.actors) == 1
    assert world.heard(ConnectionChanged)[-1].state is ConnectionState.LIVE
