"""The report's tables, as HTML. Pure; every text from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ganglion.messages.values import Side
from ganglion.simulation.figures import words
from ganglion.simulation.figures.figures import RunFigures
from ganglion.simulation.figures.record import RunRecord
from ganglion.simulation.figures.rows import RETURN_GROUP, rows
from ganglion.simulation.figures.spans import SpanFigures
from ganglion.simulation.figures.trips import RoundTrip

MOST_TRADES = 2000
MOST_INCIDENTS = 200
MOST_MODES = 12

Cell = tuple[str, float | int | str | None]
"""Text and what it is sorted by."""


def figures_table(run: RunFigures) -> str:
    """All figures of the whole, of holding and of each mode or market."""
    parts = list(run.modes.values()) if len(run.modes) > 1 else []
    parts += list(run.markets.values()) if len(run.markets) > 1 else []
    shown = parts[:MOST_MODES]
    head = ["", "Total", "Buy and hold", *(part.name for part in shown)]
    groups: dict[str, list[str]] = {}
    for row in rows([run.total, *shown], period=run.period):
        kept = row.cells if shown or row.group == RETURN_GROUP else row.cells[:1]
        cells = "".join(f"<td>{signed(cell)}</td>" for cell in kept)
        groups.setdefault(row.group, []).append(f"<tr><th>{escape(row.label)}</th>{cells}</tr>")
    if not shown:
        found = [
            _frame(_head([group, *(head[1:] if group == RETURN_GROUP else head[1:2])]), "".join(lines), "figures")
            for group, lines in groups.items()
        ]
        return f'<div class="beside">{"".join(found)}</div>'
    body = [
        f'<tr class="group"><th colspan="{len(head)}">{escape(group)}</th></tr>{"".join(lines)}'
        for group, lines in groups.items()
    ]
    more = len(parts) - len(shown)
    note = f"<p class='note'>{more} more stand in the summary file.</p>" if more else ""
    return _frame(_head(head), "".join(body), "figures") + note


def span_table(spans: Sequence[SpanFigures], label: str) -> str:
    """Months or days."""
    head = [label, "Profit", "Return", "Holding", "Drawdown", "Fills", "Trades", "Realised", "Fees", "Traded"]
    body = [
        [
            (span.label, span.start_ms),
            (words.money(span.profit, signed=True), span.profit),
            (words.share(span.total_return), span.total_return),
            (words.share(span.hold_return), span.hold_return),
            (words.part(span.max_drawdown, 2), span.max_drawdown),
            (words.count(span.fills), span.fills),
            (words.count(span.trades), span.trades),
            (words.money(span.realised, signed=True), span.realised),
            (words.money(span.fees), span.fees),
            (words.money(span.traded), span.traded),
        ]
        for span in spans
    ]
    return _sortable(head, body, texts=1)


def trade_table(trips: Sequence[RoundTrip]) -> str:
    """The last round trips, the newest first."""
    shown = list(reversed(trips[-MOST_TRADES:]))
    head = ["Closed, UTC", "Mode", "Market", "Side", "Amount", "Entry", "Exit", "Held", "Fees", "Profit", "Profit %"]
    body: list[list[Cell]] = [
        [
            (words.moment(trip.closed_ms, seconds=True), trip.closed_ms),
            (trip.mode, trip.mode),
            (f"{trip.exchange} {trip.symbol}", trip.symbol),
            (("long" if trip.side is Side.BUY else "short") + (" *" if trip.opening else ""), trip.side),
            (f"{trip.amount:,.6g}", trip.amount),
            (words.price(trip.entry), trip.entry),
            (words.price(trip.exit), trip.exit),
            (words.length(trip.held_s), trip.held_s),
            (words.money(trip.fees), trip.fees),
            (words.money(trip.profit, signed=True), trip.profit),
            (words.share(trip.share), trip.share),
        ]
        for trip in shown
    ]
    if not body:
        return "<p class='note'>No inventory was closed.</p>"
    note = (
        f"The last {len(shown):,} of {len(trips):,} trades." if len(shown) < len(trips) else f"{len(trips):,} trades."
    )
    if any(trip.opening for trip in shown):
        note += " * closed inventory that was held before the run, entered here at its first price."
    return f"<p class='note'>{note} A click on a heading sorts.</p>" + _sortable(head, body, texts=4, tall=True)


def state_table(run: RunRecord) -> str:
    """Orders and refusals of each mode."""
    head = ["Mode", "State", "What", "Number"]
    body: list[list[Cell]] = []
    for mode in run.modes:
        counts = [(f"ended {state.replace('_', ' ')}", number) for state, number in sorted(mode.orders.items())]
        counts += [
            (f"refused before the venue: {reason.replace('_', ' ')}", n) for reason, n in sorted(mode.denials.items())
        ]
        body += [
            [(mode.name, mode.name), (mode.state, mode.state), (what, what), (words.count(number), number)]
            for what, number in counts
        ]
    return _sortable(head, body, texts=3) if body else "<p class='note'>No orders.</p>"


def incident_table(run: RunRecord) -> str:
    """What happened beside trading."""
    shown = run.incidents[:MOST_INCIDENTS]
    head = ["Time, UTC", "Kind", "Where", "What"]
    body: list[list[Cell]] = [
        [
            (words.moment(incident.time_ms, seconds=True), incident.time_ms),
            (str(incident.kind), incident.kind),
            (incident.where, incident.where),
            (incident.text, incident.text),
        ]
        for incident in shown
    ]
    if not body:
        return "<p class='note'>Nothing: no denial, restart, halt or violation was noted.</p>"
    more = len(run.incidents) - len(shown)
    note = f"<p class='note'>The first {len(shown)}; {more:,} more are not shown.</p>" if more else ""
    return note + _sortable(head, body, texts=4, tall=True)


def data_table(run: RunRecord) -> str:
    """What stood for the markets."""
    head = ["Market", "Kind", "From", "Rows", "Gaps", "Dropped", "First price", "Last price"]
    body: list[list[Cell]] = []
    for market in run.markets:
        prices = market.price.value
        first, last = (prices[0], prices[-1]) if len(prices) else (float("nan"), float("nan"))
        body.append(
            [
                (market.name, market.name),
                (market.kind, market.kind),
                (market.source, market.source),
                (words.count(market.rows), market.rows),
                (words.count(market.gaps), market.gaps),
                (words.count(market.dropped), market.dropped),
                (words.price(first), first),
                (words.price(last), last),
            ]
        )
    return _sortable(head, body, texts=3)


def pairs_table(pairs: Iterable[tuple[str, str]]) -> str:
    """Names with values, such as a mode's parameters."""
    body = "".join(f"<tr><th>{escape(name)}</th><td class='text'>{escape(value)}</td></tr>" for name, value in pairs)
    return _frame("", body, "pairs")


