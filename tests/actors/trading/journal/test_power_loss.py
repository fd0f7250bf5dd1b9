"""Whatever instant the power goes at: what was answered as durable is there, in its order, under the same run root."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ganglion.actors.trading.journal import FolderUnusable, ForeignJournal, Log
from ganglion.actors.trading.journal.segments import Kind
from ganglion.simulation.disk import MemoryDisk

ACCOUNTS = ("alpha", "beta")
ROOT = b"r" * 16


def opened(disk, *, bot="bot", root=ROOT, segment_bytes=300, now_ms=0, retention_days=90):
    return Log(
        disk,
        bot,
        ACCOUNTS,
        new_root=lambda: root,
        now_ms=lambda: now_ms,
        segment_bytes=segment_bytes,
        retention_days=retention_days,
    )


class PowerLoss(RuleBasedStateMachine):
    """A log on a disk that loses power now and then, against plain lists of what was durable and what was not."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed):
        self.chance = random.Random(seed)
        self.disk = MemoryDisk()
        self.log = opened(self.disk)
        self.durable = {account: [] for account in ACCOUNTS}
        self.loose = []
        self.written = 0

    @rule(account=st.sampled_from(ACCOUNTS), size=st.integers(1, 120))
    def collect(self, account, size):
        self.written += 1
        record = b"%d-" % self.written + b"x" * size
        self.log.collect(account, record, f"key-{self.written}")
        self.loose.append((account, record))

    @rule()
    def commit(self):
        keys = self.log.commit()
        assert sum(map(len, keys.values())) == sum(record is not None for _, record in self.loose)
        self._settle(self.loose)

    @rule()
    def tidy(self):
        self.log.rotate()
        assert self.log.retire() == ""

    @rule(account=st.sampled_from(ACCOUNTS))
    def checkpoint(self, account):
        self.log.collect(account, repr(self.log.read(account)).encode(), kind=Kind.CHECKPOINT)
        self.loose.append((account, None))

    @rule()
    def power_loss_while_idle(self):
        self.disk.power_loss(self.chance)
        self.log = opened(self.disk, root=b"never")
        self.loose = []

    @rule()
    def power_loss_between_write_and_sync(self):
        sync = self.disk.sync

        def no_power(name):
            raise KeyboardInterrupt

        self.disk.sync = no_power
        if self.loose:
            with pytest.raises(KeyboardInterrupt):
                self.log.commit()
        self.disk.sync = sync
        self.disk.power_loss(self.chance)
        self.log = opened(self.disk, root=b"never")
        # Whole or not at all: a batch is there with all of its records, or with none.
        if self.loose and self._tail_is_there():
            self._settle(self.loose)
        self.loose = []

    def _tail_is_there(self):
        hoped = {account: list(records) for account, records in self.durable.items()}
        for account, record in self.loose:
            _apply(hoped[account], record)
        return self._read() == hoped

    def _settle(self, loose):
        for account, record in loose:
            _apply(self.durable[account], record)
        self.loose = []

    def _read(self):
        return {account: list(self.log.read(account).records) for account in ACCOUNTS}

    @invariant()
    def what_was_durable_is_there_in_its_order(self):
        hoped = {account: list(records) for account, records in self.durable.items()}
        for account, record in self.loose:
            _apply(hoped[account], record)
        assert self._read() == hoped
        assert self.log.run_root == ROOT
        assert not self.log.failure


def _apply(records, record):
    if record is None:
        records.clear()
    else:
        records.append(record)


TestPowerLoss = PowerLoss.TestCase
TestPowerLoss.settings = settings(max_examples=30, stateful_step_count=30)


@given(st.integers(1, 5), st.integers(0, 2**32))
def test_a_disk_that_lies_about_its_syncs_costs_records_and_never_their_order(batches, seed):
    disk = MemoryDisk()
    log = opened(disk, segment_bytes=10**6)
    log.collect("alpha", b"0")
    log.commit()
    disk.trouble.lost_sync = True
    for number in range(1, batches + 1):
        log.collect("alpha", b"%d" % number * 40)
        assert log.commit() == {}
        assert not log.failure
    disk.power_loss(random.Random(seed))
    again = opened(disk)
    # Pages with holes before whole ones are damage by the book; without them the journal is simply shorter.
    records = again.read("alpha").records
    assert records == tuple([b"0"] + [b"%d" % number * 40 for number in range(1, batches + 1)])[: len(records)]
    assert records
    assert again.failure or len(records) <= batches + 1


def test_a_torn_end_is_cut_and_told_and_writing_goes_on_behind_what_is_whole():
    disk = MemoryDisk()
    log = opened(disk)
    log.collect("alpha", b"one")
    log.commit()
    disk.append("journal/00000001.log", b"\x99\x00\x00\x00half a frame")
    again = opened(disk)
    assert any("was cut off" in notice for notice in again.notices)
    again.collect("alpha", b"two")
    again.commit()
    assert opened(disk).read("alpha").records == (b"one", b"two")
    assert not opened(disk).notices


