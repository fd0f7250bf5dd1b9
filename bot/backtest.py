"""Trades a configuration on recorded data: the very tree that runs live, on the exchanges that the data moves.

    from ganglion.bot.backtest import BacktestOptions, backtest
    record = backtest("bot.toml", BacktestOptions(data=Path("recorded")))

What is replaced is replaced at the seams: venues by `DataExchange`, books and candles by players of the data, the
journal's disk by memory, time by the data's. No secret is needed and none is read, nothing leaves the process.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from ganglion.actors.exchange.arm import ExchangeSettings
from ganglion.actors.market.order_book import OrderBookActor
from ganglion.actors.trading.orders import OrdersSettings
from ganglion.actors.trading.portfolio import PortfolioSettings
from ganglion.actors.trading.portfolio.showing import VIEW
from ganglion.bot.backtest_data import feeds_wanted, is_beside, load
from ganglion.bot.collector import ReadStatus
from ganglion.bot.config import BotConfig, ConfiguredMode, ExchangeConfig
from ganglion.bot.loss_limits import loss_limits_of
from ganglion.bot.parts import ActorFactory, Parts
from ganglion.bot.process import Bot, build
from ganglion.bot.tree import Places, timeframes_of
from ganglion.bot.venues import Venues, ccxt_id
from ganglion.bot.world import Source, read
from ganglion.messages.lifecycle import Tick
from ganglion.messages.values import ZERO, Asset, Symbol
from ganglion.simulation.backtest import DataExchange, FillSettings
from ganglion.simulation.backtest.markets import market_of
from ganglion.simulation.backtest.players import BarPlayer, QuotePlayer
from ganglion.simulation.backtest.recording import ModePlace, curves_of, markets_of, modes_of
from ganglion.simulation.backtest.run import WARM_UP_S, Backtest, DataClock, Feed
from ganglion.simulation.backtest.witness import (
    MONITOR_FACTS,
    MOST_INCIDENTS,
    ORDERS_FACTS,
    PORTFOLIO_FACTS,
    TREE_FACTS,
    Seen,
    Witness,
)
from ganglion.simulation.data import BookDeltas, Series
from ganglion.simulation.disk import MemoryDisk
from ganglion.simulation.figures import ExchangeRecord, Incident, IncidentKind, RunRecord
from ganglion.simulation.port import BINANCE, PROFILES, PortSettings
from ganglion.supervision import Address, ChildSpec, System
from ganglion.supervision.dispatchers.simulated import SimulatedDispatcher

ByMarket: TypeAlias = Mapping[tuple[str, Symbol], Sequence[Series]]
"""Series by exchange and symbol."""
DAY_S = 86_400.0
NEVER_S = 1e11
"""Between looks of whoever looks for what can't be here: lost streams, silence, an account that others use."""
FOREVER_S = float("inf")
"""The next row answers, whenever it comes: an order waits through any gap in the data."""
MOST_NOTES = 5
"""Of what was found in a series: `--check` shows all."""
VALUED_S = 60.0
"""Between valuations, where a loss limit asks for them."""
VIEWED_S = DAY_S
"""After a change, until monitor and collector are shown the account; at the end they are shown it in any case.

Live each change is shown: for people who watch, and to halt at once. Here nobody watches, and sums that once came apart
(I1) stay apart: a day later they tell as much.
"""


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """What is not in the configuration."""

    data: Path
    """A file, or a folder of them."""
    from_ms: int | None = None
    to_ms: int | None = None
    seed: int = 0
    wants_end: Callable[[], bool] = lambda: False
    """Asked now and then; what there is by then is recorded."""
    progress: Callable[[int, int], None] = lambda _done, _total: None
    """Told now and then how many rows of how many were gone through."""


def backtest(config: Source, options: BacktestOptions) -> RunRecord:
    """Read the data, trade on it, and say what came of it.

    Raises:
        ConfigError: with everything that is wrong with the configuration.
        DataError: the data can't be read.
        BacktestError: data and configuration don't fit each other.
    """
    ready = read(config)
    return Prepared(ready, load(ready, options.data, options.from_ms, options.to_ms), options).run()


