"""Runs one bot as this process: signals, the live view, the time limit, the drain, the summary, the exit code.

The first SIGINT or SIGTERM drains: cancel what the bot placed, compare, stop right to left, exit 0. The second drops
everything at once, exit 130.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import structlog

from ganglion.bot import logs
from ganglion.bot.config import BotConfig
from ganglion.bot.control.looks import all_states, by_text
from ganglion.bot.control.operator import Operator
from ganglion.bot.control.server import ControlServer
from ganglion.bot.errors import ExitCode
from ganglion.bot.logs import Format, LogRing
from ganglion.bot.process import Bot, build
from ganglion.bot.summary import save
from ganglion.bot.tape import taping
from ganglion.bot.tree import BOT
from ganglion.bot.verdict import judge
from ganglion.bot.views import Status
from ganglion.supervision import StartError, System

SWITCH_INTERVAL_S = 0.0005
"""With the default of 5 ms a journal write beside a busy loop took 5.3 ms p50, with this 0.7."""
DRAIN_S = 20.0
STOP_S = 20.0
LOOK_S = 0.2
STATUS_S = 1.0
"""Between two looks at everything, so that the summary of a bot that ends by itself is fresh."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run."""

    seconds: float | None = None
    """None runs until a signal."""
    summary: Path | None = None
    log: Format | None = None
    """None is the live view on a terminal, console lines elsewhere."""
    tape: Path | None = None
    """Folder to record the run in, for `ganglion replay`."""


def run(config: BotConfig, options: RunOptions) -> ExitCode:
    """Run a bot until its time is over, a signal comes or it ends by itself.

    Args:
        config: what to run.
        options: how.

    Returns:
        What the process should exit with.
    """
    ring = LogRing()
    watched = options.log is None and sys.stdout.isatty()
    logs.configure(options.log or "console", scrubber=config.scrubber, stream=ring if watched else None)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    stop = threading.Event()
    with signals(stop), taping(config, options.tape) as tape:
        system = System(dispatcher="loop", hang_s=config.bot.hang_s) if tape is None else tape.system()
        try:
            bot = build(config, system) if tape is None else tape.build(system)
        except StartError as error:
            system.stop()
            sys.stderr.write(config.scrubber.scrub(f"{error}\n"))
            return ExitCode.HALTED
        except BaseException:
            system.stop()
            raise
        try:
            with view(bot, ring, watched=watched):
                operator = Operator(bot)
                with ControlServer(config.data, operator.carry_out, config.scrubber):
                    wait(bot, stop, options.seconds)
                    operator.closing.set()
                bot.drain(DRAIN_S)
                summary = bot.summary()
        finally:
            bot.stop(STOP_S)
    verdict = judge(summary, bot=BOT, failure=system.failure, cancels=config.bot.cancel_on_stop)
    # On a terminal the live view, which showed the log, is gone.
    told = [*verdict.sentences, *([AFTER_ITS_END] if system.failure is not None else [])]
    sys.stderr.write(config.scrubber.scrub("".join(f"{sentence}\n" for sentence in told)))
    if options.summary is not None:
        save(summary, options.summary, config.scrubber)
    return verdict.code


AFTER_ITS_END = (
    "its orders were not cancelled: look at each exchange for open ones. Then see to the cause and start it again"
)


def ended_by(system: System) -> str:
    """Which failure ended a system, for people."""
    failure = system.failure
    return "nothing failed: it was stopped" if failure is None else f"{failure.error}: {failure.text}"


def wait(bot: Bot, stop: threading.Event, seconds: float | None) -> None:
    """Wait for a signal, the end of the time or of the bot."""
    log = structlog.get_logger()
    now_s = bot.system.clock.monotonic_s
    until_s = None if seconds is None else now_s() + seconds
    look_s = now_s()
    old = OldStates(bot.system.clock.now_ms())
    while not stop.wait(LOOK_S):
        if bot.system.ended.is_set():
            log.critical("the_bot_ended_by_itself", cause=ended_by(bot.system), todo=AFTER_ITS_END)
            return
        if now_s() >= look_s:
            look_s = now_s() + STATUS_S
            for state in old.news(bot.status()):
                log.warning("still_not_active", **state)
        if until_s is not None and now_s() >= until_s:
            log.info("time_is_over", seconds=seconds)
            return
    log.info("stopping", how="cancelling orders; a second signal drops everything")


class OldStates:
    """What an earlier run of this bot left halted or reducing: told once, when its journal was read."""

    def __init__(self, started_ms: int) -> None:
        self._started_ms = started_ms
        self._told: set[tuple[str, str]] = set()

    def news(self, status: Status) -> Iterator[dict[str, str]]:
        """What was not told yet, as fields of a log line."""
        for state in all_states(status):
            key = (state.scope, state.state)
            if state.at_ms >= self._started_ms or key in self._told:
                continue
            self._told.add(key)
            since = datetime.fromtimestamp(state.at_ms / 1000, UTC)
            yield {
                "scope": state.scope,
                "state": state.state,
                "since": since.isoformat(timespec="seconds"),
                "cause": state.cause,
                "by": by_text(state),
                "todo": f"`ganglion resume {state.scope}` lifts it",
            }


def view(bot: Bot, ring: LogRing, *, watched: bool, title: str = "") -> AbstractContextManager[object]:
    """The live view, where somebody watches."""
    if not watched:
        return nullcontext()
    from ganglion.bot.live_view import LiveView  # noqa: PLC0415 - rich is only needed on a terminal

    return LiveView(lambda: (bot.status(), bot.tree()), title=title or bot.config.bot.name, ring=ring)


@contextmanager
def signals(stop: threading.Event, last_deeds: Sequence[Callable[[], None]] = ()) -> Iterator[None]:
    """Take SIGINT and SIGTERM for the block; the old handlers come back after it.

    Args:
        stop: set by the first.
        last_deeds: done at the second, before the process is gone; may grow in the block. Each is short and raises
            nothing.
    """

    def handle(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            sys.stderr.write(f"\n{signal.Signals(number).name} again: everything is dropped\n")
            sys.stderr.flush()
            for deed in last_deeds:
                deed()
            # Threads of loops and a drain under way would hold an ordinary exit up.
            os._exit(ExitCode.INTERRUPTED)
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
