"""Commands: places, cancels, amends; from the portfolio to the journal to the exchange, and their answers.

Part of the orders actor. A place is journaled with its attempt before it is sent; a cancel never waits for anything
and stays wanted until the order is terminal; an amend is a cancel to terminal, then a second intent.
"""

from __future__ import annotations

import msgspec

from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.client_ids import make_client_id
from ganglion.actors.trading.orders.desk import Desk
from ganglion.actors.trading.orders.line import Line
from ganglion.actors.trading.orders.looking import Looking, take_order
from ganglion.actors.trading.orders.states import is_open
from ganglion.actors.trading.trading_states import stopped_text, stops
from ganglion.messages.orders import (
    TERMINAL,
    AmendOrder,
    CancelAll,
    CancelAnswered,
    CancelOrder,
    DenyReason,
    Intent,
    OrderDenied,
    OrderState,
    PlaceAnswered,
    PlaceOrder,
    PlaceVerdict,
    SendCancel,
    SendOrder,
)
from ganglion.messages.trading import By

_INTENDED = OrderState.INTENDED
_WORKING = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED})
_PENDING = frozenset({OrderState.PENDING_CANCEL, OrderState.PENDING_AMEND})


def lacks_funds(answer: PlaceAnswered) -> bool:
    """Whether the venue refused this attempt for want of money."""
    failure = answer.failure
    return (
        failure is not None
        and answer.verdict is PlaceVerdict.REJECTED
        and "InsufficientFunds" in {failure.error, *failure.bases}
    )


