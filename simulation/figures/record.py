"""What a run on recorded or live markets leaves behind to be judged: curves, fills, order counts, incidents.

The backtest, the sweep and the paper run fill a `RunRecord` in; figures, summary and report only read it. Knows no
actor and no file. Curves are floats (signals); fills are money.
"""

from __future__ import annotations

import enum
from array import array
from decimal import Decimal

import msgspec

from ganglion.messages.values import EXACT, ZERO, Asset, Liquidity, Side, Symbol, base_of, quote_of


class RecordError(ValueError):
    """A record that no figure can be made of; the text says which part and what to do."""


def _times() -> array[int]:
    return array("q")


def _values() -> array[float]:
    return array("d")


class Curve(msgspec.Struct):
    """A value over time, a step function: each value holds until the next time. Times ascend."""

    time_ms: array[int] = msgspec.field(default_factory=_times)
    value: array[float] = msgspec.field(default_factory=_values)

    def note(self, time_ms: int, value: float) -> None:
        """Go on with a value; at the last time again it takes the last one's place.

        Raises:
            RecordError: the time lies before the last one.
        """
        times = self.time_ms
        if times and time_ms <= times[-1]:
            if time_ms < times[-1]:
                raise RecordError(f"a curve at {times[-1]} ms can't go on at {time_ms} ms: note in order of time")
            self.value[-1] = value
            return
        times.append(time_ms)
        self.value.append(value)

    def __len__(self) -> int:
        """Number of points."""
        return len(self.time_ms)


class MarketRecord(msgspec.Struct):
    """One market of the run and the data that stood for it."""

    exchange: str
    symbol: Symbol
    price: Curve
    """Closes (bars), trades or mids (books), in the quote asset; sampling them is fine."""
    kind: str = ""
    """What the data was: bars 1m, trades, book deltas."""
    source: str = ""
    """Where it came from, a file's name."""
    rows: int = 0
    gaps: int = 0
    dropped: int = 0
    """Rows left out: identical duplicates, and bad ones where that was allowed."""
    rate: float = 1.0
    """Reference currency per quote asset at the end; 1 where they are the same."""

    @property
    def name(self) -> str:
        """`alpha BTC/USDT`."""
        return f"{self.exchange} {self.symbol}"


class ModeRecord(msgspec.Struct):
    """One trading mode of the run."""

    name: str
    exchange: str
    symbol: Symbol
    kind: str = ""
    """Its class in the configuration: grid, market_making."""
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    opening_base: Decimal = ZERO
    """Of the base asset at the start: the first lot of its inventory, at the market's first price."""
    equity: Curve = msgspec.field(default_factory=Curve)
    """What it would be worth at the market's price, in the reference currency."""
    inventory: Curve = msgspec.field(default_factory=Curve)
    """Of the base asset."""
    state: str = "running"
    restarts: int = 0
    orders: dict[str, int] = msgspec.field(default_factory=dict)
    """By the state that they ended in."""
    denials: dict[str, int] = msgspec.field(default_factory=dict)
    """Orders refused before the venue, by reason."""
    cause: str = ""
    """Why it is halted."""

    @property
    def market(self) -> str:
        """Name of the market that it trades on."""
        return f"{self.exchange} {self.symbol}"


class FillRecord(msgspec.Struct, frozen=True, gc=False):
    """One fill: money, exactly as the venue said it."""

    time_ms: int
    mode: str
    exchange: str
    symbol: Symbol
    side: Side
    price: Decimal
    amount: Decimal
    """Of the base asset, above zero, before fees."""
    fee: Decimal
    """In `fee_asset`; negative for a rebate."""
    fee_asset: Asset
    liquidity: Liquidity | None = None
    order_id: str = ""
    """Fills of one order count as one entry or exit."""
    reason: str = ""
    fee_value: Decimal | None = None
    """The fee in the quote asset; needed where it was charged in neither base nor quote."""
    rate: float = 1.0
    """Reference currency per quote asset at that time; 1 where they are the same."""

    @property
    def market(self) -> str:
        """Name of the market."""
        return f"{self.exchange} {self.symbol}"

    def change(self) -> Decimal:
        """What it did to the base asset, fees in it included."""
        bought = EXACT.multiply(self.amount, Decimal(self.side.sign))
        return EXACT.subtract(bought, self.fee) if self.fee_asset == base_of(self.symbol) else bought

    def fee_in_quote(self) -> float | None:
        """The fee's value in the quote asset; None where nobody said what it is worth."""
        if self.fee_asset == quote_of(self.symbol):
            return float(self.fee)
        if self.fee_asset == base_of(self.symbol):
            return float(self.fee) * float(self.price)
        if not self.fee:
            return 0.0
        return None if self.fee_value is None else float(self.fee_value)

    def fee_worth(self) -> float:
        """The fee in the reference currency; 0 where nobody said what it is worth."""
        return (self.fee_in_quote() or 0.0) * self.rate

    def traded(self) -> float:
        """Price times amount, in the reference currency."""
        return float(self.price) * float(self.amount) * self.rate


