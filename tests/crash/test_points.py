"""Kill points name what is there: a renamed message or device method would leave a point that nothing passes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ganglion.actors.exchange.actor import ExchangeActor
from ganglion.actors.modes import ModeActor
from ganglion.actors.trading.journal import FolderDevice, JournalActor
from ganglion.actors.trading.orders.actor import OrdersActor
from ganglion.actors.trading.portfolio.actor import PortfolioActor
from ganglion.supervision import Actor
from tests.crash.campaign import Plan, lines_of
from tests.crash.config import ARMS
from tests.crash.hooks import WIRE, role_of
from tests.crash.lifeline import planned
from tests.crash.points import ONLY_BEFORE, PLACES, RANDOM, TORN, catalogue, named

ROLES: dict[str, type[Actor]] = {
    "mode": ModeActor,
    "portfolio": PortfolioActor,
    "orders": OrdersActor,
    "exchange": ExchangeActor,
    "journal": JournalActor,
}
STRETCHES = {f"{operation}{end}" for operation in WIRE.values() for end in ("", "_headers", "_body", "_reply")}


def there(role: str) -> Callable[[str], bool]:
    if role == "wire":
        return STRETCHES.__contains__
    if role == "device":
        return lambda name: callable(getattr(FolderDevice, name, None))
    return {kind.__name__ for kind in ROLES[role].handlers}.__contains__


@pytest.mark.parametrize("where", sorted({place.where for place in PLACES}))
def test_a_point_is_at_something_that_passes(where: str) -> None:
    role, _, name = where.partition(".")
    assert there(role)(name)


def test_instants_of_a_request_are_points_of_the_catalogue() -> None:
    assert {place.where for place in PLACES} >= ONLY_BEFORE


@pytest.mark.parametrize(
    ("path", "role"),
    [("/bot/modes/grid", "mode"), ("/bot/modes", "modes"), ("/bot/alpha/account/orders", "orders")],
)
def test_an_actors_role_follows_from_its_path(path: str, role: str) -> None:
    assert role_of(path) == role


def test_a_campaign_of_300_kills_goes_through_every_point(tmp_path: Path) -> None:
    plan = Plan(kills=300, dialects=tuple(ARMS), seed=1)
    lines = lines_of(plan, tmp_path)
    kills = [kill for line in lines for kill in line.kills]
    assert len(kills) == 300
    assert {(point.name, point.phase) for point in catalogue()} <= {(kill.point, kill.phase) for kill in kills}
    assert {kill.victim for kill in kills} == {"bot", "venue", "both"}
    assert any(kill.point == RANDOM for kill in kills)


def test_the_same_seed_plans_the_same_campaign(tmp_path: Path) -> None:
    plan = Plan(kills=60, dialects=("binance",), seed=7)
    assert lines_of(plan, tmp_path) == lines_of(plan, tmp_path)


def test_a_point_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(LookupError, match=r"no kill point is called 'nowhere'; there are: .*orders\.PlaceOrder"):
        named("nowhere")


def test_whoever_tears_a_write_dies_of_it():
    torn = [(TORN, "trading", 20)]
    assert {kill.victim for kill in planned(torn, 20, 1, lambda _: "venue")} == {"both"}
