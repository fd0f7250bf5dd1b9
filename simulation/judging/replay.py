"""I14: the journal makes the very ledger that the live order line has, field by field.

Called by the world at quiescent points: whatever was recorded has reached the log, or both sides would differ by what
is on its way. Reading a log is pure but for what it notes about damage, which is put back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal

import msgspec

from ganglion.actors.trading.journal import Log
from ganglion.actors.trading.orders.checkpoint import restore, unlike
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.messages.journal import Append, Checkpoint
from ganglion.messages.lifecycle import CellState, Violation
from ganglion.supervision import System

_MISSING = object()


def quiescent(system: System, journal: str) -> bool:
    """Whether nothing that was recorded is still on its way to the journal actor at this path."""
    cell = system.find(journal)
    if cell is None or cell.state is not CellState.RUNNING or cell.stashed():
        return False
    return not any(isinstance(item[1], Append | Checkpoint) for item in system.core.queue)


def judge_replay(log: Log, account: str, live: Ledger) -> list[Violation]:
    """Judge I14 for one account at a quiescent point.

    Costs what a start costs: every record since the newest checkpoint is applied again.
    """
    if log.failure:
        return []  # it says itself that it can't be believed; the account is halted for it
    found = log.read(account)
    if found.flaw:
        log.failure = ""  # reading notes it for the next append; it was our look, not theirs
        text = f"the journal can't be read back while it is written: {found.flaw}"
        return [Violation("I14", account, text)]
    journaled, trouble = restore(account, found.checkpoint, found.records)
    what = f"{len(found.records)} records" + (" behind a checkpoint" if found.checkpoint else "")
    if trouble:
        return [Violation("I14", account, f"{what} of the journal make no ledger: {trouble}")]
    names = unlike(live, journaled)
    if not names:
        return []
    first = first_difference(getattr(live, names[0]), getattr(journaled, names[0]), names[0])
    return [
        Violation(
            "I14",
            account,
            f"{what} make another ledger than the live one: {first} (fields that differ: {', '.join(names)})",
        )
    ]


def first_difference(live: object, journaled: object, path: str) -> str:
    """Where two values part first, both sides named; empty where they are equal, order of keys included."""
    if type(live) is not type(journaled):
        return _said(path, live, journaled)
    if isinstance(live, Mapping) and isinstance(journaled, Mapping):
        return _in_mappings(live, journaled, path)
    if isinstance(live, list | tuple) and isinstance(journaled, list | tuple):
        for place in range(max(len(live), len(journaled))):
            mine = live[place] if place < len(live) else _MISSING
            theirs = journaled[place] if place < len(journaled) else _MISSING
            if text := first_difference(mine, theirs, f"{path}[{place}]"):
                return text
        return ""
    names = _names_of(live)
    for name in names:
        if text := first_difference(getattr(live, name), getattr(journaled, name), f"{path}.{name}"):
            return text
    if names:
        return ""
    # As the journal keeps it: 1.0 and 1.00 are two texts of one amount.
    same = str(live) == str(journaled) if isinstance(live, Decimal) else live == journaled
    return "" if same else _said(path, live, journaled)


def _in_mappings(live: Mapping[object, object], journaled: Mapping[object, object], path: str) -> str:
    for key in live:
        theirs = journaled.get(key, _MISSING)
        if text := first_difference(live[key], theirs, f"{path}[{_key(key)}]"):
            return text
    for key in journaled:
        if key not in live:
            return _said(f"{path}[{_key(key)}]", _MISSING, journaled[key])
    for mine, theirs in zip(live, journaled, strict=True):
        if mine != theirs:
            return f"{path} is in another order: live {_key(mine)} where the journal has {_key(theirs)}"
    return ""


def _names_of(value: object) -> tuple[str, ...]:
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(field.name for field in fields(value))
    return ()


def _key(key: object) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _said(path: str, live: object, journaled: object) -> str:
    return f"{path} is {_brief(live)}, the journal makes {_brief(journaled)}"


def _brief(value: object) -> str:
    if value is _MISSING:
        return "missing"
    text = str(value) if isinstance(value, str | Decimal) else repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
