"""What a mode works with: it makes intents of decisions and sends them to the portfolio.

Made by `ModeActor` for each incarnation; it reads the mode's standing and changes it by what was decided. What can't
be sent is answered to the mode as OrderDenied, on the same way as the portfolio's own refusals.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol, TypeAlias, TypeVar

import msgspec
from structlog.typing import FilteringBoundLogger

from ganglion.actors.modes.amounts import (
    AmountText,
    PriceText,
    base_amount,
    exact_mid,
    limit_price,
    worst_price,
)
from ganglion.actors.modes.mode import ModeConfig, OnRestart, TradingMode
from ganglion.actors.modes.standing import Standing
from ganglion.messages.account import Funds, ResumeRequest, SaveState
from ganglion.messages.market import Candle, Market, TopOfBook, TradeTick
from ganglion.messages.orders import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    DenyReason,
    Fill,
    Intent,
    OrderDenied,
    OrderState,
    OrderUpdate,
    PlaceOrder,
)
from ganglion.messages.values import OrderType, Side, Symbol, TimeInForce
from ganglion.supervision import Address, Clock, Ids

PortfolioCommand: TypeAlias = PlaceOrder | CancelOrder | AmendOrder | CancelAll | ResumeRequest | SaveState
"""What a mode says to its portfolio."""

Cause: TypeAlias = str | TopOfBook | TradeTick | Candle | OrderUpdate | Fill
"""What a mode is told, as an id or as the message that has it: most of them are never asked for theirs."""

CANDLES_KEPT = 1_000
T = TypeVar("T")


def cause_of(cause: Cause) -> str:
    """The causation id of what is decided on it."""
    if isinstance(cause, str):
        return cause
    if isinstance(cause, TopOfBook):
        return f"book:{cause.sequence}"
    if isinstance(cause, Fill):
        return f"trade:{cause.trade_id}"
    if isinstance(cause, OrderUpdate):
        return f"order:{cause.intent_id}"
    return f"tick:{cause.trade_id}" if isinstance(cause, TradeTick) else f"candle:{cause.timeframe}:{cause.open_ms}"


class ModeSetup(msgspec.Struct, frozen=True):
    """Which mode this is and where it trades; the same in every incarnation."""

    name: str
    """Its name in the configuration."""
    kind: type[TradingMode[ModeConfig]]
    config: ModeConfig
    account: str
    """The exchange's name in the configuration."""
    symbol: Symbol
    on_restart: OnRestart | None = None
    """None is the mode's own."""
    book_max_age_s: float = 5.0
    """Best prices that took longer than this to arrive are not decided on (a book's own age its actor watches)."""


class Seams(Protocol):
    """What a desk needs of its actor."""

    @property
    def clock(self) -> Clock:
        """What time it is."""

    @property
    def ids(self) -> Ids:
        """Where intent ids come from."""

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger bound to the actor's path."""


