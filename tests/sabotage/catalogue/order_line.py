"""Sabotages of the order line: ids, absence, refusals, reconcile, the journal."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ganglion.actors.trading.orders import looking
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.absence import Finding
from ganglion.actors.trading.orders.client_ids import make_client_id
from ganglion.actors.trading.orders.line import ENDED_WORDS
from ganglion.actors.trading.orders.states import is_open
from ganglion.messages.lifecycle import ConnectionState
from ganglion.messages.orders import OrderState, VenueOrder
from ganglion.simulation.faults.fault import FaultKind as K
from tests.sabotage.breaking import Sabotage, strike

# ------------------------------------------------------------------ sending

resend = Sabotage(
    "resend_under_a_new_id",
    "A place that timed out is sent again under a new client id.",
    (K.REPLY_LOST, K.HTML, K.ERROR_AFTER),
)


@resend.replaces("actors.trading.orders.placing:Placing.answered")
def _resend(original, self, message):
    original(self, message)
    line = self._desk.ledger.lines.get(message.client_id)
    if line is None or message.failure is None or line.state is not OrderState.UNKNOWN:
        return
    strike()
    desk = self._desk
    number = desk.ledger.next_number()
    client_id = make_client_id(desk.tag, desk.run_root, desk.account, number, length=desk.settings.client_id_length)
    key = desk.next_key()
    self._waiting[key] = client_id
    again = msgspec.structs.replace(line.intent, deadline_s=desk.now_s() + 30)
    desk.record(r.Intended(again, number, client_id), key)


early = Sabotage(
    "send_before_durable",
    "A place is sent before the journal has said that its intent is durable.",
    (K.KILL, K.POWER_LOSS, K.FULL_DISK, K.BROKEN_DISK, K.READ_ONLY),
)


@early.replaces("actors.trading.orders.placing:Placing.place")
def _early(original, self, message):
    before = set(self._waiting)
    original(self, message)
    for key in [key for key in self._waiting if key not in before]:
        strike()
        self.durable(key)


root = Sabotage(
    "forget_the_run_root",
    "Client ids are made without the run root, and are numbered from 1 in each life of the process.",
    (K.KILL, K.POWER_LOSS),
)


@root.replaces("actors.trading.orders.actor:OrdersActor.journal_read")
def _root(original, self, message):
    original(self, message)
    ledger = self._desk.ledger
    if ledger.lines:
        strike()
    ledger.numbered_before = ledger.forgotten + len(ledger.lines)
    self._desk.run_root = b"none"


@root.replaces("actors.trading.orders.ledger:Ledger.next_number")
def _from_one(original, self):
    return original(self) - getattr(self, "numbered_before", 0)


# ------------------------------------------------------------------ absence and refusals

miss = Sabotage(
    "trust_one_miss",
    "One look-up that finds nothing is proof that an order was never placed.",
    (K.REQUEST_DELAYED, K.REPLY_LOST, K.ORDER_INVISIBLE),
)


@miss.replaces("actors.trading.orders.absence:Watch.judge")
def _miss(original, self, line, done, settings, *, may_be_under_way):
    if done.failure is None and done.order is None and line.state is OrderState.UNKNOWN and not line.missing:
        strike()
        return Finding.GONE if line.exists else Finding.ABSENT
    return original(self, line, done, settings, may_be_under_way=may_be_under_way)


not_found = Sabotage(
    "not_found_is_canceled",
    "A cancel that is answered OrderNotFound is taken for a cancel that worked.",
    (K.CANCEL_FILL_RACE, K.HIDDEN_FILL),
)


@not_found.replaces("actors.trading.orders.placing:Placing.cancel_answered")
def _not_found(original, self, message):
    line = self._desk.ledger.lines.get(message.client_id)
    failure = message.failure
    if line is None or failure is None or failure.error != "OrderNotFound" or not is_open(line.state):
        original(self, message)
        return
    strike()
    gone = VenueOrder(line.intent.symbol, line.venue_id, line.client_id, "canceled", filled=line.filled)
    looking.take_order(self._desk, gone, line.client_id)
    self.follow(line)


refusal = Sabotage(
    "any_refusal_is_proof",
    "Whatever a venue refuses a place with is believed, though the request may have been applied before.",
    (K.ERROR_AFTER, K.DUPLICATED),
)


@refusal.replaces("actors.exchange.writes:place_verdict")
def _refusal(original, failure, **how):
    verdict = original(failure, **how)
    if str(verdict) == "reconcile" and failure.phase == "after_reply":
        strike()
        return type(verdict).REJECTED
    return verdict


older = Sabotage(
    "older_snapshot_wins",
    "What a venue told of an order last is believed, though it is older than what is known.",
    (K.FRAMES_REORDERED, K.STALE_READING, K.FRAMES_DELAYED),
)


@older.replaces("actors.trading.orders.line:Line.learns")
def _learns(_original, _self, _order):
    return True


@older.replaces("actors.trading.orders.line:Line.merge")
def _merge(original, self, order):
    ended = order.status in ENDED_WORDS
    known = self.venue_filled
    back = self.ended is not None and not ended and order.status is not None
    original(self, order)
    if order.filled is not None and known is not None and order.filled < known:
        strike()
        self.venue_filled = order.filled
    if back:
        strike()
        self.ended = None
        self.state = OrderState.PARTIALLY_FILLED if self.fills else OrderState.ACCEPTED


# ------------------------------------------------------------------ reconcile

skip = Sabotage(
    "skip_reconcile",
    "After a reconnect an account goes on without reading what happened meanwhile.",
    (K.FILL_THEN_DISCONNECT, K.STREAM_DOWN, K.REFUSED),
)


@skip.replaces("actors.trading.orders.reconciling:Reconciling._read_account")
def _skip(original, self):
    if self._read is None:
        original(self)
        return
    strike()
    self._finish(self._read, (), equal=False, soon=False)


watermark = Sabotage(
    "watermark_past_unread_trades",
    "Trades are read from now on instead of from the last reading on.",
    (K.FILL_THEN_DISCONNECT, K.STREAM_DOWN, K.KILL),
)


@watermark.replaces("actors.trading.orders.reconciling:Reconciling._request")
def _watermark(original, self, *, audit=False):
    request = original(self, audit=audit)
    if self._desk.ledger.opening is None:
        return request
    strike()
    return msgspec.structs.replace(request, since_ms=self._desk.outside.clock.now_ms())


blind = Sabotage(
    "watermark_and_look_ups",
    "The same, and looking an order up reads its trades from now on too.",
    (K.FILL_THEN_DISCONNECT, K.HIDDEN_FILL),
)
blind.replaces("actors.trading.orders.reconciling:Reconciling._request")(_watermark)


@blind.replaces("actors.exchange.look_up:LookUps.look_up")
def _blind(original, self, request):
    strike()
    original(self, msgspec.structs.replace(request, since_ms=self.arm.venue_ms))


adopt = Sabotage(
    "adopt_the_venues_balance",
    "A streamed balance that goes on differing is taken over, where the account should be read.",
    (K.HIDDEN_FILL, K.FRAMES_DELAYED, K.STREAM_SILENT),
)


@adopt.replaces("actors.trading.orders.reconciling:Reconciling.suspect")
def _adopt(original, self, looks):
    ledger = self._desk.ledger
    ours = ledger.totals()
    for asset, total in self._streamed.items():
        gap = total - ours.get(asset, Decimal(0))
        if gap and self._stage.value == "done":
            strike()
            self._desk.record(r.ExternalEntry(self._explain(asset, gap)))
    original(self, looks)


halted = Sabotage(
    "place_while_halted",
    "Halts are kept and told, and neither portfolio nor order line looks at them before it places.",
    (K.ERROR, K.FULL_DISK, K.EMPTY_ACCOUNT),
)


@halted.replaces("actors.trading.orders.placing:stops")
@halted.replaces("actors.trading.portfolio.admission:stops")
def _halted(original, entry, side, *, flatten):
    if original(entry, side, flatten=flatten):
        strike()
    return False


@halted.replaces("actors.trading.portfolio.permission:Permission.obstacle")
def _no_obstacle(original, self, mode, symbol, now_s):
    said = original(self, mode, symbol, now_s)
    return None if said is not None and said.startswith("halted") and self.synced and self.reconciled else said


unread = Sabotage(
    "place_before_reconcile",
    "A new epoch stops nobody: neither portfolio nor order line waits for its reconcile.",
    (K.STREAM_DOWN, K.REFUSED),
)


@unread.replaces("actors.trading.portfolio.actor:PortfolioActor.epoch_opened")
def _no_stop(original, self, message):
    if not self._may.reconciled:
        original(self, message)
        return
    strike()
    self._may.epoch, self._may.connection = message.epoch, ConnectionState.LIVE
    self._resume_all(message.reason)


@unread.replaces("actors.trading.portfolio.admission:_permission")
def _any_epoch(original, intent, facts):
    return original(msgspec.structs.replace(intent, epoch=facts.epoch), facts)


@unread.replaces("actors.trading.orders.placing:Placing._refusal")
def _unread(original, self, intent):
    refused = original(self, intent)
    if refused is not None and str(refused[0]) in {"stale_epoch", "not_reconciled"}:
        strike()
        return None
    return refused


ALL = (
    resend, early, root, miss, not_found, refusal, older, skip, watermark, blind, adopt, halted, unread,
)  # fmt: skip
