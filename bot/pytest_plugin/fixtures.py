"""The bodies of the fixtures `clock`, `venue` and `venue_server`; `plugin.py` imports them when a test asks."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import pytest

from ganglion.bot.pytest_plugin.clock import Clock, stopped
from ganglion.bot.pytest_plugin.local_venue import LocalVenue
from ganglion.bot.pytest_plugin.scene import Scene, scene_of
from ganglion.bot.pytest_plugin.servers import VenueServer

Made = TypeVar("Made")


class Venue(LocalVenue):
    """The test's `venue`; calling it makes another one."""

    def __init__(self, scene: Scene, **settings: Any) -> None:
        super().__init__(clock=scene.clock, **settings)
        self._scene = scene
        scene.venues.append(self)

    def __call__(self, **settings: Any) -> LocalVenue:
        """Another venue with settings of its own, in the same time."""
        check_names("venue", LocalVenue, settings)
        made = _made(lambda: LocalVenue(clock=self._scene.clock, **settings), "venue")
        self._scene.venues.append(made)
        return made


class Server(VenueServer):
    """The test's `venue_server`; calling it makes another one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.made: list[VenueServer] = [self]

    def __call__(self, **settings: Any) -> VenueServer:
        """Another local exchange with settings of its own; it ends with the test too."""
        check_names("venue_server", VenueServer, settings)
        made = _made(lambda: VenueServer(**settings), "venue_server")
        self.made.append(made)
        return made


def use_clock(request: pytest.FixtureRequest) -> Iterator[Clock]:
    """Stop this process's time for one test."""
    scene = scene_of(request.node)
    scene.sockets = scene.sockets or "venue_server" in request.fixturenames
    scene.stop_time()
    if "venue" in request.fixturenames and scene.venues:
        pytest.fail("take `clock` before `venue`: this venue was made with a time of its own", pytrace=False)
    clock = scene.clock = Clock()
    if scene.world is not None:
        clock.follow(scene.world)
    with stopped(clock):
        yield clock


def use_venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    """Make the venue of one test, and check its books at the end."""
    if "clock" in request.fixturenames:
        request.getfixturevalue("clock")
    scene = scene_of(request.node)
    settings = _settings(request, "venue", "symbols")
    check_names("venue", LocalVenue, settings)
    venue = _made(lambda: Venue(scene, **settings), "venue")
    yield venue
    for used in scene.venues:
        used.audit()


def use_venue_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Make the server of one test, and end it and those made of it."""
    scene_of(request.node).open_sockets()
    settings = _settings(request, "venue_server", "dialect")
    check_names("venue_server", VenueServer, settings)
    server = _made(lambda: Server(**settings), "venue_server")
    try:
        yield server
    finally:
        for used in server.made:
            used.stop()


def _settings(request: pytest.FixtureRequest, name: str, plain: str) -> dict[str, Any]:
    """Of the marker, and of an indirect parameter, which goes before it."""
    marker = request.node.get_closest_marker(name)
    settings: dict[str, Any] = {}
    if marker is not None:
        if marker.args:
            pytest.fail(f"@pytest.mark.{name} takes settings by name, such as {plain}=...", pytrace=False)
        settings.update(marker.kwargs)
    given = getattr(request, "param", None)
    if given is not None:
        settings.update(given if isinstance(given, dict) else {plain: given})
    return settings


def check_names(fixture: str, kind: type[LocalVenue | VenueServer], settings: Mapping[str, object]) -> None:
    """Fail the test where a setting does not exist, with those that do."""
    names = [name for name in inspect.signature(kind).parameters if name not in _NOT_A_SETTING]
    for unknown in (name for name in settings if name not in names):
        near = difflib.get_close_matches(str(unknown), names, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        pytest.fail(f"{fixture}: there is no setting {unknown!r}{hint}; there are: {', '.join(names)}", pytrace=False)


_NOT_A_SETTING = {"clock"}
"""The test's own, where it has one."""


def _made(make: Callable[[], Made], what: str) -> Made:
    """Make it, or fail the test with the sentence alone."""
    try:
        return make()
    except (TypeError, ValueError) as error:
        pytest.fail(f"{what}: {error}", pytrace=False)
