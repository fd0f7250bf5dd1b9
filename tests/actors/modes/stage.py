"""A mode alone on a stage: a simulated system, and a probe where its portfolio would be.

The test plays the portfolio: it answers orders by `accept`, `fill`, `end`, and takes the account away and back.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import msgspec

from ganglion.actors.modes import ModeActor, ModeConfig, ModeSetup, TradingMode
from ganglion.messages.account import Funds, Resume, ResumeRequest, SaveState, Suspend
from ganglion.messages.market import BookInvalid, Market
from ganglion.messages.orders import (
    CancelAll,
    CancelOrder,
    Fill,
    Intent,
    OrderState,
    OrderUpdate,
    PlaceOrder,
)
from ganglion.messages.trading import TradingState
from ganglion.messages.values import Liquidity, Side
from ganglion.supervision import Backoff, ChildSpec, Supervisor, System
from tests.actors.modes.samples import ACCOUNT, SYMBOL, funds, market, top


class Stage:
    """One mode, its portfolio played by the test."""

    def __init__(
        self,
        kind: type[TradingMode],
        config: ModeConfig | None = None,
        *,
        on_restart: str | None = None,
        own_market: Market | None = None,
        own_funds: Funds | None = None,
    ) -> None:
        self.system = System(dispatcher="simulated", seed=1)
        self.portfolio = self.system.probe("portfolio")
        self.market = own_market or market()
        self.funds = own_funds or funds()
        self.epoch = 0
        self.sequence = 0
        self.open: dict[str, OrderUpdate] = {}
        self.fills: list[Fill] = []
        self.trades = Counter[str]()
        self.updates: list[OrderUpdate] = []
        setup = ModeSetup(
            name="mode",
            kind=kind,
            config=config or kind.Config(),
            account=ACCOUNT,
            symbol=SYMBOL,
            on_restart=on_restart,
        )
        spec = ChildSpec("mode", lambda: ModeActor(setup, self.portfolio.address))
        self.system.spawn(ChildSpec("modes", lambda: Supervisor([spec], backoff=Backoff(base_s=0.001, cap_s=0.001))))
        self.path = "/modes/mode"
        self.address = self.system.address(self.path)
        self.system.run_until_idle()

    # -------------------------------------------------------------- what the mode said

    @property
    def intents(self) -> list[Intent]:
        """Every order it decided, oldest first."""
        return [message.intent for message in self.portfolio.of(PlaceOrder)]

    @property
    def cancels(self) -> list[str]:
        """Every order it cancelled, oldest first."""
        return [message.intent_id for message in self.portfolio.of(CancelOrder)]

    @property
    def requests(self) -> int:
        """How often it asked to be resumed."""
        return len(self.portfolio.of(ResumeRequest))

    @property
    def cancel_alls(self) -> int:
        """How often it cancelled everything."""
        return len(self.portfolio.of(CancelAll))

    @property
    def saved(self) -> SaveState | None:
        """The state that it saved last."""
        states = self.portfolio.of(SaveState)
        return states[-1] if states else None

    def last(self, count: int = 1) -> list[Intent]:
        """The newest decisions."""
        return self.intents[-count:]

    # -------------------------------------------------------------- the test as portfolio and book

    def tell(self, message: object) -> None:
        """Tell the mode something, and let it act."""
        self.address.tell(message)
        self.system.run_until_idle()

    def book(self, bid: float = 49_995.0, ask: float = 50_005.0, *, late_s: float = 0.0) -> None:
        """Best prices, now."""
        now_s = self.system.clock.monotonic_s()
        self.sequence += 1
        self.tell(top(bid, ask, sequence=self.sequence, at_s=now_s - late_s))

    def blind(self, reason: str = "gap: test") -> None:
        """The book is not whole."""
        self.tell(BookInvalid(ACCOUNT, SYMBOL, reason))

    def resume(
        self,
        reason: str = "start",
        *,
        saved_state: bytes | None = None,
        saved_at: int = 0,
        state: TradingState = TradingState.ACTIVE,
    ) -> None:
        """Reconciled: the mode may go on."""
        self.epoch += 1
        saved = self.saved
        self.tell(
            Resume(
                mode="mode",
                account=ACCOUNT,
                epoch=self.epoch,
                market=self.market,
                funds=self.funds,
                open_orders=tuple(self.open.values()),
                fills_since=tuple(f for f in self.fills if f.sequence > (saved.sequence if saved else saved_at)),
                saved_state=saved.state if saved else saved_state,
                saved_as_of=saved.sequence if saved else saved_at,
                reason=reason,
                state=state,
                as_of=self.sequence,
            )
        )

    def start(self) -> None:
        """A whole book and a reconciled account."""
        self.book()
        self.resume()

    def suspend(self, reason: str = "disconnected") -> None:
        """The account is not reconciled."""
        self.tell(Suspend(account=ACCOUNT, reason=reason))

    def crash(self) -> None:
        """The mode's actor fails and is restarted."""
        self.system.fail(self.path, "test")
        self.system.run_for(0.1)

    def accept(self, *intents: Intent) -> None:
        """The venue has these orders."""
        for intent in intents:
            self._update(_of(intent), OrderState.ACCEPTED, Decimal(0))

    def accept_all(self) -> None:
        """The venue has all that was decided and not answered yet."""
        answered = {update.intent_id for update in self.updates}
        self.accept(*[intent for intent in self.intents if intent.intent_id not in answered])

    def end(self, intent_id: str, state: OrderState = OrderState.CANCELED) -> None:
        """An order ended without (further) fills."""
        known = self.open[intent_id]
        self._update(known, state, known.filled)

    def fill(self, intent: Intent, amount: Decimal | None = None, *, tell: bool = True) -> Fill:
        """An order was filled, all of the rest unless said otherwise; the fill is told first, then the state."""
        known = self.open[intent.intent_id]
        amount = amount or known.remaining
        filled = known.filled + amount
        self.sequence += 1
        self.trades["made"] += 1
        fill = Fill(
            account=ACCOUNT,
            symbol=SYMBOL,
            trade_id=str(self.trades["made"]),
            intent_id=intent.intent_id,
            mode="mode",
            client_id="c",
            side=intent.side,
            price=intent.price or Decimal(0),
            amount=amount,
            fee=Decimal(0),
            fee_asset="USDT",
            liquidity=Liquidity.MAKER,
            timestamp_ms=0,
            sequence=self.sequence,
        )
        self.fills.append(fill)
        if tell:
            self.tell(fill)
        state = OrderState.FILLED if filled == known.amount else OrderState.PARTIALLY_FILLED
        self._update(known, state, filled, tell=tell)
        return fill

    def _update(self, known: OrderUpdate, state: OrderState, filled: Decimal, *, tell: bool = True) -> None:
        self.sequence += 1
        update = msgspec.structs.replace(known, state=state, filled=filled, sequence=self.sequence)
        if state.terminal:
            self.open.pop(update.intent_id, None)
        else:
            self.open[update.intent_id] = update
        self.updates.append(update)
        if tell:
            self.tell(update)


def _of(intent: Intent) -> OrderUpdate:
    return OrderUpdate(
        intent_id=intent.intent_id,
        account=intent.account,
        mode=intent.mode,
        client_id="c" + intent.intent_id[:6],
        venue_id="v" + intent.intent_id[:6],
        symbol=intent.symbol,
        side=intent.side,
        type=intent.type,
        price=intent.price,
        amount=intent.amount,
        state=OrderState.SUBMITTED,
        filled=Decimal(0),
        reason="",
        sequence=0,
    )


def exposure(intents: list[Intent]) -> Counter[tuple[Side, Decimal | None]]:
    """How many orders stand at each price."""
    return Counter((intent.side, intent.price) for intent in intents)
