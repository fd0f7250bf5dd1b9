"""A dozen of the wire faults on one long-lived pair of arms, row by row; `python -m tests.faults` does them all."""

from collections.abc import Iterator

import pytest

from tests.faults.measure import measure
from tests.faults.pair import Pair
from tests.faults.row import Row
from tests.faults.rows import rows_of

NAMES = (
    "place: 502-html, but applied",
    "place: 200-{}, but applied",
    "place: reply lost",
    "place: reset mid-body",
    "place: reply lost, then invisible for 3 queries",
    "place: @too many",
    "cancel: reply lost",
    "open orders: 200-{}",
    "user events lost x5",
    "user stream ended by the venue, socket stays",
    "book frame: garbage",
    "book frame: left out: a gap",
    "venue killed and started again",
)
SHORT = [row for row in rows_of("binance") if row.name in NAMES]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both arms and their venues, for all rows."""
    with Pair("binance", tmp_path_factory.mktemp("faults")) as pair:
        yield pair


@pytest.mark.parametrize("row", SHORT, ids=lambda row: row.name)
def test_the_hurt_arm_comes_back_with_every_order_known_and_the_calm_arm_handles_every_frame(
    row: Row, pair: Pair
) -> None:
    assert measure(pair, row, 1).problems == []


def test_every_row_has_a_name_of_its_own_and_the_dozen_is_among_them() -> None:
    for dialect in ("binance", "kraken"):
        names = [row.name for row in rows_of(dialect)]
        assert len(names) == len(set(names))
    assert [row.name for row in SHORT if row.halts or row.fresh] == []
    assert {row.name for row in SHORT} == set(NAMES)
