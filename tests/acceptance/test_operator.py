"""The operator's commands on a real bot process that trades on real venue processes through real ccxt.

One bot lives through all of it, in the order of the tests: looked at, reduced, halted, resumed, flattened, killed while
it is halted, and started again.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ganglion.bot.cli import app
from ganglion.bot.errors import ExitCode
from ganglion.simulation.venue import VenueControl
from tests.acceptance.stage import BTC, ETH, arm_text, bot_text, mode_text, posts

KEY = "demo"
OPEN = frozenset({"new", "partially_filled"})
WITHIN_S = 20.0
HALTED = ExitCode.HALTED
CHURNER = """
from decimal import Decimal

from ganglion.actors.modes import ModeConfig, TradingMode


class Churner(TradingMode[ModeConfig]):
    # Buys and sells at market again and again: it loses spread and fees.

    def on_start(self):
        self.held = Decimal(0)

    def on_fill(self, fill):
        self.held += fill.side.sign * fill.amount

    def on_book(self, top):
        if not self.open_orders:
            self.sell(self.held) if self.held else self.buy(Decimal("0.05"))
"""


class Running:
    """One bot process and its two venues."""

    def __init__(self, folder: Path, alpha: VenueControl, beta: VenueControl) -> None:
        self.folder = folder
        self.venues = {"alpha": alpha, "beta": beta}
        self.config = folder / "bot.toml"
        arms = [arm_text(name, venue.base_url, key=KEY) for name, venue in self.venues.items()]
        (folder / "churner.py").write_text(CHURNER)
        loser = mode_text("loser", "churner.py:Churner", "beta", BTC)
        self.config.write_text(
            bot_text(
                *arms,
                mode_text("maker", "market_making", "alpha", BTC, spread_pct=0.02, min_interval_s=0.2),
                mode_text("grid", "grid", "alpha", ETH, step_pct=0.05),
                f"{loser}\nlimits.max_loss = 20",
                name="operated",
            )
        )
        self.data = folder / "operated.ganglion"
        self.start()

    def start(self) -> None:
        with (self.folder / "run.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from ganglion.bot.cli import main; main()", "run", str(self.config)],
                stdout=log,
                stderr=log,
                env=os.environ | {KEY: KEY},
            )

    def say(self, *arguments: str, code: ExitCode = ExitCode.OK) -> str:
        """One command as a person gives it; what it printed."""
        ended = CliRunner().invoke(app, [*arguments, "--data", str(self.data)])
        assert ended.exit_code == code, f"{arguments}: {ended.exit_code}\n{ended.output}\n{ended.exception!r}"
        return ended.output

    def ask(self, *arguments: str, code: ExitCode = ExitCode.OK) -> Any:
        """One command as a machine gives it."""
        return json.loads(self.say(*arguments, "--json", code=code))

    def status(self) -> dict[str, Any]:
        ended = CliRunner().invoke(app, ["status", "--data", str(self.data), "--json"])
        return json.loads(ended.output)

    def wait(self, condition: Callable[[], object], what: str) -> None:
        until_s = time.monotonic() + WITHIN_S
        while not condition():
            if time.monotonic() > until_s or self.process.poll() is not None:
                pytest.fail(f"not within {WITHIN_S:g} s: {what}\n{(self.folder / 'run.log').read_text()[-3000:]}")
            time.sleep(0.05)

    def account(self, arm: str = "alpha") -> dict[str, Any]:
        """What the venue itself says of the bot's account."""
        return self.venues[arm].ledger()["accounts"][KEY]

    def open_at_venue(self, arm: str = "alpha", **where: str) -> list[dict[str, Any]]:
        orders = [order for order in self.account(arm)["orders"] if order["status"] in OPEN]
        return [order for order in orders if all(order[key] == value for key, value in where.items())]

    def row(self, kind: str, name: str) -> dict[str, Any]:
        return next(row for row in self.status()[kind] if row["name"] == name)

    def trades(self, mode: str) -> bool:
        row = self.row("modes", mode)
        return row["trading"] == "active" and row["open_orders"] > 0


@pytest.fixture(scope="module")
def bot(folder: Path, alpha: VenueControl, beta: VenueControl) -> Iterator[Running]:
    running = Running(folder, alpha, beta)
    try:
        running.wait((running.data / "control.sock").exists, "the control socket")
        running.wait(lambda: running.trades("maker") and running.trades("grid"), "both modes trade")
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def scopes(states: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(state["scope"], state["state"]) for state in states]


def test_status_shows_accounts_balances_and_modes(bot: Running):
    shown = bot.status()
    assert (shown["bot"], shown["pid"]) == ("operated", bot.process.pid)
    alpha = bot.row("accounts", "alpha")
    assert (alpha["connection"], alpha["trading"], alpha["reconciled"]) == ("live", "active", True)
    assert Decimal(alpha["balances"]["USDT"]["total"]) > 0
    assert "BTC/USDT" in CliRunner().invoke(app, ["status", "--data", str(bot.data)]).output


def test_the_tree_is_shown_with_restarts_and_queues(bot: Running):
    paths = {row["path"]: row for row in bot.ask("tree")}
    assert paths["/bot/alpha/exchange"]["state"] == "running"
    assert paths["/bot/modes/grid"]["incarnation"] == 1
    assert "OrdersActor" in bot.say("tree")


def test_orders_are_listed_by_scope(bot: Running):
    rows = bot.ask("orders", "alpha/ETH/USDT")
    assert rows
    assert {row["mode"] for row in rows} == {"grid"}
    assert "ETH/USDT" in bot.say("orders", "grid", "--all")


