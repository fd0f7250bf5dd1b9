"""The body of the fixture `world`: which bot, which faults, which seed, and what a failure says about it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from ganglion.bot.config import BotConfig
from ganglion.bot.errors import ConfigError
from ganglion.bot.pytest_plugin.scene import scene_of
from ganglion.bot.recipes import config_of
from ganglion.bot.world import make_world
from ganglion.simulation.faults import Faults, fault_text, read_kinds
from ganglion.simulation.world.world import World

_SHOWN = 12
"""Faults and violations that a failure lists; the replay has all."""


def use_world(request: pytest.FixtureRequest, seed: int) -> Iterator[World]:
    """Make the world of one run of a test; a violated invariant fails the test at its end."""
    item, scene = request.node, scene_of(request.node)
    config, faults = config_for(item), faults_for(item)
    world = scene.world = make_world(config, seed=seed, faults=faults)
    if scene.clock is not None:
        scene.clock.follow(world)
    with _quiet(item.config):
        yield world
    if world.violations and not scene.failed:
        pytest.fail(f"{len(world.violations)} invariants were violated in the world of seed {seed}", pytrace=False)


@contextmanager
def _quiet(config: pytest.Config) -> Iterator[None]:
    """The engine's log from warnings on, while many seeds run; all of it in a replay, or as its user set it up."""
    before, was_configured = structlog.get_config(), structlog.is_configured()
    unfiltered = before["wrapper_class"] is structlog.make_filtering_bound_logger(logging.NOTSET)
    if not unfiltered or config.getoption("--ganglion-seed") is not None:
        yield
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        if was_configured:
            structlog.configure(**before)
        else:
            structlog.reset_defaults()


def config_for(item: pytest.Item) -> BotConfig:
    """What the marker `ganglion_config` names; the default campaign's without one."""
    marker = item.get_closest_marker("ganglion_config")
    if marker is None:
        return config_of()
    if len(marker.args) != 1 or marker.kwargs:
        text = '@pytest.mark.ganglion_config takes one file or one BotConfig: ganglion_config("bot.toml")'
        pytest.fail(text, pytrace=False)
    (given,) = marker.args
    if isinstance(given, BotConfig):
        return given
    places = [item.path.parent / given, item.config.rootpath / given]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        pytest.fail(f"ganglion_config: there is no {' and no '.join(map(str, places))}", pytrace=False)
    return _read(found)


def _read(path: Path) -> BotConfig:
    try:
        return config_of(path.read_text(encoding="utf-8"), str(path))
    except ConfigError as error:
        pytest.fail(str(error), pytrace=False)


def faults_for(item: pytest.Item) -> Faults:
    """What the marker `faults` says; nothing goes wrong without one."""
    marker = item.get_closest_marker("faults")
    if marker is None:
        return Faults.none()
    if marker.kwargs or not marker.args:
        pytest.fail('@pytest.mark.faults takes "swarm", names of kinds, or a Faults', pytrace=False)
    if isinstance(marker.args[0], Faults) and len(marker.args) == 1:
        return marker.args[0]
    if not all(isinstance(name, str) for name in marker.args):
        pytest.fail(f"faults{marker.args}: one Faults, or names: 'swarm', 'reply_lost', 'port'", pytrace=False)
    try:
        if marker.args[0] == "swarm":
            return Faults.swarm(read_kinds(marker.args[1:]))
        return Faults.only(*read_kinds(marker.args))
    except ValueError as error:
        pytest.fail(f"@pytest.mark.faults: {error}", pytrace=False)


def described(world: World) -> list[str]:
    """Where the world stands: its time, its faults so far, and what it violated."""
    lines = [f"its world: {world.now_s:.3f} virtual seconds, {world.steps} steps, trace {world.trace_hash}"]
    lines += _listed("faults that began", [fault_text(fault) for fault in world.plan])
    lines += _listed("violated", [str(violation) for violation in world.violations])
    return lines


def _listed(title: str, entries: list[str]) -> list[str]:
    if not entries:
        return [f"{title}: none"]
    more = f" (the last {_SHOWN} of {len(entries)})" if len(entries) > _SHOWN else ""
    return [f"{title}{more}:", *(f"    {entry}" for entry in entries[-_SHOWN:])]
