"""What the venue knows better than any bot: every order that arrived there, looked at while the world runs.

The world makes one `VenueOracle` per exchange account; it outlives the bots. `look` is called every few virtual
seconds and costs what has come since the last look; `judge_settled` (settled.py) and `judge_replay` (replay.py) are
for quiet points. All of them return violations with the figures and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from ganglion.actors.trading.money import plain
from ganglion.actors.trading.orders.client_ids import LENGTH, is_ours
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.orders.line import Line
from ganglion.messages.lifecycle import Violation
from ganglion.messages.values import OrderType
from ganglion.simulation.judging.ends import Ends
from ganglion.simulation.venue.accounts import Account, LedgerError
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.events import Fill
from ganglion.simulation.venue.orders import Order


def _plain_id(_symbol: str, number: int) -> str:
    return str(number)


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a venue writes the engine's numbers, as the bot reads them."""

    order_id: Callable[[str, int], str] = _plain_id
    """From symbol and order number."""
    trade_id: Callable[[str, int], str] = _plain_id


PLAIN = Spelling()
"""The number itself, unique per symbol: Binance's way."""


class VenueOracle:
    """One account's truth at one venue."""

    def __init__(
        self,
        venue: Venue,
        account: Account,
        name: str,
        tag: str,
        *,
        spelling: Spelling = PLAIN,
        client_id_length: int = LENGTH,
    ) -> None:
        """Begin with nothing seen.

        Args:
            venue: the venue's core.
            account: the bot's account there.
            name: the account's name in the bot, for violations.
            tag: what the bot's client ids begin with.
            spelling: how the venue writes ids.
            client_id_length: of the bot's ids.
        """
        self.venue = venue
        self.account = account
        self.name = name
        self.spelling = spelling
        self.arrivals = 0
        """Orders of the bot that arrived at the venue so far."""
        self.by_client_id: dict[str, Order] = {}
        """The first order of the bot under each of its client ids."""
        self.lost_records = False
        """The power took bytes that a lying disk had called durable: orders that no journal knows are its fault. Set
        by the world."""
        self.moved_by_others = False
        """Somebody else deposits or withdraws here: external entries are judged by their sums, at a settled point."""
        self._ends = Ends()
        self._externals = 0
        self.withheld: Callable[[Order], bool] = lambda _order: False
        """Whether the venue has denied an order that it had: then votes of absence prove nothing, and a bot that
        finds it later has done what can be done. Set by the world."""
        self._tag = tag
        self._length = client_id_length
        self._seen = 0
        self._unexplained: dict[str, Order] = {}
        self._by_intent: dict[str, str] = {}
        """Client id of the first venue order of each intent."""

    def is_ours(self, order: Order) -> bool:
        """Whether an order carries the bot's tag."""
        return is_ours(order.client_id, self._tag, length=self._length)

    def fills_of_ours(self) -> Iterator[tuple[Order, Fill]]:
        """Every trade of the bot's orders, oldest first per symbol."""
        name, orders = self.account.name, self.account.orders
        for symbol, fills in self.account.fills.items():
            for fill in fills:
                number = fill.taker_order_id if fill.taker_account == name else fill.maker_order_id
                order = orders[symbol, number]
                if self.is_ours(order):
                    yield order, fill

    # -------------------------------------------------------------- at any time

    def look(self, ledger: Ledger | None) -> list[Violation]:
        """Judge what has come since the last look: I1 (the venue's own books, external entries), I2, I3, I4.

        Args:
            ledger: the live ledger of the account's order line; None while it is away, then what has come waits.
        """
        found = self._audit()
        for order in islice(self.account.orders.values(), self._seen, None):
            self._seen += 1
            if self.is_ours(order):
                self.arrivals += 1
                found += self._arrived(order)
        if ledger is None:
            return found
        for client_id, order in self._unexplained.items():
            found += self._explain(order, ledger.lines.get(client_id))
            self._ends.watch(order)
        self._unexplained.clear()
        found += [self.violation("I4", f"{text}: {self.told(order)}") for order, text in self._ends.look(ledger)]
        return found + self._unmoved(ledger)

    def _unmoved(self, ledger: Ledger) -> list[Violation]:
        """Each external entry for itself: a second that makes up for the first hides that a fill was not counted."""
        before, self._externals = self._externals, len(ledger.externals)
        if self.moved_by_others:
            return []
        return [
            self.violation("I1", f"an external entry, and nobody else moved money here: {entry.reason}")
            for entry in islice(ledger.externals, before, None)
        ]

    def _audit(self) -> list[Violation]:
        try:
            self.venue.engine.audit()
        except LedgerError as error:
            return [self.violation("I1", f"the venue's own books do not add up: {error}")]
        return []

    def _arrived(self, order: Order) -> list[Violation]:
        first = self.by_client_id.setdefault(order.client_id, order)
        if first is order:
            self._unexplained[order.client_id] = order
            return []
        return [
            self.violation(
                "I2",
                f"client id {order.client_id} was used for two orders: {self.told(first)}, and {self.told(order)}; an "
                "id of ours makes one order for ever",
            )
        ]

    def _explain(self, order: Order, line: Line | None) -> list[Violation]:
        """An order needs an intent that was journaled before it was sent, and is the only one of it."""
        if line is None:
            if self.lost_records:
                return []
            return [
                self.violation(
                    "I4",
                    f"{self.told(order)} has this bot's tag and no intent in its ledger: what is sent is journaled "
                    "before",
                )
            ]
        intent = line.intent
        first = self._by_intent.setdefault(intent.intent_id, order.client_id)
        if first != order.client_id:
            return [
                self.violation(
                    "I3",
                    f"intent {intent.intent_id} of {intent.mode} has two orders: {self.told(self.by_client_id[first])},"
                    f" and {self.told(order)}",
                )
            ]
        if (line.presumed or line.late) and not self.withheld(order):
            return [
                self.violation(
                    "I4",
                    f"intent {intent.intent_id} was taken for not placed while it could still arrive: "
                    f"{self.told(order)}",
                )
            ]
        return self._as_intended(order, line)

    def _as_intended(self, order: Order, line: Line) -> list[Violation]:
        intent = line.intent
        price = intent.price if intent.type is OrderType.LIMIT else None
        asked = (intent.symbol, intent.side, intent.amount, price)
        amount = order.quantity if order.quote_quantity is None else intent.amount
        if asked == (order.symbol, order.side, amount, order.price):
            return []
        at = "market" if price is None else f"at {plain(price)}"
        return [
            self.violation(
                "I4",
                f"{self.told(order)} is not what intent {intent.intent_id} says: {intent.side} {plain(intent.amount)} "
                f"{intent.symbol} {at}",
            )
        ]

    def excuses(self, found: Violation) -> bool:
        """Whether the bot tells, as it must, of an order whose record its disk has lost."""
        return self.lost_records and found.invariant == "I4" and found.text.startswith("ORPHAN: ")

    # -------------------------------------------------------------- texts

    def violation(self, invariant: str, text: str) -> Violation:
        """One of this account."""
        return Violation(invariant, self.name, text)

    def told(self, order: Order) -> str:
        """A venue's order with all figures, for people."""
        price = "market" if order.price is None else f"at {plain(order.price)}"
        return (
            f"order {self.spelling.order_id(order.symbol, order.id)} of {order.client_id} ({order.side} "
            f"{plain(order.quantity)} {order.symbol} {price}, {order.status}, filled {plain(order.filled)}, placed at "
            f"{order.created_ms} ms)"
        )
