"""The ear of a simulated world in one life of a bot: tells `Sights` the rare facts that its parts publish.

Subscribed by `observe` to order lines, portfolios, exchanges, books and the tree, never to book tops or portfolio
views. It publishes nothing and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from ganglion.messages.account import AccountSnapshot, Reconciled
from ganglion.messages.base import Message
from ganglion.messages.degraded import Degraded, VenueBack, VenueDown
from ganglion.messages.lifecycle import (
    ActorFailed,
    ActorStarted,
    ConnectionChanged,
    EpochOpened,
    VenuePaused,
)
from ganglion.messages.market import BookInvalid
from ganglion.messages.orders import Admitted, Fill, OrderDenied, OrderUpdate, SendOrder
from ganglion.messages.trading import TradingStates
from ganglion.simulation.judging.sights import Sights
from ganglion.supervision import Actor, Address, ChildSpec, System, receives

ORDERS_SEEN: tuple[type[Message], ...] = (SendOrder, EpochOpened, Reconciled)
PORTFOLIO_SEEN: tuple[type[Message], ...] = (OrderUpdate, Fill, OrderDenied, AccountSnapshot, Admitted, TradingStates)
EXCHANGE_SEEN: tuple[type[Message], ...] = (ConnectionChanged, VenuePaused, VenueDown, VenueBack, Degraded)
BOOK_SEEN: tuple[type[Message], ...] = (BookInvalid,)
TREE_SEEN: tuple[type[Message], ...] = (ActorStarted, ActorFailed)

Seen: TypeAlias = (
    SendOrder
    | EpochOpened
    | Reconciled
    | OrderUpdate
    | Fill
    | OrderDenied
    | AccountSnapshot
    | Admitted
    | TradingStates
    | ConnectionChanged
    | VenuePaused
    | VenueDown
    | VenueBack
    | Degraded
    | BookInvalid
    | ActorStarted
    | ActorFailed
)


class ObserverActor(Actor[Seen]):
    """One life's observer."""

    def __init__(self, sights: Sights, supervisors: Iterable[str] = ()) -> None:
        """Take who counts, and the paths of the supervisors."""
        self._sights = sights
        self._supervisors = frozenset(supervisors)

    @receives
    def sent(self, message: SendOrder) -> None:
        """From an order line."""
        self._sights.sent(message, self.clock.monotonic_s())

    @receives
    def epoch(self, message: EpochOpened) -> None:
        """From an order line."""
        self._sights.epoch(message)

    @receives
    def reconciled(self, message: Reconciled) -> None:
        """From an order line."""
        self._sights.reconciled(message)

    @receives
    def update(self, message: OrderUpdate) -> None:
        """From a portfolio."""
        self._sights.update(message)

    @receives
    def fill(self, message: Fill) -> None:
        """From a portfolio."""
        self._sights.fill(message)

    @receives
    def denied(self, message: OrderDenied) -> None:
        """From a portfolio."""
        self._sights.denied(message)

    @receives
    def snapshot(self, message: AccountSnapshot) -> None:
        """From a portfolio."""
        self._sights.snapshot(message)

    @receives
    def admitted(self, message: Admitted) -> None:
        """From a portfolio."""
        self._sights.admitted(message)

    @receives
    def states(self, message: TradingStates) -> None:
        """From a portfolio."""
        self._sights.states(message)

    @receives
    def connection(self, message: ConnectionChanged) -> None:
        """From an exchange."""
        self._sights.connection(message)

    @receives
    def paused(self, message: VenuePaused) -> None:
        """From an exchange."""
        self._sights.paused(message)

    @receives
    def down(self, message: VenueDown) -> None:
        """From an exchange."""
        self._sights.breaker(opened=True)

    @receives
    def back(self, message: VenueBack) -> None:
        """From an exchange."""
        self._sights.breaker(opened=False)

    @receives
    def degraded(self, message: Degraded) -> None:
        """From an exchange."""
        self._sights.degraded(message)

    @receives
    def book(self, message: BookInvalid) -> None:
        """From a book."""
        self._sights.book(message)

    @receives
    def started(self, message: ActorStarted) -> None:
        """From the tree."""
        self._sights.started(message, supervisor=message.path in self._supervisors)

    @receives
    def failed(self, message: ActorFailed) -> None:
        """From the tree."""
        self._sights.failed(message)


def observe(
    system: System,
    sights: Sights,
    *,
    orders: Iterable[str],
    portfolios: Iterable[str],
    exchanges: Iterable[str],
    books: Iterable[str] = (),
    supervisors: Iterable[str] = (),
    name: str = "observer",
) -> Address[Seen]:
    """Start an observer beside a bot and subscribe it; to be called before the bot starts, with paths of its parts."""
    paths = tuple(supervisors)
    address: Address[Seen] = system.spawn(ChildSpec(name, lambda: ObserverActor(sights, paths)))
    for places, topics in (
        (orders, ORDERS_SEEN),
        (portfolios, PORTFOLIO_SEEN),
        (exchanges, EXCHANGE_SEEN),
        (books, BOOK_SEEN),
    ):
        for path in places:
            system.subscribe(system.address(path), address, *topics)
    system.events.subscribe(address, *TREE_SEEN)
    return address
