"""A tape recorded from `ganglion run` against a local venue replays to the same order line and the same journal."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from ganglion.actors.modes import ModeActor
from ganglion.actors.trading.journal import read_journal
from ganglion.actors.trading.orders import records
from ganglion.bot import tree
from ganglion.bot.cli import app, main
from ganglion.bot.config import load
from ganglion.bot.tape import CONFIG, END, START, TURNS, End, Taping, files_of, taping
from ganglion.bot.tape_file import MAGIC, TapeError, TapeFile, read_tape
from ganglion.bot.tape_replay import TapeOutcome, is_tape, replay_tape
from ganglion.messages.orders import OrderUpdate
from ganglion.simulation.venue import VenueControl, VenueProcess
from ganglion.supervision.tape import REFUSED
from ganglion.supervision.tape.records import StepTurn, encode
from tests.acceptance.stage import arm_text, bot_text, traders

SECRET_OF = {name: f"{name}-5e7c0f19b2" for name in ("whole", "killed", "crashed", "refused")}
"""Key and secret of each account, by the environment variable that holds them."""
LIMIT_S = 30.0
PROGRAM = (sys.executable, "-c", "from ganglion.bot.cli import main; main()")


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueControl]:
    accounts = [part for value in SECRET_OF.values() for part in ("--account", f"{value}:{value}")]
    with VenueProcess(["--seed", "3", *accounts]) as process:
        yield process.control


@dataclass
class Run:
    """One bot with an account of its own."""

    folder: Path
    account: str

    @property
    def config(self) -> Path:
        return self.folder / "bot.toml"

    @property
    def tape(self) -> Path:
        return self.folder / "tape"

    @property
    def data(self) -> Path:
        return self.folder / f"{self.account}.ganglion"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()[-3000:]

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("w") as log:
            return subprocess.Popen(
                [*PROGRAM, "run", str(self.config), "--log", "json", "--tape", str(self.tape), *arguments],
                stdout=log,
                stderr=log,
                env=os.environ | {self.account: SECRET_OF[self.account]},
            )

    def wait(self, process: "subprocess.Popen[bytes]", condition: Callable[[], object]) -> None:
        """Until something holds; a process that ends before, or a condition that never holds, fails the test."""
        for _ in range(int(LIMIT_S / 0.1)):
            if condition():
                return
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
                break
        pytest.fail(self.log)

    def client_ids(self) -> set[str]:
        """Orders that its journal tells of."""
        ids = set()
        for entry in read_journal(self.data):
            if entry.account == "alpha" and isinstance(found := records.decode(entry.record), records.Intended):
                ids.add(found.client_id)
        return ids


def run_of(account: str, folder: Path, venue: VenueControl) -> Run:
    made = Run(folder, account)
    made.config.write_text(
        bot_text(arm_text("alpha", venue.base_url, key=account), *traders("alpha"), name=account), encoding="utf-8"
    )
    return made


def open_orders(venue: VenueControl, account: str) -> int:
    orders = venue.ledger()["accounts"][SECRET_OF[account]]["orders"]
    return sum(order["status"] in {"new", "partially_filled"} for order in orders)


@pytest.fixture(scope="module")
def whole(venue: VenueControl, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of six seconds, from its start to its clean end."""
    run = run_of("whole", tmp_path_factory.mktemp("whole"), venue)
    process = run.start("--for", "6s")
    assert process.wait(LIMIT_S + 6) == 0, run.log
    return run


def test_a_recorded_run_replays_to_the_same_order_line_and_the_same_journal(whole: Run) -> None:
    outcome = replay_tape(whole.tape)
    assert outcome.same, outcome.lines()
    assert outcome.ended == "the system stopped"
    assert outcome.order_line["SendOrder"] >= 4
    assert outcome.order_line["PlaceAnswered"] >= 4
    assert outcome.requests["CreateOrder"] >= len(whole.client_ids()) >= 4
    assert outcome.journal == f"{len(files_of(whole.data))} files with the bytes that the run left"
    assert b'"files"' in (whole.tape / END).read_bytes()


