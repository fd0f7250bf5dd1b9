"""The resting orders of one symbol: price levels in order, and first come first served within a level.

A side keeps its prices in one sorted list whose LAST entry is the best price, so that the busy end of the book is
the cheap end of the list; a level keeps its orders in a linked dictionary. Finding the best order, adding at the
touch and removing any order take constant time; a new price takes one bisection.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal

from ganglion.messages.values import ZERO, Side
from ganglion.simulation.venue.orders import Order, SelfTrade


class Level:
    """All orders resting at one price, oldest first, and their sum."""

    __slots__ = ("orders", "price", "total")

    def __init__(self, price: Decimal) -> None:
        self.price = price
        self.total = ZERO
        self.orders: OrderedDict[int, Order] = OrderedDict()

    def first(self) -> Order:
        """The order that came first."""
        return next(iter(self.orders.values()))


class BookSide:
    """One side of a book."""

    __slots__ = ("_keys", "_ranked", "_sign", "levels", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.levels: dict[Decimal, Level] = {}
        self._sign = 1 if side is Side.BUY else -1
        self._keys: list[Decimal] = []
        self._ranked: list[Level] = []
        """The levels in the order of their keys."""

    def __len__(self) -> int:
        return len(self._keys)

    def best(self) -> Level | None:
        """The level that trades first, or None when the side is empty."""
        return self._ranked[-1] if self._ranked else None

    def walk(self) -> Iterator[Level]:
        """Levels from the best price on. The side must not change meanwhile."""
        return reversed(self._ranked)

    def crosses(self, resting: Decimal, limit: Decimal | None) -> bool:
        """Whether an incoming order with `limit` (None: any price) may trade with a level at `resting`."""
        if limit is None:
            return True
        return resting >= limit if self.side is Side.BUY else resting <= limit

    def add(self, order: Order, price: Decimal) -> Level:
        """Queue an order behind all others at its price."""
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level(price)
            key = price * self._sign
            place = bisect_left(self._keys, key)
            self._keys.insert(place, key)
            self._ranked.insert(place, level)
        level.orders[order.id] = order
        level.total += order.remaining
        return level

    def remove(self, order: Order, price: Decimal) -> Level:
        """Take an order out, wherever it stands, and its level with it when that becomes empty."""
        level = self.levels[price]
        del level.orders[order.id]
        level.total -= order.remaining
        if not level.orders:
            del self.levels[price]
            key = price * self._sign
            place = -1 if self._keys[-1] == key else bisect_left(self._keys, key)
            del self._keys[place], self._ranked[place]
        return level


class Book:
    """Both sides of one symbol, and the count of their changes."""

    __slots__ = ("asks", "bids", "last", "symbol", "update_id")

    def __init__(self, symbol: str, last: Decimal, update_id: int = 0) -> None:
        self.symbol = symbol
        self.bids = BookSide(Side.BUY)
        self.asks = BookSide(Side.SELL)
        self.last = last
        """Price of the last trade, or where the market was opened."""
        self.update_id = update_id
        """Number of the last level change; a depth snapshot carries it."""

    def own(self, side: Side) -> BookSide:
        """The side on which an order of `side` rests."""
        return self.bids if side is Side.BUY else self.asks

    def opposite(self, side: Side) -> BookSide:
        """The side with which an order of `side` trades."""
        return self.asks if side is Side.BUY else self.bids

    def reach(self, order: Order, step: Decimal) -> tuple[Decimal, Decimal]:
        """Base and quote that an incoming order could trade now, its own account's orders left out."""
        base = quote = ZERO
        opposite = self.opposite(order.side)
        for level in opposite.walk():
            if not opposite.crosses(level.price, order.price):
                break
            for maker in level.orders.values():
                if order.quote_quantity is None:
                    want = order.quantity - base
                else:
                    want = (order.quote_quantity - quote) // (level.price * step) * step
                if want <= ZERO:
                    return base, quote
                if maker.account is order.account:
                    if order.self_trade is SelfTrade.EXPIRE_MAKER:
                        continue
                    return base, quote
                quantity = min(want, maker.remaining)
                base += quantity
                quote += quantity * level.price
        return base, quote

    def depth(self, limit: int) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """The best `limit` levels as (price, quantity): bids, then asks, each from the best on."""
        return (_top(self.bids, limit), _top(self.asks, limit))


def _top(side: BookSide, limit: int) -> list[tuple[Decimal, Decimal]]:
    top: list[tuple[Decimal, Decimal]] = []
    for level in side.walk():
        if len(top) == limit:
            break
        top.append((level.price, level.total))
    return top
