"""What summary and live view show, as plain values: answered by the collector, joined with the tree and the clock.

Money stays Decimal here; whoever writes it out turns it into text.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ganglion.messages.market import TopOfBook
from ganglion.messages.values import ZERO


class BalanceView(msgspec.Struct, frozen=True):
    """One asset of an account."""

    free: Decimal
    reserved: Decimal
    """By our own open orders, and locked by orders that are not ours."""
    total: Decimal


class MarketView(msgspec.Struct, frozen=True):
    """One symbol of an exchange."""

    symbol: str
    top: TopOfBook | None
    """None while the book is not whole."""
    invalid: str
    """Why it is not; empty where it is."""
    open_orders: int


class ExchangeView(msgspec.Struct, frozen=True):
    """One exchange account."""

    name: str
    state: str
    reason: str
    seconds_in: dict[str, float]
    """How long the connection has been in each state so far."""
    reconnects: int
    orders: dict[str, int]
    """Orders by the state that they are in."""
    fills: int
    balances: dict[str, BalanceView]
    markets: tuple[MarketView, ...]
    halted: str
    reconciled: bool
    reconciled_epoch: int
    """Of the last reconcile; 0 before the first."""
    balances_equal: bool | None
    """What the last reconcile found; None before the first."""
    differences: tuple[str, ...]


class ModeView(msgspec.Struct, frozen=True):
    """One trading mode."""

    name: str
    account: str
    symbol: str
    orders: int
    """Orders that it has placed (each intent once)."""
    fills: int
    pnl: Decimal | None
    """Cash of own fills + inventory at mid - fees, in the quote asset; None while there is no mid to value at."""
    denied: int
    """Refused by portfolio or order line; what the mode's own desk refuses never leaves the mode and is not in it."""
    halted: str
    rejected: int = 0
    """Orders that the venue rejected (each once)."""


class Status(msgspec.Struct, frozen=True):
    """Everything that a bot's collector knows at one instant."""

    seconds: float
    """Since the collector started."""
    exchanges: tuple[ExchangeView, ...]
    modes: tuple[ModeView, ...]
    violations: tuple[str, ...]
    dead_letters: dict[str, int]
    failures: tuple[str, ...]
    """The newest failures of actors, oldest first."""
    parked: tuple[str, ...]
    """Paths of actors that are parked now, with why."""


EMPTY = Status(0.0, (), (), (), {}, (), ())


class Inventory(msgspec.Struct):
    """A mode's own fills, summed up: what its PnL is made of."""

    cash: Decimal = ZERO
    """Quote that sells brought in less what buys cost."""
    base: Decimal = ZERO
    fees_quote: Decimal = ZERO
    fees_base: Decimal = ZERO
    fees_other: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """Fees in a third asset; valued by whoever knows its price, left out here and said so by `valued`."""

    def pnl(self, mid: Decimal | None) -> Decimal | None:
        """Cash + inventory at mid - fees; None where inventory or fees in base can't be valued."""
        held = self.base - self.fees_base
        if held == 0:
            return self.cash - self.fees_quote
        if mid is None:
            return None
        return self.cash - self.fees_quote + held * mid
