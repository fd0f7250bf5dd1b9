"""Reconcile: the one path of start, restart, reconnect and audit; places wait until it has ended.

Part of the orders actor. EpochOpened freezes; the whole account is read, evidence is merged by client id, what stays
Unknown is looked up, balances are compared, and AccountSnapshot and Reconciled follow. What can't be explained is
read again before it is believed, and never adopted in silence.
"""

from __future__ import annotations

import enum
from decimal import Decimal

from ganglion.actors.trading.money import plain
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.desk import Desk
from ganglion.actors.trading.orders.intake import Intake
from ganglion.actors.trading.orders.looking import Looking
from ganglion.actors.trading.orders.others import came_back_empty
from ganglion.actors.trading.orders.placing import Placing
from ganglion.actors.trading.orders.states import AT_RISK
from ganglion.messages.account import (
    AccountSnapshot,
    External,
    OpenOrder,
    Reconciled,
)
from ganglion.messages.lifecycle import EpochOpened
from ganglion.messages.orders import (
    AccountRead,
    Balance,
    BalancesSeen,
    OrderState,
    ReadAccount,
    VenueOrder,
)
from ganglion.messages.trading import By, Scope, ScopeKind
from ganglion.messages.values import ZERO, Asset

_SUSPICIOUS_LOOKS = 2
"""Looks, a fill's grace apart, at which streamed balances must differ before the account is read for it."""
_UNQUIET_READINGS = 5
_READ_WAIT_S = 120.0
"""A reading of many markets under a small rate budget takes long; beyond this it is lost."""


class Stage(enum.Enum):
    """Where reconcile stands."""

    WAITING = "waiting"
    """For an epoch."""
    READING = "reading"
    LOOKING = "looking"
    """The first answers about Unknown orders are awaited."""
    DONE = "done"


