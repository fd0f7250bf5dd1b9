"""The live view of `run` and `demo` on a terminal: the tree, and per exchange its markets, balances, modes and PnL.

`render` is pure: a `Status` and a `Tree` in, something for rich out; `render_compact` is the same for a terminal of
80 x 24. `LiveView` shows the one that fits anew a few times a second.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from textwrap import shorten
from types import TracebackType
from typing import Self

from rich import get_console
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree as TreeDrawing

from ganglion.bot.logs import LogRing
from ganglion.bot.summary import money_text
from ganglion.bot.views import ExchangeView, MarketView, ModeView, PauseView, Status
from ganglion.messages.lifecycle import CellState, ConnectionState
from ganglion.messages.trading import TradingState
from ganglion.messages.values import ZERO, quote_of
from ganglion.supervision import CellInfo, Tree

REFRESH_PER_S = 4
LOG_LINES = 6
ROOMY = (112, 40)
"""Columns and lines that the whole picture needs."""
VIOLATIONS_SHOWN = 3
TREE_WIDTH, EXCHANGE_WIDTH = 42, 64
"""At least, so that a picture does not jump when a counter appears."""
REASON_SHOWN = 34
SHOWN_DIGITS = Decimal("0.00000001")
SHOWN_CENTS = Decimal("0.01")
CELL_STYLES = {
    CellState.RUNNING: "green",
    CellState.STARTING: "yellow",
    CellState.SUSPENDED: "yellow",
    CellState.PARKED: "bold red",
    CellState.STOPPING: "dim",
    CellState.STOPPED: "dim",
    CellState.RESERVED: "dim",
}
CONNECTION_STYLES = {
    ConnectionState.LIVE: "bold green",
    ConnectionState.SYNCING: "yellow",
    ConnectionState.CONNECTING: "yellow",
    ConnectionState.DRAINING: "dim",
    ConnectionState.DOWN: "bold red",
}


def render(status: Status, tree: Tree, *, title: str, lines: tuple[str, ...] = (), bot: str = "/bot") -> RenderableType:
    """One picture of the bot.

    Args:
        status: of the collector.
        tree: of the system.
        title: first line.
        lines: newest log lines, scrubbed already.
        bot: path of the bot in the tree.
    """
    root = tree.find(bot) or tree.root
    right: list[RenderableType] = [*(_exchange(view, status.modes) for view in status.exchanges), _modes(status.modes)]
    parts: list[RenderableType] = [
        _headline(status, tree, title),
        Columns([Panel(_steady(_tree(root), TREE_WIDTH), title="tree", border_style="dim"), Group(*right)]),
    ]
    if status.violations:
        text = "\n".join(status.violations[-5:])
        parts.append(Panel(Text(text, style="bold red"), title="violations", border_style="red"))
    if lines:
        parts.append(Panel(Text("\n".join(lines), overflow="ellipsis", no_wrap=True), title="log", border_style="dim"))
    return Group(*parts)


def render_compact(
    status: Status, tree: Tree, *, title: str, height: int, lines: tuple[str, ...] = (), bot: str = "/bot"
) -> RenderableType:
    """One picture in so many lines: what is wrong, arms, modes, balances; then log and tree, as far as there is room.

    Args:
        status: of the collector.
        tree: of the system.
        title: first line.
        height: lines of the terminal.
        lines: newest log lines, scrubbed already.
        bot: path of the bot in the tree.
    """
    wrong = [*status.violations[-VIOLATIONS_SHOWN:], *(f"parked {text}" for text in status.parked[:VIOLATIONS_SHOWN])]
    parts: list[RenderableType] = [_headline(status, tree, title)]
    parts += [Text(text, style="bold red", overflow="ellipsis", no_wrap=True) for text in wrong]
    parts += [arms_table(status), _modes(status.modes, titled=False)]
    # The cursor has the last line; both tables have a head.
    left = height - 1 - len(parts) - len(status.exchanges) - len(status.modes)
    held = _all_balances(status, max(0, left - 1))
    left -= held.row_count + 1
    parts.append(held)
    log = lines[-max(0, min(left, LOG_LINES)) :] if left > 0 else ()
    left -= len(log)
    root = tree.find(bot) or tree.root
    if left >= sum(1 for _ in root.walk()):
        parts.append(_tree(root))
    parts += [Text(line, style="dim", overflow="ellipsis", no_wrap=True) for line in log]
    return Group(*parts)


def arms_table(status: Status) -> Table:
    """One line an arm, no more than 80 columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("arm", "state", "reconnects", "fills", "open orders", "books"):
        table.add_column(column, justify="left" if column in {"arm", "state", "books"} else "right", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for view in status.exchanges:
        state = ConnectionState(view.state)
        books = sum(market.top is not None for market in view.markets)
        table.add_row(
            view.name,
            Text(view.state, style=CONNECTION_STYLES[state]),
            str(view.reconnects),
            str(view.fills),
            str(sum(market.open_orders for market in view.markets)),
            f"{books} of {len(view.markets)} whole",
            _trouble(view),
        )
    return table


def _trouble(view: ExchangeView) -> Text:
    if view.halted:
        return Text(f"HALTED: {view.halted}", style="bold red")
    if view.trading != TradingState.ACTIVE:
        return Text(_lesser(view), style="bold yellow")
    if view.state != ConnectionState.LIVE:
        return Text(view.reason, style="yellow")
    if view.paused or view.degraded:
        return Text(", ".join((*map(_paused, view.paused), *view.degraded)), style="yellow")
    return Text("" if view.reconciled else "not reconciled", style="yellow")


def _all_balances(status: Status, rows: int) -> Table:
    """What every arm holds in so many lines below the head; the last one counts what had no room."""
    table = Table(box=None, pad_edge=False)
    for column in ("arm", "asset", "free", "reserved", "total"):
        table.add_column(column, justify="left" if column in {"arm", "asset"} else "right", no_wrap=True)
    held = [(view.name, asset, b) for view in status.exchanges for asset, b in view.balances.items() if b.total]
    shown = held if len(held) <= rows else held[: max(0, rows - 1)]
    for arm, asset, balance in shown:
        table.add_row(arm, asset, *(_money(value) for value in (balance.free, balance.reserved, balance.total)))
    if rows and len(shown) < len(held):
        table.add_row(f"and {len(held) - len(shown)} more", "", "", "", "")
    return table


class LiveView:
    """Shows the picture that `look` makes until the block ends; what is left on the screen is the last one."""

    def __init__(
        self,
        look: Callable[[], tuple[Status, Tree]],
        *,
        title: str,
        ring: LogRing,
        console: Console | None = None,
    ) -> None:
        self._look = look
        self._title = title
        self._ring = ring
        self._console = console or get_console()
        self._live = Live(
            get_renderable=self._picture,
            console=self._console,
            refresh_per_second=REFRESH_PER_S,
            transient=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        """Begin to show."""
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the last picture and stop."""
        self._live.stop()

    def _picture(self) -> RenderableType:
        status, tree = self._look()
        lines = self._ring.last(LOG_LINES)
        width, height = self._console.size
        if width < ROOMY[0] or height < ROOMY[1]:
            return render_compact(status, tree, title=self._title, height=height, lines=lines)
        return render(status, tree, title=self._title, lines=lines)


def _headline(status: Status, tree: Tree, title: str) -> Text:
    cells = list(tree.root.walk())
    dead = sum(tree.dead_letters.values())
    text = Text.assemble((title, "bold"), f"  {status.seconds:.0f} s  ")
    text.append(f"{sum(1 for cell in cells if cell.actor)} actors  ")
    text.append(f"{tree.restarts} restarts  ", style="yellow" if tree.restarts else "")
    text.append(f"{dead} dead letters  ", style="yellow" if dead else "")
    count = len(status.violations)
    text.append(f"{count} violations", style="bold red" if count else "green")
    return text


def _tree(root: CellInfo) -> TreeDrawing:
    drawing = TreeDrawing(_cell(root))
    _grow(drawing, root)
    return drawing


def _grow(drawing: TreeDrawing, cell: CellInfo) -> None:
    for child in cell.children:
        _grow(drawing.add(_cell(child)), child)


def _cell(cell: CellInfo) -> Text:
    name = cell.path.rpartition("/")[2] or "/"
    text = Text.assemble(name, " ", (str(cell.state), CELL_STYLES.get(cell.state, "")))
    if cell.restarts:
        text.append(f" restarts={cell.restarts}", style="yellow")
    if cell.queued:
        text.append(f" queue={cell.queued}", style="cyan")
    return text


def _exchange(view: ExchangeView, modes: tuple[ModeView, ...]) -> Panel:
    state = ConnectionState(view.state)
    head = Text.assemble((view.state, CONNECTION_STYLES[state]))
    for less in view.degraded:
        head.append(f" ({shorten(less, REASON_SHOWN, placeholder='...')})")
    if state is not ConnectionState.LIVE and view.reason:
        head.append(f" ({shorten(view.reason, REASON_SHOWN, placeholder='...')})")
    for pause in view.paused:
        head.append(f" {_paused(pause)}", style="bold yellow")
    head.append(f"  reconnects {view.reconnects}  fills {view.fills}")
    if view.halted:
        head.append(f"  HALTED: {view.halted}", style="bold red")
    elif view.trading != TradingState.ACTIVE:
        head.append(f"  {_lesser(view)}", style="bold yellow")
    elif not view.reconciled:
        head.append("  not reconciled", style="yellow")
    inside = _steady(Group(head, _markets(view, modes), _balances(view)), EXCHANGE_WIDTH)
    return Panel.fit(inside, title=view.name, title_align="left")


def _paused(pause: PauseView) -> str:
    until = datetime.fromtimestamp(pause.until_ms / 1000, UTC)
    market = f"{pause.symbol} " if pause.symbol else ""
    return f"{market}paused until {until:%H:%M:%S}Z: {shorten(pause.reason, REASON_SHOWN, placeholder='...')}"


def _lesser(view: ExchangeView) -> str:
    """What stands short of a halt, with its first cause."""
    cause = next((state.cause for state in view.states if state.state == view.trading), "")
    return f"{view.trading.upper()}: {cause}"


def _steady(inside: RenderableType, width: int) -> Table:
    """The same, at least so wide."""
    grid = Table.grid()
    grid.add_column(min_width=width)
    grid.add_row(inside)
    return grid


def _markets(view: ExchangeView, modes: tuple[ModeView, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("symbol", "bid", "ask", "open orders", "fills", "PnL"):
        table.add_column(column, justify="left" if column == "symbol" else "right", no_wrap=True)
    for market in view.markets:
        own = [mode for mode in modes if mode.account == view.name and mode.symbol == market.symbol]
        bid, ask = _prices(market)
        fills = sum(mode.fills for mode in own)
        table.add_row(market.symbol, bid, ask, str(market.open_orders), str(fills), _pnl(own))
    return table


def _prices(market: MarketView) -> tuple[Text, Text]:
    if market.top is None:
        why = market.invalid.partition(":")[0] or "no book"
        return Text(why, style="yellow"), Text("-", style="dim")
    return Text(_float(market.top.bid)), Text(_float(market.top.ask))


def _balances(view: ExchangeView) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("asset", "free", "reserved", "total"):
        table.add_column(column, justify="left" if column == "asset" else "right", no_wrap=True)
    for asset, balance in view.balances.items():
        table.add_row(asset, *(_money(value) for value in (balance.free, balance.reserved, balance.total)))
    return table


def _modes(modes: tuple[ModeView, ...], *, titled: bool = True) -> Table:
    table = Table(box=None, pad_edge=False, title="modes" if titled else None, title_justify="left")
    for column in ("mode", "market", "orders", "fills", "denied", "PnL"):
        table.add_column(column, justify="left" if column in {"mode", "market"} else "right", no_wrap=True)
    for mode in modes:
        name = Text(mode.name)
        if mode.halted:
            name = Text(f"{mode.name} HALTED: {mode.halted}", style="bold red")
        elif mode.trading != TradingState.ACTIVE:
            name = Text(f"{mode.name} {mode.trading}", style="bold yellow")
        counts = (str(mode.orders), str(mode.fills), str(mode.denied))
        table.add_row(name, f"{mode.account} {mode.symbol}", *counts, _pnl([mode]))
    return table


def _pnl(modes: list[ModeView]) -> Text:
    known = [mode.pnl for mode in modes if mode.pnl is not None]
    if len(known) < len(modes) or not modes:
        return Text("-", style="dim")
    total = sum(known, ZERO)
    style = "green" if total > 0 else "red" if total < 0 else ""
    # Rounding is named each time: ccxt leaves ROUND_HALF_UP behind in the context of whichever thread it ran on.
    shown = total.quantize(SHOWN_CENTS, ROUND_HALF_EVEN)
    return Text(f"{shown:+} {quote_of(modes[0].symbol)}", style=style)


def _money(value: Decimal) -> str:
    """Eight digits are enough to look at; the summary has all of them."""
    return money_text(value.quantize(SHOWN_DIGITS, ROUND_HALF_EVEN))


def _float(price: float) -> str:
    return money_text(Decimal(repr(price)))
