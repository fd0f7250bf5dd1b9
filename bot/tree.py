"""Builds the supervision tree that a configuration describes, and wires its parts to each other.

    /bot            one_for_one: collector, journal, projection, recorder, <arm>..., treasury, monitor, warden, modes
    /bot/<arm>      one_for_one, on a loop of its own: exchange, account, books, candles
    /bot/<arm>/account  rest_for_one: orders, then portfolio
    /bot/modes      one_for_one: one actor a trading mode

All wiring is here: factories get addresses by path, which stay valid across restarts, and what must outlive an
actor's restart (the journal's log, watermarks, what a venue is remembered by) is held by its factory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganglion.actors.exchange.actor import ExchangeActor
from ganglion.actors.exchange.arm import ExchangeSettings, VenueMemory, Wiring
from ganglion.actors.exchange.quirks import quirks_of
from ganglion.actors.modes import ModeActor, ModeSetup, TradingMode
from ganglion.actors.trading.journal import JournalActor, Log
from ganglion.actors.trading.monitor import EXCHANGE_TOPICS, ORDERS_TOPICS, PORTFOLIO_TOPICS, MonitorActor
from ganglion.actors.trading.orders import OrdersSettings, tag_of
from ganglion.actors.trading.orders.actor import OrdersActor
from ganglion.actors.trading.portfolio import ModeWiring
from ganglion.actors.trading.portfolio.actor import PortfolioActor
from ganglion.actors.trading.treasury import LossLimits, TreasuryActor
from ganglion.bot.collector import (
    BOOK_FACTS,
    EXCHANGE_FACTS,
    MONITOR_FACTS,
    PORTFOLIO_FACTS,
    TREE_EVENTS,
    CollectorActor,
)
from ganglion.bot.config import BotConfig, ConfiguredMode, ExchangeConfig
from ganglion.bot.loss_limits import loss_limits_of
from ganglion.bot.parts import LIVE, Parts
from ganglion.bot.projection.wiring import history_specs, subscribe_history
from ganglion.bot.venues import VenueMaker, ccxt_id
from ganglion.bot.warden import WardenActor
from ganglion.messages.account import AccountSnapshot, PortfolioView
from ganglion.messages.base import Message
from ganglion.messages.lifecycle import ActorParked, DeadLetter
from ganglion.messages.market import BookInvalid, Candle, TopOfBook, TradeTick
from ganglion.messages.orders import AmendOrder, DenyReason, Fill, Intent, OrderDenied, OrderUpdate, PlaceOrder
from ganglion.messages.values import Symbol, path_name
from ganglion.supervision import Address, Budget, ChildSpec, Strategy, Supervisor, System

BOT = "/bot"
EXCHANGE_BUDGET = Budget(5, 60)
BOOK_BUDGET = Budget(10, 60)
ACCOUNT_BUDGET = Budget(2, 300)
MODE_BUDGET = Budget(3, 300)
SIBLING_BUDGET = Budget(3, 300)
NONE_LEFT = Budget(0, 1)
"""For the bot itself: nobody above it could do better, its end is the system's."""
GUARDED = (("exchange",), ("account",), ("account", "orders"), ("account", "portfolio"))
"""Parts of an arm that its account can't trade without."""
EXPIRY_MARGIN_S = 5.0
"""Beyond a venue's expiry of requests, before not finding an order is a vote."""


class Places:
    """Addresses of a bot's parts by what they are."""

    def __init__(self, system: System) -> None:
        self._system = system

    def at(self, *steps: str) -> Address[Any]:
        """The address of a path below the bot, whether anything runs there yet or not."""
        return self._system.address("/".join((BOT, *steps)))

    def exchange(self, arm: str) -> Address[Any]:
        """An arm's exchange actor."""
        return self.at(arm, "exchange")

    def orders(self, arm: str) -> Address[Any]:
        """An arm's order line."""
        return self.at(arm, "account", "orders")

    def portfolio(self, arm: str) -> Address[Any]:
        """An arm's portfolio."""
        return self.at(arm, "account", "portfolio")

    def book(self, arm: str, symbol: Symbol) -> Address[Any]:
        """One market's order book."""
        return self.at(arm, "books", path_name(symbol))

    def candles(self, arm: str, symbol: Symbol, timeframe: str) -> Address[Any]:
        """One market's candles."""
        return self.at(arm, "candles", f"{path_name(symbol)}-{timeframe}")

    def mode(self, name: str) -> Address[Any]:
        """A trading mode."""
        return self.at("modes", name)


