"""The money of one account: opening balances, every fill once, reservations, and each mode's own capital.

Pure. The portfolio actor tells it facts and asks it what can be afforded; rebuilding it from a snapshot gives what
the facts one by one gave. Facts are never refused: a fill that overdraws an asset is applied, and shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal, localcontext

from ganglion.actors.trading.money import add_to, minus, negated, plain, plus, total, traded
from ganglion.actors.trading.portfolio.reservation import Reservation, reservation_of
from ganglion.messages.account import AccountSnapshot, AssetView, External, Funds
from ganglion.messages.market import Market
from ganglion.messages.orders import TERMINAL, Balance, Fill, OrderUpdate
from ganglion.messages.values import ZERO, Asset, Symbol, base_of, quote_of

_SHARE_STEP = Decimal("1e-12")


@dataclass(slots=True)
class Holding:
    """One asset."""

    total: Decimal = ZERO
    initial: Decimal = ZERO
    net_fills: Decimal = ZERO
    fees: Decimal = ZERO
    external: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass
class Portfolio:
    """An account's money."""

    account: str
    shares: Mapping[str, Decimal]
    """Each mode's part of the opening balances, as a share of 1."""
    holdings: dict[Asset, Holding] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    fills: dict[tuple[Symbol, str], Fill] = field(default_factory=dict)
    capital: dict[str, dict[Asset, Decimal]] = field(default_factory=dict)
    """What each mode owns: its share of the opening balances and its own fills since."""
    _held: dict[Asset, dict[str | None, Decimal]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What open orders hold by mode, of all modes under None; an asset is missing after a change, until one asks."""
    _funds: dict[tuple[str, Symbol], Funds] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Likewise what a mode has in its market: most of what an order goes through moves no money."""

    # -------------------------------------------------------------- facts

    def open(self, balances: Iterable[Balance]) -> None:
        """Start from the opening balances."""
        self._funds.clear()
        for balance in balances:
            holding = self._holding(balance.asset)
            holding.initial = plus(holding.initial, balance.total)
            holding.total = plus(holding.total, balance.total)
            for mode, share in self.shares.items():
                add_to(self._capital(mode), balance.asset, _part(balance.total, share))

    def add_external(self, external: External) -> None:
        """A change that no fill explains."""
        self._funds.clear()
        holding = self._holding(external.asset)
        holding.external = plus(holding.external, external.amount)
        holding.total = plus(holding.total, external.amount)

    def lock(self, balances: Iterable[Balance]) -> None:
        """What orders of others hold: these assets and no others."""
        self._funds.clear()
        for holding in self.holdings.values():
            holding.locked = ZERO
        for balance in balances:
            self._holding(balance.asset).locked = balance.used

    def apply_fill(self, fill: Fill) -> bool:
        """Apply a fill once; False where it was known. What it replaces is taken back first."""
        key = (fill.symbol, fill.trade_id)
        for trade_id in fill.replaces:
            stand_in = self.fills.pop((fill.symbol, trade_id), None)
            if stand_in is not None:
                self._count(stand_in, taken_back=True)
        if key in self.fills:
            return False
        self.fills[key] = fill
        self._count(fill)
        return True

    def _count(self, fill: Fill, *, taken_back: bool = False) -> None:
        self._funds.clear()
        add, less = (minus, plus) if taken_back else (plus, minus)
        own = None if fill.mode is None else self._capital(fill.mode)
        for asset, amount in traded(fill):
            holding = self._holding(asset)
            holding.net_fills = add(holding.net_fills, amount)
            holding.total = add(holding.total, amount)
            if own is not None:
                own[asset] = add(own.get(asset, ZERO), amount)
        if fill.fee:
            holding = self._holding(fill.fee_asset)
            holding.fees = add(holding.fees, fill.fee)
            holding.total = less(holding.total, fill.fee)
            if own is not None:
                own[fill.fee_asset] = less(own.get(fill.fee_asset, ZERO), fill.fee)
        reservation = self.reservations.get(fill.intent_id or "")
        if reservation is not None:
            reservation.filled = add(reservation.filled, fill.amount)
            self._held.pop(reservation.asset, None)

    def update(self, update: OrderUpdate, market: Market | None) -> None:
        """Where an order stands: a terminal one holds nothing, a late arrival holds again."""
        if update.state in TERMINAL:
            self.release(update.intent_id)
        elif update.intent_id not in self.reservations:
            self.reserve(reservation_of(update, market))

    # -------------------------------------------------------------- commands

    def reserve(self, reservation: Reservation) -> None:
        """Hold what an order may cost; whether it can be afforded was asked before."""
        if reservation.intent_id in self.reservations:
            self.release(reservation.intent_id)
        self.reservations[reservation.intent_id] = reservation
        self._holds_anew(reservation.asset)

    def release(self, intent_id: str) -> bool:
        """Let go of an order that was denied; False where it held nothing."""
        released = self.reservations.pop(intent_id, None)
        if released is None:
            return False
        if released.need:  # what was filled whole holds nothing any more
            self._holds_anew(released.asset)
        return True

    def _holds_anew(self, asset: Asset) -> None:
        self._held.pop(asset, None)
        self._funds.clear()

    # -------------------------------------------------------------- reading it

    def held_by(self, reservation: Reservation) -> Decimal:
        """What a reservation holds: its need, less what the order that it replaces still holds."""
        replaced = None if reservation.amends is None else self.reservations.get(reservation.amends)
        if replaced is None or replaced.asset != reservation.asset:
            return reservation.need
        return max(ZERO, minus(reservation.need, replaced.need))

    def reserved(self, asset: Asset, mode: str | None = None) -> Decimal:
        """What open orders hold of an asset, of one mode or of all."""
        return self._holds_of(asset).get(mode, ZERO)

    def _holds_of(self, asset: Asset) -> dict[str | None, Decimal]:
        held = self._held.get(asset)
        if held is not None:
            return held
        held = self._held[asset] = {}
        for reservation in self.reservations.values():
            if reservation.asset == asset:
                amount, mode = self.held_by(reservation), reservation.mode
                held[None] = plus(held.get(None, ZERO), amount)
                held[mode] = plus(held.get(mode, ZERO), amount)
        return held

    def total(self, asset: Asset) -> Decimal:
        """All of an asset."""
        holding = self.holdings.get(asset)
        return ZERO if holding is None else holding.total

    def free(self, asset: Asset) -> Decimal:
        """What nobody holds; below 0 only after a fact that nothing was reserved for."""
        holding = self.holdings.get(asset)
        if holding is None:
            return negated(self.reserved(asset))
        return minus(minus(holding.total, self.reserved(asset)), holding.locked)

    def capital_of(self, mode: str, asset: Asset) -> Decimal:
        """What a mode owns of an asset."""
        own = self.capital.get(mode)
        return ZERO if own is None else own.get(asset, ZERO)

    def available_to(self, mode: str, asset: Asset) -> Decimal:
        """What a mode may still commit: its own capital less its orders, and never more than is free."""
        return self._stands(mode, asset)[1]

    def _stands(self, mode: str, asset: Asset) -> tuple[Decimal, Decimal]:
        """What a mode owns of an asset, and what of it is available to it."""
        held, holding, own = self._holds_of(asset), self.holdings.get(asset), self.capital_of(mode, asset)
        if holding is None:
            return own, ZERO
        left, free = own, holding.total
        if held:
            left, free = minus(left, held.get(mode, ZERO)), minus(free, held[None])
        if holding.locked:
            free = minus(free, holding.locked)
        return own, max(ZERO, min(left, free))

    def funds_of(self, mode: str, symbol: Symbol) -> Funds:
        """A mode's own capital in its market."""
        funds = self._funds.get((mode, symbol))
        if funds is None:
            base, base_available = self._stands(mode, base_of(symbol))
            quote, quote_available = self._stands(mode, quote_of(symbol))
            funds = self._funds[mode, symbol] = Funds(
                account=self.account,
                symbol=symbol,
                base_total=max(ZERO, base),
                base_available=base_available,
                quote_total=max(ZERO, quote),
                quote_available=quote_available,
            )
        return funds

    def overdrawn(self) -> dict[Asset, Decimal]:
        """Assets of which less than nothing is left, whatever is reserved for amends."""
        found: dict[Asset, Decimal] = {}
        for asset, holding in self.holdings.items():
            if holding.total >= self._holds_of(asset).get(None, ZERO):
                continue  # it is never less that is reserved, amends included
            left = minus(holding.total, self._needed(asset))
            if left < ZERO:
                found[asset] = left
        return found

    def _needed(self, asset: Asset) -> Decimal:
        """What open orders need of an asset, without those that replace another."""
        return total(
            reservation.need
            for reservation in self.reservations.values()
            if reservation.asset == asset and reservation.amends not in self.reservations
        )

    def apart_from(self, venue: Mapping[Asset, Decimal]) -> str:
        """Where the venue's totals are not ours, with both figures; empty where they are equal."""
        return "; ".join(
            f"{plain(self.total(asset))} {asset} here, {plain(venue.get(asset, ZERO))} at the venue"
            for asset in sorted({*self.holdings, *venue})
            if self.total(asset) != venue.get(asset, ZERO)
        )

    def views(self) -> tuple[AssetView, ...]:
        """Every asset, by name."""
        return tuple([self._view(asset, self.holdings[asset]) for asset in sorted(self.holdings)])

    def _view(self, asset: Asset, holding: Holding) -> AssetView:
        reserved = self.reserved(asset)
        return AssetView(
            asset=asset,
            free=minus(minus(holding.total, reserved), holding.locked),
            reserved=reserved,
            locked=holding.locked,
            initial=holding.initial,
            net_fills=holding.net_fills,
            fees=holding.fees,
            external=holding.external,
        )

    def _holding(self, asset: Asset) -> Holding:
        holding = self.holdings.get(asset)
        if holding is None:
            holding = self.holdings[asset] = Holding()
        return holding

    def _capital(self, mode: str) -> dict[Asset, Decimal]:
        return self.capital.setdefault(mode, {})


def _part(amount: Decimal, share: Decimal) -> Decimal:
    """A share of an opening balance, cut down: the parts of all modes never exceed the whole."""
    if share == 1:
        return amount
    with localcontext(prec=96):
        return (amount * share).quantize(_SHARE_STEP, ROUND_DOWN).normalize()


def rebuild(snapshot: AccountSnapshot, shares: Mapping[str, Decimal], markets: Mapping[Symbol, Market]) -> Portfolio:
    """The portfolio that a snapshot describes."""
    portfolio = Portfolio(snapshot.account, dict(shares))
    portfolio.open(snapshot.opening)
    for external in snapshot.externals:
        portfolio.add_external(external)
    for fill in snapshot.fills:
        portfolio.apply_fill(fill)
    for order in snapshot.open_orders:
        portfolio.update(order.update, markets.get(order.update.symbol))
    portfolio.lock(snapshot.locked_by_others)
    return portfolio


def equal_shares(funds: Mapping[str, Decimal | None]) -> dict[str, Decimal]:
    """Each mode's share: explicit ones as given, the rest of the whole in equal parts among the others.

    Raises:
        ValueError: where the explicit ones exceed the whole.
    """
    given = {mode: share for mode, share in funds.items() if share is not None}
    rest = minus(Decimal(1), total(given.values()))
    if rest < 0:
        raise ValueError(
            f"the modes' funds come to {1 - rest:%} of the account ({', '.join(sorted(given))}): lower them to 100 %"
        )
    others = [mode for mode in funds if mode not in given]
    with localcontext(prec=28, rounding=ROUND_DOWN):
        part = rest / len(others) if others else ZERO
    return {mode: given.get(mode, part) for mode in funds}
