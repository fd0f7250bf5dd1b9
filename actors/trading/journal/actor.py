"""The journal actor: makes records durable before anything is sent, and reads them back at a start.

Orders actors tell it Append and ReadJournal; it answers the orders actor of that account. It knows a store and no
format: what a record means is the ledger's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ganglion.actors.trading.journal.store import Store
from ganglion.messages.account import Append, Durable, JournalRead, ReadJournal
from ganglion.supervision import Actor, Address, receives

JournalMessage: TypeAlias = Append | ReadJournal
FromJournal: TypeAlias = Durable | JournalRead

_ROOT_BYTES = 16


class JournalError(RuntimeError):
    """An account that the journal was not wired for."""


class JournalActor(Actor[JournalMessage]):
    """One bot's journal."""

    def __init__(self, store: Store, orders: Mapping[str, Address[FromJournal]]) -> None:
        self._store = store
        self._orders = orders

    def on_start(self) -> None:
        """A new store gets its run root; an old one keeps it for ever."""
        if self._store.run_root is None:
            self._store.begin(self.ids.bits(_ROOT_BYTES))

    @receives
    def append(self, message: Append) -> None:
        """Keep a record, then say so."""
        self._store.append(message.account, message.record)
        self._who(message.account).tell(Durable(message.key))

    @receives
    def read(self, message: ReadJournal) -> None:
        """Everything that an account has written."""
        records = self._store.read(message.account)
        run_root = self._store.run_root or b""
        self._who(message.account).tell(JournalRead(message.account, run_root, records))

    def _who(self, account: str) -> Address[FromJournal]:
        address = self._orders.get(account)
        if address is None:
            known = ", ".join(sorted(self._orders)) or "none"
            raise JournalError(
                f"the journal has no orders actor for account {account!r} (it has {known}): wire it in the factory"
            )
        return address
