"""docs/invariants.md names a judge for every invariant, and every judge that it names is there."""

import inspect
import re
from pathlib import Path

from ganglion.actors.trading.monitor import invariants as monitor
from ganglion.simulation.judging import Keeping, Reconciles, deciding, settled
from ganglion.simulation.judging.oracle import VenueOracle
from ganglion.simulation.judging.owners import OwnerCheck
from ganglion.simulation.judging.replay import judge_replay
from ganglion.simulation.judging.sights import Sights

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "invariants.md"
PLACES = {
    "monitor": vars(monitor),
    "oracle": vars(VenueOracle),
    "settled": vars(settled),
    "owners": vars(OwnerCheck),
    "replay": {"judge_replay": judge_replay},
    "deciding": vars(deciding),
    "reconciles": vars(Reconciles),
    "keeping": vars(Keeping),
    "sights": vars(Sights),
}


def rows():
    """(invariant, what holds, names of judges) of each row of the table."""
    found, number = [], ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4 or cells[1] in {"holds", "---"}:
            continue
        number = cells[0] or number
        found.append((number, cells[1], re.findall(r"`([^`]+)`", cells[2])))
    return found


def test_every_invariant_has_a_judge():
    judged = {number for number, _, judges in rows() if judges}
    assert judged == {f"I{number}" for number in range(1, 16)}


def test_every_judge_that_is_named_is_there():
    for _, _, judges in rows():
        assert judges
        for judge in judges:
            if "/" in judge:
                assert (ROOT / judge).is_file(), judge
                continue
            place, _, name = judge.partition(".")
            assert name in PLACES[place], judge


def test_every_judgement_of_the_monitor_stands_in_the_row_of_its_invariant():
    page = {(number, judge) for number, _, judges in rows() for judge in judges}
    for name, function in vars(monitor).items():
        numbered = re.match(r"(I\d+): ", inspect.getdoc(function) or "") if inspect.isfunction(function) else None
        if numbered is not None and function.__module__ == monitor.__name__:
            assert (numbered[1], f"monitor.{name}") in page, name
