"""What the operator's commands print on a terminal: tables of what the bot answered. Touches standard output only."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ganglion.bot.control.place import ControlError
from ganglion.bot.control.protocol import AccountRow, CellRow, Effect, ModeRow, Reply, Sold, StatusRow
from ganglion.bot.summary import money_text
from ganglion.bot.views import OrderView, PauseView, StateView, ViolationView
from ganglion.messages.lifecycle import CellState, ConnectionState
from ganglion.messages.trading import TradingState
from ganglion.messages.values import base_of, quote_of

T = TypeVar("T")
STYLES = {TradingState.ACTIVE: "green", TradingState.REDUCING: "bold yellow", TradingState.HALTED: "bold red"}
RECENT = 100
"""Orders that are listed at most."""
VIOLATIONS_SHOWN = 3
UNKNOWN = "?"


def result_of(reply: Reply, kind: type[T]) -> T:
    """The result of a reply.

    Raises:
        ControlError: it is of another shape: the bot is of another version.
    """
    try:
        return msgspec.json.decode(reply.result, type=kind)
    except msgspec.MsgspecError as error:
        raise ControlError(f"the bot's answer can't be read ({error}): is it of another version?") from None


def show_status(row: StatusRow) -> None:
    """The bot, what is not active, accounts, balances, modes."""
    out = _console()
    runs = f" (pid {row.pid}) runs for {_duration(row.seconds)}  "
    head = Text.assemble((row.bot, "bold"), runs, _trading(row))
    out.print(head)
    _show_states(out, row.states)
    for text in row.parked:
        out.print(Text(f"parked {text}", style="bold red"))
    _show_violations(out, row.violated)
    _show_troubles(out, row.accounts)
    out.print(_accounts(row.accounts))
    out.print(_balances(row.accounts))
    if row.modes:
        out.print(_modes(row.modes))
        note = "open now; fills and PnL since the journal began; placed and denied since this start"
        out.print(Text(note, style="dim"))


def _trading(row: StatusRow) -> Text:
    """The bot's state in a word where all of it is in one; else what is not active is counted."""
    trading = {account.trading for account in row.accounts} | {mode.trading for mode in row.modes}
    if len(trading) <= 1 or {account.trading for account in row.accounts} == {row.trading}:
        return _state(row.trading)
    told = [
        f"{count} {kind}{'s' if count > 1 else ''} {state}"
        for state in (TradingState.HALTED, TradingState.REDUCING)
        for kind, count in (
            ("account", sum(account.trading == state for account in row.accounts)),
            ("mode", sum(mode.trading == state for mode in row.modes)),
        )
        if count
    ]
    return Text(f"partly active: {', '.join(told)}", style=STYLES[TradingState(row.trading)])


def _show_violations(out: Console, rows: tuple[ViolationView, ...]) -> None:
    for row in rows[:VIOLATIONS_SHOWN]:
        times = f" ({row.count} times since {_at(row.first_ms)})" if row.count > 1 else ""
        text = f"violated {_at(row.last_ms)} {row.account} {row.invariant}: {row.text}{times}"
        out.print(Text(text, style="bold red"))
    if len(rows) > VIOLATIONS_SHOWN:
        out.print(Text(f"{len(rows) - VIOLATIONS_SHOWN} more violations: ganglion journal show", style="red"))


def _show_troubles(out: Console, rows: tuple[AccountRow, ...]) -> None:
    for row in rows:
        if row.unsettled:
            what = "what the journal says is shown" if row.known else "nothing is known of it yet"
            out.print(Text(f"{row.name} is not reconciled yet, {what}: {row.unsettled}", style="bold yellow"))
        for pause in row.paused:
            out.print(Text(f"{row.name} {paused_text(pause)}", style="bold yellow"))
        for text in row.degraded:
            out.print(Text(f"{row.name} {text}", style="yellow"))


def paused_text(pause: PauseView) -> str:
    """Until when nothing is placed, and why."""
    market = f"{pause.symbol} " if pause.symbol else ""
    return f"{market}paused until {_at(pause.until_ms)}: {pause.reason}"


def _at(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%S}Z"


def _counted(count: int, row: AccountRow) -> str:
    if not row.known:
        return UNKNOWN
    return f"{count} (journal)" if row.unsettled else str(count)


def _show_states(out: Console, states: tuple[StateView, ...]) -> None:
    for state in states:
        since = datetime.fromtimestamp(state.at_ms / 1000, UTC)
        who = f"{state.by} {state.who}".strip()
        line = Text.assemble(state.scope, " ", _state(state.state), f" since {since:%Y-%m-%d %H:%M:%S}Z by {who}: ")
        line.append(state.cause)
        out.print(line)
    if states:
        scopes = dict.fromkeys(state.scope for state in states)
        out.print(Text("to lift: " + ", ".join(f"ganglion resume {scope}" for scope in scopes), style="dim"))


