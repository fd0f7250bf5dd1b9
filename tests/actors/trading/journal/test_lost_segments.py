"""Segments that are gone are missed, and nothing is written then; what a crash may leave is never taken for that."""

import pytest

from ganglion.actors.trading.journal import ForeignJournal, JournalLost, read_journal
from ganglion.actors.trading.journal.identity import Identity, decode_identity, encode_identity
from ganglion.actors.trading.journal.segments import Kind
from ganglion.simulation.disk import MemoryDisk
from tests.actors.trading.journal.test_folder import log_in
from tests.actors.trading.journal.test_power_loss import ACCOUNTS, ROOT, opened


def contents(disk):
    names = [f"{folder}/{name}" for folder in ("journal", "archive") for name in disk.names(folder)]
    return {name: disk.read(name) for name in [*names, "identity"]}


def mark_on(disk):
    return decode_identity(disk.read("identity"))


def write(log, record):
    log.collect("alpha", record)
    log.commit()


def checkpoint(log, state=b"state"):
    for account in ACCOUNTS:
        log.collect(account, state, kind=Kind.CHECKPOINT)
    log.commit()


def lived(disk, segments=3):
    """A journal whose last segment is the only one that is not archived."""
    log = opened(disk, segment_bytes=10)
    for number in range(1, segments):
        write(log, b"record-%d" % number + b"x" * 10)
        assert log.rotate()
        checkpoint(log, b"state-%d" % (number + 1))
        assert log.retire() == ""
    write(log, b"last")
    return log


def untouched(disk, **how):
    """A log that is opened on a damaged journal and changes nothing on the disk, whatever it is asked to do."""
    before = contents(disk)
    log = opened(disk, root=b"n" * 16, **how)
    log.collect("alpha", b"more", "key")
    assert log.commit() == {}
    assert not log.rotate()
    assert log.retire() == ""
    log.close()
    assert contents(disk) == before
    return log


def test_a_lost_newest_segment_beside_an_archive_is_missed_and_named():
    disk = MemoryDisk()
    lived(disk)
    disk.remove("journal/00000003.log")
    log = untouched(disk)
    assert "00000003.log at byte 0: segment 3 is missing" in log.failure
    assert "restore the file from a backup" in log.failure
    assert not log.begun


def test_what_the_archive_holds_is_read_where_the_newest_segment_is_lost():
    disk = MemoryDisk()
    lived(disk)
    disk.remove("journal/00000003.log")
    log = opened(disk, root=b"n" * 16)
    assert log.run_root == ROOT
    assert log.read("alpha").checkpoint == b"state-2"
    assert log.read("alpha").records == (b"record-2xxxxxxxxxx",)


def test_a_lost_newest_segment_is_missed_without_a_mark_too():
    disk = MemoryDisk()
    lived(disk)
    disk.remove("journal/00000003.log")
    disk.replace("identity", b"")
    assert "segment 3 is missing" in untouched(disk).failure


def test_a_lost_newest_segment_is_missed_where_nothing_was_archived_yet():
    disk = MemoryDisk()
    log = opened(disk, segment_bytes=10)
    for record in (b"one-----------", b"two-----------", b"three"):
        write(log, record)
        log.rotate()
    disk.remove("journal/00000003.log")
    assert "segment 3 is missing" in untouched(disk).failure


def test_a_newest_segment_that_was_emptied_is_damage_and_is_not_removed():
    disk = MemoryDisk()
    lived(disk)
    disk.replace("journal/00000003.log", b"")
    log = untouched(disk)
    assert "00000003.log at byte 0" in log.failure
    assert log.read("alpha").checkpoint == b"state-2"


def test_a_new_journal_beside_the_archive_of_an_old_one_is_never_gone_on_with():
    disk, other = MemoryDisk(), MemoryDisk()
    lived(disk)
    opened(other, root=b"o" * 16)
    disk.remove("journal/00000003.log")
    disk.replace("journal/00000001.log", other.read("journal/00000001.log"))
    assert "segment 3 is missing" in untouched(disk).failure


def test_a_journal_of_which_nothing_is_left_is_refused_with_what_to_do():
    disk = MemoryDisk()
    write(opened(disk), b"one")
    disk.remove("journal/00000001.log")
    with pytest.raises(JournalLost, match=r"restore `journal/` from a backup; or.*move the whole folder away"):
        opened(disk)
    assert disk.names("journal") == []


def test_a_journal_of_another_run_root_than_began_here_is_refused():
    disk = MemoryDisk()
    opened(disk)
    disk.replace("identity", encode_identity(Identity(b"o" * 16, "bot", 1)))
    with pytest.raises(ForeignJournal, match="another journal than the one that began in this folder"):
        opened(disk)


def test_a_needed_segment_of_another_run_root_is_damage():
    disk, other = MemoryDisk(), MemoryDisk()
    for place, root in ((disk, ROOT), (other, b"o" * 16)):
        log = opened(place, root=root, segment_bytes=10)
        write(log, b"one-----------")
        log.rotate()
        write(log, b"two")
    disk.replace("journal/00000001.log", other.read("journal/00000001.log"))
    assert "00000001.log at byte 0: it is of another journal" in untouched(disk).failure


def test_a_mark_of_another_bot_is_refused_by_name_also_without_a_segment():
    disk = MemoryDisk()
    opened(disk)
    disk.remove("journal/00000001.log")
    with pytest.raises(ForeignJournal, match="journal of bot 'bot', not of 'other'"):
        opened(disk, bot="other")


