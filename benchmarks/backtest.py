"""How fast a backtest is, beside engines that do the same on the same data.

    python -m benchmarks.backtest [--json FILE] [--scripts DIR --peer nautilus=PYTHON --peer basana=PYTHON ...]

One market, 200,000 one-minute bars and 500,000 trades, a cross of two moving averages, market orders of 0.001 and a fee
of 0.1 %: the whole tree trades, supervision and monitor included. With `--scripts` (a folder with `gen.py` and a
`bench_NAME.py` each) and the interpreters of peers' environments, their figures are taken in the same run and on the
same data; else those of an idle machine of two cores stand in for them. Each run has a process of its own.

What an order costs is told apart: the rule decides on 4 % of the rows, and those are where the time goes.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.report import Row, arguments, bounded, faster, report
from ganglion.bot.backtest import BacktestOptions, Prepared
from ganglion.bot.config import parse
from ganglion.simulation.campaign.quiet import be_quiet
from ganglion.simulation.data import Bars, Series, Trades

BARS, TRADES = 200_000, 500_000
MINUTE_MS = 60_000
HERE = Path(__file__).parent
REQUIRED = {
    ("bars", "nautilus"): (41_400.0, 5.0),
    ("bars", "basana"): (82_300.0, 3.0),
    ("bars", "backtrader"): (20_300.0, 10.0),
    ("trades", "nautilus"): (54_000.0, 5.0),
}
"""By kind and peer: its events a second on an idle machine, and how many times faster we have to be."""
WORDS = {("bars", "nautilus"): "bars", ("bars", "basana"): "bars", ("bars", "backtrader"): "next"}
"""What a peer's script is told; `ticks` for trades."""
MODES = {"bars": "OnBars", "trades": "OnTrades"}
MOST_MB, HELP_S = 150.0, 0.6
CONFIG = """
[bot]
name = "bench"
[exchanges.sim]
connector = "simulated"
symbols = ["BTC/USDT"]
simulated = {{ balances = {{ USDT = 10000000, BTC = 10 }} }}
[modes.cross]
mode = "sma_cross.py:{kind}"
exchange = "sim"
symbol = "BTC/USDT"
decides = {decides}
[backtest]
maker_fee = 0.001
taker_fee = 0.001
"""


# ---------------------------------------------------------------------- data


def made(kind: str, count: int) -> Series:
    """A random walk, the same in every run."""
    dice, price = random.Random(42), 30_000.0
    if kind == "trades":
        rows = []
        for row in range(count):
            price *= math.exp(dice.gauss(0, 1e-4))
            rows.append(
                (1_600_000_000 + row * 0.1, round(price, 2), round(dice.uniform(0.01, 2), 3), dice.randrange(2))
            )
        return series_of("trades", rows)
    bars = []
    for row in range(count):
        open_, price = price, price * math.exp(dice.gauss(0, 5e-4))
        high = max(open_, price) * (1 + abs(dice.gauss(0, 2e-4)))
        low = min(open_, price) * (1 - abs(dice.gauss(0, 2e-4)))
        prices = (round(number, 2) for number in (open_, high, low, price))
        bars.append((1_600_000_020 + 60 * row, *prices, round(dice.uniform(50, 150), 3)))
    return series_of("bars", bars)


def series_of(kind: str, rows: Sequence[Sequence[float]]) -> Series:
    """Rows as peers have them (seconds first) as a series."""
    columns = list(zip(*rows, strict=True))
    times = array("q", (round(second * 1000) for second in columns[0]))
    if kind == "bars":
        return Bars("sim", "BTC/USDT", "1m", MINUTE_MS, times, *(array("d", column) for column in columns[1:6]))
    sides = bytearray(1 if side else 2 for side in columns[3])
    return Trades("sim", "BTC/USDT", times, array("d", columns[1]), array("d", columns[2]), sides)


def read_npy(path: Path) -> list[tuple[float, ...]]:
    """A table of doubles as numpy writes it; numpy itself is none of our needs."""
    data = path.read_bytes()
    length = struct.unpack("<H", data[8:10])[0]
    header = data[10 : 10 + length].decode()
    rows, columns = map(int, re.findall(r"\d+", header[header.index("shape") :])[:2])
    values = array("d", data[10 + length :])
    return [tuple(values[row * columns : (row + 1) * columns]) for row in range(rows)]


# ---------------------------------------------------------------------- one run in a process of its own


