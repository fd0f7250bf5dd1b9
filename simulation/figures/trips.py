"""Round trips: what was bought is matched with what was sold, first in, first out, for each mode and market. Pure.

A round trip is ONE closing order (its partial fills together) with the lots that it closed. Entry fees are shared out
by amount. Sells without a lot open a short one. Method: FIFO cost basis, as in IRS publication 550; the matching is
exact (Decimal), its results are floats in the reference currency.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from ganglion.messages.values import EXACT, ZERO, Side, Symbol
from ganglion.simulation.figures.record import FillRecord, RunRecord


class RoundTrip(msgspec.Struct, frozen=True, gc=False):
    """A closed piece of inventory."""

    mode: str
    exchange: str
    symbol: Symbol
    side: Side
    """How it was entered: buy for long, sell for short."""
    opened_ms: int
    """Mean of the lots' times, weighted by amount."""
    closed_ms: int
    amount: float
    """Of the base asset."""
    entry: float
    """Mean price, in the quote asset."""
    exit: float
    cost: float
    """What was put in, entry price times amount, in the reference currency."""
    fees: float
    """Of both ends, in the reference currency."""
    profit: float
    """After fees, in the reference currency."""
    opening: bool = False
    """Whether it closed inventory that was there before the run, entered at the market's first price."""

    @property
    def held_s(self) -> float:
        """How long it was held."""
        return (self.closed_ms - self.opened_ms) / 1000

    @property
    def share(self) -> float | None:
        """The profit as a share of what was put in; None where that is nothing."""
        return self.profit / self.cost if self.cost else None


@dataclass(slots=True)
class Lot:
    """Inventory still open: bought (above zero) or sold short (below)."""

    amount: Decimal
    price: float
    fee_each: float
    """Fee per unit of the base asset, in the quote asset."""
    time_ms: int
    opening: bool = False


@dataclass(slots=True)
class _Closing:
    """One order's exit, while its fills come in."""

    order_id: str
    fill: FillRecord
    amount: float = 0.0
    entry_cost: float = 0.0
    exit_cost: float = 0.0
    opened_ms: float = 0.0
    cost: float = 0.0
    fees: float = 0.0
    profit: float = 0.0
    closed_ms: int = 0
    opening: bool = False

    def trip(self) -> RoundTrip:
        return RoundTrip(
            mode=self.fill.mode,
            exchange=self.fill.exchange,
            symbol=self.fill.symbol,
            side=self.fill.side.opposite,
            opened_ms=round(self.opened_ms / self.amount),
            closed_ms=self.closed_ms,
            amount=self.amount,
            entry=self.entry_cost / self.amount,
            exit=self.exit_cost / self.amount,
            cost=self.cost,
            fees=self.fees,
            profit=self.profit,
            opening=self.opening,
        )


@dataclass(slots=True)
class Ledger:
    """The lots of one mode in one market."""

    lots: deque[Lot] = field(default_factory=deque)
    trips: list[RoundTrip] = field(default_factory=list)
    closing: _Closing | None = None

    def open(self, amount: Decimal, price: float, time_ms: int) -> None:
        """Start with inventory at a price."""
        if amount:
            self.lots.append(Lot(amount, price, 0.0, time_ms, opening=True))

    def add(self, fill: FillRecord) -> None:
        """Take a fill in: close the oldest lots of the other side, open one with what is left."""
        change, price = fill.change(), float(fill.price)
        if self.closing and (not fill.order_id or self.closing.order_id != fill.order_id):
            self.finish()
        if not change:
            return
        fee_each = (fill.fee_in_quote() or 0.0) / abs(float(change))
        while change and self.lots and (self.lots[0].amount > 0) != (change > 0):
            lot = self.lots[0]
            closed = min(abs(change), abs(lot.amount))
            self._close(lot, closed, fill, price, fee_each)
            signed = closed if lot.amount > 0 else EXACT.minus(closed)
            lot.amount = EXACT.subtract(lot.amount, signed)
            change = EXACT.add(change, signed)
            if not lot.amount:
                self.lots.popleft()
        if change:
            self.lots.append(Lot(change, price, fee_each, fill.time_ms))

    def finish(self) -> None:
        """No more fills of the order that closes now."""
        if self.closing:
            self.trips.append(self.closing.trip())
            self.closing = None

    def unrealised(self, price: float) -> float:
        """What the open lots have gained at a price, their entry fees taken off, in the quote asset."""
        return sum((price - lot.price) * float(lot.amount) - lot.fee_each * abs(float(lot.amount)) for lot in self.lots)

    def _close(self, lot: Lot, closed: Decimal, fill: FillRecord, price: float, fee_each: float) -> None:
        if self.closing is None:
            self.closing = _Closing(fill.order_id, fill)
        closing, amount = self.closing, float(closed)
        fees = (lot.fee_each + fee_each) * amount
        gross = (price - lot.price) * (amount if lot.amount > 0 else -amount)
        closing.amount += amount
        closing.entry_cost += lot.price * amount
        closing.exit_cost += price * amount
        closing.opened_ms += lot.time_ms * amount
        closing.cost += lot.price * amount * fill.rate
        closing.fees += fees * fill.rate
        closing.profit += (gross - fees) * fill.rate
        closing.closed_ms = fill.time_ms
        closing.opening = closing.opening or lot.opening


def match(fills: Iterable[FillRecord]) -> list[RoundTrip]:
    """Round trips of fills in order of time, by their closing; no opening inventory."""
    return closed(ledgers_of(fills, {}))


def match_run(run: RunRecord) -> dict[tuple[str, str], Ledger]:
    """The ledgers of a run by mode and market, its modes' opening inventory in them."""
    ledgers: dict[tuple[str, str], Ledger] = {}
    for mode in run.modes:
        ledger = ledgers.setdefault((mode.name, mode.market), Ledger())
        market = run.market(mode.market)
        if mode.opening_base != ZERO and market and len(market.price):
            ledger.open(mode.opening_base, market.price.value[0], run.start_ms)
    return ledgers_of(run.fills, ledgers)


def ledgers_of(fills: Iterable[FillRecord], ledgers: dict[tuple[str, str], Ledger]) -> dict[tuple[str, str], Ledger]:
    """Take all fills into ledgers, made where one is missing."""
    for fill in fills:
        key = (fill.mode, fill.market)
        if key not in ledgers:
            ledgers[key] = Ledger()
        ledgers[key].add(fill)
    for ledger in ledgers.values():
        ledger.finish()
    return ledgers


def closed(ledgers: dict[tuple[str, str], Ledger]) -> list[RoundTrip]:
    """All round trips, by the time of their closing."""
    trips = [trip for ledger in ledgers.values() for trip in ledger.trips]
    return sorted(trips, key=lambda trip: (trip.closed_ms, trip.mode))
