"""The journal: what makes an intent durable before it is sent."""

from ganglion.actors.trading.journal.actor import JournalActor
from ganglion.actors.trading.journal.store import MemoryStore, Store

__all__ = ["JournalActor", "MemoryStore", "Store"]
