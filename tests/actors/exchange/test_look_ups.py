"""Look-ups of one market share their scans: a storm of orders in doubt must not eat the budget of the trading."""

from ganglion.messages import venue as v
from ganglion.messages.orders import LookUpDone, LookUpOrder
from tests.actors.exchange.scripted import SYMBOL, World, failure, order


def test_look_ups_of_one_market_share_their_scans() -> None:
    world = World().start()
    for number in range(10):
        world.exchange.tell(LookUpOrder(f"doubt-{number}", None, SYMBOL, number))
    world.system.run_for(5.0)
    answers = world.heard(LookUpDone)
    assert sorted(done.client_id for done in answers) == sorted(f"doubt-{number}" for number in range(10))
    assert all(done.counts for done in answers)
    assert len(world.asked(v.FetchOrder)) == 10
    assert len(world.asked(v.FetchRecentOrders)) == 2, "the first alone, then all that asked meanwhile"
    assert len(world.asked(v.FetchMyTrades)) == 2


def test_a_shared_scan_gives_each_look_up_its_own_order() -> None:
    world = World().start()
    world.open_orders = (order("a"), order("b"))
    for client_id in ("a", "b", "c"):
        world.exchange.tell(LookUpOrder(client_id, None, SYMBOL, 0))
    world.system.run_for(5.0)
    found = {done.client_id: done.order and done.order.client_id for done in world.heard(LookUpDone)}
    assert found == {"a": "a", "b": "b", "c": None}


def test_a_shared_scan_that_fails_answers_everybody_and_the_next_one_is_made() -> None:
    world = World().start()
    world.answers[v.FetchOpenOrders] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("PermissionDenied"))
    for client_id in ("a", "b", "c"):
        world.exchange.tell(LookUpOrder(client_id, None, SYMBOL, 0))
    world.system.run_for(5.0)
    assert [done.counts for done in world.heard(LookUpDone)] == [False] * 3
    assert len(world.asked(v.FetchOpenOrders)) == 1, "what the key may not do is not asked again and again"
    del world.answers[v.FetchOpenOrders]
    world.system.run_for(301.0)
    world.exchange.tell(LookUpOrder("d", None, SYMBOL, 0))
    world.system.run_for(5.0)
    assert world.heard(LookUpDone)[-1].counts
