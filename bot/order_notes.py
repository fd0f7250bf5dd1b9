"""What the collector notes of each order beside its latest state: since when it is known, and what its fills cost.

Pure. Answers `ReadOrders` for the operator's `orders`, and tells a flatten at what price it sold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from ganglion.bot.views import OrderView
from ganglion.messages.orders import Fill, OrderUpdate
from ganglion.messages.values import ZERO

_DIGITS = 10
"""Of an average price: it is for people."""


@dataclass(slots=True)
class Note:
    """One order."""

    since_s: float
    changed_s: float
    filled: Decimal = ZERO
    cost: Decimal = ZERO


class OrderNotes:
    """Notes by intent."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}

    def heard(self, update: OrderUpdate, now_s: float) -> None:
        """An order is there, or moved on."""
        note = self._notes.get(update.intent_id)
        if note is None:
            self._notes[update.intent_id] = Note(now_s, now_s)
        else:
            note.changed_s = now_s

    def fill(self, fill: Fill) -> None:
        """What one fill adds; what it stands in for is not taken back, a snapshot counts anew."""
        note = self._notes.get(fill.intent_id or "")
        if note is not None and not fill.replaces:
            note.filled += fill.amount
            note.cost += fill.amount * fill.price

    def count_anew(self, orders: Iterable[OrderUpdate], now_s: float) -> None:
        """A snapshot follows with every fill again; its open orders are known from now on, where they were not."""
        for note in self._notes.values():
            note.filled = note.cost = ZERO
        for order in orders:
            self._notes.setdefault(order.intent_id, Note(now_s, now_s))

    def show(self, orders: Mapping[str, OrderUpdate], now_s: float, unsettled: str = "") -> list[OrderView]:
        """Orders as values, in the order they were heard of; `unsettled`: why they may not hold any more."""
        return [
            self._view(update, self._notes.get(update.intent_id) or Note(now_s, now_s), now_s, unsettled)
            for update in orders.values()
        ]

    def _view(self, update: OrderUpdate, note: Note, now_s: float, unsettled: str) -> OrderView:
        average = None
        if note.filled:
            with localcontext(prec=_DIGITS, rounding=ROUND_HALF_EVEN):
                average = note.cost / note.filled
        return OrderView(
            account=update.account,
            mode=update.mode,
            symbol=update.symbol,
            side=str(update.side),
            type=str(update.type),
            price=update.price,
            amount=update.amount,
            filled=update.filled,
            average=average,
            state=str(update.state),
            open=not update.state.terminal,
            age_s=now_s - note.since_s,
            changed_s=now_s - note.changed_s,
            reason=update.reason,
            intent_id=update.intent_id,
            client_id=update.client_id,
            venue_id=update.venue_id,
            unsettled="" if update.state.terminal else unsettled,
        )
