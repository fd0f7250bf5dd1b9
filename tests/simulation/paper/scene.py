"""A paper venue between a bot and an exchange that the test plays; time is in the test's hands."""

import heapq
import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from ganglion.messages.lifecycle import Failure, Operation
from ganglion.messages.market import BookDelta, BookSnapshot, Market, TradeTick
from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.messages.venue import (
    BalanceFetched,
    CancelAtVenue,
    CancelDone,
    Capabilities,
    CreateOrder,
    FetchBalance,
    FetchMarkets,
    MarketsFetched,
    OrderCreated,
    Stream,
    StreamDown,
    StreamKind,
    StreamUp,
    TradesStreamed,
    VenueRequest,
    Watch,
)
from ganglion.simulation.backtest import FillSettings
from ganglion.simulation.paper import PaperAccount, PaperSettings, PaperVenue
from ganglion.simulation.port.failures import failure
from ganglion.supervision import Fence

BTC = "BTC/USDT"
START_MS = 1_700_000_000_000
BOOK, TRADES = Stream(StreamKind.BOOK, BTC), Stream(StreamKind.TRADES, BTC)
ORDERS, MINE = Stream(StreamKind.ORDERS), Stream(StreamKind.MY_TRADES)
D = Decimal
M = TypeVar("M")


