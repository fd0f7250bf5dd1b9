"""Campaigns: many seeds in many processes, what they violate, made small and kept.

A world is known by its face (`RunnableWorld`) and made by a function with a dotted name, so that workers can import it.
"""

from ganglion.simulation.campaign.corpus import Corpus
from ganglion.simulation.campaign.jobs import LIMIT_S, Runner, WorkerError, run_all
from ganglion.simulation.campaign.recipe import MOST_S, MOST_SEED, Outcome, Recipe, RecipeError, Violated
from ganglion.simulation.campaign.report import Failure, Tally, markdown
from ganglion.simulation.campaign.running import MakeWorld, RunnableWorld, run_recipe
from ganglion.simulation.campaign.shrink import Progress, Shrunk, ddmin, shrink

__all__ = [
    "LIMIT_S",
    "MOST_S",
    "MOST_SEED",
    "Corpus",
    "Failure",
    "MakeWorld",
    "Outcome",
    "Progress",
    "Recipe",
    "RecipeError",
    "RunnableWorld",
    "Runner",
    "Shrunk",
    "Tally",
    "Violated",
    "WorkerError",
    "ddmin",
    "markdown",
    "run_all",
    "run_recipe",
    "shrink",
]
