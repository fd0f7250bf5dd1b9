"""Keeps what happens to the bot's own parts: appends it to the journal's own stream, where it survives the process.

Subscribed to the system's events and to the arms' news of themselves. It waits for nothing and nobody waits for it: no
Durable is asked for. A storm of failures must not fill the disk, so only so many events a second are kept; how many
were left out is kept too.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

import msgspec

from ganglion.bot.projection.events import AnyEvent, BotStarted, LeftOut, encode_event, event_of
from ganglion.messages.account import Reconciled
from ganglion.messages.base import Message
from ganglion.messages.degraded import Degraded
from ganglion.messages.journal import OWN_STREAM, Append
from ganglion.messages.lifecycle import (
    ActorFailed,
    ActorParked,
    ActorStarted,
    ActorStuck,
    ConnectionChanged,
    Halted,
    ThreadAbandoned,
    Tick,
    Violation,
)
from ganglion.supervision import Actor, Address, receives

TREE_NEWS = (ActorStarted, ActorFailed, ActorParked, ActorStuck, ThreadAbandoned)
"""Of the system's events."""
EXCHANGE_NEWS = (ConnectionChanged, Degraded)
PORTFOLIO_NEWS = (Reconciled, Halted)
MONITOR_NEWS = (Violation,)

RecorderMessage: TypeAlias = (
    ActorStarted
    | ActorFailed
    | ActorParked
    | ActorStuck
    | ThreadAbandoned
    | ConnectionChanged
    | Degraded
    | Reconciled
    | Halted
    | Violation
    | Tick
)

_BURST = 100
_PER_S = 5.0


class RecorderActor(Actor[RecorderMessage]):
    """One bot's recorder."""

    def __init__(self, journal: Address[Append], scrub: Callable[[str], str]) -> None:
        """Wire it.

        Args:
            journal: where events are kept.
            scrub: takes secrets out of a text: what is kept may be exported and shown.
        """
        self._journal = journal
        self._scrub = scrub

    def on_start(self) -> None:
        """A process that begins is news too."""
        self._allowed = float(_BURST)
        self._counted_s = self.clock.monotonic_s()
        self._left_out = 0
        if self.incarnation == 1:
            self._keep(BotStarted(_version()))

    @receives
    def started(self, message: ActorStarted) -> None:
        """An actor was restarted."""
        self._hear(message)

    @receives
    def failed(self, message: ActorFailed) -> None:
        """A handler raised."""
        self._hear(message)

    @receives
    def parked(self, message: ActorParked) -> None:
        """An actor spent its restarts."""
        self._hear(message)

    @receives
    def stuck(self, message: ActorStuck) -> None:
        """A dispatcher makes no progress."""
        self._hear(message)

    @receives
    def abandoned(self, message: ThreadAbandoned) -> None:
        """A hung thread was left to itself."""
        self._hear(message)

    @receives
    def connection(self, message: ConnectionChanged) -> None:
        """An arm's connection."""
        self._hear(message)

    @receives
    def degraded(self, message: Degraded) -> None:
        """Something at an exchange works less well, or does again."""
        self._hear(message)

    @receives
    def reconciled(self, message: Reconciled) -> None:
        """An account agrees with its venue."""
        self._hear(message)

    @receives
    def halted(self, message: Halted) -> None:
        """Something was halted."""
        self._hear(message)

    @receives
    def violation(self, message: Violation) -> None:
        """An invariant does not hold."""
        self._hear(message)

    @receives
    def tick(self, message: Tick) -> None:
        """There is room again: say how many were left out."""
        self._refill()
        left_out, self._left_out = self._left_out, 0
        if left_out:
            self._keep(LeftOut(left_out))

    def _hear(self, message: Message) -> None:
        event = event_of(message)
        if event is None:
            return
        self._refill()
        if self._allowed >= 1:
            self._keep(event)
            return
        if not self._left_out:
            self.after(_BURST / _PER_S / 2, Tick("left out"))
        self._left_out += 1

    def _refill(self) -> None:
        now_s = self.clock.monotonic_s()
        self._allowed = min(float(_BURST), self._allowed + (now_s - self._counted_s) * _PER_S)
        self._counted_s = now_s

    def _keep(self, event: AnyEvent) -> None:
        self._allowed -= 1
        texts = {name: value for name in _TEXTS if isinstance(value := getattr(event, name, None), str)}
        clean = msgspec.structs.replace(event, **{name: self._scrub(text) for name, text in texts.items()})
        self._journal.tell(Append(OWN_STREAM, "", encode_event(clean)))


_TEXTS = ("text", "cause", "reason")
"""Fields that hold what others said."""


def _version() -> str:
    try:
        return version("ganglion")
    except PackageNotFoundError:
        return "unknown"
