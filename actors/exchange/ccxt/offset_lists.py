"""Lists of the past that a venue gives out a page at a time, the newest first, from an offset on.

Which venue does so, under which parameter, and where the entries stand in a raw reply is per-venue data. What is
added while pages are read moves entries on to later pages: it may show one twice, and hides none.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

from ganglion.actors.exchange.ccxt.convert import IncompleteError
from ganglion.actors.exchange.ccxt.trace import Trace
from ganglion.actors.exchange.quirks import Quirks

MAX_PAGES = 40


class OffsetLists:
    """Reads such lists to their end."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks

    async def read(self, name: str, page: Callable[[dict[str, Any]], Awaitable[Any]], trace: Trace) -> list[Any]:
        """All entries, as ccxt made them.

        Args:
            name: Of `Quirks.list_paths`.
            page: Reads one, with the parameters it is given.
            trace: Has the raw reply afterwards.

        Raises:
            IncompleteError: A page is not such a list, or they do not end.
        """
        found: list[Any] = []
        offset = 0
        for _ in range(MAX_PAGES):
            found.extend(await page({self._quirks.offset_param: offset} if offset else {}))
            count = self.entries(name, trace.body)
            offset += count
            if not count or offset >= self._in_all(name, trace.body):
                return found
        raise IncompleteError(f"{name.replace('_', ' ')} did not end after {MAX_PAGES} pages")

    def entries(self, name: str, body: Any) -> int:
        """How many entries a raw reply has; 0 where it is not known where they stand.

        Raises:
            IncompleteError: They do not stand there.
        """
        for step in self._quirks.list_paths.get(name, ()):
            if not isinstance(body, dict) or step not in body:
                raise IncompleteError(f"a list without the venue's own {step!r}")
            body = body[step]
        return len(body) if isinstance(body, dict | list) else 0

    def _in_all(self, name: str, body: Any) -> int:
        """How many there are on all pages, where the reply says so; else an empty page has to show the end."""
        for step in self._quirks.list_paths.get(name, ())[:-1]:
            body = body[step]
        count = body.get("count") if isinstance(body, dict) else None
        return int(count) if count is not None else sys.maxsize
