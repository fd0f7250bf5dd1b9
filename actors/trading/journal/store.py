"""Where a journal's records are kept: a seam, and the store in memory that outlives the journal actor's restarts.

Pure but for the store's own list. A durable store (segments on a device) takes the place of the memory behind the
same protocol; the factory that builds the journal actor chooses.
"""

from __future__ import annotations

from typing import Protocol


class Store(Protocol):
    """What the journal actor writes to. A record that `append` returned for can't be lost."""

    @property
    def run_root(self) -> bytes | None:
        """128 random bits that this bot's client ids are made from; None in a store that is new."""

    def begin(self, run_root: bytes) -> None:
        """Write the header of a new store, once."""

    def append(self, account: str, record: bytes) -> None:
        """Keep a record behind all others of this account."""

    def read(self, account: str) -> tuple[bytes, ...]:
        """All records of an account in the order they were appended."""


class StoreError(RuntimeError):
    """A store was used against its protocol."""


class MemoryStore:
    """Records in memory: they survive the actors, not the process."""

    def __init__(self) -> None:
        self._run_root: bytes | None = None
        self._records: dict[str, list[bytes]] = {}

    @property
    def run_root(self) -> bytes | None:
        """128 random bits that this bot's client ids are made from; None in a store that is new."""
        return self._run_root

    def begin(self, run_root: bytes) -> None:
        """Write the header of a new store, once.

        Raises:
            StoreError: where it has one: ids made from another root could repeat old ones.
        """
        if self._run_root is not None:
            raise StoreError("this store has a run root already: it must never be replaced")
        self._run_root = run_root

    def append(self, account: str, record: bytes) -> None:
        """Keep a record behind all others of this account."""
        self._records.setdefault(account, []).append(record)

    def read(self, account: str) -> tuple[bytes, ...]:
        """All records of an account in the order they were appended."""
        return tuple(self._records.get(account, ()))
