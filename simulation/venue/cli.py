"""The venue's own command line, `python -m ganglion.simulation.venue`: arguments to settings, nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ganglion.simulation.venue.answers import describe
from ganglion.simulation.venue.fault_guide import guide_text
from ganglion.simulation.venue.server import DIALECTS, dialect_named, run_venue
from ganglion.simulation.venue.settings import DEFAULT_SYMBOLS, SettingsError, VenueSettings, parse_account

_EPILOG = """example:
  python -m ganglion.simulation.venue --port 8080 --faults faults.toml

  with faults.toml:
    [[fault]]
    kind = "lose_reply"      # orders are taken, and nobody hears of it
    requests = "place"
    probability = 0.05
    seconds = 600

--list-faults explains every kind, its keys and the venue's own refusals by name."""


def parser() -> argparse.ArgumentParser:
    """The arguments and their help."""
    made = argparse.ArgumentParser(
        prog="python -m ganglion.simulation.venue",
        description="A local exchange with a living market, for unmodified ccxt clients.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--dialect", choices=sorted(DIALECTS), default="binance", help="wire protocol (binance)")
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    made.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (0)")
    made.add_argument("--symbols", default=",".join(DEFAULT_SYMBOLS), help="markets, as BTC/USDT,ETH/USDT")
    made.add_argument(
        "--account",
        action="append",
        metavar="KEY:SECRET[:USDT=100000,BTC=2]",
        help="a customer and its opening balances; repeatable (demo:demo)",
    )
    made.add_argument("--state", type=Path, metavar="DIR", help="folder of a ledger that survives SIGKILL")
    made.add_argument("--seed", type=int, default=0, help="of the market (0)")
    made.add_argument("--tick-ms", type=int, default=100, help="how often the market moves; 0 never (100)")
    made.add_argument("--maker-fee", type=_share, default=Decimal("0.001"), help="share of a fill (0.001)")
    made.add_argument("--taker-fee", type=_share, default=Decimal("0.001"), help="share of a fill (0.001)")
    made.add_argument("--enforce-weight", action="store_true", help="answer 429 above the request weight limit")
    made.add_argument("--faults", type=Path, metavar="FILE", help="what goes wrong and when, as TOML or JSON")
    made.add_argument("--list-faults", action="store_true", help="explain every kind of fault, and end")
    made.add_argument("--quiet", action="store_true", help="print the ready line only")
    made.add_argument("--end-with-stdin", action="store_true", help="end when standard input does, as its starter dies")
    return made


def _share(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f'{text!r} is no number; 0.1 % is "0.001"') from None


def faults_text(dialect: str) -> str:
    """Every kind of fault, its keys and the dialect's named answers, for people.

    Raises:
        SettingsError: for a dialect that is not there.
    """
    answers = dialect_named(dialect).answers
    return guide_text({name: describe(answer) for name, answer in sorted(answers.items())}, dialect)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and run the venue; the exit code."""
    given = parser().parse_args(arguments)
    if given.list_faults:
        sys.stdout.write(faults_text(given.dialect) + "\n")
        return 0
    defaults = VenueSettings()
    try:
        accounts = tuple(parse_account(text) for text in given.account or ())
    except SettingsError as error:
        sys.stderr.write(f"venue: {error}\n")
        return 2
    return run_venue(
        VenueSettings(
            dialect=given.dialect,
            host=given.host,
            port=given.port,
            symbols=tuple(symbol.strip() for symbol in given.symbols.split(",") if symbol.strip()),
            accounts=accounts or defaults.accounts,
            seed=given.seed,
            tick_ms=given.tick_ms,
            state=given.state,
            maker_fee=given.maker_fee,
            taker_fee=given.taker_fee,
            enforce_weight=given.enforce_weight,
            faults=given.faults,
            quiet=given.quiet,
            end_with_stdin=given.end_with_stdin,
        ),
    )
