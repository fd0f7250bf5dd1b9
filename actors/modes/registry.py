"""Trading modes by name: the entry points of the group `ganglion.modes`, and single files beside a configuration.

An installed package offers its modes with
`[project.entry-points."ganglion.modes"] dca = "my_package.dca:Dca"`; without packaging, `mode = "dca.py:Dca"` in the
configuration loads a file next to it. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import msgspec

from ganglion.actors.modes.mode import ModeConfig, TradingMode

GROUP = "ganglion.modes"


class UnknownModeError(LookupError):
    """No mode of that name is installed; the text lists those that are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(known) or "none"
        super().__init__(
            f'no trading mode {name!r}.{hint} Known: {listed}; a file of your own: mode = "my_mode.py:MyMode"'
        )
        self.name = name
        self.known = known


class BrokenModeError(ImportError):
    """A mode is named but can't be used: its import fails, or it is no TradingMode."""


class ModeEntry(msgspec.Struct, frozen=True):
    """A mode that can be configured."""

    name: str
    kind: type[TradingMode[ModeConfig]]

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        lines = (self.kind.__doc__ or "").strip().splitlines()
        return lines[0] if lines else ""

    def schema(self) -> dict[str, object]:
        """The JSON schema of its own settings."""
        return self.kind.Config.model_json_schema()


def known_modes() -> tuple[str, ...]:
    """The names of all installed modes, sorted; none is imported."""
    return tuple(sorted({entry.name for entry in _entries()}))


def find_mode(name: str, folder: Path | None = None) -> ModeEntry:
    """The mode of this name: an entry point, or `file.py:Class` relative to `folder`.

    Raises:
        UnknownModeError: nothing of that name is installed.
        BrokenModeError: it is there, and it can't be imported or is no TradingMode.
    """
    path, colon, attribute = name.rpartition(":")
    if colon and path.endswith(".py"):
        return ModeEntry(name, _checked(name, _from_file(name, (folder or Path()) / path, attribute)))
    for entry in _entries():
        if entry.name == name:
            return ModeEntry(name, _checked(name, _loaded(entry)))
    raise UnknownModeError(name, known_modes())


def _entries() -> list[EntryPoint]:
    return list(entry_points(group=GROUP))


def _loaded(entry: EntryPoint) -> object:
    try:
        return entry.load()
    except (Exception, SystemExit) as error:
        raise BrokenModeError(
            f"mode {entry.name!r} ({entry.value}) can't be imported: {type(error).__name__}: {error}"
        ) from error


def _from_file(name: str, path: Path, attribute: str) -> object:
    if not path.is_file():
        raise BrokenModeError(f"mode {name!r}: there is no file {path}; the path is relative to the configuration")
    # A name of its own per path: two files called dca.py are two modules.
    digest = hashlib.blake2b(str(path.resolve()).encode(), digest_size=6).hexdigest()
    module_name = f"ganglion_mode_{path.stem}_{digest}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise BrokenModeError(f"mode {name!r}: {path} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            # A script that ends the process when it runs must not end this one.
            del sys.modules[module_name]
            raise BrokenModeError(
                f"mode {name!r}: {path} can't be imported: {type(error).__name__}: {error}"
            ) from error
    found = getattr(module, attribute, None)
    if found is None:
        raise BrokenModeError(f"mode {name!r}: {path} has no {attribute!r}")
    return found


def _checked(name: str, found: object) -> type[TradingMode[ModeConfig]]:
    if not (isinstance(found, type) and issubclass(found, TradingMode)):
        raise BrokenModeError(f"mode {name!r}: {found!r} is no class derived from ganglion's TradingMode")
    return found
