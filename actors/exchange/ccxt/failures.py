"""Turns what a ccxt call raised into a `Failure`: class, bases, operation, phase, no secret."""

from __future__ import annotations

import asyncio
import re

import aiohttp

from ganglion.actors.exchange.ccxt.settings import Credentials
from ganglion.actors.exchange.ccxt.trace import Trace
from ganglion.actors.exchange.quirks import Quirks
from ganglion.messages.lifecycle import Failure, Operation

MAX_TEXT = 600

_OPERATION_FAILED = ("OperationFailed", "BaseError", "Exception", "BaseException")
AS_CCXT: dict[str, tuple[str, ...]] = {
    "IncompleteError": ("BadResponse", *_OPERATION_FAILED),
    "BrokenStreamError": ("NetworkError", *_OPERATION_FAILED),
    "NotOfferedError": ("NotSupported", "ExchangeError", "BaseError", "Exception", "BaseException"),
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
    and a text that says "this client id exists" is a DuplicateOrderId whatever class it came in.
    """
    error = _meant(error)
    names = [klass.__name__ for klass in type(error).__mro__[:-1]]
    names = list(AS_CCXT.get(names[0], names))
    text = credentials.scrub(str(error) or type(error).__name__)[:MAX_TEXT]
    if isinstance(error.__cause__, aiohttp.ClientError) and names[0] == "ExchangeError":
        names = ["NetworkError", "OperationFailed", *names]
        text = f"{text}: {credentials.scrub(str(error.__cause__))}"[:MAX_TEXT]
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
