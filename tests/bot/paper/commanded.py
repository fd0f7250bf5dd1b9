"""A mode that does what the test says, loaded by path as a user's mode is."""

import threading
from collections import deque
from typing import ClassVar

from ganglion.actors.modes import ModeConfig, TradingMode


class Commanded(TradingMode[ModeConfig]):
    """Carries out its wishes, one a look: `buy 0.1`, `sell 0.1 100.5`, `cancel`, `hang 3`."""

    wishes: ClassVar[deque[str]] = deque()
    ends: ClassVar[list[tuple[str, str]]] = []
    """State and filled amount of every order update."""

    def on_start(self):
        self.wishes.clear()
        self.ends.clear()

    def on_resume(self, resume):
        self.timer("look", 0.02)

    def on_timer(self, key):
        self.timer("look", 0.02)
        if not self.wishes:
            return
        what, *rest = self.wishes.popleft().split()
        if what == "hang":
            threading.Event().wait(float(rest[0]))
        elif what == "cancel":
            self.cancel_all("the test says so")
        else:
            price = "@" + rest[1] if len(rest) > 1 else None
            (self.sell if what == "sell" else self.buy)(rest[0], price)

    def on_order(self, update):
        self.ends.append((str(update.state), str(update.filled)))
