import json
import re
import sys
from array import array
from html.parser import HTMLParser
from itertools import accumulate

import msgspec
import pytest

from ganglion.messages.values import Side
from ganglion.simulation.figures import Curve, ReportError, RunRecord, figures, write_report
from ganglion.simulation.figures.report.detail import Room, packed
from ganglion.simulation.figures.report.page import page
from tests.simulation.figures.runs import market_of, run_of, showy_run, trend

pytest.importorskip("plotly", reason="the report needs the extra `data`")


class Outline(HTMLParser):
    """What stands in a page: tags, their ids, what they load, and whether they close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.loads, self.rows = [], set(), [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids.add(given.get("id"))
        self.rows += tag == "tr"
        self.loads += [given[name] for name in ("src", "href") if name in given]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def showy():
    return showy_run(bars=3000)


@pytest.fixture(scope="module")
def many():
    market = market_of(5, 30_000)
    return run_of(trend(market), markets=[market])


def laid_out(record):
    return page(record, figures(record), "/* plotly */")


def charts_of(text):
    (found,) = re.findall(r'<script type="application/json" id="charts">(.*?)</script>', text)
    return {chart["id"]: chart for chart in json.loads(found)}


def test_the_report_is_one_file_that_loads_nothing(showy, tmp_path):
    size = write_report(showy, figures(showy), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert size == len(text)
    assert "plotly.js v" in text
    assert Outline(laid_out(showy)).loads == []
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_every_tag_closes_and_every_chart_has_its_place(showy):
    text = laid_out(showy)
    outline = Outline(text)
    assert outline.open == []
    assert charts_of(text).keys() <= outline.ids
    assert {"equity", "market0", "market1", "spans", "orders", "changes"} == charts_of(text).keys()


def test_texts_from_outside_are_escaped(showy):
    text = laid_out(msgspec.structs.replace(showy, title="</script><script>alert(2)"))
    assert "<script>alert" not in text
    assert "crashed: &lt;test&gt;" in text


def test_fills_assumptions_data_and_configuration_stand_in_it(showy):
    text = laid_out(showy)
    for part in ("A market order fills at the next bar", "bars.csv.gz", "name = &quot;show&quot;", "below minimum"):
        assert part in text


def test_few_fills_are_drawn_one_by_one(showy):
    drawn = charts_of(laid_out(showy))["market0"]["data"]
    markers = sum(len(trace["x"]) for trace in drawn if trace["mode"] == "markers")
    assert markers == sum(1 for fill in showy.fills if fill.symbol == "BTC/USDT")


def test_what_is_zoomed_into_is_the_whole_curve(showy):
    curve = Curve(array("q", [0, 60, 120, 300]), array("d", [100.0, 101.5, 99.0, 100.25]))
    kept = packed(curve)
    assert list(accumulate(kept["t"])) == list(curve.time_ms)
    values = [kept["low"] + grains * kept["g"] for grains in accumulate(kept["v"])]
    assert values == pytest.approx(list(curve.value), abs=2.5 / 200_000)


def test_equal_steps_of_time_are_kept_as_one():
    assert packed(Curve(array("q", [5, 10, 15, 20]), array("d", [1.0] * 4)))["t"] == [5, 5]


def test_a_curve_with_holes_is_not_kept_whole():
    assert packed(Curve(array("q", [5, 10]), array("d", [1.0, float("nan")]))) is None


def test_whole_curves_take_the_room_there_is_and_no_more():
    room, curve = Room(points=5), Curve(array("q", [1, 2, 3]), array("d", [1.0, 2.0, 3.0]))
    assert [room.take(curve), room.take(curve)] == [True, False]


def test_many_fills_are_drawn_as_averages_and_kept_one_by_one_for_zooming(many):
    chart = charts_of(laid_out(many))["market0"]
    markers = {trace["name"]: trace for trace in chart["data"] if trace["mode"] == "markers"}
    buys = [fill for fill in many.fills if fill.side is Side.BUY]
    assert len(markers["Buys"]["x"]) < 130 < len(buys) == len(chart["fills"]["Buys"][0])
    assert chart["full"].keys() == {"Price"}


def test_two_hundred_thousand_bars_stay_below_ten_megabytes_and_say_what_was_thinned(tmp_path):
    market = market_of(5, 200_000)
    record = run_of(trend(market), markets=[market])
    assert write_report(record, figures(record), tmp_path / "large.html") < 10_000_000
    text = laid_out(record)
    assert "Lines of up to 200,000 points are drawn with" in text
    assert "fills are too many to draw" in text
    assert re.search(r"The last 2,000 of [0-9,]+ trades", text)
    assert Outline(text).rows < 2500


def test_a_run_of_nothing_has_a_report():
    text = laid_out(RunRecord(0, 0, "USDT", Curve(), [], [], []))
    assert "nothing was filled" in text
    assert Outline(text).open == []


def test_a_price_that_is_no_number_leaves_a_hole(showy):
    broken = showy_run(bars=200)
    broken.markets[0].price.value[100] = float("nan")
    drawn = charts_of(laid_out(broken))["market0"]["data"][0]
    assert drawn["y"].count(None) == 1


def test_a_file_that_cannot_be_written_is_named(showy, tmp_path):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ReportError, match=r"folder\.html: Is a directory"):
        write_report(showy, figures(showy), tmp_path / "folder.html")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_without_plotly_the_error_says_what_to_install(showy, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ReportError, match=r"pip install 'ganglion\[data\]'"):
        write_report(showy, figures(showy), tmp_path / "report.html")
