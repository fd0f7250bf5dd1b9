"""The error table, row by row, as supervision.md has it."""

import importlib

import pytest

from ganglion.actors.exchange.directives import directive_for, place_verdict, row_of
from ganglion.actors.exchange.error_table import BY_CLASS, TABLE, Verb
from ganglion.messages.lifecycle import Failure, Operation
from ganglion.messages.orders import Phase, PlaceVerdict

R, P, C, S = Operation.READ, Operation.PLACE, Operation.CANCEL, Operation.STREAM
D, J, U = PlaceVerdict.DENIED, PlaceVerdict.REJECTED, PlaceVerdict.RECONCILE

# class: verb of a read, verb of a cancel, verdict on a first place that was answered
ROWS = {
    "BaseError": ("retry", "reconcile", U),
    "ExchangeError": ("retry", "reconcile", U),
    "AuthenticationError": ("stop_venue", "halt", J),
    "PermissionDenied": ("stop_capability", "escalate", J),
    "AccountNotEnabled": ("stop_venue", "escalate", J),
    "AccountSuspended": ("halt", "halt", J),
    "ArgumentsRequired": ("escalate", "escalate", J),
    "BadRequest": ("resume", "reconcile", J),
    "BadSymbol": ("stop_symbol", "reconcile", J),
    "OperationRejected": ("resume", "reconcile", J),
    "NoChange": ("resume", "resume", U),
    "MarginModeAlreadySet": ("resume", "resume", U),
    "MarketClosed": ("pause", "resume", J),
    "ManualInteractionNeeded": ("halt", "halt", J),
    "RestrictedLocation": ("stop_venue", "halt", J),
    "InsufficientFunds": ("resync", "none", J),
    "InvalidAddress": ("stop_capability", "none", J),
    "AddressPending": ("retry", "none", J),
    "InvalidOrder": ("retry", "reconcile", J),
    "OrderNotFound": ("miss", "reconcile", U),
    "OrderNotCached": ("miss", "reconcile", U),
    "OrderImmediatelyFillable": ("none", "reconcile", J),
    "OrderNotFillable": ("none", "reconcile", J),
    "DuplicateOrderId": ("none", "reconcile", U),
    "ContractUnavailable": ("stop_symbol", "reconcile", J),
    "NotSupported": ("stop_capability", "escalate", J),
    "InvalidProxySettings": ("stop_venue", "stop_venue", J),
    "ExchangeClosedByUser": ("restart", "reconcile", U),
    "OperationFailed": ("retry", "reconcile", U),
    "NetworkError": ("retry", "reconcile", U),
    "DDoSProtection": ("pause", "pause", U),
    "RateLimitExceeded": ("pause", "pause", U),
    "ExchangeNotAvailable": ("retry", "reconcile", U),
    "OnMaintenance": ("pause", "pause", U),
    "InvalidNonce": ("resync_clock", "resync_clock", J),
    "ChecksumError": ("resync", "none", U),
    "RequestTimeout": ("retry", "reconcile", U),
    "BadResponse": ("retry", "reconcile", U),
    "NullResponse": ("retry", "reconcile", U),
    "CancelPending": ("resume", "resume", U),
    "UnsubscribeError": ("resume", "none", U),
}
CLASSES = sorted(
    name for name, value in vars(importlib.import_module("ccxt.base.errors")).items() if isinstance(value, type)
)


def failure(error: str, operation: Operation, phase: Phase = Phase.AFTER_REPLY, *bases: str) -> Failure:
    return Failure(error=error, text="", operation=operation, phase=str(phase), bases=bases)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_of_ccxt_has_a_row_of_its_own(name: str) -> None:
    assert name in BY_CLASS
    assert BY_CLASS[name].why


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_what_the_design_says(name: str) -> None:
    read, cancel, verdict = ROWS[name]
    assert directive_for(failure(name, R)).verbs[0] == read
    assert directive_for(failure(name, C)).verbs[0] == cancel
    assert place_verdict(failure(name, P), resent=False) is verdict


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.error)
def test_what_never_left_is_a_plain_refusal_whatever_its_class(row: object) -> None:
    error = getattr(row, "error", "")
    assert place_verdict(failure(error, P, Phase.BEFORE_SEND), resent=True) is D


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.error)
def test_nothing_that_was_maybe_sent_is_ever_rejected(row: object) -> None:
    error = getattr(row, "error", "")
    assert place_verdict(failure(error, P, Phase.MAYBE_SENT), resent=False) is U


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.error)
def test_no_answer_to_a_re_send_rejects_the_intent(row: object) -> None:
    error = getattr(row, "error", "")
    assert place_verdict(failure(error, P), resent=True, gateway_refused=True) is U


def test_a_rate_limit_rejects_only_where_the_venues_data_says_that_its_gateway_refuses() -> None:
    limited = failure("RateLimitExceeded", P)
    assert place_verdict(limited, resent=False, gateway_refused=True) is J
    assert place_verdict(limited, resent=False, gateway_refused=False) is U


def test_lacking_funds_beside_an_unknown_intent_may_be_its_echo() -> None:
    poor = failure("InsufficientFunds", P)
    assert place_verdict(poor, resent=False, unknown_intents=True) is U


def test_a_class_without_a_row_is_looked_up_by_its_nearest_base() -> None:
    strange = failure("VenueOnlyError", R, Phase.AFTER_REPLY, "OrderNotFound", "InvalidOrder", "ExchangeError")
    assert row_of(strange).error == "OrderNotFound"
    assert row_of(failure("Odd", R)).error == "BaseException"


def test_readings_are_retried_twice_before_an_unknown_error_restarts_the_actor() -> None:
    unknown = failure("ExchangeError", R)
    verbs = [directive_for(unknown, streak=streak).verbs for streak in (1, 2, 3)]
    assert verbs == [(Verb.RETRY,), (Verb.RETRY,), (Verb.RESTART,)]


def test_a_lost_stream_reconnects_and_never_restarts_however_often() -> None:
    lost = failure("NetworkError", S)
    assert all(Verb.RESTART not in directive_for(lost, streak=streak).verbs for streak in range(1, 100))
    assert directive_for(lost, streak=99).verbs == (Verb.RECONNECT, Verb.RESYNC)


def test_a_changed_shape_of_replies_restarts_with_the_order_unknown() -> None:
    shape = failure("KeyError", P, Phase.AFTER_REPLY, "LookupError", "Exception")
    assert directive_for(shape).verbs == (Verb.RECONCILE, Verb.RESTART)
    assert place_verdict(shape, resent=False) is U


def test_corrupted_money_halts() -> None:
    assert Verb.HALT in directive_for(failure("AssertionError", Operation.LOCAL)).verbs
