"""Settings of one simulated exchange of a world: what it trades, how it behaves, how far away it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ganglion.messages.values import Symbol
from ganglion.simulation.port.profiles import BINANCE, Profile
from ganglion.simulation.venue.flow import FlowSettings

CALM = FlowSettings(
    volatility=0.0003,
    reversion_s=60.0,
    half_spread=0.0002,
    spacing=0.001,
    patience=0.4,
    levels=4,
    takes_per_s=0.15,
    resizes_per_step=1.0,
    jitter=0.6,
)
"""A crowd that costs little: few rungs far apart, re-quoted when the price crosses one; each step changes a level."""


@dataclass(frozen=True, slots=True)
class PortSettings:
    """One exchange account of a world."""

    name: str
    """The arm's name, `exchange` in messages."""
    symbols: tuple[Symbol, ...]
    profile: Profile = BINANCE
    balances: Mapping[str, Decimal] | None = None
    """None: a sensible amount of everything that is traded."""
    seed: int = 0
    """Of the crowd."""
    tick_s: float = 0.5
    """Between two steps of the crowd, each of which is at most one frame of a book."""
    flow: FlowSettings = CALM
    latency_s: tuple[float, float] = (0.005, 0.05)
    """One way, for requests and for frames."""
    timeout_s: float = 10.0
    """After so long an answer is not waited for any more."""
    account: str = ""
    """The account's name at the venue, unique in a world; empty: as the arm's."""
    beside: str = ""
    """Account of another whose venue this is too: two bots in one market. Empty: a venue of its own."""
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")

    @property
    def key(self) -> str:
        """What it is called in a world."""
        return self.account or self.name
