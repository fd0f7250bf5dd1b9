"""What the parts of one exchange actor share: wiring, clock, connection, capabilities, sender.

Made by actor.py at its start, for one incarnation; market_data.py, account.py, look_up.py and writes.py are
handed it. It tells neighbours and asks the venue; it decides nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from structlog.typing import FilteringBoundLogger

from ganglion.actors.exchange.breaker import Breaker
from ganglion.actors.exchange.budget import Budget, Priority
from ganglion.actors.exchange.connection import Connection
from ganglion.actors.exchange.sender import Asked, Sender
from ganglion.messages.base import Message
from ganglion.messages.degraded import VenueBack, VenueDown
from ganglion.messages.lifecycle import (
    ConnectionChanged,
    ConnectionState,
    EpochOpened,
    Failure,
    HaltAccount,
    MarketPaused,
    VenuePaused,
)
from ganglion.messages.market import BookDelta, BookInvalid, BookSnapshot, CandlesRead, Market, TradeTick
from ganglion.messages.orders import (
    AccountRead,
    BalancesSeen,
    CancelAnswered,
    LookUpDone,
    OrderSeen,
    PlaceAnswered,
    TradeSeen,
)
from ganglion.messages.values import Symbol
from ganglion.messages.venue import Capabilities, StreamKind, VenueReply, VenueRequest
from ganglion.supervision import Address, Clock

ToOrders: TypeAlias = (
    EpochOpened
    | PlaceAnswered
    | CancelAnswered
    | LookUpDone
    | OrderSeen
    | TradeSeen
    | BalancesSeen
    | AccountRead
    | VenuePaused
    | VenueDown
    | VenueBack
    | MarketPaused
    | ConnectionChanged
    | HaltAccount
)
"""What an account's orders actor hears from its exchange."""

ToBook: TypeAlias = BookSnapshot | BookDelta | BookInvalid
"""What an order book actor hears."""

ToCandles: TypeAlias = TradeTick | CandlesRead | ConnectionChanged
"""What a candle actor hears."""


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """How one exchange actor works; the venue has settings of its own."""

    name: str
    """The arm's name in the configuration; the account is called the same."""
    symbols: tuple[Symbol, ...]
    silent_s: float = 30.0
    """Silence of a book stream after which it is compared with the venue's book."""
    missing_s: float = 1.0
    """Between looks for streams that should be there."""
    report_s: float = 1.0
    """Least time between two reports of what was sent, while something is."""
    account_poll_s: float = 60.0
    """Between checks of the user stream against the venue's open orders."""
    poll_after_s: float = 10.0
    """A stream that has not been up for so long is replaced by requests, until it delivers again."""
    user_poll_s: float = 5.0
    """From one reading of an account without a user stream to the next."""
    dead_man_s: float | None = None
    """The venue cancels ALL orders of the account when it has not heard from us for so long; None: it never does."""
    book_depth: int = 100
    trades: bool = True
    """Watch public trades."""
    tickers: bool = False
    readings: int = 5
    """How often an account is read until nothing came between."""


@dataclass(slots=True)
class VenueMemory:
    """What outlives an exchange actor's restart; made once per account, by whoever wires it."""

    had_money: bool = False
    """The account was seen with money in it."""
    budget: Budget | None = None
    """What was sent, and how long the venue wants silence: a restart gives no new budget and ends no ban."""
    breaker: Breaker = field(default_factory=Breaker)
    """Whether places may be sent: a restart of the actor is no sign of life of the venue."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """The neighbours of one exchange actor."""

    orders: Address[ToOrders] | None = None
    """None for an arm without an account."""
    books: Mapping[Symbol, Address[ToBook]] = field(default_factory=dict)
    candles: Mapping[tuple[Symbol, str], Address[ToCandles]] = field(default_factory=dict)
    """By symbol and timeframe."""


class Host(Protocol):
    """What the parts need of the actor itself."""

    def publish(self, message: Message) -> None:
        """Tell subscribers."""

    def wake(self, key: str, delay_s: float) -> None:
        """Be told a Tick of this key after a delay."""

    def act(self, failure: Failure, symbol: Symbol, request: str, sent_s: float | None) -> None:
        """Do what the error table says about a failed write in this market.

        `request` is its type's name, `sent_s` when it was sent (None where an earlier incarnation did).
        """

    def private_lost(self, reason: str) -> None:
        """The user stream cannot be trusted: drop it and connect again."""


NO_CAPABILITIES = Capabilities(
    streams=(),
    fetch_time=False,
    fetch_order_by_client_id=False,
    recent_orders=False,
    own_trades=False,
    own_trades_need_symbol=False,
    look_up_counts=False,
    gateway_refuses_rate_limits=False,
    units_per_s=1.0,
    private=False,
)


@dataclass(slots=True)
class Arm:
    """See the file's docstring."""

    settings: ExchangeSettings
    wiring: Wiring
    memory: VenueMemory
    host: Host
    clock: Clock
    dice: random.Random
    log: FilteringBoundLogger
    connection: Connection
    sender: Sender
    epoch: int
    sequence: int
    """Of account events."""
    capabilities: Capabilities = NO_CAPABILITIES
    markets: dict[Symbol, Market] = field(default_factory=dict)
    parked: dict[Symbol, str] = field(default_factory=dict)
    """Markets that rest until an operator does something, and why."""
    closed_until_s: dict[Symbol, float] = field(default_factory=dict)
    """Markets that the venue has closed for now: nothing is placed there until then."""
    stopped: str = ""
    """Why the whole venue rests; empty while it does not."""
    ahead_ms: int = 0
    """How far the venue's clock is ahead of ours."""
    private_epoch: int = 0
    """Counts losses of the private stream: an unbroken stretch has one number."""

    @property
    def name(self) -> str:
        """The arm's name."""
        return self.settings.name

    @property
    def now_s(self) -> float:
        """Seconds by the system's monotonic clock."""
        return self.clock.monotonic_s()

    @property
    def venue_ms(self) -> int:
        """The venue's clock, as well as we know it."""
        return self.clock.now_ms() + self.ahead_ms

    @property
    def live(self) -> bool:
        """Whether the connection is Live."""
        return self.connection.state is ConnectionState.LIVE

    def offers(self, kind: StreamKind) -> bool:
        """Whether the venue has this stream for us."""
        return kind in self.capabilities.streams

    def fetch(
        self,
        make: Callable[[int], VenueRequest],
        priority: Priority,
        done: Callable[[VenueReply], None],
        failed: Callable[[Failure], None],
        retries: int = 0,
    ) -> None:
        """Ask the venue for a reading."""
        self.sender.take(Asked(make=make, priority=priority, done=done, failed=failed, retries=retries))

    def tell_orders(self, message: ToOrders) -> None:
        """Tell the account's order line, where there is one."""
        if self.wiring.orders is not None:
            self.wiring.orders.tell(message)

    def next_sequence(self) -> int:
        """Number one more account event."""
        self.sequence += 1
        return self.sequence

    def tell_book(self, symbol: Symbol, message: ToBook) -> None:
        """Tell one market's book, where there is one."""
        book = self.wiring.books.get(symbol)
        if book is not None:
            book.tell(message)

    def tell_candles(self, symbol: Symbol, message: ToCandles) -> None:
        """Tell every candle actor of one market."""
        for (known, _), candles in self.wiring.candles.items():
            if known == symbol:
                candles.tell(message)
