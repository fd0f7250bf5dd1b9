"""The configuration's tables as pydantic models: what may stand in a bot.toml, with defaults and descriptions.

Each table is validated by itself, so that one mistake hides no other; what spans tables is checked in `config`.
`ganglion schema` prints them as JSON schema.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

import pydantic
from pydantic import Field

from ganglion.actors.modes.written import as_written
from ganglion.actors.trading.journal.log import RETENTION_DAYS, SEGMENT_BYTES
from ganglion.actors.trading.portfolio.limits import Limits
from ganglion.bot.secrets import SecretError, parse_reference
from ganglion.supervision.system import HANG_S

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")
Name = Annotated[str, Field(pattern=NAME.pattern)]
SYMBOL = re.compile(r"^[A-Za-z0-9.]+/[A-Za-z0-9.]+$")
RESERVED = frozenset(
    {"bot", "journal", "projection", "recorder", "treasury", "monitor", "modes", "collector", "warden", "core"}
)
"""Names of the tree's own parts, which an exchange can't have."""


def _numbers_as_written(limits: object) -> object:
    """Limits are declared where they are kept; here only that their numbers are written as numbers."""
    if isinstance(limits, dict):
        texts = [str(key) for key, value in limits.items() if isinstance(value, str | bool)]
        if texts:
            raise ValueError(f"{', '.join(texts)}: write a number, without quotes")
    return limits


class Table(pydantic.BaseModel):
    """Unknown keys are errors, values don't change and are taken as they are written."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: object, info: pydantic.ValidationInfo) -> object:
        name = info.field_name or ""
        if name == "limits":
            return _numbers_as_written(value)
        field = cls.model_fields.get(name)
        return value if field is None else as_written(value, name, field.annotation)


class BotTable(Table):
    """`[bot]`: the process."""

    name: Annotated[Name, Field(description="shown in logs, and the default of `data`")] = "bot"
    data: Annotated[str | None, Field(description="folder of what the bot keeps; ./NAME.ganglion")] = None
    segment_bytes: Annotated[
        int, Field(ge=4096, description="the journal goes on in a new file beyond this; older ones are archived")
    ] = SEGMENT_BYTES
    retention_days: Annotated[int, Field(ge=1, description="days that retired parts of the journal are kept")] = (
        RETENTION_DAYS
    )
    forget: Annotated[
        tuple[Name, ...],
        Field(
            description="accounts that the journal holds and the configuration does not, left behind knowingly: their "
            "open orders, holdings and halts there are nobody's any more"
        ),
    ] = ()
    reference: Annotated[str, Field(min_length=1, description="currency that everything is valued in")] = "USDT"
    cancel_on_stop: Annotated[bool, Field(description="cancel what the bot placed when it stops")] = True
    hang_s: Annotated[
        float,
        Field(
            ge=1,
            description="a thread that does not come back from one message for this long is left to itself, and what "
            "ran on it starts anew on another; a mode that hangs twice is parked",
        ),
    ] = HANG_S
    max_loss: Annotated[
        Decimal | None,
        Field(
            gt=0,
            description="most that all modes' trades together may lose since the journal began, in `reference`: over "
            "it the whole bot is halted and its orders are cancelled",
        ),
    ] = None


