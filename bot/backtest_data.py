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
from ganglion.simulation.data import Bars, BookDeltas, Series, Trades, read
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
        BacktestError: a mode's market has no data, or twice the same kind, or none that its candles can be made of.
    """
    placed: list[Placed] = []
    for name, exchange in config.exchanges.items():
        for symbol in exchange.table.symbols:
            fitting = [one for one in series if one.symbol == symbol and one.exchange == name]
            fitting = fitting or [
                one for one in series if one.symbol == symbol and one.exchange not in config.exchanges
            ]
            placed += [(name, symbol, one) for one in _chosen(name, symbol, fitting)]
    moved: dict[tuple[str, Symbol], list[Series]] = {}
    for name, symbol, one in placed:
        moved.setdefault((name, symbol), []).append(one)
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


def _chosen(exchange: str, symbol: Symbol, series: Sequence[Series]) -> list[Series]:
    """What moves a market: its book with the trades beside it, else its trades, else its shortest bars."""
    books = [one for one in series if isinstance(one, BookDeltas)]
    trades = [one for one in series if isinstance(one, Trades)]
    bars = sorted((one for one in series if isinstance(one, Bars)), key=lambda one: one.length_ms)
    for kind in (books, trades):
        if len(kind) > 1:
            text = f"{symbol} on {exchange} has {len(kind)} series of {kind[0].kind}"
            raise BacktestError(f"{text}: keep those of one exchange")
    chosen: list[Series] = [*books, *trades] or [*bars[:1]]
    left = [f"bars of {one.timeframe}" for one in bars if one not in chosen]
    if chosen and left:
        chosen[0].facts.notes.insert(0, f"{symbol} is moved by its {chosen[0].kind}; {', '.join(left)} are not used")
    return chosen


def is_beside(series: Series, others: Sequence[Series]) -> bool:
    """Whether these trades are told beside the book that moves their market."""
    return isinstance(series, Trades) and any(isinstance(one, BookDeltas) for one in others)


def _check_candles(symbol: Symbol, timeframe: str, moved: Sequence[Series]) -> None:
    try:
        Timeframe(timeframe)
    except TimeframeError as error:
        raise BacktestError(str(error)) from error
    if all(isinstance(one, BookDeltas) for one in moved):
        raise BacktestError(
            f"a mode wants candles of {timeframe} of {symbol}, and its data is a book alone: add the market's trades, "
            "candles are made of them"
        )
    for series in moved:
        if isinstance(series, Bars) and length_of(timeframe) < series.length_ms:
            raise BacktestError(
                f"a mode wants candles of {timeframe} of {symbol}, and its data are bars of {series.timeframe}: choose "
                f"{series.timeframe} or longer, or finer data"
            )
