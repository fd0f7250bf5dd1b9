"""Accounts and money of a venue: deposits, what an order sets aside, who pays what for a fill, and the audit.

Pure; the lower half of the engine (`engine.py`), which decides what trades. Both sides of every fill are accounts, and
fees go to an account too, so each asset's sum over all accounts equals what was deposited.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ganglion.messages.values import ZERO, Side
from ganglion.simulation.venue.accounts import Account, LedgerError
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.orders import Order, OrderStatus
from ganglion.simulation.venue.turn import Turn

FEES = "fees"
"""The account that receives every fee."""


# Bound once: until Python 3.12 each look-up of an enum's member runs through its metaclass.
_BUY = Side.BUY
_PARTIALLY_FILLED = OrderStatus.PARTIALLY_FILLED


class Clearing:
    """All markets and accounts of one venue."""

    def __init__(self, markets: Iterable[Market]) -> None:
        self.markets: dict[str, Market] = {market.symbol: market for market in markets}
        self.accounts: dict[str, Account] = {FEES: Account(FEES, keeps_history=False)}
        self.deposited: dict[str, Decimal] = {}

    def open_account(self, name: str, *, keeps_history: bool = True) -> Account:
        """Make an account with nothing in it, or return the one of that name."""
        account = self.accounts.get(name)
        if account is None:
            account = self.accounts[name] = Account(name, keeps_history=keeps_history)
        return account

    def deposit(self, name: str, asset: str, amount: Decimal) -> None:
        """Put money into an account from outside the venue.

        Raises:
            ValueError: for an amount below zero.
        """
        if amount < ZERO:
            raise ValueError(f"a deposit of {amount} {asset} to {name!r} is below zero")
        self.open_account(name).balance(asset).free += amount
        self.deposited[asset] = self.deposited.get(asset, ZERO) + amount

    def totals(self) -> dict[str, Decimal]:
        """Sum of every asset over all accounts, the fee account included."""
        sums: dict[str, Decimal] = {}
        for account in self.accounts.values():
            for asset, balance in account.balances.items():
                sums[asset] = sums.get(asset, ZERO) + balance.total
        return sums

    def audit(self) -> None:
        """Check that no money appeared or vanished.

        Raises:
            LedgerError: naming the asset whose sum differs from what was deposited.
        """
        for asset, total in self.totals().items():
            if total != self.deposited.get(asset, ZERO):
                raise LedgerError(f"{asset}: accounts hold {total}, deposited were {self.deposited.get(asset)}")

    def _pay(
        self,
        order: Order,
        quantity: Decimal,
        quote: Decimal,
        market: Market,
        turn: Turn,
        *,
        maker: bool,
    ) -> tuple[str, Decimal]:
        """Move one side's money for a fill; the asset and amount of its fee."""
        account = order.account
        if order.side is _BUY:
            reserved = quote if order.price is None else order.price * quantity
            paid_in, paid, received_in, received = market.quote, quote, market.base, quantity
        else:
            reserved = quantity
            paid_in, paid, received_in, received = market.base, quantity, market.quote, quote
        asset = paid_in if order.fee_on_top else received_in
        fee = market.fee(paid if order.fee_on_top else received, maker=maker)
        reserved = self._with_fee(order, reserved)
        spent = paid + fee if order.fee_on_top else paid
        paying = account.balances[paid_in]
        paying.spend(spent)
        paying.release(reserved - spent)
        order.locked -= reserved
        account.balances[received_in].free += received if order.fee_on_top else received - fee
        self.accounts[FEES].balances[asset].free += fee
        order.filled += quantity
        order.quote_filled += quote
        order.status = _PARTIALLY_FILLED
        order.updated_ms = turn.now_ms
        turn.balances[account.name, market.base] = account
        turn.balances[account.name, market.quote] = account
        return asset, fee

    def _with_fee(self, order: Order, amount: Decimal) -> Decimal:
        """What has to be set aside to pay `amount`."""
        return amount + self.markets[order.symbol].worst_fee(amount) if order.fee_on_top else amount

    def _paying_asset(self, order: Order) -> str:
        market = self.markets[order.symbol]
        return market.quote if order.side is _BUY else market.base
