"""Verifies a journal: every frame, header, record and checkpoint, and the invariants of the ledgers that they make.

Reads only, and never stops at the first mistake. Beside a bot that is writing, an unfinished frame at the very end is
no mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ganglion.actors.trading.journal import Entry, Kind
from ganglion.actors.trading.journal.identity import Identity
from ganglion.actors.trading.journal.reader import look_at
from ganglion.actors.trading.journal.segments import Header, Scan, batches, header_frame, number_of, scan
from ganglion.actors.trading.money import add_to, moved, plain
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.checkpoint import CheckpointError, decode_ledger, unlike
from ganglion.actors.trading.orders.counted import Anomaly
from ganglion.actors.trading.orders.ledger import Ledger, LedgerError
from ganglion.actors.trading.orders.records import RecordError
from ganglion.actors.trading.orders.states import may_move
from ganglion.bot.projection.events import EventError
from ganglion.bot.projection.replaying import Replay, Step
from ganglion.messages.journal import OWN_STREAM
from ganglion.messages.orders import OrderUpdate
from ganglion.messages.values import ZERO, Asset

MOST = 100
"""Mistakes that are listed; more are counted."""


class Mistake(NamedTuple):
    """One thing that is wrong."""

    where: str
    what: str
    todo: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.where}: {self.what}; {self.todo}"


class Verdict(NamedTuple):
    """What was found."""

    bot: str
    segments: int
    entries: int
    accounts: tuple[str, ...]
    first_ms: int
    last_ms: int
    notes: tuple[str, ...]
    """What is no mistake and worth a word."""
    mistakes: tuple[Mistake, ...]
    left_out: int
    """Mistakes beyond those listed."""


_RESTORE = "compare the account with its venue before trading on, and restore the file from a backup"
_DOUBLE = "the one in journal/ was read here: keep the one that is right, and take the other out of this folder"
_OURS = "this is a bug of the program: keep the folder and report it"


class Verifier:
    """One verification."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._replay = Replay()
        self._mistakes: list[Mistake] = []
        self._left_out = 0
        self._notes: list[str] = []
        self._first: Header | None = None
        self._mark: Identity | None = None
        self._entries = 0
        self._times: list[int] = []
        self._accounts: dict[str, None] = {}
        self._used: dict[tuple[str, str, str], None] = {}
        self._states: dict[tuple[str, str], OrderUpdate] = {}

    def run(self, progress: Callable[[int], None] = lambda _: None) -> Verdict:
        """Go through everything.

        Args:
            progress: told how many bytes were gone through.

        Raises:
            OSError: a file can't be read.
        """
        there = look_at(self._folder)
        files = there.files
        newest = max(files, default=0)
        done = 0
        for flaw in there.flaws:
            self._wrong(flaw.segment, flaw.text, _DOUBLE if number_of(flaw.segment) in there.doubles else _RESTORE)
        self._mark = there.identity
        for number, path in files.items():
            if number - 1 not in files and number != min(files):
                self._distrust()
            data = path.read_bytes()
            found = scan(data, path.name, last=number == newest)
            self._header(found, number, path.name)
            self._segment(data, found, path.name)
            self._flaw(found)
            done += len(data)
            progress(done)
        for ledger in self._replay.ledgers.values():
            self._ledger(ledger)
        return Verdict(
            bot=self._first.bot if self._first else "",
            segments=len(files),
            entries=self._entries,
            accounts=tuple(self._accounts),
            first_ms=min(self._times, default=0),
            last_ms=max(self._times, default=0),
            notes=tuple(self._notes),
            mistakes=tuple(self._mistakes),
            left_out=self._left_out,
        )

    # -------------------------------------------------------------- bytes

    def _header(self, found: Scan, number: int, name: str) -> None:
        header = found.header
        if header is None:
            return
        if self._first is None:
            self._first = header
            self._replay.older |= set(header.floors)
            if number > 1:
                self._notes.append(f"it begins with segment {number}: older ones were removed when their time was over")
        if header.number != number:
            self._wrong(name, f"its header says that it is segment {header.number}", "give it its name back")
        bot, root = (self._mark or self._first).bot, (self._mark or self._first).run_root
        if header.run_root != root or header.bot != bot:
            text = (
                f"it belongs to another journal (bot {header.bot!r} with run root {header.run_root.hex()}, not {bot!r} "
                f"with {root.hex()})"
            )
            self._wrong(name, text, "take it out of this folder, and restore what was in its place from a backup")
            self._distrust()

    def _flaw(self, found: Scan) -> None:
        flaw = found.flaw
        if flaw is None:
            return
        if flaw.torn:
            self._notes.append(f"{flaw} (a bot that writes right now, or a crash: nobody was ever told it was durable)")
            return
        self._wrong(f"{flaw.segment} at byte {flaw.offset}", flaw.text, _RESTORE)
        self._distrust()

    def _distrust(self) -> None:
        """What follows a hole can't be understood before the next checkpoint."""
        self._replay.older |= set(self._replay.ledgers)
        self._replay.ledgers.clear()
        self._states.clear()

    def _segment(self, data: bytes, found: Scan, name: str) -> None:
        if found.header is None or not found.end:
            return
        begin = len(header_frame(found.header))
        offset = begin
        for entries, end in batches(data[begin : found.end])[0]:
            for entry in entries:
                self._entry(entry, f"{name} at byte {offset}")
            offset = begin + end

    # -------------------------------------------------------------- entries

    def _entry(self, entry: Entry, where: str) -> None:
        self._entries += 1
        if not self._times or entry.time_ms > self._times[-1]:
            self._times.append(entry.time_ms)
        if entry.account:
            self._accounts[entry.account] = None
        before = self._replay.ledgers.get(entry.account)
        try:
            if entry.kind == Kind.CHECKPOINT and before is not None:
                self._checkpoint(entry, before, where)
                return
            if entry.account != OWN_STREAM:
                self._twice(entry, where)
            self._facts(self._replay.take(entry), where)
        except (RecordError, EventError, CheckpointError, LedgerError) as error:
            self._wrong(where, str(error), _RESTORE)

    def _checkpoint(self, entry: Entry, ledger: Ledger, where: str) -> None:
        """Replaying gives the live state (I14)."""
        live = decode_ledger(entry.account, entry.record)
        if fields := unlike(live, ledger):
            text = f"I14: the checkpoint of {entry.account} differs from its records in {', '.join(fields)}"
            self._wrong(where, text, _OURS)
            self._replay.ledgers[entry.account] = live

    def _twice(self, entry: Entry, where: str) -> None:
        """Client ids and intents are unique for ever (I2), longer than a ledger remembers them."""
        record = r.decode(entry.record) if entry.kind == Kind.RECORD else None
        if not isinstance(record, r.Intended):
            return
        for name, what in ((record.client_id, "I2: client id"), (record.intent.intent_id, "I3: intent")):
            key = (entry.account, what, name)
            if key in self._used:
                self._wrong(where, f"{what} {name} of {entry.account} is used twice", _OURS)
            self._used[key] = None

    def _facts(self, step: Step, where: str) -> None:
        for fact in step.facts:
            if isinstance(fact, Anomaly):
                todo = "the bot halted for it: see to it, then resume"
                self._wrong(where, f"{fact.invariant}: {fact.text}", todo)
            elif isinstance(fact, OrderUpdate):
                self._move(fact, where)

    def _move(self, now: OrderUpdate, where: str) -> None:
        """Only legal moves, and what is filled only grows (I7)."""
        key = (now.account, now.client_id)
        before = self._states.get(key)
        self._states[key] = now
        if before is None:
            return
        if not may_move(before.state, now.state):
            self._wrong(where, f"I7: {now.client_id} moved from {before.state} to {now.state}", _OURS)
        if now.filled < before.filled:
            text = f"I7: {now.client_id} had {plain(before.filled)} filled, then {plain(now.filled)}"
            self._wrong(where, text, _OURS)

    # -------------------------------------------------------------- ledgers

    def _ledger(self, ledger: Ledger) -> None:
        where = f"ledger of {ledger.account}"
        for order in ledger.lines.values():
            if order.filled > order.intent.amount:
                text = f"I3: {order.client_id} is filled by {plain(order.filled)} of {plain(order.intent.amount)}"
                self._wrong(where, text, "compare it with the venue")
        counted = _counted(ledger)
        for asset in sorted({*ledger.sums, *counted}):
            told, made = ledger.sums.get(asset, ZERO), counted.get(asset, ZERO)
            if told != made:
                text = f"I1: {asset} comes to {told}, opening, fills and externals to {made}"
                self._wrong(where, text, _OURS)
        for (symbol, trade_id), fill in ledger.fills.items():
            line = ledger.lines.get(fill.client_id or "")
            if line is not None and trade_id not in line.fills:
                self._wrong(where, f"I10: fill {trade_id} of {symbol} counts, but for no order", _OURS)

    def _wrong(self, where: str, what: str, todo: str) -> None:
        if len(self._mistakes) >= MOST:
            self._left_out += 1
        else:
            self._mistakes.append(Mistake(where, what, todo))


def _counted(ledger: Ledger) -> dict[Asset, Decimal]:
    """Opening + fills - fees + externals, added up anew."""
    sums: dict[Asset, Decimal] = {}
    for balance in ledger.opening or ():
        add_to(sums, balance.asset, balance.total)
    for asset, amount in moved(ledger.fills.values()).items():
        add_to(sums, asset, amount)
    for external in ledger.externals:
        add_to(sums, external.asset, external.amount)
    return sums
