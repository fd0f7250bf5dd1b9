"""The ledger of an account: every intent's line, every fill once, opening balances and external entries.

Pure. `apply(record)` is the only way to change it, and returns the facts that follow (order updates, fills,
anomalies), numbered; the orders actor journals the record and tells the facts. Replaying a journal's records
rebuilds it exactly, numbers included (I14).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ganglion.actors.trading.money import plain
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.counted import Anomaly, Counted, Fact, TradeKey
from ganglion.actors.trading.orders.line import Line
from ganglion.actors.trading.orders.states import is_open
from ganglion.actors.trading.trading_states import StateTree
from ganglion.messages.account import SavedState
from ganglion.messages.orders import (
    TERMINAL,
    OrderState,
    OrderUpdate,
    Phase,
    PlaceAnswered,
    PlaceVerdict,
    VenueOrder,
    VenueTrade,
)
from ganglion.messages.values import Symbol

_SUBMITTED = OrderState.SUBMITTED
_CANCELED = OrderState.CANCELED
_REJECTED = OrderState.REJECTED
_DENIED = OrderState.DENIED


class LedgerError(RuntimeError):
    """A record that no ledger could have written: the journal is not this account's, or is damaged."""


@dataclass
class Ledger(Counted):
    """All that an account's order line knows."""

    lines: dict[str, Line] = field(default_factory=dict)
    """By client id, in the order of intent."""
    by_intent: dict[str, str] = field(default_factory=dict)
    by_venue: dict[tuple[Symbol, str], str] = field(default_factory=dict)
    """Client ids by (symbol, venue id): some venues number orders per symbol."""
    unsettled: dict[str, None] = field(default_factory=dict)
    """Client ids of lines that are open, or of which fills are missing."""
    saved: dict[str, SavedState] = field(default_factory=dict)
    states: StateTree = field(default_factory=StateTree)
    """What is not active, with first causes; the whole bot's states stand in each account's ledger."""
    epoch: int = 0
    watermark_ms: int = 0
    forgotten: int = 0
    """Intents whose lines are gone; their numbers, and so their client ids, stay used for ever."""

    # -------------------------------------------------------------- reading it

    def line_of_intent(self, intent_id: str) -> Line | None:
        """The line of an intent, None where there is none."""
        client_id = self.by_intent.get(intent_id)
        return None if client_id is None else self.lines[client_id]

    def line_of(self, symbol: Symbol, client_id: str | None, venue_id: str | None) -> Line | None:
        """The line that evidence with these ids belongs to."""
        if client_id is not None and client_id in self.lines:
            return self.lines[client_id]
        if venue_id is None:
            return None
        known = self.by_venue.get((symbol, venue_id))
        return None if known is None else self.lines[known]

    def open_lines(self) -> list[Line]:
        """Lines that are not terminal, oldest first."""
        return [line for line in self.unsettled_lines() if is_open(line.state)]

    def unsettled_lines(self) -> list[Line]:
        """Lines that are open or that miss fills."""
        return [self.lines[client_id] for client_id in self.unsettled]

    def stood_in(self) -> list[Line]:
        """Lines some of whose fills are inferred."""
        ids = dict.fromkeys(fill.client_id for fill in self.fills.values() if fill.synthetic)
        return [self.lines[client_id] for client_id in ids if client_id in self.lines]

    def next_number(self) -> int:
        """The number of the next intent."""
        return self.forgotten + len(self.lines) + 1

    def claimable(self, symbol: Symbol) -> bool:
        """Whether a trade without a known order in this market may be one of ours."""
        return any(
            line.venue_id is None and line.intent.symbol == symbol and line.state is not OrderState.INTENDED
            for line in self.open_lines()
        )

    def update_of(self, line: Line) -> OrderUpdate:
        """Where a line stands, with the number of its latest fact."""
        intent = line.intent
        # In the order of its fields: by name it takes six times as long to make.
        return OrderUpdate(
            intent.intent_id,
            self.account,
            intent.mode,
            line.client_id,
            line.venue_id,
            intent.symbol,
            intent.side,
            intent.type,
            intent.price,
            intent.amount,
            line.state,
            line.filled,
            line.reason,
            line.sequence,
            intent.correlation_id,
            intent.causation_id,
        )

    # -------------------------------------------------------------- changing it

    def apply(self, record: r.AnyRecord) -> tuple[Fact, ...]:
        """Take over one record; the facts that follow from it, in order.

        Raises:
            LedgerError: for a record about an intent that the ledger never had.
        """
        facts: list[Fact] = []
        # What comes most often stands first: each case costs what it takes to ask for it.
        match record:
            case r.Intended():
                self._intend(record)
            case r.Sent():
                self._send(record, facts)
            case r.Answered():
                self._answer(record.answer, facts)
            case r.OrderEvidence():
                self._take(self._line(record.client_id), record.order, facts)
            case r.TradeEvidence():
                self._trade(record.trade, facts)
            case r.AdoptedTrade():
                self._adopt((record.symbol, record.trade_id), facts)
            case r.Inferred():
                line = self._line(record.client_id)
                facts.append(self.stand_in(line, record.trade))
                self._settle(line, "", facts)
            case r.Frozen():
                self._freeze(record, facts)
            case r.Opened() | r.ExternalEntry() | r.Settled():
                self._compare(record)
            case r.Saved():
                self.saved[record.mode] = SavedState(record.mode, record.state, record.sequence)
            case r.Forgotten() | r.VenueRenewed():
                self._forget(record)
            case r.StateSet() | r.StateLifted():
                self._set_state(record)
            case _:
                self._decide(record, facts)
        return tuple(facts)

    def _compare(self, record: r.Opened | r.ExternalEntry | r.Settled) -> None:
        """What reading the account came to."""
        match record:
            case r.Opened():
                self.open(record.balances, record.read_ms, record.prior)
            case r.ExternalEntry():
                self.add_external(record.external)
            case r.Settled():
                self.epoch = record.epoch
                self.watermark_ms = record.read_ms

    def _forget(self, record: r.Forgotten | r.VenueRenewed) -> None:
        """Drop lines that are over; their fills stay, so money and duplicates are judged as before."""
        if isinstance(record, r.VenueRenewed):
            # Numbers stay used and rising, and what an operator has halted stays halted; all else is gone.
            used = self.next_number() - 1
            vars(self).update(vars(Ledger(self.account, sequence=self.sequence, forgotten=used, states=self.states)))
            return
        for line in [line for line in self.lines.values() if line.over_since(record.before_ms)]:
            del self.lines[line.client_id]
            del self.by_intent[line.intent.intent_id]
            if line.venue_id is not None:
                self.by_venue.pop((line.intent.symbol, line.venue_id), None)
            self.forgotten += 1

    def _set_state(self, record: r.StateSet | r.StateLifted) -> None:
        if isinstance(record, r.StateSet):
            self.states.set(record.entry)
        else:
            self.states.lift(record.scope)

    def _line(self, client_id: str) -> Line:
        line = self.lines.get(client_id)
        if line is None:
            raise LedgerError(
                f"a record of {self.account} speaks of client id {client_id!r}, which no intent of this journal has: "
                "the journal is another account's or damaged; do not trade on it"
            )
        return line

    def _intend(self, record: r.Intended) -> None:
        line = Line(record.intent, record.number, record.client_id, since_ms=self.watermark_ms or self.opened_ms)
        self.lines[record.client_id] = line
        self.by_intent[record.intent.intent_id] = record.client_id
        self.unsettled[record.client_id] = None

    def _send(self, record: r.Sent, facts: list[Fact]) -> None:
        line = self._line(record.client_id)
        line.attempts = record.attempt
        line.doubtful[record.attempt] = None
        line.answered = False
        self._move(line, _SUBMITTED, "", facts)

    def _decide(
        self,
        record: r.Tombstoned
        | r.Withdrawn
        | r.CancelAsked
        | r.CancelFailed
        | r.Doubted
        | r.NotPlaced
        | r.Gone
        | r.Concluded,
        facts: list[Fact],
    ) -> None:
        """What we decided about one line."""
        line = self._line(record.client_id)
        match record:
            case r.Tombstoned():
                self._move(line, OrderState.DENIED, record.text, facts)
            case r.Withdrawn():
                self._move(line, OrderState.CANCELED, record.text, facts)
            case r.CancelAsked():
                line.cancel_asked = True
                if line.state is not OrderState.UNKNOWN:
                    pending = OrderState.PENDING_AMEND if record.amending else OrderState.PENDING_CANCEL
                    self._move(line, pending, record.reason, facts)
            case r.CancelFailed() | r.Doubted():
                if is_open(line.state):
                    self._move(line, OrderState.UNKNOWN, record.text, facts)
            case r.NotPlaced():
                line.presumed = True
                self._move(line, OrderState.REJECTED, record.text, facts)
            case r.Gone():
                # Its trades may be all there is of it: whoever forgets a filled order forgets nothing that is open.
                whole = line.filled >= line.intent.amount
                line.presumed = not whole
                self._move(line, OrderState.FILLED if whole else OrderState.CANCELED, record.text, facts)
            case r.Concluded():
                line.venue_filled = line.filled
                self._settle(line, "", facts)

    def _freeze(self, record: r.Frozen, facts: list[Fact]) -> None:
        for line in self.open_lines():
            if line.state in {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN}:
                continue
            # Without proof to the contrary an attempt in the journal was sent.
            if not line.exists:
                line.doubtful.setdefault(line.attempts)
            self._move(line, OrderState.UNKNOWN, f"on its way when {record.reason}", facts)

    def _answer(self, answer: PlaceAnswered, facts: list[Fact]) -> None:
        line = self._line(answer.client_id)
        line.answered = True
        line.sent_ms = max(line.sent_ms, answer.sent_ms)
        if answer.order is not None:
            self._take(line, answer.order, facts)
            return
        failure = answer.failure
        text = "" if failure is None else f"{failure.error}: {failure.text}"
        refused = _refusal(answer)
        if refused is not None:
            line.doubtful.pop(answer.attempt, None)
        if line.exists or not is_open(line.state):
            return
        if refused is None or line.doubtful:
            # A refusal proves something about its own attempt only.
            self._move(line, OrderState.UNKNOWN, text or "the venue's answer proves nothing", facts)
        else:
            self._move(line, refused, text, facts)

    def _take(self, line: Line, order: VenueOrder, facts: list[Fact]) -> None:
        """Merge an order's evidence into its line."""
        if line.venue_id is not None and order.venue_id is not None and order.venue_id != line.venue_id:
            facts.append(
                Anomaly(
                    "I3",
                    f"intent {line.intent.intent_id} has two orders at {self.account}: {line.venue_id} and "
                    f"{order.venue_id} under client id {line.client_id}; cancel one by hand",
                )
            )
            return
        if not line.learns(order):
            return
        state = line.state
        if state is _DENIED or (state is _CANCELED and not line.exists and not line.presumed):
            facts.append(self._never_sent(line))
        elif line.presumed or (state is _REJECTED and order.status not in {None, "rejected"}):
            line.revive()
        line.merge(order)
        self._know(line, facts)
        self._settle(line, "", facts)

    def _know(self, line: Line, facts: list[Fact]) -> None:
        """Index a line by its venue id and let it claim the trades that waited for it."""
        if line.venue_id is None:
            return
        place = (line.intent.symbol, line.venue_id)
        owner = self.by_venue.get(place)
        if owner == line.client_id:
            # It has claimed them: since it is indexed no trade of it can come to wait.
            return
        if owner is None:
            self.by_venue[place] = line.client_id
        else:
            facts.append(
                Anomaly(
                    "I3",
                    f"order {line.venue_id} of {line.intent.symbol} at {self.account} is claimed by client ids "
                    f"{owner} and {line.client_id}: compare both with the venue by hand",
                )
            )
        for waiting in (self.unmatched, self.external_trades):
            for trade in list(waiting.values()):
                if (trade.symbol, trade.venue_order_id) == place:
                    del waiting[(trade.symbol, trade.trade_id)]
                    self._book(line, trade, facts)

    def _trade(self, trade: VenueTrade, facts: list[Fact]) -> None:
        key = (trade.symbol, trade.trade_id)
        if key in self.prior:
            return
        line = self.line_of(trade.symbol, trade.client_id, trade.venue_order_id)
        if line is None:
            if key not in self.fills:
                self.unmatched.setdefault(key, trade)
            return
        known = self.fills.get(key)
        if known is not None and known.intent_id is not None:
            return
        self.unmatched.pop(key, None)
        self.external_trades.pop(key, None)
        if line.venue_id is None and trade.venue_order_id is not None:
            line.venue_id = trade.venue_order_id
            self._know(line, facts)
        self._book(line, trade, facts)

    def _book(self, line: Line, trade: VenueTrade, facts: list[Fact]) -> None:
        """Apply a trade to its line once; a synthetic fill steps aside for it."""
        if line.state is _DENIED:
            facts.append(self._never_sent(line))
        elif line.presumed or (line.state is _REJECTED and not line.fills):
            line.revive()
        facts.extend(self.count_real(line, trade))
        self._settle(line, "", facts)
        if line.filled > line.intent.amount:
            facts.append(
                Anomaly(
                    "I3",
                    f"intent {line.intent.intent_id} ({line.intent.side} {plain(line.intent.amount)} "
                    f"{line.intent.symbol}) is filled by {plain(line.filled)} at {self.account}: more than was asked",
                )
            )

    def _adopt(self, key: TradeKey, facts: list[Fact]) -> None:
        trade = self.unmatched.pop(key, None)
        if trade is None:
            raise LedgerError(f"trade {key[1]!r} of {key[0]} was adopted but never waited: the journal is damaged")
        self.external_trades[key] = trade
        facts.append(self.count(None, trade))

    def _move(self, line: Line, state: OrderState, reason: str, facts: list[Fact]) -> None:
        line.state = state
        line.reason = reason
        self._tell(line, facts)

    def _settle(self, line: Line, reason: str, facts: list[Fact]) -> None:
        """Let the state follow from what is known now."""
        state = line.derive()
        if state is not line.state:
            line.state = state
            line.reason = reason
        self._tell(line, facts)

    def _tell(self, line: Line, facts: list[Fact]) -> None:
        state, filled = line.state, line.filled
        if state not in TERMINAL or line.missing:
            self.unsettled[line.client_id] = None
            line.ended_ms = 0
        else:
            self.unsettled.pop(line.client_id, None)
            line.ended_ms = line.ended_ms or self.watermark_ms or self.opened_ms
        if line.told == (state, filled):
            return
        line.told = (state, filled)
        self.sequence += 1
        line.sequence = self.sequence
        facts.append(self.update_of(line))

    def _never_sent(self, line: Line) -> Anomaly:
        return Anomaly(
            "I4",
            f"{self.account} shows an order of intent {line.intent.intent_id} (client id {line.client_id}), which was "
            f"refused before anything was sent ({line.reason}): look who else uses this key",
        )


def _refusal(answer: PlaceAnswered) -> OrderState | None:
    """The state that this answer proves for its own attempt; None where it proves nothing."""
    if answer.failure is None:
        return None
    if answer.verdict is PlaceVerdict.DENIED and answer.failure.phase == Phase.BEFORE_SEND:
        return OrderState.DENIED
    if answer.verdict is PlaceVerdict.REJECTED and answer.failure.phase != Phase.MAYBE_SENT:
        return OrderState.REJECTED
    return None


def replay(account: str, records: Iterable[r.AnyRecord]) -> Ledger:
    """The ledger that these records make."""
    ledger = Ledger(account)
    for record in records:
        ledger.apply(record)
    return ledger
