"""A simulated exchange with a bare client, or with a whole account on it, in one virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from ganglion.actors.exchange.actor import ExchangeActor
from ganglion.actors.exchange.arm import ExchangeSettings, VenueMemory, Wiring
from ganglion.actors.market.order_book import OrderBookActor
from ganglion.actors.trading.journal import JournalActor, Log
from ganglion.actors.trading.orders import OrdersSettings, tag_of
from ganglion.actors.trading.orders.actor import OrdersActor
from ganglion.actors.trading.portfolio import ModeWiring, PortfolioSettings
from ganglion.actors.trading.portfolio.actor import PortfolioActor
from ganglion.messages import venue as v
from ganglion.messages.account import PortfolioView, Resume
from ganglion.messages.lifecycle import ConnectionChanged, EpochOpened, Failure, HaltAccount
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import CancelOrder, Fill, Intent, OrderDenied, OrderUpdate, PlaceOrder
from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.simulation.choices import Choices
from ganglion.simulation.disk import MemoryDisk
from ganglion.simulation.faults.fault import Fault, FaultKind
from ganglion.simulation.port import PortSettings, SimulatedExchange
from ganglion.simulation.world.timeline import Timeline
from ganglion.supervision import Backoff, Budget, ChildSpec, Strategy, Supervisor, System

D = Decimal
SYMBOL = "BTC/USDT"
M = TypeVar("M")


class Client:
    """Somebody who submits requests to a port and hears its replies."""

    def __init__(self, seed: int = 1, symbols: tuple[str, ...] = (SYMBOL,), **settings: Any) -> None:
        self.timeline = Timeline()
        self.struck: Counter[str] = Counter()
        self.exchange = SimulatedExchange(
            PortSettings("alpha", symbols, **settings), self.timeline, Choices(seed), self.count
        )
        self.exchange.start()
        self.port = self.exchange.connect()
        self.heard: list[Any] = []
        self.times: list[float] = []
        self.number = 0

    def count(self, name: str) -> None:
        self.struck[name] += 1

    def tell(self, message: Any) -> None:
        self.heard.append(message)
        self.times.append(self.timeline.now_s)

    # -------------------------------------------------------------- driving it

    def run(self, seconds: float) -> Client:
        until_s = self.timeline.now_s + seconds
        while (next_s := self.timeline.next_s()) is not None and next_s <= until_s:
            self.timeline.fire()
        self.timeline.now_s = until_s
        return self

    def between_ticks(self) -> Client:
        """Go to where nothing is on its way."""
        tick_s = self.exchange.settings.tick_s
        return self.run(tick_s - self.timeline.now_s % tick_s + 0.8 * tick_s)

    def submit(self, make: Callable[[int], Any]) -> int:
        self.number += 1
        self.port.submit(make(self.number), self)
        return self.number

    def ask(self, make: Callable[[int], Any], wait_s: float = 25.0) -> Any:
        number = self.submit(make)
        until_s = self.timeline.now_s + wait_s
        while not self.answers(number) and self.timeline.now_s < until_s:
            self.timeline.fire()
        return self.answers(number)[0]

    def answers(self, number: int) -> list[Any]:
        return [m for m in self.heard if getattr(m, "request_id", None) == number]

    def failure(self, make: Callable[[int], Any], wait_s: float = 25.0) -> Failure:
        failure = self.ask(make, wait_s).failure
        assert failure is not None
        return failure

    def of(self, kind: type[M]) -> list[M]:
        return [m for m in self.heard if isinstance(m, kind)]

    def watch(self, *kinds: v.StreamKind, symbol: str = SYMBOL) -> Client:
        for kind in kinds:
            self.port.submit(v.Watch(0, v.Stream(kind, None if kind.private else symbol)), self)
        return self.run(1.0)

    def fault(self, kind: FaultKind, **fields: Any) -> Client:
        self.exchange.begin(Fault(at_s=self.timeline.now_s, kind=kind, target="alpha", **fields))
        return self

    # -------------------------------------------------------------- requests

    @property
    def mid(self) -> Decimal:
        return self.exchange.core.engine.books[SYMBOL].last

    def create(self, client_id: str = "c1", **fields: Any) -> Callable[[int], v.CreateOrder]:
        given: dict[str, Any] = {
            "client_id": client_id,
            "attempt": 1,
            "symbol": SYMBOL,
            "side": Side.BUY,
            "type": OrderType.LIMIT,
            "amount": D("0.01"),
            "price": self.mid - 10_000,
            "time_in_force": TimeInForce.GTC,
            "post_only": False,
            "expires_ms": self.exchange.core.now_ms() + 5_000,
        } | fields
        return lambda number: v.CreateOrder(number, **given)

    @staticmethod
    def cancel(client_id: str = "c1", venue_id: str | None = None) -> Callable[[int], v.CancelAtVenue]:
        return lambda number: v.CancelAtVenue(number, client_id, venue_id, SYMBOL)

    @property
    def open_at_venue(self) -> list[str]:
        return [order.client_id for order in self.exchange.account.open.values()]


class Account:
    """An exchange, an order book, an orders and a portfolio actor on a simulated exchange."""

    def __init__(self, seed: int = 1, symbols: tuple[str, ...] = (SYMBOL,), **settings: Any) -> None:
        self.timeline = Timeline()
        self.struck: Counter[str] = Counter()
        self.symbols = symbols
        self.venue = SimulatedExchange(
            PortSettings("alpha", symbols, **settings), self.timeline, Choices(seed), self.count
        )
        self.venue.start()
        self.disk = MemoryDisk()
        self.system = system = System(dispatcher="simulated", seed=seed)
        self.log = Log(
            self.disk,
            "bot",
            ("alpha",),
            new_root=lambda: system.ids.for_path("/bot/journal").bits(16),
            now_ms=system.clock.now_ms,
        )
        self.exchange = system.address("/bot/exchange")
        self.orders = system.address("/bot/account/orders")
        self.portfolio = system.address("/bot/account/portfolio")
        self.mode = system.probe("mode")
        self.watcher = system.probe("watcher")
        self.memory = VenueMemory()
        books = {symbol: system.address(f"/bot/book-{i}") for i, symbol in enumerate(symbols)}
        for book in books.values():
            system.subscribe(book, self.portfolio, TopOfBook)
            system.subscribe(book, self.watcher.address, TopOfBook)
        self.books = books
        system.spawn(self._tree, name="bot")
        system.subscribe(
            self.portfolio, self.watcher.address, PortfolioView, Fill, OrderUpdate, OrderDenied, HaltAccount
        )
        system.subscribe(self.exchange, self.watcher.address, ConnectionChanged, EpochOpened, HaltAccount)
        self.intents = 0

    def _tree(self) -> Supervisor:
        always = Budget(1_000, 1.0)
        wiring = {"grid": ModeWiring(SYMBOL, self.mode.address)}
        journal = self.system.address("/bot/journal")

        def account() -> Supervisor:
            orders = ChildSpec(
                "orders",
                lambda: OrdersActor(
                    "alpha",
                    tag_of("bot"),
                    self.symbols,
                    exchange=self.exchange,
                    portfolio=self.portfolio,
                    journal=journal,
                    settings=OrdersSettings(),
                ),
                budget=always,
            )
            portfolio = ChildSpec(
                "portfolio",
                lambda: PortfolioActor(
                    "alpha", orders=self.orders, modes=wiring, settings=PortfolioSettings(max_book_age_s=60.0)
                ),
                budget=always,
            )
            return Supervisor([orders, portfolio], strategy=Strategy.REST_FOR_ONE)

        settings = ExchangeSettings("alpha", self.symbols)
        exchange = ChildSpec(
            "exchange",
            lambda: ExchangeActor(
                settings, self.venue.connect, Wiring(orders=self.orders, books=self.books), self.memory
            ),
            budget=always,
        )
        books = [
            ChildSpec(f"book-{i}", lambda s=symbol: OrderBookActor("alpha", s, self.exchange), budget=always)
            for i, symbol in enumerate(self.symbols)
        ]
        journals = ChildSpec("journal", lambda: JournalActor(self.log, {"alpha": self.orders}), budget=always)
        specs = [journals, exchange, *books, ChildSpec("account", account, budget=always)]
        return Supervisor(specs, backoff=Backoff(base_s=0.1, factor=1, cap_s=0.1))

    def count(self, name: str) -> None:
        self.struck[name] += 1

    def run(self, seconds: float) -> Account:
        dispatcher = self.system._simulation()
        until_s = self.timeline.now_s + seconds
        self.system.run_until_idle()
        while True:
            actors_s, venue_s = dispatcher.next_timer_s(), self.timeline.next_s()
            next_s = min(s for s in (actors_s, venue_s, until_s) if s is not None)
            if actors_s is not None and actors_s <= next_s:
                dispatcher.run_until(actors_s)
            elif venue_s is not None and venue_s <= next_s and venue_s <= until_s:
                dispatcher.clock.move_to(venue_s)
                self.timeline.fire()
                self.system.run_until_idle()
            if next_s >= until_s and (venue_s is None or venue_s > until_s):
                break
        dispatcher.run_until(until_s)
        self.timeline.now_s = until_s
        return self

    def intent(self, side: Side, price: str | Decimal, amount: str = "0.01") -> Intent:
        self.intents += 1
        name = f"intent-{self.intents}"
        return Intent(
            intent_id=name,
            account="alpha",
            mode="grid",
            symbol=SYMBOL,
            side=side,
            type=OrderType.LIMIT,
            amount=D(amount),
            price=D(price),
            time_in_force=TimeInForce.GTC,
            post_only=False,
            epoch=self.mode.of(Resume)[-1].epoch,
            deadline_s=self.system.clock.monotonic_s() + 60.0,
            reason="a test",
            correlation_id=name,
            causation_id="",
        )

    def place(self, side: Side, price: str | Decimal, amount: str = "0.01") -> str:
        intent = self.intent(side, price, amount)
        self.portfolio.tell(PlaceOrder(intent))
        return intent.intent_id

    def cancel(self, intent_id: str) -> None:
        self.portfolio.tell(CancelOrder(intent_id, "grid", "a test", intent_id))

    def states(self, intent_id: str) -> list[str]:
        return [str(u.state) for u in self.watcher.of(OrderUpdate) if u.intent_id == intent_id]
