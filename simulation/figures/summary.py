"""The summary file of a run on recorded or simulated markets: the live run's shape with `figures` beside it.

Same keys as `ganglion run --summary` writes, so that one reader does for both; money there is text, figures are
numbers. Pure.
"""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from ganglion.messages.values import EXACT
from ganglion.simulation.figures.figures import RunFigures
from ganglion.simulation.figures.record import ModeRecord, RunRecord

MONEY_DECIMALS = 8


def run_summary(record: RunRecord, run: RunFigures) -> dict[str, object]:
    """The summary as plain values, ready for JSON: without nan or infinity."""
    fills = {mode.name: 0 for mode in record.modes}
    for fill in record.fills:
        fills[fill.mode] = fills.get(fill.mode, 0) + 1
    figures: object = _finite(msgspec.to_builtins(run))
    return {
        "seconds": round(record.seconds, 3),
        "messages": record.messages,
        "actors": record.actors,
        "restarts": record.restarts,
        "dead_letters": dict(sorted(record.dead_letters.items())),
        "invariant_violations": len(record.violations),
        "violations": list(record.violations),
        "exchanges": {name: msgspec.to_builtins(exchange) for name, exchange in sorted(record.exchanges.items())},
        "modes": {mode.name: _mode(mode, run, fills[mode.name]) for mode in record.modes},
        "parked": [],
        "wall_seconds": round(record.wall_s, 3),
        "events": record.events,
        "seed": record.seed,
        "markets": [
            {
                "exchange": market.exchange,
                "symbol": market.symbol,
                "kind": market.kind,
                "source": market.source,
                "rows": market.rows,
                "gaps": market.gaps,
                "dropped": market.dropped,
            }
            for market in record.markets
        ],
        "assumptions": list(record.assumptions),
        "figures": figures,
    }


def summary_json(record: RunRecord, run: RunFigures) -> bytes:
    """The summary as indented JSON, a line at the end."""
    return msgspec.json.format(msgspec.json.encode(run_summary(record, run)), indent=2) + b"\n"


def money_text(amount: float) -> str:
    """A float amount as money: plain digits to eight decimals, without zeros that say nothing."""
    with_decimals = Decimal(f"{amount:.{MONEY_DECIMALS}f}")
    text = format(EXACT.add(with_decimals, Decimal(0)), "f").rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


def _mode(mode: ModeRecord, run: RunFigures, fills: int) -> dict[str, object]:
    returns = run.modes[mode.name].returns
    profit = None if returns is None or not math.isfinite(returns.profit) else money_text(returns.profit)
    return {
        "state": mode.state,
        "restarts": mode.restarts,
        "orders": sum(mode.orders.values()),
        "fills": fills,
        "pnl": profit,
        "denied": sum(mode.denials.values()),
        "rejected": mode.orders.get("rejected", 0),
        "cause": mode.cause,
    }


def _finite(value: object) -> object:
    """The same, nan and infinity (of a broken curve) as None, which JSON can say."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
