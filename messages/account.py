"""Accounts: what orders, portfolio, modes, treasury and monitor tell each other about money and resumption."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import ClassVar

from ganglion.messages.base import Message, Overflow
from ganglion.messages.market import Market
from ganglion.messages.orders import Balance, Fill, OrderUpdate
from ganglion.messages.trading import TradingState
from ganglion.messages.values import EXACT, ZERO, Asset, Symbol

# ------------------------------------------------------------------ portfolio <-> orders


class SnapshotRequest(Message, frozen=True, gc=False):
    """From a portfolio that (re)started: tell me everything; opens a new epoch. Answered with AccountSnapshot."""

    reason: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class External(Message, frozen=True, gc=False):
    """A change of an asset that no fill of ours explains: a deposit, a withdrawal, somebody else's trade."""

    asset: Asset
    amount: Decimal
    """Positive for what came in."""
    reason: str


class OpenOrder(Message, frozen=True, gc=False):
    """One order of a snapshot: an intent that is not terminal, or an external order at the venue."""

    update: OrderUpdate
    reserved: Decimal = ZERO
    reserved_asset: Asset = ""


class AccountSnapshot(Message, frozen=True, gc=False):
    """The account after reconcile: what a portfolio is rebuilt from, and what it is compared with."""

    account: str
    epoch: int
    opening: tuple[Balance, ...]
    """Total balances when the account was first reconciled; `used` is 0."""
    externals: tuple[External, ...]
    fills: tuple[Fill, ...]
    """Every fill since opening, in order, by trade id."""
    open_orders: tuple[OpenOrder, ...]
    """Ours that are not terminal."""
    locked_by_others: tuple[Balance, ...]
    """`used` by external open orders, per asset."""
    venue_balances: tuple[Balance, ...]
    """As read: to be compared with, never adopted in silence."""
    markets: tuple[Market, ...]
    saved: tuple[SavedState, ...]
    as_of: int
    """The order line's sequence up to which this holds; later facts follow as messages."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class LedgerRead(Message, frozen=True, gc=False):
    """What the journal says of an account before the venue was asked: what is shown until it is reconciled.

    Nobody trades on it: what happened since the last record is not in it.
    """

    account: str
    open_orders: tuple[OpenOrder, ...]
    fills: tuple[Fill, ...]
    """As in AccountSnapshot."""
    trouble: str
    """Why the journal could not be read whole: orders may be open that it does not know. Empty where it was."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class SavedState(Message, frozen=True, gc=False):
    """What a mode saved last, as JSON."""

    mode: str
    state: bytes
    sequence: int = 0
    """The last fact that the state already contains, as in SaveState."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Reconciled(Message, frozen=True, gc=False):
    """The account agrees with the venue in this epoch: placing is allowed again."""

    account: str
    epoch: int
    balances_equal: bool
    differences: tuple[External, ...]
    at_s: float
    overflow: ClassVar[Overflow] = Overflow.KEEP


class LockedByOthers(Message, frozen=True, gc=False):
    """From orders to portfolio: what orders that are not ours lock now, per asset (`used`; `free` is 0)."""

    account: str
    balances: tuple[Balance, ...]
    overflow: ClassVar[Overflow] = Overflow.KEEP


# ------------------------------------------------------------------ portfolio <-> mode


class Funds(Message, frozen=True, gc=False):
    """A mode's own capital in one market: what its percentages are of."""

    account: str
    symbol: Symbol
    base_total: Decimal
    base_available: Decimal
    """Total less what its open orders reserve."""
    quote_total: Decimal
    quote_available: Decimal
    overflow: ClassVar[Overflow] = Overflow.CONFLATE

    def conflation_key(self) -> Hashable:
        """One per account and symbol: only the newest matters."""
        return (self.account, self.symbol)


