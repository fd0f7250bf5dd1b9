"""Grid trading: buys below a centre, sells above it, and each filled order's mirror one level nearer to the middle.

The book-keeping is pure and stands in `levels`. After a restart the grid goes on from its saved state and the open
orders: an order that it recognises is never placed again.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, ClassVar

import pydantic

from ganglion.actors.modes import levels
from ganglion.actors.modes.amounts import (
    HUNDRED,
    PriceText,
    exact_mid,
    fee_from_paid,
    least_amount,
    limit_price,
    parse_price,
)
from ganglion.actors.modes.levels import GridState, Wanted
from ganglion.actors.modes.mode import ModeConfig, OnRestart, TradingMode
from ganglion.messages.account import Resume
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import Fill, OrderDenied, OrderState, OrderUpdate
from ganglion.messages.values import Side

PLAIN_MID: PriceText = "0"
"""No distance from mid."""
LOOK_AGAIN_S = 5.0
"""Levels that funds did not reach are tried again after this long."""


class GridConfig(ModeConfig):
    """Settings of `grid`; the defaults trade on any price scale."""

    levels: Annotated[int, pydantic.Field(ge=1, le=100, description="orders on each side of the centre")] = 5
    step_pct: Annotated[Decimal, pydantic.Field(gt=0, le=50, description="between levels, % of price")] = Decimal("0.5")
    size_pct: Annotated[Decimal, pydantic.Field(gt=0, le=100, description="one order, % of the funds' value")] = (
        Decimal(4)
    )
    centre: Annotated[str | None, pydantic.Field(description='a price such as "@65100"; mid at the first start')] = None

    @pydantic.field_validator("centre")
    @classmethod
    def _known_form(cls, text: str | None) -> str | None:
        if text is not None:
            parse_price(text)
        return text

    @pydantic.model_validator(mode="after")
    def _above_zero(self) -> GridConfig:
        if self.levels * self.step_pct >= HUNDRED:
            text = f"levels {self.levels} x step_pct {self.step_pct} reach down to a price of zero"
            raise ValueError(f"{text}; their product must be below 100")
        return self


class Grid(TradingMode[GridConfig]):
    """Keeps one order at every level but the gap."""

    on_restart: ClassVar[OnRestart] = "adopt"

    def most_orders(self) -> int:
        """One at each level but the gap."""
        return 2 * self.config.levels

    def on_start(self) -> None:
        """Know nothing yet."""
        self._state: GridState | None = None
        self._suspects: set[str] = set()
        self._cancelling: set[str] = set()
        self._full: set[str] = set()
        """Orders whose last fill has come before the word that they are filled."""
        self._dirty = True
        self._settled_s = 0.0

    def on_resume(self, resume: Resume) -> None:
        """Adopt what stands; count what was filled meanwhile."""
        if self._state is None:
            self._state = self._restored(resume)
        if self._state is None:
            return
        state = self._state
        for order in resume.open_orders:
            state = levels.adopt(state, order)
        for fill in resume.fills_since:
            state, _ = levels.filled(state, fill.intent_id, fill.amount)
        self._keep(state)
        # What neither stands nor comes as a fill by the next look at the book has ended otherwise.
        self._suspects = set(state.orders) - {order.intent_id for order in resume.open_orders}
        self._cancelling.clear()
        self._full.clear()
        self._dirty = True
        self.log.info("grid_resumed", gap=state.gap, adopted=len(resume.open_orders))

    def on_fill(self, fill: Fill) -> None:
        """Move the gap when an order is full: its mirror stands on the other side of it."""
        if self._state is None:
            return
        state, full = levels.filled(self._state, fill.intent_id, fill.amount)
        self._keep(state)
        if full is not None and fill.intent_id is not None:
            self._full.add(fill.intent_id)
            self._dirty = True
            self.log.info("level_filled", level=full.level, side=str(full.side), gap=state.gap)
            if not self._suspects:
                # Else fills that were missed are still being told: an order that looks gone may be the next of them.
                self._settle()

    def on_order(self, update: OrderUpdate) -> None:
        """An order that ended without being full leaves its level free again."""
        self._dirty = self._dirty or update.state.terminal
        if update.state.terminal:
            self._full.discard(update.intent_id)
        if self._state is not None and update.state.terminal and update.state is not OrderState.FILLED:
            self._keep(levels.gone(self._state, update.intent_id, self._least()))

    def on_denied(self, denied: OrderDenied) -> None:
        """The level of an order that was never sent is free."""
        self._dirty = True
        if self._state is not None and denied.intent_id in self._state.orders:
            self._keep(levels.gone(self._state, denied.intent_id, Decimal(0)))

    def on_book(self, top: TopOfBook) -> None:
        """Make the grid on the first book; later only look after it when something changed."""
        if self._state is None:
            if self.open_orders:
                # Orders of a grid whose state is gone or was made from another configuration.
                self._cancel_strangers(lambda _: True)
                return
            self._keep(self._new_state(top))
        if self._dirty or self.now_s() - self._settled_s >= LOOK_AGAIN_S:
            self._settle()

    # -------------------------------------------------------------- inside

    def _restored(self, resume: Resume) -> GridState | None:
        state = self.restore(resume, GridState)
        if state is not None and state.settings != self.config.model_dump_json():
            self.log.warning("grid_settings_changed", why="the old grid is cancelled and a new one made")
            return None
        return state

    def _new_state(self, top: TopOfBook) -> GridState:
        config, market = self.config, self.market
        centre = limit_price(config.centre or PLAIN_MID, side=Side.SELL, mid=exact_mid(top), market=market)
        step = levels.grid_step(centre, config.step_pct, market.price_step)
        # A tick may be wider than the step: a price of a few ticks has no room for more levels.
        count = min(config.levels, int((centre - market.price_step) // step))
        state = GridState(
            settings=config.model_dump_json(),
            centre=centre,
            step=step,
            levels=count,
            amount=levels.grid_amount(centre, centre - count * step, self.funds, market, config.size_pct),
        )
        self.log.info("grid_made", centre=str(centre), step=str(step), levels=count, amount=str(state.amount))
        return state

    def _settle(self) -> None:
        """Cancel what stands where nothing should, place what is missing and affordable."""
        state = self._state
        if state is None:
            return
        self._dirty = False
        self._settled_s = self.now_s()
        for intent_id in sorted(self._suspects & set(state.orders)):
            state = levels.gone(state, intent_id, self._least())
        self._suspects.clear()
        known = levels.in_place(state) | self._full
        # While it may only reduce, buys step back; their levels are free again and filled once it is active.
        self._cancel_strangers(lambda o: o.intent_id not in known or (self.reducing and o.side is Side.BUY))
        # One that is on its way out may be filled yet: what takes its place waits for how it ends.
        leaving = {order.side for order in self.open_orders if order.intent_id in self._cancelling}
        base, quote = self._unreserved()
        taken = {order.level for order in state.orders.values()}
        for wanted in levels.wanted_orders(state):
            if wanted.level in taken or wanted.side in leaving or (self.reducing and wanted.side is Side.BUY):
                continue
            amount = levels.affordable(wanted, base, quote, self.market)
            if amount <= 0:
                continue
            state = self._order(state, wanted, amount)
            paid = 1 + fee_from_paid(wanted.side, self.market)
            if wanted.side is Side.BUY:
                quote -= amount * wanted.price * paid
            else:
                base -= amount * paid
        self._keep(state)

    def _order(self, state: GridState, wanted: Wanted, amount: Decimal) -> GridState:
        place = self.buy if wanted.side is Side.BUY else self.sell
        intent_id = place(amount, wanted.price, reason=f"level {wanted.level:+d}")
        return levels.placed(state, intent_id, Wanted(wanted.level, wanted.side, wanted.price, amount))

    def _cancel_strangers(self, stranger: Callable[[OrderUpdate], bool]) -> None:
        for order in self.open_orders:
            if order.intent_id not in self._cancelling and stranger(order):
                self._cancelling.add(order.intent_id)
                self.cancel(order.intent_id, "not of this grid")

    def _unreserved(self) -> tuple[Decimal, Decimal]:
        """Base and quote that no open order holds, counted here: Funds lag behind what was only just decided."""
        base, quote = self.funds.base_total, self.funds.quote_total
        for order in self.open_orders:
            paid = 1 + fee_from_paid(order.side, self.market)
            if order.intent_id in self._full:
                continue
            if order.side is Side.SELL:
                base -= order.remaining * paid
            else:
                quote -= order.remaining * (order.price or Decimal(0)) * paid
        return max(base, Decimal(0)), max(quote, Decimal(0))

    def _least(self) -> Decimal:
        return least_amount(exact_mid(self.top), self.market)

    def _keep(self, state: GridState) -> None:
        if state is not self._state:
            self._state = state
            self.save(state)
