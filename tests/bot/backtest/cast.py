"""Small markets, and a bot with a plan on them."""

from array import array
from collections.abc import Sequence
from pathlib import Path

from ganglion.bot.backtest import BacktestOptions, Prepared
from ganglion.bot.config import BotConfig, parse
from ganglion.simulation.data import Bars, Trades

START_MS = 1_600_000_020_000
MINUTE_MS = 60_000
HERE = Path(__file__).parent

CONFIG = """
[bot]
name = "planned"
[exchanges.sim]
{venue}
symbols = ["BTC/USDT"]
simulated = {{ balances = {{ USDT = 100000, BTC = 10 }} }}
[modes.plan]
mode = "scripted.py:{kind}"
exchange = "sim"
symbol = "BTC/USDT"
plan = {plan}
[backtest]
{fills}
"""


def bars(rows: Sequence[tuple[float, float, float, float, float]], step_ms: int = MINUTE_MS) -> Bars:
    """Of (open, high, low, close, volume), a minute each."""
    columns = [array("d", column) for column in zip(*rows, strict=True)]
    opens = array("q", [START_MS + step_ms * row for row in range(len(rows))])
    return Bars("sim", "BTC/USDT", "1m", MINUTE_MS, opens, *columns)


def flat(*closes: float, volume: float = 10.0) -> Bars:
    """Bars that go straight from one close to the next."""
    rows = []
    before = closes[0]
    for close in closes:
        rows.append((before, max(before, close), min(before, close), close, volume))
        before = close
    return bars(rows)


def trades(rows: Sequence[tuple[int, float, float]]) -> Trades:
    """Of (milliseconds from the start, price, amount)."""
    return Trades(
        "sim",
        "BTC/USDT",
        array("q", [START_MS + at for at, _, _ in rows]),
        array("d", [price for _, price, _ in rows]),
        array("d", [amount for _, _, amount in rows]),
        bytearray(1 for _ in rows),
    )


SIMULATED = 'connector = "simulated"'


def config(plan: Sequence[str] = (), fills: str = "", kind: str = "Scripted", venue: str = SIMULATED) -> BotConfig:
    text = CONFIG.format(kind=kind, plan=list(plan), fills=fills, venue=venue)
    return parse(text, HERE / "bot.toml", {"KEY": "key", "SECRET": "secret"})


class Run:
    """One that is over."""

    def __init__(self, series, plan: Sequence[str] = (), fills: str = "", **more: str) -> None:
        self.config = config(plan, fills, **more)
        given = series if isinstance(series, list) else [series]
        self.prepared = Prepared(self.config, given, BacktestOptions(Path("unread")))
        self.record = self.prepared.run()
        self.seen = list(self.config.modes["plan"].entry.kind.seen)
        assert self.record.violations == []
        self.prepared.exchanges["sim"].engine.audit()

    @property
    def fills(self) -> list[tuple[int, str, float, float]]:
        """(minutes from the start, side, price, amount) of each."""
        return [
            ((fill.time_ms - START_MS) / MINUTE_MS, str(fill.side), float(fill.price), float(fill.amount))
            for fill in self.record.fills
        ]

    def told(self, kind: str) -> list[tuple]:
        """What the mode was told of one kind, each with its time in milliseconds after the first row's start."""
        shift = START_MS - self.prepared.drive.start_ms
        return [(at - shift, *rest) for at, known, *rest in self.seen if known == kind]
