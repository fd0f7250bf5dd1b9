"""Where a mode stands: reconciled or not, its book, funds and open orders, and the facts it has not been told yet.

Pure: `ModeActor` feeds it every message and asks what the mode may be told now. It keeps three promises: no fact is
told twice, none is lost while the mode can't decide, and nothing is told before the account is reconciled and the
book is whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from ganglion.messages.account import Funds, Resume
from ganglion.messages.market import Market, TopOfBook
from ganglion.messages.orders import Fill, OrderUpdate
from ganglion.messages.trading import TradingState
from ganglion.messages.values import EXACT, ZERO

OrderFact: TypeAlias = OrderUpdate | Fill
"""What an account says about a mode's orders."""


class Standing:
    """The mode's own picture; the truth is the portfolio's, and each Resume replaces it."""

    def __init__(self, *, clears_first: bool) -> None:
        """Start unreconciled. `clears_first`: cancel what the last incarnation left before deciding anything."""
        self.market: Market | None = None
        self.funds: Funds | None = None
        self.top: TopOfBook | None = None
        self.epoch = 0
        self.reducing = False
        """Only sells of what it holds pass."""
        self.draining = ""
        """Why nothing is decided any more, for good; empty until the bot stops."""
        self.obstacle = "not reconciled yet"
        """Why the account does not allow decisions; empty where it does."""
        self._told = 0
        """The last fact that the mode has heard."""
        self.resumption: Resume | None = None
        """A Resume that the mode has not been told yet."""
        self._orders: dict[str, OrderUpdate] = {}
        self._held: deque[OrderFact] = deque()
        self._saved_as_of = 0
        """The last fact that the state which the mode started from contains."""
        self._taken: set[int] = set()
        """The fills since then that the mode was told or will be, by sequence."""
        self._first = True
        self._clears_first = clears_first

    # -------------------------------------------------------------- what it answers

    @property
    def ready(self) -> bool:
        """True where the mode may decide: reconciled, told so, nothing left to clear, and a whole book."""
        return self.top is not None and not self.obstacle and self.resumption is None

    @property
    def live(self) -> bool:
        """True from the Resume that the mode was told until the next obstacle."""
        return not self.obstacle and self.resumption is None

    @property
    def nothing_waits(self) -> bool:
        """True where the mode may decide and has been told everything: what is true nearly always."""
        return self.top is not None and not self._held and not self.obstacle and self.resumption is None

    @property
    def clearing(self) -> bool:
        """True while orders of the last incarnation are still to be cancelled."""
        return self._first and self._clears_first and self.resumption is not None and bool(self._orders)

    @property
    def resumable(self) -> bool:
        """True where a Resume waits and everything is there to tell it."""
        waits = self.resumption is not None and not self.obstacle
        return waits and self.top is not None and not self.clearing

    @property
    def told(self) -> int:
        """The last fact up to which the mode has heard everything: what a state that it saves now contains."""
        return min(self._told, self._held[0].sequence - 1) if self._held else self._told

    @property
    def orders(self) -> tuple[OrderUpdate, ...]:
        """Its orders that are not terminal, oldest first, those included that were only just decided."""
        return tuple(self._orders.values())

    # -------------------------------------------------------------- what it hears

    def resume(self, message: Resume) -> None:
        """Take the portfolio's word for everything; keep what the mode has not been told."""
        listed = {update.intent_id: update for update in message.open_orders}
        if message.epoch == self.epoch:
            # What was decided in this very epoch may still be on its way: it is answered yet, listed or not.
            listed |= {key: order for key, order in self._orders.items() if not order.sequence and key not in listed}
        self.market, self.funds, self.epoch = message.market, message.funds, message.epoch
        self.reducing = message.state is TradingState.REDUCING
        self.obstacle = self.draining
        self._orders = listed
        if self._first:
            # A new incarnation knows nothing: what came before is in the Resume, as facts to go on from.
            self._held.clear()
            self._taken.clear()
            self._saved_as_of = message.saved_as_of
        new = self._untold(sorted(message.fills_since, key=lambda fill: fill.sequence))
        if self._first:
            message = msgspec.structs.replace(message, fills_since=tuple(new))
        else:
            self._held = deque(sorted((*self._held, *new), key=lambda fact: fact.sequence))
        self.resumption = message

    def take_resumption(self) -> Resume:
        """Hand out the waiting Resume for the mode; of a later one the fills come as facts, each once."""
        if self.resumption is None:
            raise RuntimeError("take_resumption: no Resume waits; ask `resumable` first")
        message, self.resumption = self.resumption, None
        fills = message.fills_since if self._first else ()
        if self._first:
            # Fills of orders that were being cleared belong to what the mode starts from.
            fills += tuple(fact for fact in self._held if isinstance(fact, Fill))
            self._held.clear()
            # Where nothing of it is open or was filled since, that says nothing of what the saved state contains.
            self._told = message.as_of
        self._first = False
        known = [fill.sequence for fill in fills] + [order.sequence for order in self.orders]
        self._told = max([self._told, *known])
        return msgspec.structs.replace(message, open_orders=self.orders, fills_since=fills)

    def suspend(self, reason: str) -> None:
        """Note that the account allows no decision."""
        self.obstacle = self.draining or reason

    def drain(self, reason: str) -> None:
        """Note that nothing is decided any more, whatever comes."""
        self.draining = self.obstacle = reason

    def decided(self, update: OrderUpdate) -> None:
        """Count an order from the moment it is decided, so that no second one takes its place."""
        self._orders[update.intent_id] = update

    def denied(self, intent_id: str) -> bool:
        """Forget an order that nothing is known of; True if it was one that was only just decided."""
        order = self._orders.pop(intent_id, None)
        return order is not None and not order.sequence

    def order(self, update: OrderUpdate) -> bool:
        """Take an order's new state; False where it is older than what is known."""
        known = self._orders.get(update.intent_id)
        if known is not None and update.sequence < known.sequence:
            return False
        if update.state.terminal:
            self._orders.pop(update.intent_id, None)
        else:
            self._orders[update.intent_id] = update
        self._held.append(update)
        return True

    def fill(self, fill: Fill) -> bool:
        """Take a fill; False where there is nothing in it that was not taken before."""
        new = self._untold((fill,))
        self._held.extend(new)
        return bool(new)

    def _untold(self, fills: Iterable[Fill]) -> list[Fill]:
        """What of these fills is new: all of one, what no other one has told of it before, or nothing."""
        new: list[Fill] = []
        for fill in fills:
            if self._contained(fill.sequence):
                continue
            self._taken.add(fill.sequence)
            amount = fill.amount
            for told, sequences in fill.told_as:
                if any(map(self._contained, sequences)):
                    amount = EXACT.subtract(amount, told)
            if amount > ZERO:
                new.append(fill if amount == fill.amount else msgspec.structs.replace(fill, amount=amount))
        return new

    def _contained(self, sequence: int) -> bool:
        """Whether the mode knows this fill: by the state that it started from, or because it was told."""
        return sequence <= self._saved_as_of or sequence in self._taken

    def next_fact(self) -> OrderFact | None:
        """The oldest fact that the mode was not told, once it may decide on it."""
        if not self._held or not self.ready:
            return None
        fact = self._held.popleft()
        self._told = max(self._told, fact.sequence)
        return fact
