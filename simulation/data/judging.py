"""Judges drafts and joins those of one series: order, doubles, impossible rows, the grid of bars, gaps.

The policy: gaps are told and allowed; a row that says the same as another is dropped and counted; rows that conflict,
go back in time or can't be are errors, or with `on_bad="skip"` left out and counted. Used by reading.py; pure.
"""

from __future__ import annotations

import itertools
import operator
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from ganglion.actors.market.candles.timeframe import Timeframe, TimeframeError
from ganglion.simulation.data.columns import (
    UNKNOWN,
    Bars,
    BookDeltas,
    Facts,
    Gap,
    Series,
    Trades,
    length_of,
    timeframe_of,
)
from ganglion.simulation.data.drafts import Draft, OnBad
from ganglion.simulation.data.errors import DataError, DataFileError, DataRowError, MixedDataError
from ganglion.simulation.data.plausible import impossible, plausible
from ganglion.simulation.data.times import show, show_length

SAME_RUN: Final = 30
"""So many steps of one other length in a row are no gaps but another timeframe."""
SKIP: Final = 'or leave such rows out with on_bad="skip"'


class Judge:
    """Makes one series of the drafts of one key."""

    def __init__(self, drafts: Sequence[Draft], on_bad: OnBad, *, keep_ids: bool = False) -> None:
        """Take the drafts; each is judged by itself first."""
        self._on_bad = on_bad
        self._keep_ids = keep_ids
        self._skipped = sum(draft.skipped for draft in drafts)
        self._duplicates = 0
        self._notes = [note for draft in drafts for note in draft.notes]
        for draft in drafts:
            if draft.time_ms:
                self._straighten(draft)
                self._check_rows(draft)
        self._drafts = sorted((draft for draft in drafts if draft.time_ms), key=lambda draft: draft.time_ms[0])
        self._gaps = [gap for draft in drafts for gap in draft.gaps]
        self._incomplete = sum(draft.incomplete for draft in drafts)

    def series(self, timeframe: str | None) -> Series | None:
        """The series; None where no row is left.

        Args:
            timeframe: of bars, where the caller knows.

        Raises:
            DataRowError: rows conflict.
            MixedDataError: rows belong to different series.
        """
        if not self._drafts:
            return None
        kind = self._drafts[0].key.kind
        whole = self._joined()
        if kind == "bars":
            return self._bars(whole, timeframe)
        if kind == "trades":
            return self._trades(whole)
        return self._book(whole)

    # -------------------------------------------------------------- each file

    def _straighten(self, draft: Draft) -> None:
        """See to it that times never go back."""
        times = draft.time_ms
        if _ascending(times):
            return
        if all(map(operator.ge, times, itertools.islice(times, 1, None))) and draft.key.kind != "book":
            draft.keep(range(len(times) - 1, -1, -1))
            self._notes.append(f"{draft.file}: the newest row came first; turned round")
            return
        rows, newest = [], times[0]
        for row, time in enumerate(times):
            if time >= newest:
                newest = time
                rows.append(row)
            elif self._on_bad == "error":
                raise DataRowError(
                    draft.file,
                    f"goes back in time: {show(time)} after {show(times[row - 1])}",
                    f"sort the file by time, {SKIP}",
                    draft.lines[row],
                )
        self._leave_out(draft, rows)

    def _check_rows(self, draft: Draft) -> None:
        """See to it that every row can be."""
        if plausible(draft):
            return
        rows = []
        for row in range(len(draft.time_ms)):
            wrong = impossible(draft, row)
            if not wrong:
                rows.append(row)
            elif self._on_bad == "error":
                raise DataRowError(draft.file, wrong, f"correct the row, or remove it, {SKIP}", draft.lines[row])
        self._leave_out(draft, rows)

    def _leave_out(self, draft: Draft, rows: Sequence[int]) -> None:
        self._skipped += len(draft.time_ms) - len(rows)
        draft.keep(rows)

    # -------------------------------------------------------------- all files

    def _joined(self) -> Draft:
        """All drafts as one; files that overlap are merged where a double can be known for one."""
        whole = self._drafts[0]
        if len(self._drafts) == 1:
            return whole
        overlaps = False
        told = [bool(draft.ids) and not draft.ours for draft in self._drafts]
        before = whole
        for after in self._drafts[1:]:
            if after.time_ms[0] > before.time_ms[-1]:
                before = after
                continue
            if whole.key.kind != "bars" and not all(told) and after.time_ms[0] < before.time_ms[-1]:
                raise MixedDataError(
                    after.file,
                    f"begins at {show(after.time_ms[0])}, before {before.file} ends ({show(before.time_ms[-1])}), "
                    "and doubles can't be told by ids",
                    "remove what is twice, or read one of them",
                )
            overlaps = True
            before = max(before, after, key=lambda draft: draft.time_ms[-1])
        joined = _concatenated(self._drafts)
        if overlaps:
            joined.keep(sorted(range(len(joined.time_ms)), key=joined.time_ms.__getitem__))
        return joined

    def _where(self, whole: Draft, row: int) -> tuple[str, int]:
        """File and line of a row."""
        if len(self._drafts) == 1:
            return whole.file, whole.lines[row]
        time = whole.time_ms[row]
        for draft in reversed(self._drafts):
            if draft.time_ms[0] <= time <= draft.time_ms[-1] and whole.lines[row] in draft.lines:
                return draft.file, whole.lines[row]
        return whole.file, whole.lines[row]

    def _error(self, kind: type[DataError], whole: Draft, row: int, text: str, todo: str) -> DataError:
        file, line = self._where(whole, row)
        return kind(file, text, todo, line)

    def _facts(self) -> Facts:
        return Facts(
            tuple(dict.fromkeys(draft.file for draft in self._drafts)),
            tuple(_united(self._gaps)),
            self._duplicates,
            self._skipped,
            self._incomplete,
            list(dict.fromkeys(self._notes)),
        )

    # -------------------------------------------------------------- bars

    def _bars(self, whole: Draft, timeframe: str | None) -> Bars:
        self._drop_double_bars(whole)
        found = timeframe or whole.key.timeframe or self._guess(whole)
        try:
            frame = Timeframe(found)
        except TimeframeError as error:
            raise DataFileError(whole.file, str(error), "name the timeframe of the bars") from None
        length = length_of(found)
        if found[-1] not in "My":
            self._keep_to_the_grid(whole, length, found)
        self._find_gaps(whole, length, frame)
        open_, high, low, close, volume = whole.numbers
        return Bars(
            whole.key.exchange,
            whole.key.symbol,
            found,
            length,
            whole.time_ms,
            open_,
            high,
            low,
            close,
            volume,
            self._facts(),
        )

    def _drop_double_bars(self, whole: Draft) -> None:
        times = whole.time_ms
        if not any(map(operator.eq, times, itertools.islice(times, 1, None))):
            return
        rows = [0]
        for row in range(1, len(times)):
            kept = rows[-1]
            if times[row] != times[kept]:
                rows.append(row)
            elif all(column[row] == column[kept] for column in whole.numbers):
                self._duplicates += 1
            elif self._on_bad == "skip":
                self._skipped += 1
            else:
                said = "/".join(f"{column[kept]:g}" for column in whole.numbers)
                text = f"a second bar opens at {show(times[row])} and says something else than {said} before it"
                raise self._error(DataRowError, whole, row, text, f"remove one of the two, {SKIP}")
        whole.keep(rows)

    def _guess(self, whole: Draft) -> str:
        """The timeframe that most steps have."""
        steps = Counter(_steps(whole.time_ms))
        if not steps:
            raise DataFileError(whole.file, "one bar does not tell its timeframe", "name it")
        most = max(steps.values())
        length = min(step for step, count in steps.items() if count == most)
        found = timeframe_of(length)
        if not found:
            raise DataFileError(whole.file, f"bars {length} ms apart are of no timeframe", "name it")
        self._notes.append(f"{whole.file}: taken for bars of {found}, as most of them are {show_length(length)} apart")
        return found

    def _keep_to_the_grid(self, whole: Draft, length: int, found: str) -> None:
        """Bars of one timeframe open at multiples of its length, counted from any of them."""
        phases = Counter(time % length for time in whole.time_ms)
        ((phase, _),) = phases.most_common(1)
        if len(phases) == 1:
            self._look_for_another_timeframe(whole, length, found)
            return
        rows = []
        for row, time in enumerate(whole.time_ms):
            if time % length == phase:
                rows.append(row)
            elif self._on_bad == "error":
                text = f"a bar opens at {show(time)}, between those of {found} of which the rest is"
                todo = f"give each timeframe a file of its own, {SKIP}"
                raise self._error(MixedDataError, whole, row, text, todo)
        self._skipped += len(whole.time_ms) - len(rows)
        whole.keep(rows)

    def _look_for_another_timeframe(self, whole: Draft, length: int, found: str) -> None:
        row = 0
        for step, run in itertools.groupby(_steps(whole.time_ms)):
            count = sum(1 for _ in run)
            if step > length and count >= SAME_RUN and step % length == 0:
                text = f"{count} bars {show_length(step)} apart begin here, and those of the rest are of {found}"
                todo = "give each timeframe a file of its own"
                raise self._error(MixedDataError, whole, row, text, todo)
            row += count

    def _find_gaps(self, whole: Draft, length: int, frame: Timeframe) -> None:
        times = whole.time_ms
        calendar = frame.text[-1] in "My"
        if not calendar and len(times) > 1 and times[-1] - times[0] == (len(times) - 1) * length:
            return
        for row in range(1, len(times)):
            expected = frame.end_ms_of(times[row - 1]) if calendar else times[row - 1] + length
            if times[row] > expected:
                file, line = self._where(whole, row)
                missing = (times[row] - expected) // length or 1
                reason = f"{missing} bar{'s' if missing != 1 else ''} missing"
                self._gaps.append(Gap(expected, times[row], reason, file, line))

    # -------------------------------------------------------------- trades, books

    def _trades(self, whole: Draft) -> Trades:
        ids = whole.ids if len(whole.ids) == len(whole.time_ms) else []
        if ids and not whole.ours and len(set(ids)) != len(ids):
            self._drop_double_trades(whole)
        price, amount = whole.numbers
        return Trades(
            whole.key.exchange,
            whole.key.symbol,
            whole.time_ms,
            price,
            amount,
            whole.side or bytearray(len(whole.time_ms)),
            whole.ids if ids and self._keep_ids else None,
            self._facts(),
        )

    def _drop_double_trades(self, whole: Draft) -> None:
        seen: dict[str, int] = {}
        rows = []
        for row, known in enumerate(whole.ids):
            before = seen.setdefault(known, row)
            if before == row or not known:
                rows.append(row)
            elif _trade(whole, before) == _trade(whole, row):
                self._duplicates += 1
            elif self._on_bad == "skip":
                self._skipped += 1
            else:
                text = (
                    f"trade {known!r} came before ({self._where(whole, before)[1]}) with another time, price or amount"
                )
                raise self._error(DataRowError, whole, row, text, f"remove the wrong one, {SKIP}")
        whole.keep(rows)

    def _book(self, whole: Draft) -> BookDeltas:
        rows = len(whole.time_ms)
        first = whole.first or bytearray(rows)
        # Elsewhere every row of a snapshot is marked, here its first one; two of one millisecond are two in ours only.
        row = -1 if whole.ours else first.rfind(1)
        while row > 0:
            if first[row - 1] and whole.time_ms[row] == whole.time_ms[row - 1]:
                first[row] = 0
            row = first.rfind(1, 0, row)
        if 1 not in first:
            self._notes.append(f"{whole.file}: no snapshot in it; the book begins empty")
        price, amount = whole.numbers
        return BookDeltas(
            whole.key.exchange, whole.key.symbol, whole.time_ms, whole.side, price, amount, first, self._facts()
        )


