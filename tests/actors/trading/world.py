"""A whole account in virtual time: journal, orders, portfolio and a model exchange under real supervisors."""

from __future__ import annotations

from decimal import Decimal

from ganglion.actors.trading.journal import JournalActor, Log
from ganglion.actors.trading.journal.log import SEGMENT_BYTES
from ganglion.actors.trading.monitor import ORDERS_TOPICS, PORTFOLIO_TOPICS, MonitorActor
from ganglion.actors.trading.orders import OrdersSettings, tag_of
from ganglion.actors.trading.orders.actor import OrdersActor
from ganglion.actors.trading.orders.checkpoint import restore
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.portfolio import Limits, ModeWiring, PortfolioSettings
from ganglion.actors.trading.portfolio.actor import PortfolioActor
from ganglion.messages.account import (
    AccountSnapshot,
    PortfolioView,
    Reconciled,
    Resume,
)
from ganglion.messages.lifecycle import DeadLetter, EpochOpened, Halted, Violation
from ganglion.messages.market import BookInvalid, TopOfBook
from ganglion.messages.orders import (
    CancelOrder,
    Fill,
    Intent,
    OrderDenied,
    OrderType,
    OrderUpdate,
    PlaceOrder,
    SendOrder,
    Side,
    TimeInForce,
)
from ganglion.simulation.disk import MemoryDisk
from ganglion.supervision import Backoff, Budget, ChildSpec, Strategy, Supervisor, System
from tests.actors.trading.model_venue import SYMBOL, Fates, ModelExchange, Reconnect, World

D = Decimal
ALWAYS = Budget(1_000, 1.0)
QUICK = Backoff(base_s=0.01, factor=1, cap_s=0.01)


