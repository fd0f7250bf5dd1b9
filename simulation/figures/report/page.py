"""Lays the report out: tiles, charts, tables and what they stand on, as one HTML text. Pure.

The reader's questions in their order: was it worth it, how did it get there, what was done, can it be believed.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import msgspec

from ganglion.simulation.figures import trips, words
from ganglion.simulation.figures.figures import RunFigures, hold_curve
from ganglion.simulation.figures.record import RunRecord
from ganglion.simulation.figures.report import charts, tables
from ganglion.simulation.figures.report.detail import Room
from ganglion.simulation.figures.report.look import CSS, SCRIPT, THEME_SCRIPT
from ganglion.simulation.figures.terminal import warnings

FOOTER = (
    "<footer>The formula and source of each figure stand in Ganglion's docs/backtest-figures.md. What was earned on"
    " recorded markets is no promise for others.</footer>"
)
MOST_MARKETS = 8
"""Charts of markets; more are in the tables only."""


def page(record: RunRecord, run: RunFigures, plotly_script: str) -> str:
    """The whole report.

    Args:
        record: of the run.
        run: its figures.
        plotly_script: plotly's own JavaScript, put in as it is.
    """
    drawn: list[charts.Json] = []
    room = Room()

    def chart(made: charts.Json | None) -> str:
        if made is None:
            return ""
        drawn.append(made)
        return f'<div class="chart" id="{made["id"]}"></div>'

    markets = _markets(record, chart, room)
    equity = chart(charts.equity_chart(record, hold_curve(record), room))
    body = [
        _header(record, run),
        _warnings(record, run),
        _tiles(run),
        _section("Equity", equity + _thinned_note(record)),
        *markets,
        _section("Figures", tables.figures_table(run) + _figures_note(run)),
        _spans(run, chart),
        _section("Trades", tables.trade_table(trips.closed(trips.match_run(record)))),
        _orders(record, chart),
        _section("Incidents", tables.incident_table(record)),
        _ground(record),
    ]
    data = msgspec.json.encode(drawn).decode().replace("<", "\\u003c")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{escape(record.title)}</title>'
        f"<script>{THEME_SCRIPT}</script><style>{CSS}</style></head><body><main>{''.join(body)}</main>"
        f'<script type="application/json" id="charts">{data}</script><script>{plotly_script}</script>'
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _header(record: RunRecord, run: RunFigures) -> str:
    modes = ", ".join(f"{mode.name} ({mode.kind})" if mode.kind else mode.name for mode in record.modes)
    markets = ", ".join(market.name for market in record.markets)
    lasted = words.length(record.seconds)
    return (
        f"<header><div><h1>{escape(record.title)}</h1><p class='sub'>{escape(modes)} on {escape(markets)}<br>"
        f"{words.moment(run.start_ms)} to {words.moment(run.end_ms)} UTC, {lasted}, money in "
        f"{escape(run.reference)}</p></div><button id='theme' type='button'>Dark</button></header>"
    )


def _warnings(record: RunRecord, run: RunFigures) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in warnings(record, run))
    return f'<div class="warn" role="note">{lines}</div>' if lines else ""


def _tiles(run: RunFigures) -> str:
    trades, returns, hold = run.total.trades, run.total.returns, run.total.hold
    tiles: list[tuple[str, str, str]] = []
    if returns is not None:
        held = f"holding {words.share(hold.total_return)}" if hold is not None else ""
        length = words.length(returns.max_drawdown_s) + ("" if returns.recovered else ", still")
        tiles += [
            ("Return", words.share(returns.total_return), held),
            ("Profit", words.money(returns.profit, signed=True), f"of {words.money(returns.start_equity)}"),
            ("Maximum drawdown", words.part(returns.max_drawdown, 2), length),
            ("Sharpe ratio", words.ratio(returns.sharpe), f"{returns.periods} returns by {run.period}"),
        ]
    wins = f"{trades.wins:,} won, {trades.losses:,} lost"
    rest = f"{trades.fills:,} fills"
    share = f"{words.part(trades.maker_share)} maker" if trades.maker_share is not None else ""
    tiles += [
        ("Win rate", words.part(trades.win_rate), wins),
        ("Profit factor", words.ratio(trades.profit_factor), f"{words.money(trades.realised, signed=True)} realised"),
        ("Trades", words.count(trades.trades), rest),
        ("Fees", words.money(trades.fees), share),
    ]
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="tile"><span>{escape(name)}</span><b>{tables.signed(value)}</b>'
            f"<small>{escape(under)}</small></div>"
            for name, value, under in tiles
        )
        + "</div>"
    )


def _markets(record: RunRecord, chart: Callable[[charts.Json | None], str], room: Room) -> list[str]:
    found = []
    for number, market in enumerate(record.markets[:MOST_MARKETS]):
        fills = sum(1 for fill in record.fills if fill.market == market.name)
        note = ""
        if fills > charts.MOST_MARKERS:
            note = (
                f"<p class='note'>{fills:,} fills are too many to draw: a triangle stands for those of one side in a "
                "stretch of time, at their average price."
            )
            note += " Zoomed in they stand one by one.</p>" if fills <= charts.MOST_DETAILED else "</p>"
        found.append(_section(market.name, chart(charts.market_chart(record, market, number, room)) + note))
    if len(record.markets) > MOST_MARKETS:
        found.append(f"<p class='note'>{len(record.markets) - MOST_MARKETS} more markets are not drawn.</p>")
    return found


def _thinned_note(record: RunRecord) -> str:
    points = max([len(record.equity), *(len(market.price) for market in record.markets)])
    note = "Drag to zoom, double-click to go back; charts over time move together."
    if points > charts.CURVE_POINTS:
        note += (
            f" Lines of up to {points:,} points are drawn with {charts.CURVE_POINTS:,} that keep every peak and"
            " trough; figures are made of all of them."
        )
    return f"<p class='note'>{note}</p>"


def _figures_note(run: RunFigures) -> str:
    return (
        f"<p class='note'>Volatility and ratios are made of returns by {run.period}, {run.periods_per_year:,.0f} a"
        " year, riskless rate 0. Buy and hold spreads the starting equity evenly over the markets, without fees."
        " Trades are matched first in, first out, fees included. A dash: can't be said.</p>"
    )


def _spans(run: RunFigures, chart: Callable[[charts.Json | None], str]) -> str:
    text = chart(charts.span_chart(run)) + tables.span_table(run.months, "Month")
    if len(run.days) > 1:
        text += f"<details><summary>Days</summary>{tables.span_table(run.days, 'Day')}</details>"
    return _section("Months and days, UTC", text)


def _orders(record: RunRecord, chart: Callable[[charts.Json | None], str]) -> str:
    drawn = chart(charts.order_chart(record)) + chart(charts.change_chart(record))
    return _section("Orders", drawn + tables.state_table(record))


def _ground(record: RunRecord) -> str:
    """What the figures stand on: fill model, data, configuration, and how the run was made."""
    assumed = "".join(f"<li>{escape(text)}</li>" for text in record.assumptions)
    text = f"<ul>{assumed}</ul>" if assumed else "<p class='note'>The run states no fill model.</p>"
    facts = [("Events", words.count(record.events)), ("Messages", words.count(record.messages))]
    if record.wall_s:
        speed = f", {record.events / record.wall_s:,.0f} events a second" if record.events else ""
        facts.append(("Took", f"{record.wall_s:.2f} s{speed}"))
    facts += [("Seed", str(record.seed)), ("Actors", words.count(record.actors))]
    if record.version:
        facts.append(("Ganglion", record.version))
    parameters = "".join(
        f"<h3>{escape(mode.name)}</h3>{tables.pairs_table(mode.parameters.items())}"
        for mode in record.modes
        if mode.parameters
    )
    written = f"<h3>File</h3><pre>{escape(record.configuration)}</pre>" if record.configuration else ""
    return "".join(
        [
            _section("How fills were made", text),
            _section("Data", tables.data_table(record)),
            _section("Configuration", parameters + written) if parameters or written else "",
            _section("Run", tables.pairs_table(facts)),
            FOOTER,
        ]
    )


def _section(title: str, text: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{text}</section>"
