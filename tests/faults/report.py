"""The table of a campaign as markdown, by itself or in its place in a document."""

from __future__ import annotations

import platform
import re
import statistics
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.faults.measure import Outcome
from tests.faults.pair import BOOK_WAIT_S, GRACE_S, KEEP_ALIVE_S, POLL_S, SILENT_S, TIMEOUT_S
from tests.faults.row import Row, name_of

TITLES = {"rest": "Requests", "ws": "Sockets and frames", "more": "More than one thing"}
HEAD = (
    "| fault | what the arm does | Live again, s | books again, s | orders known, s | calm arm's longest silence, s |"
    " runs right |\n|---|---|---|---|---|---|---|"
)


def last_of_each(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The newest outcome of every row and run."""
    return list({(o.dialect, o.row, o.run): o for o in outcomes}.values())


def table(dialect: str, rows: Sequence[Row], outcomes: Iterable[Outcome]) -> str:
    """One dialect's rows, by part, as markdown."""
    by_row: dict[str, list[Outcome]] = {}
    for outcome in last_of_each(outcomes):
        if outcome.dialect == dialect:
            by_row.setdefault(outcome.row, []).append(outcome)
    parts = [_conditions(dialect, by_row)]
    for part, title in TITLES.items():
        lines = [_line(row, dialect, by_row[row.name]) for row in rows if row.table == part and row.name in by_row]
        if lines:
            parts.append("\n".join([f"#### {title}", "", HEAD, *lines]))
    return "\n\n".join(parts) + "\n"


def _conditions(dialect: str, by_row: dict[str, list[Outcome]]) -> str:
    runs = [outcome for outcomes in by_row.values() for outcome in outcomes]
    wrong = sum(bool(outcome.problems) for outcome in runs)
    return (
        f"{len(by_row)} rows, {len(runs)} runs, {len(runs) - wrong} of them right; ccxt {version('ccxt')}, "
        f"Python {platform.python_version()}, protocol {dialect}. Times are median / worst, from the fault's end."
    )


def _line(row: Row, dialect: str, outcomes: list[Outcome]) -> str:
    right = [outcome for outcome in outcomes if not outcome.problems]
    if row.halts:
        live = "halted"
    elif any(outcome.left for outcome in right):
        left = [outcome.live_s for outcome in right if outcome.left]
        live = _figures(left) + (f" ({len(left)} of {len(right)}; else stays Live)" if len(left) < len(right) else "")
    else:
        live = "stays Live"
    books = "" if row.halts else _figures([outcome.book_s for outcome in right])
    orders = _figures([outcome.orders_s for outcome in right if outcome.struck])
    silence = max((outcome.silence_s for outcome in right), default=0.0)
    cells = [name_of(row, dialect), row.does, live, books, orders, f"{silence:.2f}", f"{len(right)}/{len(outcomes)}"]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _figures(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} / {max(seconds):.2f}" if seconds else ""


def problems(outcomes: Iterable[Outcome]) -> list[str]:
    """Every run that was not right, a line for each thing that was wrong."""
    return [f"{o.dialect}: {o.row} (run {o.run}): {text}" for o in last_of_each(outcomes) for text in o.problems]


def waits() -> str:
    """The shortened waits, for people."""
    return (
        f"request timeout {TIMEOUT_S:g} s, first book {BOOK_WAIT_S:g} s, ping {KEEP_ALIVE_S:g} s, "
        f"silence {SILENT_S:g} s, poll of open orders {POLL_S:g} s, evidence grace {GRACE_S:g} s"
    )


def write(path: Path, dialect: str, text: str) -> None:
    """Put a table between its marks in a document, or at the end of it where it has none."""
    first, last = f"<!-- table {dialect} -->", f"<!-- end of table {dialect} -->"
    block = f"{first}\n{text}{last}"
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    if first in known:
        known = re.sub(re.escape(first) + ".*?" + re.escape(last), lambda _: block, known, flags=re.DOTALL)
    else:
        known = f"{known.rstrip()}\n\n{block}\n".lstrip()
    path.write_text(known, encoding="utf-8")
