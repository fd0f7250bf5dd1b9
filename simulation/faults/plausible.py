"""Which ccxt classes a venue could answer a request with, taken from the exchange room's error table.

Pure. A venue that lies with proof in its hand is not simulated: no order can be safe with one that applies an order
and answers that it was refused before matching.
"""

from __future__ import annotations

import functools

from ganglion.actors.exchange.error_table import PYTHON_ERRORS, TABLE, Cell, Row, Verb
from ganglion.simulation.faults.fault import Requests

OURS = frozenset(
    {
        *PYTHON_ERRORS,
        "ArgumentsRequired",
        "InvalidProxySettings",
        "ExchangeClosedByUser",
        "VenueConfigError",
        "Timeout",
        "ActorDeadError",
        "AssertionError",
        "BaseException",
        "NotSupported",
        "OrderNotCached",
        "UnsubscribeError",
        "ChecksumError",
        "CancelPending",
    }
)
"""Raised on this side of the wire, or by streams only: no venue answers a request so."""
NOT_SPOT = frozenset({"MarginModeAlreadySet", "ContractUnavailable", "InvalidAddress", "AddressPending"})
"""Of contracts, margin and withdrawals."""
PLACE_ONLY = frozenset({"OrderImmediatelyFillable", "OrderNotFillable", "InsufficientFunds"})
"""They speak of an order that is not there yet."""
ORDER_ONLY = frozenset({*PLACE_ONLY, "InvalidOrder", "OrderNotFound"})
"""They speak of an order: no market reading is answered so."""
LIES = frozenset({"NoChange", "DuplicateOrderId"})
"""They say that the effect is there already; refused with one of them, it is not."""
ENDS = frozenset({Verb.HALT, Verb.STOP_VENUE, Verb.STOP_SYMBOL, Verb.STOP_CAPABILITY})
"""Verbs after which only an operator goes on."""
GENTLE_WEIGHT = 4
"""How often a class that a bot trades on after is drawn, for each that ends it: else most seeds would soon be still."""


@functools.cache
def plausible_errors(requests: Requests, *, after: bool) -> tuple[str, ...]:
    """Names of ccxt classes to choose from, those that trading goes on after several times.

    Args:
        requests: which request is answered so.
        after: whether the venue had applied it: then only classes that prove nothing.
    """
    names: list[str] = []
    for row in TABLE:
        if _plausible(row, requests, after=after):
            names += [row.error] * (1 if ENDS & _verbs(_cell(row, requests)) else GENTLE_WEIGHT)
    return tuple(names)


def _plausible(row: Row, requests: Requests, *, after: bool) -> bool:
    elsewhere = ORDER_ONLY if requests in {"market", "all"} else PLACE_ONLY if requests != "place" else frozenset()
    if row.error in OURS | NOT_SPOT | LIES | elsewhere:
        return False
    verbs = _verbs(_cell(row, requests))
    if not verbs or Verb.NONE in verbs:
        return False
    # What a place is refused with on proof must not come after it was applied; a cancel's refusal is never believed.
    return not (after and requests in {"place", "all"} and verbs & {Verb.REJECT, Verb.DENY, Verb.SUCCESS})


def _cell(row: Row, requests: Requests) -> Cell:
    if requests in {"place", "all"}:
        return row.place
    return row.cancel if requests == "cancel" else row.read


def _verbs(cell: Cell) -> frozenset[Verb]:
    return frozenset(cell.verbs + cell.after)
