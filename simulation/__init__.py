"""A world to test in: venues, faults, campaigns. Floor 3: imports actors and what is below.

    from ganglion.simulation import Faults, World

`World` is given what to build; `ganglion.bot.make_world` makes one of a configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganglion.simulation.faults import Fault, FaultKind, Faults
    from ganglion.simulation.world.world import World

__all__ = ["Fault", "FaultKind", "Faults", "World"]


def __getattr__(name: str) -> object:
    """Import on demand: a local venue server, or a backtest, has no use for worlds."""
    if name == "World":
        from ganglion.simulation.world.world import World  # noqa: PLC0415

        return World
    if name in __all__:
        from ganglion.simulation import faults  # noqa: PLC0415

        found: object = getattr(faults, name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
