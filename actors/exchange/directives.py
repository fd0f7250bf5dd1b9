"""What a failure means: pure look-up in the error table, and the verdict on a failed place.

The exchange actor asks; nothing here has state, a clock or I/O.
"""

from __future__ import annotations

from typing import NamedTuple

from ganglion.actors.exchange.error_table import BY_CLASS, Cell, Row, Verb
from ganglion.messages.lifecycle import Failure, Operation
from ganglion.messages.orders import Phase, PlaceVerdict


class Directive(NamedTuple):
    """What to do about one failure: all of `verbs`, and the table's reason."""

    verbs: tuple[Verb, ...]
    why: str

    def says(self, verb: Verb) -> bool:
        """Whether `verb` is among them."""
        return verb in self.verbs


def row_of(failure: Failure) -> Row:
    """The row of a failure: by class name, then by its bases, nearest first; `BaseException` at last."""
    for name in (failure.error, *failure.bases):
        row = BY_CLASS.get(name)
        if row is not None:
            return row
    return BY_CLASS["BaseException"]


def directive_for(failure: Failure, *, streak: int = 1) -> Directive:
    """What to do about `failure`, the `streak`-th of its operation in a row (1 is the first)."""
    row = row_of(failure)
    cell = _cell(row, failure.operation)
    exhausted = cell.tries is not None and streak > cell.tries
    return Directive(cell.after if exhausted else cell.verbs, row.why)


def place_verdict(
    failure: Failure, *, resent: bool, gateway_refused: bool = False, repeats_fail_by_nonce: bool = False
) -> PlaceVerdict:
    """What a failed attempt proves about its order.

    Lacking funds may be the echo of an order that is Unknown: that the order line judges, which knows them.

    Args:
        failure: How the attempt failed, with the phase that hooks around the send saw.
        resent: An earlier attempt of the same intent was maybe_sent: a refusal then speaks of this
            attempt only, because the earlier one may be what it collides with.
        gateway_refused: This venue answers rate limits before matching (per-venue data).
        repeats_fail_by_nonce: A proxy that asked twice gets this refusal for the second, and the order may stand.
    """
    if failure.phase == Phase.BEFORE_SEND:
        return PlaceVerdict.DENIED
    if failure.phase != Phase.AFTER_REPLY or resent:
        return PlaceVerdict.RECONCILE
    row = row_of(failure)
    verbs = row.place.verbs
    if row.error in {"DDoSProtection", "RateLimitExceeded"} and gateway_refused:
        return PlaceVerdict.REJECTED
    if row.error == "InvalidNonce" and repeats_fail_by_nonce:
        return PlaceVerdict.RECONCILE
    if Verb.REJECT in verbs or Verb.DENY in verbs:
        return PlaceVerdict.REJECTED
    return PlaceVerdict.RECONCILE


def _cell(row: Row, operation: Operation) -> Cell:
    if operation is Operation.STREAM:
        return row.stream
    if operation is Operation.PLACE:
        return row.place
    if operation in {Operation.CANCEL, Operation.AMEND}:
        return row.cancel
    return row.read
