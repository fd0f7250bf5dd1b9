"""The venue behind every wire protocol: engine, seeded flow, tape, ledger, and who hears of what.

A dialect (`dialects/`) translates requests into `place` and `cancel` and listens for events; `server.py` calls `tick`.
Every command's facts go, in this order, to the tape, to the ledger on disk, and to the listeners: what a client has
been told is therefore in the ledger. One thread (the server's loop) owns all of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from ganglion.messages.values import ZERO
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.clearing import FEES
from ganglion.simulation.venue.engine import Engine
from ganglion.simulation.venue.events import Accepted, Amended, Canceled, Event, Expired, Fill
from ganglion.simulation.venue.flow import FLOW_ACCOUNTS, Flow
from ganglion.simulation.venue.ledger import Commit, Counters, Hidden, LedgerFile, Opened, Started, order_row, replay
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.orders import NewOrder, Order, OrderStatus
from ganglion.simulation.venue.settings import AccountSettings, VenueSettings, opening_balances
from ganglion.simulation.venue.tape import Tape

Listener = Callable[[list[Event]], None]

_COUNTERS_EVERY = 100_000
_FIRST_STEP_S = 0.1
_MAX_STEP_S = 1.0
"""A venue that was suspended does not make up for the lost time at once."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An order as its owner may see it: without the fills that a fault hides."""

    filled: Decimal
    quote_filled: Decimal
    status: OrderStatus


