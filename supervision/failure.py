"""Turns an exception into a `Failure`, a plain value that pins no frames and can be sent.

Formatting stays cheap (file, line and function only): a restart waits for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from ganglion.messages.base import Message
from ganglion.messages.lifecycle import Failure, Operation

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

MAX_FRAMES = 30
MAX_TEXT = 2_000


def failure_of(error: BaseException, message: object = None) -> Failure:
    """Describe an exception that a handler of `message` raised.

    An exception may classify itself: an attribute `failure` (a Failure) is taken as it is, and `operation`,
    `phase`, `retry_after_s` and `stop` are copied where present.
    """
    try:
        return _described(error, message)
    except Exception as second:  # noqa: BLE001 - an error's own text may raise, and that must not hide the error
        text = f"(its text can't be had: {type(second).__name__})"
        return Failure(error=type(error).__name__, text=text, traceback=frames_of(error.__traceback__))


def _described(error: BaseException, message: object) -> Failure:
    own = getattr(error, "failure", None)
    if isinstance(own, Failure):
        return own
    return Failure(
        error=type(error).__name__,
        text=str(error)[:MAX_TEXT],
        traceback=frames_of(error.__traceback__),
        operation=_operation_of(error),
        phase=str(getattr(error, "phase", "before_send")),
        message=type(message).__name__ if message is not None else "",
        bases=tuple(c.__name__ for c in type(error).__mro__[1:-1]),
        retry_after_s=_seconds(getattr(error, "retry_after_s", None)),
        fact=fact_of(message),
        stop=bool(getattr(error, "stop", False)),
    )


def frames_of(traceback: TracebackType | None) -> str:
    """Format a traceback as `file:line in function`, outermost first, without the runtime's own first frame."""
    lines = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        lines.append(f"{code.co_filename}:{traceback.tb_lineno} in {code.co_qualname}")
        traceback = traceback.tb_next
    return "\n".join(lines[1:][-MAX_FRAMES:] or lines)


def fact_of(message: object) -> str:
    """Digest a message, so that the same fact can be recognised when it fails again; empty for other values."""
    if not isinstance(message, Message):
        return ""
    try:
        encoded = msgspec.msgpack.encode(message)
    except (TypeError, ValueError, OverflowError):
        encoded = repr(message).encode()
    return f"{type(message).__name__}:{hashlib.blake2b(encoded, digest_size=8).hexdigest()}"


def say(log: FilteringBoundLogger, level: str, event: str, **values: object) -> None:
    """Log from where nothing may raise; a log that does (a closed pipe, a full disk) is told on stderr."""
    try:
        getattr(log, level)(event, **values)
    except Exception as error:  # noqa: BLE001 - the fence: what was being done matters more than saying so
        last_resort(f"{event} {values}, and the log raised", error)


def last_resort(text: str, error: BaseException) -> None:
    """Say on the process's own stderr what can be said nowhere else: the log, or the handling of a failure, raised."""
    stream = sys.__stderr__
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):  # stderr is closed: there is nobody left to tell
            stream.write(f"ganglion: {text}: {type(error).__name__}\n{frames_of(error.__traceback__)}\n")


def _operation_of(error: BaseException) -> Operation:
    operation = getattr(error, "operation", Operation.LOCAL)
    return operation if isinstance(operation, Operation) else Operation.LOCAL


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
