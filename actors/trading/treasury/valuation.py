"""What assets are worth in one currency: mids of all books as a graph, the shortest way from an asset to the reference.

Pure. The treasury actor feeds it mids and asks. Values are estimates for people, never money that is counted with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal

from ganglion.messages.orders import Fill
from ganglion.messages.values import ZERO, Asset, Symbol, base_of, quote_of

_CENT = Decimal("1e-8")
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""A worth is cut to the cent in it: the default context's 28 digits may be fewer than a large worth has."""


class Prices:
    """Mids by symbol, and the rates that follow from them."""

    def __init__(self, reference: Asset) -> None:
        self.reference = reference
        self._mids: dict[Symbol, float] = {}
        self._rates: dict[Asset, Decimal] | None = None

    def set_mid(self, symbol: Symbol, mid: float) -> None:
        """A new mid; of several exchanges the latest counts."""
        if mid > 0:
            self._mids[symbol] = mid
            self._rates = None

    def rate(self, asset: Asset) -> Decimal | None:
        """How much of the reference one unit is worth; None where no chain of books leads there."""
        return self._known_rates().get(asset)

    def _known_rates(self) -> dict[Asset, Decimal]:
        if self._rates is None:
            self._rates = self._all_rates()
        return self._rates

    def _all_rates(self) -> dict[Asset, Decimal]:
        """Breadth first from the reference, so that the fewest hops win; books in the order they were first seen."""
        rates = {self.reference: Decimal(1)}
        waiting = deque([self.reference])
        books = [(base_of(symbol), quote_of(symbol), Decimal(repr(mid))) for symbol, mid in self._mids.items()]
        while waiting:
            known = waiting.popleft()
            for base, quote, mid in books:
                if quote == known and base not in rates:
                    rates[base] = rates[known] * mid
                    waiting.append(base)
                elif base == known and quote not in rates:
                    rates[quote] = rates[known] / mid
                    waiting.append(quote)
        return rates

    def value(self, amounts: Mapping[Asset, Decimal]) -> tuple[Decimal, tuple[Asset, ...]]:
        """The worth of amounts, and which of them have no price (counted as 0)."""
        worth, rates = ZERO, self._rates or self._known_rates()
        unpriced: list[Asset] = []
        for asset, amount in amounts.items():
            if amount:
                rate = rates.get(asset)
                if rate is None:
                    unpriced.append(asset)
                else:
                    worth += amount * rate
        if unpriced:
            unpriced.sort()
        return (_WIDE.quantize(worth, _CENT) if worth else ZERO), tuple(unpriced)


class Result:
    """One mode's own fills: cash, inventory and fees per asset."""

    def __init__(self) -> None:
        self.fills = 0
        self.cash: dict[Asset, Decimal] = {}
        self.inventory: dict[Asset, Decimal] = {}
        self.fees: dict[Asset, Decimal] = {}

    def add(self, fill: Fill) -> None:
        """Count one fill."""
        self.fills += 1
        sign = Decimal(fill.side.sign)
        base, quote = base_of(fill.symbol), quote_of(fill.symbol)
        cost = fill.price * fill.amount
        self.inventory[base] = self.inventory.get(base, ZERO) + sign * fill.amount
        self.cash[quote] = self.cash.get(quote, ZERO) - sign * cost
        self.fees[fill.fee_asset] = self.fees.get(fill.fee_asset, ZERO) + fill.fee


def results_of(fills: Iterable[Fill]) -> dict[tuple[str, str], Result]:
    """What each mode made of these fills, by (mode, account)."""
    results: dict[tuple[str, str], Result] = {}
    for fill in fills:
        if fill.mode is not None:
            results.setdefault((fill.mode, fill.account), Result()).add(fill)
    return results
