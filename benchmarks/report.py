"""The one table that every benchmark prints: what was measured, against what, and whether it is enough.

Benchmarks build rows and hand them to `report`, which prints them, writes them as JSON where asked, and
says with which code the process should exit. Nothing here measures anything.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table


class Row(msgspec.Struct, frozen=True):
    """One figure of a benchmark.

    `ratio` is reference / value where less is better (how many times faster we are), and the caller says so by
    `at_most` where the ratio is a cost (value / reference) that must stay below what is required.
    """

    name: str
    value: float
    """What ours took, in `unit`."""
    reference: float | None
    """What the rival took in the same run, in `unit`; None where the requirement is absolute."""
    ratio: float | None
    required: float | None
    """Bound of the ratio, or of the value where there is no ratio; None for a figure that is only told."""
    met: bool
    unit: str = "ns"
    at_most: bool = False


def faster(name: str, value: float, reference: float, required: float | None, unit: str = "ns") -> Row:
    """A row that asks to be at least `required` times faster than the reference."""
    ratio = reference / value
    return Row(name, value, reference, ratio, required, required is None or ratio >= required, unit)


def costs(name: str, value: float, reference: float, required: float | None, unit: str = "ns") -> Row:
    """A row that asks to cost at most `required` times what the reference costs."""
    ratio = value / reference
    met = required is None or ratio <= required
    return Row(name, value, reference, ratio, required, met, unit, at_most=True)


def bounded(name: str, value: float, required: float | None, unit: str) -> Row:
    """A row that asks for at most `required`, absolutely, in `unit`."""
    met = required is None or value <= required
    return Row(name, value, None, None, required, met, unit, at_most=True)


def arguments(description: str) -> argparse.ArgumentParser:
    """The parser that every benchmark starts from: `--json FILE`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as JSON too")
    return parser


def report(rows: Sequence[Row], json_path: Path | None = None, title: str = "") -> int:
    """Print the rows as a table and write them as JSON where asked.

    Returns:
        the exit code: 0 if every row is met, 1 if one is not.
    """
    table = Table(title=title or None, title_justify="left")
    table.add_column("name")
    for column in ("value", "reference", "ratio", "required"):
        table.add_column(column, justify="right")
    table.add_column("met")
    for row in rows:
        table.add_row(
            row.name,
            f"{_figure(row.value)} {row.unit}",
            "" if row.reference is None else f"{_figure(row.reference)} {row.unit}",
            "" if row.ratio is None else f"{row.ratio:.2f}x",
            _requirement(row),
            "" if row.required is None else ("yes" if row.met else "NO"),
        )
    # As wide as it needs to be where the output is a file: a table cut at 80 columns loses its figures.
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    console.print(table)
    if json_path is not None:
        json_path.write_bytes(msgspec.json.format(msgspec.json.encode(list(rows)), indent=2) + b"\n")
    return 0 if all(row.met for row in rows) else 1


def _figure(value: float) -> str:
    """Three or more digits that matter: 0.31, 26.9, 3401."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _requirement(row: Row) -> str:
    """`>= 2x`, `<= 2.6x`, `<= 4 KiB`, or nothing."""
    if row.required is None:
        return ""
    sign = "<=" if row.at_most else ">="
    unit = f" {row.unit}" if row.ratio is None else "x"
    return f"{sign} {row.required:g}{unit}"
