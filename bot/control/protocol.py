"""What is said over the control socket: one JSON object a line, a `Command` answered by a `Reply` with the same id.

Pure. Server and client share it; a tool of one's own can speak it too (docs/operating.md). Money is text.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from ganglion.bot.views import OrderView, PauseView, StateView, ViolationView

VERSION = 1
MAX_LINE = 64 * 1024
"""Bytes of a command; a reply may be longer."""
LONGEST_S = 3600.0

Verb: TypeAlias = Literal["status", "tree", "orders", "halt", "reduce", "resume", "cancel-all", "flatten"]
Failed: TypeAlias = Literal["bad_request", "unknown_scope", "refused", "busy", "failed"]


class CommandError(ValueError):
    """A line that is no command; the text says what was wrong."""


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """One command of an operator."""

    command: Verb
    v: int = VERSION
    id: int | str = 0
    """Comes back with the reply."""
    scope: str = "bot"
    """bot, an account, ACCOUNT/SYMBOL or a mode; `account:X` and `mode:X` where a name is both."""
    timeout_s: float = 30.0
    """How long its effect is waited for."""
    reason: str = ""
    """Why, for people: it becomes the cause that is kept."""
    who: str = ""
    """Who says so, where the socket can't tell."""
    cancel: bool = False
    """halt: cancel the scope's orders too."""
    all: bool = False
    """orders: those that have ended as well."""


class Sold(msgspec.Struct, frozen=True):
    """What a flatten did for one mode; amounts in the base asset, as text."""

    account: str
    mode: str
    symbol: str
    held: str
    """What the mode's own fills had left it with."""
    sold: str
    average: str
    """Price of what was sold; empty where nothing was."""
    left: str
    why: str
    """Why something is left; empty where nothing is."""


class Effect(msgspec.Struct, frozen=True):
    """What a command came to."""

    scope: str
    done: bool
    """Everything that was asked for has happened."""
    told: tuple[str, ...] = ()
    """What happened, for people, in order."""
    cancelled: int = 0
    """Orders of the scope that were open and are not any more."""
    still_open: int = 0
    sold: tuple[Sold, ...] = ()
    standing: tuple[StateView, ...] = ()
    """What is not active in the scope now, wider and narrower scopes included."""
    unsettled: tuple[str, ...] = ()
    """Accounts that are not reconciled now, each with why: of them `still_open` is what the journal says."""


class CellRow(msgspec.Struct, frozen=True):
    """One place of the supervision tree."""

    path: str
    actor: str
    state: str
    incarnation: int
    restarts: int
    last_failure: str
    queued: int
    handled: int


class BalanceRow(msgspec.Struct, frozen=True):
    """One asset, money as text."""

    free: str
    reserved: str
    total: str


class AccountRow(msgspec.Struct, frozen=True):
    """One exchange account."""

    name: str
    connection: str
    reason: str
    trading: str
    halted: str
    reconciled: bool
    epoch: int
    balances_equal: bool | None
    open_orders: int
    fills: int
    """Since the journal began."""
    balances: dict[str, BalanceRow]
    unsettled: str = ""
    """Why orders, fills and balances may not hold now: it is not reconciled. Empty where it is."""
    known: bool = True
    """False while not even its journal was read: open_orders and fills say nothing."""
    paused: tuple[PauseView, ...] = ()
    """Until when the venue wants silence, or one of its markets is closed."""
    degraded: tuple[str, ...] = ()
    """What works less well than it should: an open breaker, a stream that is polled."""


class ModeRow(msgspec.Struct, frozen=True):
    """One trading mode."""

    name: str
    account: str
    symbol: str
    actor: str
    """State of its actor: running, parked, ..."""
    trading: str
    orders: int
    """Placed since this process began, as are `denied` and `rejected`."""
    open_orders: int
    fills: int
    """Since the journal began."""
    denied: int
    rejected: int
    pnl: str | None
    """Of all its fills, in the quote asset; null while there is no price to value at, or its fills are not known."""
    known: bool = True
    """False while not even its account's journal was read."""


class StatusRow(msgspec.Struct, frozen=True):
    """A bot at one instant."""

    bot: str
    pid: int
    seconds: float
    trading: str
    """The severest state of all."""
    states: tuple[StateView, ...]
    accounts: tuple[AccountRow, ...]
    modes: tuple[ModeRow, ...]
    parked: tuple[str, ...]
    violations: tuple[str, ...]
    violated: tuple[ViolationView, ...] = ()
    """The same, each once with its time and count, the newest first."""


Result: TypeAlias = StatusRow | tuple[CellRow, ...] | tuple[OrderView, ...] | Effect


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to one command."""

    id: int | str | None
    ok: bool
    v: int = VERSION
    result: msgspec.Raw = msgspec.Raw(b"null")
    """By command: StatusRow, CellRow[], OrderView[] or Effect."""
    failed: Failed | None = None
    text: str = ""
    """What was wrong and what to do, where it is not ok."""


def read_command(line: bytes) -> Command:
    """A command from its line.

    Raises:
        CommandError: it is none, or of another version.
    """
    try:
        command = msgspec.json.decode(line, type=Command)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(f"no command: {error}; send one JSON object a line, such as {_EXAMPLE}") from error
    if command.v != VERSION:
        raise CommandError(f"version {command.v} is not spoken here: this bot speaks {VERSION}; use its own ganglion")
    if not 0 < command.timeout_s <= LONGEST_S:
        raise CommandError(f"timeout_s {command.timeout_s:g}: give more than 0 and at most {LONGEST_S:g}")
    if len(command.reason) > 500 or len(command.who) > 100:
        raise CommandError("reason may have 500 characters, who 100")
    return command


def write_line(message: Command | Reply) -> bytes:
    """A command or a reply as its line."""
    return msgspec.json.encode(message) + b"\n"


def read_reply(line: bytes) -> Reply:
    """A reply from its line.

    Raises:
        CommandError: it is none.
    """
    try:
        return msgspec.json.decode(line, type=Reply)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(f"the bot's answer can't be read ({error}): is it of another version?") from error


_EXAMPLE = '{"v": 1, "command": "status"}'