class Prepared:
    """A bot on its data, at the beginning."""

    def __init__(self, config: BotConfig, series: Sequence[Series], options: BacktestOptions) -> None:
        """Build it.

        Raises:
            BacktestError: data and configuration don't fit each other.
        """
        self.config = config
        self._options = options
        table = config.backtest
        self._fills = FillSettings(
            latency_s=table.latency_s,
            half_spread_pct=table.half_spread_pct,
            slippage_pct=table.slippage_pct,
            participation=table.participation,
            touch_fills=table.touch_fills,
            queue=table.queue,
        )
        placed = feeds_wanted(config, series)
        self._first_ms = min(one.start_ms for _, _, one in placed)
        self._last_ms = max(one.end_ms for _, _, one in placed)
        self._start_ms = self._first_ms - int(WARM_UP_S * 1000)
        by_market: dict[tuple[str, Symbol], list[Series]] = {}
        for exchange, symbol, one in placed:
            by_market.setdefault((exchange, symbol), []).append(one)
        clock = DataClock(self._start_ms)
        self.exchanges = {
            name: self._exchange(exchange, by_market, clock) for name, exchange in config.exchanges.items()
        }
        self.opening: dict[str, dict[Asset, Decimal]] = {
            name: {asset: balance.total for asset, balance in exchange.account.balances.items()}
            for name, exchange in self.exchanges.items()
        }
        self.seen = Seen()
        self.system = System("simulated", seed=options.seed, clock=clock)
        self._listen()
        self.bot = self._build(by_market)
        self.feeds = [
            self._feed(exchange, symbol, one, beside=is_beside(one, by_market[exchange, symbol]))
            for exchange, symbol, one in placed
        ]
        self.drive = Backtest(self.system, clock, self.feeds, self._start_ms)
        self.drive.wants_end = options.wants_end
        self.tell_progress(options.progress)

    def tell_progress(self, told: Callable[[int, int], None]) -> None:
        """Tell somebody now and then how many rows of how many were gone through."""
        total = sum(len(feed.series) for feed in self.feeds)
        self.drive.progress = lambda done: told(done, total)

    def run(self) -> RunRecord:
        """Go through the data; the record of it."""
        began_s = time.perf_counter()
        self.drive.run()
        return self.record(time.perf_counter() - began_s)

    # -------------------------------------------------------------- building

    def _exchange(self, exchange: ExchangeConfig, by_market: ByMarket, clock: DataClock) -> DataExchange:
        table, fees = exchange.table, self.config.backtest
        markets = {
            symbol: market_of(symbol, by_market.get((exchange.name, symbol), ()), fees.maker_fee, fees.taker_fee)
            for symbol in table.symbols
        }
        settings = PortSettings(
            exchange.name,
            table.symbols,
            profile=PROFILES.get(ccxt_id(exchange), BINANCE),
            balances=dict(table.simulated.balances) or None,
            maker_fee=fees.maker_fee,
            taker_fee=fees.taker_fee,
        )
        return DataExchange(settings, markets, self._fills, clock)

    def _listen(self) -> None:
        system, places = self.system, Places(self.system)
        ear: Address[Any] = system.spawn(ChildSpec("witness", lambda: Witness(self.seen)))
        for name in self.config.exchanges:
            system.subscribe(places.portfolio(name), ear, *PORTFOLIO_FACTS)
            system.subscribe(places.orders(name), ear, *ORDERS_FACTS)
        system.subscribe(places.at("monitor"), ear, *MONITOR_FACTS)
        system.events.subscribe(ear, *TREE_FACTS)

    def _build(self, by_market: ByMarket) -> Bot:
        makers = {name: exchange.connect for name, exchange in self.exchanges.items()}

        def stand_in(_exchanges: Mapping[str, ExchangeConfig], _system: System) -> Venues:
            return Venues(makers, ExitStack())

        def book(exchange: str, symbol: Symbol, venue: Address[Any]) -> ActorFactory:
            if any(isinstance(one, BookDeltas) for one in by_market.get((exchange, symbol), ())):
                return lambda: OrderBookActor(exchange, symbol, venue)
            return QuotePlayer

        parts = Parts(
            book=book,
            candles=lambda *_: BarPlayer,
            exchange=_unhurried,
            orders=_patient,
            portfolio=PortfolioSettings(view_every_s=VIEWED_S),
            treasury_every_s=VALUED_S if loss_limits_of(self.config) else DAY_S,
            monitor_every_s=DAY_S,
            counts_orders=False,  # the witness does
            settle_s=FOREVER_S,
        )
        return build(self.config, self.system, lambda _: MemoryDisk(), stand_in, parts)

    def _feed(self, exchange: str, symbol: Symbol, series: Series, *, beside: bool) -> Feed:
        places = Places(self.system)
        market = (exchange, symbol)
        modes = [mode for mode in self.config.modes.values() if (mode.table.exchange, mode.table.symbol) == market]
        treasury = [places.at("treasury")]
        limited = bool(loss_limits_of(self.config))
        timeframes = dict.fromkeys(frame for mode in modes for frame in timeframes_of(mode))
        hearers = {
            frame: [places.mode(mode.name) for mode in modes if frame in timeframes_of(mode)] for frame in timeframes
        }
        heard = [places.mode(mode.name) for mode in modes if _hears_trades(mode)]
        if beside:
            return Feed(
                series=series,
                name=exchange,
                symbol=symbol,
                exchange=self.exchanges[exchange],
                trade_hearers=heard,
                candle_hearers=hearers,
                beside=True,
            )
        return Feed(
            series=series,
            name=exchange,
            symbol=symbol,
            exchange=self.exchanges[exchange],
            deciders=[*(treasury if limited else []), *(places.mode(mode.name) for mode in modes)],
            keepers=[places.portfolio(exchange)],
            samplers=[] if isinstance(series, BookDeltas) else [places.at("collector"), *([] if limited else treasury)],
            trade_hearers=heard,
            candle_hearers=hearers,
        )

    # -------------------------------------------------------------- what came of it

    def record(self, wall_s: float = 0.0) -> RunRecord:
        """The record of what was gone through so far."""
        self._show_accounts()
        config, seen = self.config, self.seen
        places = [
            ModePlace(
                mode.name,
                mode.table.exchange,
                mode.table.symbol,
                mode.table.mode,
                mode.share,
                {key: str(value) for key, value in mode.settings.model_dump().items()},
            )
            for mode in config.modes.values()
        ]
        movers = [feed for feed in self.feeds if not feed.beside]
        curves = curves_of(movers, seen, places, self.opening, config.bot.reference)
        status = Places(self.system).at("collector").ask(ReadStatus(), timeout=5.0)
        summary = self.bot.summary()
        modes = modes_of(places, curves, seen, self.opening)
        for mode in modes:
            known = summary.modes[mode.name]
            mode.state, mode.restarts, mode.cause = known.state, known.restarts, known.cause
            mode.orders = dict(seen.orders_of(mode.name))
        end_ms = max((feed.end_ms for feed in self.feeds), default=self._first_ms)
        violations = [*seen.violations, *self._apart()]
        return RunRecord(
            start_ms=self._first_ms,
            end_ms=max(end_ms, self._first_ms),
            reference=config.bot.reference,
            equity=curves.total.curve,
            markets=markets_of(movers, curves.rates),
            modes=modes,
            fills=curves.fills,
            exchanges={
                name: ExchangeRecord(
                    state=told.state,
                    reconnects=told.reconnects,
                    restarts=told.restarts,
                    book_updates=sum(feed.rows for feed in self.feeds if feed.name == name),
                    orders=dict(sorted(self._orders_at(name).items())),
                    fills=sum(fill.account == name and not fill.replaces for fill in seen.fills),
                    balances={asset: msgspec.to_builtins(balance) for asset, balance in told.balances.items()},
                )
                for name, told in summary.exchanges.items()
            },
            incidents=sorted([*self._gaps(), *seen.incidents], key=lambda incident: incident.time_ms),
            order_changes=seen.states,
            title=f"Backtest of {config.bot.name}",
            assumptions=[
                *assumptions(self._fills),
                *(note for feed in movers for note in feed.series.facts.notes[:MOST_NOTES]),
            ],
            events=sum(feed.rows for feed in self.feeds),
            messages=summary.messages,
            actors=summary.actors,
            restarts=summary.restarts,
            dead_letters=dict(status.dead_letters),
            violations=violations,
            seed=self._options.seed,
            wall_s=wall_s,
            version=_version(),
        )

    def _orders_at(self, exchange: str) -> Counter[str]:
        """Orders by the state that they came to last."""
        modes = (mode.name for mode in self.config.modes.values() if mode.table.exchange == exchange)
        return sum((self.seen.orders_of(mode) for mode in modes), Counter[str]())

    def _show_accounts(self) -> None:
        core = self.system.core
        if not isinstance(core, SimulatedDispatcher):
            raise TypeError(f"{core!r} is not simulated")
        for name in self.config.exchanges:
            Places(self.system).portfolio(name).tell(Tick(VIEW))
        core.run_until_idle()

    def _gaps(self) -> list[Incident]:
        return [
            Incident(gap.from_ms, IncidentKind.GAP, f"{feed.name} {feed.symbol}", gap.reason or "missing")
            for feed in self.feeds
            for gap in feed.series.facts.gaps[:MOST_INCIDENTS]
        ]

    def _apart(self) -> list[str]:
        """Money that is not where it should be: at the venue, or between portfolio and venue."""
        wrong: list[str] = []
        status = self.bot.status()
        for view in status.exchanges:
            exchange = self.exchanges[view.name]
            exchange.core.engine.audit()
            there = {asset: balance.total for asset, balance in exchange.account.balances.items()}
            here = {asset: balance.total for asset, balance in view.balances.items()}
            for asset in sorted({*there, *here}):
                if there.get(asset, ZERO) != here.get(asset, ZERO):
                    text = f"{here.get(asset, ZERO)} {asset} in the portfolio, {there.get(asset, ZERO)} at the venue"
                    wrong.append(f"I6 {view.name}: {text}")
        return wrong


