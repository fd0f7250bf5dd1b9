"""The error table, row by row, against a transcription of the design's, and what each row does to an arm."""

import asyncio
import builtins
import importlib
from typing import Any

import msgspec
import pykka
import pytest

from ganglion.actors.exchange.ccxt import settings as ccxt_settings
from ganglion.actors.exchange.ccxt.convert import IncompleteError
from ganglion.actors.exchange.ccxt.failures import BrokenStreamError, NotOfferedError, failure_from
from ganglion.actors.exchange.ccxt.trace import Trace
from ganglion.actors.exchange.directives import directive_for, place_verdict, row_of
from ganglion.actors.exchange.error_table import BY_CLASS, TABLE, Verb
from ganglion.actors.exchange.quirks import DEFAULT
from ganglion.messages import venue as v
from ganglion.messages.lifecycle import (
    ConnectionState,
    EpochOpened,
    Failure,
    HaltAccount,
    MarketPaused,
    Operation,
    VenuePaused,
)
from ganglion.messages.orders import (
    CancelAnswered,
    LookUpDone,
    LookUpOrder,
    Phase,
    PlaceAnswered,
    PlaceVerdict,
    SendCancel,
)
from tests.actors.exchange.design_table import Expected, rows
from tests.actors.exchange.scripted import SYMBOL, World, failure

CCXT = importlib.import_module("ccxt.base.errors")
CLASSES = sorted(name for name, value in vars(CCXT).items() if isinstance(value, type))
ROWS = rows()
READ, STREAM, PLACE = Operation.READ, Operation.STREAM, Operation.PLACE
COLUMNS = {
    READ: "read",
    STREAM: "stream",
    PLACE: "place",
    Operation.CANCEL: "cancel",
    Operation.AMEND: "cancel",
    Operation.LOCAL: "read",
}
VERDICTS = {"unknown": PlaceVerdict.RECONCILE, "rejected": PlaceVerdict.REJECTED, "denied": PlaceVerdict.REJECTED}
"""Of a first attempt that was answered: an answer came, so even what we would have denied is a rejection."""


def bare(error: str, operation: Operation, phase: Phase = Phase.AFTER_REPLY, *bases: str) -> Failure:
    return Failure(error=error, text="", operation=operation, phase=str(phase), bases=bases)


# ------------------------------------------------------------------ whole


def test_every_class_of_this_ccxt_has_a_row() -> None:
    missing = sorted(set(CLASSES) - set(BY_CLASS))
    assert not missing, f"ccxt has error classes without a row in error_table.py: {', '.join(missing)}; decide each one"


def test_every_row_is_of_a_class_that_exists() -> None:
    known = {*CLASSES, *vars(builtins), *vars(pykka), *vars(ccxt_settings)}
    gone = sorted(set(BY_CLASS) - known)
    assert not gone, f"error_table.py has rows of classes that nobody raises any more: {', '.join(gone)}; remove them"


def test_the_transcription_and_the_table_have_the_same_rows_once() -> None:
    assert sorted(row.error for row in TABLE) == sorted(ROWS)
    assert all(row.why for row in TABLE)


# ------------------------------------------------------------------ row by row


@pytest.mark.parametrize("operation", COLUMNS, ids=str)
@pytest.mark.parametrize("name", ROWS)
def test_a_cell_says_what_the_design_says_however_often_it_fails(name: str, operation: Operation) -> None:
    expected = ROWS[name][COLUMNS[operation]]
    for streak in (1, 2, 3, 4, 5, 6, 50):
        said = {str(verb) for verb in directive_for(bare(name, operation), streak=streak).verbs}
        # in the place column `unknown` beside other words is the verdict alone
        allowed = expected.at(streak)
        assert said == allowed or said == allowed - {"reconcile"} or said == allowed - {"reject"}


