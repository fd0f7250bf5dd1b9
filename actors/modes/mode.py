"""The class that a trading mode derives from: hooks to override, and `buy`, `sell`, `cancel`, `save`, `timer`.

A mode knows nothing of actors. `ModeActor` hosts it and calls one hook at a time; in every hook but `on_start`,
`on_pause` and `on_denied` the account is reconciled and the book is whole, so that what a hook decides can be sent.
"""

from __future__ import annotations

import difflib
import typing
from decimal import Decimal
from typing import ClassVar, Generic, Literal, Protocol, TypeAlias, TypeVar

import msgspec
import pydantic
from structlog.typing import FilteringBoundLogger

from ganglion.actors.modes.amounts import AmountText, PriceText
from ganglion.actors.modes.written import as_written
from ganglion.messages.account import Funds, Resume
from ganglion.messages.market import Candle, Market, TopOfBook, TradeTick
from ganglion.messages.orders import Fill, OrderDenied, OrderUpdate
from ganglion.messages.values import Side, Symbol, TimeInForce

OnRestart: TypeAlias = Literal["adopt", "cancel"]
"""What becomes of the orders that an earlier incarnation left: go on with them, or cancel them first."""

S = TypeVar("S")

LARGEST_STATE = 1024 * 1024
"""Bytes of JSON that a mode may save: each save is a record in the journal."""


class ModeDefinitionError(TypeError):
    """A mode's class can't work as it is written."""


class SaveError(ValueError):
    """A state can't be saved: it is nothing that JSON is made of, or it is too large."""


class ModeConfig(pydantic.BaseModel):
    """Base of a mode's own settings; unknown keys are errors, money and percentages may be Decimal.

    Numbers and flags are taken as they are written: `levels = "3"` is an error, not a 3.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: object, info: pydantic.ValidationInfo) -> object:
        field = cls.model_fields.get(info.field_name or "")
        return value if field is None else as_written(value, info.field_name or "", field.annotation)


C = TypeVar("C", bound=ModeConfig)


class Desk(Protocol):
    """What its host gives a mode to work with; each means what the mode's own method or property of that name says."""

    @property
    def name(self) -> str: ...  # noqa: D102 - see above, for all of them
    @property
    def account(self) -> str: ...  # noqa: D102
    @property
    def symbol(self) -> Symbol: ...  # noqa: D102
    @property
    def log(self) -> FilteringBoundLogger: ...  # noqa: D102
    @property
    def live(self) -> bool: ...  # noqa: D102
    @property
    def reducing(self) -> bool: ...  # noqa: D102
    @property
    def market(self) -> Market: ...  # noqa: D102
    @property
    def funds(self) -> Funds: ...  # noqa: D102
    @property
    def top(self) -> TopOfBook: ...  # noqa: D102
    @property
    def open_orders(self) -> tuple[OrderUpdate, ...]: ...  # noqa: D102
    @property
    def candles(self) -> tuple[Candle, ...]: ...  # noqa: D102
    def now_s(self) -> float: ...  # noqa: D102
    def cancel(self, intent_id: str, reason: str) -> None: ...  # noqa: D102
    def cancel_all(self, reason: str) -> None: ...  # noqa: D102
    def save(self, state: bytes) -> None: ...  # noqa: D102
    def timer(self, key: str, seconds: float) -> None: ...  # noqa: D102
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
        """Send a decision on its way; `replaces` is the order that it takes the place of. Returns its intent id."""