def test_a_new_segment_whose_header_never_became_durable_is_removed_and_the_last_one_goes_on():
    disk = MemoryDisk()
    log = opened(disk)
    log.collect("alpha", b"one")
    log.commit()
    disk.replace("journal/00000002.log", b"")
    again = opened(disk)
    assert disk.names("journal") == ["00000001.log"]
    assert again.read("alpha").records == (b"one",)
    assert again.notices


def test_a_corrupt_record_is_told_with_its_place_and_everything_before_it_is_read():
    disk = MemoryDisk()
    log = opened(disk)
    ends = []
    for record in (b"one", b"two", b"three"):
        log.collect("alpha", record)
        log.commit()
        ends.append(len(disk.read("journal/00000001.log")))
    disk.flip("journal/00000001.log", ends[0] + 12)
    again = opened(disk)
    assert "damaged" in again.failure
    assert f"00000001.log at byte {ends[0]}" in again.failure
    assert again.read("alpha").records == (b"one",)


def test_a_damaged_journal_is_never_written_to():
    disk = MemoryDisk()
    log = opened(disk)
    for record in (b"one", b"two"):
        log.collect("alpha", record)
        log.commit()
    disk.flip("journal/00000001.log", 3)
    before = disk.read("journal/00000001.log")
    again = opened(disk)
    again.collect("alpha", b"three", "key")
    assert again.commit() == {}
    again.close()
    assert disk.read("journal/00000001.log") == before


def full_of(disk, segments=3):
    log = opened(disk, segment_bytes=10)
    for number in range(segments):
        log.collect("alpha", b"record-%d" % number + b"x" * 10)
        log.commit()
        log.rotate()
        log.retire()
    return log


def test_a_missing_segment_that_is_needed_is_damage():
    disk = MemoryDisk()
    full_of(disk)
    disk.remove("journal/00000002.log")
    assert "00000002.log at byte 0: it is missing" in opened(disk).failure


def test_a_segment_that_can_not_be_read_is_damage_with_the_systems_own_words():
    disk = MemoryDisk()
    full_of(disk)
    disk.trouble.unreadable = "journal/00000002.log"
    assert "Input/output error" in opened(disk).failure


def test_segments_behind_every_accounts_checkpoint_are_not_read_at_a_start():
    disk = MemoryDisk()
    log = full_of(disk)
    for account in ACCOUNTS:
        log.collect(account, b"state", kind=Kind.CHECKPOINT)
    log.commit()
    disk.trouble.unreadable = "journal/00000001.log"
    again = opened(disk)
    assert not again.failure
    assert again.read("alpha").checkpoint == b"state"


def test_an_account_that_is_configured_no_more_finds_its_records_when_it_is_again():
    disk = MemoryDisk()
    old = Log(disk, "bot", ("gone",), new_root=lambda: ROOT, now_ms=lambda: 0, segment_bytes=10)
    old.collect("gone", b"of the old account")
    old.commit()
    log = full_of(disk)
    for account in ACCOUNTS:
        log.collect(account, b"state", kind=Kind.CHECKPOINT)
    log.commit()
    assert log.retire() == ""
    assert disk.names("archive")
    again = Log(disk, "bot", ("gone",), new_root=lambda: ROOT, now_ms=lambda: 10**12, segment_bytes=10)
    assert again.read("gone").records == (b"of the old account",)
    assert again.retire() == ""
    assert again.read("gone").records == (b"of the old account",)


def test_archived_segments_are_removed_after_their_time():
    disk = MemoryDisk()
    log = full_of(disk)
    for account in ACCOUNTS:
        log.collect(account, b"state", kind=Kind.CHECKPOINT)
    log.commit()
    log.retire()
    assert len(disk.names("archive")) == 3
    opened(disk, now_ms=89 * 86_400_000).retire()
    assert len(disk.names("archive")) == 3
    opened(disk, now_ms=91 * 86_400_000).retire()
    assert disk.names("archive") == []
    assert opened(disk).read("alpha").checkpoint == b"state"


def test_a_folder_of_another_bot_is_refused_by_name():
    disk = MemoryDisk()
    opened(disk)
    with pytest.raises(ForeignJournal, match="journal of bot 'bot', not of 'other'"):
        opened(disk, bot="other")


def test_a_new_journal_on_a_full_disk_can_not_be_begun():
    disk = MemoryDisk()
    disk.trouble.room = 5
    with pytest.raises(FolderUnusable, match="No space left"):
        opened(disk)


def test_a_lying_disk_that_never_kept_the_first_header_begins_anew():
    disk = MemoryDisk()
    disk.trouble.lost_sync = True
    opened(disk)
    disk.replace("journal/00000001.log", b"")
    disk.replace("identity", b"")
    disk.trouble.lost_sync = False
    again = opened(disk, root=b"s" * 16)
    assert again.run_root == b"s" * 16
    assert not again.failure
