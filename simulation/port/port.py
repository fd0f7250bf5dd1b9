"""The `Venue` port of one incarnation of an exchange actor, in process and in virtual time.

It stands where the ccxt adapter stands, and is told apart from it by nothing that the exchange actor sees. The truth
is the `SimulatedExchange`'s, which outlives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykka import ActorDeadError

from ganglion.actors.exchange.venue import ReplyTo
from ganglion.messages.venue import (
    CloseVenue,
    DropClient,
    FromVenue,
    RepeatBook,
    Unwatch,
    VenueReply,
    VenueRequest,
    Watch,
)
from ganglion.simulation.port.requests import Requests
from ganglion.simulation.port.streams import Streams

if TYPE_CHECKING:
    from ganglion.simulation.port.exchange import SimulatedExchange


class SimulatedVenue:
    """See `Venue`."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        """Made by `SimulatedExchange.connect`."""
        self.exchange = exchange
        self.streams = Streams(self, exchange)
        self.requests = Requests(self)
        self.over = False
        """The bot's process is dead: nobody is told anything any more."""
        self.closed = False
        self.lost = 0
        """What was told to somebody who is dead."""
        self._reply_to: ReplyTo | None = None

    def __repr__(self) -> str:
        """Name it."""
        return f"<SimulatedVenue {self.exchange.name} ({self.exchange.profile.id})>"

    def submit(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """See `Venue`."""
        if self.over:
            return
        self._reply_to = reply_to
        match request:
            case Watch():
                if not self.closed:
                    self.streams.watch(request.stream)
            case Unwatch():
                self.streams.unwatch(request.stream)
            case RepeatBook():
                self.streams.repeat(request.symbol)
            case DropClient():
                self.streams.drop(request.stream, request.reason)
            case CloseVenue():
                self.closed = True
                self.streams.close()
                self.requests.close()
            case _:
                self.requests.take(request, reply_to)

    def cut(self) -> None:
        """The bot's process dies: nothing is told any more, what is under way still arrives at the venue."""
        self.over = self.closed = True
        self.streams.close()

    def tell(self, message: FromVenue) -> None:
        """Something comes unasked."""
        if self._reply_to is not None and not self.closed:
            self._tell(self._reply_to, message)

    def reply(self, reply_to: ReplyTo, reply: VenueReply) -> None:
        """A request is answered."""
        if not self.over:
            self._tell(reply_to, reply)

    def _tell(self, reply_to: ReplyTo, message: FromVenue) -> None:
        try:
            reply_to.tell(message)
        except ActorDeadError:
            # the whole arm was stopped for good: there is nobody left to whom this would matter
            self.lost += 1
