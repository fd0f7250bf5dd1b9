"""The real folder: owner-only, held by one process, whole files or none, and errors that say what to do."""

import fcntl
import os
import stat
import subprocess
import sys
import threading

import pytest

from ganglion.actors.trading.journal import (
    FolderDevice,
    FolderLocked,
    FolderUnusable,
    Kind,
    Log,
    Position,
    read_journal,
)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def log_in(folder, segment_bytes=10**6, bot="bot", root=b"r" * 16):
    return Log(
        FolderDevice(folder), bot, ("alpha",), new_root=lambda: root, now_ms=lambda: 7, segment_bytes=segment_bytes
    )


def test_folder_and_files_are_the_owners_alone(tmp_path):
    folder = tmp_path / "a" / "bot.ganglion"
    log = log_in(folder)
    log.close()
    assert [mode_of(path) for path in (folder, folder / "journal", folder / "archive")] == [0o700] * 3
    assert [mode_of(path) for path in (folder / "lock", folder / "journal" / "00000001.log")] == [0o600] * 2


def test_a_folder_that_is_in_use_names_the_process_that_has_it(tmp_path):
    device = FolderDevice(tmp_path)
    with pytest.raises(FolderLocked, match=f"in use by process {os.getpid()}"):
        FolderDevice(tmp_path)
    device.close()
    FolderDevice(tmp_path).close()


def test_a_process_that_was_killed_holds_the_folder_no_more(tmp_path):
    script = (
        "import os, signal, pathlib, sys\n"
        "from ganglion.actors.trading.journal import FolderDevice\n"
        "device = FolderDevice(pathlib.Path(sys.argv[1]))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -9
    FolderDevice(tmp_path).close()


def test_a_lock_that_is_held_by_someone_without_a_name_is_still_a_lock(tmp_path):
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(FolderLocked, match="in use by another process"):
            FolderDevice(tmp_path)


def test_a_folder_that_can_not_be_made_says_why_and_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match=r"Not a directory.*`data` in \[bot\]"):
        FolderDevice(tmp_path / "file" / "bot.ganglion")


def test_what_was_left_half_made_is_swept_away_and_never_read(tmp_path):
    log = log_in(tmp_path)
    log.close()
    (tmp_path / "journal" / "00000002.log.new").write_bytes(b"half")
    log_in(tmp_path).close()
    assert [path.name for path in (tmp_path / "journal").iterdir()] == ["00000001.log"]


def test_records_outlive_the_process_that_wrote_them(tmp_path):
    log = log_in(tmp_path)
    log.collect("alpha", b"one", "k1")
    assert log.commit() == {"alpha": ("k1",)}
    log.collect("alpha", b"two")
    log.close()
    again = log_in(tmp_path)
    assert again.read("alpha").records == (b"one", b"two")
    assert again.run_root == b"r" * 16
    again.close()


def test_segments_are_archived_and_read_on_from_there(tmp_path):
    log = log_in(tmp_path, segment_bytes=10)
    for record in (b"first-----", b"second----x", b"third"):
        log.collect("alpha", record)
        log.commit()
        log.rotate()
    log.collect("alpha", b"state", kind=Kind.CHECKPOINT)
    log.commit()
    assert log.retire() == ""
    assert [path.name for path in (tmp_path / "archive").iterdir()] == ["00000001.log"]
    log.close()
    reader = read_journal(tmp_path)
    assert [entry.record for entry in reader] == [b"first-----", b"second----x", b"third", b"state"]
    assert not reader.flaws
    assert [header.number for header in reader.headers] == [1, 2]


def test_a_reader_goes_on_where_it_stopped_while_the_bot_writes(tmp_path):
    log = log_in(tmp_path)
    log.collect("alpha", b"one")
    log.commit()
    reader = read_journal(tmp_path)
    assert [entry.record for entry in reader] == [b"one"]
    assert reader.position > Position(1, 0)
    log.collect("alpha", b"two")
    log.collect("", b"event")
    log.commit()
    assert [(entry.account, entry.record) for entry in reader] == [("alpha", b"two"), ("", b"event")]
    log.collect("alpha", b"three")
    log.commit()
    assert [entry.record for entry in read_journal(tmp_path, reader.position)] == [b"three"]
    log.close()


def test_a_reader_beside_a_write_that_is_under_way_sees_a_torn_end_and_no_damage(tmp_path):
    log = log_in(tmp_path)
    log.collect("alpha", b"one")
    log.commit()
    with (tmp_path / "journal" / "00000001.log").open("ab") as file:
        file.write(b"\x20\x00\x00\x00half")
    reader = read_journal(tmp_path)
    assert [entry.record for entry in reader] == [b"one"]
    assert reader.flaws
    assert not reader.damaged
    log.close()


def test_a_reader_says_which_segments_are_missing_and_reads_the_others(tmp_path):
    log = log_in(tmp_path, segment_bytes=1)
    for record in (b"one", b"two", b"three"):
        log.collect("alpha", record)
        log.commit()
        log.rotate()
    log.close()
    (tmp_path / "journal" / "00000002.log").unlink()
    reader = read_journal(tmp_path)
    assert [entry.record for entry in reader] == [b"one", b"three"]
    assert reader.damaged
    assert "segments 2 to 2 are missing" in str(reader.flaws[0])


def test_a_folder_without_a_journal_has_no_entries(tmp_path):
    reader = read_journal(tmp_path / "nowhere")
    assert not list(reader)
    assert not reader.flaws


def test_closing_does_not_wait_for_a_disk_that_hangs(tmp_path):
    hangs, go_on = threading.Event(), threading.Event()

    class Hanging(FolderDevice):
        def sync(self, name):
            hangs.set()
            go_on.wait(30)

    log = Log(Hanging(tmp_path), "bot", ("alpha",), new_root=lambda: b"r" * 16, now_ms=lambda: 7)
    log.collect("alpha", b"one")
    thread = threading.Thread(target=log.commit)
    thread.start()
    assert hangs.wait(30)
    log.close()
    assert thread.is_alive()
    FolderDevice(tmp_path).close()
    go_on.set()
    thread.join()


def test_a_journal_whose_file_was_removed_under_it_answers_nothing_as_durable(tmp_path):
    log = log_in(tmp_path)
    log.collect("alpha", b"zero")
    log.commit()
    (tmp_path / "journal" / "00000001.log").unlink()
    log.collect("alpha", b"one", "key")
    assert log.commit() == {}
    assert "removed while the bot ran" in log.failure
    log.close()
