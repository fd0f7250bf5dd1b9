"""What a failing test says about its seed and its world, below the failure itself."""

from __future__ import annotations

import os
import shlex

import pytest

from ganglion.bot.pytest_plugin.scene import scene_of
from ganglion.bot.pytest_plugin.seeds import RUNS, seed_of

_TITLE = "ganglion"


def explain(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add the section to a failed report; where the failure is plain text it becomes a captured section."""
    scene_of(item).failed = True
    text = "\n".join([*_seed_lines(item), *_world_lines(item)])
    add = getattr(report.longrepr, "addsection", None)
    if add is None:
        report.sections.append((_TITLE, text))
    else:
        add(_TITLE, text)


def replay_line(item: pytest.Item) -> str:
    """The command that runs this test with this seed and nothing else."""
    file, colons, name = str(item.nodeid).partition("::")
    place = os.path.relpath(item.config.rootpath / file, item.config.invocation_params.dir) + colons + name
    return f"pytest {shlex.quote(place)} --ganglion-seed {seed_of(item)}"


def _seed_lines(item: pytest.Item) -> list[str]:
    number, count = item.stash.get(RUNS, (1, 1))
    which = f" (number {number} of {count}, the first that did)" if count > 1 else ""
    return [f"seed {seed_of(item)} failed{which}; to replay it:", f"    {replay_line(item)}"]


def _world_lines(item: pytest.Item) -> list[str]:
    world = scene_of(item).world
    if world is None:
        return []
    from ganglion.bot.pytest_plugin.worlds import described  # noqa: PLC0415  imports a world

    return described(world)
