"""Calls the control socket of a running bot: finds its folder, says what is wrong where no bot answers.

For the command line and for tools; may block, and imports nothing heavy.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tomllib
from contextlib import suppress
from pathlib import Path

from ganglion.bot.control.place import SOCKET, ControlError, reachable
from ganglion.bot.control.protocol import Command, CommandError, Reply, read_reply, write_line
from ganglion.bot.errors import ExitCode

FOLDERS = "*.ganglion"
LOCK = "lock"
OF_A_BOT = (LOCK, SOCKET, "journal")
"""What a bot's folder has any of."""
MORE_S = 5.0
"""Beyond the command's own time, for the answer to come."""


class FolderUnknownError(ControlError):
    """Nobody can tell which bot is meant, or its folder is not there."""

    code = ExitCode.CONFIGURATION


class NotRunningError(ControlError):
    """No bot answers there."""


def find_folder(data: Path | None, config: Path | None, here: Path) -> Path:
    """The data folder of the bot that is meant.

    Raises:
        FolderUnknownError: it is not there, or several could be meant.
    """
    if data is not None:
        folder = data
    elif config is not None:
        folder = _configured(config)
    else:
        found = sorted(path for path in here.glob(FOLDERS) if path.is_dir())
        if len(found) != 1:
            names = ", ".join(path.name for path in found)
            several = f"there are {names}" if found else f"there is no {FOLDERS} folder"
            raise FolderUnknownError(f"which bot? In {here} {several}: name one with --data DIR or -c bot.toml")
        folder = found[0]
    if not folder.is_dir():
        raise FolderUnknownError(f"{folder} is no folder: a bot makes it at its first `ganglion run`")
    if data is not None and not any((folder / name).exists() for name in OF_A_BOT):
        raise FolderUnknownError(
            f"{folder} is no bot's folder (none of {', '.join(OF_A_BOT)} is in it): name one that `ganglion run` made, "
            f"NAME{FOLDERS.lstrip('*')} or [bot] data"
        )
    return folder


def _configured(config: Path) -> Path:
    """A bot.toml's data folder; only that is read, so that no secret has to be at hand."""
    try:
        bot = tomllib.loads(config.read_text(encoding="utf-8")).get("bot", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FolderUnknownError(f"{config} can't be read: {error}") from None
    name, data = (bot.get("name", "bot"), bot.get("data")) if isinstance(bot, dict) else ("bot", None)
    return config.parent / str(data or f"{name}.ganglion")


def call(folder: Path, command: Command) -> Reply:
    """Say a command to the bot of a folder and wait for its answer.

    Raises:
        NotRunningError: no bot serves there.
        ControlError: it does not answer, or not in words that can be read.
    """
    try:
        with reachable(folder) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(command.timeout_s + MORE_S)
            connection.connect(path)
            connection.sendall(write_line(command))
            line = _line(connection)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotRunningError(_not_running(folder)) from None
    except PermissionError:
        raise NotRunningError(
            f"{folder / SOCKET} is not yours to use: run this as {_owner(folder)}, who runs the bot"
        ) from None
    except TimeoutError:
        raise ControlError(
            f"the bot of {folder} did not answer within {command.timeout_s + MORE_S:g} s: see its log, or give more "
            "--timeout"
        ) from None
    except OSError as error:
        raise ControlError(f"the connection to the bot of {folder} broke ({error}): it may be stopping") from None
    if not line:
        raise ControlError(f"the bot of {folder} hung up without an answer: it may be stopping; look with `status`")
    try:
        return read_reply(line)
    except CommandError as error:
        raise ControlError(str(error)) from None


def _line(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    while part := connection.recv(65536):
        parts.append(part)
        if part.endswith(b"\n"):
            return b"".join(parts)
    return b""


def _owner(folder: Path) -> str:
    try:
        return folder.owner()
    except (KeyError, OSError):
        return "the user"


def _not_running(folder: Path) -> str:
    """Whether a bot was killed there, is starting, or was stopped."""
    pid, held = "", False
    with suppress(OSError):
        handle = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
        try:
            pid = os.pread(handle, 32, 0).decode(errors="replace").strip()
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            held = True
        finally:
            os.close(handle)
    if held:
        return f"process {pid} has {folder} and does not answer yet: it starts or stops, try again in a moment"
    killed = f" It was killed: process {pid} is gone, and its orders may be open at the exchanges." if pid else ""
    return f"no bot runs in {folder}.{killed} Start it with `ganglion run`: it reconciles first"
