"""A mode that raises, in a world: found whatever the supervisors make of it; times and targets that make no sense."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ganglion.bot.world import make_world
from ganglion.simulation import Fault, Faults, World
from ganglion.simulation.faults import FaultKind
from tests.simulation.world.bots import world

MODE = """
from ganglion.actors.modes import ModeConfig, TradingMode

class M(TradingMode[ModeConfig]):
    def {hook}:
        raise ValueError("oops, always")
"""
BOT = """
[bot]
name = "small"
[exchanges.alpha]
id = "binance"
live = true
symbols = ["BTC/USDT"]
credentials = { key = "env:KEY", secret = "env:SECRET" }
[modes.one]
mode = "my_mode.py:M"
exchange = "alpha"
symbol = "BTC/USDT"
"""


def raising(folder: Path, hook: str) -> World:
    (folder / "my_mode.py").write_text(MODE.format(hook=hook))
    (folder / "bot.toml").write_text(BOT)
    return make_world(folder / "bot.toml", seed=0)


@pytest.mark.parametrize("hook", ["on_start(self)", "on_book(self, top)", "on_resume(self, resume)"])
def test_a_mode_that_raises_is_a_violation_that_says_what_and_where(tmp_path: Path, hook: str):
    done = raising(tmp_path, hook).run(seconds=30)
    assert [seen.invariant for seen in done.violations] == ["I15"]
    text = done.violations[0].text
    assert text.startswith("/bot/modes/one raised ValueError: oops, always")
    assert f"in M.{hook.partition('(')[0]}" in text


def test_a_parked_actor_for_whom_messages_wait_is_told_with_what_it_failed_of(tmp_path: Path):
    done = raising(tmp_path, "on_start(self)").run(seconds=30).settle(limit_s=5.0)
    waits = [seen.text for seen in done.violations if "messages wait" in seen.text]
    assert waits
    assert "/bot/modes/one is parked after ValueError: oops, always" in waits[0]


def test_an_actor_that_a_fault_crashes_is_no_violation():
    crash = Fault(at_s=5.0, kind=FaultKind.ACTOR_CRASH, target="/bot/modes/trader")
    done = world(crash).run(seconds=30)
    assert done.coverage["fault:actor_crash"] == 1
    assert done.violations == ()


@pytest.mark.parametrize("span", [{}, {"hours": -1}, {"minutes": math.nan}, {"seconds": math.inf}, {"seconds": 0}])
def test_a_world_refuses_to_run_for_no_time(span: dict[str, float]):
    with pytest.raises(ValueError, match="a world runs for some time"):
        world().run(**span)


@pytest.mark.parametrize(
    ("kind", "target", "says"),
    [
        (FaultKind.REPLY_LOST, "nobody", "it can be 'alpha'"),
        (FaultKind.ACTOR_CRASH, "/bot/modes/tradr", "did you mean '/bot/modes/trader'"),
        (FaultKind.KILL, "alpha", "it can be ''"),
    ],
)
def test_a_fault_whose_target_is_not_there_is_refused(kind: FaultKind, target: str, says: str):
    with pytest.raises(ValueError, match="its target is") as refused:
        make_world_with(Fault(at_s=1.0, kind=kind, target=target))
    assert says in str(refused.value)


def make_world_with(fault: Fault) -> World:
    return world(*Faults.of([fault]).explicit)
