"""Finds the data that a configuration's markets are moved by: reads it, and says whose each series is.

Called by backtest.py and the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganglion.actors.market.candles.timeframe import Timeframe, TimeframeError
from ganglion.bot.config import BotConfig
from ganglion.bot.tree import candles_of
from ganglion.messages.values import Symbol
from ganglion.simulation.backtest import BacktestError
from ganglion.simulation.data import Bars, Series, read
from ganglion.simulation.data.columns import length_of

Placed = tuple[str, Symbol, Series]
"""A series with the exchange and the symbol, as the configuration names them."""


def load(config: BotConfig, path: Path, from_ms: int | None = None, to_ms: int | None = None) -> list[Series]:
    """Read the data of a backtest; a single market's need not say whose it is.

    Raises:
        DataError: it can't be read.
        BacktestError: there is none in the wanted time.
    """
    found = read(path)
    cut = [one.between(from_ms, to_ms) for one in found] if from_ms is not None or to_ms is not None else found
    left = [one for one in cut if len(one)]
    if not left:
        raise BacktestError(f"{path}: no row lies in the wanted time; `--check` says what there is")
    markets = {(name, symbol) for name, exchange in config.exchanges.items() for symbol in exchange.table.symbols}
    symbols = {symbol for _, symbol in markets}
    if len(symbols) == 1 and len({(one.exchange, one.symbol) for one in left}) == 1:
        (symbol,) = symbols
        for one in left:
            # Whatever its file is called: there is nothing else that it could be meant for.
            if one.symbol != symbol:
                one.facts.notes.append(f"{one.symbol or 'no symbol'} is taken for {symbol}, the only market configured")
                one.symbol = symbol
    return left


def feeds_wanted(config: BotConfig, series: Sequence[Series]) -> list[Placed]:
    """Which market each series moves; every market that a mode trades has to be moved.

    Raises:
        BacktestError: a mode's market has no data, or more than one kind, or bars too long for its candles.
    """
    placed: list[Placed] = []
    for name, exchange in config.exchanges.items():
        for symbol in exchange.table.symbols:
            fitting = [one for one in series if one.symbol == symbol and one.exchange == name]
            fitting = fitting or [
                one for one in series if one.symbol == symbol and one.exchange not in config.exchanges
            ]
            placed += [(name, symbol, one) for one in _one_kind(name, symbol, fitting)]
    moved = {(name, symbol): one for name, symbol, one in placed}
    there = ", ".join(sorted({f"{one.exchange} {one.symbol} {one.kind}".strip() for one in series}))
    for mode in config.modes.values():
        market = (mode.table.exchange, mode.table.symbol)
        if market not in moved:
            raise BacktestError(
                f"mode {mode.name} trades {market[1]} on {market[0]}, of which there is no data (there is: {there}): "
                "add it, or take the mode out"
            )
    for name in config.exchanges:
        for symbol, timeframe in candles_of(config, name):
            _check_candles(symbol, timeframe, moved[name, symbol])
    if not placed:
        raise BacktestError(f"none of the data ({there}) is of a market that is configured")
    return placed


def _one_kind(exchange: str, symbol: Symbol, series: Sequence[Series]) -> list[Series]:
    """What moves a market: its only series; of bars those of the shortest timeframe."""
    if len({one.kind for one in series}) > 1:
        kinds = " and ".join(sorted({one.kind for one in series}))
        raise BacktestError(
            f"{symbol} on {exchange} has {kinds}, and only one may move its price: name a file or folder with one of "
            "them as --data"
        )
    bars = sorted((one for one in series if isinstance(one, Bars)), key=lambda one: one.length_ms)
    chosen: list[Series] = [*bars[:1]] if bars else list(series)
    if len(chosen) > 1:
        raise BacktestError(f"{symbol} on {exchange} has {len(chosen)} series of one kind: keep those of one exchange")
    return chosen


def _check_candles(symbol: Symbol, timeframe: str, series: Series) -> None:
    try:
        Timeframe(timeframe)
    except TimeframeError as error:
        raise BacktestError(str(error)) from error
    if isinstance(series, Bars) and length_of(timeframe) < series.length_ms:
        raise BacktestError(
            f"a mode wants candles of {timeframe} of {symbol}, and its data are bars of {series.timeframe}: choose "
            f"{series.timeframe} or longer, or finer data"
        )
