"""The report of a run: one HTML file that works offline, in light and dark.

`page` lays it out, `charts` says what is drawn as plotly's plain JSON, `tables` writes tables, `look` holds CSS and the
page's own script. Only `write_report` touches a file; plotly is loaded when it is called.
"""

from ganglion.simulation.figures.report.writing import ReportError, write_report

__all__ = ["ReportError", "write_report"]
