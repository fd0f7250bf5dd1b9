"""What one test has asked for so far, so that its fixtures find each other: which clock, which world, which sockets.

Kept in the test item's stash by `plugin.py`; a new one for each run of the test, so for each seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ganglion.bot.pytest_plugin.clock import Clock
    from ganglion.bot.pytest_plugin.local_venue import LocalVenue
    from ganglion.simulation.world.world import World

SOCKETS_REFUSED = (
    "clock and venue_server can't be used in one test.\n"
    "`clock` stops the time of this process; a venue behind a real socket lives in another process whose time goes on. "
    "The venue would refuse requests that are signed with a stopped time as too old, and no timeout of a client, no "
    "keep-alive and no rate limit could ever end, because they wait for this process's time.\n"
    "Use `clock` with `venue` or `world` (both in virtual time), or `venue_server` without `clock` (its own clock can "
    "be set off: venue_server.control.clock(skew_ms=...))."
)


@dataclass
class Scene:
    """What one run of one test uses."""

    clock: Clock | None = None
    world: World | None = None
    venues: list[LocalVenue] = field(default_factory=list)
    sockets: bool = False
    failed: bool = False

    def open_sockets(self) -> None:
        """A venue behind real sockets is wanted; fails the test where time stands still."""
        self.sockets = True
        if self.clock is not None:
            pytest.fail(SOCKETS_REFUSED, pytrace=False)

    def stop_time(self) -> None:
        """A stopped clock is wanted; fails the test where there are real sockets."""
        if self.sockets:
            pytest.fail(SOCKETS_REFUSED, pytrace=False)


SCENE = pytest.StashKey[Scene]()


def scene_of(item: pytest.Item) -> Scene:
    """The scene of the test that runs."""
    return item.stash.setdefault(SCENE, Scene())
