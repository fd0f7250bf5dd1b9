"""A running bot as a handle: build it, look at it, drain it, stop it. What `run`, `demo` and a host program hold.

Everything here is called from outside the actors and may block.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress

import structlog

from ganglion.actors.trading.journal import Log
from ganglion.bot.collector import ReadStatus
from ganglion.bot.config import BotConfig, ExchangeConfig
from ganglion.bot.data_folder import DeviceMaker, live_folder, open_journal
from ganglion.bot.parts import LIVE, Parts
from ganglion.bot.summary import Summary, open_of, summarize
from ganglion.bot.tree import BOT, Places, bot_spec, subscribe_all
from ganglion.bot.venues import Venues, make_venues
from ganglion.bot.views import EMPTY, ExchangeView, Status
from ganglion.messages.account import Drain, SnapshotRequest
from ganglion.messages.lifecycle import ConnectionState
from ganglion.messages.orders import CancelAll
from ganglion.supervision import ActorDeadError, System, Timeout, Tree

ASK_S = 5.0
LOOK_EVERY_S = 0.05
CANCEL_AGAIN_S = 2.0
"""While orders are left, cancels are asked for again: an answer may be lost, an order line may have restarted."""
STOPS = "the bot stops"


class Bot:
    """One bot in one system."""

    def __init__(self, config: BotConfig, system: System, closing: ExitStack, log: Log) -> None:
        self.config = config
        self.system = system
        self.journal = log
        self._closing = closing
        self._places = Places(system)
        self._last = EMPTY
        self._uncompared: frozenset[str] = frozenset()
        self._log = structlog.get_logger().bind(bot=config.bot.name)

    def status(self) -> Status:
        """What the collector knows; the last answer where it does not answer (it may be restarting, or have ended)."""
        if self.system.ended.is_set():
            return self._last
        try:
            self._last = self._places.at("collector").ask(ReadStatus(), timeout=ASK_S)
        except (Timeout, ActorDeadError) as error:
            self._log.warning("status_not_read", error=type(error).__name__)
        return self._last

    def tree(self) -> Tree:
        """The supervision tree now."""
        return self.system.tree()

    def summary(self) -> Summary:
        """Everything so far."""
        return summarize(self.status(), self.tree(), bot=BOT, uncompared=self._uncompared)

    def fail(self, *steps: str, text: str = "injected") -> None:
        """Crash a part on purpose: `bot.fail("modes", "grid")`."""
        self.system.fail("/".join((BOT, *steps)), text)

    def wait_until(self, condition: Callable[[Status], bool], timeout_s: float) -> bool:
        """Wait until the status satisfies a condition; False if it did not in time."""
        until_s = time.monotonic() + timeout_s
        while not condition(self.status()):
            if time.monotonic() >= until_s or self.system.ended.is_set():
                return False
            time.sleep(LOOK_EVERY_S)
        return True

    def drain(self, timeout_s: float = 20.0) -> bool:
        """Place nothing more, cancel what the bot placed, and compare every reachable account with its venue.

        Portfolios deny every place first: what a mode still decides can't slip in behind the cancels.

        Returns:
            True if nothing of the bot is left open on exchanges that could be reached.
        """
        if self.system.ended.is_set():
            self._uncompared = frozenset(self.config.exchanges)
            self._warn_of_open_orders()
            return False
        until_s = time.monotonic() + timeout_s
        cancels = self.config.bot.cancel_on_stop
        if not cancels:
            self._tell_portfolios(Drain(STOPS))
        while True:
            if cancels:
                self._cancel(until_s)
            self._compare(max(1.0, until_s - time.monotonic()))
            # The comparison is the proof: an order that was on its way when the cancels were sent is in it.
            clean = not (cancels and any(map(_left_open, self._last.exchanges)))
            if clean or time.monotonic() >= until_s or self.system.ended.is_set():
                break
        self._warn_of_open_orders()
        return clean

    def _cancel(self, until_s: float) -> None:
        """Cancel everything, again and again while something is left open and there is time."""
        while True:
            self._tell_portfolios(Drain(STOPS), CancelAll(mode=None, reason=STOPS))
            left_s = until_s - time.monotonic()
            if self.wait_until(_nothing_open, min(CANCEL_AGAIN_S, max(0.0, left_s))):
                return
            if left_s <= CANCEL_AGAIN_S or self.system.ended.is_set():
                return

    def _tell_portfolios(self, *messages: Drain | CancelAll) -> None:
        for name in self.config.exchanges:
            for message in messages:
                # One that is gone for good places nothing.
                with suppress(ActorDeadError):
                    self._places.portfolio(name).tell(message)

    def _warn_of_open_orders(self) -> None:
        for exchange in self._last.exchanges:
            if open_orders := open_of(exchange.orders):
                self._log.warning("orders_left_open", exchange=exchange.name, count=open_orders, state=exchange.state)

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Stop everything, right to left; True if all went in time."""
        until_s = time.monotonic() + timeout_s
        try:
            # A bot that has ended drains nothing any more: its journal would be waited for in vain.
            if not self.system.ended.is_set():
                self._stop_in_order(until_s)
            # Before the loops: a simulated venue lives on one.
            return self._places.at().stop(block=True, timeout=_left_s(until_s)) is not None
        except (Timeout, ActorDeadError):
            return False
        finally:
            self._closing.close()
            self.system.stop(_left_s(until_s))
            self.journal.close()

    def _stop_in_order(self, until_s: float) -> None:
        """A stop overtakes what waits; what the arms wrote last waits for the journal."""
        for step in ("modes", *reversed(self.config.exchanges)):
            self._stop_part(step, until_s, drain=False)
        for step in ("recorder", "journal"):
            self._stop_part(step, until_s, drain=True)

    def _stop_part(self, step: str, until_s: float, *, drain: bool) -> None:
        with suppress(ActorDeadError, Timeout):
            self._places.at(step).stop(block=True, timeout=_left_s(until_s), drain=drain)

    def _compare(self, timeout_s: float) -> None:
        """One more reconcile, so that the summary's balances are compared with the venue's after the last order."""
        before = {exchange.name: exchange.reconciled_epoch for exchange in self.status().exchanges}
        asked = [exchange.name for exchange in self._last.exchanges if exchange.state == ConnectionState.LIVE]
        for name in asked:
            self._places.orders(name).tell(SnapshotRequest(STOPS))

        def compared(status: Status) -> bool:
            return all(
                exchange.reconciled_epoch > before[exchange.name] or exchange.state != ConnectionState.LIVE
                for exchange in status.exchanges
                if exchange.name in asked
            )

        self.wait_until(compared, timeout_s)
        done = {exchange.name for exchange in self._last.exchanges if exchange.reconciled_epoch > before[exchange.name]}
        self._uncompared = frozenset(self.config.exchanges) - done
        if self._uncompared:
            self._log.warning("not_compared_at_the_end", exchanges=sorted(self._uncompared))


