"""The treasury: values all portfolios in the bot's reference currency and tells what each mode made.

Subscribes to portfolios (PortfolioView, Fill, AccountSnapshot) and to books (TopOfBook); publishes TreasuryView. It
only watches: nothing that trades depends on it.
"""

from __future__ import annotations

from typing import TypeAlias

from ganglion.actors.trading.treasury.valuation import Prices, result_of
from ganglion.messages.account import (
    AccountSnapshot,
    AccountValue,
    ModeResult,
    PortfolioView,
    TreasuryView,
)
from ganglion.messages.lifecycle import Tick
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import Fill
from ganglion.messages.values import Asset, Symbol
from ganglion.supervision import Actor, receives

TreasuryMessage: TypeAlias = PortfolioView | AccountSnapshot | Fill | TopOfBook | Tick


class TreasuryActor(Actor[TreasuryMessage]):
    """One bot's treasury."""

    def __init__(self, reference: Asset, *, every_s: float = 1.0) -> None:
        self._prices = Prices(reference)
        self._every_s = every_s
        self._views: dict[str, PortfolioView] = {}
        self._fills: dict[tuple[str, Symbol, str], Fill] = {}
        """By (account, symbol, trade id)."""

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

    @receives
    def fill(self, message: Fill) -> None:
        """One fill, in the place of those that stood in for it."""
        for trade_id in message.replaces:
            self._fills.pop((message.account, message.symbol, trade_id), None)
        self._fills[(message.account, message.symbol, message.trade_id)] = message

    @receives
    def top_of_book(self, message: TopOfBook) -> None:
        """A price."""
        self._prices.set_mid(message.symbol, message.mid)

    @receives
    def tick(self, message: Tick) -> None:
        """Value everything."""
        self.after(self._every_s, message)
        self.publish(
            TreasuryView(
                reference=self._prices.reference,
                accounts=tuple(self._account(view) for _, view in sorted(self._views.items())),
                modes=self._modes(),
            )
        )

    def _account(self, view: PortfolioView) -> AccountValue:
        worth, unpriced = self._prices.value({asset.asset: asset.total for asset in view.assets})
        return AccountValue(view.account, worth, unpriced)

    def _modes(self) -> tuple[ModeResult, ...]:
        by_mode: dict[tuple[str, str], list[Fill]] = {}
        for fill in self._fills.values():
            if fill.mode is not None:
                by_mode.setdefault((fill.mode, fill.account), []).append(fill)
        results: list[ModeResult] = []
        for (mode, account), fills in sorted(by_mode.items()):
            result = result_of(fills)
            cash, no_cash = self._prices.value(result.cash)
            inventory, no_inventory = self._prices.value(result.inventory)
            fees, no_fees = self._prices.value(result.fees)
            unpriced = tuple(sorted({*no_cash, *no_inventory, *no_fees}))
            results.append(ModeResult(mode, account, result.fills, cash, inventory, fees, unpriced))
        return tuple(results)
