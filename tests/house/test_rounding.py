"""Whoever rounds money says how: ccxt leaves ROUND_HALF_UP behind in the context of whichever thread it ran on."""

from __future__ import annotations

import ast
import decimal
from pathlib import Path

import pytest
from ccxt.base.decimal_to_precision import ROUND, TICK_SIZE, decimal_to_precision

from tests.house.rooms import name_of, sources


def test_ccxt_changes_the_rounding_of_the_thread_that_it_runs_on() -> None:
    with decimal.localcontext(rounding=decimal.ROUND_HALF_EVEN):
        decimal_to_precision("1.5", ROUND, "0.1", TICK_SIZE)
        assert decimal.getcontext().rounding == decimal.ROUND_HALF_UP


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_every_quantize_names_its_rounding(path: Path) -> None:
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "quantize"
    ]
    silent = [call.lineno for call in calls if len(call.args) + len(call.keywords) < 2]
    assert silent == []
