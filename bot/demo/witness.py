"""Hears what the bot publishes and remembers when: the evidence that an arm traded on, left Live, came back.

An actor beside the bot, subscribed to books, portfolios, exchanges and the tree's events. It tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TypeAlias

import msgspec

from ganglion.bot.config import BotConfig
from ganglion.bot.tree import Places
from ganglion.messages.account import Reconciled
from ganglion.messages.base import Request
from ganglion.messages.lifecycle import ActorFailed, ActorStarted, ConnectionChanged, ConnectionState
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import Fill, OrderUpdate
from ganglion.supervision import Actor, Address, System, receives


class Move(msgspec.Struct, frozen=True):
    """An arm's connection went to another state."""

    arm: str
    state: ConnectionState
    reason: str
    at_s: float


class Life(msgspec.Struct, frozen=True):
    """An actor failed, or runs again."""

    path: str
    runs: bool
    at_s: float


class Testimony(msgspec.Struct, frozen=True):
    """All that was heard; times by the system's monotonic clock, in seconds."""

    books: dict[str, tuple[float, ...]]
    """When a new best price came, by arm."""
    fills: dict[str, tuple[float, ...]]
    orders: dict[str, tuple[float, ...]]
    """When an order of the bot changed its state."""
    reconciled: dict[str, tuple[float, ...]]
    """When the account was found to agree with its venue and could trade again."""
    moves: tuple[Move, ...]
    lives: tuple[Life, ...]

    def silence_s(self, arm: str, since_s: float, until_s: float) -> float:
        """The longest time in between in which an arm had neither a book update nor a fill."""
        return longest_gap_s((*self.books[arm], *self.fills[arm]), since_s, until_s)

    def trading(self, arm: str, since_s: float, until_s: float) -> tuple[int, int]:
        """How many fills an arm had in between, and how many changes of its orders."""
        fills = sum(since_s <= at_s <= until_s for at_s in self.fills[arm])
        return fills, sum(since_s <= at_s <= until_s for at_s in self.orders[arm])

    def away_s(self, arm: str, since_s: float) -> float | None:
        """When an arm left Live after an instant; None if it did not."""
        left = (m.at_s for m in self.moves if m.arm == arm and m.at_s >= since_s and m.state != ConnectionState.LIVE)
        return next(left, None)

    def back_s(self, arm: str, since_s: float) -> float | None:
        """When an arm could trade again after an instant: Live, then reconciled; None if it could not yet."""
        lives = (m.at_s for m in self.moves if m.arm == arm and m.at_s >= since_s and m.state == ConnectionState.LIVE)
        live_s = next(lives, None)
        return None if live_s is None else next((at_s for at_s in self.reconciled[arm] if at_s >= live_s), None)

    def trades(self, arm: str) -> bool:
        """Whether an arm can trade now: it is Live, and was reconciled since it became so."""
        moves = [move for move in self.moves if move.arm == arm]
        live = bool(moves) and moves[-1].state == ConnectionState.LIVE
        return live and any(at_s >= moves[-1].at_s for at_s in self.reconciled[arm])

    def again_s(self, path: str, since_s: float) -> float | None:
        """When an actor ran again after an instant; None if it did not."""
        lives = (life.at_s for life in self.lives if life.path == path and life.at_s >= since_s and life.runs)
        return next(lives, None)


def longest_gap_s(times_s: Iterable[float], since_s: float, until_s: float) -> float:
    """The longest stretch between two instants in which nothing happened, its edges included."""
    inside = sorted(at_s for at_s in times_s if since_s < at_s < until_s)
    edges = [since_s, *inside, until_s]
    return max(late - early for early, late in pairwise(edges))


class ReadTestimony(Request[Testimony], frozen=True, gc=False):
    """Ask for all that was heard."""


WitnessMessage: TypeAlias = (
    TopOfBook | Fill | OrderUpdate | Reconciled | ConnectionChanged | ActorStarted | ActorFailed | ReadTestimony
)


class WitnessActor(Actor[WitnessMessage]):
    """Hears and remembers; the demo is short, so it keeps everything."""

    def __init__(self, arms: tuple[str, ...]) -> None:
        self._books: dict[str, list[float]] = {arm: [] for arm in arms}
        self._fills: dict[str, list[float]] = {arm: [] for arm in arms}
        self._orders: dict[str, list[float]] = {arm: [] for arm in arms}
        self._reconciled: dict[str, list[float]] = {arm: [] for arm in arms}
        self._moves: list[Move] = []
        self._lives: list[Life] = []

    @receives
    def top(self, message: TopOfBook) -> None:
        """A book has new best prices."""
        self._books[message.exchange].append(self.clock.monotonic_s())

    @receives
    def fill(self, message: Fill) -> None:
        """The bot traded."""
        self._fills[message.account].append(self.clock.monotonic_s())

    @receives
    def order(self, message: OrderUpdate) -> None:
        """An order of the bot moved."""
        self._orders[message.account].append(self.clock.monotonic_s())

    @receives
    def account(self, message: Reconciled) -> None:
        """An account may trade again."""
        self._reconciled[message.account].append(self.clock.monotonic_s())

    @receives
    def connection(self, message: ConnectionChanged) -> None:
        """An arm's connection moved."""
        self._moves.append(Move(message.exchange, message.state, message.reason, self.clock.monotonic_s()))

    @receives
    def started(self, message: ActorStarted) -> None:
        """An actor runs, for the first time or again."""
        if message.incarnation > 1:
            self._lives.append(Life(message.path, runs=True, at_s=self.clock.monotonic_s()))

    @receives
    def failed(self, message: ActorFailed) -> None:
        """An actor failed."""
        self._lives.append(Life(message.path, runs=False, at_s=self.clock.monotonic_s()))

    @receives
    def read(self, message: ReadTestimony) -> Testimony:
        """All of it, as a value."""
        return Testimony(
            books={arm: tuple(times) for arm, times in self._books.items()},
            fills={arm: tuple(times) for arm, times in self._fills.items()},
            orders={arm: tuple(times) for arm, times in self._orders.items()},
            reconciled={arm: tuple(times) for arm, times in self._reconciled.items()},
            moves=tuple(self._moves),
            lives=tuple(self._lives),
        )


def call_witness(config: BotConfig, system: System) -> Address[WitnessMessage]:
    """Start a witness that hears this bot; before the bot starts, so that it misses nothing."""
    arms = tuple(config.exchanges)
    witness: Address[WitnessMessage] = system.spawn(lambda: WitnessActor(arms), name="witness")
    places = Places(system)
    for arm, exchange in config.exchanges.items():
        system.subscribe(places.exchange(arm), witness, ConnectionChanged)
        system.subscribe(places.portfolio(arm), witness, Fill, OrderUpdate, Reconciled)
        for symbol in exchange.table.symbols:
            system.subscribe(places.book(arm, symbol), witness, TopOfBook)
    system.events.subscribe(witness, ActorStarted, ActorFailed)
    return witness
