"""The `Venue` port: what the exchange actor stands on, whatever is behind it (ccxt, simulated, a host).

The exchange actor submits typed requests (`messages/venue.py`) and receives typed replies as messages.
An implementation may use threads, loops and sockets; nothing of that shows above this line, so the
actor runs unchanged in virtual time.
"""

from __future__ import annotations

from typing import Protocol

from ganglion.messages.lifecycle import Failure, Operation
from ganglion.messages.venue import (
    CancelAtVenue,
    CancelDone,
    CreateOrder,
    FromVenue,
    OrderCreated,
    RequestFailed,
    VenueReply,
    VenueRequest,
)


class ReplyTo(Protocol):
    """Where a venue tells its replies: the exchange actor's address, or anything with its `tell`."""

    def tell(self, message: FromVenue) -> None:
        """Hand over one message; never blocks."""


class Venue(Protocol):
    """One account at one exchange, as a message port."""

    def submit(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """Take a request; returns at once and never raises for what the venue does.

        Exactly one reply follows for each request except Watch, Unwatch, RepeatBook and DropClient, whose
        effects show in the stream, and CloseVenue, after which nobody listens. A write is sent at most once.

        On a thread that was abandoned (its `Fence` is revoked) nothing leaves any more: the fence is looked at
        immediately before the first byte of every write, which is then answered as failed before_send.
        """


def operation_of(request: VenueRequest) -> Operation:
    """What kind of work a request is, for the error table."""
    if isinstance(request, CreateOrder):
        return Operation.PLACE
    return Operation.CANCEL if isinstance(request, CancelAtVenue) else Operation.READ


def failed_reply(request: VenueRequest, cost: float, failure: Failure) -> VenueReply:
    """The reply of any venue to a request that did not succeed; a write's says which order it was about."""
    if isinstance(request, CreateOrder):
        return OrderCreated(
            request_id=request.request_id,
            cost=cost,
            client_id=request.client_id,
            attempt=request.attempt,
            symbol=request.symbol,
            order=None,
            failure=failure,
        )
    if isinstance(request, CancelAtVenue):
        return CancelDone(
            request_id=request.request_id,
            cost=cost,
            client_id=request.client_id,
            symbol=request.symbol,
            order=None,
            failure=failure,
        )
    return RequestFailed(request_id=request.request_id, cost=cost, failure=failure)
