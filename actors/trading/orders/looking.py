"""Finding out what became of an order: asks the exchange, counts the votes, and draws the conclusion.

Part of the orders actor. A line with an open question is asked for at once and then at a spacing until it has none;
absence resolves an intent to not placed, and the id is watched on. Nothing is ever sent a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from ganglion.actors.trading.money import minus, plain, times, total
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.absence import Finding, Watch
from ganglion.actors.trading.orders.desk import NEVER_S, Desk
from ganglion.actors.trading.orders.line import Line
from ganglion.messages.orders import LookUpDone, LookUpOrder, VenueOrder, VenueTrade
from ganglion.messages.values import ZERO, quote_of

_SYNTHETIC_STEP = Decimal("1e-12")
_BEFORE_SEND_MS = 60_000
"""Readings overlap by this much, because a venue's lists trail its clock."""


class Looking:
    """Open questions of one account and who is asked about them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._watches: dict[str, Watch] = {}
        self._late: dict[str, float] = {}
        """Until when (monotonic) the id of an order taken for not placed is watched."""
        self._begun = False
        self.follow: Callable[[Line], None] = lambda _line: None
        """What the commands' side does after evidence about a line; set by the actor."""
        self._sent: dict[str, tuple[int, float]] = {}
        """Epoch and monotonic time of attempts that the exchange has not answered."""

    def sent(self, client_id: str) -> None:
        """An attempt was handed to the exchange, which may keep it waiting for its rate budget."""
        self._sent[client_id] = (self._desk.epoch, self._desk.now_s())

    def answered(self, client_id: str) -> None:
        """The exchange said how it ended."""
        self._sent.pop(client_id, None)

    def under_way(self, line: Line, within_s: float = float("inf")) -> bool:
        """Whether an attempt of this epoch is not answered yet, and was sent at most `within_s` ago."""
        epoch, at_s = self._sent.get(line.client_id, (None, 0.0))
        return epoch == self._desk.epoch and self._desk.now_s() - at_s < within_s

    def reset(self) -> None:
        """A new epoch: votes start again."""
        self._watches.clear()
        if not self._begun:
            self._begun = True
            self._watch_on()
        for client_id in self._late:
            self._watches[client_id] = Watch()
            self._desk.after(self._desk.settings.late_spacing_s, f"ask:{client_id}:0")

    def _watch_on(self) -> None:
        """Watch what was taken for not placed shortly before this actor began; by then it may have traded."""
        ledger, watch_s = self._desk.ledger, self._desk.settings.late_watch_s
        since_ms = ledger.watermark_ms - int(watch_s * 1000)
        for line in ledger.lines.values():
            if line.presumed and line.ended_ms >= since_ms:
                self._late[line.client_id] = self._desk.now_s() + watch_s

    def doubts(self) -> list[Line]:
        """Lines with an open question, oldest first."""
        return [line for line in self._desk.ledger.unsettled_lines() if line.question]

    def look_up(self, line: Line) -> None:
        """Look a line up now; one that waits for the rate budget is not looked for, it would only wait longer."""
        if self.under_way(line, self._desk.settings.answer_s):
            return
        watch = self._watches.setdefault(line.client_id, Watch())
        watch.asked += 1
        self._desk.exchange.tell(
            LookUpOrder(
                line.client_id,
                line.venue_id,
                line.intent.symbol,
                max(line.since_ms - _BEFORE_SEND_MS, 0),
            )
        )
        # An answer that never comes must not leave the question open.
        self._desk.after(self._desk.settings.look_up_cap_s, f"ask:{line.client_id}:{watch.asked}")

    def look_up_soon(self, line: Line) -> None:
        """Look a line up after the grace in which its trades usually arrive; never where none can trail."""
        grace_s = self._desk.settings.fill_grace_s
        if grace_s < NEVER_S and line.client_id not in self._watches:
            self._watches[line.client_id] = Watch()
            self._desk.after(grace_s, f"ask:{line.client_id}:0")

    def tick(self, client_id: str, asked: int) -> None:
        """A timer of `look_up`: look again if nobody has since."""
        line = self._desk.ledger.lines.get(client_id)
        watch = self._watches.get(client_id)
        if line is None or watch is None or watch.asked != asked:
            return
        watched_on = line.presumed and self._desk.now_s() < self._late.get(client_id, 0.0)
        if line.question or watched_on:
            self.look_up(line)
        else:
            del self._watches[client_id]
            self._late.pop(client_id, None)

    def done(self, message: LookUpDone) -> None:
        """An answer: apply what was found, then judge."""
        line = self._desk.ledger.lines.get(message.client_id)
        if line is None:
            return
        apply_found(self._desk, message)
        self.follow(line)
        settings = self._desk.settings
        watch = self._watches.setdefault(line.client_id, Watch())
        if line.presumed:
            if message.client_id in self._late:
                self._desk.after(settings.late_spacing_s, f"ask:{line.client_id}:{watch.asked}")
            return
        finding = watch.judge(line, message, settings, may_be_under_way=self.under_way(line))
        self._conclude(line, watch, finding, message)

    def _conclude(self, line: Line, watch: Watch, finding: Finding, message: LookUpDone) -> None:
        desk = self._desk
        match finding:
            case Finding.ANSWERED:
                self._watches.pop(line.client_id, None)
                return
            case Finding.ABSENT:
                self._late[line.client_id] = desk.now_s() + desk.settings.late_watch_s
                desk.record(
                    r.NotPlaced(
                        line.client_id,
                        f"not placed: {watch.votes} look-ups at {desk.account} found no order and no trade of it",
                    )
                )
                desk.after(desk.settings.late_spacing_s, f"ask:{line.client_id}:{watch.asked}")
                return
            case Finding.GONE:
                self._late[line.client_id] = desk.now_s() + desk.settings.late_watch_s
                text = f"gone: {desk.account} knows order {line.venue_id} no more; filled {plain(line.filled)}"
                desk.record(r.Gone(line.client_id, text))
                desk.after(desk.settings.late_spacing_s, f"ask:{line.client_id}:{watch.asked}")
                return
            case Finding.CONCLUDE:
                desk.record(r.Concluded(line.client_id))
            case Finding.INFER:
                self.infer(line, message.venue_ms)
                if desk.reconciled:
                    # Whether money agrees all the same is judged where everything is: at a reconcile.
                    desk.request_epoch(f"a fill of client id {line.client_id} was inferred from its quantity")
            case Finding.UNANSWERED:
                desk.request_epoch(f"no answer about client id {line.client_id}")
            case Finding.AGAIN | Finding.FAILED:
                pass
        if line.question:
            desk.after(watch.delay_s(desk.settings), f"ask:{line.client_id}:{watch.asked}")

    def infer(self, line: Line, at_ms: int) -> None:
        """Stand in for trades that only the order's cumulative quantity tells of."""
        amount = line.missing
        intent = line.intent
        self._desk.record(
            r.Inferred(
                line.client_id,
                VenueTrade(
                    symbol=intent.symbol,
                    trade_id="",
                    venue_order_id=line.venue_id,
                    client_id=line.client_id,
                    side=intent.side,
                    price=_price_of_missing(line),
                    amount=amount,
                    fee=ZERO,
                    fee_asset=quote_of(intent.symbol),
                    liquidity=None,
                    timestamp_ms=at_ms,
                ),
            )
        )