def bot_spec(
    config: BotConfig, system: System, venues: Mapping[str, VenueMaker], log: Log, parts: Parts = LIVE
) -> ChildSpec:
    """The whole bot as one child of the system's root."""
    places = Places(system)
    arms = [_arm(exchange, config, places, venues[name], system, parts) for name, exchange in config.exchanges.items()]
    children = [
        _collector(config),
        _journal(config, places, system, log),
        *history_specs(config, system, places.at("journal")),
        *arms,
        ChildSpec("treasury", _treasury(config, places, parts), budget=SIBLING_BUDGET),
        ChildSpec("monitor", _monitor(config, places, parts), budget=SIBLING_BUDGET),
        ChildSpec("warden", _warden(config, places), budget=SIBLING_BUDGET),
        _modes(config, places),
    ]
    return ChildSpec("bot", lambda: Supervisor(children), budget=NONE_LEFT, on_exhausted="escalate", shutdown_s=20)


def subscribe_all(config: BotConfig, system: System, parts: Parts = LIVE) -> None:
    """Tell publishers who listens to what; kept by their cells, so it is done once and before anything starts."""
    places = Places(system)
    collector, treasury, monitor = places.at("collector"), places.at("treasury"), places.at("monitor")
    collected = [fact for fact in PORTFOLIO_FACTS if parts.counts_orders or fact not in {OrderUpdate, Fill}]
    for arm, exchange in config.exchanges.items():
        orders, portfolio = places.orders(arm), places.portfolio(arm)
        system.subscribe(places.exchange(arm), collector, *EXCHANGE_FACTS)
        system.subscribe(places.exchange(arm), monitor, *EXCHANGE_TOPICS)
        system.subscribe(orders, monitor, *ORDERS_TOPICS)
        system.subscribe(portfolio, monitor, *PORTFOLIO_TOPICS)
        system.subscribe(portfolio, collector, *collected)
        system.subscribe(portfolio, treasury, PortfolioView, Fill, AccountSnapshot)
        for symbol in exchange.table.symbols:
            book = places.book(arm, symbol)
            system.subscribe(book, portfolio, TopOfBook, BookInvalid)
            system.subscribe(book, treasury, TopOfBook)
            system.subscribe(book, collector, *BOOK_FACTS)
    system.subscribe(monitor, collector, *MONITOR_FACTS)
    for name, mode in config.modes.items():
        _subscribe_mode(system, places, mode, places.mode(name))
    system.events.subscribe(monitor, DeadLetter)
    system.events.subscribe(collector, *TREE_EVENTS)
    system.events.subscribe(places.at("warden"), ActorParked)
    subscribe_history(
        system,
        journal=places.at("journal"),
        projection=places.at("projection"),
        recorder=places.at("recorder"),
        monitor=monitor,
        arms=[(places.exchange(arm), places.portfolio(arm)) for arm in config.exchanges],
    )


def _subscribe_mode(system: System, places: Places, mode: ConfiguredMode, address: Address[Any]) -> None:
    arm, symbol = mode.table.exchange, mode.table.symbol
    system.subscribe(places.book(arm, symbol), address, TopOfBook, BookInvalid)
    if _overrides(mode, "on_trade"):
        system.subscribe(places.exchange(arm), address, TradeTick)
    for timeframe in timeframes_of(mode):
        system.subscribe(places.candles(arm, symbol, timeframe), address, Candle)


# ------------------------------------------------------------------ one arm


def _arm(
    exchange: ExchangeConfig, config: BotConfig, places: Places, make_venue: VenueMaker, system: System, parts: Parts
) -> ChildSpec:
    name = exchange.name
    children = [
        _exchange(exchange, config, places, make_venue, parts),
        ChildSpec(
            "account",
            lambda: Supervisor(
                [_orders(exchange, config, places, parts), _portfolio(exchange, config, places, parts)], _REST
            ),
            budget=ACCOUNT_BUDGET,
            on_exhausted="escalate",
            on_escalated="exhaust",
        ),
        ChildSpec("books", _supervising(_books(exchange, places, parts)), budget=SIBLING_BUDGET),
        ChildSpec("candles", _supervising(_candles(exchange, config, places, parts)), budget=SIBLING_BUDGET),
    ]
    return ChildSpec(
        name,
        lambda: Supervisor(children),
        dispatcher=system.dispatcher(name, "loop"),
        budget=SIBLING_BUDGET,
        on_escalated="exhaust",
        shutdown_s=15,
    )


