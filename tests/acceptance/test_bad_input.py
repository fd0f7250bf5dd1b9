"""B4: what is wrong with an arm or a mode gets a clear error and the right directive, and touches nobody else."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ganglion.messages.lifecycle import ActorFailed, ActorParked, ConnectionChanged, ConnectionState, Halted
from ganglion.messages.market import BookInvalid
from ganglion.messages.orders import DenyReason, OrderDenied, OrderUpdate
from ganglion.simulation.venue import VenueControl, VenueProcess
from tests.acceptance.bad_hosts import BODIES, nonsense, silent
from tests.acceptance.stage import (
    BTC,
    Stage,
    arm_text,
    bot_text,
    configured,
    mode_text,
    odd_mode,
    posts,
    traders,
)

USUAL_START_S = 3.0
ACCOUNTS = ("demo", "typo", "spoiled", "empty")


@pytest.fixture(scope="module")
def shaky() -> Iterator[VenueControl]:
    """A venue of which everything is spoiled at times."""
    accounts = [part for name in ACCOUNTS for part in ("--account", f"{name}:{name}")]
    with VenueProcess(["--seed", "3", *accounts]) as process:
        yield process.control


@pytest.fixture(scope="module")
def stage(folder: Path, alpha: VenueControl, shaky: VenueControl) -> Iterator[Stage]:
    with ExitStack() as hosts:
        text = bot_text(
            arm_text("good", alpha.base_url),
            *traders("good"),
            mode_text("crumbs", odd_mode("Crumbs"), "good"),
            mode_text("raiser", odd_mode("Raiser"), "good"),
            arm_text("typo", shaky.base_url, key="typo", symbols=(BTC, "BTC/USDTT")),
            mode_text("typo-maker", "market_making", "typo"),
            mode_text("typo-lost", "market_making", "typo", "BTC/USDTT"),
            arm_text("wrongkey", shaky.base_url, key="nobody"),
            mode_text("wrongkey-maker", "market_making", "wrongkey"),
            *(arm_text(body, hosts.enter_context(nonsense(body)), symbols=(BTC,)) for body in BODIES),
            *(mode_text(f"{body}-maker", "market_making", body) for body in BODIES),
            arm_text("spoiled", shaky.base_url, key="spoiled"),
            *traders("spoiled"),
            arm_text("empty", shaky.base_url, key="empty"),
            *traders("empty"),
        )
        with Stage(configured(text, folder)) as stage:
            arms = ("good", "typo", "spoiled", "empty")
            stage.wait(lambda: all(stage.reconciled(arm) for arm in arms), 20, "the good arms are reconciled")
            yield stage


def test_an_unreachable_or_silent_host_does_not_delay_the_start_of_another_arm(
    folder: Path, alpha: VenueControl
) -> None:
    with VenueProcess(["--seed", "4"]) as late, silent() as mute:
        late.kill()
        text = bot_text(arm_text("gone", late.base_url), arm_text("mute", mute), arm_text("good", alpha.base_url))
        with Stage(configured(text, folder)) as stage:
            stage.wait(lambda: stage.state("good") is ConnectionState.LIVE, USUAL_START_S, "the good arm is Live")
            assert stage.state("mute") is ConnectionState.CONNECTING
            stage.wait(lambda: "ExchangeNotAvailable" in reason_of(stage, "gone"), 5, "the reason is said")
            assert stage.heard(ActorFailed) == []
            late.start()
            stage.wait(lambda: stage.reconciled("gone"), 10, "the host that came late is Live and reconciled")
            moves = [m.state for m in stage.heard(ConnectionChanged, lambda m: m.exchange == "good")]
            assert moves == [ConnectionState.CONNECTING, ConnectionState.SYNCING, ConnectionState.LIVE]


def test_an_unknown_symbol_is_said_with_near_matches_and_the_others_trade_on(stage: Stage) -> None:
    parked = stage.until(BookInvalid, lambda m: m.symbol == "BTC/USDTT" and "has no market" in m.reason)
    assert "did you mean BTC/USDT" in parked.reason
    stage.until(OrderUpdate, lambda m: m.mode == "typo-maker" and m.venue_id is not None)
    assert stage.state("typo") is ConnectionState.LIVE
    assert stage.heard(OrderUpdate, lambda m: m.mode == "typo-lost") == []


def test_a_wrong_key_stops_that_venue_and_halts_its_account_with_a_text_that_says_so(stage: Stage) -> None:
    halted = stage.until(Halted, lambda m: m.account == "wrongkey")
    assert "AuthenticationError" in halted.cause
    assert "nobody" not in halted.cause
    down = stage.until(
        ConnectionChanged,
        lambda m: m.exchange == "wrongkey" and m.state is ConnectionState.DOWN and m.reason != "start",
    )
    assert "until an operator resumes it" in down.reason
    assert [m for m in stage.heard(Halted) if m.account != "wrongkey" and m.mode is None] == []


@pytest.mark.parametrize("body", BODIES)
def test_a_host_that_answers_200_without_being_an_exchange_is_said_and_never_live(stage: Stage, body: str) -> None:
    stage.wait(lambda: reason_of(stage, body) not in {"", "start"}, 10, "the reason is said")
    assert stage.state(body) is ConnectionState.CONNECTING
    assert "BadResponse" in reason_of(stage, body)
    assert stage.heard(ActorFailed, lambda m: m.path.startswith(f"/bot/{body}/")) == []


def test_an_order_under_the_minimum_is_denied_with_the_minimum_named_and_never_sent(
    stage: Stage, alpha: VenueControl
) -> None:
    denied = stage.until(OrderDenied, lambda m: m.mode == "crumbs")
    assert denied.deny_reason is DenyReason.BELOW_MINIMUM
    assert "is under the least cost 5" in denied.text
    assert "would be enough" in denied.text
    assert denied.intent_id not in {line.intent.intent_id for line in stage.ledger("good").lines.values()}


def test_a_mode_that_raises_on_every_message_is_parked_alone(stage: Stage) -> None:
    parked = stage.until(ActorParked, lambda m: m.path == "/bot/modes/raiser", timeout_s=20)
    assert "this mode raises on every" in parked.failure.text
    halted = stage.until(Halted, lambda m: m.mode == "raiser")
    assert "parked" in halted.cause
    mark = stage.mark
    stage.until(OrderUpdate, lambda m: m.mode == "good-maker" and m.venue_id is not None, after=mark)
    others = stage.heard(ActorFailed, lambda m: m.path != "/bot/modes/raiser")
    assert others == []


def test_frames_and_answers_that_are_garbage_end_in_a_reconnect_and_no_order_is_lost(
    stage: Stage, shaky: VenueControl
) -> None:
    mark = stage.mark
    shaky.fault("garbage", stream="*", account="spoiled", times=1)
    for body in ("html", "{}", "empty", "garbage"):
        shaky.fault("answer", account="spoiled", status=200, body=body, times=2)
    stage.until(
        ConnectionChanged, lambda m: m.exchange == "spoiled" and m.state is ConnectionState.CONNECTING, after=mark
    )
    said = stage.heard(ConnectionChanged, lambda m: m.exchange == "spoiled" and "unreadable frame" in m.reason)
    assert all("garbage" in m.reason for m in said)
    stage.wait(lambda: not [f for f in shaky.faults() if f["left"]], 45, "everything was answered badly")
    stage.wait(lambda: stage.reconciled("spoiled", mark), 20, "it is reconciled again")
    stage.agree("spoiled", shaky, key="spoiled", timeout_s=20)
    assert set(posts(shaky, account="spoiled").values()) == {1}
    # So many bad answers in a row may cost the exchange actor a restart, and nobody else anything.
    failed = stage.heard(ActorFailed, lambda m: m.path.startswith("/bot/spoiled"))
    assert {m.path for m in failed} <= {"/bot/spoiled/exchange"}


def test_a_venue_that_comes_back_empty_halts_the_account_with_that_cause(stage: Stage, shaky: VenueControl) -> None:
    mark = stage.mark
    shaky.fault("empty_account", account="empty", seconds=600)
    shaky.drop_sockets("user")
    halted = stage.until(Halted, lambda m: m.account == "empty")
    assert "back empty" in halted.cause
    sent = len(shaky.requests(kind="place", account="empty"))
    stage.wait(lambda: stage.reconciled("spoiled", mark), 20, "its neighbour at the same venue is reconciled again")
    stage.until(OrderUpdate, lambda m: m.account == "spoiled" and m.venue_id is not None, after=stage.mark)
    assert len(shaky.requests(kind="place", account="empty")) == sent
    assert stage.heard(Halted, lambda m: m.mode is None and m.account in {"good", "spoiled", "typo"}) == []


def test_the_good_arm_did_not_notice_any_of_it(stage: Stage, alpha: VenueControl) -> None:
    states = [m.state for m in stage.heard(ConnectionChanged, lambda m: m.exchange == "good")]
    assert states == [ConnectionState.CONNECTING, ConnectionState.SYNCING, ConnectionState.LIVE]
    tops = stage.tops("good")
    stage.wait(lambda: stage.tops("good") > tops + 5, 5, "its books go on")
    assert sum(cell.restarts for cell in stage.cell("good").walk()) == 0
    stage.agree("good", alpha)
    assert stage.violations() == []


def reason_of(stage: Stage, arm: str) -> str:
    """Why an arm's connection stands where it stands, as the bot says it."""
    return next(e.reason for e in stage.bot.status().exchanges if e.name == arm)
