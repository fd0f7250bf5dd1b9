"""Makes the record of a paper run, which summary and report read: as a backtest's, of live prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import msgspec

from ganglion.bot.config import BotConfig
from ganglion.bot.summary import Summary
from ganglion.bot.views import Status
from ganglion.messages.values import Symbol
from ganglion.simulation.backtest import FillSettings
from ganglion.simulation.backtest.recording import ModePlace, curves_of, markets_of, modes_of
from ganglion.simulation.backtest.witness import Seen
from ganglion.simulation.data import Trades
from ganglion.simulation.figures import ExchangeRecord, Incident, IncidentKind, RunRecord
from ganglion.simulation.paper import PaperAccount
from ganglion.simulation.paper.live_market import LiveMarket


@dataclass(frozen=True, slots=True)
class LivePrices:
    """One market's sampled mids, as records are made of them."""

    name: str
    symbol: Symbol
    series: Trades
    heard: int
    """Book messages and public trades."""

    @property
    def rows(self) -> int:
        """All of them."""
        return len(self.series)

    def price_at(self, row: int) -> float:
        """The mid."""
        return self.series.price[row]


def paper_record(
    config: BotConfig,
    seen: Seen,
    accounts: Mapping[str, PaperAccount],
    started_ms: int,
    status: Status,
    summary: Summary,
) -> RunRecord:
    """The record of a run.

    Args:
        config: of the bot.
        seen: what the witness gathered.
        accounts: by exchange.
        started_ms: when it began.
        status: of the bot, after the drain.
        summary: likewise.
    """
    prices = [
        _ended(name, market, account.clock.now_ms()) for name, account in accounts.items()
        for market in account.markets.values()
    ]  # fmt: skip
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
    opening = {name: dict(account.settings.balances) for name, account in accounts.items()}
    curves = curves_of(prices, seen, places, opening, config.bot.reference)
    modes = modes_of(places, curves, seen, opening)
    for mode in modes:
        known = summary.modes[mode.name]
        mode.state, mode.restarts, mode.cause = known.state, known.restarts, known.cause
        mode.orders = dict(seen.orders_of(mode.name))
    markets = markets_of(prices, curves.rates)
    for market, told in zip(markets, prices, strict=True):
        market.kind, market.rows = "live book", told.heard
    begins = [one.series.start_ms for one in prices if one.rows]
    ends = [one.series.time_ms[-1] for one in prices if one.rows]
    start_ms = min(begins, default=started_ms)
    fills = next(iter(accounts.values())).settings.fills
    return RunRecord(
        start_ms=start_ms,
        end_ms=max(ends, default=start_ms),
        reference=config.bot.reference,
        equity=curves.total.curve,
        markets=markets,
        modes=modes,
        fills=curves.fills,
        exchanges={
            name: ExchangeRecord(
                state=told.state,
                seconds_in=dict(told.seconds_in),
                reconnects=told.reconnects,
                restarts=told.restarts,
                book_updates=told.book_updates,
                orders=dict(told.orders),
                fills=told.fills_of_run,
                balances={asset: msgspec.to_builtins(balance) for asset, balance in told.balances.items()},
            )
            for name, told in summary.exchanges.items()
        },
        incidents=sorted([*_gaps(prices), *seen.incidents], key=lambda incident: incident.time_ms),
        order_changes=seen.states,
        title=f"PAPER: {config.bot.name}, simulated orders on live markets",
        assumptions=assumptions(fills),
        events=sum(one.heard for one in prices),
        messages=summary.messages,
        actors=summary.actors,
        restarts=summary.restarts,
        dead_letters=dict(status.dead_letters),
        violations=list(dict.fromkeys(seen.violations)),
        version=_version(),
    )


def _ended(name: str, market: LiveMarket, now_ms: int) -> LivePrices:
    market.end(now_ms)
    return LivePrices(name, market.symbol, market.prices(), market.rows)


def _gaps(prices: Sequence[LivePrices]) -> list[Incident]:
    return [
        Incident(gap.from_ms, IncidentKind.GAP, f"{one.name} {one.symbol}", gap.reason or "no data")
        for one in prices
        for gap in one.series.facts.gaps
    ]


def assumptions(fills: FillSettings) -> list[str]:
    """The fill model in sentences."""
    part = f"{fills.participation:.0%}" if fills.participation else "100%"
    crosses = f"An order that crosses takes {part} of the levels that stand in the live book and pays"
    through = "touch" if fills.touch_fills else "go through"
    said = [
        f"An order is effective {fills.latency_s:g} s after its decision, on the first book that comes after that.",
        f"{crosses} {fills.slippage_pct:g} % slippage on top; the rest of a market order expires.",
        f"A resting order is filled at its own price when best prices or public trades {through} it.",
        "It gets what stands in the book there, or what a public trade had.",
        "What was taken of a level is not there again before the level has gone; nobody reacts to these orders.",
        "While an exchange can't be heard nothing is filled there.",
    ]
    if fills.queue:
        said.append(
            "A trade at an order's own price fills it once as much has traded there as stood in the book before it."
        )
    return said


def _version() -> str:
    try:
        return version("ganglion")
    except PackageNotFoundError:
        return ""
