"""Looking up what became of one order: by the venue's id, by client id, and by scanning; one vote per look-up.

Called by actor.py in its turns; answers the orders actor with LookUpDone. Finding nothing counts only where
every route was tested for this venue, each reply had the venue's own envelope (the venue's side of the port
fails otherwise) and the user stream did not break in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.budget import Priority
from ganglion.actors.exchange.directives import row_of
from ganglion.messages.lifecycle import Failure
from ganglion.messages.orders import LookUpDone, LookUpOrder, VenueOrder, VenueTrade
from ganglion.messages.values import Symbol
from ganglion.messages.venue import (
    FetchMyTrades,
    FetchOpenOrders,
    FetchOrder,
    FetchRecentOrders,
    OrderFetched,
    OrdersFetched,
    TradesFetched,
    VenueReply,
    VenueRequest,
)

RETRIES = 2
NOT_THERE = frozenset({"OrderNotFound", "OrderNotCached"})


@dataclass(slots=True)
class Search:
    """One look-up under way."""

    request: LookUpOrder
    private_epoch: int
    """The stretch of the user stream that it began in."""
    order: VenueOrder | None = None
    trades: dict[str, VenueTrade] = field(default_factory=dict)
    scanned: bool = True
    """Open orders, recent orders and own trades could all be read."""


@dataclass(slots=True)
class Scan:
    """One reading of a market's orders and trades, for every look-up there that asked before it began."""

    symbol: Symbol
    searches: list[Search]
    steps: list[Callable[[Scan], None]]

    @property
    def since_ms(self) -> int:
        """Early enough for all of them."""
        return min(search.request.since_ms for search in self.searches)


class LookUps:
    """Searches of one arm; those of one market share their scans, which are dear where many orders are in doubt."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self._waiting: dict[Symbol, list[Search]] = {}
        """For the next scan of their market."""
        self._scanning: dict[Symbol, Scan] = {}

    def look_up(self, request: LookUpOrder) -> None:
        """Find out what became of an order."""
        search = Search(request, self.arm.private_epoch)
        if request.venue_id is not None or self.arm.capabilities.fetch_order_by_client_id:
            self._fetch(search)
        else:
            self._join(search)

    def _fetch(self, search: Search) -> None:
        request = search.request

        def make(number: int) -> FetchOrder:
            return FetchOrder(number, request.symbol, request.client_id, request.venue_id)

        def done(reply: VenueReply) -> None:
            if isinstance(reply, OrderFetched):
                _found(search, reply.order)
            self._join(search)

        def failed(failure: Failure) -> None:
            if row_of(failure).error in NOT_THERE:
                self._join(search)  # one vote; the scan goes on
            else:
                self._answer(search, failure)

        self.arm.fetch(make, Priority.QUERY, done, failed, RETRIES)

    # -------------------------------------------------------------- scans

    def _join(self, search: Search) -> None:
        symbol = search.request.symbol
        self._waiting.setdefault(symbol, []).append(search)
        if symbol not in self._scanning:
            self._scan(symbol)

    def _scan(self, symbol: Symbol) -> None:
        searches = self._waiting.pop(symbol, [])
        if searches:
            scan = self._scanning[symbol] = Scan(symbol, searches, [self._open, self._recent, self._trades])
            self._step(scan)

    def _step(self, scan: Scan) -> None:
        if scan.steps:
            scan.steps.pop(0)(scan)
        else:
            self._end(scan, None)

    def _end(self, scan: Scan, failure: Failure | None) -> None:
        del self._scanning[scan.symbol]
        for search in scan.searches:
            self._answer(search, failure)
        self._scan(scan.symbol)

    def _ask(self, scan: Scan, make: Callable[[int], VenueRequest], take: Callable[[VenueReply], None]) -> None:
        def done(reply: VenueReply) -> None:
            take(reply)
            self._step(scan)

        self.arm.fetch(make, Priority.QUERY, done, lambda failure: self._end(scan, failure), RETRIES)

    def _open(self, scan: Scan) -> None:
        if all(search.order is not None for search in scan.searches):
            self._step(scan)
        else:
            self._ask(scan, lambda number: FetchOpenOrders(number, scan.symbol), _among(scan))

    def _recent(self, scan: Scan) -> None:
        if all(search.order is not None for search in scan.searches):
            self._step(scan)
        elif not self.arm.capabilities.recent_orders:
            for search in scan.searches:
                search.scanned = search.scanned and search.order is not None
            self._step(scan)
        else:
            since_ms = scan.since_ms
            self._ask(scan, lambda number: FetchRecentOrders(number, scan.symbol, since_ms), _among(scan))

    def _trades(self, scan: Scan) -> None:
        if not self.arm.capabilities.own_trades:
            for search in scan.searches:
                search.scanned = False
            self._step(scan)
            return
        since_ms = scan.since_ms

        def take(reply: VenueReply) -> None:
            if isinstance(reply, TradesFetched):
                for search in scan.searches:
                    _take_trades(search, reply)

        self._ask(scan, lambda number: FetchMyTrades(number, scan.symbol, since_ms), take)

    def _answer(self, search: Search, failure: Failure | None) -> None:
        arm = self.arm
        unbroken = arm.live and arm.private_epoch == search.private_epoch
        counts = failure is None and unbroken and search.scanned and arm.capabilities.look_up_counts
        arm.tell_orders(
            LookUpDone(
                client_id=search.request.client_id,
                order=search.order,
                trades=tuple(search.trades.values()),
                counts=counts,
                venue_ms=arm.venue_ms,
                failure=failure,
            )
        )


def _found(search: Search, order: VenueOrder) -> None:
    request = search.request
    by_client_id = order.client_id == request.client_id
    by_venue_id = request.venue_id is not None and order.venue_id == request.venue_id
    if by_client_id or by_venue_id:
        search.order = order


def _among(scan: Scan) -> Callable[[VenueReply], None]:
    unfound = [search for search in scan.searches if search.order is None]

    def take(reply: VenueReply) -> None:
        if isinstance(reply, OrdersFetched):
            for search in unfound:
                for order in reply.orders:
                    _found(search, order)

    return take


def _take_trades(search: Search, reply: TradesFetched) -> None:
    request = search.request
    venue_id = search.order.venue_id if search.order is not None else request.venue_id
    for trade in reply.trades:
        ours = trade.client_id == request.client_id
        if ours or (venue_id is not None and trade.venue_order_id == venue_id):
            search.trades[trade.trade_id] = trade
