"""Records the public data of a configuration's exchanges into a folder: what `ganglion record` does.

    /recording/<arm>           one_for_one, on a loop of its own: the exchange actor, its candles
    /recording/recorder        one_for_one, on one thread: a recorder for each market

No account: no key is read and nothing is placed. The exchange actors are those that trade, so reconnects, resyncs and
budgets are theirs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from ganglion.actors.exchange.actor import ExchangeActor
from ganglion.actors.exchange.arm import ExchangeSettings, VenueMemory, Wiring
from ganglion.actors.market.candles import CandleActor, Watermark
from ganglion.bot import logs
from ganglion.bot.config import BotConfig, ExchangeConfig
from ganglion.bot.errors import ExitCode
from ganglion.bot.logs import Format
from ganglion.bot.run import SWITCH_INTERVAL_S, signals
from ganglion.bot.venues import VenueMaker, Venues, make_venues
from ganglion.messages.lifecycle import CellState
from ganglion.messages.market import Candle
from ganglion.messages.values import Symbol, path_name
from ganglion.simulation.data.columns import length_of
from ganglion.simulation.data.recorder import ReadRecorded, Recorded, RecorderActor
from ganglion.simulation.data.recording import FolderLock, MarketRecording
from ganglion.supervision import ActorDeadError, Address, Budget, ChildSpec, Supervisor, System, Timeout

if TYPE_CHECKING:
    from rich.table import Table

ROOT = "recording"
RECORDER = "recorder"
ASK_S = 5.0
STOP_S = 20.0
LOOK_S = 1.0
TELL_S = 10.0
"""Between two log lines where nobody watches."""
OTHER = "trades"
"""Stands where a candle actor's timeframe would: the exchange tells such an address trades and their losses."""
EXCHANGE_BUDGET = Budget(5, 60)
RECORDER_BUDGET = Budget(5, 300)


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """How to record."""

    out: Path
    seconds: float | None = None
    """None records until a signal."""
    timeframes: tuple[str, ...] = ("1m",)
    log: Format | None = None
    """None is a table on a terminal, console lines elsewhere."""


class RecordingRun:
    """A recording that runs."""

    def __init__(
        self,
        config: BotConfig,
        options: RecordOptions,
        system: System,
        venues: Callable[[Mapping[str, ExchangeConfig], System], Venues] = make_venues,
    ) -> None:
        """Start it; returns before any exchange is reached.

        Raises:
            RecordingError: the folder can't be recorded into.
            BuildError: an exchange can't be made as configured.
            OSError: what is in the folder can't be read.
        """
        self.system = system
        self._options = options
        self._exchanges = {
            name: msgspec.structs.replace(exchange, credentials={}) for name, exchange in config.exchanges.items()
        }
        with ExitStack() as undo:
            lock = FolderLock(options.out)
            undo.callback(lock.close)
            resumed = self._resume()
            made = venues(self._exchanges, system)
            undo.callback(made.closing.close)
            self._subscribe()
            arms = [self._arm(exchange, made.makers[name], resumed) for name, exchange in self._exchanges.items()]
            specs = [self._recorders(), *arms]
            system.spawn(ChildSpec(ROOT, lambda: Supervisor(specs), shutdown_s=STOP_S))
            self._closing = undo.pop_all()

    def recorded(self) -> list[Recorded]:
        """How much of each market there is; one that does not answer (it may be restarting) is left out."""
        found = []
        for name, symbol in self.markets:
            with suppress(Timeout, ActorDeadError):
                found.append(self._recorder(name, symbol).ask(ReadRecorded(), timeout=ASK_S))
        return found

    @property
    def markets(self) -> list[tuple[str, Symbol]]:
        """Exchange and symbol of each."""
        return [(name, symbol) for name, known in self._exchanges.items() for symbol in known.table.symbols]

    def parked(self) -> dict[str, str]:
        """Parts that gave up, and why."""
        return {
            info.path: f"{info.last_failure.error}: {info.last_failure.text}" if info.last_failure else "parked"
            for info in self.system.tree().root.walk()
            if info.state is CellState.PARKED
        }

    def stop(self) -> list[Recorded]:
        """Stop listening, write what is left; how much there is in the end."""
        for name in self._exchanges:
            with suppress(Timeout, ActorDeadError):
                self._at(name).stop(block=True, timeout=STOP_S)
        found = self.recorded()
        with suppress(Timeout, ActorDeadError):
            self._at(RECORDER).stop(block=True, timeout=STOP_S, drain=True)
        self._closing.close()
        self.system.stop(STOP_S)
        return found

    # -------------------------------------------------------------- building

    def _at(self, *steps: str) -> Address[Any]:
        return self.system.address("/".join(("", ROOT, *steps)))

    def _recorder(self, name: str, symbol: Symbol) -> Address[Any]:
        return self._at(RECORDER, f"{name}-{path_name(symbol)}")

    def _candles(self, name: str, symbol: Symbol, timeframe: str) -> Address[Any]:
        return self._at(name, f"{path_name(symbol)}-{timeframe}")

    def _open(self, name: str, symbol: Symbol) -> MarketRecording:
        return MarketRecording(self._options.out, name, symbol, self._options.timeframes)

    def _resume(self) -> dict[tuple[str, Symbol, str], int]:
        """Where the candles of an earlier run end; torn ends are cut here."""
        return {
            (name, symbol, timeframe): stream.last_ms + length_of(timeframe)
            for name, symbol in self.markets
            for timeframe, stream in self._open(name, symbol).candles.items()
            if stream.last_ms
        }

    def _subscribe(self) -> None:
        for name, symbol in self.markets:
            for timeframe in self._options.timeframes:
                self.system.subscribe(self._candles(name, symbol, timeframe), self._recorder(name, symbol), Candle)

    def _recorders(self) -> ChildSpec:
        children = [
            ChildSpec(
                f"{name}-{path_name(symbol)}",
                partial(RecorderActor, name, symbol, self._at(name, "exchange"), partial(self._open, name, symbol)),
                budget=RECORDER_BUDGET,
                mailbox=100_000,
            )
            for name, symbol in self.markets
        ]
        thread = self.system.dispatcher(RECORDER, "thread", abandonable=False)
        return ChildSpec(RECORDER, lambda: Supervisor(children), dispatcher=thread, shutdown_s=STOP_S)

    def _arm(
        self, exchange: ExchangeConfig, make_venue: VenueMaker, resumed: dict[tuple[str, Symbol, str], int]
    ) -> ChildSpec:
        name, table = exchange.name, exchange.table
        keys = [(symbol, timeframe) for symbol in table.symbols for timeframe in self._options.timeframes]
        settings = ExchangeSettings(
            name=name, symbols=table.symbols, silent_s=table.silent_s, book_depth=table.book_depth
        )
        listening = {(symbol, timeframe): self._candles(name, symbol, timeframe) for symbol, timeframe in keys}
        listening |= {(symbol, OTHER): self._recorder(name, symbol) for symbol in table.symbols}
        wiring = Wiring(books={symbol: self._recorder(name, symbol) for symbol in table.symbols}, candles=listening)
        memory = VenueMemory()
        children = [
            ChildSpec(
                "exchange",
                lambda: ExchangeActor(settings, make_venue, wiring, memory),
                budget=EXCHANGE_BUDGET,
                mailbox=100_000,
            )
        ]
        for symbol, timeframe in keys:
            watermark = Watermark(resumed.get((name, symbol, timeframe)))
            venue = self._at(name, "exchange")
            make = partial(CandleActor, name, symbol, timeframe, venue, watermark=watermark)
            children.append(ChildSpec(f"{path_name(symbol)}-{timeframe}", make))
        dispatcher = self.system.dispatcher(name, "loop")
        return ChildSpec(name, lambda: Supervisor(children), dispatcher=dispatcher, shutdown_s=STOP_S)


