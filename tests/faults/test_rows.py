"""The campaign's own parts: its rows are faults that the venues take, its table and its memory keep what was found."""

from pathlib import Path

import pytest

from ganglion.simulation.venue.fault_guide import read_fault
from ganglion.simulation.venue.server import DIALECTS
from tests.faults import report
from tests.faults.campaign import Memory
from tests.faults.measure import Outcome
from tests.faults.row import in_words, name_of
from tests.faults.rows import rows_of
from tests.faults.worker import Task


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_row_is_made_of_faults_that_the_venue_takes(dialect: str) -> None:
    rows = rows_of(dialect)
    assert len(rows) > 150
    for row in rows:
        for fault in (*row.faults, *row.push):
            if fault["kind"] != "kill":
                known = read_fault(in_words(fault, dialect))
                assert not known.answer or known.answer in DIALECTS[dialect].answers
        assert "@" not in name_of(row, dialect)


def test_a_table_is_put_in_its_place_and_the_rest_of_the_document_stays(tmp_path: Path) -> None:
    path = tmp_path / "faults.md"
    path.write_text("before\n<!-- table binance -->\nold\n<!-- end of table binance -->\nafter\n")
    report.write(path, "binance", "new\n")
    assert path.read_text() == "before\n<!-- table binance -->\nnew\n<!-- end of table binance -->\nafter\n"
    report.write(path, "kraken", "more\n")
    assert path.read_text().endswith("after\n\n<!-- table kraken -->\nmore\n<!-- end of table kraken -->\n")


def test_a_row_is_summed_up_by_its_right_runs_and_its_wrong_ones_are_counted() -> None:
    row = next(row for row in rows_of("binance") if row.name == "user sockets: reset")
    seconds = (0.2, 0.4, 0.9)
    outcomes = [
        Outcome(dialect="binance", row=row.name, run=run, live_s=live_s, left=True, silence_s=live_s / 2)
        for run, live_s in enumerate(seconds)
    ]
    outcomes.append(Outcome(dialect="binance", row=row.name, run=3, live_s=99.0, left=True, problems=["wrong"]))
    line = report.table("binance", [row], outcomes).splitlines()[-1]
    assert line.startswith("| user sockets: reset | connects again and reconciles | 0.40 / 0.90 |")
    assert line.endswith("| 0.45 | 3/4 |")
    assert report.problems(outcomes) == ["binance: user sockets: reset (run 3): wrong"]


def test_a_campaign_that_goes_on_does_what_was_not_done_or_was_wrong(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    first = Memory(path, resume=False)
    first.add(Outcome(dialect="binance", row="a", run=1))
    first.add(Outcome(dialect="binance", row="b", run=1, problems=["it hung"]))
    again = Memory(path, resume=True)
    assert [again.has(Task("binance", row, 1)) for row in ("a", "b", "c")] == [True, False, False]
    again.add(Outcome(dialect="binance", row="b", run=1))
    assert report.problems(Memory(path, resume=True).outcomes) == []
    assert Memory(path, resume=False).outcomes == []
