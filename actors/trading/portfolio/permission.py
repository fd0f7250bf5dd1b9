"""Whether an account may place at all: trading states, pauses, connection, epoch, reconcile.

Pure. The portfolio actor tells it what happened and asks what stands in a mode's way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ganglion.actors.trading.trading_states import StateTree
from ganglion.messages.lifecycle import ConnectionState
from ganglion.messages.trading import TradingState
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
    states: StateTree = field(default_factory=StateTree)
    """What is not active, as the order line told it last."""
    paused_until_s: float = 0.0
    pause_reason: str = ""
    down: str = ""
    """Why the venue's circuit breaker is open; empty while it is not."""
    drain: str = ""
    """Why the bot stops; empty while it does not."""
    closed: dict[Symbol, tuple[float, str]] = field(default_factory=dict)
    """Markets that the venue has closed: until when, and why."""

    @property
    def halted(self) -> str | None:
        """Why the whole account is halted; None where it is not."""
        entry = self.states.halted()
        return None if entry is None else str(entry.cause)

    def state_of(self, mode: str, symbol: Symbol) -> TradingState:
        """What a mode may place in a market."""
        entry = self.states.effective(mode, symbol)
        return TradingState.ACTIVE if entry is None else entry.state

    def pause(self, until_s: float, reason: str) -> None:
        """The venue wants silence; a shorter wish never shortens a longer one."""
        self.paused_until_s = max(self.paused_until_s, until_s)
        self.pause_reason = reason

    def close(self, symbol: Symbol, until_s: float, reason: str) -> None:
        """The venue has closed one market for now."""
        self.closed[symbol] = (until_s, f"{symbol} is closed: {reason}")

    def pause_of(self, symbol: Symbol) -> tuple[float, str]:
        """Until when nothing may be placed in a market, and why: its own pause or the whole venue's; inf: not known."""
        if self.down:
            return math.inf, f"{self.account} is down: {self.down}"
        whole, own = (self.paused_until_s, self.pause_reason), self.closed.get(symbol)
        return whole if own is None else max(whole, own)

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
        halted = self.states.halted(mode, symbol)
        if halted is not None:
            return f"halted: {halted.cause}"
        if not self.synced or not self.reconciled:
            return "the account is not reconciled yet"
        if not self.connected:
            return f"{self.account} is {self.connection}"
        until_s, reason = self.pause_of(symbol)
        if now_s < until_s:
            return f"paused: {reason}"
        return None
