"""What a journal's bytes mean: frames, a segment's header, batches of entries, and what is wrong with a segment.

Pure. A segment is a header frame, then one frame for each batch that was written and synced at once. A frame is
`length u32 | crc32 u32 | msgpack`, little endian; the crc covers the length too, so that a run of zeros is no frame.
Because a batch is one frame, a power loss can leave at most one frame torn, and that one is the last.
"""

from __future__ import annotations

import enum
import re
import struct
import zlib
from collections.abc import Iterable

import msgspec

MAGIC = "ganglion journal"
FORMAT = 1
NAME = re.compile(r"^(\d{8,})\.log$")

_PREFIX = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_BATCH_START = re.compile(rb"(?=(?:[\x91-\x9f]|\xdc..|\xdd....)\x94)", re.DOTALL)
"""Where the payload of a batch may begin: an array whose first element is an array of four."""


class Kind(enum.IntEnum):
    """What an entry holds."""

    RECORD = 0
    CHECKPOINT = 1
    """An account's whole state: every record of the account before it is in there."""


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record or checkpoint of one account."""

    account: str
    """Empty for the bot's own stream."""
    time_ms: int
    """When the journal got it, by the system's clock."""
    record: bytes
    kind: Kind = Kind.RECORD


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What a segment begins with."""

    magic: str
    version: int
    run_root: bytes
    """128 random bits, the same in all segments for ever."""
    bot: str
    number: int
    created_ms: int
    floors: dict[str, int]
    """By account: the segment of its newest checkpoint, or the first it stands in; older ones are not needed."""


class Flaw(msgspec.Struct, frozen=True):
    """Where a segment can't be read on, and why."""

    segment: str
    """File name."""
    offset: int
    text: str
    torn: bool
    """Only the end of a write that never became durable; False is damage."""

    def __str__(self) -> str:
        """For people: place, then what is wrong."""
        return f"{self.segment} at byte {self.offset}: {self.text}"


class Scan(msgspec.Struct, frozen=True):
    """What is whole in a segment, up to its end or to its first flaw."""

    header: Header | None
    entries: list[Entry]
    end: int
    """Behind the last whole frame."""
    flaw: Flaw | None


_ENCODER = msgspec.msgpack.Encoder()
_HEADERS = msgspec.msgpack.Decoder(Header)
_BATCHES = msgspec.msgpack.Decoder(list[Entry])


def name_of(number: int) -> str:
    """The file name of a segment."""
    return f"{number:08d}.log"


def number_of(name: str) -> int | None:
    """The number in a segment's file name; None for another file."""
    match = NAME.match(name)
    return None if match is None else int(match[1])


def frame(payload: bytes) -> bytes:
    """One frame around a payload."""
    length = _LENGTH.pack(len(payload))
    return length + _LENGTH.pack(zlib.crc32(payload, zlib.crc32(length))) + payload


def header_frame(header: Header) -> bytes:
    """A segment's first frame."""
    return frame(_ENCODER.encode(header))


def batch_frame(entries: Iterable[Entry]) -> bytes:
    """The frame of entries that become durable together."""
    return frame(_ENCODER.encode(list(entries)))


def _payload(data: bytes, offset: int) -> memoryview | None:
    """The payload of the frame at an offset; None where no whole, intact frame stands."""
    start = offset + _PREFIX.size
    if start > len(data):
        return None
    length, crc = _PREFIX.unpack_from(data, offset)
    if start + length > len(data):
        return None
    payload = memoryview(data)[start : start + length]
    return payload if zlib.crc32(payload, zlib.crc32(_LENGTH.pack(length))) == crc else None


def unframe(data: bytes) -> memoryview | None:
    """The payload of the frame that bytes begin with; None where none is whole."""
    return _payload(data, 0)


def _whole_frame_behind(data: bytes, offset: int) -> bool:
    """Whether any intact batch stands behind an offset: then what is wrong there is no torn end."""
    for match in _BATCH_START.finditer(data, offset + 1 + _PREFIX.size):
        if _payload(data, match.start() - _PREFIX.size) is not None:
            return True
    return False


def read_header(data: bytes) -> Header | None:
    """The header of a segment's first bytes; None where it is not whole or is no header."""
    payload = _payload(data, 0)
    if payload is None:
        return None
    try:
        header = _HEADERS.decode(payload)
    except msgspec.MsgspecError:
        return None
    return header if header.magic == MAGIC else None


def scan(data: bytes, segment: str, *, last: bool, start: int = 0) -> Scan:
    """Read a segment as far as it is whole.

    Args:
        data: its bytes.
        segment: its file name, for the flaw.
        last: it is the newest: only there may a write have been torn.
        start: where to read on; 0 reads the header first.
    """
    header: Header | None = None
    offset = start
    if not start:
        header = read_header(data)
        if header is None:
            return Scan(None, [], 0, _flaw(data, segment, 0, last=last, what="the segment's header"))
        if header.version != FORMAT:
            text = f"it is of format {header.version}, this program reads {FORMAT}: use the version that wrote it"
            return Scan(header, [], 0, Flaw(segment, 0, text, torn=False))
        offset = _end(data, 0)
    entries: list[Entry] = []
    while offset < len(data):
        payload = _payload(data, offset)
        if payload is None:
            return Scan(header, entries, offset, _flaw(data, segment, offset, last=last, what="the frame"))
        try:
            entries += _BATCHES.decode(payload)
        except msgspec.MsgspecError as error:
            text = f"an intact frame that holds no batch of entries ({error}): another version wrote it"
            return Scan(header, entries, offset, Flaw(segment, offset, text, torn=False))
        offset = _end(data, offset)
    return Scan(header, entries, offset, None)


def batches(data: bytes) -> tuple[list[tuple[list[Entry], int]], bool]:
    """Whole batches at the beginning of bytes from the middle of a segment, for a follower that need not read it all.

    Args:
        data: begins where a frame begins, behind the segment's header.

    Returns:
        each batch's entries with the offset behind it, and whether the bytes end there (else: torn, cut or damaged).

    Raises:
        msgspec.MsgspecError: an intact frame holds no batch: another version wrote it.
    """
    found: list[tuple[list[Entry], int]] = []
    offset = 0
    while offset < len(data):
        payload = _payload(data, offset)
        if payload is None:
            return found, False
        offset = _end(data, offset)
        found.append((_BATCHES.decode(payload), offset))
    return found, True


def _end(data: bytes, offset: int) -> int:
    """Behind the frame at an offset."""
    return offset + _PREFIX.size + int(_LENGTH.unpack_from(data, offset)[0])


def _flaw(data: bytes, segment: str, offset: int, *, last: bool, what: str) -> Flaw:
    left = len(data) - offset
    if last and not _whole_frame_behind(data, offset):
        text = f"{what} is not whole and nothing follows it: {left} bytes that never became durable"
        return Flaw(segment, offset, text, torn=True)
    return Flaw(segment, offset, f"{what} does not check, and {left} bytes follow: the file is damaged", torn=False)