# ------------------------------------------------------------------ pieces


def _ascending(times: Sequence[int]) -> bool:
    return all(map(operator.le, times, itertools.islice(times, 1, None)))


def _steps(times: Sequence[int]) -> Iterable[int]:
    return map(operator.sub, itertools.islice(times, 1, None), times)


def _united(gaps: Iterable[Gap]) -> list[Gap]:
    """Gaps in their order, those that overlap as one."""
    found: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: (gap.from_ms, gap.to_ms)):
        before = found[-1] if found else None
        if before is None or gap.from_ms >= before.to_ms:
            found.append(gap)
        elif gap.to_ms > before.to_ms:
            found[-1] = Gap(before.from_ms, gap.to_ms, f"{before.reason}, {gap.reason}", before.file, before.line)
    return found


def _trade(whole: Draft, row: int) -> tuple[float, ...]:
    side = whole.side[row] if whole.side else UNKNOWN
    return (whole.time_ms[row], *(column[row] for column in whole.numbers), side)


def _concatenated(drafts: Sequence[Draft]) -> Draft:
    first = drafts[0]
    whole = Draft(first.key, first.file, numbers=[array("d") for _ in first.numbers])
    whole.ours = all(draft.ours for draft in drafts)
    with_ids = all(draft.ids for draft in drafts)
    for draft in drafts:
        rows = len(draft.time_ms)
        whole.time_ms.extend(draft.time_ms)
        whole.lines.extend(draft.lines)
        for column, more in zip(whole.numbers, draft.numbers, strict=True):
            column.extend(more)
        whole.side += draft.side or bytearray(rows)
        whole.first += draft.first or bytearray(rows)
        if with_ids:
            whole.ids += draft.ids
    return whole