def test_a_segment_that_stands_in_both_folders_and_differs_is_damage():
    disk = MemoryDisk()
    log = lived(disk)
    write(log, b"more")
    disk.replace("journal/00000002.log", disk.read("archive/00000002.log") + b"more")
    assert "stands in journal/ and in archive/, and they differ" in untouched(disk).failure


# ------------------------------------------------------------------ what a crash may leave


def goes_on(disk, **how):
    log = opened(disk, root=b"n" * 16, segment_bytes=10, **how)
    assert not log.failure
    assert log.run_root == ROOT
    assert not log.begun
    write(log, b"goes on")
    again = opened(disk, segment_bytes=10)
    assert again.read("alpha").records[-1] == b"goes on"
    assert mark_on(disk).newest == again.segment
    return log


def test_a_rotation_that_died_before_anything_was_archived_goes_on():
    disk = MemoryDisk()
    log = lived(disk)
    write(log, b"x" * 20)
    assert log.rotate()
    assert goes_on(disk).segment == 4


def test_a_rotation_that_died_before_it_was_marked_goes_on_and_is_marked():
    disk = MemoryDisk()
    log = lived(disk)
    mark = disk.read("identity")
    write(log, b"x" * 20)
    assert log.rotate()
    disk.replace("identity", mark)
    assert goes_on(disk).segment == 4


def test_a_rotation_that_died_before_the_header_was_durable_goes_on_in_the_segment_before_it():
    disk = MemoryDisk()
    lived(disk)
    disk.replace("journal/00000004.log", b"\x40\x00")
    assert goes_on(disk).segment == 3
    assert disk.names("journal") == ["00000003.log"]


def test_an_archiving_that_died_half_way_goes_on():
    disk = MemoryDisk()
    lived(disk)
    disk.rename("archive/00000002.log", "journal/00000002.log")
    log = goes_on(disk)
    assert log.retire() == ""
    assert disk.names("archive") == ["00000001.log", "00000002.log"]


def test_a_copy_of_a_segment_that_is_alike_does_no_harm_and_is_told():
    disk = MemoryDisk()
    lived(disk)
    disk.replace("journal/00000002.log", disk.read("archive/00000002.log"))
    assert any("in journal/ and in archive/, alike" in notice for notice in goes_on(disk).notices)


def test_a_first_start_that_died_before_the_mark_is_gone_on_with_and_marked():
    disk = MemoryDisk()
    write(opened(disk), b"one")
    disk.remove("identity")
    assert opened(disk, root=b"n" * 16).run_root == ROOT
    assert mark_on(disk) == Identity(ROOT, "bot", 1)


def test_a_first_start_that_died_before_the_header_was_durable_begins():
    disk = MemoryDisk()
    disk.replace("journal/00000001.log", b"")
    log = opened(disk)
    assert log.begun
    assert not log.failure


def test_only_the_first_opening_begins_a_journal():
    disk = MemoryDisk()
    assert opened(disk).begun
    assert not opened(disk).begun


# ------------------------------------------------------------------ reading


def archived(folder, root=b"r" * 16):
    """Two segments in the archive, the third in the journal."""
    log = log_in(folder, segment_bytes=1, root=root)
    for record in (b"one", b"two"):
        log.collect("alpha", record)
        log.commit()
        log.rotate()
        log.collect("alpha", b"s", kind=Kind.CHECKPOINT)
        log.commit()
        log.retire()
    log.close()
    assert [path.name for path in (folder / "archive").iterdir()] == ["00000001.log", "00000002.log"]


def read(folder):
    reader = read_journal(folder)
    return [entry.record for entry in reader], [str(flaw) for flaw in reader.flaws]


@pytest.mark.parametrize("marked", [True, False])
def test_a_reader_misses_the_newest_segment_where_only_the_archive_is_left(tmp_path, marked):
    archived(tmp_path)
    (tmp_path / "journal" / "00000003.log").unlink()
    if not marked:
        (tmp_path / "identity").unlink()
    records, flaws = read(tmp_path)
    assert records == [b"one", b"s", b"two"]
    assert len(flaws) == 1
    assert "00000003.log at byte 0: segment 3 is missing" in flaws[0]


def test_a_reader_misses_all_segments_where_the_mark_tells_of_one(tmp_path):
    log_in(tmp_path).close()
    (tmp_path / "journal" / "00000001.log").unlink()
    assert "segment 1 is missing" in read(tmp_path)[1][0]


def test_a_reader_shadows_no_segment_that_stands_in_both_folders(tmp_path):
    archived(tmp_path)
    kept = (tmp_path / "archive" / "00000001.log").read_bytes()
    (tmp_path / "journal" / "00000001.log").write_bytes(kept)
    assert read(tmp_path)[1] == ["00000001.log at byte 0: it stands in journal/ and in archive/"]


def test_a_reader_says_which_segment_is_of_another_journal_and_takes_nothing_from_it(tmp_path):
    archived(tmp_path / "bot")
    archived(tmp_path / "other", root=b"o" * 16)
    (tmp_path / "other" / "archive" / "00000002.log").rename(tmp_path / "bot" / "archive" / "00000002.log")
    records, flaws = read(tmp_path / "bot")
    assert records == [b"one", b"s"]
    assert len(flaws) == 1
    assert "00000002.log at byte 0: it belongs to another journal" in flaws[0]


def test_a_reader_that_goes_on_tells_of_a_flaw_once(tmp_path):
    archived(tmp_path)
    (tmp_path / "archive" / "00000002.log").unlink()
    reader = read_journal(tmp_path)
    assert list(reader)
    assert not list(reader)
    assert ["segments 2 to 2 are missing" in flaw.text for flaw in reader.flaws] == [True]
