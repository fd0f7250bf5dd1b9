import io
import json
import subprocess
import sys
from array import array

import msgspec
import pytest
from rich.console import Console

from ganglion.bot.summary import Summary
from ganglion.simulation.figures import Curve, figures, print_summary, summary_json, words
from tests.simulation.figures.runs import showy_run


@pytest.fixture(scope="module")
def showy():
    return showy_run(bars=2000)


def printed(record):
    out = io.StringIO()
    print_summary(record, figures(record), Console(file=out, width=80))
    return out.getvalue()


def test_the_summary_reads_as_one_of_a_live_run(showy):
    text = summary_json(showy, figures(showy))
    summary = msgspec.json.decode(text, type=Summary)
    assert summary.exchanges["alpha"].fills == len(showy.fills)
    assert sum(mode.fills for mode in summary.modes.values()) == len(showy.fills)
    assert summary.modes["grid"].denied == 4


def test_money_of_modes_is_text_and_figures_are_numbers(showy):
    summary = json.loads(summary_json(showy, figures(showy)))
    figured = summary["figures"]["modes"]["grid"]["returns"]["profit"]
    assert isinstance(summary["modes"]["grid"]["pnl"], str)
    assert float(summary["modes"]["grid"]["pnl"]) == pytest.approx(figured, abs=1e-8)


def test_a_broken_curve_leaves_null_and_never_nan(showy):
    broken = msgspec.structs.replace(showy, equity=Curve(array("q", [showy.start_ms]), array("d", [float("nan")])))
    text = summary_json(broken, figures(broken)).decode()
    assert "NaN" not in text
    assert json.loads(text)["figures"]["total"]["returns"]["start_equity"] is None


def test_the_terminal_has_figures_modes_and_warnings_within_80_columns(showy):
    text = printed(showy)
    for word in ("Sharpe ratio", "Profit factor", "buy and hold", "grid", "trend", "2 gaps in the data"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_run_without_fills_says_so(showy):
    assert "nothing was filled" in printed(msgspec.structs.replace(showy, fills=[]))


def test_violations_come_first_among_the_warnings(showy):
    text = printed(msgspec.structs.replace(showy, violations=["I3: doubled"]))
    assert text.index("invariant violated: I3: doubled") < text.index("gaps in the data")


def test_the_figures_load_neither_plotly_nor_rich_nor_polars():
    code = "import sys, ganglion.simulation.figures as f; print(*{'plotly', 'rich', 'polars'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (words.share(0.1234), "+12.34 %"),
        (words.share(-0.00001), "0.00 %"),
        (words.share(None), "-"),
        (words.share(7.463), "+746.30 %"),
        (words.money(-1995.314, signed=True), "-1,995.31"),
        (words.money(0.000123), "0.00012300"),
        (words.price(0.00001234), "0.00001234"),
        (words.price(47123.456), "47,123.46"),
        (words.length(3 * 86_400 + 4 * 3600 + 59), "3 d 4 h"),
        (words.length(3600), "1 h"),
        (words.length(0.25), "250 ms"),
        (words.moment(1_640_995_200_000), "2022-01-01 00:00"),
    ],
)
def test_figures_are_written_for_people(said, text):
    assert said == text
