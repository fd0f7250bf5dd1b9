"""A thread of its own that looks whether the dispatchers make progress: what hangs can't report itself."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Watchdog:
    """Calls back a few times per limit until it is closed."""

    def __init__(self, look: Callable[[], None], limit_s: float) -> None:
        """Start looking, four times per limit."""
        self._look = look
        self._period_s = limit_s / 4
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._main, name="ganglion-watchdog", daemon=True)
        self._thread.start()

    def _main(self) -> None:
        while not self._closed.wait(self._period_s):
            self._look()

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()
        self._thread.join(timeout=5.0)
