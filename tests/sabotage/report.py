"""Keeps what hunts found: recipes for the tests, results for the table, and the table of docs/sabotage.md itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ganglion.simulation.campaign import Recipe, Violated
from ganglion.simulation.faults.fault import fault_text
from tests.sabotage.catalogue import ALL
from tests.sabotage.hunt import Hunt

RECIPES = Path(__file__).parent / "recipes"
HEAD = """\
# Sabotage: what a campaign finds

Each line breaks the code on purpose in one way and runs worlds of the default campaign (`ganglion chaos`: two venues,
four modes, a swarm of all fault kinds), seed 1, 2, 3, ..., until one violates an invariant that it does not violate
without the sabotage. That world is then shrunk. `time` is the shrunk world's, `seeds` are worlds of 900 s each. Made by
`python -m tests.sabotage --seconds 900 --keep --report docs/sabotage.md`; the shrunk recipes stand in
`tests/sabotage/recipes`, and the quick ones run with the tests, with the sabotage and without. Where something else in
the code catches a mistake by itself, that is said, and the next line takes both away.

| sabotage | what it breaks | seeds | found by | faults | time |
|---|---|---:|---|---:|---:|
"""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A hunt's result, as it is kept beside its recipe."""

    seeds: int
    seconds: float
    violated: Violated
    faults: int
    runs: int


def kept(hunt: Hunt, folder: Path) -> None:
    """Keep a recipe and what it took to find it."""
    if hunt.violated is None or hunt.recipe is None:
        return
    hunt.recipe.write(folder / f"{hunt.sabotage.name}.json")
    result = Kept(
        seeds=hunt.seeds, seconds=hunt.recipe.seconds, violated=hunt.violated, faults=hunt.faults, runs=hunt.runs
    )
    data = msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"
    (folder / f"{hunt.sabotage.name}.found").write_bytes(data)


def report(hunts: Sequence[Hunt], folder: Path) -> str:
    """The page, of what is kept in a folder and of what was hunted now and not found."""
    lines, recipes = [], []
    missed = {hunt.sabotage.name: hunt for hunt in hunts if hunt.violated is None}
    for sabotage in ALL:
        text = f"| {sabotage.name} | {sabotage.text} "
        result = folder / f"{sabotage.name}.found"
        if sabotage.name in missed or not result.exists():
            tried = f"more than {missed[sabotage.name].seeds}" if sabotage.name in missed else "not run"
            lines.append(f"{text}| {tried} | {sabotage.expected or 'nobody'} | | |")
            continue
        one = msgspec.json.decode(result.read_bytes(), type=Kept)
        recipe = Recipe.read(folder / f"{sabotage.name}.json")
        small = recipe.faults or ()
        lines.append(
            f"{text}| {one.seeds} | {one.violated.invariant} | {one.faults} to {len(small)} | {recipe.seconds:g} s |"
        )
        recipes += [f"### {sabotage.name}", ""]
        recipes += ["Where: " + ", ".join(f"`{target}`" for target in sabotage.replacements) + ".", ""]
        recipes += [f"> {one.violated}".replace("\n", " "), ""]
        shrunk = f"Seed {recipe.seed}, {recipe.seconds:g} s, shrunk in {one.runs} runs"
        recipes += [shrunk + (":" if small else "; no fault is needed."), ""]
        recipes += [f"- {fault_text(fault)}" for fault in small] + ([""] if small else [])
    return HEAD + "\n".join(lines) + "\n\n## Shrunk recipes\n\n" + "\n".join(recipes).rstrip() + "\n"
