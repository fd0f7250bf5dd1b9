"""SIGKILL of a bot's process at chosen points and at a random instant: its next life loses nothing and doubles nothing.

The long form is `python -m tests.crash`; what is compared there after each kill is compared here.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ganglion.messages.orders import OrderState
from tests.crash.lifeline import Kill, LifeLine, Outcome
from tests.crash.points import RANDOM, TORN, Phase
from tests.crash.processes import Zygote

WORKING = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED})


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as zygote:
        yield zygote


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> Iterator[LifeLine]:
    with LifeLine(tmp_path_factory.mktemp("killed"), ["binance"], seed=1, zygote=zygote) as line:
        yield line


def kill(number: int, point: str, phase: Phase = "trading", *, early: bool = False, victim: str = "bot") -> Kill:
    return Kill(number=number, victim=victim, point=point, phase=phase, nth=1, early=early, delay_s=0.3)  # type: ignore[arg-type]


KILLS = [
    kill(0, "after:portfolio.Reconciled", "start", early=True),
    kill(1, "before:wire.place_headers"),
    kill(2, "after:orders.LookUpDone", "start", early=True),
    kill(3, "before:wire.place_reply"),
    kill(4, TORN),
    kill(5, "after:orders.PlaceAnswered", victim="both"),
    kill(6, RANDOM),
    kill(7, "before:orders.CancelAnswered", "drain"),
]


@pytest.mark.parametrize("planned", KILLS, ids=lambda kill: f"{kill.victim}-{kill.point}")
def test_no_order_is_lost_or_doubled_by_a_kill(line: LifeLine, planned: Kill) -> None:
    outcome = line.live(planned)
    assert outcome.problems == []
    assert outcome.reached


def test_the_last_life_ends_in_order_with_books_that_are_the_venues(line: LifeLine) -> None:
    outcome = line.finish(kill(99, "the end", "drain"))
    assert outcome.problems == []
    assert outcome.orders > 20


def working(line: LifeLine, mode: str) -> set[str]:
    """Client ids of a mode's orders that the journal holds for open."""
    lines = line.books()[0]["alpha"].ledger.open_lines()
    return {known.client_id for known in lines if known.intent.mode == mode}


@pytest.mark.parametrize("on_restart", ["adopt", "cancel"])
def test_a_mode_does_after_a_kill_what_on_restart_says(tmp_path: Path, zygote: Zygote, on_restart: str) -> None:
    with LifeLine(tmp_path, ["binance"], seed=2, on_restart=on_restart, zygote=zygote) as line:
        assert line.live(kill(0, RANDOM)).problems == []
        left = {mode: working(line, mode) for mode in ("alpha-grid", "alpha-market_making")}
        bot = line.start()
        assert line.settle(bot) == []
        for mode, client_ids in left.items():
            ended_first(line, client_ids, mode) if on_restart == "cancel" else adopted(line, client_ids)
        outcome = Outcome(lifeline=0, kill=kill(1, RANDOM), problems=[])
        line._end(bot, outcome)
        assert outcome.problems == []


def adopted(line: LifeLine, client_ids: set[str]) -> None:
    """None of them was cancelled for the restart's sake."""
    lines = line.books()[0]["alpha"].ledger.lines
    assert not [name for name in client_ids if lines[name].reason == "on_restart = cancel"]


def ended_first(line: LifeLine, client_ids: set[str], mode: str) -> None:
    """All of them have ended, and nothing of the mode was decided before that."""
    books = line.books()[0]["alpha"]
    assert not client_ids & {known.client_id for known in books.ledger.open_lines()}
    assert books.exposure == []
