"""`ganglion journal`: shows, verifies, exports and rebuilds; says where a journal is damaged; teaches and refuses."""

import csv
import errno
import json
import os
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ganglion.actors.trading.orders import records as r
from ganglion.bot.cli import app
from ganglion.bot.projection.database import FILE, dump
from ganglion.bot.projection.events import Failed
from ganglion.messages.account import External
from ganglion.messages.orders import PlaceVerdict
from tests.actors.trading.evidence import OPENED, answered, intent, order, started, trade
from tests.bot.projection.stage import Journal

COMMANDS = ("show", "verify", "export", "rebuild")


def ganglion(*arguments):
    return CliRunner().invoke(app, ["journal", *map(str, arguments)])


@pytest.fixture
def journal(tmp_path):
    folder = tmp_path / "test.ganglion"
    journal = Journal(folder)
    yield journal
    journal.log.close()


@pytest.fixture
def told(journal):
    """A journal in which something happened."""
    journal.write(*started(), Failed("/bot/modes/grid", 1, "ValueError", "no", "TopOfBook"))
    journal.write(answered(order()), r.TradeEvidence(trade(client_id="c1")))
    journal.write(r.Intended(intent("i2", mode="maker"), 2, "c2"), r.Sent("c2", 1))
    journal.write(answered(verdict=PlaceVerdict.RECONCILE, phase="maybe_sent", client_id="c2"))
    journal.write(r.ExternalEntry(External("USDT", Decimal("5.50"), "a deposit")))
    return journal


def segment(journal, number=1, place="journal"):
    return journal.folder / place / f"{number:08d}.log"


# ---------------------------------------------------------------- help and arguments


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_shows_an_example_of_it(command):
    shown = ganglion(command, "--help")
    assert shown.exit_code == 0
    assert f"\n    ganglion journal {command}" in shown.output


def test_the_list_of_commands_is_cut_nowhere():
    commands = ganglion("--help").output.partition("Commands:")[2]
    assert all(command in commands for command in COMMANDS)
    assert "..." not in commands


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_not_there_or_holds_no_journal_is_refused_in_one_sentence(command, tmp_path):
    for path, said in ((tmp_path / "nowhere", "is not there"), (tmp_path, "holds no journal")):
        shown = ganglion(command, path)
        assert shown.exit_code == 2
        assert said in shown.output
        assert len(shown.output.splitlines()) == 1


def test_a_bot_toml_stands_for_its_data_folder(told, tmp_path):
    config = tmp_path / "bot.toml"
    config.write_text('[bot]\nname = "test"\n')
    assert ganglion("verify", config).exit_code == 0
    config.write_text('[bot]\nname = "x"\ndata = "test.ganglion"\n')
    assert ganglion("verify", config).exit_code == 0
    config.write_text("[bot\n")
    assert "is no bot.toml" in ganglion("verify", config).output


def test_the_folder_of_segments_will_do_too(told):
    assert ganglion("verify", told.folder / "journal").exit_code == 0


def test_a_journal_that_must_not_be_read_is_said(told, monkeypatch):
    def forbidden(path):  # root, which CI may be, could read a file of mode 0
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    assert "ermission denied" in ganglion("verify", told.folder).output


# ---------------------------------------------------------------- show


def test_every_entry_is_a_line_with_time_account_and_figures(told):
    shown = ganglion("show", told.folder)
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("2026-01-01 00:00:02.000  alpha       opened")
    assert "1000 USDT, 3 BTC" in lines[0]
    assert "(bot)" in lines[3]
    assert "ValueError" in lines[3]
    assert "buy 0.4 BTC/USDT @ 100, fee 0.001 BTC t1  -> partially_filled 0.4/1" in lines[5]
    assert "SomeError (maybe_sent) means reconcile: as told  -> unknown" in lines[8]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--last", "2"), 2),
        (("--account", "bot"), 1),
        (("--account", "alpha"), 9),
        (("--mode", "maker"), 3),
        (("--since", "2026-01-01T00:00:10"), 2),
        (("--since", "2026-01-01T00:00:10", "--mode", "maker"), 1),
    ],
)
def test_entries_are_chosen_by_account_mode_time_and_number(told, arguments, count):
    shown = ganglion("show", told.folder, *arguments)
    assert len(shown.output.splitlines()) == count, shown.output


def test_nothing_that_matches_is_said_and_a_time_that_is_none_is_refused(told):
    assert "nothing in the journal matches" in ganglion("show", told.folder, "--since", "2030-01-01").output
    refused = ganglion("show", told.folder, "--since", "soon")
    assert refused.exit_code == 2
    assert '"10m"' in refused.output


@pytest.mark.parametrize("name", ["c1", "i1", "v1"])
def test_one_orders_life_is_told_by_any_of_its_ids(told, name):
    shown = ganglion("show", told.folder, "--order", name)
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert lines[0] == "Order c1 of alpha"
    assert "venue id   v1" in shown.output
    assert [line.split("  ")[3].strip() for line in lines if "+" in line and " s  " in line] == [
        "intent",
        "sent",
        "answer",
        "trade",
    ]
    assert "filled     0.4 of 1 in 1 fills" in shown.output


