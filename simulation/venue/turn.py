"""One command's turn in the matching engine: the facts in their order, levels and balances told once, at the end."""

from __future__ import annotations

from decimal import Decimal

from ganglion.messages.values import ZERO, Side
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.book import Book, Level
from ganglion.simulation.venue.events import BalanceChanged, Event, LevelChanged


class Turn:
    """What one command changed so far; made and filled by the engine."""

    __slots__ = ("balances", "events", "levels", "now_ms")

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.events: list[Event] = []
        self.levels: dict[tuple[Side, Decimal], Level] = {}
        self.balances: dict[tuple[str, str], Account] = {}

    def finish(self, book: Book) -> list[Event]:
        """Every fact of the turn, the changed levels and balances last."""
        events = self.events
        for (side, price), level in self.levels.items():
            book.update_id += 1
            total = level.total if book.own(side).levels.get(price) is level else ZERO
            events.append(LevelChanged(book.symbol, side, price, total, book.update_id))
        for (name, asset), account in self.balances.items():
            if not account.keeps_history:
                continue  # the crowd's: nobody is told of them
            balance = account.balances[asset]
            events.append(BalanceChanged(name, asset, balance.free, balance.locked, self.now_ms))
        return events
