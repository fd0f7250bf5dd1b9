"""A venue that says what a test tells it to, for the exchange actor in virtual time."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from ganglion.actors.exchange.actor import ExchangeActor
from ganglion.actors.exchange.arm import ExchangeSettings, VenueMemory, Wiring
from ganglion.actors.exchange.venue import ReplyTo
from ganglion.messages import venue as v
from ganglion.messages.base import Message
from ganglion.messages.degraded import Degraded, VenueBack, VenueDown
from ganglion.messages.lifecycle import (
    ConnectionChanged,
    EpochOpened,
    Failure,
    HaltAccount,
    Operation,
    VenuePaused,
)
from ganglion.messages.market import BookSnapshot, Market, TradeTick
from ganglion.messages.orders import Balance, Intent, SendOrder, VenueOrder
from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.supervision import Budget, ChildSpec, System

SYMBOL = "BTC/USDT"
M = TypeVar("M", bound=Message)
STREAMS = tuple(v.StreamKind)
CAPABILITIES = v.Capabilities(
    streams=STREAMS,
    fetch_time=True,
    fetch_order_by_client_id=True,
    recent_orders=True,
    own_trades=True,
    own_trades_need_symbol=True,
    look_up_counts=True,
    gateway_refuses_rate_limits=False,
    units_per_s=20.0,
    private=True,
    fetch_trades=True,
    cancel_all_after=True,
)


def failure(error: str, operation: Operation = Operation.READ, phase: str = "after_reply", **fields: Any) -> Failure:
    """A failure as a venue's side of the port would describe it."""
    return Failure(error=error, text=f"the venue said {error}", operation=operation, phase=phase, **fields)


def order(client_id: str, status: str = "open", filled: str = "0") -> VenueOrder:
    """An order as a venue would tell it."""
    amount, price = Decimal(1), Decimal(100)
    return VenueOrder(
        SYMBOL, f"v-{client_id}", client_id, status, Side.BUY, OrderType.LIMIT, price, amount, Decimal(filled)
    )


