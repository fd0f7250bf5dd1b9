"""Where the house stands, for the tests that read its source."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("messages", "supervision", "actors", "simulation", "bot")


def sources(*rooms: str) -> list[Path]:
    """Every Python file of these rooms (all of them if none is named), in a fixed order."""
    return sorted(path for room in rooms or ROOMS for path in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    """The path as the reader knows it, from the root with forward slashes."""
    return path.relative_to(ROOT).as_posix()
