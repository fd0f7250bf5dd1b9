"""The treasury: values all portfolios in the bot's reference currency, tells what each mode made, and watches losses.

Subscribes to portfolios (PortfolioView, Fill, AccountSnapshot) and to books (TopOfBook); publishes TreasuryView.
Whoever lost more than its limit it halts, and cancels its orders, through the portfolios; nothing that trades waits
for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ganglion.actors.trading.treasury.losses import LossLimits, exceeded
from ganglion.actors.trading.treasury.valuation import Prices, Result, results_of
from ganglion.messages.account import (
    AccountSnapshot,
    AccountValue,
    ModeResult,
    PortfolioView,
    TreasuryView,
)
from ganglion.messages.lifecycle import Tick
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import CancelAll, Fill
from ganglion.messages.trading import By, Cause, Loss, ReadLosses, Scope, ScopeKind, SetTradingState, TradingState
from ganglion.messages.values import Asset, Symbol
from ganglion.supervision import Actor, Address, receives

TreasuryMessage: TypeAlias = PortfolioView | AccountSnapshot | Fill | TopOfBook | Tick | ReadLosses


class TreasuryActor(Actor[TreasuryMessage]):
    """One bot's treasury."""

    def __init__(
        self,
        reference: Asset,
        *,
        limits: LossLimits | None = None,
        portfolios: Mapping[str, Address[SetTradingState | CancelAll]] | None = None,
        every_s: float = 1.0,
    ) -> None:
        self._prices = Prices(reference)
        self._limits = limits or LossLimits()
        self._portfolios = dict(portfolios or {})
        self._told: set[Scope] = set()
        """Limits whose scopes were halted, while they stay exceeded."""
        self._every_s = every_s
        self._views: dict[str, PortfolioView] = {}
        """The latest of each account."""
        self._fills: dict[tuple[str, Symbol, str], Fill] = {}
        """By (account, symbol, trade id)."""
        self._results: dict[tuple[str, str], Result] | None = None
        """Of `_fills`, by (mode, account); None where they changed otherwise than by one more."""

    def on_start(self) -> None:
        """Say what everything is worth at a steady pace."""
        self.after(self._every_s, Tick("value"))

    @receives
    def view(self, message: PortfolioView) -> None:
        """What an account holds."""
        self._views[message.account] = message

    @receives
    def snapshot(self, message: AccountSnapshot) -> None:
        """All fills of an account, after each reconcile."""
        self._fills = {key: fill for key, fill in self._fills.items() if fill.account != message.account}
        for fill in message.fills:
            self._fills[(fill.account, fill.symbol, fill.trade_id)] = fill
        self._results = None

    @receives
    def fill(self, message: Fill) -> None:
        """One fill, in the place of those that stood in for it."""
        key = (message.account, message.symbol, message.trade_id)
        if message.replaces or key in self._fills:
            self._results = None
        for trade_id in message.replaces:
            self._fills.pop((message.account, message.symbol, trade_id), None)
        self._fills[key] = message
        if self._results is not None and message.mode is not None:
            self._results.setdefault((message.mode, message.account), Result()).add(message)

    @receives
    def top_of_book(self, message: TopOfBook) -> None:
        """A price."""
        self._prices.set_mid(message.symbol, message.mid)

    @receives
    def tick(self, message: Tick) -> None:
        """Value everything, if anybody or a limit asks for it."""
        self.after(self._every_s, message)
        if not self._limits and not self.is_heard(TreasuryView):
            return
        view = TreasuryView(
            reference=self._prices.reference,
            accounts=tuple(self._account(account) for account in sorted(self._views)),
            modes=self._modes(),
        )
        self.publish(view)
        losses = tuple(exceeded(self._limits, view.modes, view.reference))
        for loss in losses:
            if loss.scope not in self._told:
                self._halt(loss)
        self._told = {loss.scope for loss in losses}

    def _halt(self, loss: Loss) -> None:
        self.log.error("loss_limit", scope=str(loss.scope), text=loss.text)
        cause = Cause(loss.text, By.LOSS_LIMIT, self.clock.now_ms())
        scope = loss.scope
        for account, portfolio in self._portfolios.items():
            if scope.kind is ScopeKind.BOT or scope.account == account:
                portfolio.tell(SetTradingState(scope, TradingState.HALTED, cause))
                portfolio.tell(CancelAll(scope.name if scope.kind is ScopeKind.MODE else None, loss.text))

    @receives
    def read_losses(self, message: ReadLosses) -> tuple[Loss, ...]:
        """Which limits are exceeded at the mids of now."""
        return tuple(exceeded(self._limits, self._modes(), self._prices.reference))

    def _account(self, account: str) -> AccountValue:
        totals = {asset.asset: asset.total for asset in self._views[account].assets}
        worth, unpriced = self._prices.value(totals)
        return AccountValue(account, worth, unpriced)

    def _modes(self) -> tuple[ModeResult, ...]:
        if self._results is None:
            self._results = results_of(self._fills.values())
        results: list[ModeResult] = []
        for (mode, account), result in sorted(self._results.items(), key=lambda known: known[0]):
            cash, no_cash = self._prices.value(result.cash)
            inventory, no_inventory = self._prices.value(result.inventory)
            fees, no_fees = self._prices.value(result.fees)
            held = tuple(sorted({*no_cash, *no_inventory}))
            unpriced = tuple(sorted({*held, *no_fees}))
            results.append(ModeResult(mode, account, result.fills, cash, inventory, fees, unpriced, held))
        return tuple(results)
