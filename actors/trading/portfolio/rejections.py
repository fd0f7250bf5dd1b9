"""Tells people of orders that the venue refused, without a storm. The portfolio actor owns it; it touches the log."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

from ganglion.actors.trading.money import plain
from ganglion.messages.orders import OrderState, OrderUpdate


class Rejections:
    """Remembers whose rejections have been told since the venue last accepted an order of theirs."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}

    def is_news(self, update: OrderUpdate) -> bool:
        """Whether this is a mode's first rejection after an order that the venue accepted."""
        if update.state is OrderState.ACCEPTED:
            self._told.pop(update.mode, None)
        elif update.state is OrderState.REJECTED and update.mode not in self._told:
            self._told[update.mode] = None
            return True
        return False


def tell_rejected(update: OrderUpdate, log: FilteringBoundLogger) -> None:
    """Log it."""
    log.warning(
        "order_rejected",
        mode=update.mode,
        symbol=update.symbol,
        side=str(update.side),
        amount=plain(update.amount),
        price=None if update.price is None else plain(update.price),
        text=update.reason,
    )
