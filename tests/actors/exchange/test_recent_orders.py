"""Orders that have ended, read with the account at a start: asked for where it is wanted, and never in its way."""

from ganglion.messages import venue as v
from ganglion.messages.orders import AccountRead, ReadAccount
from tests.actors.exchange.scripted import World, failure, order


def read(world: World, *, recent: bool) -> AccountRead:
    before = len(world.heard(AccountRead))
    world.exchange.tell(ReadAccount(world.epoch, (), 1_000, recent=recent))
    world.system.run_for(5.0)
    (found,) = world.heard(AccountRead)[before:]
    return found


def test_a_reading_at_a_start_has_the_orders_that_have_ended_since() -> None:
    world = World().start()
    ended = order("ended", "closed", "1")
    world.answers[v.FetchRecentOrders] = lambda r: v.OrdersFetched(r.request_id, 1.0, (ended,))
    assert read(world, recent=True).recent_orders == (ended,)
    assert [request.since_ms for request in world.asked(v.FetchRecentOrders)] == [1_000]


def test_another_reading_does_not_ask_for_them() -> None:
    world = World().start()
    assert read(world, recent=False).recent_orders == ()
    assert world.asked(v.FetchRecentOrders) == []


def test_a_venue_that_does_not_tell_them_is_read_all_the_same() -> None:
    world = World().start()
    world.answers[v.FetchRecentOrders] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("PermissionDenied"))
    found = read(world, recent=True)
    assert found.settled
    assert found.failure is None
    assert found.recent_orders == ()
