"""Maps the root rooms to `ganglion.<room>`; everything else stands in pyproject.toml."""

from setuptools import find_packages, setup

ROOMS = ("messages", "supervision", "actors", "simulation", "bot")

setup(
    package_dir={f"ganglion.{room}": room for room in ROOMS},
    packages=[f"ganglion.{package}" for room in ROOMS for package in find_packages(include=[room, f"{room}.*"])],
    package_data={f"ganglion.{room}": ["py.typed"] for room in ROOMS},
)