def test_what_end_json_says_is_what_stands_in_the_bots_folder(whole: Run) -> None:
    end = msgspec.json.decode((whole.tape / END).read_bytes(), type=End)
    assert end.files == files_of(whole.data)
    assert any(file.size > 1_000 for file in end.files.values())


def test_two_replays_are_the_same_and_one_can_stop_at_a_turn(whole: Run) -> None:
    first, second = (replay_tape(whole.tape) for _ in range(2))
    assert first == second
    told: list[str] = []
    part = replay_tape(whole.tape, until=500, tell=told.append)
    assert part.turns == 500
    assert part.same
    assert len(told) == 500
    assert told[-1].startswith("500 ")


@pytest.mark.parametrize("turn", [*range(1, 25), 3_000])
def test_a_replay_that_stops_at_a_turn_says_so_and_finds_nothing_wrong(whole: Run, turn: int) -> None:
    turn = min(turn, replayed_turns(whole) - 1)
    outcome = replay_tape(whole.tape, until=turn)
    assert outcome.good, outcome.lines()
    assert f"{turn} turns replayed; stopped at turn {turn}, as asked" in outcome.lines()


def replayed_turns(run: Run) -> int:
    return end_of(run).turns


def end_of(run: Run) -> End:
    return msgspec.json.decode((run.tape / END).read_bytes(), type=End)


@pytest.mark.parametrize("more", [0, 1, 10**9])
def test_a_replay_that_would_stop_behind_the_end_is_a_whole_one(whole: Run, more: int) -> None:
    assert replay_tape(whole.tape, until=replayed_turns(whole) + more) == replay_tape(whole.tape)


def damaged(run: Run, folder: Path, change: Callable[[bytes], bytes]) -> tuple[TapeOutcome, str]:
    """The replay of a copy whose turns were changed, and what it says of that."""
    copy = shutil.copytree(run.tape, folder / "copy")
    (copy / TURNS).write_bytes(change((copy / TURNS).read_bytes()))
    outcome = replay_tape(copy)
    assert outcome.same, outcome.lines()
    assert outcome.turns < end_of(run).turns
    assert outcome.damage.startswith(f"{outcome.turns} of {end_of(run).turns} turns can be read: ")
    assert f"DAMAGED: {outcome.damage}" in outcome.lines()
    return outcome, outcome.damage


