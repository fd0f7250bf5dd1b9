"""A process: configuration, wiring, command line. Floor 4: may import all below."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganglion.bot.world import make_world

__all__ = ["make_world"]


def __getattr__(name: str) -> object:
    """Import on demand: the command line starts without the whole engine."""
    if name == "make_world":
        from ganglion.bot.world import make_world  # noqa: PLC0415

        return make_world
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
