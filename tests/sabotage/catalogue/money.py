"""Sabotages of money: fills counted twice, reservations let go, floats, and a mode that decides twice."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ganglion.simulation.faults.fault import FaultKind as K
from tests.sabotage.breaking import STRUCK, Sabotage, strike

twice = Sabotage(
    "release_the_reservation_twice",
    "The end of an order lets go of its reservation, and of that much of another.",
    (K.CANCEL_FILL_RACE,),
)


@twice.replaces("actors.trading.portfolio.portfolio:Portfolio.update")
def _twice(original, self, update, market):
    ended = self.reservations.get(update.intent_id) if update.state.terminal else None
    original(self, update, market)
    if ended is None:
        return
    for key, other in self.reservations.items():
        if other.asset == ended.asset:
            strike()
            del self.reservations[key]
            return


partial = Sabotage(
    "partial_fill_releases_all",
    "A partial fill lets go of everything that is held for its order.",
    (),
)


@partial.replaces("actors.trading.portfolio.portfolio:Portfolio._count")
def _partial(original, self, fill, *, taken_back=False):
    original(self, fill, taken_back=taken_back)
    reservation = self.reservations.get(fill.intent_id or "")
    if reservation is not None and reservation.filled < reservation.amount:
        strike()
        reservation.filled = reservation.amount


trade_id = Sabotage(
    "ignore_the_trade_id",
    "A fill is counted as often as it is told.",
    (K.FRAMES_REPEATED,),
)


@trade_id.replaces("actors.trading.orders.looking:take_trade")
@trade_id.replaces("actors.trading.orders.intake:take_trade")
def _trade_id(original, desk, trade, line):
    known = desk.ledger.fills.get((trade.symbol, trade.trade_id))
    if known is not None:
        strike()
        trade = msgspec.structs.replace(trade, trade_id=f"{trade.trade_id}-{STRUCK['times']}")
    return original(desk, trade, line)


floats = Sabotage(
    "float_money",
    "What a trade costs is worked out in floats.",
    (),
)


@floats.replaces("actors.trading.money:times")
def _floats(original, left, right):
    exact = original(left, right)
    floated = Decimal(repr(float(left) * float(right)))
    if floated != exact:
        strike()
    return floated


forgetful = Sabotage(
    "grid_over_the_grid",
    "A grid that comes back makes a new grid beside the orders of the old one.",
    (K.ACTOR_CRASH, K.KILL, K.SUPERVISOR_CRASH),
)


@forgetful.replaces("actors.modes.grid:Grid.on_resume")
def _forgetful(original, self, resume):
    if self._state is not None:
        original(self, resume)
    elif resume.open_orders:
        strike()


@forgetful.replaces("actors.modes.grid:Grid.on_book")
def _new_grid(original, self, top):
    if self._state is None:
        self._keep(self._new_state(top))
    original(self, top)


@forgetful.replaces("actors.modes.grid:Grid._cancel_strangers")
def _no_stranger(_original, self, stranger):
    if any(stranger(order) for order in self.open_orders):
        strike()


ALL = (twice, partial, trade_id, floats, forgetful)