def test_a_tape_that_lost_its_end_since_is_damaged(whole: Run, tmp_path: Path) -> None:
    outcome, said = damaged(whole, tmp_path, lambda data: data[: len(data) // 2])
    assert not outcome.good
    assert "the file ends inside the block at byte" in said


def test_a_tape_that_lost_whole_blocks_since_is_damaged(whole: Run, tmp_path: Path) -> None:
    outcome, said = damaged(whole, tmp_path, lambda data: data[: blocks_of(data)[-2]])
    assert not outcome.good
    assert f"{TURNS} ends there, and the run did not" in said


def test_a_byte_that_was_flipped_is_damage_and_its_block_is_named(whole: Run, tmp_path: Path) -> None:
    data = (whole.tape / TURNS).read_bytes()
    place = blocks_of(data)[2]

    def flip(data: bytes) -> bytes:
        return data[: place + 40] + bytes([data[place + 40] ^ 1]) + data[place + 41 :]

    outcome, said = damaged(whole, tmp_path, flip)
    assert not outcome.good
    assert f"the block at byte {place} fails its check, and" in said


def test_a_flipped_byte_is_damage_also_where_the_run_was_killed(whole: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(whole.tape, tmp_path / "copy")
    (copy / END).unlink()
    data = bytearray((copy / TURNS).read_bytes())
    data[blocks_of(bytes(data))[2] + 40] ^= 1
    (copy / TURNS).write_bytes(data)
    outcome = replay_tape(copy)
    assert outcome.same
    assert not outcome.good
    assert outcome.damage.startswith(f"{outcome.turns} turns can be read: the block at byte ")


def test_a_tape_whose_disk_took_no_more_is_not_damaged(whole: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(whole.tape, tmp_path / "copy")
    data = (copy / TURNS).read_bytes()
    (copy / TURNS).write_bytes(data[: len(data) // 2])
    (copy / END).write_bytes(msgspec.json.encode(msgspec.structs.replace(end_of(whole), reason=REFUSED)))
    outcome = replay_tape(copy)
    assert outcome.good, outcome.lines()
    assert outcome.ended == REFUSED


@pytest.mark.parametrize("until", [None, 10])
def test_the_command_fails_where_a_tape_is_damaged_before_the_place_that_is_asked_for(
    whole: Run, tmp_path: Path, until: int | None
) -> None:
    copy = shutil.copytree(whole.tape, tmp_path / "copy")
    data = (copy / TURNS).read_bytes()
    (copy / TURNS).write_bytes(data[: len(data) // 2])
    shown = CliRunner().invoke(app, ["replay", str(copy), "--quiet", *([] if until is None else ["--until", "10"])])
    assert shown.exit_code == (1 if until is None else 0), shown.output
    assert ("DAMAGED: " in shown.output) == (until is None)


def blocks_of(data: bytes) -> list[int]:
    """Where the blocks of a tape begin."""
    places, place = [], len(MAGIC)
    while place < len(data):
        places.append(place)
        place += 8 + int.from_bytes(data[place : place + 4], "little")
    assert place == len(data)
    assert len(places) > 4, "the run was too short to be taken apart"
    return places


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (CONFIG, "bot.toml can't be read (No such file or directory)"),
        (START, "there is no start/ in it"),
    ],
)
def test_a_tape_without_one_of_its_files_is_refused_by_name(
    whole: Run, tmp_path: Path, missing: str, said: str
) -> None:
    copy = shutil.copytree(whole.tape, tmp_path / "copy")
    shutil.rmtree(copy / missing) if (copy / missing).is_dir() else (copy / missing).unlink()
    shown = CliRunner().invoke(app, ["replay", str(copy), "--quiet"])
    assert shown.exit_code == 2, shown.output
    assert said in shown.output
    assert shown.exception is None or isinstance(shown.exception, SystemExit)


def test_an_end_that_can_not_be_read_is_refused_by_name(whole: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(whole.tape, tmp_path / "copy")
    (copy / END).write_text("{")
    with pytest.raises(TapeError, match=r"no whole tape: end\.json can't be read"):
        replay_tape(copy)


def test_a_changed_mode_diverges_and_the_turn_is_named(whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(ModeActor):
        """Hears of no order any more."""

        def order(self, message: OrderUpdate) -> None:
            pass

    assert any(name == "order" for name in ModeActor.handlers.values()), "the handler has another name now"
    monkeypatch.setattr(tree, "ModeActor", Deaf)
    outcome = replay_tape(whole.tape)
    assert not outcome.same
    # At the mode's own turn, or at a timer that it set or cancelled in one.
    assert "alpha" in outcome.divergence


def test_a_changed_journal_is_told(whole: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(whole.tape, tmp_path / "tape")
    end = (copy / END).read_text()
    (copy / END).write_text(end.replace('"size": ', '"size": 1'))
    outcome = replay_tape(copy)
    assert not outcome.same
    assert outcome.journal.startswith("DIFFERS")


def test_a_tape_is_its_owners_only_and_holds_no_secret(whole: Run) -> None:
    for path in (whole.tape, *whole.tape.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    secret = SECRET_OF["whole"].encode()
    for path in whole.tape.rglob("*"):
        assert path.is_dir() or secret not in path.read_bytes()
    assert all(secret not in encode(record) for record in read_tape(whole.tape / TURNS))


def test_a_replay_leaves_the_bots_folder_alone(whole: Run) -> None:
    def stamps() -> dict[Path, float]:
        return {path: path.stat().st_mtime_ns for path in whole.data.rglob("*")}

    before = stamps()
    replay_tape(whole.tape)
    assert stamps() == before


def test_a_run_that_was_killed_replays_as_far_as_its_tape_goes(venue: VenueControl, tmp_path: Path) -> None:
    run = run_of("killed", tmp_path, venue)
    process = run.start()
    run.wait(process, lambda: open_orders(venue, "killed") >= 4 and (run.tape / TURNS).stat().st_size > 50_000)
    process.send_signal(signal.SIGKILL)
    process.wait(LIMIT_S)
    assert not (run.tape / END).exists()
    outcome = replay_tape(run.tape)
    assert outcome.same, outcome.lines()
    assert outcome.ended == ""
    assert outcome.order_line["PlaceAnswered"] >= 4
    assert "are what the live one" in outcome.journal
    torn = (run.tape / TURNS).read_bytes()
    (run.tape / TURNS).write_bytes(torn[: len(torn) * 2 // 3])
    shorter = replay_tape(run.tape)
    assert shorter.same, shorter.lines()
    assert 0 < shorter.turns < outcome.turns


def trade_through_crashes(tape: Taping, trading: Callable[[], bool]) -> None:
    """A recorded run in this process, in which the exchange actor crashes, and then what keeps the account."""
    bot = tape.build(tape.system())
    try:
        assert bot.wait_until(lambda _: trading(), LIMIT_S)
        bot.fail("alpha", "exchange")
        assert bot.wait_until(lambda _: bot.tree().restarts == 1, LIMIT_S)
        bot.fail("alpha", "account")
        assert bot.wait_until(lambda _: bot.tree().restarts > 1, LIMIT_S)
        bot.drain(5.0)
    finally:
        bot.stop()


def test_an_exchange_actor_that_crashes_and_a_bot_that_starts_again_are_repeated(
    venue: VenueControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("crashed", SECRET_OF["crashed"])
    config = load(run_of("crashed", tmp_path, venue).config)
    for number in range(2):
        folder = tmp_path / f"tape-{number}"
        with taping(config, folder) as tape:
            assert isinstance(tape, Taping)
            trade_through_crashes(tape, lambda: open_orders(venue, "crashed") >= 4)
        outcome = replay_tape(folder)
        assert outcome.same, outcome.lines()
        assert outcome.journal.endswith("files with the bytes that the run left")
    # The second begins with what the first has left.
    assert (tmp_path / "tape-1" / "start" / "journal" / "00000001.log").stat().st_size > 1_000


def test_a_folder_that_holds_something_is_not_recorded_into(
    venue: VenueControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of("refused", tmp_path, venue)
    monkeypatch.setenv("refused", SECRET_OF["refused"])
    run.tape.mkdir()
    (run.tape / "mine.txt").write_text("not yours")
    monkeypatch.setattr(sys, "argv", ["ganglion", "run", str(run.config), "--tape", str(run.tape)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "name a new folder" in capsys.readouterr().err
    assert not run.data.exists()
    assert not is_tape(run.tape)


def test_a_folder_that_is_no_tape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="is no tape"):
        replay_tape(tmp_path)


def test_a_tape_that_has_grown_to_its_bound_takes_no_more(tmp_path: Path) -> None:
    path = tmp_path / TURNS
    file = TapeFile(path, most_bytes=5_000)
    record = encode(StepTurn("a step", 1.0, 2))
    taken = 0
    while file.write(record) and taken < 50_000_000:
        taken += 1
    file.close()
    assert "grown to" in file.failure
    assert path.stat().st_size <= 5_000
    assert path.read_bytes().startswith(MAGIC)
    assert all(isinstance(found, StepTurn) for found in read_tape(path))
