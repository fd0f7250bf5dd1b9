"""All figures of a run: of everything, of each mode, market, month and day, beside holding the market. Pure.

`figures(record)` is what the backtest, the sweep, the summary and the report ask. Each figure's formula and source
stand in docs/backtest-figures.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from ganglion.messages.values import Asset, Liquidity
from ganglion.simulation.figures import curves, trips
from ganglion.simulation.figures.record import Curve, FillRecord, ModeRecord, RunRecord
from ganglion.simulation.figures.returns import Period, ReturnFigures, choose_period, return_figures
from ganglion.simulation.figures.spans import SpanFigures, days_of, months_of, span_figures
from ganglion.simulation.figures.trips import Ledger, RoundTrip

DUST = 0.001
"""Inventory worth less than this share of the starting equity is no position: fees in the base asset leave it over."""


class TradeFigures(msgspec.Struct, frozen=True):
    """What fills and round trips come to. Money in the reference currency, shares as fractions. None: can't be said."""

    fills: int
    trades: int
    """Round trips: closing orders."""
    wins: int
    losses: int
    win_rate: float | None
    profit_factor: float | None
    """None without a loss."""
    gross_profit: float
    gross_loss: float
    """Zero or negative."""
    realised: float
    """Profit of round trips, after fees."""
    unrealised: float
    """Of what was open at the end, at the market's last price, entry fees taken off."""
    average_trade: float | None
    best_trade: float | None
    worst_trade: float | None
    payoff: float | None
    """Average win over average loss."""
    most_losses_running: int
    average_holding_s: float | None
    fees: float
    fees_unvalued: dict[Asset, float]
    """Charged in assets whose price nobody recorded."""
    traded: float
    """Price times amount of all fills."""
    turnover: float | None
    """`traded` over mean equity."""
    maker_share: float | None
    """Of what was traded."""
    time_in_market: float | None
    exposure: float | None
    """Mean worth of inventory over mean equity."""


class Figures(msgspec.Struct, frozen=True):
    """Figures of one whole: the run, a mode, a market."""

    name: str
    trades: TradeFigures
    returns: ReturnFigures | None
    """None where no equity curve was recorded."""
    hold: ReturnFigures | None
    """The same equity, spread evenly over the markets at the start and held, without fees."""

    def flat(self) -> dict[str, float | None]:
        """Every figure that is one number, by its name; `hold_...` for those of holding."""
        found: dict[str, float | None] = {}
        for prefix, part in (("", self.trades), ("", self.returns), ("hold_", self.hold)):
            if part is not None:
                values: dict[str, object] = msgspec.structs.asdict(part)
                for name, value in values.items():
                    if value is None or isinstance(value, int | float):
                        found[prefix + name] = None if value is None else float(value)
        return found


class RunFigures(msgspec.Struct, frozen=True):
    """All figures of a run; encodes to JSON as it is."""

    reference: Asset
    start_ms: int
    end_ms: int
    period: str
    """What volatility and ratios take returns over."""
    periods_per_year: float
    total: Figures
    modes: dict[str, Figures]
    markets: dict[str, Figures]
    months: tuple[SpanFigures, ...]
    days: tuple[SpanFigures, ...]


def figures(run: RunRecord) -> RunFigures:
    """Judge a run.

    Raises:
        RecordError: the record contradicts itself.
    """
    run.check()
    ledgers = trips.match_run(run)
    period = choose_period(run.start_ms, run.end_ms, len(run.equity))
    closed = trips.closed(ledgers)
    judge = _Judge(run, ledgers, closed, period)
    held = hold_curve(run)
    total = judge.total(held)
    # A run of one mode, as a sweep makes by the thousand, is judged once.
    alone = len(run.modes) == len(run.markets) == 1 and run.modes[0].equity == run.equity
    modes = {m.name: _named(total, m.name) if alone else judge.mode(m) for m in run.modes}
    markets = {m.name: _named(total, m.name) if alone else judge.market(m.name) for m in run.markets}
    return RunFigures(
        reference=run.reference,
        start_ms=run.start_ms,
        end_ms=run.end_ms,
        period=period.name,
        periods_per_year=period.per_year,
        total=total,
        modes=modes,
        markets=markets,
        months=tuple(span_figures(run, closed, held, months_of(run.start_ms, run.end_ms))),
        days=tuple(span_figures(run, closed, held, days_of(run.start_ms, run.end_ms))),
    )


def hold_curve(run: RunRecord) -> Curve:
    """The run's equity at the start, spread evenly over its markets at their first prices and held, without fees."""
    return _hold([market.price for market in run.markets], run)


def _named(figures: Figures, name: str) -> Figures:
    return Figures(name, figures.trades, figures.returns, figures.hold)


def _mode_hold(run: RunRecord, mode: ModeRecord) -> Curve:
    market = run.market(mode.market)
    if market is None or not len(mode.equity):
        return Curve()
    return _scaled(curves.cut(market.price, run.start_ms, run.end_ms), mode.equity.value[0])


def _hold(prices: Sequence[Curve], run: RunRecord) -> Curve:
    parts = [part for part in (curves.cut(price, run.start_ms, run.end_ms) for price in prices) if len(part)]
    if not parts or not len(run.equity):
        return Curve()
    return curves.total([_scaled(part, run.equity.value[0] / len(parts)) for part in parts])


def _scaled(price: Curve, equity: float) -> Curve:
    """A price curve, made to begin with some equity."""
    if not len(price) or price.value[0] <= 0:
        return Curve()
    factor = equity / price.value[0]
    values = price.value[:]
    for index, value in enumerate(price.value):
        values[index] = value * factor
    return Curve(price.time_ms[:], values)