class Time:
    """A clock and an agenda that go on when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def monotonic_s(self) -> float:
        return self.now_s

    def now_ms(self) -> int:
        return START_MS + round(self.now_s * 1000)

    def soon(self, action: Callable[[], None]) -> None:
        action()

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now_s + delay_s, next(self._order), action))

    def passes(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while self._due and self._due[0][0] <= until_s:
            self.now_s, _, action = heapq.heappop(self._due)
            action()
        self.now_s = until_s


class Exchange:
    """The real exchange: what it was asked, and its mouth."""

    def __init__(self) -> None:
        self.asked: list[VenueRequest] = []
        self.ear: Any = None

    def submit(self, request: VenueRequest, reply_to: Any) -> None:
        self.asked.append(request)
        self.ear = reply_to


def market(tick: str = "0.01", step: str = "0.00001", symbol: str = BTC, fee_side: str = "get") -> Market:
    return Market(symbol=symbol, exchange="alpha", price_step=D(tick), amount_step=D(step), min_amount=D(step),
                  min_cost=D(5), maker_fee=D("0.0016"), taker_fee=D("0.0026"), fee_side=fee_side)  # fmt: skip


CAN = Capabilities(
    streams=(StreamKind.BOOK, StreamKind.TRADES),
    fetch_time=True,
    fetch_order_by_client_id=False,
    recent_orders=False,
    own_trades=False,
    own_trades_need_symbol=True,
    look_up_counts=False,
    gateway_refuses_rate_limits=False,
    units_per_s=20.0,
    private=False,
)


class Scene:
    """Everything, with the market open: bids 100, 99, 98 and asks 101, 102, 103, one unit each."""

    def __init__(self, id_: str = "binance", fills: FillSettings | None = None, markets=None, **balances: str) -> None:
        self.time = Time()
        held = {asset: D(amount) for asset, amount in (balances or {"USDT": "100000", "BTC": "10"}).items()}
        settings = PaperSettings("alpha", id_, (BTC,), held, fills or FillSettings())
        self.account = PaperAccount(settings, self.time)
        self.told: list[Any] = []
        self.fence = Fence("alpha")
        self._numbers = itertools.count(1)
        self._sequence = 0
        self.begin()
        self.ask(FetchMarkets(self.number(), (BTC,)))
        self.says(MarketsFetched(self.number(), 1.0, tuple(markets or (market(),)), (BTC,), CAN))

    def begin(self) -> None:
        """One more incarnation of the exchange actor."""
        self.exchange = Exchange()
        self.venue = PaperVenue(self.account, self.exchange, self.time, self.fence)

    def opens(self) -> "Scene":
        """The bot watches, streams come up, the first book comes."""
        for stream in (ORDERS, MINE, BOOK, TRADES):
            self.ask(Watch(self.number(), stream))
        self.says(StreamUp(TRADES))
        self.book([(100, 1), (99, 1), (98, 1)], [(101, 1), (102, 1), (103, 1)])
        self.says(StreamUp(BOOK))
        return self

    def number(self) -> int:
        return next(self._numbers)

    # ---------------------------------------------------------- the exchange

    def says(self, message: Any) -> None:
        if self.exchange.ear is None:
            self.exchange.ear = self.venue
        self.exchange.ear.tell(message)

    def book(self, bids, asks) -> None:
        self._sequence += 1
        self.says(BookSnapshot("alpha", BTC, _levels(bids), _levels(asks), self._sequence, self.time.now_s))

    def change(self, bids=(), asks=()) -> None:
        before, self._sequence = self._sequence, self._sequence + 1
        self.says(BookDelta("alpha", BTC, _levels(bids), _levels(asks), before, self._sequence, self.time.now_s))

    def nothing_new(self) -> None:
        """A word that changes nothing: far away in the book."""
        self.change(bids=[(1, 1)])

    def prints(self, price: float, amount: float, ago_s: float = 0.0) -> None:
        at_ms = self.time.now_ms() - round(ago_s * 1000)
        self.says(TradeTick("alpha", BTC, "t", Side.SELL, float(price), float(amount), at_ms, self.time.now_s))

    def ends(self, *streams: Stream) -> None:
        for stream in streams:
            self.says(StreamDown(stream, lost()))

    # ---------------------------------------------------------- the bot

    def tell(self, message: Any) -> None:
        self.told.append(message)

    def ask(self, request: VenueRequest) -> None:
        self.venue.submit(request, self)

    def place(self, name: str, side: str, amount: str, price: str | None = None, **more: Any) -> None:
        self.ask(
            CreateOrder(
                request_id=self.number(),
                client_id=name,
                attempt=1,
                symbol=BTC,
                side=Side(side),
                type=OrderType.MARKET if price is None else OrderType.LIMIT,
                amount=D(amount),
                price=None if price is None else D(price),
                time_in_force=more.get("time_in_force", TimeInForce.GTC),
                post_only=more.get("post_only", False),
            )
        )

    def cancel(self, name: str) -> None:
        self.ask(CancelAtVenue(self.number(), name, None, BTC))

    def heard(self, kind: type[M]) -> list[M]:
        return [message for message in self.told if isinstance(message, kind)]

    def answer(self, name: str) -> Any:
        """To the last place or cancel of an order."""
        answers = [*self.heard(OrderCreated), *self.heard(CancelDone)]
        found = [message for message in answers if message.client_id == name]
        return max(found, key=lambda message: message.request_id) if found else None

    @property
    def fills(self) -> list[tuple[str, float, float]]:
        """Price and amount of each fill that was told, with its order's name."""
        trades = [trade for message in self.heard(TradesStreamed) for trade in message.trades]
        return [(trade.client_id, float(trade.price), float(trade.amount)) for trade in trades]

    def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Free and used, as the bot reads them."""
        self.ask(FetchBalance(self.number()))
        return {one.asset: (one.free, one.used) for one in self.heard(BalanceFetched)[-1].balances}

    def stands(self, name: str) -> str:
        """An order's status in the engine."""
        order = self.account.exchange.account.by_client_id.get((BTC, name))
        return "none" if order is None else str(order.status)


def _levels(levels) -> tuple[tuple[float, float], ...]:
    return tuple((float(price), float(size)) for price, size in levels)


def lost() -> Failure:
    return failure("NetworkError", "connection closed", Operation.STREAM)


def resting(price: str = "100.5", amount: str = "2", side: str = "buy", **fills) -> Scene:
    """An order that rests for a second already."""
    scene = Scene(fills=FillSettings(**fills)).opens()
    scene.place("a", side, amount, price)
    scene.time.passes(scene.account.latency_s)
    scene.nothing_new()
    assert scene.stands("a") == "new"
    scene.time.passes(1.0)
    return scene