class Account:
    """What a test holds of one account."""

    def __init__(
        self,
        fates: Fates | None = None,
        *,
        world: World | None = None,
        modes: tuple[str, ...] = ("grid",),
        limits: Limits | None = None,
        mode_limits: Limits | None = None,
        settings: OrdersSettings | None = None,
        disk: MemoryDisk | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        seed: int = 0,
        bot: str = "bot",
        now_s: float = 0.0,
    ) -> None:
        self.world = world or World()
        self.fates = fates or Fates()
        self.disk = disk or MemoryDisk()
        self.system = System(dispatcher="simulated", seed=seed)
        system = self.system
        # A later life of the same account: time has gone on.
        system.clock.move_to(now_s)
        self.log = Log(
            self.disk,
            bot,
            ("alpha",),
            new_root=lambda: system.ids.for_path("/bot/journal").bits(16),
            now_ms=system.clock.now_ms,
            segment_bytes=segment_bytes,
        )
        self.orders = system.address("/bot/account/orders")
        self.portfolio = system.address("/bot/account/portfolio")
        self.exchange = system.address("/bot/exchange")
        journal = system.address("/bot/journal")
        self.modes = {name: system.probe(f"mode-{name}") for name in modes}
        self.watcher = system.probe("watcher")
        self.sent = system.probe("sent")
        wiring = {
            name: ModeWiring(SYMBOL, probe.address, limits=mode_limits or Limits())
            for name, probe in self.modes.items()
        }
        orders_settings = settings or OrdersSettings(evidence_grace_s=6.0, audit_s=20.0)

        def account_group() -> Supervisor:
            return Supervisor(
                [
                    ChildSpec(
                        "orders",
                        lambda: OrdersActor(
                            "alpha",
                            tag_of(bot),
                            (SYMBOL,),
                            exchange=self.exchange,
                            portfolio=self.portfolio,
                            journal=journal,
                            settings=orders_settings,
                        ),
                        budget=ALWAYS,
                    ),
                    ChildSpec(
                        "portfolio",
                        lambda: PortfolioActor(
                            "alpha",
                            orders=self.orders,
                            modes=wiring,
                            limits=limits,
                            settings=PortfolioSettings(max_book_age_s=1e9),
                        ),
                        budget=ALWAYS,
                    ),
                ],
                strategy=Strategy.REST_FOR_ONE,
                backoff=QUICK,
            )

        def bot_group() -> Supervisor:
            return Supervisor(
                [
                    ChildSpec(
                        "journal",
                        lambda: JournalActor(self.log, {"alpha": self.orders}),
                        budget=ALWAYS,
                    ),
                    ChildSpec(
                        "exchange",
                        lambda: ModelExchange(self.world, self.fates, self.orders),
                        budget=ALWAYS,
                    ),
                    ChildSpec("account", account_group, budget=ALWAYS),
                    ChildSpec(
                        "monitor",
                        lambda: MonitorActor({"alpha": self.portfolio}, max_book_age_s=1e9),
                        budget=ALWAYS,
                    ),
                ],
                backoff=QUICK,
            )

        monitor = system.address("/bot/monitor")
        system.subscribe(self.orders, monitor, *ORDERS_TOPICS)
        system.subscribe(self.portfolio, monitor, *PORTFOLIO_TOPICS)
        system.events.subscribe(monitor, DeadLetter)
        self.violated = system.probe("violated")
        system.subscribe(monitor, self.violated.address, Violation)
        system.spawn(bot_group, name="bot")
        system.subscribe(
            self.portfolio,
            self.watcher.address,
            PortfolioView,
            Fill,
            OrderUpdate,
            OrderDenied,
            Reconciled,
            AccountSnapshot,
            Halted,
            Violation,
        )
        system.subscribe(self.orders, self.sent.address, SendOrder, EpochOpened, Violation, Reconciled, Halted)
        self.intents = 0
        self.top(99.0, 101.0)

    # ------------------------------------------------------------ driving it

    def top(self, bid: float, ask: float) -> None:
        now_s = self.system.clock.monotonic_s()
        self.portfolio.tell(TopOfBook("alpha", SYMBOL, bid, 1.0, ask, 1.0, 1, now_s))

    def break_book(self, reason: str = "gap") -> None:
        self.portfolio.tell(BookInvalid("alpha", SYMBOL, reason))

    def run(self, seconds: float = 1.0) -> Account:
        self.system.run_for(seconds)
        return self

    def epoch(self, mode: str = "grid") -> int:
        resumes = self.modes[mode].of(Resume)
        return resumes[-1].epoch if resumes else 0

    def intent(
        self,
        side: Side = Side.BUY,
        price: str | None = "100",
        amount: str = "1",
        mode: str = "grid",
        *,
        deadline_s: float = 60.0,
        epoch: int | None = None,
    ) -> Intent:
        self.intents += 1
        name = f"intent-{self.intents}"
        return Intent(
            intent_id=name,
            account="alpha",
            mode=mode,
            symbol=SYMBOL,
            side=side,
            type=OrderType.LIMIT,
            amount=D(amount),
            price=None if price is None else D(price),
            time_in_force=TimeInForce.GTC,
            post_only=False,
            epoch=self.epoch(mode) if epoch is None else epoch,
            deadline_s=self.system.clock.monotonic_s() + deadline_s,
            reason="a test",
            correlation_id=name,
            causation_id="",
        )

    def place(self, side: Side = Side.BUY, price: str = "100", amount: str = "1") -> Intent:
        intent = self.intent(side, price, amount)
        self.portfolio.tell(PlaceOrder(intent))
        return intent

    def cancel(self, intent_id: str, mode: str = "grid") -> None:
        self.portfolio.tell(CancelOrder(intent_id, mode, "a test", intent_id))

    def reconnect(self) -> None:
        self.exchange.tell(Reconnect())

    # ------------------------------------------------------------ looking at it

    def ledger(self) -> Ledger:
        found = self.log.read("alpha")
        ledger, trouble = restore("alpha", found.checkpoint, found.records)
        assert not trouble
        return ledger

    def updates(self, intent_id: str) -> list[OrderUpdate]:
        return [u for u in self.watcher.of(OrderUpdate) if u.intent_id == intent_id]

    def state(self, intent_id: str) -> str:
        line = self.ledger().line_of_intent(intent_id)
        assert line is not None
        return line.state

    def denials(self) -> list[OrderDenied]:
        return self.watcher.of(OrderDenied)

    def view(self) -> PortfolioView:
        return self.watcher.of(PortfolioView)[-1]

    def asset(self, name: str):
        return next(view for view in self.view().assets if view.asset == name)

    def violations(self) -> list[str]:
        return [f"{v.invariant}: {v.text}" for v in self.violated.of(Violation)]

    def actor(self, path: str):
        return self.system.cell_at(path).actor


class SlowJournal:
    """Stands before the journal of an orders actor and holds back what it is told until `release`."""

    def __init__(self, account):
        self.desk = account.actor("/bot/account/orders")._desk
        self.journal = self.desk._journal
        self.held = []
        self.desk._journal = self

    def tell(self, message):
        self.held.append(message)

    def release(self):
        self.desk._journal = self.journal
        for message in self.held:
            self.journal.tell(message)
