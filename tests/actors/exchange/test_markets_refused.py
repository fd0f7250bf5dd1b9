"""A market that the venue refuses: looked at once more before it is parked, or paused while it is closed."""

import msgspec
import pytest

from ganglion.messages import venue as v
from ganglion.messages.lifecycle import ConnectionState, MarketPaused, Operation, VenuePaused
from ganglion.messages.market import BookInvalid, CandlesRead, CandlesRequest
from ganglion.messages.orders import PlaceAnswered, PlaceVerdict
from tests.actors.exchange.scripted import SYMBOL, World, failure, market

K = v.StreamKind


def reloads(world: World) -> int:
    return sum(request.reload for request in world.asked(v.FetchMarkets))


def refuse_places(world: World, error: str) -> None:
    world.answers[v.CreateOrder] = lambda r: v.OrderCreated(
        r.request_id, 1.0, r.client_id, r.attempt, SYMBOL, None, failure(error, Operation.PLACE)
    )


def listed(world: World, *markets: object) -> None:
    world.answers[v.FetchMarkets] = lambda r: v.MarketsFetched(
        r.request_id, 1.0, markets, ("ETH/USDT",), world.capabilities
    )


def parked(world: World) -> str | None:
    return world.actors[-1].arm.parked.get(SYMBOL)


# ------------------------------------------------------------------ refused


def test_a_market_that_is_refused_and_still_listed_is_watched_again() -> None:
    world = World().start()
    watched = len(world.asked(v.Watch))
    world.lose(K.BOOK, "BadSymbol")
    world.system.run_for(5.0)
    assert reloads(world) == 1
    assert parked(world) is None
    assert len(world.asked(v.Watch)) == watched + 1


def test_a_market_that_is_refused_and_not_listed_any_more_is_parked_as_delisted() -> None:
    world = World().start()
    listed(world)
    world.lose(K.BOOK, "BadSymbol")
    world.system.run_for(5.0)
    assert "delisted" in str(parked(world))
    assert "delisted" in world.heard(BookInvalid)[-1].reason
    assert world.asked(v.Unwatch)


def test_a_market_that_is_listed_as_not_traded_is_parked() -> None:
    world = World().start()
    listed(world, msgspec.structs.replace(market(SYMBOL), active=False))
    world.lose(K.BOOK, "BadSymbol")
    world.system.run_for(5.0)
    assert "not traded" in str(parked(world))


def test_a_market_that_is_refused_again_is_parked_without_another_look() -> None:
    world = World().start()
    world.lose(K.BOOK, "BadSymbol")
    world.system.run_for(5.0)
    world.lose(K.BOOK, "BadSymbol")
    world.system.run_for(5.0)
    assert reloads(world) == 1
    assert "BadSymbol" in str(parked(world))


def test_a_look_that_could_not_be_had_leaves_the_market_its_chance() -> None:
    world = World().start()
    world.answers[v.FetchMarkets] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("NetworkError"))
    world.lose(K.BOOK, "BadSymbol")
    world.system.run_for(60.0)
    assert parked(world) is None
    world.answers.clear()
    world.lose(K.BOOK, "BadSymbol")
    world.system.run_for(5.0)
    assert parked(world) is None


def test_a_reading_that_names_a_bad_symbol_asks_for_the_markets_too() -> None:
    world = World().start()
    listed(world)
    world.answers[v.FetchCandles] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("BadSymbol"))
    world.exchange.tell(CandlesRequest(SYMBOL, "1m", None, 10))
    world.system.run_for(5.0)
    assert world.heard(CandlesRead)[-1].error is not None
    assert "delisted" in str(parked(world))


def test_an_expired_contract_is_parked_at_once() -> None:
    world = World().start()
    world.lose(K.BOOK, "ContractUnavailable")
    world.system.run_for(5.0)
    assert reloads(world) == 0
    assert "ContractUnavailable" in str(parked(world))


# ------------------------------------------------------------------ closed


def test_a_closed_market_is_paused_and_its_places_are_not_sent_until_the_time_is_over() -> None:
    world = World().start()
    refuse_places(world, "MarketClosed")
    world.place("first")
    assert world.heard(PlaceAnswered)[0].verdict is PlaceVerdict.REJECTED
    (paused,) = {message.until_s: message for message in world.heard(MarketPaused)}.values()
    assert (paused.symbol, paused.until_s) == (SYMBOL, world.system.clock.monotonic_s() + 60.0)
    assert not world.heard(VenuePaused), "one market's matter"
    world.answers.clear()
    world.place("second")
    refused = world.heard(PlaceAnswered)[1]
    assert refused.failure is not None
    assert (refused.failure.error, refused.verdict) == ("MarketPaused", PlaceVerdict.DENIED)
    world.system.run_for(60.1)
    world.place("third")
    assert world.heard(PlaceAnswered)[2].order is not None


@pytest.mark.parametrize("kind", [K.BOOK, K.TRADES])
def test_a_stream_that_ends_because_its_market_is_closed_pauses_that_market_and_leaves_the_venue_live(
    kind: v.StreamKind,
) -> None:
    world = World().start()
    world.lose(kind, "MarketClosed")
    assert [paused.symbol for paused in world.orders.of(MarketPaused)] == [SYMBOL]
    world.system.run_for(5.0)
    assert world.actors[-1].arm.connection.state is ConnectionState.LIVE


def test_a_closed_market_that_is_refused_twice_is_paused_once() -> None:
    world = World().start()
    world.lose(K.BOOK, "MarketClosed")
    world.lose(K.TRADES, "MarketClosed")
    assert len(world.orders.of(MarketPaused)) == 1
