"""From entries of the journal to rows: the one code that both the live projection and a rebuild run.

Pure. A shadow ledger per account takes over each record, and its facts become writes of the schema's statements. All
that the fold remembers beside the ledgers follows from them, so it can start at any checkpoint: a database that was
written behind by many processes equals one that is made anew, row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal

from ganglion.actors.trading.money import minus, plain
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.counted import Fact
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.bot.projection.events import decode_event
from ganglion.bot.projection.rows import (
    Write,
    event_row,
    fill_row,
    order_row,
    owner_of,
    state_change,
    state_row,
    tally_rows,
    trade_row,
    transaction_row,
)
from ganglion.bot.projection.schema import OF_AN_ACCOUNT
from ganglion.bot.projection.tallies import Tallies
from ganglion.messages.journal import OWN_STREAM
from ganglion.messages.orders import Fill, OrderUpdate, VenueTrade
from ganglion.messages.trading import StateEntry
from ganglion.messages.values import ZERO

_MOVES_MONEY = (
    r.Opened,
    r.Answered,
    r.OrderEvidence,
    r.TradeEvidence,
    r.AdoptedTrade,
    r.Inferred,
    r.ExternalEntry,
)
"""Records that may change what an asset comes to."""


class AccountFold:
    """One account's shadow ledger and what is counted beside it."""

    def __init__(self, account: str, ledger: Ledger | None = None) -> None:
        """Begin with nothing, or with the ledger of a checkpoint."""
        self.account = account
        self.ledger = ledger or Ledger(account)
        self._tallies = Tallies()
        for fill in self.ledger.fills.values():
            if fill.intent_id is not None:
                self._tallies.add(fill)

    def take(self, record: r.AnyRecord, time_ms: int) -> list[Write]:
        """Apply one record; the writes that follow from it.

        Raises:
            LedgerError: for a record that no ledger could have written.
        """
        ledger = self.ledger
        before = dict(ledger.sums) if isinstance(record, _MOVES_MONEY) else None
        standing = list(ledger.states.entries)
        facts = ledger.apply(record)
        writes = self._of_record(record, time_ms)
        touched: dict[str, None] = {}
        client_id = _named(record)
        if client_id is not None:
            touched[client_id] = None
        for fact in facts:
            writes += self._of_fact(fact, time_ms)
            if isinstance(fact, OrderUpdate | Fill) and fact.client_id is not None:
                touched[fact.client_id] = None
        created, sent = isinstance(record, r.Intended), isinstance(record, r.Sent)
        writes += [
            order_row(self.account, ledger.lines[name], time_ms, created=created, sent=sent)
            for name in touched
            if name in ledger.lines
        ]
        if before is not None:
            writes += self._of_money(before, record, facts, time_ms)
        if isinstance(record, r.StateLifted) and ledger.states.entries != standing:
            scope = record.scope
            writes.append(state_change(self.account, scope, "active", "lifted", "operator", record.who, time_ms))
        else:
            writes += self._of_states(standing, time_ms)
        return writes

    def seed(self, time_ms: int) -> list[Write]:
        """Rows of everything that the ledger of a checkpoint knows: what came before it is not in the journal."""
        ledger = self.ledger
        writes = [order_row(self.account, line, time_ms, created=False, sent=False) for line in ledger.lines.values()]
        venue_ids = {client_id: line.venue_id for client_id, line in ledger.lines.items()}
        for key, fill in ledger.fills.items():
            if fill.intent_id is not None:
                writes.append(fill_row(fill, time_ms))
            if not fill.synthetic:
                venue_id = venue_ids.get(fill.client_id or "")
                writes.append(trade_row(self.account, fill, owner_of(ledger, key), venue_id, time_ms))
        for key, trade in ledger.unmatched.items():
            writes.append(trade_row(self.account, trade, owner_of(ledger, key), trade.venue_order_id, time_ms))
        for number, external in enumerate(ledger.externals, 1):
            writes.append(transaction_row(self.account, number, external, time_ms))
        for asset, total in sorted(ledger.sums.items()):
            writes.append(Write("balances", (self.account, asset, plain(total), "0", "checkpoint", "", time_ms)))
        writes += tally_rows(self.account, self._tallies, list(self._tallies.days))
        return writes + self._of_states([], time_ms)

    # -------------------------------------------------------------- what follows from what

    def _of_record(self, record: r.AnyRecord, time_ms: int) -> list[Write]:
        ledger = self.ledger
        match record:
            case r.TradeEvidence():
                return [self._trade(record.trade, time_ms)]
            case r.AdoptedTrade():
                return [Write("own_trade", ("external", None, self.account, record.symbol, record.trade_id))]
            case r.ExternalEntry():
                return [transaction_row(self.account, len(ledger.externals), record.external, time_ms)]
            case r.VenueRenewed():
                self._tallies = Tallies()
                return [Write(f"renew_{table.name}", (self.account,)) for table in OF_AN_ACCOUNT]
            case r.Frozen():
                return [Write("epochs", (self.account, record.epoch, record.reason, time_ms, None, None))]
            case r.Settled():
                settled = Write("settle_epoch", (time_ms, record.read_ms, self.account, record.epoch))
                reference = f"epoch {record.epoch}"
                return [settled] + [
                    Write("balances", (self.account, asset, plain(total), "0", "reconcile", reference, time_ms))
                    for asset, total in sorted(ledger.sums.items())
                ]
            case _:
                return []

    def _trade(self, trade: VenueTrade, time_ms: int) -> Write:
        owner = owner_of(self.ledger, (trade.symbol, trade.trade_id))
        return trade_row(self.account, trade, owner, trade.venue_order_id, time_ms)

    def _of_fact(self, fact: Fact, time_ms: int) -> list[Write]:
        if isinstance(fact, OrderUpdate):
            return [state_row(fact, time_ms)]
        if not isinstance(fact, Fill) or fact.intent_id is None:
            return []
        # What it replaces may be a stand-in, or the same trade while it counted as somebody else's (no fill of ours).
        writes = [
            Write("forget_fill", (self.account, fact.symbol, trade_id))
            for trade_id in fact.replaces
            if trade_id != fact.trade_id
        ]
        writes.append(fill_row(fact, time_ms))
        if not fact.synthetic:
            writes.append(Write("own_trade", ("ours", fact.client_id, self.account, fact.symbol, fact.trade_id)))
        return writes + tally_rows(self.account, self._tallies, self._tallies.add(fact))

    def _of_money(
        self, before: dict[str, Decimal], record: r.AnyRecord, facts: tuple[Fact, ...], time_ms: int
    ) -> list[Write]:
        cause, reference = _cause(record, facts)
        writes = []
        for asset, total in self.ledger.sums.items():
            change = minus(total, before.get(asset, ZERO))
            if change or asset not in before:
                values = (self.account, asset, plain(total), plain(change), cause, reference, time_ms)
                writes.append(Write("balances", values))
        return writes

    def _of_states(self, standing: list[StateEntry], time_ms: int) -> list[Write]:
        writes = []
        for entry in self.ledger.states.entries[len(standing) :]:
            cause = entry.cause
            values = (entry.scope, str(entry.state), cause.text, str(cause.by), cause.who, time_ms)
            writes.append(state_change(self.account, *values))
        return writes