class DeniedHereError(Exception):
    """A decision that is not worth sending; becomes an OrderDenied."""

    def __init__(self, reason: DenyReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class WorkingDesk:
    """The `Desk` of one incarnation of a mode."""

    def __init__(
        self,
        setup: ModeSetup,
        standing: Standing,
        portfolio: Address[PortfolioCommand],
        seams: Seams,
        deny: Callable[[OrderDenied], None],
        set_timer: Callable[[str, float], None],
    ) -> None:
        self._setup = setup
        self._standing = standing
        self._portfolio = portfolio
        self._seams = seams
        self._deny = deny
        self._set_timer = set_timer
        self.candle_ring: deque[Candle] = deque(maxlen=CANDLES_KEPT)
        self.heard: Cause = "start"
        """What the mode is told; whoever calls a hook sets it, and has `send` called after it."""
        self._correlation = ""
        """Shared by all that one hook decides; empty until it is asked for."""
        self._decisions: list[PortfolioCommand] = []
        """Of the running hook, in its order."""
        self._state: SaveState | None = None
        """What the running hook saved last."""

    @property
    def cause(self) -> str:
        """What the mode is being told: the causation id of what it decides on it."""
        return cause_of(self.heard)

    # -------------------------------------------------------------- what a mode looks at

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._setup.name

    @property
    def account(self) -> str:
        """The exchange's name."""
        return self._setup.account

    @property
    def symbol(self) -> Symbol:
        """Its market."""
        return self._setup.symbol

    @property
    def log(self) -> FilteringBoundLogger:
        """The actor's logger."""
        return self._seams.log

    @property
    def live(self) -> bool:
        """True between Resume and Suspend."""
        return self._standing.live

    @property
    def reducing(self) -> bool:
        """Only sells of what the mode holds pass."""
        return self._standing.reducing

    @property
    def market(self) -> Market:
        """The market's steps and fees."""
        return self._known(self._standing.market, "market")

    @property
    def funds(self) -> Funds:
        """The mode's capital."""
        return self._known(self._standing.funds, "funds")

    @property
    def top(self) -> TopOfBook:
        """Best bid and ask."""
        return self._known(self._standing.top, "top")

    @property
    def open_orders(self) -> tuple[OrderUpdate, ...]:
        """Orders that are not terminal."""
        return self._standing.orders

    @property
    def candles(self) -> tuple[Candle, ...]:
        """Closed candles, oldest first."""
        return tuple(self.candle_ring)

    def now_s(self) -> float:
        """Seconds by the system's monotonic clock."""
        return self._seams.clock.monotonic_s()

    # -------------------------------------------------------------- what a mode does

    def place(
        self,
        side: Side,
        amount: AmountText,
        price: PriceText | None,
        *,
        replaces: str | None,
        post_only: bool,
        time_in_force: TimeInForce,
        reason: str,
    ) -> str:
        """Make an intent and send it; what can't be sent is denied. Returns the intent id either way."""
        intent_id = self._seams.ids.token()
        try:
            intent = self._intent(intent_id, side, amount, price, post_only, time_in_force, reason)
        except DeniedHereError as error:
            self._deny(self._denied(intent_id, error.reason, str(error)))
            return intent_id
        self._standing.decided(self._decided(intent))
        if replaces is None:
            self._decisions.append(PlaceOrder(intent=intent))
        else:
            self._decisions.append(AmendOrder(intent_id=replaces, intent=intent))
        return intent_id

    def cancel(self, intent_id: str, reason: str) -> None:
        """Cancel one order; allowed at any time."""
        self._decisions.append(
            CancelOrder(intent_id=intent_id, mode=self.name, reason=reason, correlation_id=self._correlate())
        )

    def cancel_all(self, reason: str) -> None:
        """Cancel every order of this mode; allowed at any time."""
        self._decisions.append(CancelAll(mode=self.name, reason=reason))

    def save(self, state: bytes) -> None:
        """Send the mode's state on its way to the journal."""
        self._state = SaveState(mode=self.name, state=state, sequence=self._standing.told)

    def timer(self, key: str, seconds: float) -> None:
        """Set a timer."""
        self._set_timer(key, seconds)

    # -------------------------------------------------------------- after each hook

    def send(self) -> None:
        """Send what the hook decided, its state first.

        The journal keeps that order. Killed in between, the state names orders that never were, which do no harm; the
        other way round a fill of an order that the state does not know would be forgotten, and decided again.
        """
        self._correlation = ""
        if not self._decisions and self._state is None:
            return
        state, self._state = self._state, None
        if state is not None:
            self._portfolio.tell(state)
        decisions, self._decisions = self._decisions, []
        for decision in decisions:
            self._portfolio.tell(decision)

    def drop(self) -> None:
        """Forget what a hook that raised has decided, for its state was not saved; only its cancels are sent."""
        self._state = None
        self._decisions = [known for known in self._decisions if isinstance(known, CancelOrder | CancelAll)]
        self.send()

    # -------------------------------------------------------------- inside

    def _intent(
        self,
        intent_id: str,
        side: Side,
        amount: AmountText,
        price: PriceText | None,
        post_only: bool,  # noqa: FBT001 - forwarded
        time_in_force: TimeInForce,
        reason: str,
    ) -> Intent:
        top, market, cause = self._whole_book(), self.market, self.cause
        limit = self._price(side, price, top)
        amount_base = base_amount(amount, side=side, price=limit, funds=self.funds, market=market)
        if amount_base <= 0:
            text = f"{amount!r} of {self.symbol} at {limit} is less than one step of {market.amount_step}"
            raise DeniedHereError(DenyReason.BELOW_MINIMUM, f"{text}; raise the amount or the mode's funds")
        return Intent(
            intent_id=intent_id,
            account=self.account,
            mode=self.name,
            symbol=self.symbol,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            amount=amount_base,
            price=limit,
            time_in_force=time_in_force,
            post_only=post_only,
            epoch=self._standing.epoch,
            deadline_s=self.now_s() + self._setup.kind.deadline_s,
            reason=reason or cause,
            correlation_id=self._correlate(),
            causation_id=cause,
        )

    def _price(self, side: Side, price: PriceText | None, top: TopOfBook) -> Decimal:
        if price is not None:
            return limit_price(price, side=side, mid=exact_mid(top), market=self.market)
        touch = top.ask if side is Side.BUY else top.bid
        return worst_price(side, touch, self._setup.kind.slippage_pct, self.market.price_step)

    def _whole_book(self) -> TopOfBook:
        standing = self._standing
        if not standing.live:
            why = standing.obstacle or "not resumed yet"
            raise DeniedHereError(DenyReason.NOT_RECONCILED, f"nothing can be placed now: {why}")
        if standing.top is None:
            raise DeniedHereError(DenyReason.STALE_BOOK, f"no whole book of {self.symbol} now")
        return standing.top

    def _correlate(self) -> str:
        if not self._correlation:
            self._correlation = self._seams.ids.token()
        return self._correlation

    def _decided(self, intent: Intent) -> OrderUpdate:
        # In the order of its fields: above 15 names Python makes a dict of them first, six times as dear.
        return OrderUpdate(
            intent.intent_id,
            intent.account,
            intent.mode,
            "",
            None,
            intent.symbol,
            intent.side,
            intent.type,
            intent.price,
            intent.amount,
            OrderState.INTENDED,
            Decimal(0),
            intent.reason,
            0,
            intent.correlation_id,
            intent.causation_id,
        )

    def _denied(self, intent_id: str, reason: DenyReason, text: str) -> OrderDenied:
        return OrderDenied(
            intent_id=intent_id,
            account=self.account,
            mode=self.name,
            deny_reason=reason,
            text=text,
            correlation_id=self._correlate(),
        )

    def _known(self, value: T | None, what: str) -> T:
        if value is None:
            raise RuntimeError(f"{self.name}: `{what}` is not known yet; use it from on_resume on")
        return value