def test_a_scope_that_is_not_there_is_told_what_there_is(bot: Running):
    told = bot.say("orders", "gird", code=ExitCode.CONFIGURATION)
    assert "did you mean grid?" in told
    assert "modes maker, grid, loser" in told


def test_without_a_terminal_a_halt_wants_a_yes(bot: Running):
    assert "add --yes" in bot.say("halt", code=ExitCode.CONFIGURATION)
    assert bot.row("accounts", "alpha")["trading"] == "active"


def test_a_mode_that_lost_more_than_it_may_is_halted_and_not_resumed(bot: Running):
    bot.wait(lambda: bot.row("modes", "loser")["trading"] == "halted", "the loss limit")
    bot.wait(lambda: not bot.open_at_venue("beta"), "its orders are cancelled")
    (state,) = [state for state in bot.status()["states"] if state["scope"] == "loser"]
    assert state["by"] == "loss limit"
    assert "max_loss is 20" in state["cause"]
    assert bot.row("accounts", "beta")["trading"] == "active"
    assert bot.ask("flatten", "loser", "--yes")["done"]
    told = bot.say("resume", "loser", code=ExitCode.FAILED)
    assert "raise max_loss in the bot.toml and start the bot again" in told


def test_reducing_cancels_buys_and_sells_go_on(bot: Running):
    effect = bot.ask("reduce", "grid", "--reason", "too much ETH")
    assert effect["done"]
    assert [state["cause"] for state in effect["standing"]] == ["too much ETH"]
    bot.wait(lambda: not bot.open_at_venue(symbol=ETH, side="buy"), "no buy is left")
    assert bot.open_at_venue(symbol=ETH, side="sell")
    assert bot.row("modes", "grid")["trading"] == "reducing"
    assert bot.row("modes", "maker")["trading"] == "active"
    assert "grid is active" in bot.say("resume", "grid")


def test_a_halt_stops_one_account_and_leaves_its_orders(bot: Running):
    bot.wait(lambda: bot.trades("grid"), "the grid trades again")
    effect = bot.ask("halt", "alpha", "--yes", "--reason", "it looks odd")
    assert effect["done"]
    assert scopes(effect["standing"]) == [("alpha", "halted")]
    assert effect["still_open"] == len(bot.open_at_venue()) > 0
    sent = sum(posts(bot.venues["alpha"], key=KEY).values())
    then_s = bot.status()["seconds"]
    bot.wait(lambda: bot.status()["seconds"] > then_s + 0.5, "half a second in which nothing is sent")
    assert sum(posts(bot.venues["alpha"], key=KEY).values()) == sent
    shown = bot.say("status", code=HALTED)
    assert "alpha halted since" in shown
    assert "it looks odd" in shown


def test_a_resume_reconciles_and_trades_on(bot: Running):
    epoch = bot.row("accounts", "alpha")["epoch"]
    assert "alpha is active" in bot.say("resume", "alpha")
    assert bot.row("accounts", "alpha")["epoch"] > epoch
    bot.wait(lambda: bot.trades("maker"), "it trades again")
    assert "alpha is active already" in bot.say("resume", "alpha")


def test_cancel_all_cancels_what_is_open_and_warns_of_what_goes_on(bot: Running):
    effect = bot.ask("cancel-all", "alpha", "--yes")
    assert effect["done"]
    assert effect["cancelled"] > 0
    assert any("may place again" in text for text in effect["told"])


def test_a_flatten_sells_what_the_modes_own_trades_hold(bot: Running):
    def bought() -> bool:
        orders = bot.ask("orders", "alpha", "--all")
        sums = {
            mode: sum(Decimal(o["filled"]) * (1 if o["side"] == "buy" else -1) for o in orders if o["mode"] == mode)
            for mode in ("maker", "grid")
        }
        return any(amount > Decimal("0.01") for amount in sums.values())

    bot.venues["alpha"].sweep(ETH, "sell", "60")
    bot.wait(bought, "a mode holds something")
    effect = bot.ask("flatten", "alpha", "--yes")
    assert effect["done"], effect
    assert effect["still_open"] == len(bot.open_at_venue()) == 0
    assert effect["sold"]
    for sold in effect["sold"]:
        assert Decimal(sold["sold"]) > 0
        assert Decimal(sold["left"]) < Decimal("0.001"), sold
    assert {o["state"] for o in bot.ask("orders", "alpha", "--all") if o["type"] == "market"} == {"filled"}
    again = bot.ask("flatten", "alpha", "--yes")
    assert all("less than one step" in sold["why"] for sold in again["sold"]), again


def test_a_halted_bot_that_is_killed_is_halted_when_it_starts_again(bot: Running):
    assert bot.ask("halt", "--yes", "--cancel")["done"]
    before = bot.status()["states"]
    bot.process.send_signal(signal.SIGKILL)
    bot.process.wait()
    told = bot.say("status", code=ExitCode.FAILED)
    assert f"It was killed: process {bot.process.pid} is gone" in told
    bot.start()
    bot.wait(lambda: CliRunner().invoke(app, ["status", "--data", str(bot.data)]).exit_code == HALTED, "it is halted")
    bot.wait(lambda: bot.row("accounts", "alpha")["reconciled"], "it is reconciled")
    assert bot.status()["states"] == before
    assert not bot.open_at_venue()
    bot.wait(lambda: "still_not_active" in (bot.folder / "run.log").read_text(), "it says so")


def test_a_bot_that_ends_halted_ends_with_3(bot: Running):
    bot.process.send_signal(signal.SIGINT)
    assert bot.process.wait(WITHIN_S) == HALTED, (bot.folder / "run.log").read_text()[-3000:]
    told = (bot.folder / "run.log").read_text()
    assert "alpha is halted: operator flatten (by " in told
    assert "beta is halted: an operator said halt (by " in told
