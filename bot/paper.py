"""Trades a configuration on paper: the very tree that trades live, live market data, and no order that leaves.

What is replaced is the `Venue` port of each exchange (`PaperVenue`): the market is the real exchange's, read without a
key through the ccxt class that trades live, the account is the matching engine's. The journal has a folder of its own.
What came of it is the record that a backtest makes, with the same summary and report.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ganglion.actors.exchange.arm import ExchangeSettings
from ganglion.actors.trading.orders import OrdersSettings
from ganglion.bot import logs
from ganglion.bot.config import BotConfig, ExchangeConfig, load
from ganglion.bot.control.operator import Operator
from ganglion.bot.control.server import ControlServer
from ganglion.bot.data_folder import paper_folder
from ganglion.bot.errors import BuildError, ConfigError, ExitCode, Problem
from ganglion.bot.logs import Format, LogRing
from ganglion.bot.paper_record import paper_record
from ganglion.bot.parts import Parts
from ganglion.bot.process import build
from ganglion.bot.recipes import config_of
from ganglion.bot.run import DRAIN_S, STOP_S, SWITCH_INTERVAL_S, signals, view, wait
from ganglion.bot.summary import Summary
from ganglion.bot.tree import BOT, Places
from ganglion.bot.venues import VenueMaker, Venues, ccxt_id, make_venues
from ganglion.bot.verdict import Verdict, judge
from ganglion.bot.views import Status
from ganglion.messages.values import ZERO, base_of, quote_of
from ganglion.simulation.backtest import FillSettings
from ganglion.simulation.backtest.witness import (
    MONITOR_FACTS,
    ORDERS_FACTS,
    PORTFOLIO_FACTS,
    TREE_FACTS,
    Seen,
    Witness,
)
from ganglion.simulation.figures import RunRecord
from ganglion.simulation.paper import LoopAgenda, PaperAccount, PaperSettings, PaperVenue
from ganglion.simulation.paper.exchange import PATIENCE_S
from ganglion.simulation.venue.accounts import LedgerError
from ganglion.supervision import Address, ChildSpec, StartError, System
from ganglion.supervision.dispatchers import LoopDispatcher

AGREE_S = 5.0
"""After the drain, for portfolios to have heard of the last fill."""


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """How to run."""

    seconds: float | None = None
    """None runs until a signal."""
    data: Path | None = None
    """Folder of its journal; None is NAME.paper beside the configuration."""
    log: Format | None = None
    """None is the live view on a terminal, console lines elsewhere."""


def read_paper(path: Path, data: Path | None = None) -> BotConfig:
    """A configuration to trade on paper: its secrets are not read, and `live = true` is not asked for.

    Args:
        path: of the bot.toml.
        data: folder of the journal; None is NAME.paper beside the file.

    Raises:
        ConfigError: with everything that is wrong with it, missing opening balances too.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    # `load` says best why a file can't be read.
    return on_paper(config_of(text, str(path), paper=True) if text.strip() else load(path), data)


def on_paper(config: BotConfig, data: Path | None = None) -> BotConfig:
    """The same configuration without its keys and with a folder of its own.

    Raises:
        ConfigError: accounts that are traded on have no opening balances, or some that can't be traded.
    """
    traded = {mode.table.exchange for mode in config.modes.values()}
    problems = [
        problem
        for name, exchange in config.exchanges.items()
        for problem in _balance_problems(exchange, traded=name in traded)
    ]
    if problems:
        raise ConfigError(str(config.source), problems)
    folder = data or config.source.parent / f"{config.bot.name}.paper"
    return msgspec.structs.replace(
        config,
        bot=config.bot.model_copy(update={"data": str(folder.absolute())}),
        exchanges={
            name: msgspec.structs.replace(exchange, credentials={}) for name, exchange in config.exchanges.items()
        },
    )


