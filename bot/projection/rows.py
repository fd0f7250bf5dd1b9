"""Rows of the projection's tables, made from what the ledger knows. Pure; the fold decides when one is written."""

from __future__ import annotations

from typing import NamedTuple

from ganglion.actors.trading.money import plain, times, total
from ganglion.actors.trading.orders.counted import TradeKey
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.orders.line import Line
from ganglion.actors.trading.orders.states import is_open
from ganglion.bot.projection import events as e
from ganglion.bot.projection.schema import Value
from ganglion.bot.projection.tallies import Tallies
from ganglion.messages.account import External
from ganglion.messages.orders import Fill, OrderUpdate, VenueTrade
from ganglion.messages.trading import Scope
from ganglion.messages.values import ZERO, Symbol


class Write(NamedTuple):
    """One statement of the schema with its values."""

    statement: str
    values: tuple[Value, ...]


def order_row(account: str, line: Line, time_ms: int, *, created: bool, sent: bool) -> Write:
    """An order as it stands after a record of this time.

    Args:
        account: whose.
        line: its line in the ledger.
        time_ms: when the record was journaled.
        created: the record is its intent.
        sent: the record is its sending.
    """
    intent = line.intent
    is_it_open = is_open(line.state)
    return Write(
        "orders",
        (
            account,
            line.client_id,
            line.number,
            intent.intent_id,
            line.venue_id,
            intent.mode,
            intent.symbol,
            str(intent.side),
            str(intent.type),
            str(intent.time_in_force),
            int(intent.post_only),
            None if intent.price is None else plain(intent.price),
            plain(intent.amount),
            plain(line.filled),
            plain(total(times(fill.price, fill.amount) for fill in line.fills.values())),
            str(line.state),
            int(is_it_open),
            line.reason,
            intent.reason,
            line.attempts,
            int(line.cancel_asked),
            int(line.late),
            intent.epoch,
            intent.correlation_id,
            intent.causation_id,
            time_ms if created else None,
            time_ms if sent else None,
            time_ms,
            None if is_it_open else time_ms,
        ),
    )


def state_row(update: OrderUpdate, time_ms: int) -> Write:
    """One move of an order."""
    return Write(
        "order_states",
        (
            update.account,
            update.sequence,
            update.client_id,
            str(update.state),
            plain(update.filled),
            update.reason,
            time_ms,
        ),
    )


def fill_row(fill: Fill, time_ms: int) -> Write:
    """A fill of an order of ours."""
    return Write(
        "fills",
        (
            fill.account,
            fill.symbol,
            fill.trade_id,
            fill.client_id,
            fill.intent_id,
            fill.mode,
            str(fill.side),
            plain(fill.price),
            plain(fill.amount),
            plain(times(fill.price, fill.amount)),
            plain(fill.fee),
            fill.fee_asset,
            None if fill.liquidity is None else str(fill.liquidity),
            int(fill.synthetic),
            fill.sequence,
            fill.timestamp_ms,
            time_ms,
        ),
    )


def trade_row(account: str, trade: VenueTrade | Fill, owner: str, venue_order_id: str | None, time_ms: int) -> Write:
    """A trade as the venue told it."""
    return Write(
        "trades",
        (
            account,
            trade.symbol,
            trade.trade_id,
            venue_order_id,
            trade.client_id,
            owner,
            str(trade.side),
            plain(trade.price),
            plain(trade.amount),
            plain(times(trade.price, trade.amount)),
            plain(trade.fee),
            trade.fee_asset,
            None if trade.liquidity is None else str(trade.liquidity),
            trade.timestamp_ms,
            time_ms,
        ),
    )


def owner_of(ledger: Ledger, key: TradeKey) -> str:
    """Whose a trade is, as the ledger stands."""
    if key in ledger.prior:
        return "before"
    if key in ledger.unmatched:
        return "waiting"
    fill = ledger.fills.get(key)
    if fill is not None:
        return "external" if fill.intent_id is None else "ours"
    return "before"


def transaction_row(account: str, number: int, external: External, time_ms: int) -> Write:
    """What no fill explains."""
    direction = "in" if external.amount > ZERO else "out"
    values = (account, number, external.asset, plain(external.amount), direction, external.reason, time_ms)
    return Write("transactions", values)


def state_change(account: str, scope: Scope, state: str, cause: str, by: str, who: str, time_ms: int) -> Write:
    """A scope came to a trading state."""
    return Write("trading_states", (account, str(scope.kind), str(scope), state, cause, by, who, time_ms))


def tally_rows(account: str, tallies: Tallies, changed: list[tuple[str, Symbol, str]]) -> list[Write]:
    """Days that changed, with the positions and fees that they belong to."""
    writes = []
    for mode, symbol, day in changed:
        writes.append(Write("days", (account, mode, symbol, day, *tallies.days[mode, symbol, day].row(symbol))))
    for mode, symbol in dict.fromkeys((mode, symbol) for mode, symbol, _ in changed):
        tally = tallies.markets[mode, symbol]
        writes.append(Write("positions", (account, mode, symbol, *tally.net(symbol), *tally.row(symbol))))
        writes += [
            Write("fees", (account, mode, symbol, asset, plain(paid))) for asset, paid in sorted(tally.fees.items())
        ]
    return writes


def event_row(event: e.AnyEvent, time_ms: int) -> Write:
    """One event of the bot's own stream."""
    return Write("events", (*_event(event), time_ms))


def _event(event: e.AnyEvent) -> tuple[Value, ...]:
    """(kind, subject, error, text, number)."""
    match event:
        case e.Failed():
            said = f"{event.text} (at {event.message})" if event.message else event.text
            return "failed", event.path, event.error, said, event.incarnation
        case e.Restarted():
            return "restarted", event.path, "", "", event.incarnation
        case e.Parked():
            return "parked", event.path, event.error, event.text, None
        case e.Stuck():
            return "stuck", event.path, "no progress", f"{event.dispatcher} for {event.seconds} s", None
        case e.Abandoned():
            said = f"{event.dispatcher}, handling {event.handling} for {event.seconds} s"
            return "abandoned", event.path, "no progress", said, None
        case e.BotStarted():
            return "bot_started", "", "", f"version {event.version}", None
        case e.LeftOut():
            return "left_out", "", "", f"{event.count} events in a short time were not kept", event.count
        case _:
            return _of_account(event)


def _of_account(
    event: e.AccountHalted | e.Connection | e.Impaired | e.AccountReconciled | e.Violated,
) -> tuple[Value, ...]:
    match event:
        case e.AccountHalted():
            return "halted", event.target or event.account, "", event.cause, None
        case e.Connection():
            return "connection", event.exchange, event.state, event.reason, event.epoch
        case e.Impaired():
            return "degraded", event.exchange, event.what, event.reason or "works again", None
        case e.AccountReconciled():
            said = "equal" if event.balances_equal else "balances differ"
            return "reconciled", event.account, "", said, event.epoch
        case e.Violated():
            return "violation", event.account, event.invariant, event.text, None
