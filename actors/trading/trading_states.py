"""The trading states of one account as a tree: bot, account, symbol, mode; the severest that applies counts.

Pure. The ledger keeps one (it is durable), portfolio and monitor one each, replaced by what the order line tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ganglion.messages.lifecycle import Halted
from ganglion.messages.trading import By, Scope, ScopeKind, StateEntry, TradingState
from ganglion.messages.values import Side, Symbol


@dataclass
class StateTree:
    """What is not active, with first causes."""

    entries: list[StateEntry] = field(default_factory=list)
    """In the order they were set; for each scope growing severer, and at most one violated invariant beside that."""

    def set(self, entry: StateEntry) -> bool:
        """Let a scope come to a state; False where it is in it, or in a severer one, and the first cause is kept."""
        if not self.takes(entry):
            return False
        self.entries.append(entry)
        return True

    def takes(self, entry: StateEntry) -> bool:
        """Whether an entry says something new.

        A violated invariant does beside any other cause: whoever lifts that one has not seen what came after it.
        """
        if entry.state is TradingState.ACTIVE:
            return False
        own = [known for known in self.entries if known.scope == entry.scope]
        if entry.state is TradingState.HALTED and entry.cause.by is By.INVARIANT:
            return not any(_violated(known) for known in own)
        return all(known.state.severity < entry.state.severity for known in own)

    def lift(self, scope: Scope) -> bool:
        """Lift what a scope was told; False where it was active.

        A violated invariant that came while another cause had halted it stands until it is lifted in its turn.
        """
        own = [entry for entry in self.entries if entry.scope == scope]
        halts = [entry for entry in own if entry.state is TradingState.HALTED]
        stays = halts[1:] if halts and not _violated(halts[0]) else []
        self.entries = [entry for entry in self.entries if entry.scope != scope or entry in stays]
        return bool(own)

    def replace(self, entries: Iterable[StateEntry]) -> None:
        """Believe the one who keeps it."""
        self.entries = list(entries)

    def at(self, scope: Scope) -> StateEntry | None:
        """The state of this very scope, with the first cause of it; None where it is active."""
        return _severest(entry for entry in self.entries if entry.scope == scope)

    def effective(self, mode: str | None = None, symbol: Symbol | None = None) -> StateEntry | None:
        """What counts for a mode in a market (for all of the account without them); None where that is active.

        Of equally severe ones the first.
        """
        if not self.entries:
            return None
        return _severest(entry for entry in self.entries if entry.scope.covers(mode, symbol))

    def halted(self, mode: str | None = None, symbol: Symbol | None = None) -> StateEntry | None:
        """The same, where it is HALTED; None elsewhere."""
        entry = self.effective(mode, symbol)
        return entry if entry is not None and entry.state is TradingState.HALTED else None


def _violated(entry: StateEntry) -> bool:
    return entry.cause.by is By.INVARIANT and entry.state is TradingState.HALTED


def _severest(entries: Iterable[StateEntry]) -> StateEntry | None:
    return max(entries, key=lambda entry: entry.state.severity, default=None)


def stops(entry: StateEntry | None, side: Side, *, flatten: bool) -> bool:
    """Whether a state stops an order: all but what reduces, or all but an operator's flatten."""
    if entry is None or entry.state is TradingState.ACTIVE:
        return False
    if side is not Side.SELL:
        return True
    return entry.state is TradingState.HALTED and not flatten


def stopped_text(entry: StateEntry) -> str:
    """Why an order is denied under a state, and what still passes."""
    passes = "sells of what is held and cancels" if entry.state is TradingState.REDUCING else "cancels"
    scope = entry.scope
    return f"{scope} is {entry.state}: {entry.cause}; {passes} still pass, `ganglion resume {scope}` lifts it"


def account_scope(account: str) -> Scope:
    """The whole account."""
    return Scope(ScopeKind.ACCOUNT, account)


def mode_scope(account: str, mode: str) -> Scope:
    """One mode."""
    return Scope(ScopeKind.MODE, account, mode)


def newly_halted(account: str, old: Iterable[StateEntry], new: Iterable[StateEntry]) -> list[Halted]:
    """The news that follows from two tellings."""
    known = list(old)
    return [
        Halted(
            account,
            entry.scope.name if entry.scope.kind is ScopeKind.MODE else None,
            str(entry.cause),
            entry.scope.name if entry.scope.kind is ScopeKind.SYMBOL else None,
        )
        for entry in new
        if entry.state is TradingState.HALTED and entry not in known
    ]


def changes(old: Iterable[StateEntry], new: Iterable[StateEntry]) -> Iterator[dict[str, str]]:
    """What is new and what is gone between two tellings, as fields of a log line."""
    known, told = list(old), list(new)
    for entry in told:
        if entry not in known:
            yield {
                "scope": str(entry.scope),
                "state": str(entry.state),
                "cause": entry.cause.text,
                "by": entry.cause.who or str(entry.cause.by),
            }
    for scope in dict.fromkeys(entry.scope for entry in known):
        if all(entry.scope != scope for entry in told):
            yield {"scope": str(scope), "state": str(TradingState.ACTIVE), "cause": "resumed", "by": "an operator"}