class _Judge:
    """Holds what all parts of a run's figures are made of."""

    def __init__(
        self, run: RunRecord, ledgers: dict[tuple[str, str], Ledger], closed: Sequence[RoundTrip], period: Period
    ) -> None:
        self._run, self._ledgers, self._trips, self._period = run, ledgers, closed, period

    def total(self, hold: Curve) -> Figures:
        return self._whole("total", self._run.modes, self._run.equity, hold, lambda _mode, _market: True)

    def mode(self, mode: ModeRecord) -> Figures:
        hold = _mode_hold(self._run, mode)
        return self._whole(mode.name, [mode], mode.equity, hold, lambda name, _market: name == mode.name)

    def market(self, name: str) -> Figures:
        modes = [mode for mode in self._run.modes if mode.market == name]
        equity = curves.total([mode.equity for mode in modes]) if all(len(mode.equity) for mode in modes) else Curve()
        hold = curves.total([_mode_hold(self._run, mode) for mode in modes])
        return self._whole(name, modes, equity, hold, lambda _mode, market: market == name)

    def _whole(
        self,
        name: str,
        modes: Sequence[ModeRecord],
        equity: Curve,
        hold: Curve,
        counts: Callable[[str, str], bool],
    ) -> Figures:
        run = self._run
        fills = [fill for fill in run.fills if counts(fill.mode, fill.market)]
        closed = [trip for trip in self._trips if counts(trip.mode, f"{trip.exchange} {trip.symbol}")]
        unrealised = sum(self._unrealised(*key) for key in self._ledgers if counts(*key))
        return Figures(
            name=name,
            trades=self._trade_figures(fills, closed, unrealised, modes, equity),
            returns=return_figures(equity, run.start_ms, run.end_ms, self._period),
            hold=return_figures(hold, run.start_ms, run.end_ms, self._period),
        )

    def _unrealised(self, mode: str, market_name: str) -> float:
        market = self._run.market(market_name)
        ledger = self._ledgers[mode, market_name]
        if market is None or not len(market.price):
            return 0.0
        return ledger.unrealised(market.price.value[-1]) * market.rate

    def _trade_figures(
        self,
        fills: Sequence[FillRecord],
        closed: Sequence[RoundTrip],
        unrealised: float,
        modes: Sequence[ModeRecord],
        equity: Curve,
    ) -> TradeFigures:
        run = self._run
        wins = [trip.profit for trip in closed if trip.profit > 0]
        losses = [trip.profit for trip in closed if trip.profit < 0]
        gross_profit, gross_loss = math.fsum(wins), math.fsum(losses)
        traded = math.fsum(fill.traded() for fill in fills)
        made = math.fsum(fill.traded() for fill in fills if fill.liquidity is Liquidity.MAKER)
        told = any(fill.liquidity is not None for fill in fills)
        average_equity = curves.mean(equity, run.start_ms, run.end_ms)
        in_market, exposure = self._exposure(modes, equity)
        unvalued: Counter[str] = Counter()
        for fill in fills:
            if fill.fee_in_quote() is None:
                unvalued[fill.fee_asset] += float(fill.fee)  # type: ignore[assignment]  # typeshed: counts are ints
        count = len(closed)
        return TradeFigures(
            fills=len(fills),
            trades=count,
            wins=len(wins),
            losses=len(losses),
            win_rate=len(wins) / count if count else None,
            profit_factor=gross_profit / -gross_loss if gross_loss else None,
            gross_profit=gross_profit,
            gross_loss=gross_loss,
            realised=gross_profit + gross_loss,
            unrealised=unrealised,
            average_trade=(gross_profit + gross_loss) / count if count else None,
            best_trade=max((trip.profit for trip in closed), default=None),
            worst_trade=min((trip.profit for trip in closed), default=None),
            payoff=(gross_profit / len(wins)) / (-gross_loss / len(losses)) if wins and losses else None,
            most_losses_running=_longest_losing(closed),
            average_holding_s=math.fsum(trip.held_s for trip in closed) / count if count else None,
            fees=math.fsum(fill.fee_worth() for fill in fills),
            fees_unvalued=dict(unvalued),
            traded=traded,
            turnover=traded / average_equity if average_equity and average_equity > 0 else None,
            maker_share=made / traded if traded and told else None,
            time_in_market=in_market,
            exposure=exposure,
        )

    def _exposure(self, modes: Sequence[ModeRecord], equity: Curve) -> tuple[float | None, float | None]:
        """The share of time with inventory, and mean worth of inventory over mean equity."""
        run = self._run
        worths = []
        for mode in modes:
            market = run.market(mode.market)
            if market is None or not len(market.price) or not len(mode.inventory):
                continue
            worths.append(curves.combined([mode.inventory, market.price], _worth(market.rate)))
        worth = curves.total(worths)
        if not len(worth):
            return None, None
        level = DUST * max(0.0, equity.value[0]) if len(equity) else 0.0
        average, average_equity = (curves.mean(c, run.start_ms, run.end_ms) for c in (worth, equity))
        exposure = average / average_equity if average is not None and average_equity and average_equity > 0 else None
        return curves.share_above(worth, level, run.start_ms, run.end_ms), exposure


def _worth(rate: float) -> Callable[[float, float], float]:
    return lambda base, price: abs(base) * price * rate


def _longest_losing(closed: Iterable[RoundTrip]) -> int:
    most = running = 0
    for trip in closed:
        running = running + 1 if trip.profit < 0 else 0
        most = max(most, running)
    return most
