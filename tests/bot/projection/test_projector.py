"""The projection follows the journal from any state, and what many processes wrote behind equals one made anew."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.ledger import LedgerError
from ganglion.bot.projection.database import (
    FILE,
    ProjectionBusy,
    ProjectionError,
    ProjectionReplaced,
    ProjectionStale,
    dump,
)
from ganglion.bot.projection.events import Restarted
from ganglion.bot.projection.following import JournalGap
from ganglion.bot.projection.projector import Projector
from tests.actors.trading.evidence import answered, order, started, trade
from tests.bot.projection.stage import Journal, histories


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path)
    yield journal
    journal.log.close()


def rows(journal):
    return dump(journal.folder / FILE)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), histories(), st.data())
def test_a_projection_written_behind_by_many_processes_equals_one_made_anew(alpha, beta, data):
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        streams = {"alpha": list(alpha), "beta": list(beta)}
        while any(streams.values()):
            account = data.draw(st.sampled_from([name for name, left in streams.items() if left]))
            count = data.draw(st.integers(1, 8))
            journal.write(*streams[account][:count], account=account)
            del streams[account][:count]
            match data.draw(st.sampled_from(["go on", "project", "rotate", "event"])):
                case "project":
                    assert not journal.project().notice
                case "rotate":
                    journal.rotate()
                case "event":
                    journal.write(Restarted("/bot/modes/grid", 2))
        journal.project()
        assert rows(journal) == journal.rebuilt()
        journal.log.close()


def test_what_is_written_already_is_not_written_twice(journal):
    journal.write(*started(), r.Frozen(2, "again"))
    journal.project()
    before = rows(journal)
    assert journal.project().database.entries == 4
    assert rows(journal) == before


def test_nothing_behind_the_durable_place_is_read(journal):
    place = journal.write(*started()).place
    journal.write(answered(order()))
    projector = Projector(journal.folder)
    projector.catch_up(place)
    assert projector.database.position == place
    projector.catch_up()
    assert projector.database.position == journal.place
    projector.close()


def test_catching_up_stops_after_so_many_entries_and_says_that_there_is_more(journal):
    for _ in range(5):
        journal.write(Restarted("/bot/x", 2))
    projector = Projector(journal.folder)
    assert projector.catch_up(entries=2)
    assert projector.database.entries == 2
    assert not projector.catch_up()
    assert projector.database.entries == 5
    projector.close()


def test_a_torn_end_is_waited_for_and_a_hole_is_not_passed_over(journal):
    journal.write(*started())
    path = journal.folder / "journal" / "00000001.log"
    whole = path.read_bytes()
    journal.write(answered(order()))
    torn = path.read_bytes()[:-3]
    path.write_bytes(torn)
    projector = Projector(journal.folder)
    assert not projector.catch_up()
    assert projector.database.position.offset == len(whole)
    with pytest.raises(JournalGap, match="no whole batch at byte"):
        projector.catch_up(journal.place)
    projector.close()


def test_a_projection_that_is_no_database_is_dropped_and_made_anew(journal):
    journal.write(*started())
    (journal.folder / FILE).write_bytes(b"this is no database at all" * 100)
    assert "damaged, or no database" in journal.project().notice
    assert rows(journal) == journal.rebuilt()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE meta SET value = '0' WHERE name = 'schema_version'", "tables of version 0"),
        ("UPDATE meta SET value = 'ff' WHERE name = 'run_root'", "of another journal"),
        ("UPDATE meta SET value = 'x' WHERE name = 'offset'", "does not say how far"),
        ("UPDATE meta SET value = '99999' WHERE name = 'offset'", "ahead of its journal"),
        ("UPDATE meta SET value = '7' WHERE name = 'segment'", "segment 7"),
        ("DROP TABLE meta", "is no projection"),
    ],
)
def test_a_projection_that_can_not_be_gone_on_with_is_made_anew_and_it_is_said(journal, change, said):
    journal.write(*started())
    journal.project()
    with closing(sqlite3.connect(journal.folder / FILE)) as connection:
        connection.execute(change)
        connection.commit()
    assert said in journal.project().notice
    assert rows(journal) == journal.rebuilt()


def test_rows_and_their_place_are_written_together_or_not_at_all(journal):
    journal.write(*started())
    journal.project()
    before = rows(journal)
    with closing(sqlite3.connect(journal.folder / FILE)) as connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON meta WHEN new.name = 'offset' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    journal.write(answered(order()))
    projector = Projector(journal.folder)
    with pytest.raises(ProjectionError, match="no"):
        projector.catch_up()
    assert rows(journal) == before
    with closing(sqlite3.connect(journal.folder / FILE)) as connection:
        connection.execute("DROP TRIGGER no")
    projector.catch_up()
    projector.close()
    assert rows(journal) == journal.rebuilt()


def test_a_locked_projection_is_written_later_and_nothing_is_lost(journal, monkeypatch):
    monkeypatch.setattr("ganglion.bot.projection.database._BUSY_S", 0.01)
    journal.write(*started())
    projector = Projector(journal.folder)
    with closing(sqlite3.connect(journal.folder / FILE, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with pytest.raises(ProjectionBusy):
            projector.catch_up()
        somebody.execute("ROLLBACK")
    projector.catch_up()
    projector.close()
    assert rows(journal) == journal.rebuilt()


def test_a_projection_that_was_deleted_under_a_writer_is_noticed(journal):
    journal.write(*started())
    projector = Projector(journal.folder)
    (journal.folder / FILE).unlink()
    with pytest.raises(ProjectionReplaced, match="is gone"):
        projector.catch_up()
    projector.close()
    journal.project()
    assert rows(journal) == journal.rebuilt()


def test_two_writers_do_not_double_a_row(journal):
    journal.write(*started())
    first, second = Projector(journal.folder), Projector(journal.folder)
    first.catch_up()
    with pytest.raises(ProjectionReplaced, match="somebody else"):
        second.catch_up()
    first.close()
    second.close()
    assert rows(journal) == journal.rebuilt()


def test_the_file_is_the_owners_alone(journal):
    journal.write(*started())
    journal.project()
    assert (journal.folder / FILE).stat().st_mode & 0o777 == 0o600


def test_a_folder_without_a_journal_is_refused(tmp_path):
    with pytest.raises(JournalGap, match="no journal"):
        Projector(tmp_path)


def test_records_that_no_ledger_could_have_written_stop_it_and_what_came_before_stays(journal):
    journal.write(*started())
    journal.bytes(r.encode(r.Sent("c9", 1)))
    projector = Projector(journal.folder)
    with pytest.raises(LedgerError, match="c9"):
        projector.catch_up()
    projector.close()
    assert len(rows(journal)["orders"]) == 1


def test_after_the_archive_is_gone_rows_are_made_from_the_checkpoint(journal):
    claimed = r.TradeEvidence(trade(client_id="c1"))
    journal.write(*started(), answered(order()), claimed)
    journal.rotate()
    journal.write(r.OrderEvidence("c1", order("canceled", "0.4")))
    whole = journal.rebuilt()
    for path in (journal.folder / "archive").iterdir():
        path.unlink()
    short = journal.rebuilt()
    for table in ("fees", "positions", "days"):
        assert short[table] == whole[table]
    assert [row[:2] for row in short["orders"]] == [row[:2] for row in whole["orders"]]
    assert [row[:3] for row in short["fills"]] == [row[:3] for row in whole["fills"]]
    assert {row[5] for row in short["balances"]} == {"checkpoint"}


def test_a_stale_projection_is_told_from_a_busy_one():
    assert not issubclass(ProjectionStale, ProjectionBusy)
    assert not issubclass(ProjectionBusy, ProjectionStale)


KILLED = """
import os, signal, sys
from pathlib import Path
from ganglion.bot.projection.projector import Projector

