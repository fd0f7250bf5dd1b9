"""Where a mode or an account stands against its limits and its funds, read from the portfolio's money.

Pure. The portfolio actor asks before it reserves.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from ganglion.actors.trading.money import minus, plain, plus
from ganglion.actors.trading.portfolio.limits import UNLIMITED, Limits, Pace, Standing
from ganglion.actors.trading.portfolio.portfolio import Portfolio
from ganglion.actors.trading.portfolio.reservation import Reservation
from ganglion.messages.orders import Intent, OrderState, OrderUpdate
from ganglion.messages.values import ZERO, Asset, Side, base_of

Binding: TypeAlias = tuple[tuple[str | None, Limits], ...]
"""Limits that bind a mode: its own under its name, the account's under None; without those that limit nothing."""


def binding_of(account: Limits, mode: str = "", own: Limits = UNLIMITED) -> Binding:
    """What there is to look at before an order of a mode, or of nobody who is configured."""
    return tuple((who, limits) for who, limits in ((mode, own), (None, account)) if limits.binding)


def limited_of(
    money: Portfolio,
    intent: Intent,
    pace: Pace,
    binding: Binding,
    now_s: float,
    *,
    replacing: bool,
) -> tuple[tuple[Limits, Standing], ...]:
    """The limits that bind a mode, each with where stands whom it limits."""
    base = base_of(intent.symbol)
    return tuple(
        (limits, standing_of(money, base, mode, pace.of(mode or "", now_s), replacing=replacing))
        for mode, limits in binding
    )


def standing_of(money: Portfolio, base: Asset, mode: str | None, placed: deque[float], *, replacing: bool) -> Standing:
    """Where a mode (the whole account for None) stands in a base asset; an order being replaced is no further one."""
    held = money.total(base) if mode is None else money.capital_of(mode, base)
    own = [reservation for reservation in money.reservations.values() if mode is None or reservation.mode == mode]
    for reservation in own:
        if reservation.side is Side.BUY and base_of(reservation.symbol) == base:
            held = plus(held, minus(reservation.amount, reservation.filled))
    return Standing(
        who=f"account {money.account}" if mode is None else f"mode {mode}",
        position=held,
        open_orders=len(own) - replacing,
        placed=placed,
    )


def shortage_of(money: Portfolio, reservation: Reservation) -> str | None:
    """What is missing for a reservation and what to do; None where it can be afforded."""
    asset, mode = reservation.asset, reservation.mode
    funds = money.funds_of(mode, reservation.symbol)
    needed = money.held_by(reservation)
    available = funds.quote_available if reservation.side is Side.BUY else funds.base_available
    if needed <= available:
        return None
    return (
        f"needs {plain(needed)} {asset} at worst, fees included; mode {mode} may commit {plain(available)} of its "
        f"{plain(money.capital_of(mode, asset))} ({plain(money.free(asset))} are free on {money.account}): make the "
        "order smaller or cancel another"
    )


def intended(intent: Intent) -> OrderUpdate:
    """An order that was passed on and of which the order line has said nothing yet."""
    return OrderUpdate(
        intent_id=intent.intent_id,
        account=intent.account,
        mode=intent.mode,
        client_id="",
        venue_id=None,
        symbol=intent.symbol,
        side=intent.side,
        type=intent.type,
        price=intent.price,
        amount=intent.amount,
        state=OrderState.INTENDED,
        filled=ZERO,
        reason="",
        sequence=0,
        correlation_id=intent.correlation_id,
        causation_id=intent.causation_id,
    )