def apply_found(desk: Desk, message: LookUpDone) -> None:
    """Take over an answered look-up's order and trades, as far as they are news."""
    for trade in message.trades:
        line = desk.ledger.line_of(trade.symbol, trade.client_id, trade.venue_order_id)
        take_trade(desk, trade, line)
    if message.order is not None:
        take_order(desk, message.order, message.client_id)


def take_order(desk: Desk, order: VenueOrder, client_id: str | None = None) -> Line | None:
    """Apply an order's evidence to its line; None where no line is its own."""
    line = desk.ledger.line_of(order.symbol, client_id or order.client_id, order.venue_id)
    if line is not None and line.learns(order):
        desk.record(r.OrderEvidence(line.client_id, order))
    return line


def take_trade(desk: Desk, trade: VenueTrade, line: Line | None) -> None:
    """Apply an own trade once, to the line that it is of, if it is of any."""
    ledger = desk.ledger
    key = (trade.symbol, trade.trade_id)
    known = ledger.fills.get(key)
    if key in ledger.prior or (known is not None and (line is None or known.intent_id is not None)):
        return
    if line is not None or key not in ledger.unmatched:
        desk.record(r.TradeEvidence(trade))


def _price_of_missing(line: Line) -> Decimal:
    """The average price of what is missing where the venue told the cost, the order's own price elsewhere."""
    if line.venue_cost is not None and line.missing:
        known = total(times(fill.price, fill.amount) for fill in line.fills.values())
        cost = minus(line.venue_cost, known)
        if cost > 0:
            with localcontext(prec=40):
                return (cost / line.missing).quantize(_SYNTHETIC_STEP, ROUND_HALF_EVEN).normalize()
    return line.intent.price if line.intent.price is not None else ZERO
