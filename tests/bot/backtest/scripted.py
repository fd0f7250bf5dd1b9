"""A mode that does what a plan says, and writes down all that it is told; loaded by path, as a user's mode is."""

from decimal import Decimal
from typing import ClassVar

from ganglion.actors.modes import ModeConfig, TradingMode


class PlanConfig(ModeConfig):
    """Each line: when (`row 3`, `fill 1`, `at 90`), what (`buy 0.1`, `sell 0.1 100.5`, `post 0.1 99`, `cancel`)."""

    plan: tuple[str, ...] = ()
    trades: bool = False


class Scripted(TradingMode[PlanConfig]):
    """Follows its plan."""

    seen: ClassVar[list[tuple]] = []
    """What the last run's mode was told, each with the clock."""

    def on_start(self):
        type(self).seen.clear()
        self._rows = self._fills = 0
        self._due = {}
        for line in self.config.plan:
            when, number, *what = line.split()
            self._due.setdefault((when, float(number)), []).append(what)

    def on_resume(self, resume):
        for when, seconds in list(self._due):
            if when == "at":
                self.timer(str(seconds), seconds)

    def on_book(self, top):
        self._note("book", top.bid, top.ask, top.sequence)
        self._rows += 1
        self._follow("row", self._rows)

    def on_fill(self, fill):
        self._note("fill", str(fill.side), str(fill.price), str(fill.amount), fill.timestamp_ms)
        self._fills += 1
        self._follow("fill", self._fills)

    def on_order(self, update):
        self._note("order", str(update.state), str(update.filled))

    def on_denied(self, denied):
        self._note("denied", str(denied.deny_reason))

    def on_timer(self, key):
        self._note("timer", key)
        self._follow("at", float(key))

    def _note(self, *what):
        self.seen.append((round(self.now_s() * 1000), *what))

    def _follow(self, when, number):
        for what, *rest in self._due.pop((when, float(number)), []):
            if what == "cancel":
                self.cancel_all("plan")
            elif what == "crash":
                raise RuntimeError("the plan says so")
            else:
                price = "@" + rest[1] if len(rest) > 1 else None
                place = self.sell if what == "sell" else self.buy
                place(rest[0], price, post_only=what == "post")


class Candled(Scripted):
    """The same, on candles of five minutes."""

    @classmethod
    def timeframes(cls, config):
        return ("5m",)

    def on_candle(self, candle):
        self._note("candle", candle.open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume)


class Ticked(Scripted):
    """The same, on public trades."""

    def on_trade(self, trade):
        self._note("trade", trade.price, trade.size, trade.timestamp_ms)


class Stepping(TradingMode[ModeConfig]):
    """Decides at each new best bid and never between: buys, asks for more than it paid, gives up after a while.

    Only its own sells rest, so the best bid is the market's alone.
    """

    bids: ClassVar[list[float]] = []
    """Each new one that it was told."""
    decided: ClassVar[int] = 0
    """How many of them it has decided on."""
    idle: ClassVar[bool] = True
    """Nothing that it sent is without an answer."""
    filled: ClassVar[Decimal] = Decimal(0)
    """All that it was told of, bought and sold together."""

    def on_start(self):
        type(self).bids.clear()
        type(self).decided = 0
        type(self).filled = Decimal(0)
        self._held = Decimal(0)
        self._paid = 0.0
        self._waited = 0

    def on_book(self, top):
        if not self.bids or top.bid != self.bids[-1]:
            self.bids.append(top.bid)
            self._decide()
        self._look()
        type(self).decided = len(self.bids)

    def _decide(self):
        number = len(self.bids)
        if self.open_orders:
            self._waited += 1
            if self._waited == 6:
                self.cancel_all("waited for long enough")
        elif self._waited >= 6:
            self._waited = 0
            self.sell(self._held)
        elif self._held:
            self.sell(self._held, f"@{round(self._paid) + 1}.5")
        elif number % 3 == 0:
            self._waited = 0
            self.buy("0.5")

    def on_fill(self, fill):
        type(self).filled += fill.amount
        self._held += fill.amount * fill.side.sign
        self._paid = float(fill.price)
        if not self._held:
            self._waited = 0
        self._look()

    def on_order(self, update):
        self._look()

    def _look(self):
        working = ("accepted", "partially_filled")
        type(self).idle = all(str(order.state) in working for order in self.open_orders)