_REST = Strategy.REST_FOR_ONE


def _supervising(children: list[ChildSpec]) -> Callable[[], Supervisor]:
    return lambda: Supervisor(children)


def _exchange(
    exchange: ExchangeConfig, config: BotConfig, places: Places, make_venue: VenueMaker, parts: Parts
) -> ChildSpec:
    name, table = exchange.name, exchange.table
    memory = VenueMemory()
    settings = parts.exchange(
        ExchangeSettings(
            name=name,
            symbols=table.symbols,
            silent_s=table.silent_s,
            book_depth=table.book_depth,
            dead_man_s=table.dead_man_s,
        )
    )
    wiring = Wiring(
        orders=places.orders(name),
        books={symbol: places.book(name, symbol) for symbol in table.symbols},
        candles={
            (symbol, timeframe): places.candles(name, symbol, timeframe)
            for symbol, timeframe in candles_of(config, name)
        },
    )
    return ChildSpec(
        "exchange",
        lambda: ExchangeActor(settings, make_venue, wiring, memory),
        budget=EXCHANGE_BUDGET,
        on_exhausted="escalate",
        mailbox=100_000,
    )


def _orders(exchange: ExchangeConfig, config: BotConfig, places: Places, parts: Parts) -> ChildSpec:
    name = exchange.name
    settings = parts.orders(orders_settings(exchange))
    return ChildSpec(
        "orders",
        lambda: OrdersActor(
            name,
            tag_of(config.bot.name),
            exchange.table.symbols,
            exchange=places.exchange(name),
            portfolio=places.portfolio(name),
            journal=places.at("journal"),
            settings=settings,
        ),
        budget=ACCOUNT_BUDGET,
        on_exhausted="escalate",
        # The portfolio has reserved funds for it, and passes the denial on.
        refuse=_refusal(name, lambda _: places.portfolio(name)),
    )


def orders_settings(exchange: ExchangeConfig) -> OrdersSettings:
    """How an account's order line waits and writes: what the configuration says, else what its venue is known for."""
    quirks, defaults = quirks_of(ccxt_id(exchange)), OrdersSettings()
    grace_s = exchange.table.evidence_grace_s
    if grace_s is None:
        expires = quirks.expiry_ms is not None
        grace_s = (quirks.expiry_ms or 0) / 1000 + EXPIRY_MARGIN_S if expires else defaults.evidence_grace_s
    return OrdersSettings(
        evidence_grace_s=grace_s,
        # A venue that shows an order within a second may be asked again after one.
        vote_spacing_s=min(defaults.vote_spacing_s, grace_s),
        client_id_length=min(defaults.client_id_length, quirks.client_id.max_length),
    )


def _portfolio(exchange: ExchangeConfig, config: BotConfig, places: Places, parts: Parts) -> ChildSpec:
    name = exchange.name
    modes = {
        mode.name: ModeWiring(mode.table.symbol, places.mode(mode.name), mode.share, mode.table.limits)
        for mode in config.modes.values()
        if mode.table.exchange == name
    }
    return ChildSpec(
        "portfolio",
        lambda: PortfolioActor(
            name, orders=places.orders(name), modes=modes, limits=exchange.table.limits, settings=parts.portfolio
        ),
        budget=ACCOUNT_BUDGET,
        on_exhausted="escalate",
        refuse=_refusal(name, lambda intent: places.mode(intent.mode)),
    )


def _refusal(account: str, asker: Callable[[Intent], Address[Any]]) -> Callable[[Message, str], None]:
    """Answers who sent a command that a full mailbox refused."""

    def refuse(message: Message, text: str) -> None:
        if isinstance(message, PlaceOrder | AmendOrder):
            intent = message.intent
            denied = OrderDenied(
                intent.intent_id, account, intent.mode, DenyReason.OVERFLOW, text, intent.correlation_id
            )
            asker(intent).tell(denied)

    return refuse


def _books(exchange: ExchangeConfig, places: Places, parts: Parts) -> list[ChildSpec]:
    name, venue = exchange.name, places.exchange(exchange.name)
    return [
        ChildSpec(path_name(symbol), parts.book(name, symbol, venue), budget=BOOK_BUDGET)
        for symbol in exchange.table.symbols
    ]


