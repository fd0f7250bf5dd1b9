"""The journal actor: one sync serves all that waits, Durable only after it, and the disk's failures reach everyone."""

import pytest

from ganglion.actors.trading.journal import JournalActor, Log
from ganglion.actors.trading.journal.log import SEGMENT_BYTES
from ganglion.messages.journal import (
    Append,
    Checkpoint,
    CheckpointWanted,
    Durable,
    JournalFailed,
    JournalRead,
    ReadJournal,
)
from ganglion.simulation.disk import MemoryDisk
from ganglion.supervision import System

ROOT = b"r" * 16


class Bench:
    """A journal actor on a disk in memory, with probes for two orders actors."""

    def __init__(self, disk=None, segment_bytes=SEGMENT_BYTES):
        self.disk = disk or MemoryDisk()
        self.system = System(dispatcher="simulated", seed=0)
        self.probes = {name: self.system.probe(name) for name in ("alpha", "beta")}
        self.log = Log(
            self.disk,
            "bot",
            self.probes,
            new_root=lambda: ROOT,
            now_ms=self.system.clock.now_ms,
            segment_bytes=segment_bytes,
        )
        orders = {name: probe.address for name, probe in self.probes.items()}
        self.journal = self.system.spawn(lambda: JournalActor(self.log, orders), name="journal")

    def append(self, account, *records, key="k"):
        for record in records:
            self.journal.tell(Append(account, key and f"{key}-{record.decode()}", record))

    def run(self):
        self.system.run_until_idle()
        return self

    def keys(self, account):
        return [key for durable in self.probes[account].of(Durable) for key in durable.keys]

    def read(self, account):
        self.journal.tell(ReadJournal(account))
        self.run()
        return self.probes[account].of(JournalRead)[-1]


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.system.stop()


def test_every_append_with_a_key_is_answered_with_it_in_order(bench):
    bench.append("alpha", b"one", b"two")
    bench.run()
    assert bench.keys("alpha") == ["k-one", "k-two"]
    assert not bench.probes["beta"].received


def test_an_append_without_a_key_is_kept_and_not_answered(bench):
    bench.append("alpha", b"one", key="")
    bench.run()
    assert not bench.probes["alpha"].received
    assert bench.read("alpha").records == (b"one",)


def test_what_waits_together_is_written_and_synced_once(bench):
    bench.append("alpha", *(b"%d" % number for number in range(50)))
    bench.append("beta", b"b")
    before = bench.disk.syncs
    bench.run()
    assert bench.disk.syncs == before + 1
    assert len(bench.keys("alpha")) == 50
    assert bench.keys("beta") == ["k-b"]


def test_each_account_reads_its_own_records_in_their_order(bench):
    bench.append("alpha", b"a1")
    bench.append("beta", b"b1")
    bench.append("alpha", b"a2")
    assert bench.read("alpha").records == (b"a1", b"a2")


def test_the_bots_own_stream_is_kept_and_belongs_to_no_account(bench):
    bench.append("", b"event", key="")
    bench.append("alpha", b"a1")
    bench.run()
    assert bench.log.read("").records == (b"event",)
    assert bench.read("alpha").records == (b"a1",)


def test_records_and_run_root_outlive_the_journal_actor(bench):
    bench.append("alpha", b"a1")
    first = bench.read("alpha")
    bench.system.fail("/journal")
    bench.system.run_for(5)
    assert bench.read("alpha") == first
    assert first.run_root == ROOT


def test_what_was_collected_when_the_actor_crashed_is_made_durable_by_the_next_incarnation(bench):
    bench.log.collect("alpha", b"a1", "k-a1")
    bench.system.fail("/journal")
    bench.system.run_for(5)
    assert bench.keys("alpha") == ["k-a1"]


def test_a_stopped_journal_leaves_nothing_behind_that_it_had_taken():
    bench = Bench()
    bench.run()
    bench.log.collect("alpha", b"a1")
    bench.system.stop()
    assert Bench(bench.disk).log.read("alpha").records == (b"a1",)


def test_a_full_disk_answers_nothing_as_durable_and_tells_every_account_why(bench):
    bench.run()
    bench.disk.trouble.room = 10
    bench.append("alpha", b"a1")
    bench.run()
    assert not bench.keys("alpha")
    for probe in bench.probes.values():
        (failed,) = probe.of(JournalFailed)
        assert "No space left on device" in failed.cause


def test_after_a_failed_sync_nothing_is_written_any_more_even_if_the_disk_recovers(bench):
    bench.run()
    bench.disk.trouble.broken_sync = True
    bench.append("alpha", b"a1")
    bench.run()
    bench.disk.trouble.broken_sync = False
    appends = bench.disk.appends
    bench.append("alpha", b"a2")
    bench.run()
    assert bench.disk.appends == appends
    assert not bench.keys("alpha")
    assert len(bench.probes["alpha"].of(JournalFailed)) == 2


def test_what_could_not_be_written_is_still_read_back_by_an_orders_actor_that_restarts(bench):
    bench.append("alpha", b"a1")
    bench.run()
    bench.disk.trouble.read_only = True
    bench.append("alpha", b"a2", key="")
    bench.run()
    assert bench.read("alpha").records == (b"a1", b"a2")
    assert "Read-only" in bench.probes["alpha"].of(JournalFailed)[-1].cause


def test_a_full_segment_is_followed_by_the_next_and_asks_for_checkpoints():
    bench = Bench(segment_bytes=100)
    bench.append("alpha", b"x" * 101)
    bench.run()
    for probe in bench.probes.values():
        assert [wanted.segment for wanted in probe.of(CheckpointWanted)] == [2]
    bench.append("alpha", b"after")
    bench.run()
    assert bench.disk.names("journal") == ["00000001.log", "00000002.log"]
    assert bench.read("alpha").records == (b"x" * 101, b"after")


def test_segments_retire_once_every_account_has_a_checkpoint_behind_them():
    bench = Bench(segment_bytes=100)
    bench.append("alpha", b"x" * 101)
    bench.append("beta", b"b1")
    bench.run()
    bench.journal.tell(Checkpoint("alpha", b"ALPHA"))
    bench.run()
    assert bench.disk.names("archive") == []
    bench.journal.tell(Checkpoint("beta", b"BETA"))
    bench.append("beta", b"b2")
    bench.run()
    assert bench.disk.names("archive") == ["00000001.log"]
    assert bench.disk.names("journal") == ["00000002.log"]
    again = Bench(bench.disk)
    assert (again.read("alpha").checkpoint, again.read("alpha").records) == (b"ALPHA", ())
    assert (again.read("beta").checkpoint, again.read("beta").records) == (b"BETA", (b"b2",))


def test_a_checkpoint_larger_than_a_segment_does_not_call_for_the_next_at_once():
    bench = Bench(segment_bytes=100)
    bench.append("alpha", b"x" * 101)
    bench.run()
    bench.journal.tell(Checkpoint("alpha", b"c" * 1_000))
    bench.append("alpha", b"y" * 500)
    bench.run()
    assert len(bench.probes["alpha"].of(CheckpointWanted)) == 1
    bench.append("alpha", b"z" * 600)
    bench.run()
    assert [wanted.segment for wanted in bench.probes["alpha"].of(CheckpointWanted)] == [2, 3]


def test_systems_of_different_seeds_have_different_run_roots():
    roots = {System(dispatcher="simulated", seed=seed).ids.for_path("/bot/journal").bits(16) for seed in range(3)}
    assert len(roots) == 3
