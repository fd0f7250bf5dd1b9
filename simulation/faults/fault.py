"""Faults of a simulated world as data: the kinds, what each does and where, and one fault that begins at an instant.

Pure. The swarm draws lists of them, the world lets them begin, the parts at their `Site` make them true, recipes keep
them as JSON. `KINDS` is the one table of all kinds: docs/chaos.md shows it, the swarm draws by it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, NamedTuple, get_args

import msgspec

Requests = Literal["place", "cancel", "query", "market", "all"]
"""Requests to a venue: `query` are private readings, `market` public ones."""
REQUESTS: tuple[Requests, ...] = get_args(Requests)


class Site(StrEnum):
    """Which part of a world a fault strikes."""

    PORT = "port"
    """Between the exchange actor and its venue: requests, replies, streams."""
    PROCESS = "process"
    """The bot's actors, supervisors and its process."""
    DELIVERY = "delivery"
    """Between actors."""
    DISK = "disk"
    """Below the journal."""
    CLOCK = "clock"
    """What time somebody believes it is."""


class Target(StrEnum):
    """What a fault's `target` names."""

    EXCHANGE = "exchange"
    ACTOR = "actor"
    SUPERVISOR = "supervisor"
    BOT = "bot"
    """Nothing: there is one bot, the target is ""."""


class FaultKind(StrEnum):
    """What can go wrong; `KINDS` says what each does."""

    REQUEST_LOST = "request_lost"
    REPLY_LOST = "reply_lost"
    REQUEST_DELAYED = "request_delayed"
    REPLY_DELAYED = "reply_delayed"
    DUPLICATED = "duplicated"
    ERROR = "error"
    ERROR_AFTER = "error_after"
    HTML = "html"
    EMPTY_OBJECT = "empty_object"
    EMPTY_BODY = "empty_body"
    BAN = "ban"
    REFUSED = "refused"
    ORDER_INVISIBLE = "order_invisible"
    EMPTY_ACCOUNT = "empty_account"
    STALE_READING = "stale_reading"
    CANCEL_FILL_RACE = "cancel_fill_race"
    FILL_THEN_DISCONNECT = "fill_then_disconnect"
    HIDDEN_FILL = "hidden_fill"
    STREAM_DOWN = "stream_down"
    STREAM_SILENT = "stream_silent"
    FRAMES_DELAYED = "frames_delayed"
    FRAMES_REORDERED = "frames_reordered"
    FRAMES_REPEATED = "frames_repeated"
    SEQUENCE_GAP = "sequence_gap"
    CHECKSUM_ERROR = "checksum_error"
    NO_ACK = "no_ack"
    VENUE_CLOCK = "venue_clock"
    BOT_CLOCK = "bot_clock"
    REORDERED = "reordered"
    SLOW_CONSUMER = "slow_consumer"
    ACTOR_CRASH = "actor_crash"
    ACTOR_CRASH_INSIDE = "actor_crash_inside"
    SUPERVISOR_CRASH = "supervisor_crash"
    KILL = "kill"
    POWER_LOSS = "power_loss"
    LOST_SYNC = "lost_sync"
    FULL_DISK = "full_disk"
    BROKEN_DISK = "broken_disk"
    READ_ONLY = "read_only"


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault: it begins at `at_s`, and is over after `seconds`, or after it struck `times` times."""

    at_s: float
    """Virtual seconds since the world began."""
    kind: FaultKind
    target: str = ""
    """Name of an exchange, path of an actor or a supervisor, or "" for the bot: see `KINDS`."""
    requests: Requests = "all"
    """Kinds that strike requests: which."""
    stream: str = "*"
    """Kinds that strike streams: a `StreamKind`'s value, or "*" for all."""
    error: str = ""
    """`error` and `error_after`: the name of a ccxt class."""
    seconds: float = 0.0
    """How long it lasts; 0: it strikes `times` times and is over."""
    times: int = 1
    delay_s: float = 0.0
    """How late something comes, how old a reading is, how wrong a clock, how long a dead bot stays dead."""
    steps: int = 0
    """Crashes and kills: that many handled messages after `at_s`. `actor_crash_inside`: `times` is the n-th send."""


