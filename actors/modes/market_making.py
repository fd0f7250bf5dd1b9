"""Market making: quotes around mid, leaning against the inventory, moved when the market has moved enough.

What to quote is decided in `quotes`; this file decides when. After a restart the old quotes are cancelled first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar

import pydantic

from ganglion.actors.modes.mode import ModeConfig, OnRestart, TradingMode
from ganglion.actors.modes.quotes import QuoteRules, plan, wanted_quotes
from ganglion.messages.account import Resume
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import OrderState
from ganglion.messages.values import Side

Percent = Annotated[Decimal, pydantic.Field(gt=0, le=100)]
Share = Annotated[Decimal, pydantic.Field(ge=0, le=100)]


class MarketMakingConfig(ModeConfig):
    """Settings of `market_making`; the defaults quote on any price scale."""

    spread_pct: Annotated[Percent, pydantic.Field(description="between best own bid and ask, % of price")] = Decimal(
        "0.2"
    )
    size_pct: Annotated[Percent, pydantic.Field(description="one quote, % of the side's funds")] = Decimal(10)
    levels: Annotated[int, pydantic.Field(ge=1, le=20, description="quotes a side")] = 2
    step_pct: Annotated[Percent, pydantic.Field(description="between levels, % of price")] = Decimal("0.1")
    skew: Annotated[Decimal, pydantic.Field(ge=0, le=1, description="how far quotes lean against the inventory")] = (
        Decimal("0.5")
    )
    target_pct: Annotated[Share, pydantic.Field(description="share of the value to hold in base")] = Decimal(50)
    requote_pct: Annotated[
        Share, pydantic.Field(description="a quote this far from where it should be moves, % of price")
    ] = Decimal("0.05")
    min_interval_s: Annotated[float, pydantic.Field(ge=0, description="least seconds between two requotes")] = 1.0


class MarketMaking(TradingMode[MarketMakingConfig]):
    """Quotes both sides, post-only."""

    on_restart: ClassVar[OnRestart] = "cancel"

    def most_orders(self) -> int:
        """One on each side of each level."""
        return 2 * self.config.levels

    def on_start(self) -> None:
        """Prepare the rules."""
        config = self.config
        self._rules = QuoteRules(
            spread_pct=config.spread_pct,
            size_pct=config.size_pct,
            levels=config.levels,
            step_pct=config.step_pct,
            skew=config.skew,
            target_pct=config.target_pct,
        )
        self._requoted_s: float | None = None
        self._cancelling: set[str] = set()
        self._content: tuple[object, ...] | None = None
        """All that quotes follow from, as it was when they last stood as they should."""

    def on_resume(self, resume: Resume) -> None:
        """Look at everything anew: cancels sent before may have been lost."""
        self._cancelling.clear()
        self._requoted_s = None
        self.log.info("quoting", epoch=resume.epoch, open_orders=len(resume.open_orders))

    def on_book(self, top: TopOfBook) -> None:
        """Requote where the market has moved away from what stands."""
        now_s = self.now_s()
        if self._requoted_s is not None and now_s - self._requoted_s < self.config.min_interval_s:
            return
        orders = self.open_orders
        seen = (top.bid, top.ask, self.funds, self.market, self.reducing, orders)
        if seen == self._content:
            return
        wanted = wanted_quotes(top, self.funds, self.market, self._rules)
        if self.reducing:
            wanted = tuple(quote for quote in wanted if quote.side is Side.SELL)
        todo = plan(wanted, orders, tolerance_pct=self.config.requote_pct)
        self._content = None if todo.cancel or todo.place else seen
        self._cancelling &= {order.intent_id for order in orders}
        for intent_id in todo.cancel:
            if intent_id not in self._cancelling:
                self._cancelling.add(intent_id)
                self.cancel(intent_id, "requote")
                self._requoted_s = now_s
        if todo.cancel:
            # Their funds are still reserved: the new quotes follow when the old ones are gone.
            return
        for quote in todo.place:
            place = self.buy if quote.side is Side.BUY else self.sell
            place(quote.amount, quote.price, post_only=True, reason="quote")
            self._requoted_s = now_s

    def on_pause(self, reason: str) -> None:
        """Blind quotes are free options for others: take them back while that is possible."""
        if any(order.state is not OrderState.PENDING_CANCEL for order in self.open_orders):
            self.cancel_all(f"paused: {reason}")
