"""Failures as the real adapter would describe them: ccxt's classes with their bases, phases, and the texts of a venue.

Used by the other files of this folder. ccxt itself is not imported: a world of a thousand seeds should not pay for it.
"""

from __future__ import annotations

from ganglion.messages.lifecycle import Failure, Operation
from ganglion.messages.orders import Phase

ABOVE = {
    "ExchangeError": "BaseError",
    "AuthenticationError": "ExchangeError",
    "PermissionDenied": "AuthenticationError",
    "AccountNotEnabled": "PermissionDenied",
    "AccountSuspended": "AuthenticationError",
    "ArgumentsRequired": "ExchangeError",
    "BadRequest": "ExchangeError",
    "BadSymbol": "BadRequest",
    "OperationRejected": "ExchangeError",
    "NoChange": "OperationRejected",
    "MarginModeAlreadySet": "NoChange",
    "MarketClosed": "OperationRejected",
    "ManualInteractionNeeded": "OperationRejected",
    "RestrictedLocation": "OperationRejected",
    "InsufficientFunds": "ExchangeError",
    "InvalidAddress": "ExchangeError",
    "AddressPending": "InvalidAddress",
    "InvalidOrder": "ExchangeError",
    "OrderNotFound": "InvalidOrder",
    "OrderNotCached": "InvalidOrder",
    "OrderImmediatelyFillable": "InvalidOrder",
    "OrderNotFillable": "InvalidOrder",
    "DuplicateOrderId": "InvalidOrder",
    "ContractUnavailable": "InvalidOrder",
    "NotSupported": "ExchangeError",
    "InvalidProxySettings": "ExchangeError",
    "ExchangeClosedByUser": "ExchangeError",
    "OperationFailed": "BaseError",
    "NetworkError": "OperationFailed",
    "DDoSProtection": "NetworkError",
    "RateLimitExceeded": "NetworkError",
    "ExchangeNotAvailable": "NetworkError",
    "OnMaintenance": "ExchangeNotAvailable",
    "InvalidNonce": "NetworkError",
    "ChecksumError": "InvalidNonce",
    "RequestTimeout": "NetworkError",
    "BadResponse": "OperationFailed",
    "NullResponse": "BadResponse",
    "CancelPending": "OperationFailed",
    "UnsubscribeError": "BaseError",
    "BaseError": "Exception",
}
"""ccxt 4.5's classes of errors, each under the next one above it."""


def bases_of(error: str) -> tuple[str, ...]:
    """What a class of ccxt's inherits from, nearest first; for any other name: Exception."""
    found, name = [], error
    while name in ABOVE:
        name = ABOVE[name]
        found.append(name)
    return (*(found or ["Exception"]), "BaseException")


def failure(
    error: str,
    text: str,
    operation: Operation,
    phase: Phase = Phase.AFTER_REPLY,
    retry_after_s: float | None = None,
) -> Failure:
    """A failure of one class of ccxt's."""
    return Failure(
        error=error,
        text=text,
        operation=operation,
        phase=str(phase),
        bases=bases_of(error),
        retry_after_s=retry_after_s,
    )


class RefusedError(Exception):
    """A venue, or its adapter, does not do what a request asks.

    Attributes:
        error: ccxt's class.
        text: what was said.
        phase: how far the request got.
    """

    def __init__(self, error: str, text: str, phase: Phase = Phase.AFTER_REPLY) -> None:
        super().__init__(f"{error}: {text}")
        self.error, self.text, self.phase = error, text, phase
