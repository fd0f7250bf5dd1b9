"""What a ccxt client told while nobody waited: kept for the next who asks.

ccxt hands a result to whoever waits at that instant. What a frame changed between two waits stands in ccxt's cache,
unheard, until the next frame of that stream: the last word about an order could stand there for hours. Used by
exchange_class.py for each client; streams say through `Hooks.keeps` that they want this.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

_NOTHING = object()


class KeptResults:
    """Stands between one client and those who wait for it.

    Args:
        client: Its `future` and `resolve` are replaced.
        wanted: Whether the running task wants results kept.
    """

    def __init__(self, client: Any, wanted: ContextVar[bool]) -> None:
        self._client = client
        self._wanted = wanted
        self._make, self._resolve = client.future, client.resolve
        self._kept: dict[str, Any] = {}
        client.future, client.resolve = self.future, self.resolve

    def future(self, message_hash: str) -> Any:
        """One of ccxt's futures, done already if something was kept for it.

        A future that nobody awaits any more has no news: the watcher reports a loss.
        """
        future = self._make(message_hash)
        future.remove_done_callback(retrieved)
        future.add_done_callback(retrieved)
        if self._wanted.get():
            result, self._kept[message_hash] = self._kept.get(message_hash, _NOTHING), _NOTHING
            if result is not _NOTHING:
                self._resolve(result, message_hash)
        return future

    def resolve(self, result: Any, message_hash: str) -> Any:
        """As ccxt does it; what nobody waits for is kept where somebody asked for that before."""
        if message_hash in self._kept and message_hash not in self._client.futures:
            self._kept[message_hash] = result
        return self._resolve(result, message_hash)


def retrieved(future: asyncio.Future[Any]) -> None:
    """Take note of how a future ended, so that asyncio does not complain that nobody did."""
    if not future.cancelled():
        future.exception()
