"""What a campaign must have met: every name beforehand, with a sentence, and a count of how often it was.

Parts of the world that make something happen say `sometimes(name)`; situations that only messages tell of are seen by
sights.py. A name that nobody planned is an error: a campaign that can't count it would pass without it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from ganglion.simulation.faults.fault import KINDS, FaultKind

SITUATIONS: dict[str, str] = {
    # orders
    "order unknown": "An order was Unknown: what became of it at the venue could not be told.",
    "unknown order found": "An Unknown order was found at the venue.",
    "unknown order not placed": "An Unknown order was proven absent, and ended as rejected (not placed).",
    "late arrival": "An order that was taken for not placed, or for gone, turned up at the venue after all.",
    "order refused by the venue": "The venue refused an order with proof.",
    "fill before accepted": "A fill came before the venue's answer to the order.",
    "fill after the end was told": "The venue said that an order has ended before all of its fills were known.",
    "cancel of a filled order": "An order was filled while its cancel was on the way.",
    "cancel refused": "A cancel was on its way and the order worked on.",
    "partial fill": "An order was partly filled.",
    "partial fill, then canceled": "An order was canceled with a part of it filled.",
    "synthetic fill": "A fill was inferred from an order's cumulative quantity.",
    "synthetic fill replaced": "The real trade came and took an inferred fill's place.",
    "fill told again": "A reading listed a trade that was counted before, and it was not counted again.",
    # reconciling
    "reconciled with open orders": "An account was reconciled while orders of the bot were open.",
    "missed fill found": "A reconcile found a fill that no stream had told of.",
    "epoch over an order in flight": "A new epoch began while an order was on its way.",
    "connection lost": "An exchange's connection went from Live to anything else.",
    # restarts
    "orders restarted with an order in flight": "The order line restarted while an order was on its way.",
    "portfolio restarted with reservations": "The portfolio restarted while it held funds for open orders.",
    "exchange restarted with open orders": "The exchange actor restarted while orders were open.",
    "mode restarted with open orders": "A trading mode restarted while it had open orders.",
    "orders adopted by a mode": "A mode that came back placed beside the open orders that it had before.",
    "orders cleared by a mode": "A mode that came back canceled the open orders that it had before.",
    "killed with an order in flight": "The process was killed while an order was on its way.",
    "killed with open orders": "The process was killed while orders were open.",
    "torn journal cut": "A journal ended in half a record at a start, which was cut off.",
    "supervisor restarted": "A supervisor restarted, and all below it.",
    # stops and pauses
    "journal halt": "An account was halted because its journal could not be written.",
    "halt by an error": "An account was halted by what its venue answered, or by an invariant.",
    "breaker opened": "A venue's circuit breaker opened, and nothing was placed there.",
    "breaker closed": "It closed again after a probe was answered.",
    "ban obeyed": "A venue asked for silence, and orders were sent again once it was over.",
    # market data
    "book gap": "A book had a hole in its numbers, and was read anew.",
    "book stale": "A book was not decided on, because nothing was heard of it for long.",
    "book whole again": "A book that was lost was decided on again.",
    "book polled": "A book was read by request, in place of its stream.",
    "user stream polled": "Orders and trades were read by request, in place of the user stream.",
    # denials
    "denied: stale_epoch": "A place was refused because its decision was of an older epoch.",
    "denied: expired": "A place was refused because its deadline had passed.",
    "denied: insufficient_funds": "A place was refused because its funds were not there.",
    "denied: not_reconciled": "A place was refused because the account was not reconciled.",
    # Not `denied: paused`: a pause suspends the modes in the same breath, so only a place that waited at a stuck
    # portfolio while the venue asked for silence meets it; no world in five hundred does.
    "denied: halted": "A place was refused because the account was halted.",
    "denied: stale_book": "A place was refused because its book was not fit to decide on.",
    "denied: unknown_order": "A cancel was refused because its order had ended.",
}
"""Situations worth having met, by name. Adding one: a line here, and where it is seen `sometimes(name)`."""


def fault_name(kind: FaultKind) -> str:
    """The counter of a kind of fault."""
    return f"fault:{kind}"


FAULTS: dict[str, str] = {fault_name(kind): KINDS[kind].text for kind in FaultKind}
NAMES: dict[str, str] = {**FAULTS, **SITUATIONS}
"""Every counter of a campaign, and what it counts."""


class CoverageError(KeyError):
    """A name that is not in `NAMES`."""

    def __str__(self) -> str:
        """As it was said: KeyError would show its repr."""
        return str(self.args[0])


class Coverage(Mapping[str, int]):
    """How often each of `NAMES` was met; those that were not count 0."""

    def __init__(self) -> None:
        """Begin with nothing met."""
        self._counts = dict.fromkeys(NAMES, 0)

    def sometimes(self, name: str) -> None:
        """Something that must happen in some run of a campaign has happened in this one.

        Raises:
            CoverageError: nobody planned it; the text names the nearest.
        """
        try:
            self._counts[name] += 1
        except KeyError:
            near = difflib.get_close_matches(name, NAMES, 1)
            hint = f"did you mean {near[0]!r}?" if near else "add it to SITUATIONS"
            raise CoverageError(f"{name!r} is no counter of simulation/judging/coverage.py: {hint}") from None

    def add(self, other: Mapping[str, int]) -> None:
        """Count another run in.

        Raises:
            CoverageError: it counted something that is no name here.
        """
        for name, count in other.items():
            if name not in self._counts:
                raise CoverageError(f"{name!r} is no counter of simulation/judging/coverage.py: another version's run?")
            self._counts[name] += count

    def missing(self, among: Iterable[str] = NAMES) -> tuple[str, ...]:
        """Names that were never met."""
        return tuple(name for name in among if not self._counts[name])

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)
