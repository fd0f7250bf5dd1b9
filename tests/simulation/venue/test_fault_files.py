"""Files of faults: read with clear mistakes, switched on when their time comes, by both command lines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ganglion.bot.cli import app
from ganglion.simulation.venue import VenueProcess
from ganglion.simulation.venue.cli import faults_text, main
from ganglion.simulation.venue.dialects.binance.manners import ANSWERS
from ganglion.simulation.venue.fault_files import FaultFileError, load
from ganglion.simulation.venue.fault_guide import EXAMPLE
from ganglion.simulation.venue.faults import Fault, FaultKind
from tests.simulation.venue.support import WAIT_S


def written(folder: Path, text: str, name: str = "faults.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_example_that_is_printed_can_be_read(tmp_path: Path) -> None:
    planned = load(written(tmp_path, EXAMPLE)).planned
    assert [known.fault.kind for known in planned] == ["lose_reply", "freeze", "answer"]
    assert [(known.at_s, known.every_s) for known in planned] == [(0, None), (10, 60), (30, None)]
    assert EXAMPLE in faults_text("binance")


def test_json_says_the_same(tmp_path: Path) -> None:
    text = '[\n  {"kind": "gap", "stream": "user"},\n  {"kind": "ban", "seconds": 3, "at_s": 1.5}\n]'
    first, second = load(written(tmp_path, text, "faults.json")).planned
    assert (first.fault.stream, first.line) == ("user", 2)
    assert (second.fault.seconds, second.at_s, second.line) == (3, 1.5, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[fault]]\nkind = "gap"\n\n[[fault]]\nkind = "gapp"\n',
            "line 5: fault 2: 'gapp' is no kind, did you mean gap",
        ),
        ('[[fault]]\nkind = "gap"\nstraem = "user"\n', "line 3: fault 1: 'straem' is no key .* did you mean stream"),
        ('[[fault]]\nkind = "ban"\nseconds = "3"\n', "line 3: fault 1: seconds = '3' cannot be"),
        ('[[fault]]\nkind = "gap"\nat_s = -1\n', "line 3: fault 1: at_s = -1 is no number of seconds"),
        ('[[fault]]\nkind = "gap"\nevery_s = 0\n', "line 3: fault 1: every_s = 0 would never end"),
        ('[[fault]]\nkind = "gap"\nuntil_s = 9\n', "line 3: fault 1: until_s means nothing without every_s"),
        ('[fault]\nkind = "gap"\n', r"a file of faults is a list of tables headed \[\[fault\]\]"),
        ("kind = gap", "this is not TOML"),
        ('[[faults]]\nkind = "gap"\n', "'faults' stands there"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FaultFileError, match=said):
        load(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[\n {"kind": "gap"},\n {"kind": "gap",\n  "times": 0}\n]', "line 4: fault 2: times = 0"),
        ('{"kind": "gap"}', "line 1: a file of faults is a JSON list"),
        ("[\n 7\n]", "line 2: a fault is an object"),
        ("[\n\n nope", "line 3: this is not JSON"),
    ],
)
def test_a_mistake_in_json_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FaultFileError, match=said):
        load(written(tmp_path, text, "faults.json"))


def test_faults_are_switched_on_in_time_and_again(tmp_path: Path) -> None:
    text = '[[fault]]\nkind = "gap"\nat_s = 0.02\nevery_s = 0.02\nuntil_s = 0.07\n[[fault]]\nkind = "replay"\n'
    on: list[FaultKind] = []

    def switch_on(fault: Fault) -> None:
        on.append(fault.kind)

    asyncio.run(asyncio.wait_for(load(written(tmp_path, text)).run(switch_on), WAIT_S))
    assert on == ["replay", "gap", "gap", "gap"]


def test_a_venue_process_does_what_its_file_says(tmp_path: Path) -> None:
    path = written(tmp_path, '[[fault]]\nkind = "answer"\nanswer = "-1003"\nrequests = "query"\nseconds = 60\n')
    with VenueProcess(["--faults", str(path)]) as process:
        (known,) = process.control.faults()
        assert (known["fault"]["answer"], known["left"]) == ("-1003", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--faults", "nowhere.toml"], "nowhere.toml: can't be read: No such file"),
        (["--faults", "UNKNOWN"], "line 1: answer 'nope' is unknown; this venue has: -1000"),
        (["--maker-fee", "x"], "argument --maker-fee: 'x' is no number"),
        (["--port", "x"], "argument --port"),
        (["--maker-fee", "2"], "is no share of a fill"),
    ],
)
def test_what_the_command_line_cannot_use_is_a_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    unknown = written(tmp_path, '[[fault]]\nkind = "answer"\nanswer = "nope"\n')
    try:
        code = main([str(unknown) if part == "UNKNOWN" else part for part in arguments])
    except SystemExit as ended:  # of argparse
        code = int(str(ended.code))
    assert code == 2
    assert said in capsys.readouterr().err


def test_the_guide_lists_every_kind_and_every_answer() -> None:
    text = faults_text("binance")
    assert [kind for kind in FaultKind if f"  {kind} " not in text] == []
    assert [name for name in ANSWERS if f"  {name} " not in text] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--list-faults"], 0, "-2010-insufficient"),
        (["--list-faults", "--dialect", "kraken"], 0, "EOrder:Insufficient funds"),
        (["--list-faults", "--dialect", "nope"], 2, "dialect 'nope' is unknown; there are: binance, kraken"),
        (["--fee", "x"], 2, "'x' is no number"),
        (["--help"], 0, "--faults faults.toml"),
    ],
)
def test_the_venue_of_the_bots_command_line_knows_faults_too(arguments: list[str], code: int, said: str) -> None:
    done = CliRunner().invoke(app, ["venue", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == code
    assert said in " ".join(done.output.split()).replace("│", "")
