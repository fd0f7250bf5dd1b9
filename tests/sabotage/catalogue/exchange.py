"""Sabotages of the exchange actor and the market line: late answers, the rate budget, books."""

from __future__ import annotations

import msgspec

from ganglion.messages.orders import OrderState
from ganglion.simulation.faults.fault import FaultKind as K
from tests.sabotage.breaking import Sabotage, strike

late = Sabotage(
    "late_answers_by_incarnation",
    "An answer to a place that an older incarnation of the exchange actor sent is dropped.",
    (K.REPLY_DELAYED, K.ACTOR_CRASH, K.ACTOR_CRASH_INSIDE),
    expected="harmless alone: the new epoch freezes the order, and it is looked up; see the next",
)


@late.replaces("actors.exchange.writes:Writes.created")
def _late(original, self, reply, sent_s):
    if sent_s is None:
        strike()
        return
    original(self, reply, sent_s)


undoubted = Sabotage(
    "late_answers_and_no_doubt",
    "The same, and nothing else is believed of an order without an answer: no epoch, no reading, no timer, no stream.",
    (K.REPLY_DELAYED, K.ACTOR_CRASH, K.ACTOR_CRASH_INSIDE),
)
undoubted.replaces("actors.exchange.writes:Writes.created")(_late)


@undoubted.replaces("actors.trading.orders.ledger:Ledger._freeze")
@undoubted.replaces("actors.trading.orders.reconciling:Reconciling._doubt_absent")
@undoubted.replaces("actors.trading.orders.placing:Placing.unanswered")
def _undoubted(_original, *_arguments, **_named):
    return None


@undoubted.replaces("actors.trading.orders.intake:Intake.take_order")
def _not_before_its_answer(original, self, order):
    line = self._desk.ledger.line_of(order.symbol, order.client_id, order.venue_id)
    if line is not None and line.state is OrderState.SUBMITTED and not line.answered:
        return line
    return original(self, order)


budget = Sabotage(
    "budget_off_by_one",
    "The rate budget lets a request go when one unit is missing.",
    (K.STREAM_DOWN, K.REFUSED, K.REPLY_LOST),
)


@budget.replaces("actors.exchange.budget:Budget.ready_at")
def _budget(original, self, priority, cost, now_s):
    when = original(self, priority, cost - 1, now_s)
    if when <= now_s < original(self, priority, cost, now_s):
        strike()
    return when


gap = Sabotage(
    "book_over_a_gap",
    "A book goes on with the next change although one before it is missing.",
    (K.SEQUENCE_GAP,),
)


@gap.replaces("actors.market.order_book.book:OrderBook.apply_delta")
def _gap(original, self, delta):
    if delta.previous > self.sequence >= 0:
        strike()
        delta = msgspec.structs.replace(delta, previous=self.sequence)
    return original(self, delta)


ban = Sabotage(
    "ban_is_not_kept",
    "A venue's ban is told to everybody, and the requests go on.",
    (K.BAN,),
)


@ban.replaces("actors.exchange.budget:Budget.ready_at")
def _through_a_ban(original, self, priority, cost, now_s):
    when = original(self, priority, cost, now_s)
    if when > now_s and self.banned_until_s > now_s:
        strike()
        until_s, self.banned_until_s = self.banned_until_s, now_s
        paused_s, self.paused_until_s = self.paused_until_s, now_s
        when = original(self, priority, cost, now_s)
        self.banned_until_s, self.paused_until_s = until_s, paused_s
    return when


ALL = (late, undoubted, budget, gap, ban)