def _sortable(head: Sequence[str], body: Sequence[Sequence[Cell]], *, texts: int, tall: bool = False) -> str:
    """A table that the page's script sorts.

    Args:
        head: of its columns.
        body: rows of cells.
        texts: how many columns, from the left, are text.
        tall: whether it scrolls by itself.
    """
    lines = []
    for row in body:
        cells = []
        for index, (text, key) in enumerate(row):
            kind = ' class="text"' if index < texts else ""
            sort = "" if key is None or key != key else f' data-s="{escape(str(key))}"'  # noqa: PLR0124  # nan
            cells.append(f"<td{kind}{sort}>{escape(text) if index < texts else signed(text)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return _frame(_head(head, texts), "".join(lines), "sortable" + (" tall" if tall else ""))


def _head(names: Sequence[str], texts: int = 1) -> str:
    cells = (
        f'<th scope="col" class="text">{escape(name)}</th>' if index < texts else f'<th scope="col">{escape(name)}</th>'
        for index, name in enumerate(names)
    )
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _frame(head: str, body: str, kind: str) -> str:
    return f'<div class="scroll {kind}"><table>{head}<tbody>{body}</tbody></table></div>'


def signed(text: str) -> str:
    """A number, coloured where its text has a sign."""
    kind = "" if len(text) < 2 else {"+": "up", "-": "down"}.get(text[0], "")
    return f'<span class="{kind}">{escape(text)}</span>' if kind else escape(text)