class ResumeRequest(Message, frozen=True, gc=False):
    """From a mode that (re)started: tell me where I stand. Answered with Resume once the account is reconciled."""

    mode: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Resume(Message, frozen=True, gc=False):
    """To a mode after each Reconciled: the facts to go on from, so that it does not decide twice."""

    mode: str
    account: str
    epoch: int
    market: Market
    funds: Funds
    open_orders: tuple[OrderUpdate, ...]
    """Its own that are not terminal."""
    fills_since: tuple[Fill, ...]
    """Its fills since it last saved its state (all of them if it never did)."""
    saved_state: bytes | None
    saved_as_of: int
    """The last fact that the saved state contains; 0 without one."""
    reason: str
    """start | restart | reconnect | …"""
    state: TradingState = TradingState.ACTIVE
    """REDUCING where only sells of what it holds pass; never HALTED, that is a Suspend."""
    as_of: int = 0
    """The last fact of the account that all this contains."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Suspend(Message, frozen=True, gc=False):
    """To a mode: the account is not reconciled (disconnected, paused, halted); decide nothing until Resume."""

    account: str
    reason: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Drain(Message, frozen=True, gc=False):
    """The bot stops: place nothing any more, whatever comes (a Resume included).

    From the bot to a portfolio, which denies every place from then on; from it to the order line, which sends none that
    waits, and to the modes, which decide nothing.
    """

    reason: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class SaveState(Message, frozen=True, gc=False):
    """A mode's state for its next incarnation, as JSON; kept in the journal."""

    mode: str
    state: bytes
    sequence: int
    """The last fact (OrderUpdate or Fill) that the state already contains."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


# ------------------------------------------------------------------ portfolio -> monitor, treasury, dashboard


class AssetView(Message, frozen=True, gc=False):
    """One asset of a portfolio."""

    asset: Asset
    free: Decimal
    reserved: Decimal
    """By our own open orders."""
    locked: Decimal
    """By orders that are not ours."""
    initial: Decimal
    net_fills: Decimal
    """What fills brought in and took out, before fees."""
    fees: Decimal
    external: Decimal

    @property
    def total(self) -> Decimal:
        """All of it: free, reserved and locked."""
        return EXACT.add(EXACT.add(self.free, self.reserved), self.locked)


class PortfolioView(Message, frozen=True, gc=False):
    """A portfolio at one fact: what the monitor checks and the dashboard shows."""

    account: str
    epoch: int
    sequence: int
    assets: tuple[AssetView, ...]
    reconciled: bool
    halted: str | None
    """The first cause, where it is halted."""
    overflow: ClassVar[Overflow] = Overflow.CONFLATE

    def conflation_key(self) -> Hashable:
        """One per account: only the newest matters."""
        return self.account


# ------------------------------------------------------------------ treasury -> dashboard


class ModeResult(Message, frozen=True, gc=False):
    """What a mode made so far, in the bot's reference currency."""

    mode: str
    account: str
    fills: int
    cash: Decimal
    """What its fills brought in and took out of their quote assets, valued now."""
    inventory: Decimal
    """What its fills left it with of their base assets, at mid."""
    fees: Decimal
    unpriced: tuple[Asset, ...]
    """Assets without a way to the reference: counted as 0, so the result is not whole."""
    unpriced_holdings: tuple[Asset, ...] = ()
    """Those of them that are cash or inventory: without them the result says nothing of a loss."""

    @property
    def pnl(self) -> Decimal:
        """Cash of own fills + inventory at mid - fees."""
        return self.cash + self.inventory - self.fees


class AccountValue(Message, frozen=True, gc=False):
    """What an account holds, in the bot's reference currency."""

    account: str
    value: Decimal
    unpriced: tuple[Asset, ...]


class TreasuryView(Message, frozen=True, gc=False):
    """All portfolios and modes in one currency, at the mids of now."""

    reference: Asset
    accounts: tuple[AccountValue, ...]
    modes: tuple[ModeResult, ...]
    overflow: ClassVar[Overflow] = Overflow.CONFLATE

    def conflation_key(self) -> Hashable:
        """There is one treasury."""
        return self.reference

    @property
    def total(self) -> Decimal:
        """Everything that has a price."""
        return sum((account.value for account in self.accounts), Decimal(0))
