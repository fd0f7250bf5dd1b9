"""Trading modes that the acceptance tests run: one only listens, one raises, one orders too little, one blocks."""

import threading
from typing import Any

from ganglion.actors.modes import ModeConfig, TradingMode
from ganglion.messages.account import Resume
from ganglion.messages.market import Candle, TopOfBook, TradeTick
from ganglion.messages.orders import Fill, OrderUpdate


class ListenerConfig(ModeConfig):
    """Its settings."""

    timeframe: str = "1m"


class Listener(TradingMode[ListenerConfig]):
    """Wants every trade and candle, and does nothing with them."""

    def on_trade(self, trade: TradeTick) -> None:
        """Wanted."""


class Raiser(TradingMode[ModeConfig]):
    """Raises on every message that it is told."""

    def on_resume(self, resume: Resume) -> None:
        self._raise(resume)

    def on_book(self, top: TopOfBook) -> None:
        self._raise(top)

    def on_trade(self, trade: TradeTick) -> None:
        self._raise(trade)

    def on_candle(self, candle: Candle) -> None:
        self._raise(candle)

    def on_order(self, update: OrderUpdate) -> None:
        self._raise(update)

    def on_fill(self, fill: Fill) -> None:
        self._raise(fill)

    def on_pause(self, reason: str) -> None:
        self._raise(reason)

    def _raise(self, what: Any) -> None:
        raise RuntimeError(f"this mode raises on every {type(what).__name__}")


class Crumbs(TradingMode[ModeConfig]):
    """Orders less than any venue takes, once."""

    def on_resume(self, resume: Resume) -> None:
        self.buy("0.00002", "-1%", reason="too little")


class RaiserAtStart(TradingMode[ModeConfig]):
    """Cannot even start."""

    def on_start(self) -> None:
        raise RuntimeError("this mode cannot start")


class Blocker(TradingMode[ModeConfig]):
    """Once it is armed, never comes back from the next book; and should it come back after all, it wants to trade."""

    armed = threading.Event()
    gate = threading.Event()
    blocked = threading.Semaphore(0)

    def on_book(self, top: TopOfBook) -> None:
        if self.armed.is_set() and not self.gate.is_set():
            self.blocked.release()
            self.gate.wait()
            self.buy("5%", "-1%", reason="by a thread that was abandoned")
