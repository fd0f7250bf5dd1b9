"""The projection actor: writes the database behind the journal, on a thread of its own where it may block.

Told by the journal what became durable, it reads that from the journal's own segments a few times a second. Nothing
waits for it. A projection that is locked is written later, and so is any while the disk is nearly full; one that is
missing or damaged is made anew, one of another journal set aside; what can't be written at all is said in the log, and
trading goes on. Where the journal lacks something, the projection stands still as it is: it may be the last copy.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ganglion.actors.trading.journal import Position
from ganglion.actors.trading.orders.checkpoint import CheckpointError
from ganglion.actors.trading.orders.ledger import LedgerError
from ganglion.actors.trading.orders.records import RecordError
from ganglion.bot.projection.database import ProjectionBusy, ProjectionError, ProjectionReplaced, ProjectionStale
from ganglion.bot.projection.events import EventError
from ganglion.bot.projection.following import JournalGap
from ganglion.bot.projection.projector import Projector
from ganglion.messages.journal import Journaled
from ganglion.messages.lifecycle import Failure, Tick
from ganglion.supervision import Actor, receives

ProjectionMessage: TypeAlias = Journaled | Tick

BEHIND_S = 0.2
"""Rows of this long are written together: a commit for each record would take time from everyone else."""
_AT_ONCE = 2_000
"""Entries in one turn, so that a stop never waits for a long journal."""
ROOM_BYTES = 64 * 1024 * 1024
"""With less free it writes nothing: many times what its largest transaction takes, and four segments of the journal."""
_BUSY_RETRY_S = 1.0
_RETRY_S = 30.0


def free_bytes(folder: Path) -> int:
    """What this user may still write there; plenty where the system does not say, then writing tells."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return ROOM_BYTES


class ProjectionActor(Actor[ProjectionMessage]):
    """One bot's projection."""

    def __init__(
        self,
        folder: Path,
        make: Callable[[Path], Projector] = Projector,
        room: Callable[[Path], int] = free_bytes,
    ) -> None:
        """Name the bot's data folder; `room` tells how many bytes are free there."""
        self._folder = folder
        self._make = make
        self._projector: Projector | None = None
        self._until: Position | None = None
        self._due = False
        """A turn is coming."""
        self._still = False
        """It can't go on in this process."""
        self._said = ""
        """The trouble that was logged last."""
        self._room = room

    def on_start(self) -> None:
        """Catch up with what was journaled while nobody followed."""
        self._next(0.0)

    def on_stop(self) -> None:
        """Write what is left, as far as it goes quickly; the next start finds the rest in the journal."""
        if not self._still:
            self._until = None
            self._work()
        self._close()

    def on_failure(self, failure: Failure) -> None:
        """Let go of the file: the next incarnation opens it again."""
        self._close()

    @receives
    def journaled(self, message: Journaled) -> None:
        """More is durable."""
        self._until = Position(message.segment, message.offset)
        self._next(BEHIND_S)

    @receives
    def tick(self, message: Tick) -> None:
        """Time to write."""
        self._due = False
        if not self._still and (delay_s := self._work()) is not None:
            self._next(delay_s)

    def _next(self, delay_s: float) -> None:
        if self._due or self._still:
            return
        self._due = True
        if delay_s:
            self.after(delay_s, Tick("write"))
        else:
            self.address.tell(Tick("write"))

    def _work(self) -> float | None:
        """Write a part of what is new; in how many seconds to go on, None where all is written or nothing can be."""
        if (room := self._room(self._folder)) < ROOM_BYTES:
            # Closed it leaves nothing beside it, which gives some room back.
            self._close()
            why = f"{room} bytes are free in {self._folder}, the journal comes first below {ROOM_BYTES}"
            self._say("projection waits for room on the disk, written later", why)
            return _RETRY_S
        try:
            projector = self._projector or self._open()
            more = projector.catch_up(self._until, entries=_AT_ONCE)
        except ProjectionBusy as error:
            self._say("projection is locked by somebody, written later", error)
            return _BUSY_RETRY_S
        except ProjectionReplaced as error:
            self._say("projection is opened again", error)
            self._close()
            return _BUSY_RETRY_S
        except ProjectionStale as error:
            return self._anew(error)
        except (ProjectionError, OSError) as error:
            self._say("projection can't be written, the journal has it all", error)
            self._close()
            return _RETRY_S
        except (JournalGap, RecordError, LedgerError, CheckpointError, EventError) as error:
            # Of a journal that lacks something the projection may be the last copy: it is never made anew for that.
            self._stand_still(error)
            return None
        self._said = ""
        return 0.0 if more else None

    def _open(self) -> Projector:
        self._projector = self._make(self._folder)
        if self._projector.notice:
            self.log.warning("projection made anew from the journal", why=self._projector.notice)
        return self._projector

    def _anew(self, error: ProjectionStale) -> float | None:
        """Drop it and begin with the journal's oldest entry; None where that can't be."""
        self.log.warning("projection made anew from the journal", why=str(error))
        try:
            if self._projector is not None:
                self._projector.anew(str(error))
        except (JournalGap, ProjectionError, OSError) as worse:
            self._stand_still(worse)
            return None
        return BEHIND_S

    def _stand_still(self, error: Exception) -> None:
        self._still = True
        self._close()
        todo = "`ganglion journal verify` says what is wrong with the journal; trading does not depend on this"
        self.log.error("projection stands still", why=str(error), todo=todo)

    def _say(self, what: str, why: object) -> None:
        if self._said != what:
            self._said = what
            self.log.warning(what, why=str(why))

    def _close(self) -> None:
        if self._projector is not None:
            self._projector.close()
            self._projector = None
