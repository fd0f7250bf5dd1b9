"""What the user stream says between readings: orders and trades of ours, of others, and orphans.

Part of the orders actor. Evidence goes to its line, whichever route it came by; a trade that no order of ours can
claim is somebody else's; an open order with our tag that the journal does not know halts the account.
"""

from __future__ import annotations

from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.client_ids import is_ours
from ganglion.actors.trading.orders.desk import Desk
from ganglion.actors.trading.orders.line import ENDED_WORDS, Line
from ganglion.actors.trading.orders.looking import take_order, take_trade
from ganglion.actors.trading.orders.others import Others
from ganglion.actors.trading.orders.placing import Placing
from ganglion.messages.account import LockedByOthers
from ganglion.messages.orders import OrderSeen, TradeSeen, VenueOrder, VenueTrade


class Intake:
    """Evidence about one account as it comes in."""

    def __init__(self, desk: Desk, placing: Placing) -> None:
        self._desk = desk
        self._placing = placing
        self.others = Others()
        self.last_sequence = 0
        """Of the latest account event; a reading of before it is not the newest."""

    def note(self, sequence: int) -> None:
        """An account event came."""
        self.last_sequence = max(self.last_sequence, sequence)

    def order_seen(self, message: OrderSeen) -> None:
        """An update of the user stream, or of a poll."""
        self.note(message.sequence)
        order = message.order
        if self.take_order(order) is not None:
            return
        if order.status not in ENDED_WORDS:
            if self.orphan(order):
                return
        elif self._cannot_be_forgotten(order):
            self.orphan(order)
        if self.others.see(order) and self._desk.reconciled:
            locked = LockedByOthers(self._desk.account, self.others.locked())
            self._desk.portfolio.tell(locked)

    def trade_seen(self, message: TradeSeen) -> None:
        """A trade of the user stream."""
        self.note(message.sequence)
        self.take_trade(message.trade)
        if self._desk.ledger.unmatched:
            self.adopt_unmatched()

    def take_order(self, order: VenueOrder) -> Line | None:
        """An order of ours moves on; None where it is not ours."""
        line = take_order(self._desk, order)
        if line is not None:
            self._placing.follow(line)
        return line

    def take_trade(self, trade: VenueTrade) -> None:
        """A trade from whichever route: an order's of ours, somebody else's, or waiting to be claimed."""
        desk = self._desk
        ledger = desk.ledger
        line = ledger.line_of(trade.symbol, trade.client_id, trade.venue_order_id)
        if line is None and (ledger.opening is None or trade.timestamp_ms < self._oldest_ms()):
            # The opening balances contain it.
            return
        take_trade(desk, trade, line)
        if line is not None:
            self._placing.follow(line)
        elif (trade.symbol, trade.trade_id) in ledger.unmatched:
            self._orphaned(trade.client_id, trade.venue_order_id, "look up what it did")

    def _oldest_ms(self) -> int:
        """The venue's clock at the oldest trade that the opening balances may not contain."""
        return self._desk.ledger.opened_ms - int(self._desk.settings.overlap_s * 1000)

    def adopt_unmatched(self) -> None:
        """Trades that no order of ours can claim any more are somebody else's."""
        ledger = self._desk.ledger
        for symbol, trade_id in list(ledger.unmatched):
            if not ledger.claimable(symbol):
                self._desk.record(r.AdoptedTrade(symbol, trade_id))

    def _cannot_be_forgotten(self, order: VenueOrder) -> bool:
        """Whether the journal must know an ended order with our tag: it began after all that was ever dropped."""
        ledger, settings = self._desk.ledger, self._desk.settings
        if ledger.opening is None or order.timestamp_ms is None:
            return False
        return order.timestamp_ms > max(ledger.opened_ms, ledger.watermark_ms - int(settings.forget_after_s * 1000))

    def orphan(self, order: VenueOrder) -> bool:
        """Whether an order that no line claims has our tag: then the account halts."""
        ended = order.status in ENDED_WORDS
        todo = f"it is {order.status}: look up what it did" if ended else "cancel it by hand"
        return self._orphaned(order.client_id, order.venue_id, todo)

    def _orphaned(self, client_id: str | None, venue_id: str | None, todo: str) -> bool:
        desk = self._desk
        if not is_ours(client_id, desk.tag, length=desk.settings.client_id_length):
            return False
        desk.violate(
            "I4",
            f"ORPHAN: {desk.account} shows order {venue_id} under client id {client_id}, which has this bot's tag and "
            f"is not in its journal: {todo}, or start with the journal that it was placed with",
        )
        return True