def _unhurried(settings: ExchangeSettings) -> ExchangeSettings:
    """Nothing gets lost on the way to the data, so nobody looks for it."""
    return ExchangeSettings(
        name=settings.name,
        symbols=settings.symbols,
        silent_s=NEVER_S,
        missing_s=NEVER_S,
        report_s=DAY_S,
        account_poll_s=NEVER_S,
        poll_after_s=NEVER_S,
        dead_man_s=None,
        book_depth=settings.book_depth,
        trades=False,
    )


def _patient(settings: OrdersSettings) -> OrdersSettings:
    return msgspec.structs.replace(
        settings,
        answer_s=FOREVER_S,
        # A backtest can't be killed and gone on with: nobody would read a journal.
        journaled=False,
        durable_s=FOREVER_S,
        cancel_retry_s=FOREVER_S,
        # A fill and the word that closes its order come in one turn: nothing trails that could be missed.
        fill_grace_s=FOREVER_S,
        look_up_cap_s=DAY_S,
        audit_s=0.0,
    )


def _hears_trades(mode: ConfiguredMode) -> bool:
    from ganglion.actors.modes import TradingMode  # noqa: PLC0415

    return mode.entry.kind.on_trade is not TradingMode.on_trade


def assumptions(fills: FillSettings) -> list[str]:
    """The fill model in sentences."""
    part = f"{fills.participation:.0%} of" if fills.participation else "no more than what is asked for, whatever"
    through = "touches" if fills.touch_fills else "trades through"
    effective = f"An order is effective at the first row that begins {fills.latency_s:g} s or more after its decision"
    pays = f"{fills.half_spread_pct:g} % half spread and {fills.slippage_pct:g} % slippage"
    said = [
        f"{effective}, never at the row that it was decided on.",
        f"An order that crosses pays the row's first price, {pays}; nothing of ours moves the market.",
        f"A resting order is filled at its own price when the market {through} it.",
        "Of a bar the extreme nearer to its open is taken to have come first.",
        f"Orders get {part} what a row traded; the rest of a market order expires.",
    ]
    if fills.queue:
        said.append("A touch fills an order once as much has traded at its price as had before it joined.")
    return said


def _version() -> str:
    try:
        return version("ganglion")
    except PackageNotFoundError:
        return ""
