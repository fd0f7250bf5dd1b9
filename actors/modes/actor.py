"""The actor that hosts one trading mode: hears its book, candles, trades and portfolio, and calls one hook at a time.

Nothing of a mode's own code runs outside a message's turn. What may be told when is kept in `Standing`; a mode that
raises is a failed actor, restarted by its supervisor, and goes on from the portfolio's Resume.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from ganglion.actors.modes.desk import Cause, ModeSetup, PortfolioCommand, WorkingDesk, cause_of
from ganglion.actors.modes.mode import TradingMode
from ganglion.actors.modes.standing import Standing
from ganglion.messages.account import Drain, Funds, Resume, ResumeRequest, Suspend
from ganglion.messages.lifecycle import Failure, Tick
from ganglion.messages.market import BookInvalid, Candle, TopOfBook, TradeTick
from ganglion.messages.orders import DenyReason, Fill, OrderDenied, OrderState, OrderUpdate
from ganglion.supervision import Actor, Address, Backoff, Timer, receives

__all__ = ["ModeActor", "ModeMessage", "ModeSetup", "PortfolioCommand"]

ModeMessage: TypeAlias = (
    TopOfBook
    | BookInvalid
    | TradeTick
    | Candle
    | OrderUpdate
    | Fill
    | OrderDenied
    | Funds
    | Resume
    | Suspend
    | Drain
    | Tick
)
"""What a mode's actor hears."""

CLEAR_AGAIN_S = 5.0
"""Cancels of what an earlier incarnation left are asked for again after this long."""
DENIAL_BACKOFF = Backoff(base_s=0.5, factor=2.0, cap_s=30.0)
"""Decisions pause this long after a refusal, longer with each one until an order is accepted."""
TAKEN = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED})
"""The venue has taken the order: what the mode decides is no storm of refusals."""
H = TypeVar("H")
N = TypeVar("N", TopOfBook, TradeTick, Candle)
CLEAR, CALM, USER = "clear", "calm", "user:"


