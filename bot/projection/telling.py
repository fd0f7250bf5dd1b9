"""A journal's entries as lines for people, and one order's life as a story.

Pure. `ganglion journal show` prints what comes out of here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ganglion.actors.trading.money import plain
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.counted import Anomaly, Fact
from ganglion.actors.trading.orders.line import Line
from ganglion.bot.projection import events as e
from ganglion.bot.projection.replaying import Step
from ganglion.bot.projection.rows import event_row
from ganglion.messages.orders import Balance, Fill, Intent, OrderUpdate, PlaceAnswered, VenueOrder, VenueTrade


@dataclass(frozen=True, slots=True)
class Told:
    """One entry as it is shown."""

    time_ms: int
    account: str
    what: str
    """One word, or two."""
    text: str
    client_ids: tuple[str, ...] = ()
    """Orders that it is about."""
    modes: tuple[str, ...] = ()

    def line(self) -> str:
        """One line, in columns."""
        return f"{time_text(self.time_ms)}  {self.account or '(bot)':<10}  {self.what:<14}  {self.text}".rstrip()


def time_text(time_ms: int) -> str:
    """UTC, to the millisecond."""
    at = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{time_ms % 1000:03d}"


def tell(step: Step) -> Told:
    """Put one entry into words."""
    entry, record = step.entry, step.what
    if record is None:
        size = len(entry.record)
        return Told(entry.time_ms, entry.account, "checkpoint", f"the whole ledger, {size} bytes")
    if isinstance(record, e.Event):
        kind, *values = event_row(record, entry.time_ms).values
        text = " ".join(str(value) for value in values[:3] if value)
        return Told(entry.time_ms, "", str(kind), text)
    client_ids = _orders_of(record, step.facts)
    lines = [] if step.ledger is None else [step.ledger.lines[name] for name in client_ids if name in step.ledger.lines]
    modes = dict.fromkeys(line.intent.mode for line in lines)
    if isinstance(record, r.Saved):
        modes[record.mode] = None
    if isinstance(record, r.Intended):
        modes[record.intent.mode] = None
    what, text = _words(record, lines[0] if lines else None)
    then = _consequences(step.facts)
    said = f"{text}  -> {then}" if then else text
    return Told(entry.time_ms, entry.account, what, said, client_ids, tuple(modes))


def _orders_of(record: r.AnyRecord, facts: Iterable[Fact]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    if isinstance(record, r.Answered):
        names[record.answer.client_id] = None
    elif (name := getattr(record, "client_id", None)) is not None:
        names[name] = None
    for fact in facts:
        if isinstance(fact, OrderUpdate | Fill) and fact.client_id is not None:
            names[fact.client_id] = None
    return tuple(names)


# ------------------------------------------------------------------ words


def _words(record: r.AnyRecord, line: Line | None) -> tuple[str, str]:
    """(what, text) of one record."""
    match record:
        case r.Intended():
            return "intent", f"{record.client_id}  {intent_text(record.intent)}"
        case r.Sent():
            again = f", attempt {record.attempt}" if record.attempt > 1 else ""
            return "sent", f"{record.client_id}  {_short(line)}{again}"
        case r.Answered():
            return "answer", f"{record.answer.client_id}  {_answer(record.answer)}"
        case r.OrderEvidence():
            return "venue says", f"{record.client_id}  {_venue_order(record.order)}"
        case r.TradeEvidence():
            return "trade", _trade(record.trade)
        case r.Inferred():
            return "inferred fill", f"{record.client_id}  {_trade(record.trade)}; only the order's quantity tells of it"
        case r.CancelAsked():
            why = f": {record.reason}" if record.reason else ""
            return "amend" if record.amending else "cancel", f"{record.client_id}{why}"
        case _:
            return _more_words(record)


def _more_words(record: r.AnyRecord) -> tuple[str, str]:
    match record:
        case r.Withdrawn() | r.CancelFailed() | r.Doubted() | r.NotPlaced() | r.Gone():
            return _DECISIONS[type(record)], f"{record.client_id}  {record.text}"
        case r.Tombstoned():
            return "not sent", f"{record.client_id}  {record.deny_reason}: {record.text}"
        case r.Concluded():
            return "concluded", f"{record.client_id}  all its trades are read: they say how much was filled"
        case r.AdoptedTrade():
            return "external trade", f"{record.symbol} {record.trade_id}: no order of ours can claim it"
        case r.ExternalEntry():
            return "transaction", f"{plain(record.external.amount)} {record.external.asset}: {record.external.reason}"
        case r.Saved():
            return "state saved", f"{record.mode}: {len(record.state)} bytes"
        case _:
            return _account_words(record)


def _account_words(record: r.AnyRecord) -> tuple[str, str]:
    match record:
        case r.Opened():
            return "opened", f"with {_balances(record.balances)}; {len(record.prior)} trades before it do not count"
        case r.Frozen():
            return "epoch", record.reason
        case r.VenueRenewed():
            return "venue renewed", f"{record.reason}: the account begins anew"
        case r.Forgotten():
            return "forgotten", f"orders that were over before {time_text(record.before_ms)}; their fills stay"
        case r.Settled():
            return "reconciled", f"epoch {record.epoch}, the venue read at {time_text(record.read_ms)}"
        case r.StateSet():
            entry = record.entry
            return str(entry.state), f"{entry.scope}: {entry.cause} ({entry.cause.by})"
        case r.StateLifted():
            return "active", f"{record.scope}: lifted by {record.who}"
        case _:
            return type(record).__name__, ""


_DECISIONS: dict[type, str] = {
    r.Withdrawn: "withdrawn",
    r.CancelFailed: "cancel failed",
    r.Doubted: "doubted",
    r.NotPlaced: "not placed",
    r.Gone: "gone",
}


def intent_text(intent: Intent) -> str:
    """What an intent asks for."""
    price = "" if intent.price is None else f" @ {plain(intent.price)}"
    why = f" ({intent.reason})" if intent.reason else ""
    return f"{intent.mode}: {intent.side} {plain(intent.amount)} {intent.symbol}{price} {intent.type}{why}"


def _short(line: Line | None) -> str:
    if line is None:
        return ""
    return f"{line.intent.side} {plain(line.intent.amount)} {line.intent.symbol}"


def _answer(answer: PlaceAnswered) -> str:
    if answer.order is not None:
        return _venue_order(answer.order)
    if answer.failure is None:
        return "nothing was said"
    failure = answer.failure
    return f"{failure.error} ({failure.phase}) means {answer.verdict}: {failure.text}"


def _venue_order(order: VenueOrder) -> str:
    said = [order.status or "no state"]
    if order.venue_id is not None:
        said.append(f"venue id {order.venue_id}")
    if order.filled is not None:
        said.append(f"{plain(order.filled)} filled")
    return ", ".join(said)


def _trade(trade: VenueTrade) -> str:
    fee = f", fee {plain(trade.fee)} {trade.fee_asset}" if trade.fee else ""
    name = f" {trade.trade_id}" if trade.trade_id else ""
    return f"{trade.side} {plain(trade.amount)} {trade.symbol} @ {plain(trade.price)}{fee}{name}"


def _balances(balances: Iterable[Balance]) -> str:
    return ", ".join(f"{plain(balance.total)} {balance.asset}" for balance in balances) or "nothing"


def _consequences(facts: Iterable[Fact]) -> str:
    said = []
    for fact in facts:
        if isinstance(fact, Anomaly):
            said.append(f"ANOMALY {fact.invariant}: {fact.text}")
        elif isinstance(fact, OrderUpdate):
            filled = f" {plain(fact.filled)}/{plain(fact.amount)}" if fact.filled else ""
            said.append(f"{fact.state}{filled}")
        elif fact.synthetic or fact.replaces:
            said.append("stands in" if fact.synthetic else f"replaces {', '.join(fact.replaces)}")
    return ", ".join(said)


# ------------------------------------------------------------------ one order


def is_called(line: Line, name: str) -> bool:
    """Whether an order has this client id, intent or venue id."""
    return name in {line.client_id, line.intent.intent_id, line.venue_id}


def story(account: str, line: Line, told: Iterable[Told]) -> Iterator[str]:
    """The life of one order, from the decision to its end.

    Args:
        account: whose it is.
        line: the order, as it ended.
        told: every entry about it, oldest first.
    """
    intent = line.intent
    yield f"Order {line.client_id} of {account}"
    yield f"  decided    {intent_text(intent)}"
    yield f"  intent     {intent.intent_id} in epoch {intent.epoch}" + (
        f", decided on {intent.causation_id}" if intent.causation_id else ""
    )
    yield f"  venue id   {line.venue_id or 'none was ever told'}"
    yield ""
    began_ms: int | None = None
    for entry in told:
        began_ms = entry.time_ms if began_ms is None else began_ms
        text = entry.text.removeprefix(line.client_id).strip()
        after_s = (entry.time_ms - began_ms) / 1000
        yield f"  {time_text(entry.time_ms)}  +{after_s:.3f} s  {entry.what:<14}  {text}".rstrip()
    yield ""
    yield f"  now        {line.state}{': ' + line.reason if line.reason else ''}"
    yield f"  filled     {plain(line.filled)} of {plain(intent.amount)} in {len(line.fills)} fills"
    for fill in line.fills.values():
        fee = f", fee {plain(fill.fee)} {fill.fee_asset}" if fill.fee else ""
        note = " (stands in for a trade that is not known yet)" if fill.synthetic else ""
        yield f"             {plain(fill.amount)} @ {plain(fill.price)}{fee}, trade {fill.trade_id}{note}"
    if line.question:
        yield f"  open point {line.question}"
