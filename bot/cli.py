"""The command line: `ganglion run | check | demo | modes | schema | venue | init`. Nothing heavy is imported up here.

Exit codes: 0 ok, 1 a check failed, 2 configuration, 3 halted, 130 second SIGINT.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ganglion.bot import backtest_cli, chaos_cli, operator_cli, paper_cli, record_cli, replay_cli
from ganglion.bot.cli_options import Config, For, LogFormat
from ganglion.bot.errors import BotError, ConfigError, ExitCode
from ganglion.bot.journal_cli import journal_app

if TYPE_CHECKING:
    from rich.console import Console

    from ganglion.actors.modes import ModeEntry
    from ganglion.bot.config import BotConfig


def _help(text: str, *examples: str) -> str:
    """Help with examples that are not wrapped (click leaves a paragraph alone that a backspace opens)."""
    return "\n\n".join([text, "\b\n" + "\n".join(["Examples:", *(f"  {example}" for example in examples)])])


app = typer.Typer(
    name="ganglion",
    help=_help(
        "Trade on several crypto exchanges with supervised actors: one part fails, the others trade on.",
        "ganglion demo                          a look at it; no keys, no network",
        "ganglion init bot.toml                 a configuration to start from",
        "ganglion check bot.toml --online       what is wrong with it, asking the exchanges too",
        "ganglion run bot.toml --for 10m        trade",
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


ModeName = Annotated[str | None, typer.Argument(metavar="[MODE]", help="Only this mode.", show_default=False)]
SummaryFile = Annotated[Path | None, typer.Option("--summary", metavar="FILE", help="Write a JSON summary at the end.")]
TapeFolder = Annotated[
    Path | None,
    typer.Option(
        "--tape",
        metavar="DIR",
        help="Record all that comes from outside, for `ganglion replay DIR`; ends by itself at 4 GiB.",
    ),
]
Log = Annotated[LogFormat | None, typer.Option("--log", help="Log lines instead of the live view.")]


@app.command(
    help=_help(
        "Run a bot until Ctrl-C.\n\n"
        "The first Ctrl-C cancels its orders and stops cleanly; a second one drops everything.\n\n"
        "On a terminal it shows the live view, elsewhere plain log lines on standard error.",
        "ganglion run bot.toml",
        "ganglion run bot.toml --for 5m --summary summary.json --log json",
        "ganglion run bot.toml --tape tape/     then: ganglion replay tape/",
    )
)
def run(
    config: Config, seconds: For = None, summary: SummaryFile = None, log: Log = None, tape: TapeFolder = None
) -> None:
    """See its help."""
    from ganglion.bot.run import RunOptions  # noqa: PLC0415
    from ganglion.bot.run import run as run_bot  # noqa: PLC0415

    _check_summary(summary)
    loaded = _load(config)
    options = RunOptions(seconds=seconds, summary=summary, log=log.value if log else None, tape=tape)
    raise typer.Exit(run_bot(loaded, options))


@app.command(
    help=_help(
        "Say everything that is wrong with a configuration.\n\n"
        "Each mistake comes with its place and what to do. Offline it reads files and environment only. "
        "With --online it asks each exchange whether it is there, knows the symbols and accepts the key; nothing is "
        "placed.",
        "ganglion check bot.toml",
        "ganglion check bot.toml --online",
    )
)
def check(
    config: Config, *, online: Annotated[bool, typer.Option("--online", help="Ask the exchanges too.")] = False
) -> None:
    """See its help."""
    loaded = _load(config)
    out = _console()
    _show(out, loaded)
    if not online:
        out.print(f"{config}: nothing wrong (offline; --online asks the exchanges)")
        return
    from ganglion.bot.online import check_online  # noqa: PLC0415

    findings = check_online(loaded)
    for finding in findings:
        sign = "ok " if finding.good else "BAD"
        out.print(loaded.scrubber.scrub(f"{sign} {finding.exchange} {finding.what}: {finding.text}"), markup=False)
    if not all(finding.good for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


@app.command(
    help=_help(
        "Run one bot on two local venues and hurt it, for 30 seconds.\n\n"
        "No keys, no network. Sockets drop, a venue answers 503 and 429, actors crash, a venue process is killed and "
        "comes back; the other arm trades on. It ends with balances that equal the venues' to the last digit, or with "
        "exit code 1.",
        "ganglion demo",
        "ganglion demo --log console",
    )
)
def demo(
    *,
    seconds: For = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the venues' markets.")] = 0,
    summary: SummaryFile = None,
    log: Log = None,
    no_live: Annotated[bool, typer.Option("--no-live", help="Plain lines on a terminal too.")] = False,
    hide_fill: Annotated[bool, typer.Option("--hide-fill", hidden=True)] = False,
) -> None:
    """See its help."""
    from ganglion.bot.demo import DemoOptions, run_demo  # noqa: PLC0415

    _check_summary(summary)
    options = DemoOptions(
        seconds=seconds,
        seed=seed,
        log=log.value if log else None,
        summary=summary,
        live=not no_live,
        hide_fill=hide_fill,
    )
    raise typer.Exit(run_demo(options))


@app.command(
    help=_help(
        "List the trading modes, or the settings of one.",
        "ganglion modes",
        "ganglion modes grid",
    )
)
def modes(
    name: Annotated[str | None, typer.Argument(help="Show this mode's settings.", show_default=False)] = None,
) -> None:
    """See its help."""
    from rich.table import Table  # noqa: PLC0415

    from ganglion.actors.modes import find_mode, known_modes  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    if name is None:
        for column in ("mode", "what it does", "on restart"):
            table.add_column(column)
        for known in known_modes():
            entry = find_mode(known)
            table.add_row(known, entry.summary, entry.kind.on_restart)
    else:
        entry = _mode(name)
        for column in ("setting", "default", "meaning"):
            table.add_column(column)
        for key, field in entry.kind.Config.model_fields.items():
            default = "required" if field.is_required() else str(field.default)
            table.add_row(key, default, field.description or "")
    _console().print(table)


@app.command(
    help=_help(
        "Print the JSON schema of a bot.toml, for editors and tools.",
        "ganglion schema > bot.schema.json",
        "ganglion schema grid",
    )
)
def schema(name: ModeName = None) -> None:
    """See its help."""
    import msgspec  # noqa: PLC0415

    from ganglion.bot.schema import config_schema, mode_schema  # noqa: PLC0415

    if name is not None:
        _mode(name)
    found = config_schema() if name is None else mode_schema(name)
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))


@app.command(
    help=_help(
        "Run a local exchange with a living market, for any ccxt.\n\n"
        "Unmodified ccxt classes trade on it. It prints the ccxt settings and the bot.toml section to use. With a file "
        "of faults it misbehaves as real venues do: lost replies, bans, silent streams, garbage.",
        "ganglion venue --port 8080",
        "ganglion venue --port 8080 --faults faults.toml    (--list-faults shows what can stand in it)",
        "ganglion venue --port 8080 --state ./ledger --seed 7 --account me:secret:USDT=10000,BTC=1",
    )
)
def venue(
    *,
    dialect: Annotated[str, typer.Option(help="Wire protocol that it speaks.")] = "binance",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    symbols: Annotated[str, typer.Option(help="Markets, with commas between.")] = "BTC/USDT,ETH/USDT",
    account: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY:SECRET[:USDT=1000,BTC=2]", help="A customer; repeatable. [default: demo:demo]"),
    ] = None,
    state: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the ledger here.")] = None,
    seed: Annotated[int, typer.Option(help="Of the market.")] = 0,
    tick_ms: Annotated[int, typer.Option(min=0, help="How often the market moves; 0 never.")] = 100,
    fee: Annotated[str, typer.Option(help="Share of each fill.")] = "0.001",
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="What goes wrong and when: TOML or JSON.")] = None,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="Explain every kind of fault, and end.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the ready line only.")] = False,
) -> None:
    """See its help."""
    from decimal import Decimal, InvalidOperation  # noqa: PLC0415

    from ganglion.simulation.venue import SettingsError, VenueSettings, parse_account, run_venue  # noqa: PLC0415

    try:
        if list_faults:
            from ganglion.simulation.venue.cli import faults_text  # noqa: PLC0415

            typer.echo(faults_text(dialect))
            raise typer.Exit
        share = Decimal(fee)
        accounts = tuple(parse_account(text) for text in account or ()) or VenueSettings().accounts
    except InvalidOperation:
        raise typer.BadParameter(f'{fee!r} is no number; 0.1 % is "0.001"', param_hint="--fee") from None
    except SettingsError as error:
        raise typer.BadParameter(str(error), param_hint="--dialect" if list_faults else "--account") from None
    settings = VenueSettings(
        dialect=dialect,
        host=host,
        port=port,
        symbols=tuple(symbol.strip() for symbol in symbols.split(",") if symbol.strip()),
        accounts=accounts,
        seed=seed,
        tick_ms=tick_ms,
        state=state,
        maker_fee=share,
        taker_fee=share,
        faults=faults,
        quiet=quiet,
    )
    raise typer.Exit(run_venue(settings))


@app.command(
    help=_help(
        "Write a commented bot.toml to start from.",
        "ganglion init bot.toml",
    )
)
def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("bot.toml"),
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """See its help."""
    from ganglion.bot.starter import STARTER  # noqa: PLC0415

    if path.exists() and not force:
        _fail(f"{path} is there already; give another name, or --force to replace it", ExitCode.CONFIGURATION)
    try:
        path.write_text(STARTER, encoding="utf-8")
    except OSError as error:
        _fail(f"{path} can't be written: {error.strerror}", ExitCode.CONFIGURATION)
    typer.echo(f"{path} written; set the environment variables that it names, then: ganglion check {path}")


operator_cli.register(app, _help)
chaos_cli.register(app, _help)
replay_cli.register(app, _help)
record_cli.register(app, _help)
backtest_cli.register(app, _help)
paper_cli.register(app, _help)
app.add_typer(journal_app, name="journal")


def main() -> None:
    """Run the command line: the entry point of the installed `ganglion`."""
    try:
        app(prog_name="ganglion")
    except BotError as error:
        # Outside of typer's own main nobody turns its Exit into an exit code.
        typer.echo(str(error), err=True)
        sys.exit(error.code)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's signature
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"ganglion {version('ganglion')}")
        raise typer.Exit


@app.callback()
def common(
    *,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """What stands before a command."""


def _load(path: Path) -> BotConfig:
    from ganglion.bot.config import load  # noqa: PLC0415

    try:
        return load(path)
    except ConfigError as error:
        _fail(str(error), ExitCode.CONFIGURATION)


def _mode(name: str) -> ModeEntry:
    from ganglion.actors.modes import BrokenModeError, UnknownModeError, find_mode  # noqa: PLC0415

    try:
        return find_mode(name)
    except (UnknownModeError, BrokenModeError) as error:
        _fail(str(error), ExitCode.CONFIGURATION)


def _show(out: Console, config: BotConfig) -> None:
    from rich.table import Table  # noqa: PLC0415

    from ganglion.bot.config_checks import points_home  # noqa: PLC0415
    from ganglion.bot.dead_man import dead_man_notice  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for column in ("exchange", "where", "symbols", "credentials"):
        table.add_column(column)
    for name, exchange in config.exchanges.items():
        known = exchange.table
        where = "sandbox" if known.sandbox else "local" if points_home(known) else "REAL MONEY"
        where = "simulated here" if known.connector == "simulated" else f"{known.id}, {where}"
        references = ", ".join(str(secret.reference) for secret in exchange.credentials.values())
        table.add_row(name, where, " ".join(known.symbols), references or "none")
    out.print(table)
    table = Table(box=None, pad_edge=False)
    for column in ("mode", "kind", "market", "funds", "on restart"):
        table.add_column(column)
    for name, mode in config.modes.items():
        restart = mode.table.on_restart or mode.entry.kind.on_restart
        market = f"{mode.table.exchange} {mode.table.symbol}"
        table.add_row(name, mode.entry.name, market, f"{mode.share:.2%}", restart)
    out.print(table)
    for name, exchange in config.exchanges.items():
        notice = dead_man_notice(name, exchange.table)
        if notice is not None:
            out.print(notice, markup=False)


def _check_summary(path: Path | None) -> None:
    from ganglion.bot.summary import check_writable  # noqa: PLC0415

    if path is None:
        return
    try:
        check_writable(path)
    except OSError as error:
        text = f"--summary: {path} can't be written ({error.strerror or error}): name a file in a folder that you own"
        _fail(text, ExitCode.CONFIGURATION)


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415

    # A pipe has no width to fit into: nothing is cut for it.
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)


def _fail(text: str, code: ExitCode) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
