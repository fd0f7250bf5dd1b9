"""The demo's last page: what happened, how each arm and mode came through it, and every check with a tick or a cross.

Pure: evidence and checks in, something for rich out.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ganglion.bot.demo.checks import Check, Evidence
from ganglion.bot.demo.story import hurt_span, neighbour_of, outcome
from ganglion.bot.summary import ModeSummary
from ganglion.messages.lifecycle import ConnectionState
from ganglion.messages.values import quote_of

MARKS, PLAIN_MARKS = ("✔", "✘"), ("ok", "FAILED")
"""Of a check that holds and of one that does not; plain ones for terminals that have ASCII only."""


def report(evidence: Evidence, found: list[Check], started_s: float, *, plain: bool = False) -> RenderableType:
    """The whole page; `plain` in ASCII."""
    return Group(
        _headline("What happened"),
        _story(evidence, started_s),
        _headline("Exchanges"),
        _exchanges(evidence),
        _headline("Modes (the market is random: its PnL is luck)"),
        _modes(evidence),
        _headline("Actors"),
        _actors(evidence),
        _headline("Checks"),
        _checks(found, PLAIN_MARKS if plain else MARKS),
        Text(),
        verdict(found),
    )


def verdict(found: list[Check]) -> Text:
    """The last line."""
    bad = [check for check in found if not check.good]
    if not bad:
        return Text(f"All {len(found)} checks hold.", style="bold green")
    return Text(f"{len(bad)} of {len(found)} checks failed; exit code 1.", style="bold red")


def _headline(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _table(*columns: str, left: int = 1) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < left else "right", header_style="dim")
    return table


def _story(evidence: Evidence, started_s: float) -> Table:
    table = _table("second", "what was done", "what became of it", left=3)
    for one in evidence.played:
        became = outcome(one, evidence.heard, evidence.end_s)
        table.add_row(f"{one.at_s - started_s:6.1f}", one.scene.title, became.text)
    return table


def _exchanges(evidence: Evidence) -> Table:
    states = [str(state) for state in ConnectionState]
    table = _table("", *evidence.summary.exchanges)
    rows: dict[str, list[str]] = {
        "fills": [str(exchange.fills) for exchange in evidence.summary.exchanges.values()],
        "reconnects": [str(exchange.reconnects) for exchange in evidence.summary.exchanges.values()],
        "restarts of its actors": [str(exchange.restarts) for exchange in evidence.summary.exchanges.values()],
        "book updates": [str(exchange.book_updates) for exchange in evidence.summary.exchanges.values()],
    }
    for state in states:
        seconds = [exchange.seconds_in.get(state, 0.0) for exchange in evidence.summary.exchanges.values()]
        if any(seconds):
            rows[f"seconds {state}"] = [f"{value:.1f}" for value in seconds]
    rows["longest silence while the other was hurt"] = [_silence(evidence, arm) for arm in evidence.summary.exchanges]
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def _silence(evidence: Evidence, arm: str) -> str:
    span = hurt_span(evidence.played, neighbour_of(arm), evidence.heard, evidence.end_s)
    return "-" if span is None else f"{evidence.heard.silence_s(arm, *span):.2f} s"


def _modes(evidence: Evidence) -> Table:
    table = _table("mode", "market", "orders", "fills", "denied", "restarts", "PnL", left=2)
    for view in evidence.status.modes:
        mode = evidence.summary.modes[view.name]
        market = f"{view.account} {view.symbol}"
        counts = (str(mode.orders), str(mode.fills), str(mode.denied), str(mode.restarts))
        table.add_row(view.name, market, *counts, _pnl(mode, view.symbol))
    return table


def _pnl(mode: ModeSummary, symbol: str) -> str:
    return "-" if mode.pnl is None else f"{float(mode.pnl):+.2f} {quote_of(symbol)}"


def _actors(evidence: Evidence) -> Text:
    summary = evidence.summary
    dead = ", ".join(f"{name} {count}" for name, count in summary.dead_letters.items()) or "none"
    return Text(
        f"{summary.actors} actors, {summary.messages} messages, {summary.restarts} restarts; dead letters: {dead}"
    )


def _checks(found: list[Check], marks: tuple[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for check in found:
        words = Text(check.found) if check.good else Text(f"{check.found}: {check.meaning}", style="red")
        mark = Text(marks[0], style="bold green") if check.good else Text(marks[1], style="bold red")
        table.add_row(mark, check.what, words)
    return table
