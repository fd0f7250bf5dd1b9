"""What can be wrong with recorded data, as types that name the file, the line and what to do.

DataError
├── DataFileError     a file can't be read, or nobody can tell what is in it
├── DataRowError      a row can't be used: impossible, unsorted, or in conflict with another
├── MixedDataError    rows that are right by themselves and don't belong into one series
├── MissingExtraError a format that needs the extra `data`
└── RecordingError    a folder that can't be recorded into

Raised by everything in this folder; it touches nothing.
"""

from __future__ import annotations


class DataError(Exception):
    """Base of this folder's errors: `FILE:LINE: what is wrong; what to do`."""

    def __init__(self, file: str, text: str, todo: str, line: int = 0) -> None:
        """Say it.

        Args:
            file: the file or folder.
            text: what is wrong there.
            todo: what to do about it.
            line: counted from 1, the header included (in a format without lines: the row); 0 for the whole file.
        """
        self.file = file
        self.line = line
        self.text = text
        self.todo = todo
        super().__init__(f"{file}{f':{line}' if line else ''}: {text}; {todo}")


class DataFileError(DataError):
    """A file can't be read, or nobody can tell what is in it."""


class DataRowError(DataError):
    """A row can't be used."""


class MixedDataError(DataError):
    """Rows that don't belong into one series."""


class MissingExtraError(DataError):
    """A format that needs the extra `data`."""


class RecordingError(DataError):
    """A folder that can't be recorded into."""
