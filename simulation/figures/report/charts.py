"""What the report draws, as plotly's plain JSON: no plotly object is made, so none is loaded. Pure.

Colours are names of the page's CSS variables (`--equity`), which its script puts in, in light and in dark. Curves are
thinned to what a screen shows; every chart says so itself.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from ganglion.messages.values import Side, base_of, quote_of
from ganglion.simulation.figures import curves, words
from ganglion.simulation.figures.figures import RunFigures
from ganglion.simulation.figures.record import Curve, FillRecord, MarketRecord, RunRecord
from ganglion.simulation.figures.report.detail import Room, packed
from ganglion.simulation.figures.returns import underwater

Json: TypeAlias = dict[str, object]

CURVE_POINTS = 4000
"""Of one line: several for each pixel of a wide screen."""
MOST_MARKERS = 600
"""Of fills of one market; beyond that fills of a stretch are drawn as one, at their average price."""
MOST_DETAILED = 15_000
"""Fills of one market up to this number are drawn one by one when zoomed into."""
MARKER_STRETCHES = 120
SPARSE = 150
"""Markers up to this number have a rim; of more the rims would wash the colour out."""
MOST_BARS = 120
STATE_COLOURS = {
    "filled": "--equity",
    "partially_filled": "--inventory",
    "canceled": "--hold",
    "expired": "--fees",
    "rejected": "--sell",
    "denied": "--denied",
    "unknown": "--loss",
}
OTHER_STATES = ("--buy", "--ink2")


def equity_chart(run: RunRecord, held: Curve, room: Room) -> Json:
    """Equity against holding, drawdown and fees paid, one over another on one axis of time."""
    data: list[Json] = []
    data.append(_line(held, "Buy and hold", "--hold", "y", dash="dot", unit=run.reference))
    for mode, colour in zip(run.modes, ("--inventory", "--buy", "--fees", "--sell"), strict=False):
        if 1 < len(run.modes) <= 4 and len(mode.equity):
            offset = _gain(mode.equity)
            data.append(_line(offset, f"{mode.name}, gain", colour, "y4", width=1.5, unit=run.reference))
    data.append(_line(run.equity, "Equity", "--equity", "y", width=2, unit=run.reference))
    falls = underwater(run.equity) if len(run.equity) else Curve()
    data.append(_line(falls, "Drawdown", "--loss", "y2", fill="--lossfill", form=".2%", legend=False))
    data.append(_line(fee_curve(run), "Fees", "--fees", "y3", step=True, unit=run.reference, legend=False))
    several = any(trace["yaxis"] == "y4" for trace in data)
    panels = [("y", f"Equity, {run.reference}", 5.0, ""), ("y2", "Drawdown", 2.0, ".1%")]
    if several:
        panels.append(("y4", f"Gain by mode, {run.reference}", 2.5, ""))
    panels.append(("y3", f"Fees paid, {run.reference}", 1.6, ""))
    chart = _chart("equity", data, panels, run, height=720 if several else 560)
    return chart | _whole({"Equity": run.equity}, room)


def market_chart(run: RunRecord, market: MarketRecord, number: int, room: Room) -> Json:
    """Price with fills, and inventory below."""
    quote, base = quote_of(market.symbol), base_of(market.symbol)
    fills = [fill for fill in run.fills if fill.market == market.name]
    data = [_line(market.price, "Price", "--price", "y", width=1, unit=quote)]
    data += [_markers(fills, side) for side in (Side.BUY, Side.SELL)]
    inventories = [mode for mode in run.modes if mode.market == market.name and len(mode.inventory)]
    colours = ("--inventory", "--equity", "--fees", "--hold")
    for index, mode in enumerate(inventories):
        several = len(inventories) > 1
        name = f"Inventory of {mode.name}" if several else "Inventory"
        colour = colours[index % len(colours)]
        data.append(_line(mode.inventory, name, colour, "y2", width=1.5, step=True, unit=base, legend=several))
    panels = [("y", f"Price, {quote}", 5.0, ""), ("y2", f"Inventory, {base}", 2.0, "")]
    chart = _chart(f"market{number}", data, panels, run, height=560)
    chart |= _whole({"Price": market.price}, room)
    if MOST_MARKERS < len(fills) <= MOST_DETAILED:
        apart = {f"{_verb(side)}s": [_average([fill]) for fill in fills if fill.side is side] for side in Side}
        chart["fills"] = {name: list(zip(*points, strict=True)) for name, points in apart.items() if points}
    return chart


def span_chart(run: RunFigures) -> Json | None:
    """Profit by day, or by month where days are many; None for a single one."""
    spans, unit = (run.days, "day") if 2 <= len(run.days) <= MOST_BARS else (run.months, "month")
    if len(spans) < 2:
        return None
    profits = [0.0 if span.profit is None else span.profit for span in spans]
    bar: Json = {
        "type": "bar",
        "x": [span.label for span in spans],
        "y": [_short(profit) for profit in profits],
        "marker": {"color": ["--gain" if profit >= 0 else "--loss" for profit in profits]},
        "customdata": [[words.share(s.total_return), words.share(s.hold_return), s.trades] for s in spans],
        "hovertemplate": "%{x}<br>%{y:,.2f} " + run.reference + "<br>return %{customdata[0]}<br>holding "
        "%{customdata[1]}<br>%{customdata[2]} trades<extra></extra>",
    }
    layout: Json = {
        "height": 280,
        "showlegend": False,
        "bargap": 0.25,
        "xaxis": {"type": "category", "nticks": 16, "tickangle": 0},
        "yaxis": {"title": {"text": f"Profit by {unit}, {run.reference}"}, "zeroline": True},
    }
    return {"id": "spans", "data": [bar], "layout": layout}


def order_chart(run: RunRecord) -> Json | None:
    """How each mode's orders ended, as bars of counts; None without orders."""
    modes = [mode for mode in run.modes if mode.orders]
    if not modes:
        return None
    states = _states(mode.orders for mode in modes)
    data: list[Json] = []
    for state, colour in states.items():
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": _plain(state),
                "y": [mode.name for mode in modes],
                "x": [mode.orders.get(state, 0) for mode in modes],
                "marker": {"color": colour, "line": {"color": "--surface", "width": 1}},
                "hovertemplate": "%{y}: %{x:,} " + _plain(state) + "<extra></extra>",
            }
        )
    layout: Json = {
        "height": 130 + 34 * len(modes),
        "barmode": "stack",
        "bargap": 0.35,
        "xaxis": {"title": {"text": "Orders by the state they ended in"}},
        "yaxis": {"type": "category", "autorange": "reversed", "automargin": True, "showgrid": False},
    }
    return {"id": "orders", "data": data, "layout": layout}


