"""The whole evening: venues up, bot on them, the script played, drain, the last page, the exit code.

Called by the command line. Everything here is outside the actors and may block.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from rich.console import Console

from ganglion.bot import logs
from ganglion.bot.config import BotConfig
from ganglion.bot.demo.checks import Evidence, checks
from ganglion.bot.demo.report import report
from ganglion.bot.demo.scenario import ARMS, FULL_S, SHORTEST_S, Refuse, Return, Scene, script
from ganglion.bot.demo.stage import Stage
from ganglion.bot.demo.story import Played, outcome, over
from ganglion.bot.demo.view import DemoView, Picture
from ganglion.bot.demo.witness import ReadTestimony, Testimony, WitnessMessage, call_witness
from ganglion.bot.errors import CheckFailed, ExitCode
from ganglion.bot.logs import Format, LogRing
from ganglion.bot.process import build
from ganglion.bot.run import DRAIN_S, STOP_S, SWITCH_INTERVAL_S, signals
from ganglion.bot.summary import save
from ganglion.supervision import Address, System

LIVE_WITHIN_S = 20.0
BACK_WITHIN_S = 15.0
"""How long the script waits for an arm that is still away; the checks judge it."""
LOOK_S = 0.1
ASK_S = 5.0
WIDTH_OFF_TERMINAL = 140


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How to play it."""

    seconds: float | None = None
    """Of trading; `FULL_S` if None."""
    seed: int = 0
    """Of the venues' markets."""
    log: Format | None = None
    """None is the live view on a terminal, console lines elsewhere."""
    summary: Path | None = None
    live: bool = True
    """False shows plain lines on a terminal too."""
    hide_fill: bool = False
    """Hide one fill from the bot: the demo must fail then."""


def run_demo(options: DemoOptions) -> ExitCode:
    """Play the demo.

    Returns:
        OK if every check holds.

    Raises:
        CheckFailed: the venues or the bot could not be brought up, or somebody interrupted.
    """
    out = Console(width=None if sys.stdout.isatty() else WIDTH_OFF_TERMINAL, highlight=False)
    plain = out.options.ascii_only
    watched = options.live and options.log is None and sys.stdout.isatty() and not plain
    stop = threading.Event()
    out.print(
        "Starting two local venues, one speaks Binance's protocol and one Kraken's, and a bot on both; "
        "no keys, no network."
    )
    last_deeds: list[Callable[[], None]] = []
    with ExitStack() as closing:
        closing.enter_context(signals(stop, last_deeds))
        folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="ganglion-demo-"))
        stage = Stage(Path(folder), options.seed)
        last_deeds.append(stage.drop)
        closing.enter_context(stage)
        config = stage.config()
        logs.configure(options.log or "console", scrubber=config.scrubber, stream=LogRing() if watched else None)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        show = Show(stage, config, options, out)
        evidence = show.run(stop, watched=watched)
    if options.summary is not None:
        save(evidence.summary, options.summary, config.scrubber)
    found = checks(evidence)
    out.print(report(evidence, found, show.started_s, plain=plain))
    return ExitCode.OK if all(check.good for check in found) else ExitCode.FAILED


