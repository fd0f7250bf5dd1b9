"""What a mode is told to go on from: its funds, its open orders, its fills since it last saved.

And what it can't go on from: a place that died with an actor. Pure. Built by the portfolio actor after each
Reconciled, so that a mode that restarted does not decide twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from ganglion.actors.trading.portfolio.permission import Permission
from ganglion.actors.trading.portfolio.portfolio import Portfolio
from ganglion.actors.trading.portfolio.reservation import Reservation
from ganglion.messages.account import PortfolioView, Resume, SavedState, Suspend
from ganglion.messages.market import Market
from ganglion.messages.orders import DenyReason, OrderDenied, OrderUpdate
from ganglion.messages.values import Symbol


def resume_of(
    money: Portfolio,
    mode: str,
    symbol: Symbol,
    market: Market | None,
    may: Permission,
    now_s: float,
    open_orders: Iterable[OrderUpdate],
    saved: SavedState | None,
    reason: str,
    as_of: int,
) -> Resume | Suspend:
    """Where a mode stands, or why it can't go on yet."""
    obstacle = may.obstacle(mode, symbol, now_s)
    if obstacle is not None or market is None:
        return Suspend(money.account, obstacle or f"{symbol} is not a market of {money.account}")
    since = 0 if saved is None else saved.sequence
    return Resume(
        mode=mode,
        account=money.account,
        epoch=may.epoch,
        market=market,
        funds=money.funds_of(mode, market.symbol),
        open_orders=tuple(update for update in open_orders if update.mode == mode),
        fills_since=tuple(fill for fill in money.fills.values() if fill.mode == mode and fill.sequence > since),
        saved_state=None if saved is None else saved.state,
        saved_as_of=since,
        reason=reason,
        state=may.state_of(mode, symbol),
        as_of=as_of,
    )


def view_of(money: Portfolio, may: Permission, sequence: int) -> PortfolioView:
    """What monitor, treasury and dashboard are shown."""
    return PortfolioView(
        account=money.account,
        epoch=may.epoch,
        sequence=sequence,
        assets=money.views(),
        reconciled=may.reconciled,
        halted=may.halted,
    )


def forgotten(account: str, reservation: Reservation) -> OrderDenied:
    """The denial of an order that the order line never journaled: its place died with an actor, nothing was sent."""
    text = "a restart overtook it before it was journaled: nothing was sent, decide again after Resume"
    return OrderDenied(reservation.intent_id, account, reservation.mode, DenyReason.STALE_EPOCH, text)