def _balance_problems(exchange: ExchangeConfig, *, traded: bool) -> Iterator[Problem]:
    """What is wrong with the opening balances of an account."""
    place, symbols = f"exchanges.{exchange.name}.simulated.balances", exchange.table.symbols
    balances = exchange.table.simulated.balances
    if traded and not any(balances.values()):
        text = "are missing: they are what the paper account opens with"
        hint = f"simulated = {{ balances = {{ {quote_of(symbols[0])} = 10000 }} }}"
        yield Problem(place, text, f"add {hint} to [exchanges.{exchange.name}]")
    known = {asset for symbol in symbols for asset in (base_of(symbol), quote_of(symbol))}
    for asset in balances:
        if asset not in known:
            hint = f"its markets trade {', '.join(sorted(known))}"
            yield Problem(f"{place}.{asset}", f"{exchange.name} has no market of it", hint)


class PaperRun:
    """A bot that trades on paper."""

    def __init__(self, config: BotConfig, system: System) -> None:
        """Start it; returns before any exchange is reached.

        Args:
            config: of `on_paper`.
            system: where; its dispatchers are loops.

        Raises:
            DataFolderError: the folder can't be used.
            BuildError: a part can't be made as configured.
            StartError: a part could not be started.
        """
        self.config = config
        self.system = system
        self.started_ms = system.clock.now_ms()
        self.accounts = {
            name: PaperAccount(_settings(config, exchange), system.clock) for name, exchange in config.exchanges.items()
        }
        self.seen = Seen()
        self._listen()
        self.bot = build(config, system, paper_folder, self._venues, self._parts())

    def _parts(self) -> Parts:
        wait_s = self.config.backtest.latency_s + PATIENCE_S

        def patient(settings: OrdersSettings) -> OrdersSettings:
            # What is on its way here can't be found by asking: that proves nothing before it must have arrived.
            return msgspec.structs.replace(
                settings,
                answer_s=settings.answer_s + wait_s,
                evidence_grace_s=settings.evidence_grace_s + wait_s,
            )

        return Parts(exchange=_without_dead_man, orders=patient, renewed=True)

    def _listen(self) -> None:
        system, places = self.system, Places(self.system)
        ear: Address[Any] = system.spawn(ChildSpec("witness", lambda: Witness(self.seen)))
        for name in self.config.exchanges:
            system.subscribe(places.portfolio(name), ear, *PORTFOLIO_FACTS)
            system.subscribe(places.orders(name), ear, *ORDERS_FACTS)
        system.subscribe(places.at("monitor"), ear, *MONITOR_FACTS)
        system.events.subscribe(ear, *TREE_FACTS)

    def _venues(self, exchanges: Mapping[str, ExchangeConfig], system: System) -> Venues:
        real = make_venues(exchanges, system, public=True)
        makers = {name: _maker(self.accounts[name], make, system) for name, make in real.makers.items()}
        return Venues(makers, real.closing)

    # -------------------------------------------------------------- what came of it

    def agrees(self, status: Status) -> bool:
        """Whether every portfolio has what its paper account has."""
        return not any(self._apart(status))

    def _apart(self, status: Status) -> list[str]:
        wrong: list[str] = []
        for exchange in status.exchanges:
            there = self.accounts[exchange.name].balances()
            here = {asset: balance.total for asset, balance in exchange.balances.items()}
            if not here:
                continue  # it never came to reading its account
            for asset in sorted({*there, *here}):
                if there.get(asset, ZERO) != here.get(asset, ZERO):
                    text = f"{here.get(asset, ZERO)} {asset} in the portfolio, {there.get(asset, ZERO)} at the venue"
                    wrong.append(f"I6 {exchange.name}: {text}")
        return wrong

    def finish(self, drain_s: float = DRAIN_S) -> tuple[RunRecord, Summary]:
        """Cancel what rests, compare, and make the record; the bot still runs."""
        self.bot.drain(drain_s)
        wrong: list[str] = []
        if not self.bot.wait_until(self.agrees, AGREE_S):
            wrong += self._apart(self.bot.status())
        status, summary = self.bot.status(), self.bot.summary()
        record = paper_record(self.config, self.seen, self.accounts, self.started_ms, status, summary)
        record.violations += wrong
        return record, summary

    def stop(self) -> list[str]:
        """Stop everything; where the engine did not conserve money, or failed."""
        self.bot.stop(STOP_S)
        wrong = []
        for name, account in self.accounts.items():
            wrong += [f"{name}: {text}" for text in account.defects]
            try:
                account.audit()
            except LedgerError as error:
                wrong.append(f"I6 {name}: {error}")
        return wrong


