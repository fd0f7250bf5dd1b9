"""What a fixture needs beyond the plain installation, and the sentence for whoever does not have it."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest


def needed(module: str, what_for: str) -> ModuleType:
    """Import a module of the extra `test`, or fail the test that asked for it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        pytest.fail(
            f"{what_for} needs {module}, and it cannot be imported ({error}): pip install 'ganglion[test]'",
            pytrace=False,
        )