class Show:
    """One evening."""

    def __init__(self, stage: Stage, config: BotConfig, options: DemoOptions, out: Console) -> None:
        self._stage = stage
        self._config = config
        self._out = out
        self._log = structlog.get_logger()
        self._json = options.log == "json"
        self._scenes = script(options.seconds or FULL_S, hide_fill=options.hide_fill)
        self._seconds = max(SHORTEST_S, options.seconds or FULL_S)
        self._played: list[Played] = []
        self._told: set[int] = set()
        self._headline = "two local venues, one bot: waiting for both arms"
        self._watched = False
        self._late_s = 0.0
        """What the script has waited for arms that were away longer than it allows for."""
        self.started_s = 0.0
        """When both arms were Live, by the system's monotonic clock."""

    def run(self, stop: threading.Event, *, watched: bool) -> Evidence:
        """Bring the bot up, play, drain, and gather the evidence."""
        self._watched = watched
        self._system = System(dispatcher="loop")
        try:
            self._witness: Address[WitnessMessage] = call_witness(self._config, self._system)
            self._bot = build(self._config, self._system)
        except BaseException:
            self._system.stop()
            raise
        try:
            with self._view():
                return self._trade(stop)
        finally:
            self._bot.stop(STOP_S)

    def _trade(self, stop: threading.Event) -> Evidence:
        if not self._system.wait_for(lambda: stop.is_set() or self._all_trade(), LIVE_WITHIN_S):
            raise CheckFailed(f"the bot did not become Live on both venues within {LIVE_WITHIN_S:.0f} s")
        self.started_s = self._now_s()
        self._say(f"Both arms are Live; {self._seconds:.0f} s of trading, {len(self._scenes)} hurts.")
        self._headline = "two local venues, one bot, and what is done to them"
        for scene in self._scenes:
            self._wait(stop, self.started_s + self._late_s + scene.at_s)
            if not isinstance(scene.deed, Return):
                self._late_s += self._rest(stop)
            self._play(scene)
        self._wait(stop, self.started_s + self._late_s + self._seconds)
        self._rest(stop)
        end_s = self._now_s()
        self._follow()
        self._headline = "draining: orders are cancelled, accounts compared"
        self._say("Time is over: the bot cancels its orders and compares its accounts with the venues.")
        drained = self._bot.drain(DRAIN_S)
        return self._evidence(end_s, drained=drained)

    # -------------------------------------------------------------- playing

    def _play(self, scene: Scene) -> None:
        self._played.append(Played(scene, self._now_s()))
        self._say(f"{scene.title}")
        self._stage.do(scene.deed, self._bot)

    def _rest(self, stop: threading.Event) -> float:
        """Wait for an arm that is still away, for how long is the answer: no hurt falls on one that is down already."""
        since_s = self._now_s()
        while not self._all_trade() and self._now_s() < since_s + BACK_WITHIN_S:
            self._wait(stop, self._now_s() + LOOK_S)
        return self._now_s() - since_s

    def _wait(self, stop: threading.Event, until_s: float) -> None:
        """Wait, telling what becomes of the scenes meanwhile."""
        while (left_s := until_s - self._now_s()) > 0:
            if stop.wait(min(LOOK_S, left_s)):
                raise CheckFailed("interrupted before the end: nothing was judged")
            if self._system.ended.is_set():
                raise CheckFailed(f"the bot ended by itself: {self._system.failure}")
            self._follow()

    def _follow(self) -> None:
        heard, now_s = self._heard(), self._now_s()
        for number, one in enumerate(self._played):
            if one.refused is None and isinstance(one.scene.deed, Refuse) and over(one, now_s):
                self._played[number] = replace(one, refused=self._stage.refused(one.scene.deed))
        for number, one in enumerate(self._played):
            became = outcome(one, heard, now_s)
            if became.settled and number not in self._told:
                self._told.add(number)
                if became.text:
                    self._say(f"{one.scene.title}: {became.text}")

    def _say(self, text: str) -> None:
        if self._watched:
            return
        if self._json:
            self._log.info("demo", text=text)
        else:
            second = self._now_s() - self.started_s if self.started_s else 0.0
            self._out.print(f"{second:5.1f} s  {text}", style="bold cyan", soft_wrap=True)

    # -------------------------------------------------------------- looking

    def _now_s(self) -> float:
        return self._system.clock.monotonic_s()

    def _heard(self) -> Testimony:
        testimony: Testimony = self._witness.ask(ReadTestimony(), timeout=ASK_S)
        return testimony

    def _all_trade(self) -> bool:
        heard = self._heard()
        return all(heard.trades(arm) for arm in ARMS)

    def _view(self) -> AbstractContextManager[object]:
        return DemoView(self._picture, self._out) if self._watched else nullcontext()

    def _picture(self) -> Picture:
        now_s = self._now_s()
        return Picture(
            scenes=self._scenes,
            played=tuple(self._played),
            heard=self._heard(),
            status=self._bot.status(),
            tree=self._bot.tree(),
            now_s=now_s,
            started_s=self.started_s,
            headline=self._headline,
        )

    def _evidence(self, end_s: float, *, drained: bool) -> Evidence:
        return Evidence(
            played=self._played,
            heard=self._heard(),
            status=self._bot.status(),
            summary=self._bot.summary(),
            venues={arm: self._stage.books(arm) for arm in ARMS},
            drained=drained,
            end_s=end_s,
        )
