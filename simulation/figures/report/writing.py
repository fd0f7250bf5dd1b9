"""Writes the report's file, whole or not at all. The only one here that loads plotly (for its script) and a disk."""

from __future__ import annotations

from pathlib import Path

from ganglion.simulation.figures.figures import RunFigures
from ganglion.simulation.figures.record import RunRecord


class ReportError(Exception):
    """The report can't be written; the text says why and what to do."""


def write_report(record: RunRecord, run: RunFigures, path: Path) -> int:
    """Write the report as one HTML file, about 5 MB of it plotly's own script.

    Args:
        record: of the run.
        run: its figures.
        path: of the file; an old one is replaced.

    Returns:
        The file's size in bytes.

    Raises:
        ReportError: plotly is not installed, or the file can't be written.
    """
    from ganglion.simulation.figures.report.page import page  # noqa: PLC0415  # only reports need it

    text = page(record, run, _plotly_script())
    partial = path.with_name(path.name + ".partial")
    try:
        size = partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ReportError(f"the report can't be written to {path}: {error.strerror or error}") from error
    return size


def _plotly_script() -> str:
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise ReportError("the report needs plotly: pip install 'ganglion[data]'") from error
    return str(get_plotlyjs())