def test_an_order_that_is_unknown_says_what_is_open(told):
    shown = ganglion("show", told.folder, "--order", "c2")
    assert "now        unknown: SomeError: as told" in shown.output
    assert "none was ever told" in shown.output


def test_an_order_that_is_not_there_is_refused(told):
    shown = ganglion("show", told.folder, "--order", "c9")
    assert shown.exit_code == 2
    assert "'c9'" in shown.output


# ---------------------------------------------------------------- verify


def test_a_sound_journal_with_archive_and_checkpoints_verifies_beside_the_process_that_holds_it(told):
    told.rotate().write(r.OrderEvidence("c1", order("canceled", "0.4"))).rotate()
    shown = ganglion("verify", told.folder)
    assert shown.exit_code == 0, shown.output
    assert "3 segments" in shown.output
    assert "ok:" in shown.output


def test_a_torn_end_is_no_damage_but_said(told):
    path = segment(told)
    path.write_bytes(path.read_bytes()[:-5])
    shown = ganglion("verify", told.folder)
    assert shown.exit_code == 0
    assert "note: 00000001.log at byte" in shown.output


def test_a_flipped_byte_is_found_with_its_place(told):
    path = segment(told)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    shown = ganglion("verify", told.folder)
    assert shown.exit_code == 1
    assert "WRONG 00000001.log at byte" in shown.output
    assert "restore the file from a backup" in shown.output
    assert shown.output.count("WRONG") == 1
    assert ganglion("show", told.folder).exit_code == 1


def test_a_missing_segment_is_found_and_what_follows_its_checkpoint_is_still_judged(told):
    told.rotate().rotate().write(r.Frozen(3, "later"))
    segment(told, 2, "archive").unlink()
    shown = ganglion("verify", told.folder)
    assert shown.exit_code == 1
    assert "segments 2 to 2 are missing" in shown.output
    assert shown.output.count("WRONG") == 1


def test_a_segment_under_another_name_and_one_of_another_journal_are_found(told, tmp_path):
    told.rotate()
    other = Journal(tmp_path / "other", root=b"x" * 16)
    other.write(OPENED)
    other.log.close()
    segment(told, 3).write_bytes(segment(other).read_bytes())
    shown = ganglion("verify", told.folder)
    assert shown.exit_code == 1
    assert "says that it is segment 1" in shown.output
    assert "belongs to another journal" in shown.output


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([b"\x93\xa6Nobody\x01\x02"], "can't be read"),
        ([r.encode(r.Sent("c9", 1))], "c9"),
        ([r.encode(r.Intended(intent("i3"), 3, "c1"))], "I2: client id c1"),
        ([r.encode(r.Intended(intent("i1"), 3, "c3"))], "I3: intent i1 of alpha is used twice"),
        ([r.encode(r.TradeEvidence(trade("t9", "0.9", client_id="c1")))], "I3: c1 is filled by 1.3 of 1"),
    ],
)
def test_what_no_bot_could_have_written_is_found_by_replaying(told, records, said):
    for record in records:
        told.bytes(record)
    shown = ganglion("verify", told.folder)
    assert shown.exit_code == 1
    assert said in shown.output


def test_a_checkpoint_that_is_not_what_its_records_make_is_found(told):
    told.ledgers["alpha"].epoch = 99
    told.rotate()
    shown = ganglion("verify", told.folder)
    assert shown.exit_code == 1
    assert "I14: the checkpoint of alpha differs from its records in epoch" in shown.output


# ---------------------------------------------------------------- export


def test_fills_are_exported_as_csv_with_exact_money(told, tmp_path):
    out = tmp_path / "fills.csv"
    assert ganglion("export", told.folder, "--what", "fills", "--format", "csv", "--out", out).exit_code == 0
    with out.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["trade_id"], row["amount"], row["fee"], row["mode"]) == ("t1", "0.4", "0.001", "grid")
    assert sorted(tmp_path.iterdir()) == [out, told.folder]


def test_orders_are_exported_as_json_lines_on_standard_output(told):
    shown = ganglion("export", told.folder, "--what", "orders")
    rows = [json.loads(line) for line in shown.output.splitlines()]
    assert [(row["client_id"], row["state"], row["amount"]) for row in rows] == [
        ("c1", "partially_filled", "1"),
        ("c2", "unknown", "1"),
    ]


def test_records_are_exported_with_names_and_values(told):
    shown = ganglion("export", told.folder, "--what", "records")
    rows = [json.loads(line) for line in shown.output.splitlines()]
    assert [row["record"] for row in rows][:4] == ["Opened", "Intended", "Sent", "Failed"]
    assert rows[-1]["content"]["external"]["amount"] == "5.50"
    assert rows[1]["content"]["intent"]["amount"] == "1"


