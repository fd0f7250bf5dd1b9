"""A thread of its own that looks whether the dispatchers make progress: what hangs can't report itself.

A dispatcher that has something waiting and finishes nothing is reported as ActorStuck, and after `hang_s` its thread is
abandoned (abandoning.py). A thread with nothing to do is pinged, so that one that hangs in silence is found too.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ganglion.messages.lifecycle import ActorStuck
from ganglion.supervision.abandoning import abandon
from ganglion.supervision.failure import last_resort, say

if TYPE_CHECKING:
    from ganglion.supervision.dispatchers.base import Dispatcher, Progress
    from ganglion.supervision.system import System

MOST_ABANDONED = 10
"""Threads of one dispatcher that may be left behind: each keeps its memory and its sockets until the process ends."""


@dataclass(slots=True)
class Seen:
    """What was seen of a dispatcher that had something waiting."""

    progress: Progress
    seconds: float = 0.0
    """Without progress, as long as we were looking."""
    reported: bool = False
    given_up: bool = False


class Watchdog:
    """Looks at all dispatchers of a system, a few times per limit, until it is closed."""

    def __init__(self, system: System, stuck_after_s: float, hang_s: float | None) -> None:
        """Take the limits, seconds without progress; `hang_s` None abandons nobody."""
        self._system = system
        self._stuck_after_s = stuck_after_s
        self._hang_s = hang_s
        self._period_s = min(stuck_after_s, hang_s or stuck_after_s) / 4
        self._seen: dict[str, Seen] = {}
        self._abandoned: dict[str, int] = {}
        self._looked_s: float | None = None
        self._log = structlog.get_logger()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._main, name="ganglion-watchdog", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()
        self._thread.join(timeout=5.0)

    def _main(self) -> None:
        while not self._closed.wait(self._period_s):
            try:
                for dispatcher in self._system.dispatchers():
                    dispatcher.ping()
                self.look()
            except Exception as error:  # noqa: BLE001 - the fence: without it nobody would look any more
                last_resort("the watchdog raised", error)

    def look(self) -> None:
        """Report, once a hang, and abandon who has finished nothing for too long."""
        now_s = self._system.clock.monotonic_s()
        # A process that was stopped, or starved, has not seen what the dispatchers did meanwhile.
        elapsed_s = 0.0 if self._looked_s is None else min(now_s - self._looked_s, 2 * self._period_s)
        self._looked_s = now_s
        for dispatcher in self._system.dispatchers():
            seen = self._seen.get(dispatcher.name)
            progress = dispatcher.progress()
            if not dispatcher.waiting():
                self._seen.pop(dispatcher.name, None)
            elif seen is None or seen.progress != progress:
                self._seen[dispatcher.name] = Seen(progress)
            else:
                seen.seconds += elapsed_s
                self._judge(dispatcher, seen)

    def _judge(self, dispatcher: Dispatcher, seen: Seen) -> None:
        if not seen.reported and seen.seconds >= self._stuck_after_s:
            seen.reported = True
            current = dispatcher.current
            path = current.path if current is not None else ""
            seconds = round(seen.seconds, 3)
            say(self._log, "error", "no progress", dispatcher=dispatcher.name, path=path, seconds=seconds)
            self._system.events.publish(ActorStuck(dispatcher.name, path, seconds))
        if self._hang_s is None or seen.seconds < self._hang_s or seen.given_up or not dispatcher.abandonable:
            return
        count = self._abandoned.get(dispatcher.name, 0)
        if count >= MOST_ABANDONED:
            seen.given_up = True
            say(self._log, "critical", "hangs again, and is left hanging", dispatcher=dispatcher.name, abandoned=count)
        elif abandon(self._system, dispatcher, seen.progress, seen.seconds):
            self._abandoned[dispatcher.name] = count + 1
            self._seen.pop(dispatcher.name, None)
