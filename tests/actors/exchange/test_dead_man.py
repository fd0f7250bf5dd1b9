"""The dead man's switch: armed while Live, renewed in time, switched off only when the arm is stopped in order."""

import itertools
from typing import Any

import msgspec

from ganglion.messages import venue as v
from ganglion.messages.degraded import Degraded
from tests.actors.exchange.scripted import World, failure

K = v.StreamKind


def renewals(world: World) -> list[tuple[float, float]]:
    """When the venue was told, and for how long."""
    return [(at, request.timeout_s) for at, request in world.times if isinstance(request, v.CancelAllAfter)]


def test_without_the_setting_the_venue_is_never_told() -> None:
    world = World().start()
    world.system.run_for(300.0)
    world.exchange.stop()
    world.system.run_until_idle()
    assert not renewals(world)


def test_it_is_armed_at_once_and_renewed_every_third_of_its_time() -> None:
    world = World(dead_man_s=60.0).start()
    world.system.run_for(100.0)
    told = renewals(world)
    assert {timeout_s for _, timeout_s in told} == {60.0}
    assert told[0][0] < 1.0
    gaps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(told)]
    assert gaps
    assert max(gaps) <= 20.0 + 1e-6


def test_it_runs_out_while_the_arm_is_not_live_and_is_armed_again_when_it_is() -> None:
    world = World(dead_man_s=60.0).start()
    world.answers[v.FetchTime] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("RequestTimeout"))
    world.system.run_for(5.0)
    world.lose(K.ORDERS)
    told = len(renewals(world))
    world.system.run_for(90.0)
    assert len(renewals(world)) == told
    del world.answers[v.FetchTime]
    world.system.run_for(10.0)
    assert len(renewals(world)) == told + 1


def test_an_arm_that_is_stopped_in_order_switches_it_off_before_it_closes_the_venue() -> None:
    world = World(dead_man_s=60.0).start()
    world.exchange.stop()
    world.system.run_until_idle()
    assert renewals(world)[-1][1] == 0.0
    kinds = [type(request) for _, request in world.times]
    assert kinds.index(v.CloseVenue) > len(kinds) - 1 - kinds[::-1].index(v.CancelAllAfter)


def test_a_crash_leaves_it_running_and_the_next_incarnation_renews_it() -> None:
    world = World(dead_man_s=60.0).start()
    world.system.fail("/exchange", "on purpose")
    world.system.run_for(5.0)
    assert [timeout_s for _, timeout_s in renewals(world)] == [60.0, 60.0]


def test_one_that_cannot_be_switched_off_is_left_to_run_out_and_the_log_says_so() -> None:
    world = World(dead_man_s=60.0)
    world.capabilities = msgspec.structs.replace(world.capabilities, cancel_all_after_stops=False)
    world.start()
    world.exchange.stop()
    world.system.run_until_idle()
    assert [timeout_s for _, timeout_s in renewals(world)] == [60.0]


def test_one_that_cannot_be_renewed_is_shown_until_it_can() -> None:
    world = World(dead_man_s=30.0).start()
    refused: Any = failure("PermissionDenied")
    world.answers[v.CancelAllAfter] = lambda r: v.RequestFailed(r.request_id, 1.0, refused)
    world.system.run_for(25.0)
    (shown,) = [seen for seen in world.heard(Degraded) if seen.what == "dead man's switch"]
    assert "PermissionDenied" in shown.reason
    assert "goes off after 30" in shown.reason
    del world.answers[v.CancelAllAfter]
    world.system.run_for(11.0)
    assert world.heard(Degraded)[-1].reason == ""
    assert len(world.actors) == 1


def test_a_venue_without_one_is_said_to_have_none_and_trades_on() -> None:
    world = World(dead_man_s=60.0)
    world.capabilities = msgspec.structs.replace(world.capabilities, cancel_all_after=False)
    world.start()
    assert "the venue has none" in world.heard(Degraded)[-1].reason
    assert not renewals(world)
