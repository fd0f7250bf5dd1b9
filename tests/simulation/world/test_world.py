"""A whole bot in one seed: what runs, what repeats, what is killed, and what is seen."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ganglion.bot.errors import BuildError, ConfigError
from ganglion.bot.world import make_world
from ganglion.messages.lifecycle import CellState, Violation
from ganglion.messages.orders import Fill, SendOrder
from ganglion.simulation import Fault, Faults
from ganglion.simulation.faults import FaultKind
from tests.simulation.world.bots import config, world

K = FaultKind

SEEDS = 50
HASHES = f"""
import structlog
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
from ganglion.simulation import Faults
from ganglion.bot.world import make_world
from tests.simulation.world.bots import config
for seed in range({SEEDS}):
    world = make_world(config(mode=["market_making", "grid"][seed % 2]), seed=seed, faults=Faults.swarm(p_active=0.7))
    world.run(seconds=40); world.heal(); world.settle()
    print(seed, world.trace_hash, world.steps, len(world.plan), world.violations)
"""


def test_fifty_seeds_have_the_same_trace_in_two_processes_with_different_hash_seeds():
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", HASHES], env={"PYTHONHASHSEED": salt, "PATH": ""}, stdout=subprocess.PIPE, text=True
        )
        for salt in ("1", "4242")
    ]
    first, second = (run.communicate(timeout=280)[0] for run in runs)
    assert len(first.splitlines()) == SEEDS
    assert first == second


def test_another_seed_is_another_world():
    assert world(seed=1).run(seconds=20).trace_hash != world(seed=2).run(seconds=20).trace_hash


def test_the_trace_can_be_read_twice_and_while_it_grows():
    running = world().run(seconds=5)
    before = running.trace_hash
    assert running.trace_hash == before
    assert running.run(seconds=5).trace_hash != before


def test_a_bot_trades_and_agrees_with_its_venue_in_the_end():
    done = world().run(minutes=3).heal().settle()
    assert done.violations == ()
    assert done.exchanges["alpha"].account.fills["BTC/USDT"]


def test_time_that_is_run_in_pieces_is_the_same_time():
    whole = make_world(config(), seed=3, faults=Faults.swarm()).run(minutes=2)
    pieces = make_world(config(), seed=3, faults=Faults.swarm())
    for _ in range(24):
        pieces.run(seconds=5)
    assert pieces.trace_hash == whole.trace_hash


def test_a_killed_bot_begins_a_second_life_on_the_disk_of_the_first():
    done = world(Fault(at_s=30, kind=K.KILL, delay_s=2, steps=7)).run(minutes=2).heal().settle()
    process = done.processes["small"]
    assert process.lives == 2
    assert done.coverage["fault:kill"] == 1
    assert done.violations == ()
    assert process.life.log.notices == []


@pytest.mark.parametrize("steps", [2, 3])
def test_a_power_cut_between_and_inside_writes_loses_no_order(steps):
    cuts = [Fault(at_s=10 + 30 * n, kind=K.POWER_LOSS, delay_s=1, steps=steps + 2 * n) for n in range(8)]
    done = world(*cuts).run(minutes=5).heal().settle()
    assert done.processes["small"].lives == 9
    assert done.violations == ()


def test_a_disk_that_was_full_halts_the_bot_until_somebody_starts_it_anew():
    done = world(Fault(at_s=20, kind=K.FULL_DISK, seconds=40, delay_s=3)).run(minutes=3)
    assert done.coverage["journal halt"]
    assert done.processes["small"].sick == ""
    assert done.heal().settle().violations == ()


def test_a_bot_that_can_not_start_is_tried_again_until_its_disk_is_well():
    running = world()
    process = running.processes["small"]
    process.disk.trouble.broken = True
    running.run(seconds=12)
    assert process.life is None
    assert len(process.said) == 3
    assert "Input/output error" in process.said[0]
    process.disk.mend()
    running.run(seconds=30)
    assert process.sick == ""


def test_reordered_delivery_leaves_first_in_first_out_and_is_written_down():
    done = world(Fault(at_s=5, kind=K.REORDERED, seconds=60)).run(minutes=2).heal().settle()
    assert len(done.deviations) > 50
    assert done.violations == ()


def test_deviations_that_are_given_are_the_ones_that_happen():
    faults = (Fault(at_s=5, kind=K.REORDERED, seconds=30),)
    drawn = world(*faults).run(minutes=1)
    given = world(*faults, deviate=drawn.deviations).run(minutes=1)
    assert given.deviations == drawn.deviations
    assert given.trace_hash == drawn.trace_hash
    assert world(*faults, deviate=False).run(minutes=1).deviations == ()


def test_an_actor_that_crashes_in_its_handler_restarts_alone():
    path = "/bot/alpha/account/orders"
    done = world(Fault(at_s=30, kind=K.ACTOR_CRASH_INSIDE, target=path, times=2)).run(minutes=2).heal().settle()
    cells = {cell.path: cell for cell in done.processes["small"].life.system.cells()}
    assert cells[path].restarts == 1
    assert cells["/bot/alpha/exchange"].restarts == 0
    assert cells[path].state is CellState.RUNNING
    assert done.violations == ()


def test_a_slow_consumer_handles_nothing_for_a_while_and_loses_nothing():
    path, seen = "/bot/alpha/account/portfolio", []
    running = world(Fault(at_s=30, kind=K.SLOW_CONSUMER, target=path, seconds=5))
    running.watch = lambda step, now_s, where, message: seen.append(now_s) if where == path else None
    running.run(minutes=2).heal().settle()
    assert not [at_s for at_s in seen if 30.1 < at_s < 35]
    assert running.violations == ()


def test_a_watcher_sees_every_step_with_its_message():
    kinds, steps = [], []
    running = world()
    running.watch = lambda step, now_s, path, message: (kinds.append(type(message)), steps.append(step))
    running.run(minutes=1)
    assert steps == list(range(1, running.steps + 1))
    assert {SendOrder, Fill} <= set(kinds)


def test_a_run_ends_at_a_step_that_is_named():
    running = world().run(minutes=1, until_step=500)
    assert running.steps == 500
    assert running.now_s < 60


def test_only_faults_that_have_begun_are_in_the_plan():
    running = world(Fault(at_s=5, kind=K.BAN, target="alpha", seconds=1), Fault(at_s=50, kind=K.REORDERED, seconds=1))
    assert [fault.at_s for fault in running.run(seconds=10).plan] == [5]
    running.heal()
    assert [fault.at_s for fault in running.run(minutes=2).plan] == [5]


def test_a_venue_that_is_away_in_the_end_is_a_violation_of_liveness():
    running = world().run(seconds=30)
    for kind in (K.REPLY_LOST, K.STREAM_SILENT):
        running.exchanges["alpha"].begin(Fault(at_s=30, kind=kind, seconds=1e6, target="alpha"))
    running.run(seconds=60).settle(limit_s=30)
    assert {violation.invariant for violation in running.violations} == {"I4"}


def test_what_the_live_monitor_finds_is_told_with_its_time_and_step():
    running = world().run(seconds=30)
    process = running.processes["small"]
    system = process.life.system
    system.address("/bot/monitor").tell(Violation("I1", "alpha", "a test says so"))
    running.run(seconds=1)
    (seen,) = running.violations
    assert (seen.invariant, seen.account, seen.text) == ("I1", "alpha", "a test says so")
    assert 30 <= seen.at_s <= 31
    assert seen.step > 0


def test_every_other_kill_comes_while_an_order_is_on_its_way():
    met = 0
    for seed in range(5):
        running = world(Fault(at_s=20.0, kind=K.KILL, delay_s=1.0, steps=1), seed=seed).run(minutes=5)
        assert running.heal().settle().violations == ()
        met += running.coverage["killed with an order in flight"]
    assert met >= 2


def test_a_book_is_not_judged_right_after_a_fault_that_no_look_has_seen():
    silent = Fault(at_s=46.0, kind=K.STREAM_SILENT, target="alpha", stream="book", seconds=4.249)
    assert world(silent).run(seconds=50.252).violations == ()


def test_an_arm_that_rests_until_an_operator_comes_is_started_anew_when_all_is_healed():
    refused = Fault(
        at_s=30.0, kind=K.ERROR, target="alpha", requests="query", error="RestrictedLocation", seconds=120.0
    )
    running = world(refused).run(minutes=3)
    (process,) = running.processes.values()
    assert "RestrictedLocation" in process.sick
    assert running.heal().settle().violations == ()
    assert not process.sick


def test_an_order_that_only_a_lying_disk_knew_is_no_violation_of_the_bot():
    lie = Fault(at_s=20.0, kind=K.LOST_SYNC, seconds=60.0)
    cut = Fault(at_s=40.0, kind=K.POWER_LOSS, delay_s=1.0, steps=2)
    running = world(lie, cut, seed=1).run(minutes=2)
    assert running.heal().settle().violations == ()
    assert any(oracle.lost_records for oracle in running.oracles.values())


def test_state_that_is_touched_outside_its_turn_is_found():
    running = world().run(seconds=10)
    process = running.processes["small"]
    cells = {cell.path: cell for cell in process.life.system.cells()}
    trespasser, victim = cells["/bot/alpha/books/BTC-USDT"].actor, cells["/bot/treasury"].actor
    trespasser.hoard = victim.__dict__
    running.run(minutes=1)
    assert {violation.invariant for violation in running.violations} == {"I13"}
    assert "/bot/treasury" in running.violations[0].text


def test_two_bots_trade_beside_each_other_on_one_venue_with_an_account_each():
    running = make_world([config("one"), config("two")], seed=5, faults=Faults.only("kill", "reply_lost"))
    running.run(minutes=3).heal().settle()
    one, two = running.exchanges.values()
    assert one.core is two.core
    assert one.account is not two.account
    assert one.account.fills
    assert two.account.fills
    assert running.violations == ()


def test_two_bots_of_one_name_are_refused():
    with pytest.raises(BuildError, match="a name of its own"):
        make_world([config("one"), config("one")])


def test_a_configuration_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        make_world(tmp_path / "nowhere.toml")


def test_a_kraken_world_agrees_in_the_end_too():
    running = make_world(config(mode="grid", venue="kraken"), seed=2, faults=Faults.swarm(p_active=0.5))
    assert running.run(minutes=5).heal().settle().violations == ()
