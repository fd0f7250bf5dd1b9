"""Limits on what a mode, or a whole account, may do; part of the configuration, checked before funds are reserved.

Pure. The portfolio actor asks `over_limit` for the mode's limits and again for the account's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from ganglion.actors.trading.money import minus, plain, plus, times
from ganglion.messages.orders import Intent
from ganglion.messages.values import Side, base_of, quote_of

MINUTE_S = 60.0


class Limits(BaseModel):
    """What is allowed; None where nothing is limited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_position: Decimal | None = Field(
        default=None, gt=0, description="most of the base asset to own, open buys included"
    )
    max_open_orders: int | None = Field(default=None, ge=1, description="most orders open at a time")
    max_orders_per_minute: int | None = Field(default=None, ge=1, description="most orders placed within any 60 s")
    max_notional_per_order: Decimal | None = Field(
        default=None, gt=0, description="largest order, price x amount, in the quote asset"
    )
    price_collar: Decimal | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="how far beyond mid a buy may pay or a sell may give in, as a share of mid (0.05 is 5 %)",
    )
    max_loss: Decimal | None = Field(
        default=None,
        gt=0,
        description="most that its own trades may lose since the journal began, in the bot's reference currency: over "
        "it, it is halted and its orders are cancelled",
    )

    @property
    def binding(self) -> bool:
        """Whether any of them is asked about before an order (a loss limit is the treasury's)."""
        return not (
            self.max_position is None
            and self.max_open_orders is None
            and self.max_orders_per_minute is None
            and self.max_notional_per_order is None
            and self.price_collar is None
        )


UNLIMITED = Limits()


@dataclass(slots=True)
class Standing:
    """Where whoever is limited stands now."""

    who: str
    """`mode grid` or `account alpha`."""
    position: Decimal
    """Base asset owned plus what open buys may add."""
    open_orders: int
    placed: deque[float]
    """Monotonic times of its latest orders, oldest first."""


class Pace:
    """When orders were placed, by mode; the account's under the empty name."""

    def __init__(self) -> None:
        self._placed: dict[str, deque[float]] = {}

    def note(self, mode: str, now_s: float) -> None:
        """An order of this mode was placed."""
        for who in (mode, ""):
            self.of(who, now_s).append(now_s)

    def of(self, who: str, now_s: float) -> deque[float]:
        """Times within the last minute, oldest first."""
        placed = self._placed.get(who)
        if placed is None:
            placed = self._placed[who] = deque()
        while placed and placed[0] <= now_s - MINUTE_S:
            placed.popleft()
        return placed


def worst_price(intent: Intent, mid: Decimal) -> Decimal:
    """The price that an order is measured at: its own, or mid where it has none."""
    return mid if intent.price is None else intent.price


def over_limit(limits: Limits, standing: Standing, intent: Intent, mid: Decimal, now_s: float) -> str | None:
    """What would be exceeded and by how much; None where nothing is."""
    who, base, quote = standing.who, base_of(intent.symbol), quote_of(intent.symbol)
    if limits.max_open_orders is not None and standing.open_orders >= limits.max_open_orders:
        return (
            f"{who} has {standing.open_orders} open orders, max_open_orders is {limits.max_open_orders}: "
            "cancel one first or raise the limit"
        )
    if limits.max_orders_per_minute is not None:
        recent = sum(1 for at_s in standing.placed if at_s > now_s - MINUTE_S)
        if recent >= limits.max_orders_per_minute:
            return (
                f"{who} placed {recent} orders within 60 s, max_orders_per_minute is {limits.max_orders_per_minute}: "
                "wait, or raise the limit"
            )
    price = worst_price(intent, mid)
    notional = times(price, intent.amount)
    if limits.max_notional_per_order is not None and notional > limits.max_notional_per_order:
        return (
            f"{plain(intent.amount)} {base} at {plain(price)} is {plain(notional)} {quote}, max_notional_per_order of "
            f"{who} is {plain(limits.max_notional_per_order)}: make the order smaller"
        )
    after = plus(standing.position, intent.amount)
    if limits.max_position is not None and intent.side is Side.BUY and after > limits.max_position:
        return (
            f"{who} would own {plain(after)} {base}, max_position is {plain(limits.max_position)}: "
            f"buy at most {plain(max(minus(limits.max_position, standing.position), Decimal(0)))}"
        )
    return beyond_collar(limits, standing, intent, mid, now_s)


def beyond_collar(limits: Limits, standing: Standing, intent: Intent, mid: Decimal, _now_s: float) -> str | None:
    """A price on the losing side of mid by more than the collar (far away on the other side harms nobody).

    The one limit that binds an operator's flatten too: getting out must not fail by a count, and not end in a hole.
    """
    if limits.price_collar is None or intent.price is None:
        return None
    width = times(mid, limits.price_collar)
    bound = plus(mid, width) if intent.side is Side.BUY else minus(mid, width)
    beyond = intent.price > bound if intent.side is Side.BUY else intent.price < bound
    if not beyond:
        return None
    most = "most" if intent.side is Side.BUY else "least"
    return (
        f"a {intent.side} at {plain(intent.price)} is more than {limits.price_collar:.2%} beyond mid {plain(mid)} "
        f"(price_collar of {standing.who}): use {plain(bound)} at {most}"
    )
