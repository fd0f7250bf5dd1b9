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
_NOTHING = (ZERO, ZERO)


class Quote:
    """The data's best prices in one market, and what our orders may still have there."""

    __slots__ = ("ask", "bid", "room")

    def __init__(self, bid: Decimal, ask: Decimal, room: Decimal | None) -> None:
        self.bid = bid
        self.ask = ask
        self.room = room
        """Of the present row's volume; None for whatever they want."""


class DataEngine(Engine):
    """See the file's docstring."""

    def __init__(self, markets: Iterable[Market], fills: FillSettings) -> None:
        super().__init__(markets)
        self.fills = fills
        self.quotes: dict[Symbol, Quote] = {}
        """Of the present row; a market whose data has not begun has none."""
        self.house = self.open_account(HOUSE, keeps_history=False)
        for asset in sorted({asset for market in self.markets.values() for asset in (market.base, market.quote)}):
            self.deposit(HOUSE, asset, RICH)

    # -------------------------------------------------------------- what crosses

    def offer(self, order: Order) -> tuple[Decimal, Decimal]:
        """At which price, and how much, the house trades with an incoming order now; zeros where it does not."""
        quote = self.quotes.get(order.symbol)
        if quote is None:
            return _NOTHING
        buys = order.side is Side.BUY
        best = quote.ask if buys else quote.bid
        limit = order.price
        if limit is not None and (limit < best if buys else limit > best):
            return _NOTHING
        market = self.markets[order.symbol]
        price = taking_price(order.side, best, self.fills, market.tick)
        if limit is not None:
            price = min(price, limit) if buys else max(price, limit)
        wanted = order.remaining
        if order.quote_quantity is not None:
            wanted = (order.quote_quantity - order.quote_filled) // (price * market.step) * market.step
        if quote.room is not None and quote.room < wanted:
            wanted = market.truncate(quote.room)
        return price, wanted

    def _refusal(self, command: NewOrder, account: Account, book: Book) -> tuple[RejectCode, str] | None:
        refusal = super()._refusal(command, account, book)
        if refusal is None and command.post_only and command.price is not None:
            quote = self.quotes.get(command.symbol)
            if quote is not None:
                best = quote.ask if command.side is Side.BUY else quote.bid
                if command.price >= best if command.side is Side.BUY else command.price <= best:
                    return (RejectCode.WOULD_MATCH, f"{command.price} crosses the data's {best}")
        return refusal

    def _need(self, order: Order, book: Book) -> tuple[Decimal, bool]:
        if order.type is OrderType.LIMIT:
            fillable = order.time_in_force is not TimeInForce.FOK or self.offer(order)[1] >= order.quantity
            need = order.quantity * self._limit_price(order) if order.side is Side.BUY else order.quantity
            return self._with_fee(order, need), fillable
        price, quantity = self.offer(order)
        if order.side is Side.BUY:
            need = price * quantity if order.quote_quantity is None else order.quote_quantity
        else:
            need = quantity if order.quote_quantity is not None else order.quantity
        return self._with_fee(order, need), True

    def _match(self, order: Order, book: Book, turn: Turn) -> None:
        price, quantity = self.offer(order)
        if quantity <= ZERO:
            return
        quote = self.quotes[order.symbol]
        if quote.room is not None:
            quote.room -= quantity
        self._with_house(order, price, quantity, turn, maker=False)
        book.last = price

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
            self._close(order, OrderStatus.FILLED, turn)
        return turn.events

    def _with_house(self, order: Order, price: Decimal, quantity: Decimal, turn: Turn, *, maker: bool) -> None:
        market, house = self.markets[order.symbol], self.house.balances
        cost = price * quantity
        fee_asset, fee = self._pay(order, quantity, cost, market, turn, maker=maker)
        if order.side is Side.BUY:
            house[market.base].free -= quantity
            house[market.quote].free += cost
        else:
            house[market.base].free += quantity
            house[market.quote].free -= cost
        trade_id = self.next_trade_id[order.symbol]
        self.next_trade_id[order.symbol] = trade_id + 1
        ours, theirs = (order.account.name, order.id), (HOUSE, HOUSE_ORDER)
        taker, made = (theirs, ours) if maker else (ours, theirs)
        fill = Fill(
            symbol=order.symbol,
            trade_id=trade_id,
            price=price,
            quantity=quantity,
            quote=cost,
            time_ms=turn.now_ms,
            taker_side=order.side.opposite if maker else order.side,
            taker_account=taker[0],
            maker_account=made[0],
            taker_order_id=taker[1],
            maker_order_id=made[1],
            taker_fee=ZERO if maker else fee,
            taker_fee_asset=market.quote if maker else fee_asset,
            maker_fee=fee if maker else ZERO,
            maker_fee_asset=fee_asset if maker else market.quote,
            taker_filled=quantity if maker else order.filled,
            taker_quote_filled=cost if maker else order.quote_filled,
            maker_filled=order.filled if maker else quantity,
            maker_quote_filled=order.quote_filled if maker else cost,
        )
        turn.events.append(fill)
        order.account.add_fill(fill)