def record(config: BotConfig, options: RecordOptions) -> ExitCode:
    """Record until the time is over or a signal comes.

    Returns:
        FAILED where a part gave up, or nothing at all came.

    Raises:
        RecordingError: the folder can't be recorded into.
        BuildError: an exchange can't be made as configured.
    """
    watched = options.log is None and sys.stdout.isatty()
    ring = logs.LogRing()
    logs.configure(options.log or "console", scrubber=config.scrubber, stream=ring if watched else None)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    stop = threading.Event()
    with signals(stop):
        system = System(dispatcher="loop", hang_s=config.bot.hang_s)
        try:
            run = RecordingRun(config, options, system)
        except BaseException:
            system.stop()
            raise
        try:
            _watch(run, options, stop, watched=watched)
        finally:
            parked = run.parked()
            found = run.stop()
    for path, why in parked.items():
        sys.stderr.write(config.scrubber.scrub(f"{path} gave up: {why}\n"))
    for one in found:
        sys.stdout.write(f"{describe(one)}\n")
    rows = sum(one.trades + one.levels + one.candles for one in found)
    if not rows:
        sys.stderr.write("nothing was recorded: `ganglion check CONFIG --online` says whether the exchanges answer\n")
    return ExitCode.FAILED if parked or not rows else ExitCode.OK


def describe(one: Recorded) -> str:
    """One market's figures as a line."""
    return (
        f"{one.exchange} {one.symbol}: {one.trades} trades, {one.levels} book levels, {one.candles} candles, "
        f"{one.gaps} gap{'s' if one.gaps != 1 else ''}, {one.bytes / 1e6:.2f} MB"
    )


def _watch(run: RecordingRun, options: RecordOptions, stop: threading.Event, *, watched: bool) -> None:
    """Show how it goes until it is over."""
    log = structlog.get_logger()
    now_s = run.system.clock.monotonic_s
    began_s = tell_s = now_s()
    until_s = None if options.seconds is None else began_s + options.seconds
    with ExitStack() as stack:
        show = None
        if watched:
            from rich.live import Live  # noqa: PLC0415 - only on a terminal

            show = stack.enter_context(Live(refresh_per_second=2))
        while not stop.wait(LOOK_S if until_s is None else max(0.0, min(LOOK_S, until_s - now_s()))):
            if run.system.ended.is_set() or (until_s is not None and now_s() >= until_s):
                return
            if show is not None:
                show.update(_table(run.recorded(), now_s() - began_s, options.out))
            elif now_s() >= tell_s:
                tell_s = now_s() + TELL_S
                for one in run.recorded():
                    lost = one.book_lost or one.trades_lost
                    log.info("recorded", what=describe(one), **({"waits_for": lost} if lost else {}))


def _table(found: list[Recorded], seconds: float, out: Path) -> Table:
    from rich.table import Table  # noqa: PLC0415 - only on a terminal

    table = Table(title=f"recording to {out}, {seconds:.0f} s; Ctrl-C ends it", box=None)
    for column in ("market", "trades", "book levels", "candles", "gaps", "MB", "state"):
        table.add_column(column, justify="left" if column in {"market", "state"} else "right")
    for one in found:
        figures = (one.trades, one.levels, one.candles, one.gaps)
        state = one.book_lost or one.trades_lost or "recording"
        table.add_row(f"{one.exchange} {one.symbol}", *map(str, figures), f"{one.bytes / 1e6:.2f}", state[:60])
    return table
