"""A bot's folder that a test writes a journal into, with a clock that moves on by a second an entry."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from ganglion.actors.trading.journal import FolderDevice, Kind, Log, Position
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.checkpoint import encode_ledger
from ganglion.actors.trading.orders.ledger import Ledger, LedgerError
from ganglion.bot.projection.database import dump
from ganglion.bot.projection.events import AnyEvent, encode_event
from ganglion.bot.projection.projector import Projector
from ganglion.messages.journal import OWN_STREAM
from tests.actors.trading.evidence import OPENED
from tests.actors.trading.journal.test_checkpoints import records

BEGAN_MS = 1_767_225_600_000
"""2026-01-01 00:00 UTC."""
ROOT = b"r" * 16


class Journal:
    """A journal in a folder."""

    def __init__(self, folder: Path, segment_bytes: int = 10**6, bot: str = "test", root: bytes = ROOT) -> None:
        self.folder = folder
        self.ledgers: dict[str, Ledger] = {}
        self._now_ms = BEGAN_MS
        self.log = Log(
            FolderDevice(folder),
            bot,
            ("alpha", "beta"),
            new_root=lambda: root,
            now_ms=self._tick,
            segment_bytes=segment_bytes,
        )

    def _tick(self) -> int:
        self._now_ms += 1_000
        return self._now_ms

    @property
    def place(self) -> Position:
        return Position(*self.log.place)

    def write(self, *entries: r.AnyRecord | AnyEvent, account: str = "alpha") -> Journal:
        """One batch; an event goes to the bot's own stream."""
        for entry in entries:
            if isinstance(entry, r.Record):
                self.ledgers.setdefault(account, Ledger(account)).apply(entry)
                self.log.collect(account, r.encode(entry))
            else:
                self.log.collect(OWN_STREAM, encode_event(entry))
        self.log.commit()
        return self

    def bytes(self, record: bytes, account: str = "alpha") -> Journal:
        """Whatever it is."""
        self.log.collect(account, record)
        self.log.commit()
        return self

    def rotate(self) -> Journal:
        """The next segment, with a checkpoint of each account; older ones go to the archive."""
        self.log._grown = 10**9
        assert self.log.rotate()
        for account, ledger in self.ledgers.items():
            self.log.collect(account, encode_ledger(ledger), kind=Kind.CHECKPOINT)
        self.log.commit()
        self.log.retire()
        return self

    def project(self, path: Path | None = None) -> Projector:
        """Bring a projection up to the journal and close it."""
        projector = Projector(self.folder, path)
        projector.catch_up()
        projector.close()
        return projector

    def rebuilt(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of a projection that is made from the beginning."""
        path = self.folder / "rebuilt.sqlite"
        path.unlink(missing_ok=True)
        self.project(path)
        return dump(path)


@st.composite
def histories(draw):
    """Records as an order line writes them: opened once, each intent once, nothing that a ledger refuses."""
    ledger = Ledger("alpha")
    kept = []
    used = set()
    rare = st.sampled_from([r.Forgotten(10**13), r.VenueRenewed("a test"), OPENED])
    for record in [OPENED, *draw(st.lists(st.one_of(records(), records(), records(), rare), max_size=25))]:
        twice = isinstance(record, r.Intended) and record.client_id in used
        if twice or (isinstance(record, r.Opened) and ledger.opening is not None):
            continue
        if isinstance(record, r.Intended):
            used.add(record.client_id)
        try:
            ledger.apply(record)
        except LedgerError:
            continue
        kept.append(record)
    return kept
