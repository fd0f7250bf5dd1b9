"""The demo's stage: two local venues as processes of their own, the bot's configuration on them, and the deeds.

One venue speaks Binance's protocol, the other Kraken's.

Called by `show` from outside the actors; everything here may block for a moment.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from ganglion.bot.config import BotConfig, parse
from ganglion.bot.demo.scenario import ARMS, Crash, Deed, DropSockets, HideFill, Kill, Refuse, Return
from ganglion.bot.process import Bot
from ganglion.simulation.venue import VenueProcess, ccxt_settings

ACCOUNT, SECRET = "demo-account", "no-secret-at-all"
"""The bot's account at each venue: its name, which is its key, and its secret."""
DIALECTS = {"alpha": "binance", "beta": "kraken"}
"""Which protocol each venue speaks: two that differ in everything."""
FEES = ("--maker-fee", "0.0002", "--taker-fee", "0.0004")
SYMBOLS = ("BTC/USDT", "ETH/USDT")
DROPPED_WITHIN_S, DROP_LOOK_S = 2.0, 0.01
UNDER_WAY_MS = 200
"""Requests that were sent already when the refusal arrived, and clocks that differ by rounding."""
UNITS_PER_S = 100
"""A local venue counts what it is asked and refuses nothing: the script is not played at a new customer's pace."""
GRACE_S = 1.0
"""A local venue shows an order at once: not finding it so much later is evidence."""
MARKETS = {"alpha": {"maker": SYMBOLS[0], "grid": SYMBOLS[1]}, "beta": {"maker": SYMBOLS[1], "grid": SYMBOLS[0]}}
"""Who trades what: the same modes, the other way round."""


@dataclass(frozen=True, slots=True)
class Books:
    """What a venue's own ledger says about the bot's account."""

    balances: dict[str, Decimal]
    """Total per asset."""
    fills: int
    open_orders: int


@dataclass(frozen=True, slots=True)
class Refused:
    """What became of a venue's refusal."""

    requests: int
    """Answered with the error."""
    early: int
    """Sent before the time that the venue had named was over."""


class Stage:
    """Two venues with a folder each; a context manager."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._closing = ExitStack()
        self._folder = folder
        self._venues = {
            arm: VenueProcess(
                [
                    *("--dialect", DIALECTS[arm], "--state", str(folder / arm), "--seed", str(seed + number)),
                    *("--account", f"{ACCOUNT}:{SECRET}", *FEES),
                ]
            )
            for number, arm in enumerate(ARMS)
        }

    def __enter__(self) -> Self:
        """Start the venues."""
        with ExitStack() as starting:
            for venue in self._venues.values():
                starting.enter_context(venue)
            self._closing = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the venues."""
        self._closing.close()

    def drop(self) -> None:
        """Leave nothing behind, at once and from a signal handler: the venue processes killed, their folder removed."""
        pids = [venue.pid for venue in self._venues.values() if venue.pid is not None]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until_s = time.monotonic() + DROPPED_WITHIN_S
        for pid in pids:
            # One that is reaped already is no child any more.
            with suppress(ChildProcessError):
                # A venue that still writes could make its folder anew.
                while os.waitpid(pid, os.WNOHANG) == (0, 0) and time.monotonic() < until_s:
                    time.sleep(DROP_LOOK_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    # -------------------------------------------------------------- the bot on it

    def config(self) -> BotConfig:
        """The bot's configuration, made as anybody would write it."""
        tables = ['[bot]\nname = "demo"', *map(self._exchange, ARMS)]
        tables += [_mode(arm, kind, symbol) for arm in ARMS for kind, symbol in MARKETS[arm].items()]
        secrets = {"DEMO_KEY": ACCOUNT}
        secrets |= {f"{arm.upper()}_SECRET": str(self._ccxt(arm)["secret"]) for arm in ARMS}
        return parse("\n\n".join(tables), self._folder / "demo.toml", secrets)

    def _exchange(self, arm: str) -> str:
        listed = ", ".join(f'"{symbol}"' for symbol in SYMBOLS)
        ours = {key: value for key, value in self._ccxt(arm).items() if key in {"urls", "options"}}
        return f"""[exchanges.{arm}]
id = "{DIALECTS[arm]}"
symbols = [{listed}]
evidence_grace_s = {GRACE_S}
units_per_s = {UNITS_PER_S}
credentials = {{ key = "env:DEMO_KEY", secret = "env:{arm.upper()}_SECRET" }}
ccxt = {_toml(ours)}"""

    def _ccxt(self, arm: str) -> dict[str, object]:
        return ccxt_settings(self._venues[arm].base_url, ACCOUNT, SECRET, DIALECTS[arm])

    # -------------------------------------------------------------- the deeds

    def do(self, deed: Deed, bot: Bot) -> None:
        """Do one deed of the script."""
        match deed:
            case DropSockets(venue, seconds):
                control = self._venues[venue].control
                control.fault("lose_request", requests="stream", seconds=seconds)
                control.drop_sockets()
            case Refuse(venue):
                self._refuse(deed)
            case Crash(steps):
                bot.fail(*steps, text="crashed by the demo")
            case Kill(venue):
                self._venues[venue].kill()
            case Return(venue):
                self._venues[venue].start()
            case HideFill(venue):
                self._venues[venue].control.hide_fill(ACCOUNT)

    def _refuse(self, deed: Refuse) -> None:
        code, text = (-1003, "Too many requests.") if deed.status == 429 else (-1000, "Service unavailable.")
        fields: dict[str, str | float] = {"status": deed.status, "seconds": deed.seconds, "body": "error"}
        fields |= {"code": code, "message": text}
        fields |= {} if deed.times is None else {"times": deed.times}
        fields |= {} if deed.retry_after_s is None else {"retry_after_s": deed.retry_after_s}
        self._venues[deed.venue].control.fault("answer", **fields)

    # -------------------------------------------------------------- what the venues know

    def refused(self, deed: Refuse) -> Refused:
        """How many of the bot's requests were refused, and how many came sooner than the venue had asked for."""
        log = self._venues[deed.venue].control.requests()
        refused = [entry["time_ms"] for entry in log if entry["status"] == deed.status]
        wait_ms = 1000 * (deed.retry_after_s or 0)
        early = [
            entry
            for entry in log
            if any(UNDER_WAY_MS < entry["time_ms"] - at_ms < wait_ms - UNDER_WAY_MS for at_ms in refused)
        ]
        return Refused(len(refused), len(early))

    def books(self, arm: str) -> Books:
        """What the venue's ledger says about the bot's account."""
        account = self._venues[arm].control.ledger()["accounts"][ACCOUNT]
        return Books(
            balances={
                asset: Decimal(balance["free"]) + Decimal(balance["locked"])
                for asset, balance in account["balances"].items()
            },
            fills=len(account["fills"]),
            open_orders=sum(order["status"] in {"new", "partially_filled"} for order in account["orders"]),
        )


def _mode(arm: str, kind: str, symbol: str) -> str:
    """Quotes and levels so close to mid that a lively market fills them within seconds."""
    head = f'[modes.{arm}-{kind}]\nexchange = "{arm}"\nsymbol = "{symbol}"\nstep_pct = 0.05\nsize_pct = 2\n'
    if kind == "maker":
        return head + 'mode = "market_making"\nspread_pct = 0.05\nrequote_pct = 0.03'
    return head + 'mode = "grid"\nlevels = 6'


def _toml(value: object) -> str:
    """A value of ccxt's settings as TOML on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {_toml(inner)}' for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return f'"{value}"'
