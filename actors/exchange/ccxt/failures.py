"""Turns what a ccxt call raised into a `Failure`: class, bases, operation, phase, no secret."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Iterator

import aiohttp

from ganglion.actors.exchange.ccxt.settings import Credentials
from ganglion.actors.exchange.ccxt.trace import Trace
from ganglion.actors.exchange.quirks import Quirks
from ganglion.messages.lifecycle import Failure, Operation

MAX_TEXT, MAX_REASON = 600, 200
UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""Bare errors of Python that a frame of the wrong shape or type ends in."""
CAUSES = 8
"""How far back a chain of causes is followed."""

_OPERATION_FAILED = ("OperationFailed", "BaseError", "Exception", "BaseException")
AS_CCXT: dict[str, tuple[str, ...]] = {
    "IncompleteError": ("BadResponse", *_OPERATION_FAILED),
    "BrokenStreamError": ("NetworkError", *_OPERATION_FAILED),
    "NotOfferedError": ("NotSupported", "ExchangeError", "BaseError", "Exception", "BaseException"),
    "Fenced": ("ExchangeClosedByUser", "ExchangeError", "BaseError", "Exception", "BaseException"),
    "CancelledError": ("ExchangeClosedByUser", "ExchangeError", "BaseError", "BaseException"),
}
"""Errors of this adapter (and asyncio's) under the class of ccxt's that means the same."""


class BrokenStreamError(ConnectionError):
    """A stream that has to be connected anew."""


class NotOfferedError(Exception):
    """This venue has no such call, or no tested one; nothing was sent."""


def failure_from(error: BaseException, trace: Trace, credentials: Credentials, quirks: Quirks) -> Failure:
    """Describe an error for the error table.

    Two corrections of ccxt's classes: a bare ExchangeError caused by the transport is a NetworkError,
    and a text that says "this client id exists" is a DuplicateOrderId whatever class it came in. ccxt's text of a
    failed connection is its URL alone: what the transport said is added from the chain of causes. What a stream's
    frame makes Python raise is a BadResponse, as if ccxt had noticed.
    """
    error = _meant(error)
    names = [klass.__name__ for klass in type(error).__mro__[:-1]]
    names = list(AS_CCXT.get(names[0], names))
    text = credentials.scrub(str(error) or type(error).__name__)[:MAX_TEXT]
    if isinstance(error.__cause__, aiohttp.ClientError) and names[0] == "ExchangeError":
        names = ["NetworkError", "OperationFailed", *names]
    reason = credentials.scrub(transport_reason(error) or "")[:MAX_REASON]
    if reason and reason not in text:
        text = f"{text[: MAX_TEXT - len(reason) - 2]}: {reason}"
    if trace.operation is Operation.STREAM and isinstance(error, UNREADABLE) and type(error).__name__ not in AS_CCXT:
        # whatever raised it, ccxt's parsing or ours: a frame is at fault, and that is its own stream's matter
        text = f"unreadable frame: {names[0]}: {text}"[:MAX_TEXT]
        names = ["BadResponse", *_OPERATION_FAILED[:2], *names]
    duplicate = any(_has_word(text, mark) for mark in quirks.duplicate_texts)
    if trace.operation is Operation.PLACE and duplicate:
        names = ["DuplicateOrderId", *(name for name in names if name != "DuplicateOrderId")]
    if isinstance(error, asyncio.CancelledError):
        text = "the connection was closed while this was under way"
    return Failure(
        error=names[0],
        text=text,
        operation=trace.operation,
        phase=str(trace.phase),
        bases=tuple(names[1:]),
        retry_after_s=trace.retry_after_s,
    )


def transport_reason(error: BaseException) -> str | None:
    """What the transport said below an error of ccxt's, in words; None where it was not the transport."""
    said = None
    for cause in _causes(error):
        match cause:
            case aiohttp.ClientConnectorCertificateError():
                return _certificate(cause.certificate_error)
            case aiohttp.ClientConnectorSSLError():
                return f"TLS: {getattr(cause.os_error, 'reason', None) or cause.os_error}"
            case ssl.SSLCertVerificationError():
                return _certificate(cause)
            case ssl.SSLError():
                return f"TLS: {cause.reason or cause}"
            case socket.gaierror():
                return f"its name is not found, {cause.strerror or cause}"
            case TimeoutError():
                said = "it did not answer in time"
            case OSError() if cause.errno:
                said = _in_words(cause)
            case aiohttp.ClientError() if said is None:
                said = str(cause) or type(cause).__name__
    return said


def _certificate(error: BaseException) -> str:
    return f"TLS: its certificate is not accepted, {getattr(error, 'verify_message', None) or error}"


def _in_words(error: OSError) -> str:
    # aiohttp repeats itself in strerror; a number is all that several addresses of a host have in common
    words = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return words[:1].lower() + words[1:]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Whatever an error was raised from, nearest first, those that a connector carries included."""
    seen: BaseException | None = error.__cause__
    for _ in range(CAUSES):
        if seen is None:
            return
        yield seen
        inner = getattr(seen, "os_error", None)
        if isinstance(inner, BaseException) and inner is not seen:
            yield inner
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _meant(error: BaseException) -> BaseException:
    """The error of ccxt's that a slip of its own clean-up hid behind a KeyError."""
    hidden = error.__context__
    if hidden is not None and not _of_ccxt(error) and _of_ccxt(hidden):
        return hidden
    return error


def _of_ccxt(error: BaseException) -> bool:
    return any(klass.__module__ == "ccxt.base.errors" for klass in type(error).__mro__)


def _has_word(text: str, word: str) -> bool:
    # not as a part of a longer number: texts quote order ids
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