@pytest.mark.parametrize("gateway", [False, True], ids=["", "gateway"])
@pytest.mark.parametrize("resent", [False, True], ids=["first", "resent"])
@pytest.mark.parametrize("phase", Phase, ids=str)
@pytest.mark.parametrize("name", ROWS)
def test_what_a_failed_place_proves(name: str, phase: Phase, resent: bool, gateway: bool) -> None:  # noqa: FBT001
    verdict = place_verdict(bare(name, PLACE, phase), resent=resent, gateway_refused=gateway)
    refused_at_the_gate = gateway and name in {"DDoSProtection", "RateLimitExceeded"}
    if phase is Phase.BEFORE_SEND:
        expected = PlaceVerdict.DENIED
    elif phase is Phase.MAYBE_SENT or resent:
        expected = PlaceVerdict.RECONCILE
    elif refused_at_the_gate:
        expected = PlaceVerdict.REJECTED
    else:
        expected = VERDICTS[ROWS[name]["place"].verdict]
    assert verdict is expected


@pytest.mark.parametrize("name", CLASSES)
def test_an_error_of_ccxt_is_judged_by_its_own_row(name: str) -> None:
    error = getattr(CCXT, name)("said the venue")
    described = failure_from(error, Trace(READ), ccxt_settings.Credentials(), DEFAULT)
    assert (described.error, row_of(described).error) == (name, name)


class StrangeTimeout(TimeoutError):
    pass