class TradingMode(Generic[C]):
    """A trading mode: derive from `TradingMode[YourConfig]` and override the hooks you need.

    Class attributes say how it is hosted; the configuration can override `on_restart`.
    """

    Config: ClassVar[type[ModeConfig]] = ModeConfig
    """Its settings: taken from `TradingMode[YourConfig]`, or a nested `class Config(ModeConfig)`."""
    on_restart: ClassVar[OnRestart] = "adopt"
    deadline_s: ClassVar[float] = 5.0
    """How long an order may take to leave before it is answered OrderDenied(expired)."""
    slippage_pct: ClassVar[Decimal] = Decimal(1)
    """How far beyond the touch a market order reserves funds."""

    def __init__(self, config: C, desk: Desk) -> None:
        self.config = config
        self._desk = desk

    def __init_subclass__(cls, **options: object) -> None:
        """Read the config class out of `TradingMode[YourConfig]`, and refuse a hook that nobody would call.

        Raises:
            ModeDefinitionError: for a public method that begins with `on_` and is no hook.
        """
        super().__init_subclass__(**options)
        _check_hooks(cls)
        if "Config" in vars(cls):
            return
        for base in vars(cls).get("__orig_bases__", ()):
            for argument in typing.get_args(base):
                if isinstance(argument, type) and issubclass(argument, ModeConfig):
                    cls.Config = argument

    @classmethod
    def timeframes(cls, config: ModeConfig) -> tuple[str, ...]:
        """The candles it wants, in ccxt's spelling; by default those of a setting called `timeframe`."""
        timeframe = getattr(config, "timeframe", None)
        return (timeframe,) if isinstance(timeframe, str) else ()

    def most_orders(self) -> int | None:
        """How many orders it means to have open at once, those on their way out not counted; None: it does not say.

        The simulation holds it to that: a mode that came back and decided twice has more.
        """
        return None

    # -------------------------------------------------------------- hooks

    def on_start(self) -> None:
        """Before anything is known: set timers, prepare indicators. Orders are denied here."""

    def on_resume(self, resume: Resume) -> None:
        """Go on from the facts: open orders, saved state, and the fills since it was saved.

        Called once when the account is reconciled and the book is whole, and again after every interruption. Only the
        first call of an incarnation has `fills_since`; fills of a later interruption come to `on_fill`.
        """

    def on_book(self, top: TopOfBook) -> None:
        """Best bid and ask changed."""

    def on_trade(self, trade: TradeTick) -> None:
        """Somebody traded."""

    def on_candle(self, candle: Candle) -> None:
        """A candle closed; `self.candles` has it and those before it."""

    def on_fill(self, fill: Fill) -> None:
        """One of its orders was filled, in part or whole; told exactly once."""

    def on_order(self, update: OrderUpdate) -> None:
        """One of its orders changed its state."""

    def on_timer(self, key: str) -> None:
        """A timer came due; one that comes due while nothing can be decided waits."""

    def on_pause(self, reason: str) -> None:
        """Nothing can be decided until further notice: disconnected, halted, or the book is not whole."""

    def on_denied(self, denied: OrderDenied) -> None:
        """An order was refused before it was sent; the host has logged it and slows the decisions down."""

    # -------------------------------------------------------------- what it may do

    def buy(
        self,
        amount: AmountText,
        price: PriceText | None = None,
        *,
        post_only: bool = False,
        time_in_force: TimeInForce = TimeInForce.GTC,
        reason: str = "",
    ) -> str:
        """Buy `amount` at `price` (None is a market order) and return the order's intent id.

        Raises:
            AmountError, PriceError: for a text of no known form. What the market or the funds don't allow is told
                to `on_denied` instead.
        """
        return self._desk.place(
            Side.BUY,
            amount,
            price,
            replaces=None,
            post_only=post_only,
            time_in_force=time_in_force,
            reason=reason,
        )

    def sell(
        self,
        amount: AmountText,
        price: PriceText | None = None,
        *,
        post_only: bool = False,
        time_in_force: TimeInForce = TimeInForce.GTC,
        reason: str = "",
    ) -> str:
        """Sell, as `buy` buys."""
        return self._desk.place(
            Side.SELL,
            amount,
            price,
            replaces=None,
            post_only=post_only,
            time_in_force=time_in_force,
            reason=reason,
        )

    def amend(
        self, intent_id: str, amount: AmountText, price: PriceText, *, post_only: bool = False, reason: str = ""
    ) -> str:
        """Replace an open order: it is cancelled, then the new one is placed. Returns the new intent id.

        Raises:
            ValueError: where no order of that id is open.
        """
        order = self.order(intent_id)
        if order is None:
            raise ValueError(f"amend: {intent_id} is no open order of {self.name}; see open_orders")
        return self._desk.place(
            order.side,
            amount,
            price,
            replaces=intent_id,
            post_only=post_only,
            time_in_force=TimeInForce.GTC,
            reason=reason,
        )

    def cancel(self, intent_id: str, reason: str = "") -> None:
        """Cancel an order; `on_order` tells when it is gone (or was filled before)."""
        self._desk.cancel(intent_id, reason)

    def cancel_all(self, reason: str = "") -> None:
        """Cancel every open order of this mode."""
        self._desk.cancel_all(reason)

    def save(self, state: object) -> None:
        """Keep `state` (a struct, a dict, anything msgspec makes JSON of) for the next incarnation's `on_resume`.

        Raises:
            SaveError: where JSON can't be made of it, or it takes more than 1 MiB.
        """
        try:
            encoded = msgspec.json.encode(state)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            text = f"save: a {type(state).__name__} can't be saved: {error}"
            raise SaveError(f"{text}; save a msgspec.Struct, a dict, a list, text or numbers") from error
        if len(encoded) > LARGEST_STATE:
            text = f"save: the state takes {len(encoded)} bytes, and {LARGEST_STATE} are allowed"
            raise SaveError(f"{text}; save what can't be found again in the orders and fills of on_resume")
        self._desk.save(encoded)

    def restore(self, resume: Resume, kind: type[S]) -> S | None:
        """The state that was saved last, as `kind`; None if there is none.

        Raises:
            msgspec.ValidationError: where what was saved is not of this kind.
        """
        return None if resume.saved_state is None else msgspec.json.decode(resume.saved_state, type=kind)

    def timer(self, key: str, seconds: float) -> None:
        """Call `on_timer(key)` after `seconds`, once; a timer of the same key is replaced."""
        self._desk.timer(key, seconds)

    # -------------------------------------------------------------- what it may look at

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._desk.name

    @property
    def account(self) -> str:
        """The exchange's name in the configuration."""
        return self._desk.account

    @property
    def symbol(self) -> Symbol:
        """Its market."""
        return self._desk.symbol

    @property
    def live(self) -> bool:
        """True between Resume and Suspend."""
        return self._desk.live

    @property
    def reducing(self) -> bool:
        """True while an operator or a limit lets only sells of what it holds pass: a buy would be denied.

        `on_resume` is called when it changes.
        """
        return self._desk.reducing

    @property
    def top(self) -> TopOfBook:
        """Best bid and ask."""
        return self._desk.top

    @property
    def mid(self) -> float:
        """Halfway between best bid and best ask."""
        return self._desk.top.mid

    @property
    def funds(self) -> Funds:
        """Its own capital: what percentages are of."""
        return self._desk.funds

    @property
    def market(self) -> Market:
        """What the venue accepts: steps, minimums, fees."""
        return self._desk.market

    @property
    def open_orders(self) -> tuple[OrderUpdate, ...]:
        """Its orders that are not terminal, oldest first; one that was just decided is among them."""
        return self._desk.open_orders

    @property
    def candles(self) -> tuple[Candle, ...]:
        """Closed candles, oldest first, the last 1,000."""
        return self._desk.candles

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger with the mode's path."""
        return self._desk.log

    def order(self, intent_id: str) -> OrderUpdate | None:
        """One of its open orders, None where it is not open (any more)."""
        return next((order for order in self.open_orders if order.intent_id == intent_id), None)

    def now_s(self) -> float:
        """Seconds by the system's monotonic clock."""
        return self._desk.now_s()


def _check_hooks(cls: type[TradingMode[C]]) -> None:
    hooks = [name for name, value in vars(TradingMode).items() if name.startswith("on_") and callable(value)]
    for name, value in vars(cls).items():
        if name.startswith("on_") and callable(value) and name not in hooks:
            near = difflib.get_close_matches(name, hooks, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"hooks: {', '.join(hooks)}"
            text = f"{cls.__qualname__}.{name} is no hook, nobody would call it; {hint}"
            raise ModeDefinitionError(f"{text} (A method of your own: give it a name without on_.)")
