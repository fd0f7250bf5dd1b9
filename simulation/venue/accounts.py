"""Accounts of the simulated venue: balances, open orders, client ids, and the history of real customers.

Owned by the engine. Money moves only through `Balance`'s methods, which refuse to go below zero: the engine checks
first, so a refusal there is a defect of the engine and is raised, not answered.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ganglion.messages.values import ZERO

if TYPE_CHECKING:
    from ganglion.simulation.venue.events import Fill
    from ganglion.simulation.venue.orders import Order


class LedgerError(AssertionError):
    """The engine tried to make a balance negative: a defect of the engine, never a customer's fault."""


class Balance:
    """What an account has of one asset: `free` to use, and `locked` in open orders."""

    __slots__ = ("free", "locked")

    def __init__(self, free: Decimal = ZERO, locked: Decimal = ZERO) -> None:
        self.free = free
        self.locked = locked

    @property
    def total(self) -> Decimal:
        """Free and locked together."""
        return self.free + self.locked

    def lock(self, amount: Decimal) -> None:
        """Set `amount` aside for an order.

        Raises:
            LedgerError: when it is not free.
        """
        if amount > self.free:
            raise LedgerError(f"cannot lock {amount}: only {self.free} is free")
        self.free -= amount
        self.locked += amount

    def release(self, amount: Decimal) -> None:
        """Give `amount` back from an order.

        Raises:
            LedgerError: when it is not locked.
        """
        if amount > self.locked:
            raise LedgerError(f"cannot release {amount}: only {self.locked} is locked")
        self.locked -= amount
        self.free += amount

    def spend(self, amount: Decimal) -> None:
        """Pay `amount` out of what is locked.

        Raises:
            LedgerError: when it is not locked.
        """
        if amount > self.locked:
            raise LedgerError(f"cannot spend {amount}: only {self.locked} is locked")
        self.locked -= amount


class Balances(dict[str, Balance]):
    """Balances by asset; one that is asked for the first time is made at zero."""

    __slots__ = ()

    def __missing__(self, asset: str) -> Balance:
        made = self[asset] = Balance()
        return made


class Account:
    """One account. With `keeps_history` its finished orders and fills stay readable (the seeded flow's do not)."""

    __slots__ = (
        "balances",
        "by_client_id",
        "fills",
        "keeps_history",
        "name",
        "open",
        "open_client_ids",
        "orders",
    )

    def __init__(self, name: str, *, keeps_history: bool = True) -> None:
        self.name = name
        self.keeps_history = keeps_history
        self.balances = Balances()
        self.open: dict[tuple[str, int], Order] = {}
        """Open orders by (symbol, order id), oldest first."""
        self.open_client_ids: dict[str, Order] = {}
        self.orders: dict[tuple[str, int], Order] = {}
        """Every order ever accepted, by (symbol, order id), oldest first."""
        self.by_client_id: dict[tuple[str, str], Order] = {}
        """The latest order per (symbol, client id)."""
        self.fills: dict[str, list[Fill]] = {}
        """Fills per symbol in the order of their trade ids."""

    def balance(self, asset: str) -> Balance:
        """The balance of `asset`, made at zero when it is asked for the first time."""
        return self.balances[asset]

    def add_order(self, order: Order) -> None:
        """Remember a newly accepted order."""
        self.open[order.symbol, order.id] = order
        self.open_client_ids[order.client_id] = order
        if self.keeps_history:
            self.orders[order.symbol, order.id] = order
            self.by_client_id[order.symbol, order.client_id] = order

    def close_order(self, order: Order) -> None:
        """Forget that an order is open; its client id becomes free."""
        self.open.pop((order.symbol, order.id), None)
        if self.open_client_ids.get(order.client_id) is order:
            del self.open_client_ids[order.client_id]

    def add_fill(self, fill: Fill) -> None:
        """Remember a fill of one of this account's orders."""
        if self.keeps_history:
            self.fills.setdefault(fill.symbol, []).append(fill)
