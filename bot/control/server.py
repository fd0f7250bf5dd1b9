"""Serves the control socket of one bot on a thread and loop of its own: reads commands, has them carried out, answers.

It trusts nobody: a line may be garbage, half a line or endless, a client slow or gone. Only the owner of the data
folder gets as far as connecting. Commands that wait for their effect wait on threads, so that a look or a halt never
queues behind a flatten.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import stat
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import msgspec
import structlog

from ganglion.bot.control.place import SOCKET, ControlError, ControlUnusableError, reachable
from ganglion.bot.control.protocol import (
    MAX_LINE,
    Command,
    CommandError,
    Failed,
    Reply,
    Result,
    read_command,
    write_line,
)
from ganglion.bot.control.scopes import UnknownScopeError
from ganglion.bot.secrets import Scrubber

CLIENTS = 32
IDLE_S = 300.0
"""A client that says nothing for this long is let go."""
WRITE_S = 10.0
"""As long may a client take to read an answer."""
LOOKS, DEEDS = 4, 8
"""Threads for commands that only look, and for those that do something."""
LOOKING = frozenset({"status", "tree", "orders"})
_CLOSE_S = 5.0

CarryOut: TypeAlias = Callable[[Command, str], Result]
"""Carries out a command for whom; may block."""


class RefusedError(Exception):
    """A command that was understood and is not carried out; the text says why and what to do."""


class ControlServer:
    """The control socket of one bot, open for the block that it is used in."""

    def __init__(self, folder: Path, carry_out: CarryOut, scrubber: Scrubber | None = None) -> None:
        self._folder = folder
        self._carry_out = carry_out
        self._scrub = (scrubber or Scrubber()).scrub
        self._log = structlog.get_logger().bind(socket=str(folder / SOCKET))
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._looks = ThreadPoolExecutor(LOOKS, thread_name_prefix="control-look")
        self._deeds = ThreadPoolExecutor(DEEDS, thread_name_prefix="control-deed")
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._inode = 0

    def __enter__(self) -> Self:
        """Begin to listen.

        Raises:
            ControlError: another process serves there, or the socket can't be made.
        """
        listening = self._bind()
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(listening), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, let go of everybody, take the socket away."""
        self._remove_own()
        self._looks.shutdown(wait=False, cancel_futures=True)
        self._deeds.shutdown(wait=False, cancel_futures=True)
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_S)
        self._loop.close()

    # -------------------------------------------------------------- the socket itself

    def _bind(self) -> socket.socket:
        path = self._folder / SOCKET
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = stat.S_IMODE(self._folder.stat().st_mode)
            if mode & 0o077:
                # The socket is made open for a moment, as long as its folder is closed nobody else gets there.
                self._folder.chmod(mode & 0o700)
            with reachable(self._folder) as short:
                self._make_room(short)
                listening.bind(short)
            path.chmod(0o600)
            self._inode = path.lstat().st_ino
            listening.listen(CLIENTS)
        except ControlError:
            listening.close()
            raise
        except OSError as error:
            listening.close()
            raise ControlUnusableError(
                f"the control socket {path} can't be made ({error.strerror or error}): set [bot] data to a folder of "
                "your own on a local disk"
            ) from error
        return listening

    def _make_room(self, path: str) -> None:
        """Take away the socket of a bot that was killed; one that is served stays."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
            trial.settimeout(1.0)
            try:
                trial.connect(path)
            except FileNotFoundError:
                return
            except TimeoutError:
                raise self._taken() from None
            except OSError:
                os.unlink(path)  # noqa: PTH108 - a path through an open folder
                return
        raise self._taken()

    def _taken(self) -> ControlError:
        return ControlUnusableError(
            f"another process serves {self._folder / SOCKET}: stop that bot first, or give this one a [bot] data of "
            "its own"
        )

    def _remove_own(self) -> None:
        path = self._folder / SOCKET
        try:
            if path.lstat().st_ino == self._inode:
                path.unlink()
        except OSError as error:
            self._log.warning("control_socket_left", error=str(error))

    # -------------------------------------------------------------- its loop

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _serve(self, listening: socket.socket) -> None:
        self._server = await asyncio.start_unix_server(self._client, sock=listening, limit=MAX_LINE)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._clients:
            writer.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self._clients.add(writer)
        try:
            if len(self._clients) > CLIENTS:
                await self._answer(writer, _failed(None, "busy", f"{CLIENTS} clients are connected: try again later"))
            else:
                await self._converse(reader, writer)
        except (ConnectionError, TimeoutError):
            self._log.debug("control_client_left")
        finally:
            self._clients.discard(writer)
            if task is not None:
                self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        who = _peer(writer)
        while True:
            try:
                line = await asyncio.wait_for(reader.readuntil(b"\n"), IDLE_S)
            except asyncio.IncompleteReadError:
                return  # gone, in the middle of a line or behind one
            except asyncio.LimitOverrunError:
                text = f"a line of more than {MAX_LINE} bytes is no command"
                await self._answer(writer, _failed(None, "bad_request", text))
                return
            if line.strip():
                await self._answer(writer, await self._reply(line, who))

    async def _reply(self, line: bytes, who: str) -> Reply:
        try:
            command = read_command(line)
        except CommandError as error:
            return _failed(None, "bad_request", str(error))
        pool = self._looks if command.command in LOOKING else self._deeds
        if command.command not in LOOKING:
            self._log.info("operator", command=command.command, scope=command.scope, who=who or command.who)
        try:
            result = await self._loop.run_in_executor(pool, self._carry_out, command, who or command.who or "operator")
        except UnknownScopeError as error:
            return _failed(command.id, "unknown_scope", str(error))
        except RefusedError as error:
            return _failed(command.id, "refused", str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the client hears of it and the socket stays open
            self._log.exception("control_failed", command=command.command)
            return _failed(command.id, "failed", f"{type(error).__name__}: {error}; see the bot's log")
        return Reply(command.id, ok=True, result=msgspec.Raw(msgspec.json.encode(result)))

    async def _answer(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        writer.write(self._scrub(write_line(reply).decode()).encode())
        await asyncio.wait_for(writer.drain(), WRITE_S)


def _failed(number: int | str | None, failed: Failed, text: str) -> Reply:
    return Reply(number, ok=False, failed=failed, text=text)


def _peer(writer: asyncio.StreamWriter) -> str:
    """The user at the other end, as the system tells it; empty where it does not."""
    connection = writer.get_extra_info("socket")
    if connection is None or not hasattr(socket, "SO_PEERCRED"):
        return ""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
