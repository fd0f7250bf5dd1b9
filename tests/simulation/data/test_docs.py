"""docs/data.md says what the code does: the columns of a recording, the formats, the errors."""

import re
from pathlib import Path

import pytest

from ganglion.simulation.data import errors
from ganglion.simulation.data.recording import COLUMNS
from ganglion.simulation.data.sources import BY_POLARS

PAGE = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", COLUMNS.values())
def test_the_columns_of_a_recording_are_those_of_the_page(columns):
    assert columns in PAGE


@pytest.mark.parametrize("ending", BY_POLARS)
def test_every_format_is_on_the_page(ending):
    assert f"`{ending}`" in PAGE


def test_every_error_that_reading_raises_is_on_the_page_and_in_the_tree():
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds - {"RecordingError"} <= set(re.findall(r"`(\w+Error)`", PAGE))
    assert kinds <= set(re.findall(r"\w+Error", errors.__doc__ or "")), "the tree at the top of errors.py"
