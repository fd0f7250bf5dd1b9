"""The counting half of a ledger: opening balances, every fill once, external entries, and what they come to.

Pure. The ledger stands on it: it decides whose a trade is, here the trade is counted, numbered, and taken back where
a synthetic fill steps aside for the real one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

import msgspec

from ganglion.actors.trading.money import add_to, minus, moved, negated, traded
from ganglion.actors.trading.orders.line import Line
from ganglion.messages.account import External
from ganglion.messages.orders import Balance, Fill, OrderUpdate, VenueTrade
from ganglion.messages.values import ZERO, Asset, Symbol

TradeKey: TypeAlias = tuple[Symbol, str]
"""(symbol, trade id): with the account, what a fill is applied once by."""


Told: TypeAlias = tuple[Decimal, tuple[int, ...]]
"""A part of a fill, and the sequences of all fills that told it one after the other."""


class Anomaly(msgspec.Struct, frozen=True):
    """Evidence that can't be if the invariants hold: the account has to halt."""

    invariant: str
    text: str


Fact: TypeAlias = OrderUpdate | Fill | Anomaly


@dataclass
class Counted:
    """All that an account's money follows from."""

    account: str
    fills: dict[TradeKey, Fill] = field(default_factory=dict)
    """Every fill that counts, in the order it came; synthetic ones until they are replaced."""
    external_trades: dict[TradeKey, VenueTrade] = field(default_factory=dict)
    unmatched: dict[TradeKey, VenueTrade] = field(default_factory=dict)
    """Trades that an order of ours may still claim."""
    prior: dict[TradeKey, None] = field(default_factory=dict)
    """Trades that the opening balances contain."""
    opening: tuple[Balance, ...] | None = None
    opened_ms: int = 0
    externals: list[External] = field(default_factory=list)
    sums: dict[Asset, Decimal] = field(default_factory=dict)
    """What opening, fills, fees and externals come to so far, per asset."""
    sequence: int = 0
    """Of the latest fact."""

    def totals(self) -> dict[Asset, Decimal]:
        """What each asset should come to at the venue: opening + fills - fees + externals + unclaimed trades."""
        sums = dict(self.sums)
        for asset, amount in moved(self.unmatched.values()).items():
            add_to(sums, asset, amount)
        return sums

    def differences(self, balances: Iterable[Balance]) -> dict[Asset, Decimal]:
        """Venue minus ours for each asset where they are not equal."""
        venue: dict[Asset, Decimal] = {}
        for balance in balances:
            add_to(venue, balance.asset, balance.total)
        ours = self.totals()
        found: dict[Asset, Decimal] = {}
        for asset in sorted({*venue, *ours}):
            gap = minus(venue.get(asset, ZERO), ours.get(asset, ZERO))
            if gap:
                found[asset] = gap
        return found

    @property
    def stand_ins(self) -> bool:
        """Whether any fill is synthetic."""
        return any(fill.synthetic for fill in self.fills.values())

    def open(self, balances: tuple[Balance, ...], read_ms: int, prior: Iterable[TradeKey]) -> None:
        """Count from these balances on."""
        self.opening = balances
        self.opened_ms = read_ms
        self.prior = dict.fromkeys(prior)
        for balance in balances:
            add_to(self.sums, balance.asset, balance.total)

    def add_external(self, external: External) -> None:
        """Count what no fill explains."""
        self.externals.append(external)
        add_to(self.sums, external.asset, external.amount)

    def count(
        self,
        line: Line | None,
        trade: VenueTrade,
        *,
        replaces: tuple[str, ...] = (),
        told_as: tuple[Told, ...] = (),
        synthetic: bool = False,
    ) -> Fill:
        """Count a trade as a fill of a line, or as nobody's."""
        self.sequence += 1
        intent = None if line is None else line.intent
        # In the order of its fields: by name it takes six times as long to make.
        fill = Fill(
            self.account,
            trade.symbol,
            trade.trade_id,
            None if intent is None else intent.intent_id,
            None if intent is None else intent.mode,
            None if line is None else line.client_id,
            trade.side,
            trade.price,
            trade.amount,
            trade.fee,
            trade.fee_asset,
            trade.liquidity,
            trade.timestamp_ms,
            self.sequence,
            synthetic,
            replaces,
            told_as,
        )
        self.fills[(trade.symbol, trade.trade_id)] = fill
        for asset, amount in traded(fill):
            add_to(self.sums, asset, amount)
        if fill.fee:
            add_to(self.sums, fill.fee_asset, negated(fill.fee))
        if line is not None:
            line.add(fill)
            line.sequence = self.sequence
        return fill

    def stand_in(self, line: Line, trade: VenueTrade, told_as: tuple[Told, ...] = ()) -> Fill:
        """Count a synthetic fill under a name of its own."""
        line.synthetic_count += 1
        name = f"synthetic-{line.client_id}-{line.synthetic_count}"
        return self.count(line, msgspec.structs.replace(trade, trade_id=name), told_as=told_as, synthetic=True)

    def take_back(self, key: TradeKey) -> None:
        """Uncount a fill that another one replaces."""
        fill = self.fills.pop(key)
        for asset, amount in moved((fill,)).items():
            add_to(self.sums, asset, negated(amount))

    def count_real(self, line: Line, trade: VenueTrade) -> list[Fact]:
        """Count a real trade; synthetic fills of its line step aside, what exceeds it stands in anew."""
        key = (trade.symbol, trade.trade_id)
        if not line.synthetic_count and key not in self.fills:
            return [self.count(line, trade)]
        replaced: list[str] = []
        told: list[Told] = []
        left = trade.amount
        rest: VenueTrade | None = None
        for standing in [fill for fill in line.fills.values() if fill.synthetic]:
            if not left:
                break
            replaced.append(standing.trade_id)
            told += _told_by(standing)
            line.take_back(standing.trade_id)
            self.take_back((standing.symbol, standing.trade_id))
            if standing.amount > left:
                rest = msgspec.structs.replace(_as_trade(standing), amount=minus(standing.amount, left))
                break
            left = minus(left, standing.amount)
        if key in self.fills:
            # It counted as somebody else's until now.
            replaced.append(trade.trade_id)
            self.take_back(key)
        before, beyond = _split(told, trade.amount)
        facts: list[Fact] = [self.count(line, trade, replaces=tuple(replaced), told_as=before)]
        if rest is not None:
            facts.append(self.stand_in(line, rest, beyond))
        return facts


def _told_by(fill: Fill) -> list[Told]:
    """Each part of a fill with all that told it: this one, and those that it stands in for."""
    told = [(amount, (*sequences, fill.sequence)) for amount, sequences in fill.told_as]
    rest = fill.amount
    for amount, _ in told:
        rest = minus(rest, amount)
    return [*told, (rest, (fill.sequence,))] if rest else told


def _split(told: list[Told], amount: Decimal) -> tuple[tuple[Told, ...], tuple[Told, ...]]:
    """What was told, cut where it comes to this amount: up to there, and beyond."""
    before: list[Told] = []
    beyond: list[Told] = []
    for part, sequences in told:
        within = min(part, amount)
        amount = minus(amount, within)
        if within:
            before.append((within, sequences))
        if part > within:
            beyond.append((minus(part, within), sequences))
    return tuple(before), tuple(beyond)


def _as_trade(fill: Fill) -> VenueTrade:
    return VenueTrade(
        symbol=fill.symbol,
        trade_id=fill.trade_id,
        venue_order_id=None,
        client_id=fill.client_id,
        side=fill.side,
        price=fill.price,
        amount=fill.amount,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        liquidity=fill.liquidity,
        timestamp_ms=fill.timestamp_ms,
    )
