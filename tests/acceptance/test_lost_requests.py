"""Replies lost after the venue applied an order, and requests lost before it did: one known order, or none."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganglion.messages.orders import OrderState, OrderUpdate
from ganglion.simulation.venue import VenueControl
from tests.acceptance.stage import Stage, arm_text, bot_text, configured, posts, traders

LOST = 4


@dataclass
class Lost:
    """What is left to look at."""

    stage: Stage
    replies: list[str]
    """Client ids whose reply was lost."""
    unheard: list[str]
    """Those of them that the user stream did not tell either."""
    requests: list[str]
    """Client ids whose request was lost."""


@pytest.fixture(scope="module")
def lost(folder: Path, alpha: VenueControl) -> Iterator[Lost]:
    with Stage(configured(bot_text(arm_text("alpha", alpha.base_url), *traders("alpha")), folder)) as stage:
        stage.wait(lambda: stage.trading("alpha"), 15, "it trades")
        lose(stage, alpha, "lose_reply", LOST)
        heard = struck(alpha, "lose_reply")
        alpha.fault("freeze", stream="user", seconds=30)
        lose(stage, alpha, "lose_reply", 2)
        alpha.clear()
        replies = struck(alpha, "lose_reply")
        lose(stage, alpha, "lose_request", LOST)
        requests = struck(alpha, "lose_request")
        stage.wait(lambda: all(settled(stage, c) for c in [*replies, *requests]), 30, "nothing is Unknown")
        yield Lost(stage, replies, [c for c in replies if c not in heard], requests)


def lose(stage: Stage, venue: VenueControl, fault: str, times: int) -> None:
    """Lose the next places."""
    before = len(struck(venue, fault))
    venue.fault(fault, requests="place", times=times)
    stage.wait(lambda: len(struck(venue, fault)) == before + times, 20, f"{fault} strikes")


def struck(venue: VenueControl, fault: str) -> list[str]:
    """Client ids of the places that a fault struck."""
    return [entry["client_id"] for entry in venue.requests(kind="place") if entry["fault"] == fault]


def settled(stage: Stage, client_id: str) -> bool:
    """Whether it is known what became of an order."""
    states = states_of(stage, client_id)
    return bool(states) and states[-1] not in {OrderState.UNKNOWN, OrderState.SUBMITTED}


def states_of(stage: Stage, client_id: str) -> list[OrderState]:
    return [m.state for m in stage.heard(OrderUpdate, lambda m: m.client_id == client_id)]


def test_every_order_whose_reply_was_lost_is_one_order_that_the_bot_knows(lost: Lost, alpha: VenueControl) -> None:
    at_venue = [order["client_id"] for order in alpha.ledger()["accounts"]["demo"]["orders"]]
    for client_id in lost.replies:
        assert at_venue.count(client_id) == 1
        line = lost.stage.ledger("alpha").lines[client_id]
        assert line.venue_id is not None
        assert line.state not in {OrderState.REJECTED, OrderState.DENIED}


def test_every_order_whose_request_was_lost_ends_as_not_placed(lost: Lost, alpha: VenueControl) -> None:
    at_venue = {order["client_id"] for order in alpha.ledger()["accounts"]["demo"]["orders"]}
    for client_id in lost.requests:
        assert client_id not in at_venue
        line = lost.stage.ledger("alpha").lines[client_id]
        assert line.state is OrderState.REJECTED
        assert "not placed" in line.reason


def test_no_order_is_ever_sent_twice(lost: Lost, alpha: VenueControl) -> None:
    assert set(posts(alpha).values()) == {1}
    assert set(lost.replies + lost.requests) <= posts(alpha).keys()


def test_bot_and_venue_agree_on_every_order_fill_and_balance(lost: Lost, alpha: VenueControl) -> None:
    lost.stage.agree("alpha", alpha)
    assert lost.stage.violations() == []


def test_an_order_of_which_nothing_was_heard_is_held_as_a_risk_until_there_is_evidence(lost: Lost) -> None:
    assert lost.unheard
    for client_id in [*lost.unheard, *lost.requests]:
        assert OrderState.UNKNOWN in states_of(lost.stage, client_id)
