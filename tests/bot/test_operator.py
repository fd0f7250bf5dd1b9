"""The operator on a whole bot in this process: parked parts run again, what is down is told, flattens take turns."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganglion.bot.control.operator import Operator
from ganglion.bot.control.protocol import Command, Effect
from ganglion.bot.control.server import RefusedError
from ganglion.bot.process import Bot, build
from ganglion.bot.views import Status
from ganglion.messages.lifecycle import CellState
from ganglion.supervision import System
from tests.bot.samples import parsed

GOES_ON_S = 20.0
TEXT = """
[bot]
name = "operated"

[exchanges.alpha]
connector = "simulated"
symbols = ["BTC/USDT"]

[exchanges.beta]
connector = "simulated"
symbols = ["BTC/USDT"]

[modes.maker]
mode = "market_making"
exchange = "alpha"
symbol = "BTC/USDT"
"""


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    system = System(dispatcher="loop")
    running = build(parsed(TEXT, tmp_path), system)
    try:
        assert running.wait_until(reconciled, GOES_ON_S)
        yield running
    finally:
        if not system.ended.is_set():
            running.stop()


def reconciled(status: Status) -> bool:
    return bool(status.exchanges) and all(view.reconciled for view in status.exchanges)


def crash_until_parked(bot: Bot, *steps: str) -> None:
    """Crash a part beyond its budget; what is parked then is it, or the arm that it stands in."""
    path = "/".join(("/bot", *steps))

    def parked() -> bool:
        return any(cell.state is CellState.PARKED for cell in bot.tree().root.walk())

    while not parked():
        cell = bot.tree().find(path)
        if cell is not None and cell.state is CellState.RUNNING:
            bot.fail(*steps)
            bot.wait_until(lambda _, seen=cell.incarnation: parked() or incarnation(bot, path) > seen, GOES_ON_S)


def incarnation(bot: Bot, path: str) -> int:
    cell = bot.tree().find(path)
    return cell.incarnation if cell is not None and cell.state is CellState.RUNNING else 0


def do(bot: Bot, verb: str, scope: str, timeout_s: float = GOES_ON_S) -> Effect:
    effect = Operator(bot).carry_out(Command(verb, scope=scope, timeout_s=timeout_s), "anna")
    assert isinstance(effect, Effect)
    return effect


def test_a_parked_mode_runs_again_when_it_is_resumed(bot):
    crash_until_parked(bot, "modes", "maker")
    assert bot.wait_until(lambda s: "parked: " in s.modes[0].halted, GOES_ON_S)
    effect = do(bot, "resume", "maker")
    assert effect.done, effect
    assert effect.told[0] == "/bot/modes/maker runs again"
    assert bot.wait_until(lambda s: s.modes[0].trading == "active" and not s.parked, GOES_ON_S)


def test_an_arm_that_is_down_is_told_and_runs_again_when_it_is_resumed(bot):
    crash_until_parked(bot, "alpha", "account", "portfolio")
    effect = do(bot, "halt", "bot", timeout_s=1.0)
    assert not effect.done
    assert any(text.startswith("alpha has not said yet that it is halted: it is down") for text in effect.told)
    assert do(bot, "resume", "alpha").done
    assert bot.wait_until(lambda s: [view.trading for view in s.exchanges] == ["halted", "halted"], GOES_ON_S)
    effect = do(bot, "resume", "bot")
    assert effect.done, effect
    assert bot.wait_until(lambda s: reconciled(s) and s.exchanges[0].trading == "active", GOES_ON_S)
    assert effect.standing == ()


def test_one_flatten_waits_for_no_other(bot):
    operator = Operator(bot)
    held = threading.Event()
    go = threading.Event()

    def first(condition, until_s):
        held.set()
        return go.wait(GOES_ON_S) and type(operator).wait(operator, condition, until_s)

    operator.wait = first
    command = Command("flatten", scope="alpha")
    thread = threading.Thread(target=operator.carry_out, args=(command, "anna"))
    thread.start()
    assert held.wait(GOES_ON_S)
    with pytest.raises(RefusedError, match="a flatten is under way"):
        operator.carry_out(command, "berta")
    go.set()
    thread.join()


def test_an_operator_of_a_bot_that_has_ended_is_told_so(bot):
    operator = Operator(bot)
    bot.stop()
    with pytest.raises(RefusedError, match="the bot has ended by itself"):
        operator.carry_out(Command("status"), "anna")