projector = Projector(Path(sys.argv[1]))
left = [int(sys.argv[2])]

def step():
    left[0] -= 1
    if left[0] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0

projector.database._connection.set_progress_handler(step, 10)
while projector.catch_up(entries=3):
    pass
"""


def test_a_process_killed_in_the_middle_of_a_write_leaves_a_projection_that_is_gone_on_with(journal):
    for number in range(1, 30):
        journal.write(*started(f"i{number}", f"c{number}", number=number)[0 if number == 1 else 1 :])
    environment = {**os.environ, "PYTHONPATH": ""}
    for steps in (30, 90, 150):
        command = [sys.executable, "-c", KILLED, str(journal.folder), str(steps)]
        assert subprocess.run(command, check=False, env=environment).returncode == -signal.SIGKILL
    assert not journal.project().notice
    assert rows(journal) == journal.rebuilt()


# ---------------------------------------------------------------- what the journal may not have any more


def test_a_projection_of_another_journal_is_set_aside_and_never_deleted(journal, tmp_path):
    journal.write(*started())
    for number in (1, 2):
        other = Journal(tmp_path / f"other{number}", root=b"%d" % number * 16).write(*started())
        other.project()
        other.log.close()
        (other.folder / FILE).replace(journal.folder / FILE)
        kept = dump(journal.folder / FILE)
        assert f"kept as projection-old-{number}.sqlite" in journal.project().notice
        assert dump(journal.folder / f"projection-old-{number}.sqlite") == kept
        assert dump(journal.folder / FILE) == journal.rebuilt()


def test_a_projection_that_is_ahead_of_its_journal_is_set_aside(journal):
    journal.write(*started())
    whole = (journal.folder / "journal" / "00000001.log").read_bytes()
    journal.write(answered(order()))
    journal.project()
    kept = dump(journal.folder / FILE)
    (journal.folder / "journal" / "00000001.log").write_bytes(whole)
    assert "ahead of its journal" in journal.project().notice
    assert dump(journal.folder / "projection-old-1.sqlite") == kept


def test_a_projection_is_left_as_it_is_while_its_journal_lacks_a_segment(journal):
    journal.write(*started()).rotate().write(answered(order()))
    journal.project()
    kept = dump(journal.folder / FILE)
    (journal.folder / "journal" / "00000002.log").unlink()
    with pytest.raises(JournalGap, match=r"segment 2 is missing.*projection.sqlite is left as it is"):
        Projector(journal.folder)
    assert dump(journal.folder / FILE) == kept
    assert not list(journal.folder.glob("projection-old*"))


def test_what_lies_beside_the_database_stays_small(journal):
    projector = Projector(journal.folder)
    for _ in range(20):
        journal.write(*(Restarted("/bot/modes/grid", 2) for _ in range(400)))
        projector.catch_up()
    assert (journal.folder / FILE).stat().st_size > 1024 * 1024 / 4
    assert (journal.folder / f"{FILE}-wal").stat().st_size < 2 * 1024 * 1024
    projector.close()
