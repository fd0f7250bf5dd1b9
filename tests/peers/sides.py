"""Both sides of the comparison: this engine in this process, and OctoBot-Trading in an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ganglion.actors.trading.journal import read_journal
from ganglion.actors.trading.orders import records
from ganglion.actors.trading.orders.ledger import Ledger, replay
from ganglion.actors.trading.orders.line import Line
from ganglion.bot.config import parse
from ganglion.bot.process import build
from ganglion.messages.orders import OrderState
from ganglion.simulation.venue import VenueControl, VenueProcess, ccxt_settings
from ganglion.simulation.venue.dialects.binance.ccxt_settings import toml_text
from ganglion.supervision import System
from tests.peers.cases import ACCOUNT, AMOUNT, SYMBOL, Case, Found, orders_at, sent_to

MODE = Path(__file__).with_name("one_order.py")
OCTOBOT_SIDE = Path(__file__).with_name("octobot_side.py")
RESULT = "result "
KNOWN_S = 60.0
LOOK_S = 0.05
OCTOBOT_S = 120.0
SETTLED = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED})


class PeerError(RuntimeError):
    """The other side could not be run; the text has its last words."""


# ------------------------------------------------------------------ this engine


def ours(case: Case, folder: Path) -> Found:
    """A whole bot with a durable journal, whose mode decides once; the user stream is silent, as OctoBot has none."""
    with VenueProcess(["--seed", "1"]) as venue:
        venue.control.fault("freeze", stream="user", seconds=600)
        case.switch_on(venue.control)
        config = parse(
            _text(venue.base_url, market=case.market),
            folder / "bot.toml",
            {"ALPHA_KEY": ACCOUNT, "ALPHA_SECRET": ACCOUNT},
        )
        system = System(dispatcher="loop")
        bot = build(config, system)
        try:
            line, seconds = _known(config.data, venue.control)
        finally:
            bot.stop()
        # From the disk, after the bot has gone: what a start would know.
        journaled = [str(kept.venue_id) for kept in _ledger(config.data).lines.values() if kept.venue_id]
        return Found(
            case=case,
            requests=len(sent_to(venue.control)),
            orders=orders_at(venue.control),
            known=[] if line is None else [str(line.venue_id)],
            known_later=journaled,
            said="never known" if line is None else str(line.state),
            versions={"ganglion": version("ganglion"), "ccxt": version("ccxt"), "aiohttp": version("aiohttp")},
            seconds=seconds,
        )


def _text(base_url: str, *, market: bool) -> str:
    mode = f'[modes.one]\nmode = "{MODE}:OneOrder"\nexchange = "alpha"\nsymbol = "{SYMBOL}"\namount = "{AMOUNT}"'
    mode += f"\nmarket = {str(market).lower()}"
    bot = '[bot]\nname = "peers"\ncancel_on_stop = false'
    return "\n\n".join([bot, toml_text(base_url, (SYMBOL,), "alpha"), mode])


def _ledger(data: Path) -> Ledger:
    entries = [entry for entry in read_journal(data) if entry.account == "alpha"]
    return replay("alpha", (records.decode(entry.record) for entry in entries))


def _known(data: Path, control: VenueControl) -> tuple[Line | None, float | None]:
    """Wait until the journal knows what became of the order; how long that took from the venue's taking it."""
    until_s = time.monotonic() + KNOWN_S
    while time.monotonic() < until_s:
        for line in _ledger(data).lines.values():
            if line.state in SETTLED and line.venue_id:
                taken_ms = min(entry["time_ms"] for entry in sent_to(control))
                return line, max(0.0, time.time() - taken_ms / 1000)
        time.sleep(LOOK_S)
    return None, None


# ------------------------------------------------------------------ OctoBot-Trading


def octobot(case: Case, python: Path) -> Found:
    """Its real create-order path on a venue of its own.

    Raises:
        PeerError: it can't be run by this interpreter.
    """
    with VenueProcess(["--seed", "1"]) as venue:
        control = venue.control
        price = int(float(control.status()["prices"][SYMBOL]) * (1.0 if case.market else 0.99))
        task = {
            "ccxt": ccxt_settings(venue.base_url, ACCOUNT, ACCOUNT),
            "symbol": SYMBOL,
            "amount": AMOUNT,
            "price": str(price),
            "market": case.market,
            "watch_s": case.watch_s,
        }
        result = _run(python, task, lambda: case.switch_on(control))
        returned = result["returned"]
        return Found(
            case=case,
            requests=len(sent_to(control)),
            orders=orders_at(control),
            known=result["known"],
            known_later=result["known_later"],
            said=result["raised"] or ("returned None" if returned is None else f"returned order {returned}"),
            versions=result["versions"],
        )


def _run(python: Path, task: dict[str, Any], when_ready: Any) -> dict[str, Any]:
    command = [str(python), str(OCTOBOT_SIDE), json.dumps(task)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        while line and line.strip() != "ready":
            line = process.stdout.readline()
        if line:
            when_ready()
        said, errors = process.communicate("\n", timeout=OCTOBOT_S + task["watch_s"])
    for line in said.splitlines():
        if line.startswith(RESULT):
            result: dict[str, Any] = json.loads(line.removeprefix(RESULT))
            return result
    raise PeerError(f"{python} did not get to a result:\n" + "\n".join(errors.splitlines()[-5:]))
