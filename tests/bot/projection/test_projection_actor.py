"""The actor writes behind the journal, mends what is broken, and whatever is wrong with it the journal goes on."""

import logging
import sqlite3
from contextlib import closing

import pytest
import structlog

from ganglion.actors.trading.journal import FolderDevice, JournalActor, Log
from ganglion.actors.trading.orders import records as r
from ganglion.bot.projection.actor import ROOM_BYTES, ProjectionActor
from ganglion.bot.projection.database import FILE, dump
from ganglion.bot.projection.events import decode_event
from ganglion.bot.projection.recorder import RecorderActor
from ganglion.messages.journal import OWN_STREAM, Append, Durable, Journaled
from ganglion.messages.lifecycle import (
    ActorFailed,
    ActorStarted,
    ConnectionChanged,
    ConnectionState,
    Failure,
)
from ganglion.supervision import System
from tests.actors.trading.evidence import OPENED, answered, order, started
from tests.bot.projection.stage import Journal

DEADLINE_S = 10.0


class Bench:
    """A journal on a folder with the projection that follows it."""

    def __init__(self, folder):
        self.folder = folder
        self.system = System()
        self.log = Log(
            FolderDevice(folder),
            "test",
            ("alpha",),
            new_root=lambda: b"r" * 16,
            now_ms=self.system.clock.now_ms,
        )
        self.orders = self.system.probe("orders")
        projection = self.system.address("/projection")
        journal = self.system.address("/journal")
        self.system.subscribe(journal, projection, Journaled)
        self.journal = self.system.spawn(
            lambda: JournalActor(self.log, {"alpha": self.orders.address}),
            "journal",
            self.system.dispatcher("journal", "thread"),
        )

    def follow(self, room=lambda _: ROOM_BYTES):
        self.system.spawn(
            lambda: ProjectionActor(self.folder, room=room),
            "projection",
            self.system.dispatcher("projection", "thread"),
        )
        return self

    def append(self, *records):
        wanted = self._durable() + len(records)
        for number, record in enumerate(records):
            self.journal.tell(Append("alpha", f"k{number}", r.encode(record)))
        assert self.system.wait_for(lambda: self._durable() >= wanted, DEADLINE_S)
        return self

    def _durable(self):
        return sum(len(message.keys) for message in self.orders.of(Durable))

    def ask(self, query):
        try:
            with closing(sqlite3.connect(f"file:{self.folder / FILE}?mode=ro", uri=True)) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.Error:
            return []

    def becomes(self, query, expected):
        return self.system.wait_for(lambda: self.ask(query) == expected, DEADLINE_S)

    def close(self):
        self.system.stop()
        self.log.close()


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def said():
    """What is logged."""
    lines = []

    def take(_, __, event):
        lines.append(event)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[take], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    yield lines
    structlog.configure(**before)


STATE = "SELECT client_id, state FROM orders"


def test_what_became_durable_stands_in_the_database_soon_after(bench):
    bench.follow().append(*started())
    assert bench.becomes(STATE, [("c1", "submitted")])
    bench.append(answered(order()))
    assert bench.becomes(STATE, [("c1", "accepted")])


def test_what_was_journaled_while_nobody_followed_is_caught_up_with(bench):
    bench.append(*started())
    bench.follow()
    assert bench.becomes(STATE, [("c1", "submitted")])


def test_a_projection_actor_that_crashed_goes_on_where_it_stood(bench):
    bench.follow().append(*started())
    assert bench.becomes(STATE, [("c1", "submitted")])
    bench.system.fail("/projection")
    bench.append(answered(order()))
    assert bench.becomes(STATE, [("c1", "accepted")])
    assert bench.ask("SELECT value FROM meta WHERE name = 'entries'") == [("4",)]


def test_a_projection_that_is_deleted_while_the_bot_runs_is_made_anew(bench, said):
    bench.follow().append(*started())
    assert bench.becomes(STATE, [("c1", "submitted")])
    for path in bench.folder.glob(f"{FILE}*"):
        path.unlink()
    bench.append(answered(order()))
    assert bench.becomes(STATE, [("c1", "accepted")])
    assert any("opened again" in line["event"] for line in said)


def test_a_projection_that_is_overwritten_with_garbage_is_made_anew(tmp_path, said):
    bench = Bench(tmp_path)
    (tmp_path / FILE).write_bytes(b"garbage" * 1_000)
    bench.follow().append(*started())
    assert bench.becomes(STATE, [("c1", "submitted")])
    bench.close()
    assert any("made anew" in line["event"] for line in said)


