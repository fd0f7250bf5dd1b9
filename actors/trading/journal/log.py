"""A bot's log on a device: opens and recovers it, collects entries, makes them durable, rotates, retires, reads back.

Owned by the journal actor's factory, so that it outlives the actor's restarts; what was collected and is not yet on
the disk outlives them too. Only the journal's own thread calls it once the bot runs. After a failed write or sync it
never writes again: what the disk holds then is not known (a second fsync may answer "well" about lost pages).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ganglion.actors.trading.journal.device import ARCHIVE, JOURNAL, Device, FolderUnusable
from ganglion.actors.trading.journal.identity import IDENTITY, Identity, encode_identity
from ganglion.actors.trading.journal.remains import Remains, look_over, numbers_in, path_of
from ganglion.actors.trading.journal.segments import (
    FORMAT,
    MAGIC,
    Entry,
    Flaw,
    Header,
    Kind,
    Scan,
    batch_frame,
    header_frame,
    name_of,
    read_header,
    scan,
)
from ganglion.messages.journal import OWN_STREAM

SEGMENT_BYTES = 16 * 1024 * 1024
"""A segment that has grown beyond this is followed by the next."""
RETENTION_DAYS = 90
_DAY_MS = 86_400_000


class Restored(NamedTuple):
    """All of one account."""

    checkpoint: bytes
    """Empty where there is none."""
    records: tuple[bytes, ...]
    """Every record since."""
    flaw: str = ""
    """Where it could not be read on; empty where all of it was read."""


class Log:
    """One bot's journal on its device."""

    def __init__(
        self,
        device: Device,
        bot: str,
        accounts: Iterable[str],
        *,
        new_root: Callable[[], bytes],
        now_ms: Callable[[], int],
        segment_bytes: int = SEGMENT_BYTES,
        retention_days: int = RETENTION_DAYS,
    ) -> None:
        """Open the journal that is on the device, or begin one.

        Args:
            device: held by this process.
            bot: whose journal it has to be.
            accounts: those that will make checkpoints; segments that they do not need retire.
            new_root: makes 128 random bits.
            now_ms: the system's clock.
            segment_bytes: when the next segment begins.
            retention_days: how long retired segments are kept.

        Raises:
            ForeignJournal: it is another bot's, another journal than began here, or of another format.
            JournalLost: one began here, and none of its segments is left.
            FolderUnusable: it can't be begun or mended for lack of a disk that takes writes.
        """
        self._device = device
        self._bot = bot
        self._accounts = tuple(accounts)
        self._now_ms = now_ms
        self._segment_bytes = segment_bytes
        self._retention_ms = retention_days * _DAY_MS
        self.run_root = b""
        """128 random bits that this bot's client ids are made from, for ever; empty if they can't be read."""
        self.opening = new_root()
        """Random bits of this opening of the journal, in client ids beside the run root."""
        self.failure = ""
        """Why nothing can be made durable any more; empty while all is well."""
        self.notices: list[str] = []
        """What was found and mended at the opening, for the log."""
        self.begun = False
        """A new journal was begun at this opening: nothing told of an older one."""
        self._floors: dict[str, int] = {}
        self._number = 0
        self._end = 0
        """Behind the last durable frame of the newest segment."""
        self._grown = 0
        """Bytes of records in the newest segment."""
        self._checkpoints: dict[str, int] = {}
        """Size of each account's newest checkpoint."""
        self._waiting: list[Entry] = []
        """Collected, and not known to be durable."""
        self._keys: dict[str, list[str]] = {}
        """Keys by account that Durable has to name."""
        self._busy = False
        """A write or a sync is under way, on another thread than the one that looks."""
        self._untidy = True
        """Segments may lie about that no account needs any more."""
        try:
            self._open(new_root)
        except OSError as error:
            raise FolderUnusable(
                f"the journal of {bot} can't be opened ({error.strerror or error}): a bot never trades without one; "
                "see to the disk and to the rights of the `data` folder"
            ) from error

    # -------------------------------------------------------------- opening

    def _open(self, new_root: Callable[[], bytes]) -> None:
        there = look_over(self._device, self._bot)
        self.notices += there.notices
        for flaw in there.damage:
            self._corrupt(flaw)
        if there.number:
            self._adopt(there)
        if not self.failure:
            for unborn in there.unborn:
                # The power went before its header was durable.
                self.notices.append(str(unborn))
                self._device.remove(f"{JOURNAL}/{unborn.segment}")
        if not there.number:
            self.run_root = new_root()
            self._begin(1)
            self.begun = True
        elif not self.failure and (there.mark is None or there.mark.newest < self._number):
            self._mark()

    def _mark(self) -> None:
        """Say durably how far the journal has come: only ever of a segment that is durable."""
        self._device.create(IDENTITY, encode_identity(Identity(self.run_root, self._bot, self._number)))

    def _adopt(self, there: Remains) -> None:
        """Go on in the newest segment that is there."""
        self._number, found = there.number, there.found
        self._end = found.end
        if there.mark is not None:
            self.run_root = there.mark.run_root
        if found.header is not None:
            self.run_root = found.header.run_root
            self._floors = dict(found.header.floors)
        self._note(found.entries)
        oldest = min((self._floors.get(account, self._number) for account in self._accounts), default=self._number)
        for older in range(oldest, self._number):
            flaw = self._scan(older).flaw
            if flaw is not None:
                self._corrupt(flaw)
        if found.flaw is not None and not found.flaw.torn:
            self._corrupt(found.flaw)
        elif found.flaw is not None and not self.failure:
            self._device.truncate(path_of(self._number), found.end)
            self.notices.append(f"{found.flaw}; it was cut off")

    def _corrupt(self, flaw: Flaw) -> None:
        self.failure = self.failure or (
            f"the journal is damaged: {flaw}. Orders after that place may be unknown: compare with the venue, then "
            "restore the file from a backup"
        )

    def _begin(self, number: int) -> None:
        """Create a segment and go on in it."""
        header = Header(MAGIC, FORMAT, self.run_root, self._bot, number, self._now_ms(), self._floors)
        data = header_frame(header)
        self._device.create(path_of(number), data)
        self._number, self._end, self._grown = number, len(data), 0
        self._mark()

    # -------------------------------------------------------------- writing

    def collect(self, account: str, record: bytes, key: str = "", kind: Kind = Kind.RECORD) -> None:
        """Take an entry; it is durable once `commit` has returned and `failure` is empty."""
        self._waiting.append(Entry(account, self._now_ms(), record, kind))
        if key:
            self._keys.setdefault(account, []).append(key)

    @property
    def waiting(self) -> bool:
        """Whether anything was collected that `commit` could make durable."""
        return bool(self._waiting) and not self.failure

    def commit(self) -> dict[str, tuple[str, ...]]:
        """Write and sync all that was collected, as one batch: whole or not at all.

        Returns:
            the keys that are durable now, by account; none where `failure` says why.
        """
        if not self.waiting:
            return {}
        data = batch_frame(self._waiting)
        name = path_of(self._number)
        self._busy = True
        try:
            self._device.append(name, data)
            self._device.sync(name)
        except OSError as error:
            self._fail("written", error)
            return {}
        finally:
            self._busy = False
        self._end += len(data)
        self._note(self._waiting)
        self._waiting.clear()
        keys, self._keys = self._keys, {}
        return {account: tuple(those) for account, those in keys.items()}

    def _fail(self, what: str, error: OSError) -> None:
        self.failure = (
            f"the journal can't be {what} ({error.strerror or error}): nothing is placed any more; see to the disk of "
            "the `data` folder, then start the bot again"
        )

    def _note(self, entries: Iterable[Entry]) -> None:
        """What durable entries in the newest segment mean for rotation and retirement."""
        checkpoint = Kind.CHECKPOINT
        for entry in entries:
            if entry.kind is checkpoint:
                self._floors[entry.account] = self._number
                self._checkpoints[entry.account] = len(entry.record)
                self._untidy = True
            else:
                self._grown += len(entry.record)
                if entry.account != OWN_STREAM:
                    self._floors.setdefault(entry.account, self._number)

    # -------------------------------------------------------------- rotating, retiring

    @property
    def segment(self) -> int:
        """Number of the newest segment."""
        return self._number

    @property
    def place(self) -> tuple[int, int]:
        """Segment and offset before which everything is durable."""
        return self._number, self._end

    def rotate(self) -> bool:
        """Begin the next segment if this one is full; True asks every account for a checkpoint.

        A checkpoint may be larger than a segment should be: then records have to come to as much again first, or
        each checkpoint would call for the next.
        """
        if self.failure or self._grown <= self._segment_bytes or self._grown <= sum(self._checkpoints.values()):
            return False
        try:
            self._begin(self._number + 1)
        except OSError as error:
            self._fail("rotated", error)
            return False
        return True

    def retire(self) -> str:
        """Archive segments that no account needs at a start, and remove archived ones that are too old.

        Returns:
            what went wrong; nothing is lost by it but room.
        """
        if self.failure or not self._untidy:
            return ""
        self._untidy = False
        floor = min((self._floors.get(account, self._number) for account in self._accounts), default=self._number)
        needed = min([floor, *self._floors.values()])
        try:
            for number in numbers_in(self._device, JOURNAL):
                if number < floor:
                    self._device.rename(path_of(number), path_of(number, ARCHIVE))
            self._remove_old(needed)
        except OSError as error:
            return f"segments of the journal can't be archived ({error.strerror or error})"
        return ""

    def _remove_old(self, needed: int) -> None:
        archived = numbers_in(self._device, ARCHIVE)
        for number in archived:
            if number >= needed:
                return
            follower = ARCHIVE if number + 1 in archived else JOURNAL
            header = read_header(self._device.read(path_of(number + 1, follower)))
            # A segment is as old as the one that followed it when it was full.
            if header is None or header.created_ms > self._now_ms() - self._retention_ms:
                return
            self._device.remove(path_of(number, ARCHIVE))

    # -------------------------------------------------------------- reading

    @property
    def holds(self) -> tuple[str, ...]:
        """Every account that it keeps anything of, those that are not configured any more included."""
        return tuple(self._floors)

    def read(self, account: str) -> Restored:
        """An account's newest checkpoint and all that came after, what is not yet durable included.

        A segment that can't be read is damage of the journal, but for an account that is not configured: nobody
        trades on what is missing there.
        """
        checkpoint = b""
        records: list[bytes] = []
        flaws: list[Flaw] = []
        for entry in self._entries(self._floors.get(account, self._number), flaws):
            if entry.account != account:
                continue
            if entry.kind == Kind.CHECKPOINT:
                checkpoint = entry.record
                records.clear()
            else:
                records.append(entry.record)
        if account in {*self._accounts, OWN_STREAM}:
            for flaw in flaws:
                self._corrupt(flaw)
        return Restored(checkpoint, tuple(records), "; ".join(map(str, flaws)))

    def _entries(self, oldest: int, flaws: list[Flaw]) -> Iterator[Entry]:
        for number in range(oldest, self._number + 1):
            found = self._scan(number)
            yield from found.entries
            if found.flaw is not None:
                # What follows a hole can't be understood without it.
                flaws.append(found.flaw)
                return
        yield from self._waiting

    def _scan(self, number: int) -> Scan:
        """Read one segment, as far as it is known to be durable."""
        name = name_of(number)
        data = b""
        for place in (JOURNAL, ARCHIVE):
            try:
                data = self._device.read(path_of(number, place))
                break
            except FileNotFoundError:
                continue
            except OSError as error:
                text = f"it can't be read ({error.strerror or error})"
                return Scan(None, [], 0, Flaw(name, 0, text, torn=False))
        else:
            return Scan(None, [], 0, Flaw(name, 0, "it is missing", torn=False))
        if number == self._number:
            data = data[: self._end]
        found = scan(data, name, last=False)
        if found.header is not None and found.header.run_root != self.run_root:
            return Scan(None, [], 0, Flaw(name, 0, "it is of another journal: its run root differs", torn=False))
        return found

    def close(self) -> None:
        """Make durable what still can be, and let go of the device; a disk that hangs is not waited for."""
        if not self._busy:
            self.commit()
        self.failure = self.failure or "the journal is closed"
        self._device.close()