class CredentialsTable(Table):
    """`[exchanges.X.credentials]`: references to secrets, `env:NAME` or `file:PATH`."""

    key: str | None = None
    secret: str | None = None
    password: str | None = None
    uid: str | None = None
    wallet: str | None = None
    private_key: str | None = None

    @pydantic.field_validator("*")
    @classmethod
    def _reference(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                parse_reference(text)
            except SecretError as error:
                raise ValueError(str(error)) from None
        return text

    def given(self) -> dict[str, str]:
        """The references that are set, by field."""
        return {name: text for name, text in self.model_dump().items() if text is not None}


class SimulatedTable(Table):
    """`[exchanges.X.simulated]`: a venue inside the bot's own process; of a paper account the balances."""

    seed: Annotated[int, Field(ge=0, description="of its market")] = 0
    balances: Annotated[
        dict[str, Annotated[Decimal, Field(ge=0)]], Field(description="what the account opens with, per asset")
    ] = {}


class ExchangeTable(Table):
    """`[exchanges.X]`: one account at one exchange."""

    connector: Annotated[Literal["ccxt", "simulated"], Field(description="what speaks to it")] = "ccxt"
    id: Annotated[str | None, Field(description="ccxt's id, such as binance or okx")] = None
    type: Annotated[Literal["spot"], Field(description="kind of market")] = "spot"
    symbols: Annotated[tuple[str, ...], Field(min_length=1, description="markets, such as BTC/USDT")]
    book_depth: Annotated[int, Field(ge=5, le=5000, description="levels a side of the order books")] = 100
    sandbox: Annotated[bool, Field(description="use the exchange's test system")] = False
    live: Annotated[bool, Field(description="allow real money: needed where host is neither local nor sandbox")] = False
    evidence_grace_s: Annotated[
        float | None,
        Field(
            gt=0,
            description="not finding an order proves nothing before that many seconds after its sending; default: "
            "the venue's own expiry of requests + 5 s, and 30 s where it has none",
        ),
    ] = None
    units_per_s: Annotated[
        float | None,
        Field(
            gt=0,
            description="what may be spent on requests in a second, in ccxt's cost units, for an account that may more "
            "than others; default: what ccxt knows of the exchange",
        ),
    ] = None
    silent_s: Annotated[
        float, Field(gt=0, description="a stream without data for this long is compared with the venue")
    ] = 30.0
    dead_man_s: Annotated[
        float | None,
        Field(
            gt=0,
            description="dead man's switch: the exchange cancels ALL orders of the account, those that are not the "
            "bot's too, when it has not heard from the bot for this long; default: off",
        ),
    ] = None
    allow_withdraw_key: Annotated[bool, Field(description="accept an API key that may withdraw")] = False
    credentials: CredentialsTable = CredentialsTable()
    simulated: SimulatedTable = SimulatedTable()
    ccxt: Annotated[dict[str, object], Field(description="merged into ccxt's constructor")] = {}
    limits: Annotated[Limits, Field(description="of the whole account")] = Limits()

    @pydantic.field_validator("symbols", mode="before")
    @classmethod
    def _a_list(cls, symbols: object) -> object:
        if isinstance(symbols, str):
            raise ValueError(f'write a list: ["{symbols if SYMBOL.match(symbols) else "BTC/USDT"}"]')  # noqa: TRY004
        return symbols

    @pydantic.field_validator("symbols")
    @classmethod
    def _known_form(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(symbols)) != len(symbols):
            raise ValueError("a symbol stands twice; name each once")
        return symbols


class BacktestTable(Table):
    """`[backtest]`: how `ganglion backtest` and `ganglion paper` fill orders; nothing else reads it."""

    latency_s: Annotated[float, Field(ge=0, description="seconds from a decision to the venue")] = 0.0
    half_spread_pct: Annotated[
        float, Field(ge=0, lt=50, description="from the data's price to either best price, percent")
    ] = 0.0
    slippage_pct: Annotated[
        float, Field(ge=0, lt=50, description="what an order that takes pays beyond the best price, percent")
    ] = 0.0
    participation: Annotated[
        float,
        Field(ge=0, le=1, description="share of a row's volume that orders may have; 0 does not look at volumes"),
    ] = 1.0
    touch_fills: Annotated[
        bool, Field(description="fill a resting order when the price only touches it, not only beyond it")
    ] = False
    queue: Annotated[
        bool,
        Field(description="on trades: what traded at a price before an order joined has to trade there again first"),
    ] = False
    maker_fee: Annotated[Decimal, Field(ge=0, lt=1, description="share of a fill, 0.001 is 0.1 %")] = Decimal("0.001")
    taker_fee: Annotated[Decimal, Field(ge=0, lt=1, description="likewise")] = Decimal("0.001")


class ModeTable(Table):
    """`[modes.N]`: what every mode has; its own settings stand beside these."""

    mode: Annotated[str, Field(description='a name of `ganglion modes`, or "my_mode.py:MyMode"')]
    exchange: Annotated[str, Field(description="one of [exchanges.X]")]
    symbol: Annotated[str, Field(description="one of that exchange's symbols")]
    on_restart: Annotated[
        Literal["adopt", "cancel"] | None, Field(description="what becomes of its open orders; default: the mode's own")
    ] = None
    dispatcher: Annotated[
        Literal["arm", "own"], Field(description="share the exchange's thread, or have one of its own")
    ] = "arm"
    funds: Annotated[
        str | None, Field(description='share of the account, "25%"; default: an equal part of what is left')
    ] = None
    limits: Annotated[Limits, Field(description="of this mode")] = Limits()

    @pydantic.field_validator("funds")
    @classmethod
    def _share(cls, text: str | None) -> str | None:
        if text is not None:
            share_of(text)
        return text


def share_of(text: str) -> Decimal:
    """A share of the account in percent.

    Raises:
        ValueError: the text is no percentage between 0 and 100.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    if match is None or not 0 < Decimal(match[1]) <= 100:
        raise ValueError(f'{text!r} is no share of the account: write "25%", above 0 % and at most 100 %')
    return Decimal(match[1])