class IncidentKind(enum.StrEnum):
    """What an incident was."""

    DENIAL = "denial"
    VIOLATION = "violation"
    RESTART = "restart"
    HALT = "halt"
    GAP = "gap"


class Incident(msgspec.Struct, frozen=True):
    """Something that a reader of the report should know of."""

    time_ms: int
    kind: IncidentKind
    where: str
    """A mode, an actor's path or a market."""
    text: str


class ExchangeRecord(msgspec.Struct):
    """One exchange account at the end of the run; as the summary file has it, money as text."""

    state: str = "live"
    seconds_in: dict[str, float] = msgspec.field(default_factory=dict)
    reconnects: int = 0
    restarts: int = 0
    book_updates: int = 0
    orders: dict[str, int] = msgspec.field(default_factory=dict)
    fills: int = 0
    balances: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """By asset: free, reserved, total."""


class RunRecord(msgspec.Struct):
    """One run."""

    start_ms: int
    end_ms: int
    reference: Asset
    """The currency that equity is in."""
    equity: Curve
    """Of everything together, in the reference currency."""
    markets: list[MarketRecord]
    modes: list[ModeRecord]
    fills: list[FillRecord]
    """In order of time."""
    exchanges: dict[str, ExchangeRecord] = msgspec.field(default_factory=dict)
    incidents: list[Incident] = msgspec.field(default_factory=list)
    """In order of time; whoever records may stop after many, the counts stand elsewhere."""
    order_changes: dict[str, array[int]] = msgspec.field(default_factory=dict)
    """By order state: the times, in ms, at which an order entered it."""
    title: str = "Backtest"
    configuration: str = ""
    """The configuration's text, without secrets."""
    assumptions: list[str] = msgspec.field(default_factory=list)
    """The fill model in sentences, with its optimism."""
    events: int = 0
    """Of the market data, fed."""
    messages: int = 0
    actors: int = 0
    restarts: int = 0
    dead_letters: dict[str, int] = msgspec.field(default_factory=dict)
    violations: list[str] = msgspec.field(default_factory=list)
    seed: int = 0
    wall_s: float = 0.0
    """Real seconds that the run took."""
    version: str = ""

    @property
    def seconds(self) -> float:
        """Of the market's time."""
        return (self.end_ms - self.start_ms) / 1000

    def market(self, name: str) -> MarketRecord | None:
        """A market by its name."""
        return next((market for market in self.markets if market.name == name), None)

    def check(self) -> None:
        """Find what would make figures lie.

        Raises:
            RecordError: the run ends before it starts, fills are out of order, or a mode or a fill has no market.
        """
        if self.end_ms < self.start_ms:
            raise RecordError(f"the run ends at {self.end_ms} ms, before its start at {self.start_ms} ms")
        known = {market.name for market in self.markets}
        for mode in self.modes:
            if mode.market not in known:
                raise RecordError(f"mode {mode.name} trades {mode.market}: no such market in the record, add it")
        last_ms = self.fills[0].time_ms if self.fills else 0
        for number, fill in enumerate(self.fills):
            if fill.time_ms < last_ms:
                raise RecordError(f"fill {number} at {fill.time_ms} ms comes after one at {last_ms} ms: sort them")
            if fill.market not in known:
                raise RecordError(f"fill {number} is of {fill.market}: no such market in the record, add it")
            last_ms = fill.time_ms