class Venue:
    """One running venue.

    Args:
        settings: what it trades and who has an account.
        clock: milliseconds since 1970; read once per command.

    Raises:
        StateError: when the state folder cannot be used.
        MarketError: for a symbol that is none.
    """

    def __init__(self, settings: VenueSettings, clock: Callable[[], int]) -> None:
        self.settings = settings
        self._clock = clock
        self.skew_ms = 0
        """Added to the venue's clock by the control endpoint."""
        self.listeners: list[Listener] = []
        self.started_ms = clock()
        markets = settings.markets()
        self.engine = self._make_engine(markets)
        self.by_wire_id = {market.wire_id: market for market in markets}
        self.secrets = {account.key: account.secret for account in settings.accounts}
        self.hidden: set[tuple[str, str, int]] = set()
        """Fills hidden by a fault, as (account, symbol, trade id)."""
        self._hide_next: dict[str, int] = {}
        self._ledger = None if settings.state is None else LedgerFile(settings.state)
        self._logged_ids: dict[str, int] = {}
        self._open()
        self.flow = Flow(self.engine, settings.seed, settings.flow)
        self._fund()
        self._stepped_ms = self.started_ms
        if settings.tick_ms:
            self.flow.step(self.now_ms(), _FIRST_STEP_S, self._publish)

    # --- life

    def _make_engine(self, markets: list[Market]) -> Engine:
        return Engine(markets)

    def _open(self) -> None:
        records = [] if self._ledger is None else self._ledger.records
        first = next((record for record in records if isinstance(record, Started)), None)
        if first is None:
            first = Started(self.started_ms, self.settings.seed)
            self._log(first)
        self.tapes = {
            symbol: Tape(market, first.seed, first.start_ms) for symbol, market in self.engine.markets.items()
        }
        for book in self.engine.books.values():
            # far beyond anything an earlier life of this venue can have sent
            book.update_id = self.started_ms * 10
        for hidden in replay(records, self.engine, self.tapes):
            self._hide(hidden.account, hidden.symbol, hidden.trade_id)

    def _fund(self) -> None:
        for account in self.settings.accounts:
            self.add_account(account)
        for name, deposits in self.flow.fund().items():
            self._log(Opened(name, deposits, keeps_history=False))

    def add_account(self, account: AccountSettings) -> None:
        """Open an account with its balances, unless it is there already."""
        if account.key in self.engine.accounts:
            return
        balances = opening_balances(account, list(self.engine.markets.values()))
        self.engine.open_account(account.key)
        for asset, amount in balances.items():
            self.engine.deposit(account.key, asset, amount)
        self._log(Opened(account.key, {a: str(v) for a, v in balances.items()}, keeps_history=True))

    def close(self) -> None:
        """Let go of the ledger."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def now_ms(self) -> int:
        """The venue's own time."""
        return self._clock() + self.skew_ms

    # --- commands

    def place(self, command: NewOrder) -> list[Event]:
        """Place an order and tell everybody; its events."""
        events = self.engine.place(command, self.now_ms())
        self._publish(events)
        return events

    def cancel(
        self,
        account: str,
        symbol: str,
        *,
        order_id: int | None = None,
        client_id: str = "",
        cancel_id: str = "",
    ) -> list[Event]:
        """Cancel an order and tell everybody; its events."""
        events = self.engine.cancel(
            account,
            symbol,
            self.now_ms(),
            order_id=order_id,
            client_id=client_id,
            cancel_id=cancel_id,
        )
        self._publish(events)
        return events

    def hit(self, account: str, symbol: str, order_id: int, quantity: Decimal, taker: str) -> list[Event]:
        """Let a taker trade with one resting order at its price, whatever stands before it; tell everybody."""
        events = self.engine.hit(account, symbol, order_id, quantity, taker, self.now_ms())
        self._publish(events)
        return events

    def amend(
        self,
        account: str,
        symbol: str,
        order_id: int,
        *,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        post_only: bool = False,
    ) -> list[Event]:
        """Change an open order in place and tell everybody; the events."""
        now_ms = self.now_ms()
        events = self.engine.amend(
            account, symbol, order_id, now_ms, quantity=quantity, price=price, post_only=post_only
        )
        self._publish(events)
        return events

    def expire_due(self) -> None:
        """End the customers' orders whose own time is over."""
        now_ms = self.now_ms()
        for account in self.customers:
            for events in self.engine.expire_due(account, now_ms):
                self._publish(events)

    def tick(self) -> None:
        """Let the seeded flow act for the time since the last tick."""
        now_ms = self.now_ms()
        elapsed_s = min(max(now_ms - self._stepped_ms, 1) / 1000, _MAX_STEP_S)
        self._stepped_ms = now_ms
        self.flow.step(now_ms, elapsed_s, self._publish)
        self._log_counters()

    # --- what an owner may see

    def hide_next_fill(self, account: str, times: int = 1) -> None:
        """Hide the account's next fills from everything it can read except its balances."""
        self._hide_next[account] = self._hide_next.get(account, 0) + times

    def seen(self, order: Order) -> Seen:
        """The order as its owner may see it now."""
        base, quote = self.hidden_amounts(order)
        status = order.status
        if base and status is OrderStatus.FILLED:
            status = OrderStatus.CANCELED
        elif base and status is OrderStatus.PARTIALLY_FILLED and order.filled == base:
            status = OrderStatus.NEW
        return Seen(order.filled - base, order.quote_filled - quote, status)

    def hidden_amounts(self, order: Order, until_id: int | None = None) -> tuple[Decimal, Decimal]:
        """Base and quote of the order's hidden fills, up to a trade id if one is given."""
        base = quote = ZERO
        name = order.account.name
        for account, symbol, trade_id in self.hidden:
            if account != name or symbol != order.symbol or (until_id is not None and trade_id > until_id):
                continue
            fills = order.account.fills.get(symbol, [])
            fill = fills[bisect_left(fills, trade_id, key=_trade_id)]
            own = fill.taker_order_id if fill.taker_account == name else fill.maker_order_id
            if own == order.id:
                base += fill.quantity
                quote += fill.quote
        return base, quote

    def is_hidden(self, account: str, fill: Fill) -> bool:
        """Whether a fault hides this fill from this account."""
        return (account, fill.symbol, fill.trade_id) in self.hidden

    def seen_fills(self, account: Account, symbol: str) -> list[Fill]:
        """The account's fills on a symbol, oldest first, without the hidden ones."""
        fills = account.fills.get(symbol, [])
        if not self.hidden:
            return fills
        return [fill for fill in fills if not self.is_hidden(account.name, fill)]

    # --- telling

    def _publish(self, events: list[Event]) -> None:
        if self._ledger is None:
            for event in events:
                if type(event) is Fill:
                    self.tapes[event.symbol].add(event)
                    if self._hide_next:
                        self._hide_fill(event)
        else:
            self._publish_logged(events)
        for listener in self.listeners:
            listener(events)

    def _publish_logged(self, events: list[Event]) -> None:
        fills: list[Fill] = []
        touched: dict[tuple[str, int], Order] = {}
        for event in events:
            if isinstance(event, Fill):
                fills.append(event)
                self.tapes[event.symbol].add(event)
                self._touch(event.taker_account, event.symbol, event.taker_order_id, touched)
                self._touch(event.maker_account, event.symbol, event.maker_order_id, touched)
                if self._hide_next:
                    self._hide_fill(event)
            elif isinstance(event, Accepted | Amended | Canceled | Expired):
                self._touch(event.account, event.symbol, event.order_id, touched)
        if fills or touched:
            self._log(Commit(fills, [order_row(order) for order in touched.values()]))

    def _touch(self, account: str, symbol: str, order_id: int, touched: dict[tuple[str, int], Order]) -> None:
        order = self.engine.accounts[account].orders.get((symbol, order_id))
        if order is not None:
            touched[symbol, order_id] = order

    def _hide_fill(self, fill: Fill) -> None:
        for account in (fill.taker_account, fill.maker_account):
            left = self._hide_next.get(account, 0)
            if left:
                self._hide(account, fill.symbol, fill.trade_id)
                self._log(Hidden(account, fill.symbol, fill.trade_id))
                self._hide_next[account] = left - 1
                if left == 1:
                    del self._hide_next[account]

    def _hide(self, account: str, symbol: str, trade_id: int) -> None:
        self.hidden.add((account, symbol, trade_id))

    def _log(self, record: Started | Opened | Commit | Counters | Hidden) -> None:
        if self._ledger is not None:
            self._ledger.append(record)

    def _log_counters(self) -> None:
        if self._ledger is None:
            return
        ids = self.engine.next_order_id
        if any(ids[symbol] - self._logged_ids.get(symbol, 0) > _COUNTERS_EVERY for symbol in ids):
            self._logged_ids = dict(ids)
            self._log(Counters(dict(ids)))

    @property
    def customers(self) -> list[Account]:
        """Accounts that are neither the flow's nor the fee account."""
        return [a for name, a in self.engine.accounts.items() if name not in FLOW_ACCOUNTS and name != FEES]


def _trade_id(fill: Fill) -> int:
    return fill.trade_id