def change_chart(run: RunRecord, stretches: int = 120) -> Json | None:
    """How many orders entered each state over time; None where it was not recorded."""
    kept = {state: times for state, times in run.order_changes.items() if len(times)}
    if not kept or run.end_ms <= run.start_ms:
        return None
    width = max(1, -(-(run.end_ms - run.start_ms) // stretches))
    data: list[Json] = []
    for state, colour in _states([dict.fromkeys(kept, 1)]).items():
        counts = [0] * stretches
        for time_ms in kept[state]:
            counts[min(stretches - 1, max(0, (time_ms - run.start_ms) // width))] += 1
        x = [run.start_ms + width * number + width // 2 for number in range(stretches)]
        name = _plain(state)
        hover = "%{x}<br>%{y:,} " + name + "<extra></extra>"
        data.append(
            {"type": "bar", "name": name, "x": x, "y": counts, "marker": {"color": colour}, "hovertemplate": hover}
        )
    layout: Json = {
        "height": 300,
        "barmode": "stack",
        "bargap": 0.1,
        "xaxis": {"type": "date"},
        "yaxis": {"title": {"text": f"State changes in {words.length(width / 1000)}"}},
    }
    return {"id": "changes", "data": data, "layout": layout}


def fee_curve(run: RunRecord) -> Curve:
    """Fees paid so far, in the reference currency, from the run's start to its end."""
    curve, paid = Curve(), 0.0
    for fill in run.fills:
        if not len(curve) and fill.time_ms > run.start_ms:
            curve.note(run.start_ms, 0.0)
        paid += fill.fee_worth()
        curve.note(fill.time_ms, paid)
    if len(curve) and curve.time_ms[-1] < run.end_ms:
        curve.note(run.end_ms, paid)
    return curve


def _gain(equity: Curve) -> Curve:
    start = equity.value[0]
    return Curve(equity.time_ms, array("d", (value - start for value in equity.value)))


def _states(counts: Iterable[Mapping[str, int]]) -> dict[str, str]:
    """Every state met, with its colour, in a fixed order."""
    met = {state for some in counts for state in some}
    known = {state: colour for state, colour in STATE_COLOURS.items() if state in met}
    others = sorted(met - known.keys())
    return known | {state: OTHER_STATES[index % len(OTHER_STATES)] for index, state in enumerate(others)}


def _line(
    curve: Curve,
    name: str,
    colour: str,
    axis: str,
    *,
    width: float = 1.5,
    dash: str = "solid",
    fill: str = "",
    form: str = ",.6~g",
    unit: str = "",
    step: bool = False,
    legend: bool = True,
) -> Json:
    thin = curves.thinned(curve, CURVE_POINTS)
    trace: Json = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(thin.time_ms),
        "y": [_short(value) for value in thin.value],
        "yaxis": axis,
        "line": {"color": colour, "width": width, "dash": dash, "shape": "hv" if step else "linear"},
        "showlegend": legend,
        "hovertemplate": f"{name} %{{y:{form}}} {unit}<extra></extra>",
    }
    if fill:
        trace |= {"fill": "tozeroy", "fillcolor": fill}
    return trace


def _markers(fills: Sequence[FillRecord], side: Side) -> Json:
    """Fills of one side; where they are too many, one marker for those of a stretch."""
    own = [fill for fill in fills if fill.side is side]
    groups = [[fill] for fill in own] if len(fills) <= MOST_MARKERS else _stretches(own)
    points = [_average(group) for group in groups]
    buys = side is Side.BUY
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"{_verb(side)}s",
        "x": [time_ms for time_ms, _, _ in points],
        "y": [_short(price) for _, price, _ in points],
        "text": [text for _, _, text in points],
        "yaxis": "y",
        "marker": {
            "symbol": "triangle-up",
            "angle": 0 if buys else 180,
            "standoff": 3,
            "size": 9 if len(points) <= SPARSE else 7,
            "opacity": 0.9,
            "color": "--buy" if buys else "--sell",
            "line": {"color": "--surface", "width": 1 if len(points) <= SPARSE else 0},
        },
        "hovertemplate": "%{text}<extra></extra>",
    }


def _verb(side: Side) -> str:
    return "Buy" if side is Side.BUY else "Sell"


def _whole(curves_by_name: Mapping[str, Curve], room: Room) -> Json:
    """Curves that were thinned, whole, for zooming in, as far as there is room."""
    thinned = {name: curve for name, curve in curves_by_name.items() if len(curve) > CURVE_POINTS and room.take(curve)}
    return {"full": {name: whole for name, curve in thinned.items() if (whole := packed(curve)) is not None}}


def _stretches(fills: Sequence[FillRecord]) -> list[list[FillRecord]]:
    if not fills:
        return []
    start, length = fills[0].time_ms, max(1, fills[-1].time_ms - fills[0].time_ms)
    groups: dict[int, list[FillRecord]] = {}
    for fill in fills:
        groups.setdefault((fill.time_ms - start) * MARKER_STRETCHES // length, []).append(fill)
    return list(groups.values())


def _average(group: Sequence[FillRecord]) -> tuple[int, float, str]:
    first = group[0]
    verb = "bought" if first.side is Side.BUY else "sold"
    amount = sum(float(fill.amount) for fill in group)
    price = sum(float(fill.price) * float(fill.amount) for fill in group) / amount
    time_ms = sum(fill.time_ms for fill in group) // len(group)
    if len(group) > 1:
        return time_ms, price, f"{len(group)} fills {verb} {amount:,.6g}<br>at {words.price(price)} on average"
    fee = f"<br>fee {first.fee.normalize():f} {first.fee_asset}"
    kind = f", {first.liquidity}" if first.liquidity else ""
    return time_ms, price, f"{first.mode} {verb} {amount:,.6g}<br>at {words.price(price)}{kind}{fee}"


def _chart(name: str, data: list[Json], panels: list[tuple[str, str, float, str]], run: RunRecord, height: int) -> Json:
    """Panels over one another on one axis of time: axis, title, share of the height, format of the numbers."""
    gap, whole = 0.05, sum(share for _, _, share, _ in panels)
    room = 1 - gap * (len(panels) - 1)
    layout: Json = {
        "height": height,
        "hovermode": "x unified",
        "xaxis": {"type": "date", "range": _range(run), "anchor": panels[-1][0]},
    }
    top = 1.0
    for axis, title, share, form in panels:
        bottom = max(0.0, top - share / whole * room)
        layout["yaxis" + axis[1:]] = {
            "title": {"text": title},
            "domain": [bottom, top],
            "tickformat": form,
            "nticks": 8 if share > 3 else 4,
        }
        top = bottom - gap
    return {"id": name, "data": [trace for trace in data if trace["x"]], "layout": layout, "linked": True}


def _range(run: RunRecord) -> list[str]:
    return [words.moment(time_ms, seconds=True) for time_ms in (run.start_ms, max(run.end_ms, run.start_ms + 1000))]


def _short(value: float) -> float | None:
    """Nine significant digits draw the same and take half the room; what is no number leaves a hole."""
    return float(f"{value:.9g}") if value - value == 0 else None


def _plain(state: str) -> str:
    return state.replace("_", " ")
