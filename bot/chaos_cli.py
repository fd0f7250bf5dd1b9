"""`ganglion chaos`: many simulated worlds in which things go wrong, and what they violate.

Registered by cli.py; nothing heavy is imported up here. Exit codes: 0 ok, 1 a violation, or a whole default campaign
that did not meet everything, 2 configuration or arguments, 130 interrupted.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ganglion.bot.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from ganglion.simulation.campaign import Recipe
    from ganglion.simulation.faults import FaultKind

CORPUS = Path("chaos-corpus")
MOST_LIMIT_S = 86_400
TEXT = (
    "Hurt a bot in many simulated worlds and see what breaks.\n\n"
    "Each seed is one world: the bot with its journal on simulated venues in virtual time, and a swarm of faults of "
    "its own: lost replies, bans, silent streams, crashes, kills, full disks. While faults last and after them the "
    "monitor and the venues' own ledgers judge it: no order lost, none doubled, no money made up.\n\n"
    "Without CONFIG it is the default campaign: two venues, four markets, four modes, 30 virtual minutes a seed. "
    "A bot.toml runs as it is; its secrets are not read and its exchanges not asked, simulated ones stand in.\n\n"
    "A violation ends with exit code 1 and the line that replays it. It is made as small as it gets and kept in the "
    "corpus, whose worlds run first from then on. A whole default campaign (1,000 seeds, all kinds) fails too when "
    "one kind of fault was never met."
)
EXAMPLES = (
    "ganglion chaos                                  the default campaign",
    "ganglion chaos --seeds 50 --hours 0.1           a short one",
    "ganglion chaos bot.toml --seeds 200 --jobs 4    on your own bot",
    "ganglion chaos --kinds=kill,power_loss,disk     these in every world; a site means all of its kinds",
    "ganglion chaos --kinds=-bot_clock               all but this",
    "ganglion chaos --list-kinds                     explain every kind of fault, and end",
    "ganglion replay 4711                            step through one seed",
)

Config = Annotated[Path | None, typer.Argument(metavar="CONFIG", help="A bot.toml.", show_default=False)]
Limit = Annotated[float, typer.Option(metavar="S", help="Real seconds that one world may take before it is ended.")]
Seeds = Annotated[int, typer.Option(metavar="N", min=1, help="How many worlds.")]
First = Annotated[int, typer.Option("--seed", metavar="S", min=0, help="The first seed.")]
Jobs = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Processes. [default: one for each core]", show_default=False)
]
Hours = Annotated[float, typer.Option(metavar="H", help="Virtual hours with faults; heal and settle follow.")]
Kinds = Annotated[
    str | None, typer.Option(metavar="A,B,-C", help="Which kinds of fault. [default: all]", show_default=False)
]
Report = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a report (markdown).", show_default=False)]
CorpusDir = Annotated[Path, typer.Option("--corpus", metavar="DIR", help="Run these first; keep violations here.")]
Shrink = Annotated[bool, typer.Option("--shrink/--no-shrink", help="Make violations small.")]
ListKinds = Annotated[bool, typer.Option("--list-kinds", help="Explain every kind of fault, and end.")]


def register(app: typer.Typer, write_help: Callable[..., str]) -> None:
    """Add the command to the command line; `write_help` makes a help text of a text and examples."""
    app.command("chaos", help=write_help(TEXT, *EXAMPLES))(chaos)


def chaos(
    config: Config = None,
    *,
    seeds: Seeds = 1000,
    seed: First = 0,
    jobs: Jobs = None,
    hours: Hours = 0.5,
    limit: Limit = 600.0,
    kinds: Kinds = None,
    report: Report = None,
    corpus: CorpusDir = CORPUS,
    shrink: Shrink = True,
    list_kinds: ListKinds = False,
) -> None:
    """See its help."""
    if list_kinds:
        _list_kinds()
        return
    check_hours(hours)
    check_seeds(seed, seeds)
    if not 1 <= limit <= MOST_LIMIT_S:
        _fail(f"--limit {limit:g}: a world may take from 1 to {MOST_LIMIT_S} seconds")
    chosen = read_kinds_option(kinds)
    text = read_config(config)
    if report is not None:
        _check_writable(report)
    _check_corpus(corpus)
    known = _read_corpus(corpus)
    from ganglion.bot.chaos import run_chaos  # noqa: PLC0415
    from ganglion.bot.chaos_options import ChaosOptions  # noqa: PLC0415
    from ganglion.simulation.campaign import WorkerError  # noqa: PLC0415

    options = ChaosOptions(
        config=config,
        text=text,
        seeds=seeds,
        first=seed,
        jobs=jobs,
        hours=hours,
        limit_s=limit,
        kinds=chosen,
        kinds_text=kinds or "",
        report=report,
        corpus=corpus,
        shrink=shrink,
    )
    try:
        raise typer.Exit(run_chaos(options, known))
    except WorkerError as error:
        _fail(f"no world can be run here: {error}", ExitCode.FAILED)
    except OSError as error:
        _fail(f"{error.filename or 'a file'} can't be written: {error.strerror or error}")


def check_hours(hours: float) -> None:
    """End the program where --hours is no time that a world can have."""
    from ganglion.simulation.campaign import MOST_S  # noqa: PLC0415

    most = MOST_S / 3600
    if not math.isfinite(hours) or hours > most:
        _fail(f"--hours {hours:g}: a world lasts a number of hours, {most:.0f} at most")
    if hours <= 0:
        _fail(f"--hours {hours:g}: a world needs time; 0.5 is half an hour")


def check_seeds(first: int, count: int = 1) -> None:
    """End the program where a seed is larger than any may be."""
    from ganglion.simulation.campaign import MOST_SEED  # noqa: PLC0415

    if first + count - 1 > MOST_SEED:
        _fail(f"seed {first + count - 1} is too large: seeds end at {MOST_SEED}")


def read_kinds_option(text: str | None) -> tuple[FaultKind, ...]:
    """The kinds that --kinds chooses; ends the program where it names what is none, or names nothing."""
    from ganglion.simulation.faults import FaultError, read_kinds  # noqa: PLC0415

    if text is not None and not text.replace(",", "").strip():
        _fail(f"--kinds {text!r} names no kind of fault: leave it out for all (--list-kinds explains them)")
    try:
        return read_kinds((text or "").split(","))
    except FaultError as error:
        _fail(f"--kinds: {error} (--list-kinds explains them)")


def read_config(config: Path | None) -> str:
    """The text of a bot.toml after a look whether it can be used; ends the program where not."""
    from ganglion.bot.config import load  # noqa: PLC0415
    from ganglion.bot.recipes import config_of  # noqa: PLC0415

    if config is None:
        return ""
    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    try:
        # `load` says best why a file can't be read.
        found = config_of(text, str(config)) if text else load(config)
    except ConfigError as error:
        _fail(str(error))
    if not found.modes:
        _fail(f"{config}: no mode trades in it, so nothing could go wrong; add a table [modes.NAME]")
    return text


def _read_corpus(folder: Path) -> list[tuple[Path, Recipe]]:
    """The recipes of the corpus; ends the program where one is none, or where its world could not begin here."""
    from ganglion.bot.recipes import config_of  # noqa: PLC0415
    from ganglion.simulation.campaign import Corpus, RecipeError  # noqa: PLC0415

    try:
        known = list(Corpus(folder).recipes())
    except RecipeError as error:
        _fail(f"--corpus: {error}; move the file away, or write it anew")
    except OSError as error:
        _fail(f"--corpus: {error.filename or folder} can't be read: {error.strerror or error}")
    for path, recipe in known:
        try:
            config_of(recipe.config, recipe.source)
        except ConfigError as error:
            _fail(f"--corpus: {path} can't be run: {error}")
    return known


def _check_corpus(folder: Path) -> None:
    """Find out before a campaign whether what it finds can be kept; the folder is made with the first of it only."""
    # The nearest that is there, be it a link to nowhere.
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        _fail(f"--corpus: {there} is no folder, so violations could not be kept: name another, or move it away")
    if not os.access(there, os.W_OK | os.X_OK):
        _fail(f"--corpus: nothing can be written in {there}: name a folder that you own")


def _check_writable(path: Path) -> None:
    from ganglion.bot.summary import check_writable  # noqa: PLC0415

    try:
        check_writable(path)
    except OSError as error:
        _fail(f"--report: {path} can't be written ({error.strerror or error}): name a file in a folder that you own")


def _list_kinds() -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from ganglion.simulation.faults import KINDS  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for column in ("kind", "site", "what it does"):
        table.add_column(column)
    for kind, info in KINDS.items():
        table.add_row(kind, info.site, info.text)
    Console(highlight=False, width=None if os.isatty(1) else 200).print(table, markup=False)


def _fail(text: str, code: ExitCode = ExitCode.CONFIGURATION) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
