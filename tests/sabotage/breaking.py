"""What a sabotage is: a name, what it breaks, and replacements of functions that are put in and taken out again.

A replacement names what it takes the place of, `module:Class.method` below `ganglion`. One that is not there any more
is an error, loud and before any world runs: a renamed function must not make a sabotage that sabotages nothing.
"""

from __future__ import annotations

import functools
import importlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ganglion.simulation.faults.fault import FaultKind

STRUCK: Counter[str] = Counter()
"""How often a sabotage made a difference in this process; what is never struck was not tried."""
Replacement = Callable[..., Any]
"""Called with the original, then with what the original was called with."""


class SabotageError(LookupError):
    """A sabotage names something that is not there (any more)."""


def strike() -> None:
    """Note that the running sabotage does something else than the code would have done."""
    STRUCK["times"] += 1


@dataclass(frozen=True)
class Sabotage:
    """One way to break the code."""

    name: str
    text: str
    """What it breaks, in a sentence."""
    kinds: tuple[FaultKind, ...]
    """Faults that it needs to do harm, for a quick hunt; a campaign has them all."""
    replacements: dict[str, Replacement] = field(default_factory=dict)
    """By what they take the place of."""
    expected: str = ""
    """Why a campaign must not find it: what stands behind it. Empty where it must."""

    def replaces(self, target: str) -> Callable[[Replacement], Replacement]:
        """Decorate what takes the place of a function."""

        def take(replacement: Replacement) -> Replacement:
            self.replacements[target] = replacement
            return replacement

        return take

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Break the code while entered.

        Raises:
            SabotageError: what it takes the place of is not there.
        """
        with ExitStack() as stack:
            for target, replacement in self.replacements.items():
                stack.enter_context(replaced(target, replacement))
            yield


@contextmanager
def replaced(target: str, replacement: Replacement) -> Iterator[None]:
    """One function replaced while entered.

    Raises:
        SabotageError: there is no such function.
    """
    owner, name, original = found(target)

    @functools.wraps(original)
    def instead(*args: Any, **kwargs: Any) -> Any:
        return replacement(original, *args, **kwargs)

    setattr(owner, name, instead)
    try:
        yield
    finally:
        setattr(owner, name, original)


def found(target: str) -> tuple[Any, str, Callable[..., Any]]:
    """The owner, name and function that a target means.

    Raises:
        SabotageError: there is no such function.
    """
    module, _, path = target.partition(":")
    try:
        owner: Any = importlib.import_module(f"ganglion.{module}")
    except ImportError as error:
        raise SabotageError(f"{target}: {error}; the sabotage has to follow the code") from error
    *outer, name = path.split(".")
    for step in outer:
        owner = vars(owner).get(step)
        if owner is None:
            raise SabotageError(f"{target}: there is no {step}; the sabotage has to follow the code")
    original = vars(owner).get(name)
    if not callable(original):
        raise SabotageError(f"{target}: {name} is not defined there; the sabotage has to follow the code")
    return owner, name, original