def _accounts(rows: tuple[AccountRow, ...]) -> Table:
    table = _table("account", "connection", "trading", "epoch", "balances", "open orders", "fills", "", left=4)
    for row in rows:
        live = row.connection == ConnectionState.LIVE
        equal = {True: "equal", False: "DIFFER", None: "not compared"}[row.balances_equal]
        table.add_row(
            row.name,
            Text(row.connection, style="green" if live else "yellow"),
            _state(row.trading),
            str(row.epoch) if not row.unsettled else "not reconciled",
            "not compared" if row.unsettled else equal,
            _counted(row.open_orders, row),
            _counted(row.fills, row),
            "" if live else row.reason,
        )
    return table


def _balances(rows: tuple[AccountRow, ...]) -> Table:
    table = _table("account", "asset", "free", "reserved", "total", left=2)
    for row in rows:
        for asset, balance in row.balances.items():
            if Decimal(balance.total):
                table.add_row(row.name, asset, balance.free, balance.reserved, balance.total)
    return table


def _modes(rows: tuple[ModeRow, ...]) -> Table:
    table = _table("mode", "market", "actor", "trading", "open", "fills", "PnL", "placed", "denied", left=4)
    for row in rows:
        table.add_row(
            row.name,
            f"{row.account} {row.symbol}",
            Text(row.actor, style="" if row.actor == CellState.RUNNING else "bold red"),
            _state(row.trading),
            *(str(count) if row.known else UNKNOWN for count in (row.open_orders, row.fills)),
            _pnl(row),
            *map(str, (row.orders, row.denied)),
        )
    return table


def _pnl(row: ModeRow) -> str:
    if not row.known:
        return UNKNOWN
    if row.pnl is None:
        return "-"
    return f"{Decimal(row.pnl):+.2f} {quote_of(row.symbol)}"


def show_tree(rows: tuple[CellRow, ...]) -> None:
    """The supervision tree, one place a line."""
    table = _table("path", "actor", "state", "incarnation", "restarts", "queue", "handled", "last failure", left=3)
    table.columns[-1].justify = "left"
    for row in rows:
        depth, _, name = row.path.count("/"), "", row.path.rpartition("/")[2]
        running = row.state == CellState.RUNNING
        table.add_row(
            "  " * (depth - 1) + name,
            row.actor,
            Text(row.state, style="green" if running else "bold red" if row.state == CellState.PARKED else "yellow"),
            *map(str, (row.incarnation, row.restarts, row.queued, row.handled)),
            row.last_failure,
        )
    _console().print(table)


def show_orders(rows: tuple[OrderView, ...], scope: str) -> None:
    """One order a line, the newest last."""
    out = _console()
    if not rows:
        out.print(f"no open orders in {scope}")
        return
    columns = ("account", "market", "mode", "side", "amount", "price", "filled", "state", "age", "client id")
    table = _table(*columns, left=4)
    for column in (7, 9):
        table.columns[column].justify = "left"
    for row in rows[-RECENT:]:
        price = row.average if row.average is not None and not row.open else row.price
        table.add_row(
            row.account,
            row.symbol,
            row.mode,
            row.side,
            money_text(row.amount),
            "market" if price is None else f"{money_text(price)}",
            money_text(row.filled),
            row.state,
            _duration(row.age_s),
            row.client_id,
        )
    out.print(table)
    doubtful = dict.fromkeys(row.account for row in rows if row.unsettled)
    if doubtful:
        text = f"as of the journal, not reconciled yet: {', '.join(doubtful)}"
        out.print(Text(text, style="bold yellow"))
    if len(rows) > RECENT:
        out.print(f"the last {RECENT} of {len(rows)}; --json has all")


def show_effect(effect: Effect) -> None:
    """What a command came to."""
    out = _console()
    for text in effect.told:
        out.print(Text(text))
    for sold in effect.sold:
        out.print(Text(_sold(sold)))
    if effect.unsettled:
        known = f"{effect.still_open} as of the journal" if effect.still_open else "not known yet"
        out.print(Text(f"open orders in {effect.scope}: {known} ({'; '.join(effect.unsettled)})", style="bold yellow"))
    else:
        out.print(f"open orders in {effect.scope}: {effect.still_open}")
    _show_states(out, effect.standing)
    if not effect.done:
        out.print(Text("not everything is done: see above", style="bold red"))


def _sold(sold: Sold) -> str:
    base, quote = base_of(sold.symbol), quote_of(sold.symbol)
    text = f"{sold.mode}: held {sold.held} {base}"
    if Decimal(sold.sold):
        text += f", sold {sold.sold} at {sold.average or '?'} {quote} on {sold.account}"
    return text + (f", {sold.left} left: {sold.why}" if Decimal(sold.left) else ", nothing left")


def _table(*columns: str, left: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < left or not column else "right", no_wrap=True)
    return table


def _state(state: str) -> Text:
    return Text(state, style=STYLES[TradingState(state)])


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _console() -> Console:
    # A pipe has no width to fit into: nothing is cut for it.
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