class ModeActor(Actor[ModeMessage]):
    """Hosts the mode that `setup` names, behind the portfolio of its account."""

    def __init__(self, setup: ModeSetup, portfolio: Address[PortfolioCommand]) -> None:
        self._setup = setup
        self._portfolio = portfolio
        clears = (setup.on_restart or setup.kind.on_restart) == "cancel"
        self._standing = Standing(clears_first=clears)
        self._timers: dict[str, Timer] = {}
        self._due: list[str] = []
        self._denials = 0
        self._calm_at_s = 0.0
        self._logged: set[str] = set()
        self._was_ready = False
        self._hears_books = setup.kind.on_book is not TradingMode.on_book
        self._hears_orders = setup.kind.on_order is not TradingMode.on_order

    @property
    def own_file(self) -> str:
        """The mode's own: a wrong amount is raised in the engine, and the mistake stands in the mode."""
        return getattr(sys.modules.get(self._setup.kind.__module__), "__file__", None) or ""

    def on_start(self) -> None:
        """Make the mode, and ask the portfolio where it stands."""
        self._desk = WorkingDesk(self._setup, self._standing, self._portfolio, self, self.address.tell, self._set_timer)
        self._mode = self._setup.kind(self._setup.config, self._desk)
        self._mode.on_start()
        self._desk.send()
        self._portfolio.tell(ResumeRequest(mode=self._setup.name))
        self._now_s = self.clock.monotonic_s

    def on_failure(self, failure: Failure) -> None:
        """Nothing that a failing hook decided is placed; what it wanted to take back is."""
        self._desk.drop()

    # -------------------------------------------------------------- the account

    @receives
    def resume(self, message: Resume) -> None:
        """Take over where the account stands; clear what an earlier incarnation left, if the mode wants that."""
        self._standing.resume(message)
        if self._standing.clearing:
            self._clear()
        self._advance(f"resume:{message.epoch}")

    @receives
    def suspend(self, message: Suspend) -> None:
        """Decide nothing until the next Resume."""
        self._standing.suspend(message.reason)
        self._advance("suspend")

    @receives
    def drain(self, message: Drain) -> None:
        """Decide nothing any more: the bot stops."""
        self._standing.drain(message.reason)
        self._advance("drain")

    @receives
    def funds(self, message: Funds) -> None:
        """Remember what percentages are of."""
        if message.symbol == self._setup.symbol:
            self._standing.funds = message

    @receives
    def order(self, message: OrderUpdate) -> None:
        """Tell the mode, now or as soon as it may decide."""
        if message.state is OrderState.REJECTED:
            self._slow_down()
        elif (self._denials or self._logged) and message.state in TAKEN:
            self._denials = 0
            self._logged.clear()
        if self._standing.order(message):
            self._advance(message)

    @receives
    def fill(self, message: Fill) -> None:
        """Tell the mode, now or as soon as it may decide; each fill once."""
        if self._standing.fill(message):
            self._advance(message)

    @receives
    def denied(self, message: OrderDenied) -> None:
        """Slow the decisions down, log the first denial for a reason, and tell the mode."""
        decided = self._standing.denied(message.intent_id)
        if message.deny_reason is DenyReason.UNKNOWN_ORDER and not decided:
            # A cancel that came too late: the order's own facts say how it ended.
            self.log.debug("nothing_to_cancel", intent_id=message.intent_id, text=message.text)
            return
        self._slow_down()
        if message.deny_reason not in self._logged:
            self._logged.add(message.deny_reason)
            self.log.warning("order_denied", reason=str(message.deny_reason), text=message.text)
        self._desk.heard = f"denied:{message.intent_id}"
        self._mode.on_denied(message)
        self._desk.send()

    # -------------------------------------------------------------- the market

    @receives
    def top(self, message: TopOfBook) -> None:
        """Let the mode decide on the new best prices."""
        if message.symbol != self._setup.symbol:
            return
        late_s = self._now_s() - message.received_s
        standing = self._standing
        standing.top = message if late_s <= self._setup.book_max_age_s else None
        if self._hears_books:
            self._offer(message, self._mode.on_book)
        elif self._due or not (self._was_ready and standing.nothing_waits):
            self._advance(message)

    @receives
    def book_invalid(self, message: BookInvalid) -> None:
        """Decide nothing until the book is whole again."""
        if message.symbol == self._setup.symbol:
            self._standing.top = None
            self._advance(f"book: {message.reason}")

    @receives
    def trade(self, message: TradeTick) -> None:
        """Tell the mode of a public trade in its market, if it may decide."""
        if message.symbol != self._setup.symbol:
            return
        self._offer(message, self._mode.on_trade)

    @receives
    def candle(self, message: Candle) -> None:
        """Keep a closed candle, and tell the mode if it may decide."""
        self._desk.candle_ring.append(message)
        self._offer(message, self._mode.on_candle)

    # -------------------------------------------------------------- time

    @receives
    def tick(self, message: Tick) -> None:
        """Run the mode's timer, ask again for cancels, or end a pause after denials."""
        if message.key == CLEAR:
            if self._standing.clearing:
                self._clear()
        elif message.key.startswith(USER):
            key = message.key.removeprefix(USER)
            self._timers.pop(key, None)
            if key not in self._due:
                self._due.append(key)
        self._advance(f"timer:{message.key}")

    def _set_timer(self, key: str, seconds: float) -> None:
        running = self._timers.pop(key, None)
        if running is not None:
            running.cancel()
        if key in self._due:
            self._due.remove(key)
        self._timers[key] = self.after(seconds, Tick(key=USER + key))

    # -------------------------------------------------------------- inside

    def _advance(self, cause: Cause) -> bool:
        """Tell the mode whatever waited and may be told now; True if it may decide."""
        standing = self._standing
        if standing.resumption is not None and standing.resumable:
            resume = standing.take_resumption()
            self._was_ready = True
            self._tell(f"resume:{resume.epoch}", self._mode.on_resume, resume)
        while (fact := standing.next_fact()) is not None:
            if isinstance(fact, Fill):
                self._tell(fact, self._mode.on_fill, fact)
            elif self._hears_orders:
                self._tell(fact, self._mode.on_order, fact)
        while self._due and standing.ready and self._calm():
            key = self._due.pop(0)
            self._tell(f"timer:{key}", self._mode.on_timer, key)
        ready = standing.ready
        if self._was_ready and not ready:
            self._tell(cause, self._mode.on_pause, standing.obstacle or cause_of(cause))
        self._was_ready = ready
        return ready

    def _offer(self, news: N, hook: Callable[[N], None]) -> None:
        """Tell the mode news of its market, if it may decide: each market's every move comes by here."""
        quiet = self._was_ready and not self._due and self._standing.nothing_waits
        if not quiet and not self._advance(news):
            return
        if self._calm_at_s and not self._calm():
            return
        desk = self._desk
        desk.heard = news
        hook(news)
        desk.send()

    def _tell(self, cause: Cause, hook: Callable[[H], None], what: H) -> None:
        self._desk.heard = cause
        hook(what)
        self._desk.send()

    def _clear(self) -> None:
        count = len(self._standing.orders)
        self.log.info("clearing_orders", count=count, why="on_restart is cancel")
        self._desk.cancel_all("on_restart = cancel")
        self._desk.send()
        self.after(CLEAR_AGAIN_S, Tick(key=CLEAR))

    def _calm(self) -> bool:
        """False for a while after a denial, so that a mode that keeps deciding the same makes no storm of them."""
        return not self._calm_at_s or self.clock.monotonic_s() >= self._calm_at_s

    def _slow_down(self) -> None:
        if not self._calm():
            return
        pause_s = DENIAL_BACKOFF.ceiling_s(self._denials)
        self._denials += 1
        self._calm_at_s = self.clock.monotonic_s() + pause_s
        self.after(pause_s, Tick(key=CALM))
