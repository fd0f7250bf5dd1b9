"""Figures: what a run leaves behind, judged, summarised and shown. Light to import: no plotly, no rich.

record = RunRecord(...)            # filled in by the backtest, the sweep, the paper run
run = figures(record)              # every figure; docs/backtest-figures.md has the formulas
summary_json(record, run)          # the summary file with "figures"
print_summary(record, run)         # for a terminal
write_report(record, run, path)    # one HTML file, offline; needs the extra `data`
"""

from ganglion.simulation.figures.figures import Figures, RunFigures, TradeFigures, figures
from ganglion.simulation.figures.record import (
    Curve,
    ExchangeRecord,
    FillRecord,
    Incident,
    IncidentKind,
    MarketRecord,
    ModeRecord,
    RecordError,
    RunRecord,
)
from ganglion.simulation.figures.report import ReportError, write_report
from ganglion.simulation.figures.returns import ReturnFigures
from ganglion.simulation.figures.spans import SpanFigures
from ganglion.simulation.figures.summary import run_summary, summary_json
from ganglion.simulation.figures.terminal import print_summary
from ganglion.simulation.figures.trips import RoundTrip

__all__ = [
    "Curve",
    "ExchangeRecord",
    "Figures",
    "FillRecord",
    "Incident",
    "IncidentKind",
    "MarketRecord",
    "ModeRecord",
    "RecordError",
    "ReportError",
    "ReturnFigures",
    "RoundTrip",
    "RunFigures",
    "RunRecord",
    "SpanFigures",
    "TradeFigures",
    "figures",
    "print_summary",
    "run_summary",
    "summary_json",
    "write_report",
]
