"""Recipes in several processes: streamed back, with those that died."""

from pathlib import Path

import pytest

from ganglion.simulation.campaign import Recipe, Runner, WorkerError, jobs, run_all
from ganglion.simulation.campaign.parts import part_of
from tests.simulation.campaign import campaign_toy as toy

MAKE = "campaign_toy:make"


@pytest.fixture(autouse=True)
def toy_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def recipes(*seeds):
    return [Recipe(seed=seed, seconds=20, faults=()) for seed in seeds]


def test_every_recipe_comes_back_once_from_two_processes():
    outcomes = list(run_all(recipes(*range(7)), MAKE, jobs=2))
    assert sorted(outcome.recipe.seed for outcome in outcomes) == list(range(7))
    assert all(outcome.steps == 20 and not outcome.violations for outcome in outcomes)


def test_a_worker_that_dies_is_told_with_its_seed_and_the_rest_goes_on():
    outcomes = {outcome.recipe.seed: outcome for outcome in run_all(recipes(12, toy.DIES, 14, 15), MAKE)}
    assert sorted(outcomes) == [12, 13, 14, 15]
    assert outcomes[toy.DIES].violation.invariant == "DIED"
    assert "exit code 7" in outcomes[toy.DIES].violation.text
    assert not outcomes[15].violations


def test_a_recipe_that_never_ends_is_ended_and_told():
    outcomes = {outcome.recipe.seed: outcome for outcome in run_all(recipes(toy.HANGS, 18), MAKE, limit_s=2.0)}
    assert "no end within 2 s" in outcomes[toy.HANGS].violation.text
    assert not outcomes[18].violations


def test_a_recipe_that_takes_long_is_told_each_time_it_has_taken_twice_as_long(monkeypatch):
    monkeypatch.setattr(jobs, "SLOW_S", 0.25)
    told = []
    running = run_all(recipes(1, toy.HANGS), MAKE, limit_s=1.2, slow=lambda *given: told.append(given))
    assert [outcome.recipe.seed for outcome in running] == [1, toy.HANGS]
    assert [(recipe.seed, for_s) for recipe, for_s in told if recipe.seed != 1] == [
        (toy.HANGS, 0.25),
        (toy.HANGS, 0.5),
        (toy.HANGS, 1.0),
    ]


def test_a_maker_that_is_not_there_ends_everything_at_once():
    with pytest.raises(WorkerError, match="exit code 1 before it had its first world"):
        list(run_all(recipes(*range(100)), "campaign_toy:nothing"))


def test_leaving_in_the_middle_ends_the_workers():
    running = run_all(recipes(1, toy.HANGS, 2, 3), MAKE, jobs=2)
    first = next(running)
    assert first.recipe.seed == 1
    running.close()
    with pytest.raises(StopIteration):
        next(running)


def test_no_recipes_need_no_worker():
    assert list(run_all([], MAKE, jobs=2)) == []


def test_the_part_of_a_frame_is_the_innermost_package_of_ours():
    frames = []

    class Probe:
        def what_goes_wrong(self):
            import sys

            frames.append(sys._getframe())
            raise ValueError

        seed, seconds = 0, 0.0

    def make(recipe):
        recipe.what_goes_wrong()

    from ganglion.simulation.campaign import run_recipe

    with pytest.raises((ValueError, AttributeError, TypeError)):
        run_recipe(Probe(), make).recipe.nothing  # noqa: B018
    assert part_of(frames[0]) == "simulation/campaign"
    assert part_of(None) == "other"


def test_a_runner_runs_one_after_the_other_and_outlives_a_death():
    with Runner(MAKE, limit_s=2.0) as run:
        outcomes = [run(recipe) for recipe in recipes(1, toy.DIES, toy.HANGS, 2)]
    assert [outcome.violation and outcome.violation.invariant for outcome in outcomes] == [None, "DIED", "DIED", None]
