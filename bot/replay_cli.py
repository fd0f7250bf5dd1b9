"""`ganglion replay`: steps through a seed, a recipe of a campaign, an input tape, or the order line of a journal.

Registered by cli.py; nothing heavy is imported up here. Exit codes: 0 ok, 1 something was violated or differs, 2 the
argument is nothing that can be replayed, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ganglion.bot.chaos_cli import check_hours, check_seeds, read_config, read_kinds_option
from ganglion.bot.errors import BotError, ConfigError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from ganglion.actors.trading.journal import Position
    from ganglion.simulation.campaign import Outcome, Recipe, RunnableWorld

TEXT = (
    "Step through what happened, again.\n\n"
    "A number is a seed of `ganglion chaos`; a .json file is a recipe that a campaign kept; a folder with a tape was "
    "recorded by `ganglion run --tape`; a bot's data folder is replayed from its journal. It says which it took the "
    "argument for.\n\n"
    "Of a world it tells each fault as it begins, each message about an order with its step, virtual time and actor, "
    "and violations; it ends with the hash of the trace, which is the same for the same code. Of a journal it tells "
    "each record and what it did to the states of orders."
)
EXAMPLES = (
    "ganglion replay 4711                                  a seed of the default campaign",
    "ganglion replay 4711 bot.toml --hours 2               a seed of your own bot's",
    "ganglion replay chaos-corpus/I3-seed4711-0badcafe.json",
    "ganglion replay 4711 --steps --from 900 --until 950   every message of these steps",
    "ganglion replay bot.ganglion                          the order line of a journal",
    "ganglion replay tape/                                 a recorded run",
)
MOST_DIGITS = 30
"""Of a number that is read as one at all."""
KINDS_OF = "a seed (a number), a recipe (a .json file), a tape (a folder), or a bot's data folder or its bot.toml"

What = Annotated[str, typer.Argument(metavar="SEED|TRACE|TAPE|JOURNAL", help="What to replay.", show_default=False)]
Config = Annotated[Path | None, typer.Argument(metavar="CONFIG", help="The seed's bot.toml.", show_default=False)]
Until = Annotated[int | None, typer.Option(metavar="STEP", min=1, help="Stop there.", show_default=False)]
First = Annotated[int, typer.Option("--from", metavar="STEP", min=0, help="Tell messages from there on.")]
Hours = Annotated[
    float | None, typer.Option(metavar="H", help="Virtual hours with faults. [default: 0.5]", show_default=False)
]
Kinds = Annotated[
    str | None, typer.Option(metavar="A,B,-C", help="A seed's kinds of fault, as in chaos.", show_default=False)
]
Steps = Annotated[bool, typer.Option("--steps", help="Tell every message, not only those about orders.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Tell no message; faults, violations and the end.")]


def register(app: typer.Typer, write_help: Callable[..., str]) -> None:
    """Add the command to the command line; `write_help` makes a help text of a text and examples."""
    app.command("replay", help=write_help(TEXT, *EXAMPLES))(replay)


def replay(
    what: What,
    config: Config = None,
    *,
    until: Until = None,
    first: First = 0,
    hours: Hours = None,
    kinds: Kinds = None,
    steps: Steps = False,
    quiet: Quiet = False,
) -> None:
    """See its help."""
    if steps and quiet:
        _fail("--steps tells everything and --quiet nothing: choose one")
    path = Path(what)
    if what.isascii() and what.isdigit():
        recipe = _seed_recipe(what, config, hours, kinds)
        _say(f"seed {recipe.seed} of {config or 'the default campaign'}, {recipe.seconds / 3600:g} virtual hours")
        _replay_recipe(recipe, f"seed {recipe.seed}", until, first, steps=steps, quiet=quiet)
        return
    if config is not None or hours is not None or kinds is not None:
        _fail(f"{what} is no seed: CONFIG, --hours and --kinds go with a number")
    if not path.exists():
        _fail(f"{what} is not there: give {KINDS_OF}")
    if path.suffix == ".json" and path.is_file():
        recipe = _read_recipe(path)
        _say(
            f"{path}: a recipe of seed {recipe.seed}" + (f", which showed {recipe.violated}" if recipe.violated else "")
        )
        _replay_recipe(recipe, str(path), until, first, steps=steps, quiet=quiet)
    elif _is_tape(path):
        _say(f"{path}: an input tape")
        _replay_tape(path, until, first, quiet=quiet)
    elif path.is_dir() or path.suffix == ".toml":
        _replay_journal(path, until, first, quiet=quiet)
    else:
        _fail(f"{what} is a file that can't be replayed: give {KINDS_OF}")


# ------------------------------------------------------------------ a world


def _seed_recipe(digits: str, config: Path | None, hours: float | None, kinds: str | None) -> Recipe:
    from ganglion.bot.chaos_options import DEFAULT_HOURS, ChaosOptions  # noqa: PLC0415

    hours = DEFAULT_HOURS if hours is None else hours
    check_hours(hours)
    if len(digits) > MOST_DIGITS:
        _fail(f"seed {digits[:MOST_DIGITS]}… is too large: it has {len(digits)} digits")
    seed = int(digits)
    check_seeds(seed)
    options = ChaosOptions(
        config=config,
        text=read_config(config),
        hours=hours,
        kinds=read_kinds_option(kinds),
        kinds_text=kinds or "",
    )
    return options.recipe(seed)


def _read_recipe(path: Path) -> Recipe:
    from ganglion.simulation.campaign import Recipe, RecipeError  # noqa: PLC0415

    try:
        return Recipe.read(path)
    except RecipeError as error:
        _fail(f"{error}; `ganglion chaos` writes recipes into its corpus")
    except OSError as error:
        _fail(f"{path} can't be read: {error.strerror or error}")


def _replay_recipe(recipe: Recipe, named: str, until: int | None, first: int, *, steps: bool, quiet: bool) -> None:
    from ganglion.bot import recipes  # noqa: PLC0415
    from ganglion.bot.replaying import Detail, Teller  # noqa: PLC0415
    from ganglion.simulation.campaign.quiet import be_quiet  # noqa: PLC0415
    from ganglion.simulation.campaign.running import find_maker, run_recipe  # noqa: PLC0415

    be_quiet()
    out = _console()
    teller = Teller(out, Detail.QUIET if quiet else Detail.STEPS if steps else Detail.ORDERS, first)
    maker, refused = find_maker(recipes.MAKE), ""

    def make(given: Recipe) -> RunnableWorld:
        nonlocal refused
        try:
            return maker(given)
        except (BotError, ValueError) as error:
            refused = str(error)
            raise

    with teller.ending_at_ctrl_c():
        outcome = run_recipe(recipe, make, begun=teller.begin, until_step=until)
    if refused:
        _fail(f"{named} can't be run: {refused}")
    teller.finish()
    _tell_outcome(out, outcome)
    if outcome.violation is not None:
        raise typer.Exit(ExitCode.FAILED)


def _tell_outcome(out: Console, outcome: Outcome) -> None:
    if outcome.trace:
        out.print(outcome.trace, markup=False)
    for violated in outcome.violations:
        out.print(f"violated: {violated}", style="red", markup=False)
    if not outcome.made:
        out.print("its world could not be made, so nothing can be said about it", style="red")
        return
    expected = outcome.recipe.violated
    if expected is not None and outcome.shows(expected.invariant) is None:
        out.print(f"{expected.invariant} is not violated any more", style="green")
    elif not outcome.violations:
        out.print("nothing was violated", style="green")
    out.print(f"{outcome.steps} steps, {outcome.virtual_s:.3f} virtual seconds, {outcome.wall_s:.1f} s")
    out.print(f"trace hash {outcome.trace_hash}")


# ------------------------------------------------------------------ a tape


def _is_tape(path: Path) -> bool:
    from ganglion.bot.tape_replay import is_tape  # noqa: PLC0415

    return is_tape(path)


def _replay_tape(path: Path, until: int | None, first: int, *, quiet: bool) -> None:
    from ganglion.bot.tape_file import TapeError  # noqa: PLC0415
    from ganglion.bot.tape_replay import replay_tape  # noqa: PLC0415

    turn = 0

    def tell(line: str) -> None:
        nonlocal turn
        turn += 1
        if turn >= first:
            typer.echo(line)

    try:
        outcome = replay_tape(path, until=until, tell=None if quiet else tell)
    except (TapeError, ConfigError) as error:
        _fail(str(error))
    for line in outcome.lines():
        typer.echo(line)
    if not outcome.good:
        raise typer.Exit(ExitCode.FAILED)


# ------------------------------------------------------------------ a journal


def _replay_journal(path: Path, until: int | None, first: int, *, quiet: bool) -> None:
    from ganglion.bot.journal_cli import clear_errors, data_folder  # noqa: PLC0415
    from ganglion.bot.projection.replaying import replay_journal  # noqa: PLC0415
    from ganglion.bot.projection.telling import tell  # noqa: PLC0415

    folder = data_folder(path)
    _say(f"{path}: the journal in {folder}")
    count = 0
    ledgers = {}
    torn = ""
    with clear_errors():
        end = None
        for step, behind in replay_journal(folder):
            if until is not None and count >= until:
                break
            count, end = count + 1, behind
            if step.ledger is not None:
                ledgers[step.entry.account] = step.ledger
            if not quiet and count >= first:
                typer.echo(f"{count:>8}  {tell(step).line()}")
        else:
            torn = _torn_end(folder, end)
    for account, ledger in sorted(ledgers.items()):
        states: dict[str, int] = {}
        for line in ledger.lines.values():
            states[line.state] = states.get(line.state, 0) + 1
        said = ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "none"
        typer.echo(f"{account}: orders: {said}")
    typer.echo(f"{count} entries")
    if torn:
        typer.echo(torn)


def _torn_end(folder: Path, end: Position | None) -> str:
    """What stands behind the last whole batch, for people; empty where nothing does."""
    from ganglion.actors.trading.journal import read_journal  # noqa: PLC0415

    rest = read_journal(folder, end)
    more = sum(1 for _ in rest)
    if more:
        return f"{more} entries were written meanwhile, by a bot that runs on this journal"
    why = "a bot that writes right now, a crash, or a file that was not copied whole"
    return "; ".join(f"its last write can't be read: {flaw} ({why})" for flaw in rest.flaws if flaw.torn)


# ------------------------------------------------------------------ beside it


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _fail(text: str, code: ExitCode = ExitCode.CONFIGURATION) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
