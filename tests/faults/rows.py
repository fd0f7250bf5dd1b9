"""All rows of a dialect."""

from __future__ import annotations

from tests.faults.requests import REQUESTS
from tests.faults.row import DIALECTS, Row, has_words
from tests.faults.sockets import SOCKETS

ROWS: tuple[Row, ...] = (*REQUESTS, *SOCKETS)

__all__ = ["DIALECTS", "ROWS", "rows_of"]


def rows_of(dialect: str) -> list[Row]:
    """The rows that this dialect has words for."""
    return [
        row
        for row in ROWS
        if row.only in {"", dialect} and all(has_words(fault, dialect) for fault in (*row.faults, *row.push))
    ]