def _left_open(exchange: ExchangeView) -> bool:
    return exchange.state == ConnectionState.LIVE and open_of(exchange.orders) > 0


def _nothing_open(status: Status) -> bool:
    return not any(map(_left_open, status.exchanges))


def _left_s(until_s: float) -> float:
    return max(1.0, until_s - time.monotonic())


def build(
    config: BotConfig,
    system: System,
    device: DeviceMaker = live_folder,
    venues: Callable[[Mapping[str, ExchangeConfig], System], Venues] = make_venues,
    parts: Parts = LIVE,
) -> Bot:
    """Build the tree of a configuration in a system and start it; returns before any exchange is reached.

    Args:
        config: what to build.
        system: where.
        device: makes the disk under the journal, of the bot's data folder.
        venues: makes what stands behind each exchange actor.
        parts: what stands for books and candles, and the pace of what looks now and then.

    Raises:
        DataFolderError: the data folder is in use, another bot's, or can't be written to; nothing was started.
        BuildError: a part can't be made as configured.
        StartError: a part could not be started.
    """
    with ExitStack() as undo:
        log = open_journal(config, system, device, renewed=parts.renewed)
        undo.callback(log.close)
        made = venues(config.exchanges, system)
        undo.callback(made.closing.close)
        subscribe_all(config, system, parts)
        system.spawn(bot_spec(config, system, made.makers, log, parts))
        undo.pop_all()
    return Bot(config, system, made.closing, log)
