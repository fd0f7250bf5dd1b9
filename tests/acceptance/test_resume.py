"""Modes after a crash of any part of their account: one grid, one set of quotes, whatever `on_restart` says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ganglion.actors.trading.orders import tag_of
from ganglion.messages.orders import OrderState
from ganglion.simulation.venue import VenueControl, VenueProcess
from tests.acceptance.stage import BTC, ETH, Stage, arm_text, bot_text, configured, mode_text
from tests.crash.books import Bounds, differences, exposure, read_books

BOUNDS = {"grid": Bounds("grid", 3), "maker": Bounds("market_making", 2)}
PARTS = [
    ("modes", "grid"),
    ("modes", "maker"),
    # The portfolio goes with it.
    ("alpha", "account", "orders"),
    ("alpha", "exchange"),
]
TAG = tag_of("acceptance")
WORKING = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED})


class Exposed:
    """A bot with both modes, and how much of them stands."""

    def __init__(self, stage: Stage, venue: VenueControl, on_restart: str) -> None:
        self.on_restart = on_restart
        self.stage = stage
        self.venue = venue

    def standing(self, mode: str) -> list[str]:
        """Client ids of a mode's orders that work at the venue."""
        lines = self.stage.ledger("alpha").open_lines()
        return [line.client_id for line in lines if line.intent.mode == mode and line.state in WORKING]

    def whole(self) -> bool:
        """The whole grid and all quotes stand, and nothing else is under way."""
        return len(self.standing("grid")) == 6 and len(self.standing("maker")) == 4

    def wrong(self) -> list[str]:
        """What is or was doubled, by the journal from its beginning and by the venue now."""
        account = self.venue.ledger()["accounts"]["demo"]
        books, flaws = read_books(self.stage.config.data, BOUNDS)
        own = books["alpha"]
        return [*flaws, *own.exposure, *exposure(own.ledger, account, TAG, BOUNDS)]


@pytest.fixture(scope="module", params=["adopt", "cancel"])
def exposed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    # A market that stands still: what is open then is what was decided, and can be counted.
    folder: Path = tmp_path_factory.mktemp("resume")
    with VenueProcess(["--seed", "1"]) as venue:
        text = bot_text(
            arm_text("alpha", venue.base_url),
            mode_text("grid", "grid", "alpha", ETH, levels=3, step_pct=1, on_restart=request.param),
            mode_text("maker", "market_making", "alpha", BTC, spread_pct=2, requote_pct=1, on_restart=request.param),
        )
        with Stage(configured(text, folder)) as stage:
            yield Exposed(stage, venue.control, request.param)


@pytest.mark.parametrize("part", PARTS, ids="/".join)
def test_after_a_crash_one_grid_and_one_set_of_quotes_stand(exposed: Exposed, part: tuple[str, ...]) -> None:
    stage = exposed.stage
    stage.wait(exposed.whole, 20, "the grid and the quotes stand")
    before = {mode: exposed.standing(mode) for mode in BOUNDS}
    restarts = stage.cell(*part).restarts
    stage.bot.fail(*part)
    stage.wait(lambda: stage.cell(*part).restarts == restarts + 1, 10, f"{part[-1]} is back")
    cancels = exposed.on_restart == "cancel"
    if part[0] == "modes" and cancels:
        own = part[1]
        stage.wait(lambda: not set(before[own]) & set(exposed.standing(own)), 15, "what it had placed is taken back")
    stage.wait(exposed.whole, 20, "the grid and the quotes stand again")
    if part[0] == "modes" and not cancels:
        assert set(before[part[1]]) & set(exposed.standing(part[1]))
    assert exposed.wrong() == []
    assert stage.violations() == []


def test_in_the_end_the_books_are_the_venues_and_nothing_is_left(exposed: Exposed) -> None:
    stage = exposed.stage
    assert stage.bot.drain()
    account = exposed.venue.ledger()["accounts"]["demo"]
    ledger = stage.ledger("alpha")
    assert differences(ledger, account, TAG) == []
    assert ledger.open_lines() == []
