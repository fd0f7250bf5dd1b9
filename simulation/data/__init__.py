"""Recorded market data: reading it, looking at it, recording it, and going through several series by time.

`read` makes columnar series of files, `checking.look` reports what is in them, `merged` goes through several by time,
and `recorder` writes down what an exchange tells. The backtest stands on it. Nothing heavy is imported until a file
needs it.
"""

from ganglion.simulation.data.columns import BUY, SELL, UNKNOWN, Bars, BookDeltas, Facts, Gap, Series, Trades
from ganglion.simulation.data.errors import (
    DataError,
    DataFileError,
    DataRowError,
    MissingExtraError,
    MixedDataError,
    RecordingError,
)
from ganglion.simulation.data.merging import merged, times_of
from ganglion.simulation.data.reading import read

__all__ = [
    "BUY",
    "SELL",
    "UNKNOWN",
    "Bars",
    "BookDeltas",
    "DataError",
    "DataFileError",
    "DataRowError",
    "Facts",
    "Gap",
    "MissingExtraError",
    "MixedDataError",
    "RecordingError",
    "Series",
    "Trades",
    "merged",
    "read",
    "times_of",
]
