"""The order book as a plain value: levels, sequence, best bid and ask. No clock, no I/O, no actor.

The order book actor owns one and feeds it; benchmarks, backtests and tests use it as it is. Prices and
sizes are floats. Per side a dict price -> size and a sorted list of keys with the BEST price last: most
changes happen near the best price, where inserting into and deleting from a list moves little memory.
"""

from __future__ import annotations

import enum
import sys
from bisect import bisect_left, insort

from ganglion.messages.market import BookDelta, BookSnapshot, Levels


class Applied(enum.Enum):
    """What a snapshot or a delta did to the book."""

    TOP = "top"
    """Applied: a best price or the size at it changed; the book is whole and uncrossed."""

    DEEPER = "deeper"
    """Applied: both best levels are what they were; the book is whole and uncrossed."""

    OLD = "old"
    """Ignored: the book already contains it."""

    GAP = "gap"
    """Refused: something between the book and this delta is missing, or there is no book yet."""

    CROSSED = "crossed"
    """Applied: the best bid is at or above the best ask, which no matching engine leaves standing."""

    ONE_SIDED = "one-sided"
    """Applied: one side, or both, has no level."""


NO_SNAPSHOT = -1
"""The sequence of a book that never had a snapshot: below all numbers of venues, so every delta is a gap."""

# Looked up once: an attribute of an enum class costs as much as a level.
_TOP, _DEEPER, _OLD, _GAP, _CROSSED, _ONE_SIDED = Applied