def test_a_projection_that_can_not_be_made_costs_no_durable(bench, said):
    (bench.folder / FILE).mkdir()
    bench.follow().append(*started())
    assert bench.system.wait_for(lambda: any("can't be written" in line["event"] for line in said), DEADLINE_S)
    bench.append(answered(order()))
    assert bench.system.tree().find("/projection").restarts == 0


def test_a_record_that_can_not_be_read_makes_it_stand_still_once_and_says_what_to_do(bench, said):
    bench.follow().append(OPENED)
    bench.journal.tell(Append("alpha", "", b"\x93\xa6Nobody\x01\x02"))
    assert bench.system.wait_for(lambda: any("stands still" in line["event"] for line in said), DEADLINE_S)
    bench.append(r.Frozen(2, "a test"))
    line = next(line for line in said if "stands still" in line["event"])
    assert "ganglion journal verify" in line["todo"]
    assert bench.ask("SELECT COUNT(*) FROM balances") == [(2,)]


def test_what_is_left_at_a_stop_is_written(tmp_path):
    bench = Bench(tmp_path)
    bench.follow()
    assert bench.becomes("SELECT COUNT(*) FROM orders", [(0,)])
    bench.append(*started())
    bench.close()
    assert bench.ask(STATE) == [("c1", "submitted")]


def test_a_projection_writes_nothing_while_the_disk_is_nearly_full_and_says_so_once(bench, said):
    looks = []

    def little(folder):
        looks.append(folder)
        return ROOM_BYTES - 1

    bench.follow(little).append(*started())
    assert bench.system.wait_for(lambda: len(looks) > 0, DEADLINE_S)
    bench.system.fail("/projection")
    assert bench.system.wait_for(lambda: len(looks) > 1, DEADLINE_S)
    bench.close()
    assert len(looks) > 2
    assert not list(bench.folder.glob(f"{FILE}*"))
    waits = [line for line in said if "waits for room" in line["event"]]
    assert waits
    assert len(waits) < len(looks)


def test_a_journal_that_lacks_its_newest_segment_leaves_the_projection_as_it_is(tmp_path, said):
    journal = Journal(tmp_path).write(*started()).rotate().write(answered(order()))
    journal.project()
    journal.log.close()
    kept = dump(tmp_path / FILE)
    (tmp_path / "journal" / "00000002.log").unlink()
    bench = Bench(tmp_path)
    bench.follow()
    assert bench.system.wait_for(lambda: any("stands still" in line["event"] for line in said), DEADLINE_S)
    bench.close()
    assert dump(tmp_path / FILE) == kept


# ---------------------------------------------------------------- the recorder


class Recording:
    """A recorder in virtual time, with a probe for the journal."""

    def __init__(self):
        self.system = System(dispatcher="simulated", seed=0)
        self.journal = self.system.probe("journal")
        self.recorder = self.system.spawn(
            lambda: RecorderActor(self.journal.address, lambda text: text.replace("secret", "***")), "recorder"
        )

    def hear(self, *messages):
        for message in messages:
            self.recorder.tell(message)
        self.system.run_until_idle()
        return self

    @property
    def kept(self):
        return [decode_event(message.record) for message in self.journal.of(Append)]


def failed(path="/bot/modes/grid", text="no"):
    return ActorFailed(path, 1, Failure("ValueError", text, message="TopOfBook"))


def test_failures_and_restarts_are_kept_and_first_starts_are_no_news():
    recording = Recording().hear(failed(), ActorStarted("/bot/modes/grid", 1), ActorStarted("/bot/modes/grid", 2))
    assert [type(event).__name__ for event in recording.kept] == ["BotStarted", "Failed", "Restarted"]
    assert recording.kept[1].error == "ValueError"
    assert all(message.account == OWN_STREAM and not message.key for message in recording.journal.of(Append))


def test_secrets_are_not_kept_and_long_texts_are_cut():
    connection = ConnectionChanged("alpha", ConnectionState.DOWN, 1, "key secret refused", 1.0)
    kept = Recording().hear(connection, failed(text="x" * 10_000)).kept
    assert kept[1].reason == "key *** refused"
    assert len(kept[2].text) < 2_100


def test_a_storm_is_not_kept_whole_and_how_much_was_left_out_is():
    recording = Recording().hear(*(failed() for _ in range(500)))
    assert len(recording.kept) == 100
    recording.system.run_for(60)
    left_out = recording.kept[-1]
    assert type(left_out).__name__ == "LeftOut"
    assert left_out.count == 401
    recording.hear(failed())
    assert type(recording.kept[-1]).__name__ == "Failed"
