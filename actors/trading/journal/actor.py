"""The journal actor: makes records durable before anything is sent, and reads them back at a start.

Orders actors tell it Append, Checkpoint and ReadJournal; it answers the orders actor of that account. It has a thread
of its own, the one place in the bot where a handler may block: on the write and the sync of its log. Appends are
collected; a Flush that it tells itself comes behind all that waits by then, so that one sync serves them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ganglion.actors.trading.journal.log import Log
from ganglion.actors.trading.journal.segments import Kind
from ganglion.messages.journal import (
    OWN_STREAM,
    Append,
    Checkpoint,
    CheckpointWanted,
    Durable,
    Flush,
    Journaled,
    JournalFailed,
    JournalRead,
    ReadJournal,
)
from ganglion.supervision import Actor, Address, Refusal, receives

JournalMessage: TypeAlias = Append | Checkpoint | ReadJournal | Flush
FromJournal: TypeAlias = Durable | JournalRead | JournalFailed | CheckpointWanted


class JournalError(RuntimeError):
    """An account that the journal was not wired for."""


class JournalActor(Actor[JournalMessage]):
    """One bot's journal."""

    def __init__(self, log: Log, orders: Mapping[str, Address[FromJournal]]) -> None:
        self._kept = log
        self._orders = orders
        self._flushing = False
        self._failed = False
        """Everyone was told of the failure."""
        self._tokens: dict[str, int] = {}
        """The newest fencing token of each account that was heard of."""

    def on_start(self) -> None:
        """Say what was mended; a restart goes on with what the last incarnation had collected."""
        for notice in self._kept.notices:
            self.log.warning("journal mended", what=notice)
        self._kept.notices.clear()
        self._tell_failure()
        self._flush_soon()

    def on_stop(self) -> None:
        """Nothing that was taken is left behind."""
        self._kept.commit()

    @receives
    def append(self, message: Append) -> None:
        """Take a record; it is durable with the next flush."""
        self._check(message.account, message.token)
        if message.account != OWN_STREAM:
            who = self._who(message.account)
            if self._kept.failure and message.key:
                who.tell(JournalFailed(self._kept.failure))
        self._kept.collect(message.account, message.record, message.key)
        self._flush_soon()

    @receives
    def checkpoint(self, message: Checkpoint) -> None:
        """Take an account's whole state."""
        self._check(message.account, message.token)
        self._kept.collect(message.account, message.state, kind=Kind.CHECKPOINT)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._kept.waiting and not self._flushing:
            self._flushing = True
            self.address.tell(Flush())

    @receives
    def flush(self, message: Flush) -> None:
        """One write and one sync for all that has come together; then whoever waits is told."""
        self._flushing = False
        kept = self._kept
        before = kept.place
        for account, keys in kept.commit().items():
            self._who(account).tell(Durable(keys))
        if kept.place != before and self.is_heard(Journaled):
            # After Durable: whoever follows (the projection) never holds up an order.
            self.publish(Journaled(*kept.place))
        if kept.rotate():
            for address in self._orders.values():
                address.tell(CheckpointWanted(kept.segment))
        trouble = kept.retire()
        if trouble:
            self.log.error("journal not tidied", what=trouble)
        self._tell_failure()

    @receives
    def read(self, message: ReadJournal) -> None:
        """Everything that an account has written since its newest checkpoint."""
        self._check(message.account, message.token)
        who = self._who(message.account)
        found = self._kept.read(message.account)
        kept = self._kept
        who.tell(JournalRead(message.account, kept.run_root, found.records, found.checkpoint, kept.opening))
        if self._kept.failure:
            who.tell(JournalFailed(self._kept.failure))
        self._tell_failure()

    def _tell_failure(self) -> None:
        """Once a failure is known, everyone has to know: nothing may be placed any more."""
        if not self._kept.failure or self._failed:
            return
        self._failed = True
        self.log.critical("journal failed", cause=self._kept.failure)
        for address in self._orders.values():
            address.tell(JournalFailed(self._kept.failure))

    def _check(self, account: str, token: int) -> None:
        """Refuse what an incarnation writes that another has taken the place of: its ledger is not the account's.

        Raises:
            Refusal: it is older than one that was heard of.
        """
        newest = self._tokens.get(account, 0)
        if token < newest:
            raise Refusal(f"incarnation {token} of the orders actor of {account!r} has made way for {newest}")
        self._tokens[account] = token

    def _who(self, account: str) -> Address[FromJournal]:
        address = self._orders.get(account)
        if address is None:
            known = ", ".join(sorted(self._orders)) or "none"
            raise JournalError(
                f"the journal has no orders actor for account {account!r} (it has {known}): wire it in the factory"
            )
        return address
