"""The matching engine on recorded data: who crosses the data's price trades with the house, the others wait for it.

The house is an account like any other, so that every fill has two sides and money is conserved; it quotes the data's
best prices and has no orders of its own. Pure but for its own state; exchange.py moves the quotes. Orders of ours
never trade with each other: what the data did, it did without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ganglion.messages.values import ZERO, OrderType, Side, Symbol, TimeInForce
from ganglion.simulation.backtest.fills import FillSettings, taking_price
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.book import Book
from ganglion.simulation.venue.engine import Engine
from ganglion.simulation.venue.events import Event, Fill, RejectCode
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.orders import NewOrder, Order, OrderStatus
from ganglion.simulation.venue.turn import Turn

HOUSE = "house"
"""The account on the other side of every fill."""
RICH = Decimal(10) ** 15
HOUSE_ORDER = 0
"""Stands for the house's order in a fill: it has none."""


class Quote:
    """The data's best prices in one market, and what our orders may still have there."""

    __slots__ = ("ask", "asks", "bid", "bids", "room")

    def __init__(self, bid: Decimal, ask: Decimal, room: Decimal | None) -> None:
        self.bid = bid
        self.ask = ask
        self.room = room
        """Of the present row's volume; None for whatever they want."""
        self.bids: list[list[Decimal]] | None = None
        """Of a book: price and size of its levels, the best first; None where the data has none."""
        self.asks: list[list[Decimal]] | None = None


# Bound once: until Python 3.12 each look-up of an enum's member runs through its metaclass.
_BUY = Side.BUY
_LIMIT = OrderType.LIMIT
_FILLED = OrderStatus.FILLED
_FOK = TimeInForce.FOK


class DataEngine(Engine):
    """See the file's docstring."""

    def __init__(self, markets: Iterable[Market], fills: FillSettings) -> None:
        super().__init__(markets)
        self.fills = fills
        self.quotes: dict[Symbol, Quote] = {}
        """Of the present row; a market whose data has not begun has none."""
        self._offered: tuple[Order, list[tuple[Decimal, Decimal]]] | None = None
        """What the order that is being placed was offered when its need was worked out."""
        self.house = self.open_account(HOUSE, keeps_history=False)
        for asset in sorted({asset for market in self.markets.values() for asset in (market.base, market.quote)}):
            self.deposit(HOUSE, asset, RICH)

    # -------------------------------------------------------------- what crosses

    def offers(self, order: Order) -> list[tuple[Decimal, Decimal]]:
        """At which prices, and how much at each, the house trades with an incoming order now."""
        quote = self.quotes.get(order.symbol)
        if quote is None:
            return []
        buys, market, left = order.side is _BUY, self.markets[order.symbol], order.remaining
        if quote.room is not None and quote.room < left:
            left = market.truncate(quote.room)
        levels = quote.asks if buys else quote.bids
        found: list[tuple[Decimal, Decimal]] = []
        for best, size in levels if levels is not None else ((quote.ask if buys else quote.bid, left),):
            limit = order.price
            if left <= ZERO or (limit is not None and (limit < best if buys else limit > best)):
                break
            price = taking_price(order.side, best, self.fills, market.tick)
            if limit is not None:
                price = min(price, limit) if buys else max(price, limit)
            taken = min(left, market.truncate(size))
            if taken > ZERO:
                found.append((price, taken))
                left -= taken
        return found

    def _refusal(self, command: NewOrder, account: Account, book: Book) -> tuple[RejectCode, str] | None:
        refusal = super()._refusal(command, account, book)
        if refusal is None and command.post_only and command.price is not None:
            quote = self.quotes.get(command.symbol)
            if quote is not None:
                best = quote.ask if command.side is _BUY else quote.bid
                if command.price >= best if command.side is _BUY else command.price <= best:
                    return (RejectCode.WOULD_MATCH, f"{command.price} crosses the data's {best}")
        return refusal

    def _need(self, order: Order, book: Book) -> tuple[Decimal, bool]:
        if order.type is _LIMIT:
            fillable = True
            if order.time_in_force is _FOK:
                fillable = sum((taken for _, taken in self.offers(order)), ZERO) >= order.quantity
            need = order.quantity * self._limit_price(order) if order.side is _BUY else order.quantity
            return self._with_fee(order, need), fillable
        need = order.quantity
        if order.side is _BUY:
            self._offered = (order, self.offers(order))
            need = sum((price * taken for price, taken in self._offered[1]), ZERO)
        return self._with_fee(order, need), True

    def _match(self, order: Order, book: Book, turn: Turn) -> None:
        known, offers = self._offered or (None, [])
        self._offered = None
        if known is not order:
            offers = self.offers(order)
        if not offers:
            return
        quote = self.quotes[order.symbol]
        for price, taken in offers:
            if quote.room is not None:
                quote.room -= taken
            self._with_house(order, price, taken, turn, maker=False)
            book.last = price
        levels = quote.asks if order.side is _BUY else quote.bids
        if levels is not None:
            consume(levels, sum((taken for _, taken in offers), ZERO))

    # -------------------------------------------------------------- what rests

    def give(self, order: Order, quantity: Decimal, now_ms: int) -> list[Event]:
        """Fill a resting order at its own price, in part or whole: the market has come to it."""
        turn, book, price = Turn(now_ms), self.books[order.symbol], self._limit_price(order)
        side = book.own(order.side)
        level = side.levels[price]
        self._with_house(order, price, quantity, turn, maker=True)
        level.total -= quantity
        if not order.remaining:
            side.remove(order, price)
            self._close(order, _FILLED, turn)
        return turn.events

    def _with_house(self, order: Order, price: Decimal, quantity: Decimal, turn: Turn, *, maker: bool) -> None:
        market, house = self.markets[order.symbol], self.house.balances
        cost = price * quantity
        fee_asset, fee = self._pay(order, quantity, cost, market, turn, maker=maker)
        if order.side is _BUY:
            house[market.base].free -= quantity
            house[market.quote].free += cost
        else:
            house[market.base].free += quantity
            house[market.quote].free -= cost
        trade_id = self.next_trade_id[order.symbol]
        self.next_trade_id[order.symbol] = trade_id + 1
        ours, theirs = (order.account.name, order.id), (HOUSE, HOUSE_ORDER)
        taker, made = (theirs, ours) if maker else (ours, theirs)
        # In the order of its fields: above 15 names Python makes a dict of them first, six times as dear.
        fill = Fill(
            order.symbol,
            trade_id,
            price,
            quantity,
            cost,
            turn.now_ms,
            order.side.opposite if maker else order.side,
            taker[0],
            made[0],
            taker[1],
            made[1],
            ZERO if maker else fee,
            market.quote if maker else fee_asset,
            fee if maker else ZERO,
            fee_asset if maker else market.quote,
            quantity if maker else order.filled,
            cost if maker else order.quote_filled,
            order.filled if maker else quantity,
            order.quote_filled if maker else cost,
        )
        turn.events.append(fill)
        order.account.add_fill(fill)


def consume(levels: list[list[Decimal]], taken: Decimal) -> None:
    """What was taken of a book's levels is gone until the data says how they stand."""
    for level in levels:
        part = min(level[1], taken)
        level[1] -= part
        taken -= part
