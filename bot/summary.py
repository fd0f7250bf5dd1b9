"""The summary of a run, as JSON: `--summary FILE` writes it, tests and the demo read it. Money is text.

Its shape is a promise to those who read the file: fields may be added, none changes its meaning.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from ganglion.bot.secrets import Scrubber
from ganglion.bot.views import ExchangeView, ModeView, StateView, Status
from ganglion.messages.lifecycle import CellState, ConnectionState
from ganglion.messages.orders import TERMINAL, OrderState
from ganglion.messages.trading import TradingState
from ganglion.supervision import CellInfo, Tree

TERMINAL_STATES = frozenset(map(str, TERMINAL))
HALTED = "halted"


class BalanceSummary(msgspec.Struct, frozen=True):
    """One asset, money as text."""

    free: str
    reserved: str
    total: str


class ExchangeSummary(msgspec.Struct, frozen=True):
    """One exchange account."""

    state: str
    seconds_in: dict[str, float]
    reconnects: int
    restarts: int
    """Of every actor of the arm together."""
    book_updates: int
    orders: dict[str, int]
    fills: int
    """Of the whole journal, earlier runs included."""
    balances: dict[str, BalanceSummary]
    halted: str = ""
    balances_equal: bool | None = None
    """Null where nothing was compared at last: never, not after the last order, or with an order unknown."""
    differences: tuple[str, ...] = ()
    trading: str = TradingState.ACTIVE
    """What may be placed on it at the end: active, reducing or halted."""
    states: tuple[StateView, ...] = ()
    """Every scope of it that is not active, with first cause, who and when; the whole bot's included."""
    fills_of_run: int = 0
    """Booked by this run; what was filled while no bot ran, and was heard at its start, included."""

    @property
    def open_orders(self) -> int:
        """Orders of ours that may still be at the venue."""
        return open_of(self.orders)

    @property
    def reached(self) -> bool:
        """True where it was Live at any time."""
        return self.state == ConnectionState.LIVE or ConnectionState.LIVE in self.seconds_in


class ModeSummary(msgspec.Struct, frozen=True):
    """One trading mode."""

    state: str
    restarts: int
    orders: int
    """That this run heard of, each once."""
    fills: int
    """Of the whole journal, earlier runs included."""
    pnl: str | None
    """Of all these fills, in the quote asset; null while there is no price to value at."""
    denied: int = 0
    """Refused by portfolio or order line, nothing sent. What the mode's own desk refuses is not counted."""
    rejected: int = 0
    """By the venue."""
    trading: str = TradingState.ACTIVE
    """What it may place at the end: active, reducing or halted."""
    cause: str = ""
    """Why it, or its market, is halted on its own."""


class Summary(msgspec.Struct, frozen=True):
    """One run."""

    seconds: float
    messages: int
    """Handled by all dispatchers."""
    actors: int
    restarts: int
    dead_letters: dict[str, int]
    invariant_violations: int
    violations: tuple[str, ...]
    exchanges: dict[str, ExchangeSummary]
    modes: dict[str, ModeSummary]
    parked: tuple[str, ...] = ()
    """Paths of actors that are parked now, each with why."""

    @property
    def halted(self) -> bool:
        """True where any account or mode was halted."""
        modes = any(mode.state == HALTED for mode in self.modes.values())
        return modes or any(exchange.halted for exchange in self.exchanges.values())

    @property
    def faultless(self) -> bool:
        """True where no invariant was violated and every account that was compared agrees with its venue."""
        unequal = any(exchange.balances_equal is False for exchange in self.exchanges.values())
        return self.invariant_violations == 0 and not unequal

    def to_json(self) -> bytes:
        """Indented JSON, a line at the end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def summarize(status: Status, tree: Tree, *, bot: str = "/bot", uncompared: Collection[str] = ()) -> Summary:
    """Join what the collector knows with the tree.

    Args:
        status: of the collector.
        tree: of the system, taken at about the same time.
        bot: path of the bot in it.
        uncompared: exchanges whose last comparison failed: what an earlier one found is old.
    """
    cells = list(tree.root.walk())
    return Summary(
        seconds=round(status.seconds, 3),
        messages=sum(dispatcher.handled for dispatcher in tree.dispatchers),
        actors=sum(1 for cell in cells if cell.actor),
        restarts=tree.restarts,
        dead_letters=dict(sorted(tree.dead_letters.items())),
        invariant_violations=len(status.violations),
        violations=status.violations,
        exchanges={
            e.name: _exchange(e, tree, f"{bot}/{e.name}", compared=e.name not in uncompared) for e in status.exchanges
        },
        modes={m.name: _mode(m, tree.find(f"{bot}/modes/{m.name}")) for m in status.modes},
        parked=status.parked,
    )


def write(summary: Summary, path: Path, scrubber: Scrubber) -> None:
    """Write the summary, whole or not at all, without any secret.

    Raises:
        OSError: the file can't be written.
    """
    text = scrubber.scrub(summary.to_json().decode())
    partial = _partial(path)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def check_writable(path: Path) -> None:
    """Find out before a run whether its summary can be written.

    Raises:
        OSError: it can't.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    partial = _partial(path)
    partial.touch()
    partial.unlink()


def save(summary: Summary, path: Path, scrubber: Scrubber) -> None:
    """Write the summary; where that fails after all, say so on stderr and print the summary instead."""
    try:
        write(summary, path, scrubber)
    except OSError as error:
        sys.stderr.write(f"the summary was not written to {path} ({error.strerror or error}): it follows on stdout\n")
        sys.stdout.write(scrubber.scrub(summary.to_json().decode()))


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def open_of(orders: Mapping[str, int]) -> int:
    """Orders, counted by state, that may still be at the venue."""
    return sum(count for state, count in orders.items() if state not in TERMINAL_STATES)


def money_text(amount: Decimal) -> str:
    """An amount in plain digits, without an exponent and without zeros that say nothing."""
    text = format(amount, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def book_updates(tree: Tree, arm: str) -> int:
    """Snapshots and changes that an arm's books have handled."""
    books = tree.find(f"{arm}/books")
    return sum(cell.handled for cell in books.walk() if cell is not books) if books else 0


def _exchange(view: ExchangeView, tree: Tree, path: str, *, compared: bool) -> ExchangeSummary:
    arm = tree.find(path)
    # A difference that was named stays one; "equal" is only said where everything was compared.
    doubtful = not view.differences and (not compared or view.orders.get(OrderState.UNKNOWN, 0) > 0)
    return ExchangeSummary(
        state=view.state,
        seconds_in={state: round(seconds, 3) for state, seconds in view.seconds_in.items()},
        reconnects=view.reconnects,
        restarts=sum(cell.restarts for cell in arm.walk()) if arm else 0,
        book_updates=book_updates(tree, path),
        orders=view.orders,
        fills=view.fills,
        balances={
            asset: BalanceSummary(money_text(b.free), money_text(b.reserved), money_text(b.total))
            for asset, b in view.balances.items()
        },
        halted=view.halted,
        balances_equal=None if doubtful else view.balances_equal,
        differences=view.differences,
        trading=view.trading,
        states=view.states,
        fills_of_run=view.fills_of_run,
    )


def _mode(view: ModeView, cell: CellInfo | None) -> ModeSummary:
    return ModeSummary(
        state=str(cell.state if cell else CellState.STOPPED) if not view.halted else HALTED,
        restarts=cell.restarts if cell else 0,
        orders=view.orders,
        fills=view.fills,
        pnl=None if view.pnl is None else money_text(view.pnl),
        denied=view.denied,
        rejected=view.rejected,
        trading=view.trading,
        cause=view.halted,
    )