class KindInfo(NamedTuple):
    """One kind: where it strikes, what it does, and what its `target` names."""

    site: Site
    text: str
    """What happens, in a sentence."""
    target: Target = Target.EXCHANGE


_K = FaultKind
_PORT, _PROCESS, _DISK, _CLOCK, _DELIVERY = Site.PORT, Site.PROCESS, Site.DISK, Site.CLOCK, Site.DELIVERY
_BOT, _ACTOR, _SUPERVISOR = Target.BOT, Target.ACTOR, Target.SUPERVISOR

KINDS: dict[FaultKind, KindInfo] = {
    _K.REQUEST_LOST: KindInfo(_PORT, "A request is lost before the venue sees it."),
    _K.REPLY_LOST: KindInfo(_PORT, "The venue does what was asked, and its reply is lost: the dangerous one."),
    _K.REQUEST_DELAYED: KindInfo(_PORT, "A request reaches the venue `delay_s` late, even if nobody waits any more."),
    _K.REPLY_DELAYED: KindInfo(_PORT, "The venue acts at once, and its reply comes `delay_s` late."),
    _K.DUPLICATED: KindInfo(
        _PORT, "A request arrives twice, as from a proxy that asks again; the second answer is seen."
    ),
    _K.ERROR: KindInfo(_PORT, "The venue refuses a request with the ccxt class `error`; nothing was applied."),
    _K.ERROR_AFTER: KindInfo(_PORT, "The venue does what was asked, and answers with the ccxt class `error`."),
    _K.HTML: KindInfo(_PORT, "HTTP 200 with a web page, as from a gateway; a write was applied or not."),
    _K.EMPTY_OBJECT: KindInfo(_PORT, "HTTP 200 with `{}`; a write was applied or not."),
    _K.EMPTY_BODY: KindInfo(_PORT, "HTTP 200 with nothing in it; a write was applied or not."),
    _K.BAN: KindInfo(_PORT, "Every request is refused with the venue's ban for too many of them."),
    _K.REFUSED: KindInfo(_PORT, "The venue can't be reached, and its streams end."),
    _K.ORDER_INVISIBLE: KindInfo(
        _PORT, "An order exists, and the next `times` queries do not show it; half of them answered no placing either."
    ),
    _K.EMPTY_ACCOUNT: KindInfo(_PORT, "Readings of the account come back in the right form, with nothing in it."),
    _K.STALE_READING: KindInfo(_PORT, "A reading answers as things were `delay_s` ago."),
    _K.CANCEL_FILL_RACE: KindInfo(_PORT, "The next `times` cancels find their order filled."),
    _K.FILL_THEN_DISCONNECT: KindInfo(
        _PORT, "An order of the bot is partly filled, and all streams end before they tell."
    ),
    _K.HIDDEN_FILL: KindInfo(
        _PORT, "The user stream loses a fill, and the list of own trades shows it `delay_s` late."
    ),
    _K.STREAM_DOWN: KindInfo(_PORT, "Streams end; for `seconds` they do not come up again."),
    _K.STREAM_SILENT: KindInfo(_PORT, "A stream stays up and says nothing."),
    _K.FRAMES_DELAYED: KindInfo(_PORT, "What a stream says comes `delay_s` late, in its order."),
    _K.FRAMES_REORDERED: KindInfo(_PORT, "Neighbouring frames of a stream change places."),
    _K.FRAMES_REPEATED: KindInfo(_PORT, "Frames of a stream come twice."),
    _K.SEQUENCE_GAP: KindInfo(_PORT, "A book stream leaves a change out: a hole in its numbers."),
    _K.CHECKSUM_ERROR: KindInfo(_PORT, "A book's checksum does not hold."),
    _K.NO_ACK: KindInfo(_PORT, "Streams end, and what is subscribed anew is never confirmed."),
    _K.VENUE_CLOCK: KindInfo(_CLOCK, "The venue's clock is wrong by `delay_s`."),
    _K.BOT_CLOCK: KindInfo(
        _CLOCK, "The wall clock of the bot jumps by `delay_s`, and jumps back after `seconds`.", _BOT
    ),
    _K.REORDERED: KindInfo(
        _DELIVERY, "Messages between actors overtake each other; those from one sender to one receiver do not.", _BOT
    ),
    _K.SLOW_CONSUMER: KindInfo(_DELIVERY, "An actor handles nothing for `seconds`; its mailbox fills.", _ACTOR),
    _K.ACTOR_CRASH: KindInfo(
        _PROCESS,
        "An actor crashes before it handles a message; with `seconds`, what is sent to it more than `delay_s` later "
        "comes when they are over.",
        _ACTOR,
    ),
    _K.ACTOR_CRASH_INSIDE: KindInfo(
        _PROCESS, "An actor crashes in the middle of a handler, at its n-th send (`times`).", _ACTOR
    ),
    _K.SUPERVISOR_CRASH: KindInfo(_PROCESS, "A supervisor crashes, and with it everything below.", _SUPERVISOR),
    _K.KILL: KindInfo(
        _PROCESS, "The bot's process is killed between two messages, and starts again after `delay_s`.", _BOT
    ),
    _K.POWER_LOSS: KindInfo(
        _PROCESS, "The same, and of what was not synced the disk keeps nothing, a part, or a part with holes.", _BOT
    ),
    _K.LOST_SYNC: KindInfo(_DISK, "The disk says that bytes are durable, and they are not.", _BOT),
    _K.FULL_DISK: KindInfo(
        _DISK,
        "The disk is full; after `seconds` there is room, and `delay_s` later somebody starts the bot anew.",
        _BOT,
    ),
    _K.BROKEN_DISK: KindInfo(
        _DISK, "Every write fails; after `seconds` they work, and `delay_s` later somebody starts the bot anew.", _BOT
    ),
    _K.READ_ONLY: KindInfo(
        _DISK,
        "The disk can only be read; after `seconds` it is well, and `delay_s` later somebody starts the bot anew.",
        _BOT,
    ),
}