class Fold:
    """All accounts of one bot, and its own stream."""

    def __init__(self, restore: Callable[[str, bytes], Ledger], *, older: Collection[str] = ()) -> None:
        """Begin.

        Args:
            restore: makes an account's ledger from the state of a checkpoint.
            older: accounts with records before the first entry: theirs are passed over until a checkpoint comes.
        """
        self.accounts: dict[str, AccountFold] = {}
        self._restore = restore
        self._older = older

    def rows_of(self, account: str, time_ms: int, data: bytes, *, checkpoint: bool = False) -> list[Write]:
        """The writes that one entry of the journal comes to.

        Args:
            account: whose; "" is the bot's own stream.
            time_ms: when it was journaled, by the system's clock.
            data: the record's bytes, or a checkpoint's state.
            checkpoint: which of both.

        Raises:
            RecordError: the bytes are no record.
            EventError: the bytes are no event.
            LedgerError: no ledger could have written the record here.
        """
        if account == OWN_STREAM:
            return [] if checkpoint else [event_row(decode_event(data), time_ms)]
        known = self.accounts.get(account)
        if checkpoint:
            if known is not None:
                return []
            restored = self.accounts[account] = AccountFold(account, self._restore(account, data))
            return restored.seed(time_ms)
        if known is None:
            if account in self._older:
                return []
            known = self.accounts[account] = AccountFold(account)
        return known.take(r.decode(data), time_ms)


def _named(record: r.AnyRecord) -> str | None:
    """The client id that a record speaks of."""
    if isinstance(record, r.Answered):
        return record.answer.client_id
    return getattr(record, "client_id", None)


def _cause(record: r.AnyRecord, facts: tuple[Fact, ...]) -> tuple[str, str]:
    if isinstance(record, r.Opened):
        return "opening", ""
    if isinstance(record, r.ExternalEntry):
        return "external", record.external.reason
    return "fill", ", ".join(fact.trade_id for fact in facts if isinstance(fact, Fill))
