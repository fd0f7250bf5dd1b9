"""Makes `empyrical.json`: what empyrical-reloaded says of some series of returns, for test_returns to agree with.

    pip install empyrical-reloaded && python tests/simulation/figures/golden.py

The library is no dependency (it brings pandas and scipy), so its answers are kept instead.
"""

import importlib
import json
import math
import random
from importlib.metadata import version
from pathlib import Path

KEPT = Path(__file__).with_name("empyrical.json")
PERIODS_PER_YEAR = {"day": 365, "hour": 365 * 24}


def series() -> dict[str, tuple[str, list[float]]]:
    chance = random.Random(1)
    return {
        "a year of days": ("day", [chance.gauss(0.001, 0.02) for _ in range(365)]),
        "a losing month of hours": ("hour", [chance.gauss(-0.0005, 0.004) for _ in range(30 * 24)]),
        "only gains": ("day", [abs(chance.gauss(0.002, 0.001)) for _ in range(40)]),
        "a crash in the middle": ("day", [0.01] * 20 + [-0.6] + [0.005, -0.004] * 20),
        "waves": ("day", [0.03 * math.sin(day / 7) for day in range(120)]),
        "small numbers": ("day", [round(chance.gauss(0, 1e-5), 8) for _ in range(60)]),
    }


def main() -> None:
    empyrical = importlib.import_module("empyrical")
    pandas = importlib.import_module("pandas")
    kept = {"library": f"empyrical-reloaded {version('empyrical-reloaded')}", "cases": []}
    for name, (period, returns) in series().items():
        year, values = PERIODS_PER_YEAR[period], pandas.Series(returns)
        figures = {
            "annualised_return": empyrical.annual_return(values, annualization=year),
            "volatility": empyrical.annual_volatility(values, annualization=year),
            "sharpe": empyrical.sharpe_ratio(values, annualization=year),
            "sortino": empyrical.sortino_ratio(values, annualization=year),
            "calmar": empyrical.calmar_ratio(values, annualization=year),
            "max_drawdown": -empyrical.max_drawdown(values),
            "total_return": empyrical.cum_returns_final(values),
        }
        said = {key: float(value) if math.isfinite(value) else None for key, value in figures.items()}
        kept["cases"].append({"name": name, "period": period, "returns": returns, "figures": said})
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
