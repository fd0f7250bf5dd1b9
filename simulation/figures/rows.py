"""The figures as rows of text: which are shown, in what order and words. Pure; terminal and report show the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganglion.simulation.figures import words
from ganglion.simulation.figures.figures import Figures, TradeFigures
from ganglion.simulation.figures.returns import ReturnFigures


@dataclass(frozen=True)
class Row:
    """One figure of several wholes, as text."""

    label: str
    cells: tuple[str, ...]
    group: str


_RETURNS: tuple[tuple[str, Callable[[ReturnFigures], str]], ...] = (
    ("Starting equity", lambda r: words.money(r.start_equity)),
    ("Final equity", lambda r: words.money(r.end_equity)),
    ("Profit", lambda r: words.money(r.profit, signed=True)),
    ("Return", lambda r: words.share(r.total_return)),
    ("Annualised return", lambda r: words.share(r.annualised_return)),
    ("Volatility, a year", lambda r: words.part(r.volatility)),
    ("Sharpe ratio", lambda r: words.ratio(r.sharpe)),
    ("Sortino ratio", lambda r: words.ratio(r.sortino)),
    ("Calmar ratio", lambda r: words.ratio(r.calmar)),
    ("Maximum drawdown", lambda r: words.part(r.max_drawdown, 2)),
    ("Drawdown lasted", lambda r: words.length(r.max_drawdown_s) + ("" if r.recovered else ", open")),
    ("Longest drawdown", lambda r: words.length(r.longest_drawdown_s)),
    ("Best {period}", lambda r: words.share(r.best_period)),
    ("Worst {period}", lambda r: words.share(r.worst_period)),
)
_TRADES: tuple[tuple[str, Callable[[TradeFigures], str]], ...] = (
    ("Fills", lambda t: words.count(t.fills)),
    ("Trades, round trips", lambda t: words.count(t.trades)),
    ("Win rate", lambda t: words.part(t.win_rate)),
    ("Profit factor", lambda t: words.ratio(t.profit_factor)),
    ("Payoff ratio", lambda t: words.ratio(t.payoff)),
    ("Realised profit", lambda t: words.money(t.realised, signed=True)),
    ("Unrealised, at end", lambda t: words.money(t.unrealised, signed=True)),
    ("Average trade", lambda t: words.money(t.average_trade, signed=True)),
    ("Best trade", lambda t: words.money(t.best_trade, signed=True)),
    ("Worst trade", lambda t: words.money(t.worst_trade, signed=True)),
    ("Losses in a row", lambda t: words.count(t.most_losses_running)),
    ("Held on average", lambda t: words.length(t.average_holding_s)),
    ("Traded", lambda t: words.money(t.traded)),
    ("Turnover", lambda t: words.ratio(t.turnover) + (" x" if t.turnover is not None else "")),
    ("Fees", lambda t: words.money(t.fees)),
    ("Maker share", lambda t: words.part(t.maker_share)),
    ("Time in market", lambda t: words.part(t.time_in_market)),
    ("Mean exposure", lambda t: words.part(t.exposure)),
)
RETURN_GROUP, TRADE_GROUP = "Return and risk", "Trading"


def rows(wholes: list[Figures], *, period: str, hold: bool = True) -> list[Row]:
    """A row for each figure, with a cell for each whole.

    Args:
        wholes: such as the total and each mode.
        period: that the ratios' returns are taken over.
        hold: whether one more cell, after the first whole, is of buying and holding.
    """
    found: list[Row] = []
    columns = [whole.returns for whole in wholes]
    if hold and wholes:
        columns.insert(1, wholes[0].hold)
    for label, text in _RETURNS:
        cells = tuple(words.NOTHING if column is None else text(column) for column in columns)
        found.append(Row(label.format(period=period), cells, RETURN_GROUP))
    for label, trade_text in _TRADES:
        trade_cells = [trade_text(whole.trades) for whole in wholes]
        if hold and wholes:
            trade_cells.insert(1, "")
        found.append(Row(label, tuple(trade_cells), TRADE_GROUP))
    return found