class ScriptedVenue:
    """Answers at once, with a default or with what the test put into `answers`."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.requests: list[Any] = []
        self.reply_to: ReplyTo | None = None

    def submit(self, request: v.VenueRequest, reply_to: ReplyTo) -> None:
        """See `Venue`."""
        self.reply_to = reply_to
        self.requests.append(request)
        self.world.times.append((self.world.system.clock.monotonic_s(), request))
        if self.world.deaf:
            return
        answer = self.world.answers.get(type(request), self.world.default)(request)
        if answer is not None:
            reply_to.tell(answer)


class World:
    """One exchange actor on a scripted venue in a simulated system."""

    candles_at = ""
    """Path of a real candle actor; without one the books' probe hears what it would."""

    def __init__(self, symbols: tuple[str, ...] = (SYMBOL,), **fields: Any) -> None:
        self.system = System("simulated", seed=7)
        self.answers: dict[type, Callable[[Any], Any]] = {}
        self.deaf = False
        self.capabilities = CAPABILITIES
        self.balances: tuple[Balance, ...] = (Balance("USDT", Decimal(1000), Decimal(0)),)
        self.open_orders: tuple[VenueOrder, ...] = ()
        self.times: list[tuple[float, Any]] = []
        self.venues: list[ScriptedVenue] = []
        self.actors: list[ExchangeActor] = []
        self.orders = self.system.probe("orders")
        self.book = self.system.probe("book")
        self.outside = self.system.probe("outside")
        settings = ExchangeSettings(name="alpha", symbols=symbols, **fields)
        self.memory = VenueMemory()
        books = dict.fromkeys(symbols, self.book.address)
        candles = {(SYMBOL, "1m"): self.system.address(self.candles_at) if self.candles_at else self.book.address}
        wiring = Wiring(orders=self.orders.address, books=books, candles=candles)

        def make_venue() -> ScriptedVenue:
            self.venues.append(ScriptedVenue(self))
            return self.venues[-1]

        def factory() -> ExchangeActor:
            self.actors.append(ExchangeActor(settings, make_venue, wiring, self.memory))
            return self.actors[-1]

        address = self.system.address("/exchange")
        published = (ConnectionChanged, HaltAccount, VenuePaused, VenueDown, VenueBack, Degraded, TradeTick)
        self.system.subscribe(address, self.outside.address, *published)
        self.spec = ChildSpec("exchange", factory, budget=Budget(5, 60))

    def start(self, *, live: bool = True) -> "World":
        """Spawn the actor and, with `live`, let it come up."""
        self.exchange = self.system.spawn(self.spec)
        self.system.run_until_idle()
        if live:
            assert self.heard(EpochOpened), "it did not go live"
        return self

    # -------------------------------------------------------------- the venue's side

    def default(self, request: Any) -> Any:  # noqa: PLR0911 (one return for each kind of request)
        """What a healthy venue answers."""
        number = request.request_id
        match request:
            case v.FetchMarkets():
                markets = tuple(market(symbol) for symbol in request.symbols if symbol == SYMBOL)
                return v.MarketsFetched(number, 1.0, markets, (SYMBOL, "ETH/USDT"), self.capabilities)
            case v.FetchTime():
                return v.TimeFetched(number, 1.0, self.system.clock.now_ms() + 250)
            case v.FetchBalance():
                return v.BalanceFetched(number, 1.0, self.balances)
            case v.FetchOpenOrders() | v.FetchRecentOrders():
                return v.OrdersFetched(number, 1.0, self.open_orders)
            case v.FetchOrder():
                return v.RequestFailed(number, 1.0, failure("OrderNotFound"))
            case v.FetchMyTrades():
                return v.TradesFetched(number, 1.0, ())
            case v.FetchBook():
                return v.BookFetched(number, 1.0, request.symbol, ((99.0, 1.0),), ((101.0, 1.0),), 99.0, 101.0)
            case v.FetchTrades():
                return v.PublicTradesFetched(number, 1.0, request.symbol, ())
            case v.CancelAllAfter():
                return v.CancelAllAfterSet(number, 1.0, request.timeout_s)
            case v.CreateOrder():
                made = order(request.client_id)
                return v.OrderCreated(number, 1.0, request.client_id, request.attempt, SYMBOL, made, None)
            case v.CancelAtVenue():
                done = order(request.client_id, "canceled")
                return v.CancelDone(number, 1.0, request.client_id, SYMBOL, done, None)
            case v.Watch():
                self.tell(v.StreamUp(request.stream))
                if request.stream.kind is v.StreamKind.BOOK:
                    self.tell_snapshot()
                return None
            case _:
                return None

    def tell(self, message: Any) -> None:
        """Something comes from the venue."""
        assert self.venues[-1].reply_to is not None
        self.venues[-1].reply_to.tell(message)

    def tell_snapshot(self) -> None:
        """A whole book comes."""
        now = self.system.clock.monotonic_s()
        self.tell(BookSnapshot("alpha", SYMBOL, ((99.0, 1.0),), ((101.0, 1.0),), 1, now))

    def lose(self, kind: v.StreamKind, error: str = "NetworkError") -> None:
        """A stream ends."""
        symbol = None if kind.private else SYMBOL
        self.tell(v.StreamDown(v.Stream(kind, symbol), failure(error, Operation.STREAM)))
        self.system.run_until_idle()

    # -------------------------------------------------------------- what came of it

    def heard(self, kind: type[M]) -> list[M]:
        """All messages of a type that anybody got."""
        probes = (self.orders, self.book, self.outside)
        return [message for probe in probes for message in probe.received if isinstance(message, kind)]

    def asked(self, kind: type[M]) -> list[M]:
        """All requests of a type that the venue got."""
        return [request for venue in self.venues for request in venue.requests if isinstance(request, kind)]

    @property
    def epoch(self) -> int:
        """The epoch that holds."""
        return self.heard(EpochOpened)[-1].epoch

    def place(self, client_id: str, attempt: int = 1, **fields: Any) -> None:
        """Send one order."""
        epoch = fields.pop("epoch", None)
        intent = msgspec.structs.replace(self.intent(client_id), **fields)
        self.exchange.tell(SendOrder(intent, client_id, attempt, self.epoch if epoch is None else epoch))
        self.system.run_until_idle()

    def intent(self, client_id: str) -> Intent:
        """One decision to trade."""
        return Intent(
            intent_id=client_id,
            account="alpha",
            mode="test",
            symbol=SYMBOL,
            side=Side.BUY,
            type=OrderType.LIMIT,
            amount=Decimal(1),
            price=Decimal(100),
            time_in_force=TimeInForce.GTC,
            post_only=False,
            epoch=0,
            deadline_s=self.system.clock.monotonic_s() + 60.0,
            reason="test",
            correlation_id="",
            causation_id="",
        )


def market(symbol: str) -> Market:
    """What the venue accepts."""
    step, least, none = Decimal("0.01"), Decimal(5), Decimal(0)
    return Market("alpha", symbol, step, step, step, least, none, none)
