"""Recipes, the corpus that keeps them, and the run of one."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.simulation.campaign import MOST_S, MOST_SEED, Corpus, Recipe, RecipeError, Violated, run_recipe
from ganglion.simulation.choices import Choices
from ganglion.simulation.faults import ALL, Fault, FaultKind, Faults, Sites
from tests.simulation.campaign import campaign_toy as toy

plans = st.integers(0, 2**32).map(lambda seed: Faults.swarm().draw(Choices(seed), 1800, Sites(("alpha",), ("/a",))))
recipes = st.builds(
    Recipe,
    seed=st.integers(0, 2**63),
    seconds=st.floats(0, 1e6),
    config=st.text(),
    faults=st.none() | plans,
    kinds=st.lists(st.sampled_from(ALL), unique=True).map(tuple),
    deviations=st.none() | st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 99))).map(tuple),
    violated=st.none() | st.builds(Violated, invariant=st.sampled_from(["I1", "I3"]), text=st.text()),
)


@given(recipes)
def test_a_recipe_survives_its_file(recipe):
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"seed": 1, "sed": 2}', '{"seed": "x"}', '{"seed": 1, "kinds": ["x"]}']
)
def test_what_is_no_recipe_is_told_with_its_file(tmp_path, text):
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"odd\.json is no recipe"):
        Recipe.read(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"seed": 1, "seconds": -5}', "seconds -5 are not from 0 to 36000000"),
        ('{"seed": 1, "seconds": 1e300}', r"seconds 1e\+300 are not"),
        ('{"seed": -1}', f"seed -1 is not from 0 to {MOST_SEED}"),
        ('{"seed": 99999999999999999999999}', "seed 99999999999999999999999 is not|out of range"),
        ('{"seed": 1, "p_active": 2}', "p_active 2 is no chance"),
        ('{"seed": 1, "faults": [{"at_s": -1, "kind": "kill"}]}', "kill at_s -1 for 0 seconds is no time"),
    ],
)
def test_numbers_that_no_world_has_are_no_recipe(text, told):
    with pytest.raises(RecipeError, match=told):
        Recipe.from_json(text.encode())


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0, MOST_S + 1])
def test_no_recipe_can_be_made_of_seconds_that_are_no_time(seconds):
    with pytest.raises(ValueError, match="seconds"):
        Recipe(seed=1, seconds=seconds)
    with pytest.raises(ValueError, match="no time of a world"):
        Recipe(seed=1, faults=(Fault(at_s=float("nan"), kind=FaultKind.KILL),))


def test_a_file_has_its_source_relative_to_its_folder_and_gives_it_back_from_anywhere(tmp_path, monkeypatch):
    recipe = Recipe(seed=1, config="[bot]", source=str(tmp_path / "bot.toml"))
    path = tmp_path / "deep" / "corpus" / "found.json"
    recipe.write(path)
    assert Recipe.from_json(path.read_bytes()).source == "../../bot.toml"
    assert Recipe.read(path) == recipe
    monkeypatch.chdir(path.parent)
    assert Recipe.read(path.relative_to(path.parent)) == recipe
    moved = tmp_path / "moved"
    path.parents[1].rename(moved)
    assert Recipe.read(moved / "corpus" / "found.json") == recipe


def test_a_source_is_found_through_a_folder_that_is_a_link(tmp_path):
    real = tmp_path / "a" / "b" / "corpus"
    real.mkdir(parents=True)
    (tmp_path / "link").symlink_to(real)
    recipe = Recipe(seed=1, config="[bot]", source=str(tmp_path / "bot.toml"))
    recipe.write(tmp_path / "link" / "found.json")
    assert Recipe.read(tmp_path / "link" / "found.json") == Recipe.read(real / "found.json") == recipe


def test_a_recipe_by_hand_that_names_no_source_is_its_own(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"seed": 1, "config": "[bot]"}')
    assert Recipe.read(path).source == os.fspath(path)


def test_a_finding_has_the_same_name_wherever_the_folder_is(tmp_path):
    names = set()
    for folder in (tmp_path / "here", tmp_path / "far" / "there"):
        recipe = Recipe(seed=1, config="[bot]", source=str(folder / "bot.toml"))
        names.add(Corpus(folder / "corpus").add(recipe).name)
    assert len(names) == 1


def test_explicit_faults_go_before_the_swarm():
    assert Recipe(seed=1, faults=()).what_goes_wrong() == Faults.of(())
    assert Recipe(seed=1, kinds=ALL[:2]).what_goes_wrong() == Faults.swarm(ALL[:2])


def test_a_corpus_keeps_a_recipe_once_and_gives_them_by_name(tmp_path):
    corpus = Corpus(tmp_path / "not" / "there")
    assert list(corpus.recipes()) == []
    second = Recipe(seed=2, violated=Violated(invariant="I3", text="x"))
    first = Recipe(seed=1, violated=Violated(invariant="I1", text="x"))
    paths = [corpus.add(recipe) for recipe in (second, first, second)]
    assert [recipe for _, recipe in corpus.recipes()] == [first, second]
    assert paths[0] == paths[2]
    assert paths[0].name.startswith("I3-seed2-")


def test_a_run_goes_through_all_phases_and_tells_what_it_met():
    outcome = run_recipe(Recipe(seed=1, seconds=60, faults=()), toy.make)
    assert outcome.violation is None
    assert (outcome.virtual_s, outcome.steps) == (60, 60)
    assert outcome.coverage == {"never": 0}
    assert outcome.book_events == 6
    assert outcome.trace_hash == "cafe"


def test_a_run_ends_soon_after_its_first_violation():
    outcome = run_recipe(Recipe(seed=toy.VIOLATES), toy.make)
    assert outcome.violation == Violated(
        invariant="I3", account="alpha", text="two orders of one intent", at_s=100, step=100
    )
    assert outcome.virtual_s == 100


def test_a_world_that_breaks_is_a_finding_with_its_trace():
    outcome = run_recipe(Recipe(seed=toy.RAISES), toy.make)
    assert outcome.violation is not None
    assert outcome.violation.invariant == "BROKE"
    assert "RuntimeError: the toy broke (campaign_toy.py:" in outcome.violation.text
    assert "Traceback" in outcome.trace


def test_a_world_that_cannot_be_made_is_a_finding_too():
    outcome = run_recipe(Recipe(seed=1), toy.make_nothing)
    assert outcome.violation is not None
    assert "no such venue" in outcome.violation.text
    assert not outcome.made
    assert run_recipe(Recipe(seed=toy.RAISES), toy.make).made