def test_an_export_of_a_damaged_journal_leaves_no_half_a_file(told, tmp_path):
    told.bytes(r.encode(r.Sent("c9", 1)))
    shown = ganglion("export", told.folder, "--out", tmp_path / "fills.jsonl")
    assert shown.exit_code == 1
    assert "ganglion journal verify" in shown.output
    assert list(tmp_path.iterdir()) == [told.folder]


# ---------------------------------------------------------------- rebuild


def test_a_rebuild_takes_the_place_of_a_projection_and_equals_what_was_written_behind(told):
    told.project()
    live = dump(told.folder / FILE)
    told.log.close()
    (told.folder / FILE).write_bytes(b"garbage")
    (told.folder / f"{FILE}-wal").write_bytes(b"garbage")
    shown = ganglion("rebuild", told.folder)
    assert shown.exit_code == 0, shown.output
    assert "10 entries" in shown.output
    assert dump(told.folder / FILE) == live
    assert [path.name for path in told.folder.glob(f"{FILE}*")] == [FILE]


def test_a_running_bots_projection_is_left_alone_and_a_second_one_can_be_made(told, tmp_path):
    refused = ganglion("rebuild", told.folder)
    assert refused.exit_code == 2
    assert f"in use by process {os.getpid()}" in refused.output
    out = tmp_path / "copy.sqlite"
    assert ganglion("rebuild", told.folder, "--out", out).exit_code == 0
    with closing(sqlite3.connect(out)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM orders").fetchone() == (2,)


def test_a_rebuild_of_a_damaged_journal_leaves_the_old_projection_as_it_was(told):
    told.project()
    before = dump(told.folder / FILE)
    told.bytes(r.encode(r.Sent("c9", 1)))
    told.log.close()
    assert ganglion("rebuild", told.folder).exit_code == 1
    assert dump(told.folder / FILE) == before


# ---------------------------------------------------------------- lost segments


@pytest.mark.parametrize("marked", [True, False])
def test_a_journal_whose_newest_segment_is_lost_is_shown_as_far_as_it_goes_and_every_command_says_so(told, marked):
    told.rotate()
    told.log.close()
    segment(told, 2).unlink()
    if not marked:
        (told.folder / "identity").unlink()
    verdict = ganglion("verify", told.folder)
    assert verdict.exit_code == 1
    assert "WRONG 00000002.log: segment 2 is missing" in verdict.output
    for command in ("show", "export", "rebuild"):
        done = ganglion(command, told.folder)
        assert done.exit_code == 1, command
        assert "segment 2 is missing" in done.output
    assert "c1" in ganglion("show", told.folder).output


def test_a_journal_of_which_nothing_is_left_is_damaged_and_not_unknown(told):
    told.log.close()
    segment(told).unlink()
    for command in COMMANDS:
        done = ganglion(command, told.folder)
        assert done.exit_code == 1, command
    assert "WRONG 00000001.log: segment 1 is missing" in ganglion("verify", told.folder).output


def test_a_segment_of_another_journal_that_shadows_one_is_told_with_what_is_wrong(told, tmp_path):
    told.rotate()
    other = Journal(tmp_path / "other.ganglion", root=b"o" * 16).write(*started())
    other.log.close()
    segment(told).write_bytes(segment(other).read_bytes())
    verdict = ganglion("verify", told.folder)
    assert verdict.exit_code == 1
    assert "WRONG 00000001.log: it stands in journal/ and in archive/" in verdict.output
    assert "WRONG 00000001.log: it belongs to another journal" in verdict.output
    shown = ganglion("show", told.folder)
    assert shown.exit_code == 1
    assert "they differ" in shown.output


def test_a_rebuild_keeps_the_projection_of_another_journal(told, tmp_path):
    other = Journal(tmp_path / "other.ganglion", root=b"o" * 16).write(*started())
    other.project(told.folder / FILE)
    other.log.close()
    kept = dump(told.folder / FILE)
    told.log.close()
    assert ganglion("rebuild", told.folder).exit_code == 0
    assert dump(told.folder / "projection-old-1.sqlite") == kept
    assert dump(told.folder / FILE) != kept


# ---------------------------------------------------------------- what a ledger forgets


def test_an_order_that_the_ledger_has_forgotten_is_still_told_and_its_id_still_used(told):
    told.write(r.TradeEvidence(trade("t2", "0.6", client_id="c1")), r.OrderEvidence("c1", order("closed", "1")))
    told.write(r.Forgotten(10**13))
    assert "c1" not in told.ledgers["alpha"].lines
    assert "filled     1 of 1 in 2 fills" in ganglion("show", told.folder, "--order", "c1").output
    told.rotate()
    assert ganglion("verify", told.folder).exit_code == 0
    told.bytes(r.encode(r.Intended(intent("i3"), 3, "c1")))
    shown = ganglion("verify", told.folder)
    assert "I2: client id c1 of alpha is used twice" in shown.output
