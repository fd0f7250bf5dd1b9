"""The writing side of an exchange actor: places and cancels, their refusals, and what their failures mean.

Called by actor.py in its turns. Every SendOrder and SendCancel is answered exactly once. Answers of the venue
are never filtered by incarnation: what an older one sent is evidence all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.budget import Priority
from ganglion.actors.exchange.directives import place_verdict, row_of
from ganglion.actors.exchange.sender import Asked, local_failure
from ganglion.messages.lifecycle import ConnectionState, Failure, Operation
from ganglion.messages.orders import (
    CancelAnswered,
    Phase,
    PlaceAnswered,
    PlaceVerdict,
    SendCancel,
    SendOrder,
    VenueOrder,
)
from ganglion.messages.values import Symbol
from ganglion.messages.venue import CancelAtVenue, CancelDone, CreateOrder, OrderCreated, VenueReply

CANCEL_RETRIES = 3
CANCEL_RETRY_S = 0.5
"""Long enough for the clock to be read where that was the trouble."""
RETRIED_CANCELS = frozenset({"DDoSProtection", "RateLimitExceeded", "OnMaintenance", "InvalidNonce"})
"""Refused before it was looked at: a cancel may be repeated, first in the queue."""


class Writes:
    """Places and cancels of one arm."""

    def __init__(self, arm: Arm, placed: Callable[[VenueOrder], None] = lambda _order: None) -> None:
        """`placed` is told each order that the venue took."""
        self.arm = arm
        self.placed = placed
        self._sent_ms: dict[tuple[str, int], int] = {}
        self._cancels: dict[str, tuple[SendCancel, int]] = {}
        """Cancels under way and how often they may be repeated, by client id."""
        self._queued: dict[str, None] = {}
        """Places that wait for the budget, by client id."""
        self._withdrawn: dict[str, None] = {}

    # -------------------------------------------------------------- places

    def place(self, command: SendOrder) -> None:
        """Send one attempt, or say why not."""
        intent, key = command.intent, (command.client_id, command.attempt)
        expiry_ms = self.arm.capabilities.expiry_ms

        def make(number: int) -> CreateOrder:
            return CreateOrder(
                request_id=number,
                client_id=command.client_id,
                attempt=command.attempt,
                symbol=intent.symbol,
                side=intent.side,
                type=intent.type,
                amount=intent.amount,
                price=intent.price,
                time_in_force=intent.time_in_force,
                post_only=intent.post_only,
                expires_ms=None if expiry_ms is None else self.arm.venue_ms + expiry_ms,
            )

        def failed(failure: Failure) -> None:
            self._queued.pop(command.client_id, None)
            self._answer_place(command.client_id, command.attempt, failure)

        def sent() -> None:
            self._queued.pop(command.client_id, None)
            self._sent_ms[key] = self.arm.venue_ms

        refusal = self.refusal(command)
        if refusal is not None:
            failed(refusal)
            return
        self._queued[command.client_id] = None
        self.arm.sender.take(
            Asked(
                make=make,
                priority=Priority.PLACE,
                done=_answered_elsewhere,
                failed=failed,
                refused=lambda: self.refusal(command),
                sent=sent,
                kind=CreateOrder.__name__,
                symbol=intent.symbol,
            )
        )

    def refusal(self, command: SendOrder) -> Failure | None:
        """Why this place must not be sent now; None where it may."""
        arm, intent = self.arm, command.intent
        now = arm.clock.monotonic_s()
        if command.client_id in self._withdrawn:
            return _refuse("Withdrawn", "canceled while it waited for the rate budget: nothing was sent")
        if arm.stopped:
            return _refuse("VenueStopped", f"{arm.name} rests: {arm.stopped}")
        if command.epoch != arm.epoch:
            return _refuse(
                "StaleEpoch", f"decided in epoch {command.epoch}, {arm.name} is in {arm.epoch}: decide again"
            )
        if now > intent.deadline_s:
            return _refuse("Expired", f"its deadline passed {now - intent.deadline_s:.3f} s ago")
        if arm.connection.state is not ConnectionState.LIVE:
            return _refuse("NotConnected", f"{arm.name} is {arm.connection.state}: {arm.connection.reason}")
        if intent.symbol in arm.parked:
            return _refuse("SymbolStopped", arm.parked[intent.symbol])
        return self._paused(intent.symbol, now)

    def _paused(self, symbol: Symbol, now_s: float) -> Failure | None:
        arm = self.arm
        breaker = arm.memory.breaker
        if not breaker.closed:
            return _refuse("VenueDown", f"{arm.name} does not answer as it should since {breaker.reason}")
        left_s = arm.sender.budget.paused_until_s - now_s
        if left_s > 0:
            return _refuse("VenuePaused", f"{arm.name} asked for silence for another {left_s:.1f} s")
        left_s = arm.closed_until_s.get(symbol, 0.0) - now_s
        if left_s > 0:
            return _refuse("MarketPaused", f"{symbol} is closed at {arm.name} for another {left_s:.1f} s")
        return None

    def created(self, reply: OrderCreated, sent_s: float | None) -> None:
        """The venue's answer to a place, of this incarnation or an older one."""
        if reply.failure is not None:
            self._answer_place(reply.client_id, reply.attempt, reply.failure)
            echo = row_of(reply.failure).error == "DuplicateOrderId" and reply.attempt > 1
            if reply.failure.phase != Phase.BEFORE_SEND and not echo:
                self.arm.host.act(reply.failure, reply.symbol, CreateOrder.__name__, sent_s)
            return
        if reply.order is not None:
            self.placed(reply.order)
        self.arm.tell_orders(
            PlaceAnswered(
                client_id=reply.client_id,
                attempt=reply.attempt,
                order=reply.order,
                failure=None,
                verdict=None,
                sent_ms=self._take_sent_ms(reply.client_id, reply.attempt),
            )
        )

    def _answer_place(self, client_id: str, attempt: int, failure: Failure) -> None:
        verdict = place_verdict(
            failure,
            resent=attempt > 1,
            gateway_refused=self.arm.capabilities.gateway_refuses_rate_limits,
            repeats_fail_by_nonce=self.arm.capabilities.repeats_fail_by_nonce,
        )
        level = self.arm.log.warning if verdict is PlaceVerdict.RECONCILE else self.arm.log.info
        level(
            "place failed",
            client_id=client_id,
            error=failure.error,
            text=failure.text,
            phase=failure.phase,
            verdict=str(verdict),
        )
        self.arm.tell_orders(
            PlaceAnswered(
                client_id=client_id,
                attempt=attempt,
                order=None,
                failure=failure,
                verdict=verdict,
                sent_ms=self._take_sent_ms(client_id, attempt),
            )
        )

    def _take_sent_ms(self, client_id: str, attempt: int) -> int:
        # of an older incarnation's place the time is not known: later than it was is the safe side
        return self._sent_ms.pop((client_id, attempt), self.arm.venue_ms)

    # -------------------------------------------------------------- cancels

    def cancel(self, command: SendCancel) -> None:
        """Cancel; only a ban holds it back. A place that still waits is taken back: a cancel must not overtake it."""
        if command.client_id in self._queued:
            self._withdrawn[command.client_id] = None
            self.arm.sender.refuse_waiting()
            self._withdrawn.pop(command.client_id)
            text = "the order was taken back before it was sent"
            self._answer_cancel(
                command.client_id, local_failure("OrderNotFound", text, Operation.CANCEL, "InvalidOrder")
            )
            return
        self._cancels[command.client_id] = (command, CANCEL_RETRIES)
        self.arm.sender.take(self._asked(command))

    def _asked(self, command: SendCancel) -> Asked:
        def make(number: int) -> CancelAtVenue:
            return CancelAtVenue(number, command.client_id, command.venue_id, command.symbol)

        def failed(failure: Failure) -> None:
            self._answer_cancel(command.client_id, failure)

        return Asked(make=make, priority=Priority.CANCEL, done=_answered_elsewhere, failed=failed)

    def canceled(self, reply: CancelDone, sent_s: float | None) -> None:
        """The venue's answer to a cancel."""
        failure = reply.failure
        if failure is None:
            self._cancels.pop(reply.client_id, None)
            self.arm.tell_orders(CancelAnswered(reply.client_id, reply.order, None))
            return
        command, retries = self._cancels.get(reply.client_id, (None, 0))
        if command is not None and retries and row_of(failure).error in RETRIED_CANCELS:
            # the pause or the ban comes first, and holds what is queued now
            self.arm.host.act(failure, reply.symbol, CancelAtVenue.__name__, sent_s)
            self._cancels[reply.client_id] = (command, retries - 1)
            self.arm.sender.rest(self._asked(command), CANCEL_RETRY_S)
            return
        self._answer_cancel(reply.client_id, failure)
        if failure.phase != Phase.BEFORE_SEND:
            self.arm.host.act(failure, reply.symbol, CancelAtVenue.__name__, sent_s)

    def _answer_cancel(self, client_id: str, failure: Failure) -> None:
        self._cancels.pop(client_id, None)
        self.arm.log.info("cancel failed", client_id=client_id, error=failure.error, text=failure.text)
        self.arm.tell_orders(CancelAnswered(client_id, None, failure))


def _refuse(error: str, text: str) -> Failure:
    return local_failure(error, text, Operation.PLACE)


def _answered_elsewhere(_reply: VenueReply) -> None:
    """Writes are answered from the reply itself (actor.py), so that an older incarnation's count too."""
