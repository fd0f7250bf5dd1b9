"""A paper bot on a local venue that runs as a process of its own, with its market in the test's hands."""

import importlib
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import ccxt

from ganglion.bot.paper import PaperRun, read_paper
from ganglion.simulation.venue import ccxt_settings
from ganglion.simulation.venue.client import VenueProcess
from ganglion.supervision import System

HERE = Path(__file__).parent
PATIENCE_S = 30.0
BTC = "BTC/USDT"
MODE = f"""
[exchanges.local.simulated]
balances = {{ USDT = 300000, BTC = 10 }}

[modes.hand]
mode = "{HERE}/commanded.py:Commanded"
exchange = "local"
symbol = "{BTC}"
"""


def section(base_url: str, dialect: str, symbols=(BTC,)) -> str:
    """The venue as an exchange of a configuration, with keys that are not set anywhere."""
    made = importlib.import_module(f"ganglion.simulation.venue.dialects.{dialect}.ccxt_settings")
    return made.toml_text(base_url, symbols).replace("LOCAL_", "NEVER_SET_")


class Mover:
    """The venue's only customers: they make the market that the bot sees."""

    def __init__(self, base_url: str, dialect: str) -> None:
        settings = [ccxt_settings(base_url, name, f"{name}-secret", dialect) for name in ("mover", "taker")]
        self._client, self._taker = map(getattr(ccxt, dialect), settings)
        self._open: list[str] = []

    def quote(self, bids, asks) -> None:
        """The whole book is this from now on."""
        for order in self._open:
            self._client.cancel_order(order, BTC)
        self._open.clear()
        for side, levels in (("buy", bids), ("sell", asks)):
            for price, amount in levels:
                self._open.append(self._client.create_order(BTC, "limit", side, amount, price)["id"])

    def forget(self) -> None:
        """The venue began anew: nothing is quoted."""
        self._open.clear()

    def trade(self, side: str, amount: float) -> None:
        """Take from the book: everybody sees the trade."""
        self._taker.create_order(BTC, "market", side, amount)


class Stage:
    """A bot, its market and what became of its orders."""

    def __init__(self, run: PaperRun, mover: Mover, control) -> None:
        self.run, self.mover, self.control = run, mover, control
        self.mode = run.config.modes["hand"].entry.kind

    def wait(self, condition, what: str) -> None:
        status = self.run.bot.status
        assert self.run.bot.wait_until(lambda _: condition(), PATIENCE_S), f"{what} did not come: {status()}"

    def wish(self, *what: str) -> None:
        self.mode.wishes.extend(what)

    def fills(self) -> list[tuple[str, Decimal, Decimal]]:
        return [(str(fill.side), fill.price, fill.amount) for fill in list(self.run.seen.fills)]

    def ended(self, state: str) -> bool:
        return any(known == state for known, _ in list(self.mode.ends))

    @property
    def state(self) -> str:
        return self.run.bot.status().exchanges[0].state

    @property
    def bid(self) -> float | None:
        """The best bid, while the book is whole."""
        top = self.run.bot.status().exchanges[0].markets[0].top
        return top and top.bid

    @property
    def invalid(self) -> str:
        """Why its book can't be decided on."""
        return self.run.bot.status().exchanges[0].markets[0].invalid


@contextmanager
def venue(dialect: str, *more: str):
    """A venue whose only market is the mover's."""
    arguments = ["--dialect", dialect, "--symbols", BTC, "--tick-ms", "0", *more]
    for name in ("mover", "taker"):
        arguments += ["--account", f"{name}:{name}-secret:USDT=100000000,BTC=1000"]
    with VenueProcess(arguments) as process:
        yield process


@contextmanager
def on_paper(process: VenueProcess, dialect: str, folder: Path, more: str = ""):
    """A bot on it that is live and reconciled, the market at 60,000 / 60,010."""
    mover = Mover(process.base_url, dialect)
    mover.quote([(60_000, 1), (59_990, 2)], [(60_010, 1), (60_020, 2)])
    path = folder / "bot.toml"
    path.write_text(more + section(process.base_url, dialect) + MODE)
    config = read_paper(path)
    run = PaperRun(config, System(dispatcher="loop", hang_s=config.bot.hang_s))
    stage = Stage(run, mover, process.control)
    try:
        stage.wait(lambda: stage.state == "live" and not stage.invalid, "the market")
        yield stage
    finally:
        assert run.stop() == []
        mover.quote([], [])
