"""The venue's own command line, `python -m ganglion.simulation.venue`: arguments to settings, nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from ganglion.simulation.venue.server import DIALECTS, run_venue
from ganglion.simulation.venue.settings import DEFAULT_SYMBOLS, SettingsError, VenueSettings, parse_account


def parser() -> argparse.ArgumentParser:
    """The arguments and their help."""
    made = argparse.ArgumentParser(
        prog="python -m ganglion.simulation.venue",
        description="A local exchange with a living market, for unmodified ccxt clients.",
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
    made.add_argument("--maker-fee", type=Decimal, default=Decimal("0.001"), help="share of a fill (0.001)")
    made.add_argument("--taker-fee", type=Decimal, default=Decimal("0.001"), help="share of a fill (0.001)")
    made.add_argument("--enforce-weight", action="store_true", help="answer 429 above the request weight limit")
    made.add_argument("--quiet", action="store_true", help="print the ready line only")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and run the venue; the exit code."""
    given = parser().parse_args(arguments)
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
            quiet=given.quiet,
        ),
    )
