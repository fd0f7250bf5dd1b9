"""Opens a bot's own folder before anything of it starts: locked against a second bot, its journal recovered.

Called by whoever builds a bot; the log goes to the journal actor's factory and is closed after the tree has stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from ganglion.actors.trading.journal import Device, FolderDevice, JournalUnusable, Log
from ganglion.actors.trading.journal.device import JOURNAL
from ganglion.actors.trading.orders.records import VenueRenewed, encode
from ganglion.bot.config import BotConfig
from ganglion.bot.errors import DataFolderError
from ganglion.bot.left_behind import look_back
from ganglion.supervision import System

DeviceMaker = Callable[[Path], Device]
_ROOT_BYTES = 16
_JOURNAL_PATH = "/bot/journal"
PAPER = "PAPER"
"""Stands in the folder of a paper run, so that its journal is never taken for one of real orders."""
_PAPER_SAYS = b"The journal beside this file is of `ganglion paper`: none of its orders was ever placed.\n"


def live_folder(folder: Path) -> Device:
    """The folder of a bot that trades.

    Raises:
        DataFolderError: paper trades are kept in it.
        JournalUnusable: it is locked, or can't be used.
    """
    if (folder / PAPER).exists():
        raise DataFolderError(f"{folder} keeps what `ganglion paper` traded: name another folder in `[bot] data`")
    return FolderDevice(folder)


def paper_folder(folder: Path) -> Device:
    """The folder of a paper run.

    Raises:
        DataFolderError: a bot that trades keeps its journal in it.
        JournalUnusable: it is locked, or can't be used.
    """
    if not (folder / PAPER).exists() and any((folder / JOURNAL).glob("*")):
        raise DataFolderError(
            f"{folder} keeps the journal of a bot that trades, which paper trades must not get into: "
            "name another folder with --data"
        )
    device = FolderDevice(folder)
    if not (folder / PAPER).exists():
        device.create(PAPER, _PAPER_SAYS)
    return device


def open_journal(config: BotConfig, system: System, make_device: DeviceMaker, *, renewed: bool = False) -> Log:
    """Lock the folder and open the journal in it; `renewed`: every account began anew with this process.

    Raises:
        DataFolderError: another process has it, it holds another bot's journal, the one that began in it is gone, or
            it can't be used.
        AccountsLeftError: it holds an account with open orders or a halt that is not configured any more.
    """
    ids = system.ids.for_path(_JOURNAL_PATH)
    try:
        device = make_device(config.data)
        try:
            log = Log(
                device,
                config.bot.name,
                config.exchanges,
                new_root=lambda: ids.bits(_ROOT_BYTES),
                now_ms=system.clock.now_ms,
                segment_bytes=config.bot.segment_bytes,
                retention_days=config.bot.retention_days,
            )
            _renew(config, log, everything=renewed)
            look_back(config, log, system.clock.now_ms())
        except BaseException:
            device.close()
            raise
    except JournalUnusable as error:
        text = str(error)
        where = "" if str(config.data) in text else f"{config.data}: "
        raise DataFolderError(f"{where}{text}") from error
    if log.begun:
        structlog.get_logger().info("new_journal_begun", bot=config.bot.name, folder=str(config.data))
    return log


def _renew(config: BotConfig, log: Log, *, everything: bool) -> None:
    """A simulated account lived in the last process and died with it: its orders and trade ids mean nothing now."""
    renewed = encode(VenueRenewed("the simulated venue began anew with the process"))
    for name, exchange in config.exchanges.items():
        if (everything or exchange.table.connector == "simulated") and any(log.read(name)):
            log.collect(name, renewed)
    log.commit()
