"""The fixture `venue`: a matching exchange inside the test, for strategies whose orders need somewhere to go.

No sockets, no waiting, no other process: price-time priority, fees, balances and the filters of a real spot market, in
virtual time. It is the engine that also stands behind `venue_server` and behind the worlds. The other side of each
trade is `others`, who have all the money they need: `quote` sets their prices, `trade` lets them trade at the market.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from ganglion.bot.pytest_plugin.clock import Clock
from ganglion.bot.pytest_plugin.servers import Amount, as_money
from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.events import Accepted, Event, Fill, Rejected
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.orders import NewOrder, Order
from ganglion.simulation.venue.settings import AccountSettings, VenueSettings, check_settings

ME = "me"
OTHERS = "others"
_TICK_MS = 100
BuyOrSell: TypeAlias = Literal["buy", "sell"]
Levels: TypeAlias = tuple[tuple[Decimal, Decimal], ...]


class OrderRefused(Exception):
    """The venue refused an order or a cancel; nothing changed.

    Attributes:
        code: one word for why, as `insufficient_balance`, `lot_size`, `unknown_order`, `would_match`.
    """

    def __init__(self, refusal: Rejected) -> None:
        super().__init__(f"{refusal.symbol}: {refusal.code}: {refusal.reason}")
        self.code = str(refusal.code)


@dataclass(frozen=True, slots=True)
class LocalOrder:
    """An order as it stands; a picture that does not change. `status` is `new`, `partially_filled`, `filled`, …."""

    id: int
    client_id: str
    symbol: str
    side: str
    price: Decimal | None
    amount: Decimal
    filled: Decimal
    status: str

    @property
    def is_open(self) -> bool:
        """Whether it can still fill."""
        return self.status in {"new", "partially_filled"}


@dataclass(frozen=True, slots=True)
class LocalFill:
    """One fill of an account; `liquidity` is `maker` or `taker`."""

    symbol: str
    trade_id: int
    order_id: int
    side: str
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class LocalBook:
    """Bids and asks as (price, amount), each from the best on."""

    bids: Levels
    asks: Levels

    @property
    def mid(self) -> Decimal:
        """Halfway between best bid and best ask.

        Raises:
            LookupError: where a side is empty.
        """
        if not self.bids or not self.asks:
            raise LookupError("the book has an empty side, so there is no mid: venue.quote(...) gives it prices")
        return (self.bids[0][0] + self.asks[0][0]) / 2


@dataclass(frozen=True, slots=True)
class LocalBalance:
    """What an account has of one asset: free to use, and locked in open orders."""

    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        """Both together."""
        return self.free + self.locked


class LocalVenue:
    """One exchange inside the test. Money is text, an int or a Decimal; floats are refused.

    Args:
        symbols: its markets, as BTC/USDT.
        balances: what account `me` starts with; None is a sensible amount of everything that is traded.
        maker_fee: share of a fill.
        taker_fee: share of a fill.
        crowd: a seeded crowd makes the market a living one, as far as time passes; else the books are empty at first.
        seed: of the crowd.
        clock: what time it is; its own time by default, which `advance` moves.
    """

    def __init__(
        self,
        *,
        symbols: Iterable[str] = ("BTC/USDT",),
        balances: Mapping[str, Amount] | None = None,
        maker_fee: Amount = "0.001",
        taker_fee: Amount = "0.001",
        crowd: bool = False,
        seed: int = 0,
        clock: Clock | None = None,
    ) -> None:
        if isinstance(symbols, str):
            raise TypeError(f"venue: symbols is a list, as [{symbols!r}]")
        money = None if balances is None else {asset: as_money(asset, amount) for asset, amount in balances.items()}
        settings = VenueSettings(
            symbols=tuple(symbols),
            accounts=(AccountSettings(ME, ME, money),),
            seed=seed,
            tick_ms=_TICK_MS if crowd else 0,
            maker_fee=as_money("maker_fee", maker_fee),
            taker_fee=as_money("taker_fee", taker_fee),
        )
        check_settings(settings)
        self._crowd = crowd
        self._clock = clock or Clock()
        self._ticking_ms: int | None = None
        self._core = Venue(settings, lambda: self.now_ms)
        self._ticked_ms = self.now_ms
        self._engine = self._core.engine
        self._engine.open_account(OTHERS)
        self._ids = itertools.count(1)
        self._clock.on_advance(self._tick)

    # -------------------------------------------------------------- trading

    def deposit(self, asset: str, amount: Amount, account: str = ME) -> None:
        """Put money into an account from outside; an account that is new is opened."""
        self._engine.deposit(account, asset, as_money(asset, amount))

    def place(
        self,
        symbol: str,
        side: BuyOrSell,
        amount: Amount,
        price: Amount | None = None,
        *,
        client_id: str = "",
        post_only: bool = False,
        time_in_force: Literal["GTC", "IOC", "FOK"] = "GTC",
        account: str = ME,
    ) -> LocalOrder:
        """Place an order, a market order where `price` is None; the order as it stands after what it did at once.

        Raises:
            OrderRefused: with the filter or the balance that it breaks.
        """
        command = NewOrder(
            account=account,
            symbol=symbol,
            side=Side(side),
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            client_id=client_id or f"{account}-{next(self._ids)}",
            quantity=as_money("amount", amount),
            price=None if price is None else as_money("price", price),
            time_in_force=TimeInForce(time_in_force),
            post_only=post_only,
        )
        accepted = _taken(self._core.place(command))
        return self.order(symbol, accepted.order_id, account=account)

    def cancel(self, order: LocalOrder, *, account: str = ME) -> LocalOrder:
        """Take an order back; the order as it stands now.

        Raises:
            OrderRefused: `unknown_order`, where it is not open (any more).
        """
        events = self._core.cancel(account, order.symbol, order_id=order.id)
        if isinstance(events[0], Rejected):
            raise OrderRefused(events[0])
        return self.order(order.symbol, order.id, account=account)

    # -------------------------------------------------------------- the rest of the market

    def quote(self, symbol: str, *, bid: Amount | None = None, ask: Amount | None = None, amount: Amount = 1) -> None:
        """Let others quote these prices instead of those they quoted; what crosses an order of yours fills it.

        Raises:
            OrderRefused: for a price or an amount that the market does not allow.
        """
        others = self._engine.accounts[OTHERS]
        for order in [order for order in others.open.values() if order.symbol == symbol]:
            self._core.cancel(OTHERS, symbol, order_id=order.id)
        for side, price in (("buy", bid), ("sell", ask)):
            if price is not None:
                self._rich(symbol, as_money("amount", amount), as_money(side, price))
                self.place(symbol, "buy" if side == "buy" else "sell", amount, price, account=OTHERS)

    def trade(self, symbol: str, side: BuyOrSell, amount: Amount) -> LocalOrder:
        """Let others buy or sell at the market, through your orders where those are best; their order.

        Raises:
            OrderRefused: for an amount that the market does not allow.
        """
        asks = self.book(symbol, depth=10_000).asks
        self._rich(symbol, as_money("amount", amount), max((price for price, _ in asks), default=Decimal(1)))
        return self.place(symbol, side, amount, account=OTHERS)

    def advance(self, seconds: float) -> None:
        """Let time pass, and the crowd trade where there is one."""
        self._clock.advance(seconds)

    def _tick(self) -> None:
        """The crowd trades a tenth of a second at a time."""
        if not self._crowd:
            return
        try:
            while self._ticked_ms + _TICK_MS <= self._clock.now_ms:
                self._ticked_ms = self._ticking_ms = self._ticked_ms + _TICK_MS
                self._core.tick()
        finally:
            self._ticking_ms = None

    # -------------------------------------------------------------- looking

    @property
    def now_ms(self) -> int:
        """The venue's time, milliseconds since 1970."""
        return self._clock.now_ms if self._ticking_ms is None else self._ticking_ms

    @property
    def markets(self) -> Mapping[str, Market]:
        """Steps, minimums and fees by symbol."""
        return self._engine.markets

    def book(self, symbol: str, depth: int = 10) -> LocalBook:
        """The best `depth` levels of both sides."""
        bids, asks = self._engine.books[symbol].depth(depth)
        return LocalBook(tuple(bids), tuple(asks))

    def order(self, symbol: str, order_id: int, *, account: str = ME) -> LocalOrder:
        """One order as it stands now.

        Raises:
            LookupError: where the account has none of that number.
        """
        found = self._engine.accounts[account].orders.get((symbol, order_id))
        if found is None:
            raise LookupError(f"{account} has no order {order_id} on {symbol}")
        return _pictured(found)

    def orders(self, symbol: str | None = None, *, open_only: bool = False, account: str = ME) -> list[LocalOrder]:
        """The account's orders, oldest first."""
        found = self._engine.accounts[account].orders.values()
        return [
            _pictured(order)
            for order in found
            if symbol in {None, order.symbol} and (order.status.is_open or not open_only)
        ]

    def fills(self, symbol: str | None = None, *, account: str = ME) -> list[LocalFill]:
        """The account's fills, oldest first on each market."""
        found = self._engine.accounts[account].fills
        return [_seen(fill, account) for name, fills in found.items() if symbol in {None, name} for fill in fills]

    def balances(self, account: str = ME) -> dict[str, LocalBalance]:
        """What the account has of each asset."""
        found = self._engine.accounts[account].balances
        return {asset: LocalBalance(balance.free, balance.locked) for asset, balance in found.items()}

    def audit(self) -> None:
        """Check that no money appeared or vanished; done at the end of each test that uses the venue.

        Raises:
            LedgerError: naming the asset: a defect of the venue.
        """
        self._engine.audit()

    def _rich(self, symbol: str, amount: Decimal, price: Decimal) -> None:
        market = self.markets.get(symbol)
        if market is not None:
            self._engine.deposit(OTHERS, market.base, amount)
            self._engine.deposit(OTHERS, market.quote, amount * price)


def _taken(events: list[Event]) -> Accepted:
    first = events[0]
    if isinstance(first, Rejected):
        raise OrderRefused(first)
    if not isinstance(first, Accepted):
        raise TypeError(f"the engine answered an order with {first!r}")
    return first


def _pictured(order: Order) -> LocalOrder:
    return LocalOrder(
        id=order.id,
        client_id=order.client_id,
        symbol=order.symbol,
        side=str(order.side),
        price=order.price,
        amount=order.quantity,
        filled=order.filled,
        status=str(order.status),
    )


def _seen(fill: Fill, account: str) -> LocalFill:
    taker = fill.taker_account == account
    bought = (fill.taker_side is Side.BUY) == taker
    return LocalFill(
        symbol=fill.symbol,
        trade_id=fill.trade_id,
        order_id=fill.taker_order_id if taker else fill.maker_order_id,
        side="buy" if bought else "sell",
        price=fill.price,
        amount=fill.quantity,
        fee=fill.taker_fee if taker else fill.maker_fee,
        fee_asset=fill.taker_fee_asset if taker else fill.maker_fee_asset,
        liquidity="taker" if taker else "maker",
        time_ms=fill.time_ms,
    )
