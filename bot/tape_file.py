"""The file of an input tape: blocks of records, each whole or not at all, written by a thread of their own.

A block is `length u32 | crc32 u32 | zlib`, little endian. What was recorded is in the file within half a second, so a
process that is killed loses that much; what is torn off a file is left out when it is read, and told.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, ClassVar

import msgspec
import structlog

from ganglion.bot.errors import BotError, ExitCode
from ganglion.supervision.tape import Record, join, split

FLUSH_S = 0.5
BLOCK_RECORDS = 20_000
"""More are written before their time, so that a storm does not pile up in memory."""
MOST_BYTES = 4 * 1024**3
"""A tape that has grown to this ends; the bot runs on."""
MAGIC = b"ganglion tape 1\n"
_HEAD = struct.Struct("<II")
_FAST = 1


class TapeError(BotError):
    """A tape that can't be written, or is none."""

    code: ClassVar[ExitCode] = ExitCode.CONFIGURATION


class TapeFile:
    """Where a recorder's records go; made for one tape, closed once."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """Create the file and begin to write.

        Raises:
            OSError: it can't be created, or is there already.
        """
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.write(self._file, MAGIC)
        self.written = len(MAGIC)
        self.failure = ""
        """Why nothing is taken any more; empty while all is well."""
        self._most_bytes = most_bytes
        self._records: list[bytes] = []
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._main, name="ganglion-tape", daemon=True)
        self._thread.start()

    def write(self, record: bytes) -> bool:
        """Take one record; False if no more is taken."""
        with self._lock:
            self._records.append(record)
            many = len(self._records) >= BLOCK_RECORDS
        if many:
            self._bell.set()
        return not self.failure

    def close(self) -> None:
        """Write what is left; twice is once."""
        self._closed = True
        self._bell.set()
        self._thread.join()

    def _main(self) -> None:
        while not self._closed:
            self._bell.wait(FLUSH_S)
            self._bell.clear()
            self._flush()
        self._flush()
        os.close(self._file)

    def _flush(self) -> None:
        with self._lock:
            records, self._records = self._records, []
        if not records or self.failure:
            return
        data = zlib.compress(join(records), _FAST)
        block = memoryview(_HEAD.pack(len(data), zlib.crc32(data)) + data)
        if self.written + len(block) > self._most_bytes:
            self._fail(f"it has grown to {self.written} bytes")
            return
        self.written += len(block)
        try:
            while block:
                block = block[os.write(self._file, block) :]
        except OSError as error:
            self._fail(f"it can't be written ({error.strerror or error})")

    def _fail(self, why: str) -> None:
        self.failure = why
        structlog.get_logger().warning("tape_ends_early", why=why, bytes=self.written)


class TapeReader:
    """The records of a tape, as far as they are whole; iterate it once, then look at its `flaw`."""

    def __init__(self, path: Path) -> None:
        """Read a file; nothing is opened before the first record is wanted."""
        self.flaw = ""
        """What is wrong where the last whole block ends; empty where the file ends there."""
        self.damaged = False
        """The flaw is none that a killed writer leaves: more of the file stands behind it."""
        self._path = path

    def __iter__(self) -> Iterator[Record]:
        """Every record, in its order.

        Raises:
            TapeError: the file can't be read or is no tape.
        """
        path = self._path
        try:
            with path.open("rb") as file:
                if file.read(len(MAGIC)) != MAGIC:
                    raise TapeError(f"{path} is no tape that this version reads")
                while data := self._block(file):
                    yield from split(zlib.decompress(data))
        except OSError as error:
            raise TapeError(f"{path} can't be read: {error.strerror or error}") from error
        except (msgspec.MsgspecError, zlib.error) as error:
            raise TapeError(f"{path} holds what no recorder of this version writes ({error})") from error

    def _block(self, file: BinaryIO) -> bytes:
        """The next block's content; empty at the end, or at a flaw."""
        begin = file.tell()
        head = file.read(_HEAD.size)
        if not head:
            return b""
        if len(head) == _HEAD.size:
            length, crc = _HEAD.unpack(head)
            left = os.fstat(file.fileno()).st_size - file.tell()
            data = file.read(length) if length <= left else b""
            if data and zlib.crc32(data) == crc:
                return data
            if length < left:
                self.damaged = True
                self.flaw = f"the block at byte {begin} fails its check, and {left - length} bytes follow it"
                return b""
            if length == left:
                self.flaw = f"the block at byte {begin}, the last one, fails its check"
                return b""
        self.flaw = f"the file ends inside the block at byte {begin}"
        return b""


def read_tape(path: Path) -> TapeReader:
    """The records of a tape, as far as they are whole; iterate it, then look at its `flaw`."""
    return TapeReader(path)