class OrderBook:
    """One market's order book, kept by snapshots and deltas.

    Sequence rules. A delta applies if its `previous` is the book's `sequence`; this also holds for venues
    without numbers (all 0) and for a venue that restarts its numbering in a delta that follows ours. Else it
    is OLD if it ends at or before the book's sequence, a GAP if it begins after it; and one that spans it
    (previous < sequence of the book < sequence) is applied. That last rule is Binance's for the first event
    after a REST snapshot ("U <= lastUpdateId+1 and u >= lastUpdateId+1"); since sizes are absolute it is
    right for any event.

    Attributes:
        sequence: the venue's number of the last change in it; 0 where the venue has none, NO_SNAPSHOT before
            the first snapshot.
        bid, bid_size, ask, ask_size: the best levels after the last snapshot or delta; 0.0 for an empty side.
        received_s: when the last applied message arrived, by the system's monotonic clock.
    """

    __slots__ = (
        "_ask_keys",
        "_asks",
        "_bid_keys",
        "_bids",
        "_max_levels",
        "_unchanged",
        "ask",
        "ask_size",
        "bid",
        "bid_size",
        "received_s",
        "sequence",
    )

    def __init__(self, max_levels: int | None = None) -> None:
        """Make a book without levels; it waits for a snapshot.

        Args:
            max_levels: how many levels a side are kept, None for all. Farther ones are forgotten for good:
                if the near ones then vanish, the side is short until the venue names the far ones again.

        Raises:
            ValueError: if `max_levels` is below 1.
        """
        if max_levels is not None and max_levels < 1:
            raise ValueError(f"max_levels is {max_levels}: a book keeps at least 1 level a side")
        self._max_levels = max_levels or sys.maxsize
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._bid_keys: list[float] = []  # prices, ascending
        self._ask_keys: list[float] = []  # NEGATED prices, ascending: the best ask is last too
        self._unchanged = _ONE_SIDED  # what a delta did that left both best levels as they were
        self.sequence = NO_SNAPSHOT
        self.bid = self.bid_size = self.ask = self.ask_size = 0.0
        self.received_s = 0.0

    def apply_snapshot(self, snapshot: BookSnapshot) -> Applied:
        """Replace everything by what the snapshot says, whatever its sequence: a venue may restart its numbers.

        Returns:
            TOP, DEEPER, CROSSED or ONE_SIDED.
        """
        self._bids = {price: size for price, size in dict(snapshot.bids).items() if size > 0.0}
        self._asks = {price: size for price, size in dict(snapshot.asks).items() if size > 0.0}
        self._bid_keys = sorted(self._bids)
        self._ask_keys = sorted(-price for price in self._asks)
        _trim(self._bid_keys, self._bids, self._max_levels, 1.0)
        _trim(self._ask_keys, self._asks, self._max_levels, -1.0)
        self.sequence = snapshot.sequence
        self.received_s = snapshot.received_s
        before = (self.bid, self.bid_size, self.ask, self.ask_size)
        self.bid = self._bid_keys[-1] if self._bid_keys else 0.0
        self.bid_size = self._bids.get(self.bid, 0.0)
        self.ask = -self._ask_keys[-1] if self._ask_keys else 0.0
        self.ask_size = self._asks.get(self.ask, 0.0)
        changed = self._changed()
        same = before == (self.bid, self.bid_size, self.ask, self.ask_size)
        return self._unchanged if same else changed

    def apply_delta(self, delta: BookDelta) -> Applied:  # noqa: C901, PLR0912, PLR0915 - see the comment in it
        """Apply all levels of a delta, or none; a size of 0 removes the level, removing an unknown one is no error.

        Returns:
            TOP, DEEPER, CROSSED or ONE_SIDED if it was applied, OLD or GAP if the book is as it was.
        """
        sequence = self.sequence
        if delta.previous != sequence:
            if delta.sequence <= sequence:
                return _OLD
            if delta.previous > sequence:
                return _GAP
        self.sequence = delta.sequence
        self.received_s = delta.received_s
        # Each side's loop stands here, not in a function: a call costs as much as a level. Watching the dict's
        # length tells a new price from a known one with one hash of the float instead of two.
        changed = False
        levels = delta.bids
        if levels:
            sizes, keys = self._bids, self._bid_keys
            known = len(keys)
            for price, size in levels:
                if size > 0.0:
                    sizes[price] = size
                    if len(sizes) != known:
                        insort(keys, price)
                        known += 1
                elif sizes.pop(price, 0.0):
                    del keys[bisect_left(keys, price)]
                    known -= 1
            if known > self._max_levels:
                _trim(keys, sizes, self._max_levels, 1.0)
            best = keys[-1] if keys else 0.0
            best_size = sizes[best] if keys else 0.0
            if best_size != self.bid_size or best != self.bid:
                self.bid, self.bid_size = best, best_size
                changed = True
        levels = delta.asks
        if levels:
            sizes, keys = self._asks, self._ask_keys
            known = len(keys)
            for price, size in levels:
                if size > 0.0:
                    sizes[price] = size
                    if len(sizes) != known:
                        insort(keys, -price)
                        known += 1
                elif sizes.pop(price, 0.0):
                    del keys[bisect_left(keys, -price)]
                    known -= 1
            if known > self._max_levels:
                _trim(keys, sizes, self._max_levels, -1.0)
            best = -keys[-1] if keys else 0.0
            best_size = sizes[best] if keys else 0.0
            if best_size != self.ask_size or best != self.ask:
                self.ask, self.ask_size = best, best_size
                changed = True
        return self._changed() if changed else self._unchanged

    def depth(self, levels: int | None = None) -> tuple[Levels, Levels]:
        """The best `levels` of each side (all for None) as (bids, asks), each best first."""
        bids = self._bid_keys[::-1] if levels is None else self._bid_keys[: -levels - 1 : -1]
        asks = self._ask_keys[::-1] if levels is None else self._ask_keys[: -levels - 1 : -1]
        return (
            tuple((price, self._bids[price]) for price in bids),
            tuple((-key, self._asks[-key]) for key in asks),
        )

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask."""
        return bool(self._bid_keys and self._ask_keys) and self._bid_keys[-1] >= -self._ask_keys[-1]

    @property
    def levels(self) -> tuple[int, int]:
        """How many bid and ask levels are known."""
        return len(self._bid_keys), len(self._ask_keys)

    def _changed(self) -> Applied:
        """Say whether the new best levels can be decided on."""
        if not self.bid_size or not self.ask_size:
            self._unchanged = _ONE_SIDED
        elif self.bid < self.ask:
            self._unchanged = _DEEPER
            return _TOP
        else:
            self._unchanged = _CROSSED
        return self._unchanged


def _trim(keys: list[float], sizes: dict[float, float], max_levels: int, sign: float) -> None:
    """Forget the levels of a side that are farther from its best than the bound allows."""
    excess = len(keys) - max_levels
    if excess > 0:
        for key in keys[:excess]:
            del sizes[key * sign]
        del keys[:excess]
