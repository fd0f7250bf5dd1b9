"""Whether an account may place at all: halts, pauses, connection, epoch, reconcile.

Pure. The portfolio actor tells it what happened and asks what stands in a mode's way; first causes are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ganglion.messages.lifecycle import ConnectionState


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

    @property
    def connected(self) -> bool:
        """The venue is heard."""
        return self.connection is ConnectionState.LIVE

    @property
    def draining(self) -> bool:
        """The arm is being stopped."""
        return self.connection is ConnectionState.DRAINING

    def obstacle(self, mode: str, now_s: float) -> str | None:
        """What keeps a mode from going on; None where nothing does."""
        halted = self.halted(mode)
        if halted is not None:
            return f"halted: {halted}"
        if not self.synced or not self.reconciled:
            return "the account is not reconciled yet"
        if not self.connected:
            return f"{self.account} is {self.connection}"
        if now_s < self.paused_until_s:
            return f"paused: {self.pause_reason}"
        return None
