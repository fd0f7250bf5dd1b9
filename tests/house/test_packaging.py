"""The distribution as others get it: a plain install, an editable one and a wheel, each in an
environment of its own, used from another working directory."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.house.rooms import ROOMS, ROOT, name_of, sources

pytestmark = pytest.mark.packaging


# Imports every module of the rooms and prints where each came from.
IMPORT_ALL = """
import importlib, pkgutil
for room in {rooms}:
    package = importlib.import_module(f"ganglion.{{room}}")
    print(package.__name__, package.__file__)
    for found in pkgutil.walk_packages(package.__path__, f"{{package.__name__}}."):
        if not found.name.endswith("__main__"):  # those are run, not imported
            print(found.name, importlib.import_module(found.name).__file__)
"""

LOAD_MODES = """
from importlib.metadata import entry_points
for point in entry_points(group="ganglion.modes"):
    print(point.name, point.load().__name__)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """The command's output; its whole conversation if it fails."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Environment:
    """A fresh virtual environment that finds the dependencies, and only those, where we have them.

    A `.pth` line adds our site-packages without running the `.pth` files in it, so that our own
    editable install stays out of sight.
    """

    def __init__(self, folder: Path) -> None:
        run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
        self.bin = folder / "bin"
        self.folder = folder
        (site,) = (folder / "lib").glob("python*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def install(self, *what: str | Path, cwd: Path) -> None:
        run(self.bin / "pip", "install", "--quiet", "--no-deps", *what, cwd=cwd)

    def modules(self, cwd: Path) -> dict[str, Path]:
        """Every module of the rooms -> the file it was imported from."""
        output = run(self.bin / "python", "-c", IMPORT_ALL.format(rooms=ROOMS), cwd=cwd)
        return {name: Path(file) for name, file in (line.split(" ", 1) for line in output.splitlines())}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a clone has, so that building leaves nothing behind in ours."""
    folder = tmp_path_factory.mktemp("checkout")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    # What must NOT be packed lies beside it, as in a clone.
    shutil.copytree(ROOT / "tests" / "house", folder / "tests" / "house")
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip")
    run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", target, checkout, cwd=target)
    (built,) = target.glob("ganglion-*.whl")
    return built


@pytest.fixture(scope="module", params=["plain", "editable", "wheel"])
def installed(
    request: pytest.FixtureRequest, checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Environment, Path]:
    """An environment, and the folder that its modules have to come from."""
    environment = Environment(tmp_path_factory.mktemp(request.param) / "environment")
    if request.param == "editable":
        environment.install("--editable", ".", cwd=checkout)
        return environment, checkout
    what = "." if request.param == "plain" else request.getfixturevalue("wheel")
    environment.install(what, cwd=checkout)
    return environment, environment.folder


def expected_modules() -> set[str]:
    return {
        "ganglion." + name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in sources()
        if path.name != "__main__.py"
    }


def test_every_module_imports_from_another_folder_and_from_where_it_was_installed(
    installed: tuple[Environment, Path], tmp_path: Path
):
    environment, origin = installed
    modules = environment.modules(cwd=tmp_path)
    assert modules.keys() == expected_modules()
    strays = {name: file for name, file in modules.items() if not file.is_relative_to(origin)}
    assert not strays


def test_the_rooms_do_not_land_at_the_top_of_site_packages(installed: tuple[Environment, Path], tmp_path: Path):
    environment, _ = installed
    code = (
        "import importlib.util, sys; "
        f"sys.exit(str([room for room in {ROOMS} if importlib.util.find_spec(room)] or '') or 0)"
    )
    run(environment.bin / "python", "-c", code, cwd=tmp_path)


def test_the_command_answers_from_another_folder(installed: tuple[Environment, Path], tmp_path: Path):
    environment, _ = installed
    assert "ganglion" in run(environment.bin / "ganglion", "--help", cwd=tmp_path)


def test_every_mode_that_is_announced_loads(installed: tuple[Environment, Path], tmp_path: Path):
    environment, _ = installed
    modes = run(environment.bin / "python", "-c", LOAD_MODES, cwd=tmp_path).split()[::2]
    assert sorted(modes) == ["grid", "market_making"]


def test_the_wheel_holds_the_rooms_and_nothing_else(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    packed = {name for name in names if ".dist-info/" not in name}
    rooms = {f"ganglion/{name_of(path)}" for path in sources()}
    assert rooms <= packed
    # Anything beside the sources is data of a room, never a test or a stray folder.
    assert {name.split("/")[0] for name in packed} == {"ganglion"}
    assert {name.split("/")[1] for name in packed} == set(ROOMS)


def test_the_wheel_says_that_it_is_typed_and_under_which_licence(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"ganglion/{room}/py.typed" for room in ROOMS} <= {*names}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
