"""Lets the logs of simulated bots be: a campaign's worlds would write a million lines that nobody reads.

Called by worker processes, and by a replay, for their whole process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import structlog


def be_quiet() -> None:
    """Drop every log line of this process, at the least cost."""
    structlog.configure(wrapper_class=_Silent)
    logging.getLogger().setLevel(logging.CRITICAL)


class _Silent(structlog.BoundLoggerBase):
    """A logger that says nothing, whatever it is told."""

    def bind(self, **_: object) -> _Silent:
        """Itself: nobody reads what is bound."""
        return self

    new = bind

    def __getattr__(self, _: str) -> Callable[..., None]:
        return _nothing


def _nothing(*_: object, **__: object) -> None:
    """Say nothing."""
