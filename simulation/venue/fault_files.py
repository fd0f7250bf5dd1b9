"""Faults from a file, with the times at which they are switched on: TOML (`[[fault]]` tables) or a JSON list.

`load` reads and checks the whole file before a venue starts; `Schedule.run` switches the faults on while it runs.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ganglion.simulation.venue.answers import Manners, check_answer
from ganglion.simulation.venue.fault_guide import FaultMistakeError, read_fault
from ganglion.simulation.venue.faults import Fault

TIMES = ("at_s", "every_s", "until_s")


class FaultFileError(ValueError):
    """A file of faults cannot be used: the text names file, line and key."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault and when it is switched on."""

    fault: Fault
    line: int
    at_s: float = 0.0
    """Seconds after the venue's start."""
    every_s: float | None = None
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    raw: dict[str, object]
    line: int
    lines: Mapping[str, int]
    """Where each key stands, as far as that is known."""


class Schedule:
    """The faults of one file."""

    def __init__(self, path: Path, planned: tuple[Planned, ...]) -> None:
        self.path = path
        self.planned = planned

    def check(self, manners: Manners) -> None:
        """Refuse named answers that the dialect does not have.

        Raises:
            FaultFileError: naming file, line and the answers there are.
        """
        for planned in self.planned:
            try:
                check_answer(planned.fault, manners)
            except ValueError as error:
                raise FaultFileError(f"{self.path} line {planned.line}: {error}") from None

    async def run(self, switch_on: Callable[[Fault], object]) -> None:
        """Switch every fault on when its time has come; ends with the last."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        waiting = [(planned.at_s, number, planned) for number, planned in enumerate(self.planned)]
        heapq.heapify(waiting)
        while waiting:
            at_s, number, planned = heapq.heappop(waiting)
            await asyncio.sleep(max(0.0, began + at_s - loop.time()))
            switch_on(planned.fault)
            if planned.every_s is not None:
                again_s = at_s + planned.every_s
                if planned.until_s is None or again_s <= planned.until_s:
                    heapq.heappush(waiting, (again_s, number, planned))


def load(path: Path) -> Schedule:
    """Read a file of faults.

    Raises:
        FaultFileError: naming file, line and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise FaultFileError(f"{path}: can't be read: {why}") from None
    entries = _from_json(path, text) if path.suffix == ".json" else _from_toml(path, text)
    return Schedule(path, tuple(_planned(path, number, entry) for number, entry in enumerate(entries, 1)))


def _planned(path: Path, number: int, entry: _Entry) -> Planned:
    times = {name: _seconds(path, number, entry, name) for name in TIMES if name in entry.raw}
    try:
        fault = read_fault({key: value for key, value in entry.raw.items() if key not in TIMES})
    except FaultMistakeError as error:
        _fail(path, number, entry, error.key, str(error))
    if times.get("every_s") == 0:
        _fail(path, number, entry, "every_s", "every_s = 0 would never end; give the seconds between two times")
    if "until_s" in times and "every_s" not in times:
        _fail(path, number, entry, "until_s", "until_s means nothing without every_s; for how long is `seconds`")
    return Planned(fault, entry.line, times.get("at_s", 0.0), times.get("every_s"), times.get("until_s"))


def _seconds(path: Path, number: int, entry: _Entry, name: str) -> float:
    value = entry.raw[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        _fail(path, number, entry, name, f"{name} = {value!r} is no number of seconds from 0 on")
    return float(value)


def _fail(path: Path, number: int, entry: _Entry, key: str, text: str) -> NoReturn:
    raise FaultFileError(f"{path} line {entry.lines.get(key, entry.line)}: fault {number}: {text}") from None


def _from_toml(path: Path, text: str) -> list[_Entry]:
    try:
        known = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FaultFileError(f"{path}: this is not TOML: {error}") from None
    foreign = [key for key in known if key != "fault"]
    tables = known.get("fault", [])
    if foreign or not isinstance(tables, list):
        found = f"{foreign[0]!r} stands there" if foreign else "`fault` is one table"
        raise FaultFileError(f"{path}: {found}; a file of faults is a list of tables headed [[fault]]")
    found_heads = re.finditer(r"(?m)^[ \t]*\[\[\s*fault\s*\]\]", text)
    heads = [(m.start(), text.count("\n", 0, m.start()) + 1) for m in found_heads]
    if len(heads) != len(tables):
        return [_Entry(table, 1, {}) for table in tables]
    ends = [start for start, _ in heads[1:]] + [len(text)]
    return [
        _Entry(table, line, _key_lines(text[start:end], line))
        for table, (start, line), end in zip(tables, heads, ends, strict=True)
    ]


def _key_lines(block: str, first: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for offset, line in enumerate(block.splitlines()):
        key = re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=", line)
        if key is not None:
            found.setdefault(key.group(1), first + offset)
    return found


def _from_json(path: Path, text: str) -> list[_Entry]:
    try:
        known = json.loads(text)
    except json.JSONDecodeError as error:
        raise FaultFileError(f"{path} line {error.lineno}: this is not JSON: {error.msg}") from None
    if not isinstance(known, list):
        raise FaultFileError(f"{path} line 1: a file of faults is a JSON list of objects")
    entries, decoder, at = [], json.JSONDecoder(), text.index("[") + 1
    for raw in known:
        at = re.compile(r"[\s,]*").match(text, at).end()  # type: ignore[union-attr]  # it matches the empty text too
        _, end = decoder.raw_decode(text, at)
        line = text.count("\n", 0, at) + 1
        if not isinstance(raw, dict):
            raise FaultFileError(f"{path} line {line}: a fault is an object of keys, not {raw!r}")
        entries.append(_Entry(raw, line, _json_key_lines(text[at:end], line)))
        at = end
    return entries


def _json_key_lines(block: str, first: int) -> dict[str, int]:
    return {m.group(1): first + block.count("\n", 0, m.start()) for m in re.finditer(r'"([A-Za-z0-9_-]+)"\s*:', block)}
