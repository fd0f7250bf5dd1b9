"""The bot's own folder: locked, recovered and checked before anything starts, and let go when all has stopped."""

import errno
import json
import os
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from ganglion.actors.trading.journal import FolderDevice, read_journal
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.checkpoint import restore
from ganglion.bot import cli
from ganglion.bot.errors import ExitCode
from ganglion.bot.process import build
from ganglion.bot.projection.database import FILE, dump
from ganglion.bot.run import RunOptions, run
from ganglion.supervision import System
from tests.actors.trading.evidence import started
from tests.bot.projection.stage import Journal
from tests.bot.test_process import BUSY, GOES_ON_S, configured, fills, running

QUIET = BUSY[: BUSY.index("[modes.maker]")]


def journaled(folder, account="alpha"):
    return [entry.record for entry in read_journal(folder) if entry.account == account]


def ledger_in(folder, account="alpha"):
    ledger, trouble = restore(account, b"", journaled(folder, account))
    assert not trouble
    return ledger


def ganglion(*arguments, monkeypatch):
    monkeypatch.setattr("sys.argv", ["ganglion", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_a_bot_keeps_its_journal_in_a_folder_of_its_name_beside_the_configuration(tmp_path):
    with running(configured(QUIET, tmp_path)) as bot:
        assert bot.wait_until(lambda s: s.exchanges[0].reconciled_epoch > 0, GOES_ON_S)
    assert ledger_in(tmp_path / "test.ganglion").opening is not None


def test_a_data_folder_of_another_name_starts_at_the_configuration(tmp_path):
    text = QUIET.replace('name = "test"', 'name = "test"\ndata = "kept/here"')
    with running(configured(text, tmp_path)):
        pass
    assert (tmp_path / "kept" / "here" / "journal" / "00000001.log").is_file()


def test_a_folder_that_another_bot_has_ends_the_command_with_code_2_and_names_its_process(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "bot.toml").write_text(QUIET)
    holder = FolderDevice(tmp_path / "test.ganglion")
    assert ganglion("run", str(tmp_path / "bot.toml"), monkeypatch=monkeypatch) == ExitCode.CONFIGURATION
    said = capsys.readouterr().err
    assert f"in use by process {os.getpid()}" in said
    assert "Traceback" not in said
    holder.close()


def test_a_folder_of_another_bot_ends_the_command_with_code_2(tmp_path, monkeypatch, capsys):
    text = QUIET.replace('name = "test"', 'name = "test"\ndata = "kept"')
    with running(configured(text, tmp_path)):
        pass
    (tmp_path / "bot.toml").write_text(text.replace('name = "test"', 'name = "other"'))
    assert ganglion("run", str(tmp_path / "bot.toml"), monkeypatch=monkeypatch) == ExitCode.CONFIGURATION
    assert "journal of bot 'test', not of 'other'" in capsys.readouterr().err


def test_a_folder_that_can_not_be_made_ends_the_command_with_code_2(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "bot.toml").write_text(QUIET.replace('name = "test"', 'name = "test"\ndata = "file/data"'))
    assert ganglion("run", str(tmp_path / "bot.toml"), monkeypatch=monkeypatch) == ExitCode.CONFIGURATION
    assert "can't be used for the journal" in capsys.readouterr().err


def contents(folder):
    return {path: path.read_bytes() for place in ("journal", "archive") for path in (folder / place).iterdir()}


def test_a_bot_whose_newest_segment_is_lost_comes_up_halted_and_writes_nothing(tmp_path):
    config = configured(QUIET, tmp_path)
    journal = Journal(config.data, bot="test").write(*started()).rotate()
    journal.log.close()
    (config.data / "journal" / "00000002.log").unlink()
    before = contents(config.data)
    assert before
    with running(config) as bot:
        assert bot.wait_until(lambda s: "segment 2 is missing" in s.exchanges[0].halted, GOES_ON_S)
    assert contents(config.data) == before


def test_a_bot_whose_journal_is_gone_refuses_to_start_with_code_2_and_keeps_its_projection(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "bot.toml").write_text(QUIET)
    config = configured(QUIET, tmp_path)
    with running(config) as bot:
        assert bot.wait_until(lambda s: s.exchanges[0].reconciled_epoch > 0, GOES_ON_S)
    projection = dump(config.data / FILE)
    for path in (config.data / "journal").iterdir():
        path.unlink()
    assert ganglion("run", str(tmp_path / "bot.toml"), monkeypatch=monkeypatch) == ExitCode.CONFIGURATION
    said = capsys.readouterr().err
    assert f"{config.data}: the journal of test began in this folder and none of its segments is left" in said
    assert "move the whole folder away to begin anew" in said
    assert dump(config.data / FILE) == projection
    assert list((config.data / "journal").iterdir()) == []


def test_a_new_journal_is_said_once_at_the_first_start(tmp_path):
    config = configured(QUIET, tmp_path)
    for begun in (1, 0):
        with capture_logs() as lines, running(config):
            pass
        told = [line for line in lines if line["event"] == "new_journal_begun"]
        assert [line["folder"] for line in told] == [str(config.data)] * begun


def test_a_bot_that_could_not_be_built_lets_go_of_its_folder(tmp_path, monkeypatch):
    config = configured(QUIET, tmp_path)
    system = System(dispatcher="loop")
    monkeypatch.setattr("ganglion.bot.process.bot_spec", lambda *_: pytest.fail("as planned"))
    with pytest.raises(pytest.fail.Exception):
        build(config, system)
    system.stop()
    FolderDevice(config.data).close()


def test_a_stopped_bot_has_let_go_of_its_folder_with_everything_it_knew_on_the_disk(tmp_path):
    config = configured(BUSY, tmp_path)
    with running(config) as bot:
        assert bot.wait_until(lambda s: fills(s, "maker") > 0, GOES_ON_S)
        assert bot.drain()
        known = {count.fills for count in bot.status().exchanges}
    FolderDevice(config.data).close()
    ledger = ledger_in(config.data)
    assert {len(ledger.fills)} == known
    assert not ledger.open_lines()


def test_a_second_life_on_a_new_simulated_venue_counts_nothing_of_the_first_and_repeats_no_client_id(tmp_path):
    config = configured(BUSY, tmp_path)
    for _ in range(2):
        with running(config) as bot:
            assert bot.wait_until(lambda s: fills(s, "maker") > 0, GOES_ON_S)
            assert bot.drain()
            summary = bot.summary()
            assert summary.faultless
            assert summary.exchanges["alpha"].balances_equal
    written = [r.decode(record) for record in journaled(config.data)]
    ids = [record.client_id for record in written if isinstance(record, r.Intended)]
    assert len(set(ids)) == len(ids)
    assert any(isinstance(record, r.VenueRenewed) for record in written)
    assert all(external.amount == Decimal(0) for external in ledger_in(config.data).externals)


class Filling(FolderDevice):
    """A folder on a disk that is full after some trading."""

    room = 15_000

    def append(self, name, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().append(name, data)


def test_a_disk_that_fills_up_halts_the_bot_with_code_3_and_leaves_no_order_open(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ganglion.bot.run.build", lambda config, system: build(config, system, Filling))
    summary = tmp_path / "summary.json"
    assert run(configured(BUSY, tmp_path), RunOptions(seconds=4.0, log="json", summary=summary)) is ExitCode.HALTED
    assert "No space left on device" in capsys.readouterr().err
    told = json.loads(summary.read_text())["exchanges"]["alpha"]
    assert "journal" in told["halted"]
    assert told["balances_equal"]
