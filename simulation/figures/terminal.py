"""The summary of a run for a terminal, printed with rich. Writes to the console it is given and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganglion.simulation.figures import words
from ganglion.simulation.figures.figures import RunFigures
from ganglion.simulation.figures.record import RunRecord
from ganglion.simulation.figures.rows import rows

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MOST_MODES = 4
"""Columns of single modes; more would not fit a terminal."""
MOST_MONTHS = 12


def print_summary(record: RunRecord, run: RunFigures, console: Console | None = None) -> None:
    """Print figures, months and what went wrong.

    Args:
        record: of the run.
        run: its figures.
        console: where to; stdout.
    """
    from rich.console import Console  # noqa: PLC0415  # whoever only reads figures has no use for it

    console = console or Console()
    lasted = words.length(record.seconds)
    console.print(
        f"{record.title}: {words.moment(run.start_ms)} to {words.moment(run.end_ms)} UTC ({lasted})",
        style="bold",
        markup=False,
        highlight=False,
    )
    if record.wall_s and record.events:
        speed = record.events / record.wall_s
        console.print(f"{record.events:,} events in {record.wall_s:.2f} s, {speed:,.0f} a second", highlight=False)
    console.print(_figures_table(run))
    if len(run.months) > 1:
        console.print(_months_table(run))
    for line in warnings(record, run):
        console.print(line, style="yellow", markup=False, highlight=False)


def warnings(record: RunRecord, run: RunFigures) -> list[str]:
    """What a reader must know before believing the figures, worst first."""
    said = [f"invariant violated: {text}" for text in record.violations]
    said += [f"{mode.name} is halted: {mode.cause}" for mode in record.modes if mode.cause]
    if run.total.returns is not None and run.total.returns.ruined:
        said.append(
            "equity fell to zero or below: there is no annualised return, and no ratio is made of what came after"
        )
    if not run.total.trades.fills:
        said.append("nothing was filled: the figures are those of doing nothing")
    for asset, amount in sorted(run.total.trades.fees_unvalued.items()):
        said.append(f"fees of {amount:g} {asset} have no recorded price and are missing from fees and trade profits")
    for market in record.markets:
        if market.gaps:
            said.append(f"{market.name}: {market.gaps:,} gaps in the data")
        if market.dropped:
            said.append(f"{market.name}: {market.dropped:,} rows of the data were dropped")
    if record.restarts:
        said.append(f"{record.restarts} restarts of actors")
    return said


def _figures_table(run: RunFigures) -> Table:
    from rich.table import Table  # noqa: PLC0415  # as above

    modes = list(run.modes.values())
    shown = modes[:MOST_MODES] if len(modes) > 1 else []
    table = Table(title=f"Figures in {run.reference}", title_justify="left", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("total", "buy and hold", *(whole.name for whole in shown)):
        table.add_column(name, justify="right", header_style="bold")
    last = ""
    for row in rows([run.total, *shown], period=run.period):
        if last and row.group != last:
            table.add_section()
            table.add_row()
        last = row.group
        table.add_row(row.label, *row.cells)
    if len(modes) > len(shown) > 0:
        table.caption = f"{len(modes) - len(shown)} more modes stand in the summary file"
    return table


def _months_table(run: RunFigures) -> Table:
    from rich.table import Table  # noqa: PLC0415  # as above

    table = Table(title="Months", title_justify="left", box=None, pad_edge=False)
    for name in ("month", "profit", "return", "holding", "drawdown", "trades", "fees"):
        table.add_column(name, justify="left" if name == "month" else "right", header_style="bold")
    for month in run.months[-MOST_MONTHS:]:
        table.add_row(
            month.label,
            words.money(month.profit, signed=True),
            words.share(month.total_return),
            words.share(month.hold_return),
            words.part(month.max_drawdown, 2),
            words.count(month.trades),
            words.money(month.fees),
        )
    if len(run.months) > MOST_MONTHS:
        table.caption = f"the last {MOST_MONTHS} of {len(run.months)} months"
    return table