class Reconciling:
    """Reconcile of one account."""

    def __init__(self, desk: Desk, looking: Looking, placing: Placing, intake: Intake) -> None:
        self._desk = desk
        self._looking = looking
        self._placing = placing
        self._intake = intake
        self._stage = Stage.WAITING
        self._read: AccountRead | None = None
        self._awaited: dict[str, None] = {}
        self._failures = 0
        self._readings = 0
        """That ended with something unexplained, in a row."""
        self._unquiet = 0
        self._audits = 0
        """That ended with a difference, in a row."""
        self._suspecting = False
        """Streamed balances differed a moment ago and are looked at again."""
        self._streamed: dict[Asset, Decimal] = {}
        """Totals as the user stream told them last, in this epoch."""
        self._audit_timer = 0
        self._asked = 0
        self._begun = False
        """A reading of this incarnation was taken over: from then on everything that was placed is known here."""

    # -------------------------------------------------------------- epochs

    def open(self, message: EpochOpened) -> None:
        """Freeze: what was on its way is Unknown, and nothing is placed until Reconciled."""
        desk = self._desk
        desk.epoch = message.epoch
        desk.reconciled = False
        desk.epoch_asked = False
        desk.live = True
        self._placing.drop_waiting()
        desk.record(r.Frozen(message.epoch, f"epoch {message.epoch} opened ({message.reason})"))
        self._looking.reset()
        desk.portfolio.tell(message)
        desk.outside.publish(message)
        self._intake.last_sequence = message.as_of
        self._failures = self._readings = self._unquiet = 0
        self._streamed.clear()
        self._read_account()

    def snapshot_wanted(self, reason: str) -> None:
        """A portfolio that restarted wants everything: a reconcile that is under way will tell it too."""
        if self._stage is Stage.DONE:
            self._stage = Stage.WAITING
            self._desk.request_epoch(reason)

    def lift(self, scope: Scope, who: str) -> str:
        """Let a scope be active again and reconcile before anything is placed; why it can't be, empty where it is.

        Un-halting is the path of a start: what happened meanwhile is known before anybody decides on it.
        """
        desk = self._desk
        if desk.ledger.states.at(scope) is None:
            return ""
        if scope.kind in {ScopeKind.BOT, ScopeKind.ACCOUNT} and desk.stopped:
            return f"{desk.account} is {desk.stopped}: see to that, start the bot again, then resume"
        if desk.journal_trouble:
            return f"the journal is broken ({desk.journal_trouble}): see to that, start the bot again, then resume"
        desk.record(r.StateLifted(scope, who, desk.clock.now_ms()))
        desk.tell_states()
        self.snapshot_wanted(f"{scope} was resumed by {who}")
        return ""

    def epoch_overdue(self, epoch: int) -> None:
        """The epoch that was asked for has not come: ask again."""
        if self._desk.epoch_asked and self._desk.epoch == epoch:
            self._desk.epoch_asked = False
            self._desk.request_epoch("the epoch asked for did not come")

    def _read_account(self) -> None:
        self._stage = Stage.READING
        self._read_now()

    def _read_now(self) -> None:
        self._asked += 1
        self._desk.exchange.tell(self._request())
        self._desk.after(_READ_WAIT_S, f"overdue:{self._asked}")

    def reading_overdue(self, asked: int) -> None:
        """A reading that was asked for never came."""
        if asked == self._asked and self._stage is Stage.READING:
            self._read_now()

    def _request(self, *, audit: bool = False) -> ReadAccount:
        desk = self._desk
        settings = desk.settings
        if desk.ledger.opening is None:
            since_ms = desk.clock.now_ms() - int(settings.first_overlap_s * 1000)
        else:
            since_ms = (desk.ledger.watermark_ms or desk.ledger.opened_ms) - int(settings.overlap_s * 1000)
            # The trades that inferred fills stand in for may be listed late, and are older than the last reading.
            since_ms = min([since_ms, *(line.since_ms for line in desk.ledger.stood_in())])
        return ReadAccount(desk.epoch, desk.symbols, max(since_ms, 0), audit, recent=not self._begun)

    def read_again(self, epoch: int) -> None:
        """A timer after a reading that did not do."""
        if epoch == self._desk.epoch and self._stage is Stage.READING:
            self._read_now()

    def _retry(self, count: int) -> None:
        settings = self._desk.settings
        self._stage = Stage.READING
        delay_s = min(settings.read_retry_s * 2.0 ** min(count, 10), settings.look_up_cap_s)
        self._desk.after(delay_s, f"read:{self._desk.epoch}")

    # -------------------------------------------------------------- readings

    def account_read(self, message: AccountRead) -> None:
        """One whole reading of this epoch; older ones are worth nothing beside the one under way."""
        if message.epoch != self._desk.epoch or self._stage in {Stage.WAITING, Stage.LOOKING}:
            return
        if message.failure is not None or not message.settled:
            if self._desk.ledger.opening is not None:
                # Whatever came between: a trade is a fact, and may be the one that the stream lost.
                for trade in sorted(message.trades, key=lambda trade: trade.timestamp_ms):
                    self._intake.take_trade(trade)
            if self._stage is Stage.READING:
                self._failures += 1
                self._retry(self._failures)
            else:
                self._audit_later()
            return
        self._failures = 0
        self._read = message
        for market in message.markets:
            self._desk.markets[market.symbol] = market
        if self._stage is Stage.DONE:
            self._audit(message)
            return
        if not self._absorb(message, frozen=True):
            self._failures += 1
            self._retry(self._failures)
            return
        self._stage = Stage.LOOKING
        doubts = self._looking.doubts()
        self._awaited = {line.client_id: None for line in doubts}
        for line in doubts:
            self._looking.look_up(line)
        if doubts:
            self._desk.after(self._desk.settings.look_up_wait_s, f"conclude:{self._desk.epoch}")
        else:
            self._conclude()

    def _absorb(self, message: AccountRead, *, frozen: bool) -> bool:
        """Merge a reading's evidence; False where it can't be the account that we know."""
        desk = self._desk
        if desk.ledger.opening is None:
            self._open_account(message)
        elif came_back_empty(message.balances, desk.ledger.totals()):
            desk.halt(
                None,
                f"{desk.account} came back empty: it shows no money where {_listed(desk.ledger.totals())} should be; "
                "look whether the key, the account or the venue is the right one",
                By.INVARIANT,
            )
            return False
        for trade in sorted(message.trades, key=lambda trade: trade.timestamp_ms):
            self._intake.take_trade(trade)
        present: dict[str, None] = {}
        foreign: list[VenueOrder] = []
        for order in message.open_orders:
            line = self._intake.take_order(order)
            if line is not None:
                present[line.client_id] = None
            elif not self._intake.orphan(order):
                foreign.append(order)
        for order in message.recent_orders:
            # What was there before the account was opened is in its opening balances, whoever placed it.
            if self._intake.take_order(order) is None and (order.timestamp_ms or 0) > desk.ledger.opened_ms:
                self._intake.orphan(order)
        self._begun = True
        self._intake.others.replace(foreign)
        self._doubt_absent(present, frozen=frozen)
        return True

    def _open_account(self, message: AccountRead) -> None:
        self._desk.record(
            r.Opened(
                tuple(Balance(b.asset, b.total, ZERO) for b in message.balances if b.total),
                message.read_ms,
                tuple((trade.symbol, trade.trade_id) for trade in message.trades),
            )
        )

    def _doubt_absent(self, present: dict[str, None], *, frozen: bool) -> None:
        """Our open orders that the venue does not show: look each one up."""
        for line in self._desk.ledger.open_lines():
            if line.client_id in present or line.ended is not None:
                continue
            if frozen and line.state not in {OrderState.UNKNOWN, OrderState.INTENDED}:
                text = "not among the venue's open orders"
                self._desk.record(r.Doubted(line.client_id, text))
            elif not frozen and line.state in {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED}:
                self._looking.look_up(line)

    def looked_up(self, client_id: str) -> None:
        """An answer about one of the awaited orders."""
        self._awaited.pop(client_id, None)
        if self._stage is Stage.LOOKING and not self._awaited:
            self._conclude()

    def wait_over(self, epoch: int) -> None:
        """Some look-ups take long: go on, what is Unknown stays held."""
        if self._stage is Stage.LOOKING and epoch == self._desk.epoch:
            self._awaited.clear()
            self._conclude()

    # -------------------------------------------------------------- the end of it

    def _conclude(self) -> None:
        read = self._read
        if read is None:
            return
        desk = self._desk
        settings = desk.settings
        quiet = self._intake.last_sequence <= read.as_of
        if not quiet and self._unquiet < _UNQUIET_READINGS:
            self._unquiet += 1
            self._retry(0)
            return
        self._intake.adopt_unmatched()
        gaps = desk.ledger.differences(read.balances)
        missing = [line for line in self._looking.doubts() if line.missing]
        if (gaps or missing) and self._readings < settings.settle_readings:
            self._readings += 1
            self._retry(self._readings - 1)
            return
        for line in missing:
            self._looking.infer(line, read.read_ms)
        unknown = any(line.state is OrderState.UNKNOWN for line in desk.ledger.open_lines())
        # A fee that nobody told is no deposit and no withdrawal.
        stand_ins = desk.ledger.stand_ins
        judged = quiet and not unknown and not stand_ins
        gaps = desk.ledger.differences(read.balances)
        found = tuple(self._explain(asset, gap) for asset, gap in gaps.items()) if judged else ()
        for external in found:
            desk.record(r.ExternalEntry(external))
        self._finish(read, found, equal=not gaps, soon=not judged and not stand_ins)

    def _explain(self, asset: Asset, gap: Decimal) -> External:
        desk = self._desk
        held = desk.ledger.totals().get(asset, ZERO)
        more = "more" if gap > 0 else "less"
        return External(
            asset,
            gap,
            f"{desk.account} has {plain(abs(gap))} {asset} {more} than the {plain(held)} that opening balances, fills "
            "and fees come to",
        )

    def _finish(self, read: AccountRead, found: tuple[External, ...], *, equal: bool, soon: bool) -> None:
        desk = self._desk
        desk.record(r.Settled(desk.epoch, read.read_ms))
        self._stage = Stage.DONE
        desk.reconciled = not desk.epoch_asked
        self._audits = 0
        desk.portfolio.tell(self.snapshot(read))
        desk.tell_states()
        reconciled = Reconciled(desk.account, desk.epoch, equal, found, desk.now_s())
        desk.portfolio.tell(reconciled)
        desk.outside.publish(reconciled)
        if soon:
            self._audit_in(desk.settings.fill_grace_s)
        else:
            self._audit_later()

    def snapshot(self, read: AccountRead) -> AccountSnapshot:
        """Everything that a portfolio is rebuilt from."""
        desk = self._desk
        ledger = desk.ledger
        return AccountSnapshot(
            account=desk.account,
            epoch=desk.epoch,
            opening=ledger.opening or (),
            externals=tuple(ledger.externals),
            fills=tuple(ledger.fills.values()),
            open_orders=tuple(OpenOrder(ledger.update_of(line)) for line in ledger.open_lines()),
            locked_by_others=self._intake.others.locked(),
            venue_balances=read.balances,
            markets=tuple(desk.markets.values()),
            saved=tuple(ledger.saved.values()),
            as_of=ledger.sequence,
        )

    # -------------------------------------------------------------- evidence between readings

    def balances_seen(self, message: BalancesSeen) -> None:
        """Balances of the user stream are compared; a fill that trails behind them is no difference yet."""
        self._intake.note(message.sequence)
        for balance in message.balances:
            self._streamed[balance.asset] = balance.total
        if not self._suspecting and self._stage is Stage.DONE and self._streamed_differ():
            self._suspecting = True
            self._desk.after(self._desk.settings.fill_grace_s, "suspect:1")

    def suspect(self, looks: int) -> None:
        """Look again at streamed balances that differed; where they go on differing, read the account now.

        A busy account is never quiet, so nothing may wait for that: what differs at one instant is on its way, what
        differs at several in a row is missing.
        """
        self._suspecting = False
        if self._stage is not Stage.DONE or not self._streamed_differ():
            return
        if looks >= _SUSPICIOUS_LOOKS:
            self._audit_in(0.0)
        else:
            self._suspecting = True
            self._desk.after(self._desk.settings.fill_grace_s, f"suspect:{looks + 1}")

    def _streamed_differ(self) -> bool:
        ours = self._desk.ledger.totals()
        return any(total != ours.get(asset, ZERO) for asset, total in self._streamed.items())

    # -------------------------------------------------------------- audits of a reconciled account

    def _restless(self) -> bool:
        lines = self._desk.ledger.open_lines()
        return any(line.state in AT_RISK or line.question for line in lines)

    def _audit_later(self) -> None:
        if self._desk.settings.audit_s:
            self._audit_in(self._desk.settings.audit_s)

    def _audit_in(self, delay_s: float) -> None:
        # One timer counts, the latest: two chains of audits would double with every difference.
        self._audit_timer += 1
        self._desk.after(delay_s, f"audit:{self._audit_timer}")

    def audit_due(self, timer: int) -> None:
        """Read the account beside the trading and compare."""
        if timer != self._audit_timer or self._stage is not Stage.DONE:
            return
        if self._desk.live:
            self._desk.exchange.tell(self._request(audit=True))
        # Where no answer comes the next one is due all the same.
        self._audit_in(max(self._desk.settings.audit_s, _READ_WAIT_S))

    def _audit(self, message: AccountRead) -> None:
        desk = self._desk
        if not self._absorb(message, frozen=False):
            self._audit_later()
            return
        self._intake.adopt_unmatched()
        if self._intake.last_sequence > message.as_of or self._restless():
            self._audit_later()
            return
        gaps = desk.ledger.differences(message.balances)
        if not gaps or desk.ledger.stand_ins:
            self._audits = 0
            if not gaps:
                desk.record(r.Settled(desk.epoch, message.read_ms))
            self._audit_later()
            return
        self._audits += 1
        if self._audits <= desk.settings.settle_readings:
            self._audit_in(desk.settings.fill_grace_s)
            return
        self._stage = Stage.WAITING
        desk.request_epoch(f"balances differ from what fills explain: {_listed(gaps)}")


def _listed(amounts: dict[Asset, Decimal]) -> str:
    return ", ".join(f"{plain(amount)} {asset}" for asset, amount in sorted(amounts.items()) if amount)