def _candles(exchange: ExchangeConfig, config: BotConfig, places: Places, parts: Parts) -> list[ChildSpec]:
    name, venue = exchange.name, places.exchange(exchange.name)
    return [
        ChildSpec(f"{path_name(symbol)}-{timeframe}", parts.candles(name, symbol, timeframe, venue), budget=BOOK_BUDGET)
        for symbol, timeframe in candles_of(config, name)
    ]


# ------------------------------------------------------------------ beside the arms


def _collector(config: BotConfig) -> ChildSpec:
    exchanges = {name: exchange.table.symbols for name, exchange in config.exchanges.items()}
    modes = {name: (mode.table.exchange, mode.table.symbol) for name, mode in config.modes.items()}
    return ChildSpec("collector", lambda: CollectorActor(exchanges, modes), budget=SIBLING_BUDGET, mailbox=100_000)


def _journal(config: BotConfig, places: Places, system: System, log: Log) -> ChildSpec:
    orders = {name: places.orders(name) for name in config.exchanges}
    return ChildSpec(
        "journal",
        lambda: JournalActor(log, orders),
        dispatcher=system.dispatcher("journal", "thread", abandonable=False),
        on_exhausted="escalate",
    )


def _treasury(config: BotConfig, places: Places, parts: Parts) -> Callable[[], TreasuryActor]:
    limits = loss_limits_of(config)
    portfolios = {name: places.portfolio(name) for name in config.exchanges}
    every_s = parts.treasury_every_s
    return lambda: TreasuryActor(config.bot.reference, limits=limits, portfolios=portfolios, every_s=every_s)


def _monitor(config: BotConfig, places: Places, parts: Parts) -> Callable[[], MonitorActor]:
    portfolios = {name: places.portfolio(name) for name in config.exchanges}
    return lambda: MonitorActor(
        portfolios,
        settle_s=parts.settle_s,
        every_s=parts.monitor_every_s,
        max_book_age_s=parts.portfolio.max_book_age_s,
    )


def _warden(config: BotConfig, places: Places) -> Callable[[], WardenActor]:
    modes = {
        places.mode(name).path: (name, places.portfolio(mode.table.exchange)) for name, mode in config.modes.items()
    }
    accounts = {
        path: (name, places.portfolio(name))
        for name in config.exchanges
        for path in (places.at(name).path, *(places.at(name, *part).path for part in GUARDED))
    }
    guards = {places.at("monitor").path: "the invariants"}
    if loss_limits_of(config) != LossLimits():
        guards[places.at("treasury").path] = "the loss limits"
    return lambda: WardenActor(modes, accounts, guards)


def _modes(config: BotConfig, places: Places) -> ChildSpec:
    children = [_mode(mode, places) for mode in config.modes.values()]
    return ChildSpec("modes", _supervising(children), budget=SIBLING_BUDGET)


def _mode(mode: ConfiguredMode, places: Places) -> ChildSpec:
    table = mode.table
    setup = ModeSetup(
        name=mode.name,
        kind=mode.entry.kind,
        config=mode.settings,
        account=table.exchange,
        symbol=table.symbol,
        on_restart=table.on_restart,
    )
    portfolio = places.portfolio(table.exchange)
    return ChildSpec(
        mode.name,
        lambda: ModeActor(setup, portfolio),
        budget=MODE_BUDGET,
        # On its arm's thread a frame reaches the mode without a hop; a slow mode wants one of its own.
        dispatcher=table.exchange if table.dispatcher == "arm" else f"mode-{mode.name}",
    )


# ------------------------------------------------------------------ what modes want


def timeframes_of(mode: ConfiguredMode) -> tuple[str, ...]:
    """The candles that a mode listens to."""
    return mode.entry.kind.timeframes(mode.settings)


def candles_of(config: BotConfig, exchange: str) -> list[tuple[Symbol, str]]:
    """Every (symbol, timeframe) that some mode on an exchange listens to, each once."""
    wanted = [
        (mode.table.symbol, timeframe)
        for mode in config.modes.values()
        if mode.table.exchange == exchange
        for timeframe in timeframes_of(mode)
    ]
    return list(dict.fromkeys(wanted))


def _overrides(mode: ConfiguredMode, hook: str) -> bool:
    return getattr(mode.entry.kind, hook) is not getattr(TradingMode, hook)
