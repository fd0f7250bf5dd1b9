"""The matching engine: price-time priority over Decimal money, without a clock, I/O or threads.

Commands go in with the time at which they happen, a list of facts (`events.py`) comes out, and everything the engine
knows follows from the commands in their order. The server wraps it in a wire protocol (`core.py`, `dialects/`);
simulations and backtests may call it directly.

Rules, as on Binance spot where the real venue leaves a choice:
- a fill happens at the resting order's price; fees are charged in the asset that each side receives, or in base or
  quote if its order says so (`FeeAsset`);
- a limit order locks price times quantity (buy) or quantity (sell), and the worst fee where that is charged in the
  same asset; a better price gives the difference back at once;
- order ids and trade ids count up per symbol; client ids are unique among an account's OPEN orders only;
- an account never trades with itself: see `SelfTrade`;
- market, IOC and FOK orders that find too little are accepted and then expire;
- both sides of every fill are accounts, and fees go to an account too, so each asset's sum over all accounts equals
  what was deposited (`audit`).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ganglion.messages.values import ZERO, OrderType, Side, TimeInForce
from ganglion.simulation.venue.accounts import Account, LedgerError
from ganglion.simulation.venue.book import Book, Level
from ganglion.simulation.venue.clearing import Clearing
from ganglion.simulation.venue.events import (
    Accepted,
    Amended,
    Canceled,
    Event,
    Expired,
    ExpireReason,
    Fill,
    LevelChanged,
    RejectCode,
    Rejected,
)
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.orders import OPEN, NewOrder, Order, OrderStatus, SelfTrade
from ganglion.simulation.venue.turn import Turn

# Bound once: until Python 3.12 each look-up of an enum's member runs through its metaclass.
_BUY = Side.BUY
_LIMIT = OrderType.LIMIT
_FILLED = OrderStatus.FILLED
_FOK = TimeInForce.FOK
_GTC = TimeInForce.GTC


class Engine(Clearing):
    """All markets, books and accounts of one venue."""

    def __init__(self, markets: Iterable[Market]) -> None:
        super().__init__(markets)
        self.books: dict[str, Book] = {}
        self.next_order_id: dict[str, int] = {}
        self.next_trade_id: dict[str, int] = {}
        for symbol, market in self.markets.items():
            self.books[symbol] = Book(symbol, market.price)
            self.next_order_id[symbol] = 1
            self.next_trade_id[symbol] = 1

    # --- commands

    def place(self, command: NewOrder, now_ms: int) -> list[Event]:
        """Take one order: Rejected alone, or Accepted followed by what it did."""
        account = self.accounts.get(command.account)
        book = self.books.get(command.symbol)
        if account is None or book is None:
            code = RejectCode.UNKNOWN_ACCOUNT if account is None else RejectCode.UNKNOWN_SYMBOL
            return [_rejected(command, code, f"the venue has no {command.account!r} on {command.symbol!r}")]
        refusal = self._refusal(command, account, book)
        if refusal is not None:
            return [_rejected(command, *refusal)]
        order = Order(command, account, self.next_order_id[command.symbol], now_ms)
        need, fillable = self._need(order, book)
        asset = self._paying_asset(order)
        paying = account.balances[asset]
        if need > paying.free:
            reason = f"needs {need} {asset}, free are {paying.free}"
            return [_rejected(command, RejectCode.INSUFFICIENT_BALANCE, reason)]
        self.next_order_id[command.symbol] += 1
        paying.lock(need)
        order.locked = need
        account.add_order(order)
        turn = Turn(now_ms)
        turn.events.append(Accepted(account.name, order.symbol, order.id, order.client_id, now_ms))
        turn.balances[account.name, asset] = account
        if fillable:
            self._match(order, book, turn)
        self._settle_rest(order, book, turn)
        return turn.finish(book)

    def cancel(
        self,
        account: str,
        symbol: str,
        now_ms: int,
        *,
        order_id: int | None = None,
        client_id: str = "",
        cancel_id: str = "",
    ) -> list[Event]:
        """End an open order, found by its id or else by its client id: Canceled, or Rejected(unknown order)."""
        owner = self.accounts.get(account)
        order = None
        if owner is not None and order_id is not None:
            order = owner.open.get((symbol, order_id))
        elif owner is not None:
            order = owner.open_client_ids.get(client_id)
        if order is None or order.symbol != symbol or (client_id and order.client_id != client_id):
            reason = f"no open order {order_id or client_id!r} on {symbol}"
            return [Rejected(account, symbol, client_id, RejectCode.UNKNOWN_ORDER, reason, order_id)]
        book = self.books[symbol]
        turn = Turn(now_ms)
        self._unrest(order, book, turn)
        self._close(order, OrderStatus.CANCELED, turn)
        turn.events.append(
            Canceled(account, symbol, order.id, order.client_id, cancel_id, order.filled, now_ms),
        )
        return turn.finish(book)

    def amend(
        self,
        account: str,
        symbol: str,
        order_id: int,
        now_ms: int,
        *,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        post_only: bool = False,
    ) -> list[Event]:
        """Change a resting order in place: Amended, then what that did; or Rejected, and nothing changed.

        The order keeps its id and what it filled. It keeps its place in the queue if only its quantity shrinks; a
        quantity at or under what is filled ends it.
        """
        owner = self.accounts.get(account)
        order = None if owner is None else owner.open.get((symbol, order_id))
        if owner is None or order is None:
            return [Rejected(account, symbol, "", RejectCode.UNKNOWN_ORDER, f"no open order {order_id}", order_id)]
        book, old_price = self.books[symbol], self._limit_price(order)
        quantity, price = quantity or order.quantity, price or old_price
        refusal = self.markets[symbol].refusal(_LIMIT, price, quantity, book.last)
        best = book.opposite(order.side).best()
        crosses = best is not None and book.opposite(order.side).crosses(best.price, price)
        if refusal is None and post_only and crosses:
            refusal = (RejectCode.WOULD_MATCH, f"{price} crosses")
        remaining = max(quantity - order.filled, ZERO)
        need = self._with_fee(order, remaining * price if order.side is _BUY else remaining)
        paying = owner.balance(self._paying_asset(order))
        if refusal is None and need > paying.free + order.locked:
            refusal = (RejectCode.INSUFFICIENT_BALANCE, f"needs {need}, free are {paying.free + order.locked}")
        if refusal is not None:
            return [Rejected(account, symbol, order.client_id, *refusal, order_id)]
        turn = Turn(now_ms)
        paying.release(order.locked)
        paying.lock(need)
        order.locked = need
        turn.balances[account, self._paying_asset(order)] = owner
        turn.events.append(Amended(account, symbol, order_id, order.client_id, now_ms))
        self._requeue(order, quantity, price, book, turn)
        return turn.finish(book)

    def _requeue(self, order: Order, quantity: Decimal, price: Decimal, book: Book, turn: Turn) -> None:
        """Give a resting order its new quantity and price, its money being locked already."""
        order.updated_ms = turn.now_ms
        if price == order.price and order.filled < quantity:
            level = book.own(order.side).levels[price]
            if quantity > order.quantity:
                level.orders.move_to_end(order.id)
            level.total += quantity - order.quantity
            order.quantity = quantity
            turn.levels[order.side, price] = level
            return
        self._unrest(order, book, turn)
        order.quantity, order.price = quantity, price
        if order.remaining <= ZERO:
            self._close(order, OrderStatus.CANCELED, turn)
            turn.events.append(
                Canceled(order.account.name, order.symbol, order.id, order.client_id, "", order.filled, turn.now_ms),
            )
            return
        self._match(order, book, turn)
        self._settle_rest(order, book, turn)

    def resize(self, order: Order, quantity: Decimal, now_ms: int) -> list[Event]:
        """Change the quantity of a resting order that is known to be a good one: the cheap amend of the crowd's.

        It must stay above what is filled, and its owner must have the money; the order goes behind the others.
        """
        price, book, market = self._limit_price(order), self.books[order.symbol], self.markets[order.symbol]
        more = need = quantity - order.quantity
        side, asset = book.asks, market.base
        if order.side is _BUY:
            side, asset, need = book.bids, market.quote, more * price
        if order.fee_on_top:
            need = self._with_fee(order, need)
        order.account.balances[asset].lock(need)
        order.locked += need
        order.quantity, order.updated_ms = quantity, now_ms
        level = side.levels[price]
        level.total += more
        level.orders.move_to_end(order.id)
        book.update_id += 1
        return [LevelChanged(book.symbol, order.side, price, level.total, book.update_id)]

    def hit(self, account: str, symbol: str, order_id: int, quantity: Decimal, taker: str, now_ms: int) -> list[Event]:
        """Trade with one resting order at its price, out of its turn: nothing where that cannot be.

        For faults: the book elsewhere, and the price of the last trade, stay as they are.
        """
        maker = self.accounts[account].open.get((symbol, order_id))
        if maker is None or maker.price is None or not ZERO < quantity <= maker.remaining:
            return []
        book, turn = self.books[symbol], Turn(now_ms)
        command = NewOrder(taker, symbol, maker.side.opposite, maker.type, f"hit-{order_id}-{maker.filled}", quantity)
        order = Order(command, self.accounts[taker], self.next_order_id[symbol], now_ms)
        asset, need = self._paying_asset(order), quantity * maker.price if order.side is _BUY else quantity
        if need > order.account.balance(asset).free:
            return []
        self.next_order_id[symbol] += 1
        order.account.balance(asset).lock(need)
        order.locked = need
        order.account.add_order(order)
        turn.events.append(Accepted(taker, symbol, order.id, order.client_id, now_ms))
        side = book.own(maker.side)
        self._trade(order, maker, side.levels[maker.price], quantity, turn)
        if not maker.remaining:
            side.remove(maker, maker.price)
            self._close(maker, _FILLED, turn)
        self._close(order, _FILLED, turn)
        return turn.finish(book)

    def expire_due(self, account: Account, now_ms: int) -> list[list[Event]]:
        """End the account's open orders whose own time is over; the facts of each."""
        due = [order for order in account.open.values() if order.expires_ms is not None and order.expires_ms <= now_ms]
        ended = []
        for order in due:
            book, turn = self.books[order.symbol], Turn(now_ms)
            self._unrest(order, book, turn)
            self._expire(order, OrderStatus.EXPIRED, ExpireReason.TIME, turn)
            ended.append(turn.finish(book))
        return ended

    def restore(self, order: Order) -> list[Event]:
        """Put an open order of an earlier life back into its book, behind what already rests there, unmatched.

        For a ledger that is read back before the market opens; the order's money must be in its account.
        """
        book = self.books[order.symbol]
        turn = Turn(order.updated_ms)
        price = self._limit_price(order)
        order.locked = self._with_fee(order, order.remaining * price if order.side is _BUY else order.remaining)
        order.account.balance(self._paying_asset(order)).lock(order.locked)
        order.account.add_order(order)
        turn.levels[order.side, price] = book.own(order.side).add(order, price)
        return turn.finish(book)

    # --- checks before anything changes

    def _refusal(self, command: NewOrder, account: Account, book: Book) -> tuple[RejectCode, str] | None:
        market = self.markets[command.symbol]
        is_limit = command.type is _LIMIT
        sizes = (command.quantity is not None) + (command.quote_quantity is not None)
        if sizes != 1 or is_limit != (command.price is not None) or (is_limit and command.quantity is None):
            return (RejectCode.MALFORMED, "a limit order has price and quantity, a market order one amount")
        if command.quote_quantity is not None and command.quote_quantity < market.min_notional:
            return (RejectCode.NOTIONAL, f"{command.quote_quantity} is under {market.min_notional}")
        refusal = market.refusal(command.type, command.price, command.quantity, book.last)
        if refusal is not None:
            return refusal
        if command.client_id in account.open_client_ids:
            return (RejectCode.DUPLICATE_CLIENT_ID, f"client id {command.client_id!r} has an open order")
        if len(account.open) >= market.max_open_orders and account.keeps_history:
            return (RejectCode.MAX_OPEN_ORDERS, f"{len(account.open)} orders are open")
        if command.post_only:
            best = book.opposite(command.side).best()
            if best is not None and book.opposite(command.side).crosses(best.price, command.price):
                return (RejectCode.WOULD_MATCH, f"{command.price} crosses the resting {best.price}")
        return None

    def _need(self, order: Order, book: Book) -> tuple[Decimal, bool]:
        """What the order locks, and whether it may trade at all (a FOK that cannot be whole may not)."""
        if order.type is _LIMIT:
            price = self._limit_price(order)
            fillable = True
            if order.time_in_force is _FOK:
                fillable = book.reach(order, self.markets[order.symbol].step)[0] >= order.quantity
            need = order.quantity * price if order.side is _BUY else order.quantity
            return self._with_fee(order, need), fillable
        base, quote = book.reach(order, self.markets[order.symbol].step)
        if order.side is _BUY:
            need = quote if order.quote_quantity is None else order.quote_quantity
        else:
            need = base if order.quote_quantity is not None else order.quantity
        return self._with_fee(order, need), True

    # --- matching

    def _match(self, order: Order, book: Book, turn: Turn) -> None:
        opposite = book.opposite(order.side)
        step = self.markets[order.symbol].step
        while True:
            level = opposite.best()
            if level is None or not opposite.crosses(level.price, order.price):
                return
            if order.quote_quantity is None:
                want = order.quantity - order.filled
            else:
                want = (order.quote_quantity - order.quote_filled) // (level.price * step) * step
            if want <= ZERO:
                return
            maker = level.first()
            if maker.account is order.account:
                if not self._prevent_self_trade(order, maker, book, turn):
                    return
                continue
            self._trade(order, maker, level, min(want, maker.remaining), turn)
            book.last = level.price
            if not maker.remaining:
                opposite.remove(maker, level.price)
                self._close(maker, _FILLED, turn)

    def _prevent_self_trade(self, order: Order, maker: Order, book: Book, turn: Turn) -> bool:
        """End whichever order gives way; whether the incoming one goes on."""
        if order.self_trade is not SelfTrade.EXPIRE_TAKER:
            self._unrest(maker, book, turn)
            self._expire(maker, OrderStatus.EXPIRED_SELF_TRADE, ExpireReason.SELF_TRADE, turn)
        if order.self_trade is SelfTrade.EXPIRE_MAKER:
            return True
        self._expire(order, OrderStatus.EXPIRED_SELF_TRADE, ExpireReason.SELF_TRADE, turn)
        return False

    def _trade(self, taker: Order, maker: Order, level: Level, quantity: Decimal, turn: Turn) -> None:
        market = self.markets[taker.symbol]
        price = level.price
        quote = price * quantity
        level.total -= quantity
        taker_asset, taker_fee = self._pay(taker, quantity, quote, market, turn, maker=False)
        maker_asset, maker_fee = self._pay(maker, quantity, quote, market, turn, maker=True)
        trade_id = self.next_trade_id[taker.symbol]
        self.next_trade_id[taker.symbol] = trade_id + 1
        # In the order of its fields: above 15 names Python makes a dict of them first, six times as dear.
        fill = Fill(
            taker.symbol,
            trade_id,
            price,
            quantity,
            quote,
            turn.now_ms,
            taker.side,
            taker.account.name,
            maker.account.name,
            taker.id,
            maker.id,
            taker_fee,
            taker_asset,
            maker_fee,
            maker_asset,
            taker.filled,
            taker.quote_filled,
            maker.filled,
            maker.quote_filled,
        )
        turn.events.append(fill)
        turn.levels[maker.side, price] = level
        taker.account.add_fill(fill)
        maker.account.add_fill(fill)

    def _settle_rest(self, order: Order, book: Book, turn: Turn) -> None:
        """Close what is done, rest what may rest, expire what may not."""
        if order.status not in OPEN:
            return
        if order.quote_quantity is not None:
            # what is left buys less than one step: that is a filled order, unless the book ran dry first
            order.quantity = order.filled
            dry = book.opposite(order.side).best() is None
            if order.filled and not dry:
                self._close(order, _FILLED, turn)
                return
        elif not order.remaining:
            self._close(order, _FILLED, turn)
            return
        if order.type is _LIMIT and order.time_in_force is _GTC:
            price = self._limit_price(order)
            turn.levels[order.side, price] = book.own(order.side).add(order, price)
            return
        self._expire(order, OrderStatus.EXPIRED, ExpireReason.NO_LIQUIDITY, turn)

    # --- small moves

    def _limit_price(self, order: Order) -> Decimal:
        if order.price is None:
            raise LedgerError(f"order {order.id} on {order.symbol} rests without a price")
        return order.price

    def _unrest(self, order: Order, book: Book, turn: Turn) -> None:
        price = self._limit_price(order)
        turn.levels[order.side, price] = book.own(order.side).remove(order, price)

    def _close(self, order: Order, status: OrderStatus, turn: Turn) -> None:
        asset = self._paying_asset(order)
        order.account.balances[asset].release(order.locked)
        order.locked = ZERO
        order.status = status
        order.updated_ms = turn.now_ms
        order.account.close_order(order)
        turn.balances[order.account.name, asset] = order.account

    def _expire(self, order: Order, status: OrderStatus, reason: ExpireReason, turn: Turn) -> None:
        self._close(order, status, turn)
        turn.events.append(
            Expired(order.account.name, order.symbol, order.id, order.client_id, reason, order.filled, turn.now_ms),
        )


def _rejected(command: NewOrder, code: RejectCode, reason: str) -> Rejected:
    return Rejected(command.account, command.symbol, command.client_id, code, reason)
