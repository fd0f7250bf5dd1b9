"""The plugin as others get it: the wheel with its extra `test` in a fresh environment, used by a project elsewhere."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from tests.house.rooms import ROOMS, ROOT

pytestmark = pytest.mark.packaging
PROJECT = Path(__file__).with_name("small_project")


def run(*command: str | Path, cwd: Path) -> str:
    """The command's output; its whole conversation if it fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST"))}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def required(wheel: Path, extra: str) -> Iterator[Requirement]:
    """What the wheel itself says that it needs with this extra."""
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    return _wanted(metadata.get_all("Requires-Dist") or [], {extra})


def _wanted(lines: list[str], extras: set[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield requirement


def closure(requirements: Iterator[Requirement]) -> list[Distribution]:
    """These and all that they need in turn, from what is installed here."""
    found: dict[str, Distribution] = {}
    left = list(requirements)
    while left:
        requirement = left.pop()
        known = distribution(requirement.name)
        name = known.metadata["Name"]
        if name not in found or requirement.extras:
            found[name] = known
            left += _wanted(known.requires or [], set(requirement.extras))
    return list(found.values())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    target = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", target, folder, cwd=target)
    (built,) = target.glob("ganglion-*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """Has what the wheel and its extra name, and what those need: linked from here, so that no index is asked."""
    folder = tmp_path_factory.mktemp("fresh") / "environment"
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    (site,) = (folder / "lib").glob("python*/site-packages")
    ours = Path(sysconfig.get_path("purelib"))
    for known in closure(required(wheel, "test")):
        for top in {file.parts[0] for file in known.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            if not (site / top).exists():
                (site / top).symlink_to(ours / top)
    run(folder / "bin" / "pip", "install", "--quiet", "--no-index", f"ganglion[test] @ {wheel.as_uri()}", cwd=folder)
    return folder


def test_the_extra_names_everything_that_the_plugin_needs(environment):
    run(environment / "bin" / "pip", "check", cwd=environment)
    installed = run(environment / "bin" / "pip", "list", "--format=freeze", cwd=environment)
    assert "freezegun==" in installed
    assert "xdist" not in installed, "what only our own development needs is not there"


def test_a_project_elsewhere_uses_every_fixture(environment, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    output = run(environment / "bin" / "python", "-m", "pytest", "-rA", "--strict-markers", cwd=project)
    assert "0 failed" not in output
    passed = {line.rpartition("::")[2] for line in output.splitlines() if line.startswith("PASSED")}
    assert passed == {
        "test_clock",
        "test_seeds",
        "test_venue",
        "test_venue_server[binance]",
        "test_venue_server[kraken]",
        "test_world",
    }


def test_the_plugin_comes_from_the_environment_and_is_named_by_its_entry_point(environment, tmp_path):
    code = (
        "import ganglion.bot.pytest_plugin.plugin as plugin; from importlib.metadata import entry_points; "
        "(point,) = entry_points(group='pytest11', name='ganglion'); print(point.value, plugin.__file__)"
    )
    value, file = run(environment / "bin" / "python", "-c", code, cwd=tmp_path).split()
    assert value == "ganglion.bot.pytest_plugin.plugin"
    assert Path(file).is_relative_to(environment)
