"""What the fills of each mode come to, per market and day: the running sums behind `days`, `positions` and `fees`.

Pure and exact. They follow from an account's fills alone, so that a projection that goes on after a restart counts
them again from the ledger and reaches the same figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

import msgspec

from ganglion.actors.trading.money import minus, plain, plus, times
from ganglion.actors.trading.orders.counted import TradeKey
from ganglion.bot.projection.schema import Value
from ganglion.messages.orders import Fill
from ganglion.messages.values import ZERO, Asset, Side, Symbol, base_of, quote_of

Market: TypeAlias = tuple[str, Symbol]
"""(mode, symbol)."""


@dataclass(slots=True)
class Tally:
    """Sums of some fills of one mode in one market."""

    fills: int = 0
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    spent: Decimal = ZERO
    received: Decimal = ZERO
    fees: dict[Asset, Decimal] = field(default_factory=dict)

    def add(self, fill: Fill) -> None:
        """Count a fill."""
        self._count(fill, 1, plus)

    def take_off(self, fill: Fill) -> None:
        """Uncount a fill that another one replaced."""
        self._count(fill, -1, minus)

    def _count(self, fill: Fill, sign: int, change: Callable[[Decimal, Decimal], Decimal]) -> None:
        self.fills += sign
        cost = times(fill.price, fill.amount)
        if fill.side is Side.BUY:
            self.bought = change(self.bought, fill.amount)
            self.spent = change(self.spent, cost)
        else:
            self.sold = change(self.sold, fill.amount)
            self.received = change(self.received, cost)
        if fill.fee:
            self.fees[fill.fee_asset] = change(self.fees.get(fill.fee_asset, ZERO), fill.fee)

    def row(self, symbol: Symbol) -> tuple[Value, ...]:
        """Its columns, in the schema's order."""
        base, quote = base_of(symbol), quote_of(symbol)
        other = {asset: plain(fee) for asset, fee in sorted(self.fees.items()) if asset not in {base, quote} and fee}
        return (
            self.fills,
            plain(self.bought),
            plain(self.sold),
            plain(self.spent),
            plain(self.received),
            plain(self.fees.get(base, ZERO)),
            plain(self.fees.get(quote, ZERO)),
            msgspec.json.encode(other).decode() if other else "",
        )

    def net(self, symbol: Symbol) -> tuple[str, str]:
        """What they left of (base, quote), fees in either taken off."""
        base = minus(minus(self.bought, self.sold), self.fees.get(base_of(symbol), ZERO))
        quote = minus(minus(self.received, self.spent), self.fees.get(quote_of(symbol), ZERO))
        return plain(base), plain(quote)


@dataclass
class Tallies:
    """All tallies of one account."""

    days: dict[tuple[str, Symbol, str], Tally] = field(default_factory=dict)
    """By (mode, symbol, day)."""
    markets: dict[Market, Tally] = field(default_factory=dict)
    stand_ins: dict[TradeKey, Fill] = field(default_factory=dict)
    """Fills that may be replaced yet."""

    def add(self, fill: Fill) -> list[tuple[str, Symbol, str]]:
        """Count a fill of an order of ours; which days it changed, the days of what it replaces among them."""
        changed: dict[tuple[str, Symbol, str], None] = {}
        for trade_id in fill.replaces:
            replaced = self.stand_ins.pop((fill.symbol, trade_id), None)
            if replaced is not None:
                for tally in self._of(replaced, changed):
                    tally.take_off(replaced)
        if fill.synthetic:
            self.stand_ins[(fill.symbol, fill.trade_id)] = fill
        for tally in self._of(fill, changed):
            tally.add(fill)
        return list(changed)

    def _of(self, fill: Fill, changed: dict[tuple[str, Symbol, str], None]) -> tuple[Tally, Tally]:
        mode = fill.mode or ""
        key = (mode, fill.symbol, day_of(fill.timestamp_ms))
        changed[key] = None
        return self.days.setdefault(key, Tally()), self.markets.setdefault((mode, fill.symbol), Tally())


def day_of(time_ms: int) -> str:
    """The UTC day of a time: `2026-01-31`."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d")
