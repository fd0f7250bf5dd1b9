"""Sabotages that a campaign has found: the shrunk recipe violates with the sabotage, and nothing without it."""

import logging

import msgspec
import pytest
import structlog

from ganglion.simulation.campaign import Recipe
from ganglion.simulation.campaign.quiet import be_quiet
from ganglion.simulation.campaign.running import find_maker, run_recipe
from tests.sabotage.breaking import Sabotage, SabotageError, found, replaced
from tests.sabotage.catalogue import ALL, BY_NAME
from tests.sabotage.report import RECIPES
from tests.sabotage.worlds import WHOLE, maker_of

TRIED = ("float_money", "ignore_the_trade_id", "release_the_reservation_twice", "skip_reconcile")
"""Quick, and shown by many ways that a world may take: the others are for `python -m tests.sabotage`."""


@pytest.fixture
def quiet():
    before, level = structlog.get_config(), logging.getLogger().level
    be_quiet()
    yield
    structlog.configure(**before)
    logging.getLogger().setLevel(level)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", TRIED)
def test_the_shrunk_recipe_of_a_sabotage_violates_with_it_and_not_without(name):
    shrunk = Recipe.read(RECIPES / f"{name}.json")
    # A little longer than the shortest: a change elsewhere that moves the world by a breath must not need a new hunt.
    recipe = msgspec.structs.replace(shrunk, seconds=shrunk.seconds + 30)
    broken = run_recipe(recipe, find_maker(maker_of(name)))
    assert broken.shows(shrunk.violated.invariant), f"hunt it anew: python -m tests.sabotage --only {name} --keep"
    assert run_recipe(recipe, find_maker(maker_of(WHOLE))).violations == ()


def test_every_recipe_is_one_of_a_sabotage():
    recipes = [Recipe.read(path) for path in RECIPES.glob("*.json")]
    assert {recipe.note for recipe in recipes} <= set(BY_NAME)


@pytest.mark.parametrize("sabotage", ALL, ids=lambda sabotage: sabotage.name)
def test_what_a_sabotage_takes_the_place_of_is_there_and_comes_back(sabotage):
    assert sabotage.replacements
    before = [found(target) for target in sabotage.replacements]
    with sabotage.applied():
        assert all(vars(owner)[name] is not original for owner, name, original in before)
    assert all(vars(owner)[name] is original for owner, name, original in before)


def test_names_are_said_once():
    assert len(BY_NAME) == len(ALL)


@pytest.mark.parametrize(
    "target",
    [
        "actors.trading.nowhere:Placing.place",
        "actors.trading.orders.placing:Nobody.place",
        "actors.trading.orders.placing:Placing.misplace",
        "actors.modes.grid:Grid.on_candle",
    ],
)
def test_a_sabotage_of_what_is_not_defined_there_fails_loudly(target):
    renamed = Sabotage("renamed", "", ())
    renamed.replaces(target)(lambda original: None)
    with pytest.raises(SabotageError, match="has to follow the code"), renamed.applied():
        pass


def test_a_sabotage_that_raises_is_taken_out_all_the_same():
    target = "actors.trading.money:times"
    original = found(target)[2]
    with pytest.raises(ZeroDivisionError), replaced(target, lambda original: 0):
        raise ZeroDivisionError
    assert found(target)[2] is original
