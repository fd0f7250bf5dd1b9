"""Writes down what a bot does in a backtest: fills, how orders ended, what was denied, what went wrong.

An actor beside the bot that only listens; recording.py makes the record of what it has gathered.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TypeAlias

from ganglion.messages.lifecycle import ActorFailed, Halted, Violation
from ganglion.messages.orders import Fill, OrderDenied, OrderUpdate, SendOrder
from ganglion.simulation.figures import Incident, IncidentKind
from ganglion.supervision import Actor, receives

MOST_INCIDENTS = 1_000
"""Kept; the counts stand elsewhere."""
WitnessMessage: TypeAlias = Fill | OrderUpdate | SendOrder | OrderDenied | Violation | Halted | ActorFailed
PORTFOLIO_FACTS = (Fill, OrderUpdate, OrderDenied, Halted)
ORDERS_FACTS = (SendOrder,)
MONITOR_FACTS = (Violation,)
TREE_FACTS = (ActorFailed,)


class Seen:
    """What was gathered; outlives the actor."""

    def __init__(self) -> None:
        self.fills: list[Fill] = []
        self.reasons: dict[str, str] = {}
        """Why an order was placed, by client id."""
        self.states: dict[str, array[int]] = {}
        """When orders came to each state."""
        self.denials: dict[str, Counter[str]] = {}
        """By mode and reason."""
        self.incidents: list[Incident] = []
        self.violations: list[str] = []
        self.failures = 0
        self._orders: dict[str, tuple[str, str]] = {}
        """Mode and latest state of each order."""

    def order(self, update: OrderUpdate, now_ms: int) -> None:
        """An order came to a state."""
        state = update.state.value
        times = self.states.get(state)
        if times is None:
            times = self.states[state] = array("q")
        times.append(now_ms)
        self._orders[update.intent_id] = (update.mode, state)

    def orders_of(self, mode: str) -> Counter[str]:
        """A mode's orders by the state that they came to last."""
        return Counter(state for owner, state in self._orders.values() if owner == mode)

    def happened(self, time_ms: int, kind: IncidentKind, where: str, text: str) -> None:
        """Note an incident, unless there are too many already."""
        if len(self.incidents) < MOST_INCIDENTS:
            self.incidents.append(Incident(time_ms, kind, where, text))


class Witness(Actor[WitnessMessage]):
    """See the file's docstring."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    @receives
    def fill(self, message: Fill) -> None:
        """Keep it: everything that is counted afterwards is counted from these."""
        self._seen.fills.append(message)

    @receives
    def sent(self, message: SendOrder) -> None:
        """Why it was placed."""
        if message.intent.reason:
            self._seen.reasons[message.client_id] = message.intent.reason

    @receives
    def update(self, message: OrderUpdate) -> None:
        """When an order came to a state."""
        self._seen.order(message, self.clock.now_ms())

    @receives
    def denied(self, message: OrderDenied) -> None:
        """Count it, by reason."""
        self._seen.denials.setdefault(message.mode, Counter())[str(message.deny_reason)] += 1
        self._seen.happened(self.clock.now_ms(), IncidentKind.DENIAL, message.mode, message.text)

    @receives
    def violation(self, message: Violation) -> None:
        """Something that must never be."""
        text = f"{message.invariant} {message.account}: {message.text}"
        self._seen.violations.append(text)
        self._seen.happened(self.clock.now_ms(), IncidentKind.VIOLATION, message.account, text)

    @receives
    def halted(self, message: Halted) -> None:
        """Somebody trades no more."""
        where = message.mode or message.symbol or message.account
        self._seen.happened(self.clock.now_ms(), IncidentKind.HALT, where, message.cause)

    @receives
    def failed(self, message: ActorFailed) -> None:
        """A part failed, and was restarted."""
        self._seen.failures += 1
        text = f"{message.failure.error}: {message.failure.text}"
        self._seen.happened(self.clock.now_ms(), IncidentKind.RESTART, message.path, text)
