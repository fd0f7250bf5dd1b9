"""docs/chaos.md says what is there: every kind of fault, and recipes that can be read."""

import re
from pathlib import Path

from ganglion.simulation.campaign import Recipe
from ganglion.simulation.faults import KINDS, Target

PAGE = Path(__file__).parents[3] / "docs" / "chaos.md"
WHO = {Target.EXCHANGE: "exchange", Target.ACTOR: "actor", Target.SUPERVISOR: "supervisor", Target.BOT: "bot"}


def table_of_kinds():
    lines = ["| kind | site | strikes | what it does |", "|---|---|---|---|"]
    lines += [f"| `{kind}` | {info.site} | {WHO[info.target]} | {info.text} |" for kind, info in KINDS.items()]
    return "\n".join(lines)


def test_the_page_has_the_table_of_all_kinds():
    shown = re.search(r"<!-- the table of kinds.*?-->\n(.*?)\n?<!-- /the table", PAGE.read_text(), re.DOTALL)[1]
    assert shown.strip() == table_of_kinds(), f"docs/chaos.md should have this table:\n{table_of_kinds()}"


def test_the_recipe_of_the_page_can_be_read():
    [text] = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    recipe = Recipe.from_json(text.encode())
    assert [fault.kind for fault in recipe.faults] == ["reply_lost", "kill"]
