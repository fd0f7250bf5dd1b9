"""Trading modes that the acceptance tests run: one only listens, one raises at everything, one orders too little."""

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