def _settings(config: BotConfig, exchange: ExchangeConfig) -> PaperSettings:
    table = config.backtest
    return PaperSettings(
        name=exchange.name,
        id=ccxt_id(exchange),
        symbols=exchange.table.symbols,
        balances=dict(exchange.table.simulated.balances),
        fills=FillSettings(
            latency_s=table.latency_s,
            slippage_pct=table.slippage_pct,
            participation=table.participation,
            touch_fills=table.touch_fills,
            queue=table.queue,
        ),
        maker_fee=table.maker_fee,
        taker_fee=table.taker_fee,
    )


def _without_dead_man(settings: ExchangeSettings) -> ExchangeSettings:
    """Nobody at the exchange could cancel what never was there."""
    return dataclasses.replace(settings, dead_man_s=None)


def _maker(account: PaperAccount, make: VenueMaker, system: System) -> VenueMaker:
    dispatcher = system.dispatcher(account.settings.name, "loop")
    if not isinstance(dispatcher, LoopDispatcher):
        raise BuildError(f'{account.settings.name}: paper needs a real loop; build it in System(dispatcher="loop")')
    # Each incarnation asks anew: after a thread that hung, the arm runs on another loop.
    return lambda: PaperVenue(account, make(), LoopAgenda(dispatcher.loop), dispatcher.fence)


def paper(
    config: BotConfig, options: PaperOptions, told: Callable[[str], None] = lambda _: None
) -> tuple[RunRecord | None, Verdict]:
    """Run it until its time is over, a signal comes or it ends by itself.

    Args:
        config: of `on_paper`.
        options: how.
        told: hears first of all, in a sentence, what this is.

    Returns:
        The record (None where nothing could be started) and how it went.

    Raises:
        DataFolderError: the folder can't be used; nothing was started.
        BuildError: a part can't be made as configured.
    """
    told(headline(config))
    ring = LogRing()
    watched = options.log is None and sys.stdout.isatty()
    logs.configure(options.log or "console", scrubber=config.scrubber, stream=ring if watched else None)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    stop = threading.Event()
    with signals(stop):
        system = System(dispatcher="loop", hang_s=config.bot.hang_s)
        try:
            run = PaperRun(config, system)
        except StartError as error:
            system.stop()
            return None, Verdict(ExitCode.HALTED, (str(error),))
        except BaseException:
            system.stop()
            raise
        try:
            with view(run.bot, ring, watched=watched, title=f"PAPER {config.bot.name}: simulated orders"):
                operator = Operator(run.bot)
                with ControlServer(config.data, operator.carry_out, config.scrubber):
                    wait(run.bot, stop, options.seconds)
                    operator.closing.set()
                record, summary = run.finish()
        finally:
            wrong = run.stop()
    record.violations += wrong
    verdict = judge(summary, bot=BOT, failure=system.failure, cancels=config.bot.cancel_on_stop)
    if record.violations and verdict.code is not ExitCode.FAILED:
        verdict = Verdict(ExitCode.FAILED, (*record.violations, *verdict.sentences))
    return record, verdict


def headline(config: BotConfig) -> str:
    """What this is, so that nobody takes it for live."""
    places = ", ".join(
        f"{name} ({exchange.table.id or exchange.table.connector})" for name, exchange in config.exchanges.items()
    )
    return (
        f"PAPER: {config.bot.name} trades on live market data of {places}; its orders are filled in this process, "
        f"none leaves it, no key is read. Journal: {config.data}"
    )
