"""Whether an account may place at all: halts, pauses, connection, epoch, reconcile.

Pure. The portfolio actor tells it what happened and asks what stands in a mode's way; first causes are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ganglion.messages.lifecycle import ConnectionState
from ganglion.messages.values import Symbol


@dataclass
class Permission:
    """Where one account stands."""

    account: str
    synced: bool = False
    """A snapshot of the order line was taken over."""
    reconciled: bool = False
    connection: ConnectionState = ConnectionState.LIVE
    """Live until told otherwise: a reconcile proves that the venue was heard."""
    epoch: int = 0
    halts: dict[str, str] = field(default_factory=dict)
    """First cause by mode; the account's own under the empty name."""
    paused_until_s: float = 0.0
    pause_reason: str = ""
    drain: str = ""
    """Why the bot stops; empty while it does not."""
    closed: dict[Symbol, tuple[float, str]] = field(default_factory=dict)
    """Markets that the venue has closed: until when, and why."""

    def halt(self, mode: str | None, cause: str) -> bool:
        """Halt a mode, or the account; False where it was, and the first cause is kept."""
        if (mode or "") in self.halts:
            return False
        self.halts[mode or ""] = cause
        return True

    def halted(self, mode: str) -> str | None:
        """Why this mode may not place, where it or its account is halted."""
        return self.halts.get("") or self.halts.get(mode)

    def pause(self, until_s: float, reason: str) -> None:
        """The venue wants silence; a shorter wish never shortens a longer one."""
        self.paused_until_s = max(self.paused_until_s, until_s)
        self.pause_reason = reason

    def close(self, symbol: Symbol, until_s: float, reason: str) -> None:
        """The venue has closed one market for now."""
        self.closed[symbol] = (until_s, f"{symbol} is closed: {reason}")

    def pause_of(self, symbol: Symbol) -> tuple[float, str]:
        """Until when nothing may be placed in a market, and why: its own pause or the whole venue's."""
        return max((self.paused_until_s, self.pause_reason), self.closed.get(symbol, (0.0, "")))

    @property
    def connected(self) -> bool:
        """The venue is heard."""
        return self.connection is ConnectionState.LIVE

    @property
    def draining(self) -> bool:
        """The bot or the arm is being stopped."""
        return bool(self.drain) or self.connection is ConnectionState.DRAINING

    def obstacle(self, mode: str, symbol: Symbol, now_s: float) -> str | None:
        """What keeps a mode in this market from going on; None where nothing does."""
        if self.drain:
            return self.drain
        halted = self.halted(mode)
        if halted is not None:
            return f"halted: {halted}"
        if not self.synced or not self.reconciled:
            return "the account is not reconciled yet"
        if not self.connected:
            return f"{self.account} is {self.connection}"
        until_s, reason = self.pause_of(symbol)
        if now_s < until_s:
            return f"paused: {reason}"
        return None