def child(kind: str, count: int, folder: str, *, decides: bool) -> None:
    """Run ours once and print what it took."""
    be_quiet()
    path = Path(folder) / ("bars.npy" if kind == "bars" else "ticks.npy")
    series = series_of(kind, read_npy(path)[:count]) if folder else made(kind, count)
    config = parse(CONFIG.format(kind=MODES[kind], decides=str(decides).lower()), HERE / "bench.toml", {})
    forget_peak()
    before_mb = peak_mb()
    prepared = Prepared(config, [series], BacktestOptions(Path("generated")))
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    prepared.drive.run()
    run_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    record = prepared.record(run_s)
    assert not record.violations, record.violations
    told = {
        "seconds": run_s,
        "cpu": cpu_s,
        "record": time.perf_counter() - began_s - run_s,
        "fills": len(record.fills),
        "messages": record.messages,
        "mb": peak_mb() - before_mb,
    }
    print(json.dumps(told))


def forget_peak() -> None:
    """Let what was held until now not count as a peak, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """The most that this process has held since."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(kind: str, count: int, folder: str, *, decides: bool = True) -> dict[str, float]:
    """Ours, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.backtest", "--child", kind, "--count", str(count), "--data", folder]
    command += [] if decides else ["--idle"]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603
    return found


def peer(name: str, python: str, kind: str, scripts: Path, folder: str) -> float | None:
    """A peer's events a second, by its own script; None where it says none."""
    word = WORDS[kind, name] if kind == "bars" else "ticks"
    command = [python, str(scripts / f"bench_{name}.py"), word]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=folder)  # noqa: S603
    told = re.search(r"ev/s=([\d.]+)", ran.stdout)
    if told is None:
        print(f"{name} {kind}: no figure ({ran.stderr.strip()[-300:] or ran.stdout.strip()[-300:]})", file=sys.stderr)
        return None
    return float(told[1])


# ---------------------------------------------------------------------- the table


def rows(options: argparse.Namespace, folder: str) -> list[Row]:
    """Measure everything."""
    pythons = dict(text.split("=", 1) for text in options.peer)
    found: list[Row] = []
    for kind, count in (("bars", options.bars), ("trades", options.trades)):
        best = min((ours(kind, count, folder) for _ in range(options.repeats)), key=lambda run: run["seconds"])
        idle = min(
            (ours(kind, count, folder, decides=False) for _ in range(options.repeats)), key=lambda run: run["cpu"]
        )
        each_us = best["seconds"] / count * 1e6
        for (of, name), (usual, times) in REQUIRED.items():
            if of != kind:
                continue
            live = peer(name, pythons[name], kind, options.scripts, folder) if name in pythons else None
            label = f"{kind} beside {name}" + ("" if live else ", its figure of an idle machine")
            found.append(faster(label, each_us, 1e6 / (live or usual), times, "us"))
        found += [
            bounded(f"{kind} a second", count / best["seconds"], None, "/s"),
            bounded(f"{kind} a second, where nothing is decided", count / idle["seconds"], None, "/s"),
            bounded(
                f"{kind}: an order with all that follows", (best["cpu"] - idle["cpu"]) / best["fills"] * 1e6, None, "us"
            ),
            bounded(f"{kind}: orders filled", best["fills"], None, ""),
            bounded(f"{kind}: messages for a row", best["messages"] / count, None, ""),
            bounded(f"{kind}: the record afterwards", best["record"] * 1e3, None, "ms"),
            bounded(f"{kind}: peak memory above the data", best["mb"], MOST_MB, "MB"),
        ]
    found.append(bounded("ganglion backtest --help", help_s(), HELP_S, "s"))
    return found


def help_s() -> float:
    """Seconds until the help is there, the better of two."""
    took = []
    for _ in range(2):
        began_s = time.perf_counter()
        code = "import sys; sys.argv = ['ganglion', 'backtest', '--help']; from ganglion.bot.cli import main; main()"
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603
        took.append(time.perf_counter() - began_s)
    return min(took)


def main() -> int:
    """Run it; the exit code says whether what is required was met."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--bars", type=int, default=BARS, help="how many bars")
    parser.add_argument("--trades", type=int, default=TRADES, help="how many trades")
    parser.add_argument("--repeats", type=int, default=2, help="the best of so many runs counts")
    parser.add_argument("--scripts", type=Path, default=Path(), help="folder of the peers' scripts and gen.py")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help="a peer's interpreter")
    parser.add_argument("--child", choices=("bars", "trades"), help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--idle", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--data", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.count, options.data, decides=not options.idle)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        if options.peer:
            python = options.peer[0].split("=", 1)[1]
            subprocess.run([python, str(options.scripts / "gen.py")], cwd=folder, check=True)  # noqa: S603
        return report(rows(options, folder if options.peer else ""), options.json, "backtests")


if __name__ == "__main__":
    sys.exit(main())