@pytest.mark.parametrize(
    ("error", "row"),
    [
        (KeyError("data"), "KeyError"),
        (IndexError(), "LookupError"),
        (AttributeError("'str' object has no attribute 'keys'"), "Exception"),
        (TypeError(), "TypeError"),
        (ValueError(), "ValueError"),
        (ZeroDivisionError(), "ArithmeticError"),
        (RuntimeError(), "Exception"),
        (StrangeTimeout(), "Exception"),
        (AssertionError(), "AssertionError"),
        (pykka.Timeout(), "Timeout"),
        (pykka.ActorDeadError(), "ActorDeadError"),
        (SystemExit(), "BaseException"),
        (KeyboardInterrupt(), "BaseException"),
        (asyncio.CancelledError(), "ExchangeClosedByUser"),
        (IncompleteError(), "BadResponse"),
        (BrokenStreamError(), "NetworkError"),
        (NotOfferedError(), "NotSupported"),
        (ccxt_settings.NotLiveError(), "VenueConfigError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
def test_an_error_of_others_is_judged_by_its_nearest_base(error: BaseException, row: str) -> None:
    assert row_of(failure_from(error, Trace(READ), ccxt_settings.Credentials(), DEFAULT)).error == row


def test_a_class_that_only_one_venue_has_is_looked_up_by_its_bases() -> None:
    strange = bare("VenueOnlyError", READ, Phase.AFTER_REPLY, "OrderNotFound", "InvalidOrder", "ExchangeError")
    assert row_of(strange).error == "OrderNotFound"
    assert row_of(bare("Odd", READ)).error == "BaseException"


# ------------------------------------------------------------------ what each row does


class Effects:
    """What one failure came to, seen from outside of an arm."""

    def __init__(self, world: World) -> None:
        actor = world.actors[-1]
        self.verbs = {
            "halt": bool(world.heard(HaltAccount)),
            "stop_venue": bool(actor.arm.stopped),
            "stop_symbol": bool(actor.arm.parked),
            "pause": bool(world.heard(VenuePaused) or world.heard(MarketPaused)),
            "resync_clock": any(request.resync for request in world.asked(v.FetchTime)),
            "restart": len(world.actors) > 1,
        }


def seen(expected: Expected) -> dict[str, bool]:
    """What the transcription lets one see of the first failure."""
    verbs = expected.at(1)
    wanted = {name: name in verbs for name in ("halt", "stop_venue", "stop_symbol", "pause", "resync_clock")}
    return wanted | {"restart": bool({"restart", "escalate"} & verbs)}


def in_trouble() -> World:
    world = World().start()
    # for BadSymbol the venue no longer lists the market, and says so
    gone = v.MarketsFetched(0, 1.0, (), (), world.capabilities)
    world.answers[v.FetchMarkets] = lambda r: (
        msgspec.structs.replace(gone, request_id=r.request_id) if r.reload else world.default(r)
    )
    return world


@pytest.mark.parametrize("name", ROWS)
def test_a_place_that_fails_with_it(name: str) -> None:
    world, expected = in_trouble(), ROWS[name]["place"]
    world.answers[v.CreateOrder] = lambda r: v.OrderCreated(
        r.request_id, 1.0, r.client_id, r.attempt, SYMBOL, None, failure(name, PLACE)
    )
    world.place("p")
    world.system.run_for(3.0)
    (answer,) = world.heard(PlaceAnswered)
    assert answer.verdict is VERDICTS[expected.verdict]
    assert Effects(world).verbs == seen(expected)
    assert len(world.asked(v.CreateOrder)) == 1, "a place is never sent twice"


@pytest.mark.parametrize("name", ROWS)
def test_a_cancel_that_fails_with_it(name: str) -> None:
    world, expected = in_trouble(), ROWS[name]["cancel"]
    answers: list[Any] = [failure(name, Operation.CANCEL)]
    world.answers[v.CancelAtVenue] = lambda r: v.CancelDone(
        r.request_id, 1.0, r.client_id, SYMBOL, None, answers.pop() if answers else failure("OrderNotFound")
    )
    world.exchange.tell(SendCancel("c", "v-c", SYMBOL))
    world.system.run_for(150.0)
    repeated = bool({"pause", "retry"} & expected.at(1))
    (answer,) = world.heard(CancelAnswered)
    assert answer.failure is not None
    assert answer.failure.error == ("OrderNotFound" if repeated else name)
    assert len(world.asked(v.CancelAtVenue)) == 1 + repeated
    assert Effects(world).verbs == seen(expected)


@pytest.mark.parametrize("name", ROWS)
def test_a_reading_that_fails_with_it(name: str) -> None:
    world, expected = in_trouble(), ROWS[name]["read"]
    answers: list[Any] = [failure(name)]
    world.answers[v.FetchOpenOrders] = lambda r: (
        v.RequestFailed(r.request_id, 1.0, answers.pop()) if answers else world.default(r)
    )
    world.exchange.tell(LookUpOrder("l", None, SYMBOL, 0))
    world.system.run_for(40.0)
    repeated = bool({"pause", "retry"} & expected.at(1))
    (done,) = world.heard(LookUpDone)
    assert done.counts == repeated, "only a reading that came through is a vote"
    assert Effects(world).verbs == seen(expected)


@pytest.mark.parametrize("kind", [v.StreamKind.BOOK, v.StreamKind.ORDERS], ids=str)
@pytest.mark.parametrize("name", ROWS)
def test_a_stream_that_ends_with_it(name: str, kind: v.StreamKind) -> None:
    world, expected = in_trouble(), ROWS[name]["stream"]
    world.lose(kind, name)
    world.system.run_for(20.0)
    wanted = seen(expected)
    wanted["stop_symbol"] = wanted["stop_symbol"] and not kind.private
    wanted["pause"] = wanted["pause"] and not (name == "MarketClosed" and kind.private)
    assert Effects(world).verbs == wanted
    if not wanted["stop_venue"]:
        assert world.actors[-1].arm.connection.state is ConnectionState.LIVE, "it came back"
        epochs = world.heard(EpochOpened)
        assert len(epochs) == 1 + (kind.private or wanted["restart"]), "what a user stream lost is read anew"


def test_a_rate_limit_rejects_only_where_the_venues_data_says_that_its_gateway_refuses() -> None:
    limited = bare("RateLimitExceeded", PLACE)
    assert place_verdict(limited, resent=False, gateway_refused=True) is PlaceVerdict.REJECTED
    assert place_verdict(limited, resent=False, gateway_refused=False) is PlaceVerdict.RECONCILE


def test_a_refused_nonce_proves_nothing_where_a_repeated_request_is_refused_so() -> None:
    refused = bare("InvalidNonce", PLACE)
    assert place_verdict(refused, resent=False) is PlaceVerdict.REJECTED
    assert place_verdict(refused, resent=False, repeats_fail_by_nonce=True) is PlaceVerdict.RECONCILE


def test_a_lost_stream_reconnects_and_never_restarts_however_often() -> None:
    lost = bare("NetworkError", STREAM)
    assert all(Verb.RESTART not in directive_for(lost, streak=streak).verbs for streak in range(1, 100))
