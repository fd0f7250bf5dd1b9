"""What summary and live view show, as plain values: answered by the collector, joined with the tree and the clock.

Money stays Decimal here; whoever writes it out turns it into text.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ganglion.messages.market import TopOfBook
from ganglion.messages.trading import TradingState
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


class StateView(msgspec.Struct, frozen=True):
    """One scope that is not active, with its first cause."""

    scope: str
    """As an operator writes it: bot, alpha, alpha/BTC/USDT, a mode's name."""
    kind: str
    state: str
    cause: str
    by: str
    who: str
    """The operator's name; empty where nobody in person did it."""
    at_ms: int


class PauseView(msgspec.Struct, frozen=True):
    """A silence that a venue asked for."""

    until_ms: int
    """By the system's wall clock."""
    reason: str
    symbol: str = ""
    """Of one market; empty for the whole venue."""


class ViolationView(msgspec.Struct, frozen=True):
    """An invariant that did not hold; the same text again is counted."""

    invariant: str
    account: str
    text: str
    first_ms: int
    last_ms: int
    count: int = 1


class OrderView(msgspec.Struct, frozen=True):
    """One order of the bot."""

    account: str
    mode: str
    symbol: str
    side: str
    type: str
    price: Decimal | None
    amount: Decimal
    filled: Decimal
    average: Decimal | None
    """Price of its fills so far."""
    state: str
    open: bool
    """It may still be at the venue."""
    age_s: float
    """Since this process heard of it first."""
    changed_s: float
    """Since it changed last."""
    reason: str
    intent_id: str
    client_id: str
    venue_id: str | None
    unsettled: str = ""
    """Why this may not hold any more: its account is not reconciled. Empty where it is."""


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
    """Of the whole journal."""
    balances: dict[str, BalanceView]
    markets: tuple[MarketView, ...]
    halted: str
    """The first cause, where nothing may be placed on the whole account."""
    reconciled: bool
    reconciled_epoch: int
    """Of the last reconcile; 0 before the first."""
    balances_equal: bool | None
    """What the last reconcile found; None before the first."""
    differences: tuple[str, ...]
    trading: str = TradingState.ACTIVE
    """What may be placed on the account: active, reducing or halted."""
    states: tuple[StateView, ...] = ()
    """Every scope of it that is not active, the whole bot's included."""
    unsettled: str = ""
    """Why nobody can say now what is open and held; empty where the account agrees with its venue."""
    known: bool = True
    """Orders and fills are at least those of the journal; False before it was read."""
    paused: tuple[PauseView, ...] = ()
    """Until when nothing is placed, and why."""
    degraded: tuple[str, ...] = ()
    """What works less well than it should: an open breaker, streams that are polled, a switch that is not armed."""
    fills_of_run: int = 0
    """Of these fills those that this run has booked."""


class ModeView(msgspec.Struct, frozen=True):
    """One trading mode."""

    name: str
    account: str
    symbol: str
    orders: int
    """Orders that it has placed (each intent once)."""
    fills: int
    """Of the whole journal."""
    pnl: Decimal | None
    """Cash of own fills + inventory at mid - fees, in the quote asset; None while there is no mid to value at."""
    denied: int
    """Refused by portfolio or order line; what the mode's own desk refuses never leaves the mode and is not in it."""
    halted: str
    """The first cause, where this mode or its market is halted on its own."""
    rejected: int = 0
    """Orders that the venue rejected (each once)."""
    trading: str = TradingState.ACTIVE
    """What it may place: active, reducing or halted, whichever scope says so."""


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
    violated: tuple[ViolationView, ...] = ()
    """The same violations each once, the newest first."""


class OrdersView(msgspec.Struct, frozen=True):
    """Every order that the bot's process heard of."""

    orders: tuple[OrderView, ...]
    refused: dict[str, str]
    """Why, by intent, of the latest that were refused before anything was sent."""


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