ALL: tuple[FaultKind, ...] = tuple(KINDS)


class FaultError(ValueError):
    """A text names no kind of fault."""


def read_kind(name: str) -> FaultKind:
    """A kind by its name.

    Raises:
        FaultError: there is none of that name; the text says which is the nearest.
    """
    try:
        return FaultKind(name)
    except ValueError:
        near = difflib.get_close_matches(name, list(FaultKind), 1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(FaultKind)}"
        raise FaultError(f"no kind of fault is called {name!r}{hint}") from None


def read_kinds(names: Iterable[str]) -> tuple[FaultKind, ...]:
    """A choice of kinds as people write it: names, or all but those that a minus stands before.

    Names of sites (`port`, `disk`) stand for all of their kinds. The order is that of `KINDS`.

    Raises:
        FaultError: a name is none, or the choice leaves nothing.
    """
    wanted: set[FaultKind] = set()
    unwanted: set[FaultKind] = set()
    given = [name.strip() for name in names if name.strip()]
    for name in given:
        bare = name.removeprefix("-")
        kinds = [kind for kind, info in KINDS.items() if info.site == bare] or [read_kind(bare)]
        (unwanted if name != bare else wanted).update(kinds)
    if not wanted:
        wanted = set(ALL)
    left = tuple(kind for kind in ALL if kind in wanted - unwanted)
    if not left:
        raise FaultError(f"{','.join(given)!r} leaves no kind of fault")
    return left


def fault_text(fault: Fault) -> str:
    """One fault in one line, for people."""
    said = [f"{fault.at_s:.3f} s", str(fault.kind)]
    if fault.target:
        said.append(f"on {fault.target}")
    if fault.requests != "all":
        said.append(f"requests {fault.requests}")
    if fault.stream != "*":
        said.append(f"stream {fault.stream}")
    if fault.error:
        said.append(f"error {fault.error}")
    if fault.seconds:
        said.append(f"for {fault.seconds:g} s")
    elif fault.times != 1:
        said.append(f"{fault.times} times")
    if fault.delay_s:
        said.append(f"delay {fault.delay_s:g} s")
    if fault.steps:
        said.append(f"after {fault.steps} messages")
    return " ".join(said)