class Placing:
    """Commands of one account on their way."""

    def __init__(self, desk: Desk, looking: Looking) -> None:
        self._desk = desk
        self._looking = looking
        self._waiting: dict[str, str] = {}
        """Client ids by journal key: intents that are not durable yet."""
        self._amends: dict[str, Intent] = {}
        """What takes an order's place, by the old one's client id."""
        self._cancels: dict[str, tuple[int, float]] = {}
        """Cancels sent so far for each order, and when the next one is due."""

    # -------------------------------------------------------------- places

    def place(self, message: PlaceOrder) -> None:
        """Journal the intent and its attempt; `durable` sends it."""
        desk = self._desk
        ledger, settings = desk.ledger, desk.settings
        intent = message.intent
        known = ledger.line_of_intent(intent.intent_id)
        if known is not None:
            # Said twice is said once: an intent is one decision for ever.
            desk.portfolio.tell(ledger.update_of(known))
            return
        refused = self._refusal(intent)
        if refused is not None:
            desk.deny(intent, *refused)
            return
        number = ledger.next_number()
        client_id = make_client_id(desk.tag, desk.run_root, desk.account, number, length=settings.client_id_length)
        if client_id in ledger.lines:
            desk.violate("I2", f"client id {client_id} was made twice at {desk.account}")
            desk.deny(intent, DenyReason.HALTED, "its client id was used before: the account is halted")
            return
        key = desk.next_key()
        self._waiting[key] = client_id
        desk.record(r.Intended(intent, number, client_id), key)
        desk.after(settings.durable_s, f"durable:{key}")

    def _refusal(self, intent: Intent) -> tuple[DenyReason, str] | None:
        desk = self._desk
        if desk.drain:
            return DenyReason.DRAINING, f"{desk.account} is being stopped ({desk.drain}): nothing is placed any more"
        if desk.journal_trouble:
            # Not even a flatten: what is not journaled is not sent.
            return DenyReason.HALTED, f"the journal of {desk.account} is broken: {desk.journal_trouble}"
        state = desk.ledger.states.effective(intent.mode, intent.symbol)
        if state is not None and stops(state, intent.side, flatten=intent.flatten):
            return DenyReason.HALTED, stopped_text(state)
        if intent.epoch != desk.epoch:
            return (
                DenyReason.STALE_EPOCH,
                f"decided in epoch {intent.epoch}, {desk.account} is in {desk.epoch}: decide again after Resume",
            )
        if not desk.reconciled or not desk.live:
            return DenyReason.NOT_RECONCILED, f"{desk.account} is not reconciled with the venue: wait for Resume"
        now_s = desk.clock.monotonic_s()
        if now_s > intent.deadline_s:
            late_s = now_s - intent.deadline_s
            return DenyReason.EXPIRED, f"its deadline passed {late_s:.3f} s ago: nothing was sent, decide again"
        return None

    def durable(self, key: str) -> None:
        """The journal has it: send, unless something changed while it waited."""
        client_id = self._waiting.pop(key, None)
        if client_id is None:
            return
        desk = self._desk
        line = desk.ledger.lines[client_id]
        if line.state is not _INTENDED:
            return
        refused = self._refusal(line.intent)
        if refused is not None:
            self._bury(line, *refused)
            return
        desk.record(r.Sent(client_id, line.attempts))
        self._looking.sent(client_id)
        order = SendOrder(line.intent, client_id, line.attempts, desk.epoch)
        desk.exchange.tell(order)
        desk.outside.publish(order)
        desk.after(desk.settings.answer_s, f"answer:{client_id}")

    def not_durable(self, key: str) -> None:
        """The journal is silent: never trade unjournaled."""
        client_id = self._waiting.pop(key, None)
        if client_id is None:
            return
        text = f"the journal did not answer within {self._desk.settings.durable_s} s"
        self._bury(self._desk.ledger.lines[client_id], DenyReason.HALTED, text)
        self.journal_failed(f"{text}; look at its disk")

    def journal_failed(self, cause: str) -> None:
        """Nothing can be made durable: halt, and what waits is never sent."""
        self._desk.halt(None, f"journal: {cause}", By.JOURNAL)
        self.drop_waiting()

    def _bury(self, line: Line, reason: DenyReason, text: str) -> None:
        self._desk.record(r.Tombstoned(line.client_id, reason, text))
        self._desk.deny(line.intent, reason, text)

    def drop_waiting(self) -> None:
        """What was not sent yet never will be: a new epoch, or a halt. What was cancelled in vain is cancelled anew."""
        self._cancels.clear()
        for client_id in list(self._waiting.values()):
            line = self._desk.ledger.lines[client_id]
            if line.state is not OrderState.INTENDED:
                continue
            self._bury(line, *(self._refusal(line.intent) or _OVERTAKEN))
        self._waiting.clear()
        for intent in list(self._amends.values()):
            self._desk.deny(intent, *(self._refusal(intent) or _OVERTAKEN))
        self._amends.clear()

    def answered(self, message: PlaceAnswered) -> None:
        """How an attempt ended; a late answer is evidence all the same."""
        line = self._desk.ledger.lines.get(message.client_id)
        if line is None:
            self._desk.violate(
                "I4",
                f"{self._desk.account} answered a placing under client id {message.client_id}, which the journal "
                "does not know: look for a second bot on this key",
            )
            return
        if lacks_funds(message) and any(
            other.state is OrderState.UNKNOWN and other is not line for other in self._desk.ledger.open_lines()
        ):
            # What is missing may be held by an order that nobody knows of yet: it may even be this one's twin.
            message = msgspec.structs.replace(message, verdict=PlaceVerdict.RECONCILE)
        self._desk.record(r.Answered(message))
        self._looking.answered(line.client_id)
        if line.state is OrderState.DENIED and message.failure is not None:
            text = f"{message.failure.error}: {message.failure.text}"
            self._desk.deny(line.intent, DenyReason.BEFORE_SEND, text)
        self.follow(line)

    # -------------------------------------------------------------- cancels

    def cancel(self, message: CancelOrder) -> None:
        """Cancel an order of ours; refused only where there is nothing left to cancel."""
        line = self._desk.ledger.line_of_intent(message.intent_id)
        if line is None or not is_open(line.state):
            state = "not known here" if line is None else f"already {line.state}"
            self._desk.portfolio.tell(
                OrderDenied(
                    message.intent_id,
                    self._desk.account,
                    message.mode,
                    DenyReason.UNKNOWN_ORDER,
                    f"intent {message.intent_id} is {state}: there is nothing to cancel",
                    message.correlation_id,
                )
            )
            return
        self.want_gone(line, message.reason)

    def cancel_all(self, message: CancelAll) -> None:
        """Cancel every open order that is meant, oldest first."""
        for line in self._desk.ledger.open_lines():
            if _meant(message, line.intent):
                self.want_gone(line, message.reason)

    def want_gone(self, line: Line, reason: str, *, amending: bool = False) -> None:
        """Cancel, and keep wanting it until the order is terminal."""
        if not amending:
            replacement = self._amends.pop(line.client_id, None)
            if replacement is not None:
                text = "the order it should have replaced was canceled instead"
                self._desk.deny(replacement, DenyReason.UNKNOWN_ORDER, text)
        if line.state is OrderState.INTENDED:
            if line.client_id in self._waiting.values():
                self._desk.record(r.Withdrawn(line.client_id, reason or "canceled before it was sent"))
                return
            # The last process wrote it, and may have sent it before it could write that down.
            self._desk.record(r.Frozen(self._desk.epoch, "the last process ended"))
        # One that is on its way, or went out a breath ago for an order that nobody can find, is not repeated: that
        # would only spend the rate budget. Evidence brings it back (`follow`).
        waits = line.state in _PENDING or line.state is OrderState.UNKNOWN
        self._desk.record(r.CancelAsked(line.client_id, amending, reason))
        if not waits or self._desk.now_s() >= self._cancels.get(line.client_id, (0, 0.0))[1]:
            self._send_cancel(line)

    def _send_cancel(self, line: Line) -> None:
        delay_s = self._cancel_delay_s(line)
        self._cancels[line.client_id] = (
            self._cancels.get(line.client_id, (0, 0.0))[0] + 1,
            self._desk.now_s() + delay_s,
        )
        self._desk.exchange.tell(SendCancel(line.client_id, line.venue_id, line.intent.symbol))
        self._desk.after(self._desk.settings.answer_s, f"answer:{line.client_id}")

    def cancel_answered(self, message: CancelAnswered) -> None:
        """Only evidence about the order counts: not found may mean filled."""
        line = self._desk.ledger.lines.get(message.client_id)
        if line is None:
            return
        if message.order is not None:
            take_order(self._desk, message.order, message.client_id)
        elif is_open(line.state) and line.state is not OrderState.UNKNOWN:
            failure = message.failure
            why = "no reason given" if failure is None else f"{failure.error}: {failure.text}"
            self._desk.record(r.CancelFailed(line.client_id, f"its cancel was answered {why}"))
        if message.order is None and is_open(line.state):
            self._looking.look_up(line)
        self.follow(line)

    # -------------------------------------------------------------- amends

    def amend(self, message: AmendOrder) -> None:
        """Cancel the old order; once it is canceled, place what takes its place."""
        line = self._desk.ledger.line_of_intent(message.intent_id)
        refused = self._refusal(message.intent)
        if line is None or not is_open(line.state) or line.cancel_asked:
            refused = (
                DenyReason.UNKNOWN_ORDER,
                f"intent {message.intent_id} is not open, or on its way out: place a new order instead",
            )
        if refused is not None or line is None:
            self._desk.deny(message.intent, *(refused or _OVERTAKEN))
            return
        self._amends[line.client_id] = message.intent
        self.want_gone(line, f"amended by {message.intent.intent_id}", amending=True)
        self.follow(line)

    # -------------------------------------------------------------- after any evidence

    def follow(self, line: Line) -> None:
        """What has to happen next with a line that evidence has just touched."""
        if line.state not in TERMINAL:
            if line.late and not line.cancel_asked:
                self.want_gone(line, "it turned up after it was taken for not placed")
            elif line.cancel_asked and line.state in _WORKING:
                self._desk.after(self._cancel_delay_s(line), f"cancel:{line.client_id}")
        elif line.client_id in self._amends:
            self._replace(line, self._amends.pop(line.client_id))
        if line.question:
            self._looking.look_up_soon(line)

    def _replace(self, old: Line, intent: Intent) -> None:
        if old.state in {OrderState.CANCELED, OrderState.EXPIRED}:
            self.place(PlaceOrder(intent))
            return
        text = f"the order it should have replaced ended {old.state}: decide again with what is filled"
        self._desk.deny(intent, DenyReason.UNKNOWN_ORDER, text)

    def _cancel_delay_s(self, line: Line) -> float:
        times = min(self._cancels.get(line.client_id, (0, 0.0))[0], 10)
        settings = self._desk.settings
        return min(settings.cancel_retry_s * 2.0**times, settings.look_up_cap_s)

    def cancel_again(self, client_id: str) -> None:
        """The order works on although it should be gone: cancel once more (a cancel may be repeated)."""
        line = self._desk.ledger.lines.get(client_id)
        if line is not None and line.cancel_asked and line.state in _WORKING:
            self._desk.record(r.CancelAsked(client_id, client_id in self._amends, line.reason))
            self._send_cancel(line)

    def unanswered(self, client_id: str) -> None:
        """No answer for long: doubt it, and look it up."""
        line = self._desk.ledger.lines.get(client_id)
        if line is None:
            return
        if line.state in _PENDING | {OrderState.SUBMITTED}:
            text = f"no answer within {self._desk.settings.answer_s} s"
            self._desk.record(r.Doubted(client_id, text))
        if line.state is OrderState.UNKNOWN:
            self._looking.look_up(line)


def _meant(message: CancelAll, intent: Intent) -> bool:
    return (
        message.mode in {None, intent.mode}
        and message.symbol in {None, intent.symbol}
        and message.side in {None, intent.side}
    )


_OVERTAKEN = (DenyReason.STALE_EPOCH, "a new epoch overtook it: nothing was sent, decide again after Resume")
