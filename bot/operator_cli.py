"""The operator's commands: `ganglion status | tree | orders | halt | reduce | resume | cancel-all | flatten`.

Each says one command over the control socket of a running bot, waits for its effect and tells what came of it.
Registered by `cli`; nothing heavy is imported up here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ganglion.bot.errors import BotError, ExitCode

if TYPE_CHECKING:
    from ganglion.bot.control.protocol import Command, Reply

Help = Callable[..., str]
WhichScope = Annotated[
    str,
    typer.Argument(
        metavar="[SCOPE]",
        help="bot, an account (alpha), one of its markets (alpha/BTC/USDT) or a mode (grid).",
        show_default="bot",
    ),
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="The bot's data folder. [default: the only one here]")
]
Config = Annotated[Path | None, typer.Option("-c", "--config", metavar="FILE", help="Its bot.toml instead.")]
AsJson = Annotated[bool, typer.Option("--json", help="The answer as JSON, for machines.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept as the cause, shown everywhere.")]
Within = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Wait so long for the effect.")]
SETS_S, LOOKS_S, FLATTENS_S = 30.0, 10.0, 60.0


def register(app: typer.Typer, write_help: Help) -> None:
    """Add the commands to the command line; `write_help` makes a help text of a text and examples."""
    for name, command, text, examples in _COMMANDS:
        app.command(name, help=write_help(text, *examples))(command)


def status(*, data: Data = None, config: Config = None, as_json: AsJson = False, timeout: Within = LOOKS_S) -> None:
    """See its help."""
    from ganglion.bot.control import shows  # noqa: PLC0415
    from ganglion.bot.control.protocol import Command, StatusRow  # noqa: PLC0415

    reply = _ask(Command("status", timeout_s=timeout), data, config, as_json=as_json)
    row = shows.result_of(reply, StatusRow)
    if not as_json:
        shows.show_status(row)
    if row.trading == "halted" or any(state.state == "halted" for state in row.states):
        raise typer.Exit(ExitCode.HALTED)


def tree(*, data: Data = None, config: Config = None, as_json: AsJson = False, timeout: Within = LOOKS_S) -> None:
    """See its help."""
    from ganglion.bot.control import shows  # noqa: PLC0415
    from ganglion.bot.control.protocol import CellRow, Command  # noqa: PLC0415

    reply = _ask(Command("tree", timeout_s=timeout), data, config, as_json=as_json)
    if not as_json:
        shows.show_tree(shows.result_of(reply, tuple[CellRow, ...]))


def orders(
    scope: WhichScope = "bot",
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that have ended as well.")] = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    timeout: Within = LOOKS_S,
) -> None:
    """See its help."""
    from ganglion.bot.control import shows  # noqa: PLC0415
    from ganglion.bot.control.protocol import Command, StatusRow  # noqa: PLC0415
    from ganglion.bot.views import OrderView  # noqa: PLC0415

    reply = _ask(Command("orders", scope=scope, all=every, timeout_s=timeout), data, config, as_json=as_json)
    rows = shows.result_of(reply, tuple[OrderView, ...])
    if not as_json:
        shows.show_orders(rows, scope)
    doubts = {row.account: row.unsettled for row in rows if row.unsettled}
    if scope == "bot":
        # An account of which no order is known is in no row.
        asked = _ask(Command("status", timeout_s=timeout), data, config, as_json=False)
        accounts = shows.result_of(asked, StatusRow).accounts
        doubts = {row.name: row.unsettled for row in accounts if row.unsettled} | doubts
    for account, why in () if as_json else doubts.items():
        typer.echo(f"{account} is not reconciled yet, more may be open there than is known: {why}", err=True)
    if doubts:
        raise typer.Exit(ExitCode.FAILED)


def halt(
    scope: WhichScope = "bot",
    *,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel its open orders too.")] = False,
    reason: Why = "",
    yes: Yes = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    timeout: Within = SETS_S,
) -> None:
    """See its help."""
    from ganglion.bot.control.protocol import Command  # noqa: PLC0415

    _confirm(f"Halt {scope}" + (" and cancel its orders?" if cancel else "?"), yes=yes)
    command = Command("halt", scope=scope, cancel=cancel, reason=reason, timeout_s=timeout)
    _do(command, data, config, as_json=as_json)


def reduce(
    scope: WhichScope = "bot",
    *,
    reason: Why = "",
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    timeout: Within = SETS_S,
) -> None:
    """See its help."""
    from ganglion.bot.control.protocol import Command  # noqa: PLC0415

    _do(Command("reduce", scope=scope, reason=reason, timeout_s=timeout), data, config, as_json=as_json)


def resume(
    scope: WhichScope = "bot",
    *,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    timeout: Within = SETS_S,
) -> None:
    """See its help."""
    from ganglion.bot.control.protocol import Command  # noqa: PLC0415

    _do(Command("resume", scope=scope, timeout_s=timeout), data, config, as_json=as_json)


def cancel_all(
    scope: WhichScope = "bot",
    *,
    reason: Why = "",
    yes: Yes = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    timeout: Within = SETS_S,
) -> None:
    """See its help."""
    from ganglion.bot.control.protocol import Command  # noqa: PLC0415

    _confirm(f"Cancel all orders of {scope}?", yes=yes)
    _do(Command("cancel-all", scope=scope, reason=reason, timeout_s=timeout), data, config, as_json=as_json)


def flatten(
    scope: WhichScope = "bot",
    *,
    reason: Why = "",
    yes: Yes = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
    timeout: Within = FLATTENS_S,
) -> None:
    """See its help."""
    from ganglion.bot.control.protocol import Command  # noqa: PLC0415

    _confirm(f"Halt {scope}, cancel its orders and SELL AT MARKET what its modes hold?", yes=yes)
    _do(Command("flatten", scope=scope, reason=reason, timeout_s=timeout), data, config, as_json=as_json)


def _do(command: Command, data: Path | None, config: Path | None, *, as_json: bool) -> None:
    from ganglion.bot.control import shows  # noqa: PLC0415
    from ganglion.bot.control.protocol import Effect  # noqa: PLC0415

    reply = _ask(command, data, config, as_json=as_json)
    effect = shows.result_of(reply, Effect)
    if not as_json:
        shows.show_effect(effect)
    if not effect.done:
        raise typer.Exit(ExitCode.FAILED)


def _ask(command: Command, data: Path | None, config: Path | None, *, as_json: bool) -> Reply:
    import getpass  # noqa: PLC0415

    import msgspec  # noqa: PLC0415

    from ganglion.bot.control.client import call, find_folder  # noqa: PLC0415

    try:
        who = getpass.getuser()
    except (KeyError, OSError):
        who = ""  # no name for this user: the bot sees the number
    try:
        reply = call(find_folder(data, config, Path.cwd()), msgspec.structs.replace(command, who=who))
    except BotError as error:
        _fail(str(error), error.code, as_json=as_json, failed="unreachable")
    if not reply.ok:
        code = ExitCode.CONFIGURATION if reply.failed in {"unknown_scope", "bad_request"} else ExitCode.FAILED
        _fail(reply.text, code, as_json=as_json, failed=reply.failed or "failed")
    if as_json:
        typer.echo(msgspec.json.format(bytes(reply.result), indent=2))
    return reply


def _fail(text: str, code: ExitCode, *, as_json: bool, failed: str) -> NoReturn:
    if as_json:
        import msgspec  # noqa: PLC0415

        typer.echo(msgspec.json.encode({"failed": failed, "text": text}))
    else:
        typer.echo(text, err=True)
    raise typer.Exit(code)


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        typer.echo("nobody is there to ask (no terminal): add --yes", err=True)
        raise typer.Exit(ExitCode.CONFIGURATION)
    typer.confirm(question, abort=True)


_COMMANDS: tuple[tuple[str, Callable[..., None], str, tuple[str, ...]], ...] = (
    (
        "status",
        status,
        (
            "Show how a running bot stands.\n\n"
            "Accounts, what is not active and why, balances, modes. Exits with 3 where anything is halted."
        ),
        ("ganglion status", "ganglion status -c bot.toml --json"),
    ),
    (
        "tree",
        tree,
        "Show a running bot's supervision tree.\n\nStates, incarnations, restarts, last failures, queues.",
        ("ganglion tree",),
    ),
    (
        "orders",
        orders,
        "List a running bot's open orders.\n\nWith --all those that ended since its start too.",
        ("ganglion orders", "ganglion orders alpha/BTC/USDT --all"),
    ),
    (
        "halt",
        halt,
        (
            "Stop placing, until resume.\n\n"
            "Nothing but an operator's flatten is sent any more; cancels and look-ups pass. Open orders "
            "stay, unless --cancel. It is kept in the journal: a bot that starts again is halted still."
        ),
        ("ganglion halt", 'ganglion halt alpha --cancel --reason "the exchange looks odd"'),
    ),
    (
        "reduce",
        reduce,
        "Let only sells of what is held pass, until resume.\n\nOpen buys are cancelled: they do not reduce.",
        ("ganglion reduce grid",),
    ),
    (
        "resume",
        resume,
        (
            "Let a halted or reducing scope trade again.\n\n"
            "Its account is reconciled first. A part that was parked runs again. It is refused where the "
            "cause still stands."
        ),
        ("ganglion resume", "ganglion resume alpha"),
    ),
    (
        "cancel-all",
        cancel_all,
        "Cancel the open orders of a scope.\n\nIts modes may place again: halt them first where they should not.",
        ("ganglion cancel-all alpha/BTC/USDT",),
    ),
    (
        "flatten",
        flatten,
        (
            "Halt, cancel, and sell what the modes' trades hold.\n\n"
            "At market, through the line of every order. What the account held before the bot is left alone. "
            "It stays halted until `resume`."
        ),
        ("ganglion flatten grid", "ganglion flatten --yes --timeout 120"),
    ),
)
"""What there is: name, function, what it does, examples."""
