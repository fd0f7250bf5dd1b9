"""What the swarm draws for each kind of fault: which requests and streams, how long, how often, how late.

Data and nothing else; `swarm.py` reads it.
"""

from __future__ import annotations

from typing import NamedTuple

from ganglion.simulation.faults.fault import FaultKind, Requests


class Span(NamedTuple):
    """A range to draw from, ends included."""

    low: float
    high: float


class Ranges(NamedTuple):
    """What is drawn for one kind; what is None or empty stays as `Fault` has it."""

    requests: tuple[Requests, ...] = ()
    streams: tuple[str, ...] = ()
    seconds: Span | None = None
    """Where `times` is given too, each fault has one of the two."""
    times: Span | None = None
    delay_s: Span | None = None
    steps: Span | None = None
    apart_s: float = 0.0
    """Two of a kind are at least that far apart, for what a bot needs time to come back from."""


WRITES: tuple[Requests, ...] = ("place", "place", "cancel", "all")
"""Twice: what matters most is drawn most."""
ANY: tuple[Requests, ...] = ("place", "place", "cancel", "query", "market", "all")
ERRORS_OF: tuple[Requests, ...] = ("place", "cancel", "query", "market")
READINGS: tuple[Requests, ...] = ("query",)
STREAMS = ("*", "book", "trades", "orders", "my_trades", "balance")
FRAMES = STREAMS[1:]
LASTS, BRIEFLY = Span(2, 60), Span(1, 15)
FEW, ONCE = Span(1, 3), Span(1, 1)
UNSEEN = Span(1, 40)
"""A look-up asks three times, and there are up to eight: some orders are unseen for long enough to be taken for not
placed."""
LATE, DOWN = Span(0.1, 20), Span(0.1, 30)
SKEW, SKEWED = Span(-30, 30), Span(10, 300)
CRASH_STEPS = Span(0, 300)
RARELY_S = 540.0
"""Apart: with the rate of the swarm, kinds that stop the whole bot come to about two in ten minutes together."""

_K = FaultKind

RANGES: dict[FaultKind, Ranges] = {
    _K.REQUEST_LOST: Ranges(requests=ANY, seconds=LASTS, times=FEW),
    _K.REPLY_LOST: Ranges(requests=ANY, seconds=LASTS, times=FEW),
    _K.REQUEST_DELAYED: Ranges(requests=ANY, seconds=LASTS, times=FEW, delay_s=LATE),
    _K.REPLY_DELAYED: Ranges(requests=ANY, seconds=LASTS, times=FEW, delay_s=LATE),
    _K.DUPLICATED: Ranges(requests=WRITES, seconds=BRIEFLY, times=FEW),
    _K.ERROR: Ranges(requests=ERRORS_OF, seconds=LASTS, times=FEW),
    _K.ERROR_AFTER: Ranges(requests=("place", "place", "cancel"), seconds=LASTS, times=FEW),
    _K.HTML: Ranges(requests=ANY, seconds=LASTS, times=FEW),
    _K.EMPTY_OBJECT: Ranges(requests=ANY, seconds=LASTS, times=FEW),
    _K.EMPTY_BODY: Ranges(requests=ANY, seconds=LASTS, times=FEW),
    _K.BAN: Ranges(seconds=Span(2, 120), apart_s=60),
    _K.REFUSED: Ranges(seconds=LASTS),
    _K.ORDER_INVISIBLE: Ranges(requests=READINGS, times=UNSEEN),
    _K.EMPTY_ACCOUNT: Ranges(requests=READINGS, times=FEW),
    _K.STALE_READING: Ranges(requests=READINGS, times=FEW, delay_s=Span(0.5, 10)),
    _K.CANCEL_FILL_RACE: Ranges(times=FEW),
    _K.FILL_THEN_DISCONNECT: Ranges(times=ONCE),
    _K.HIDDEN_FILL: Ranges(times=FEW, delay_s=LATE),
    _K.STREAM_DOWN: Ranges(streams=STREAMS, seconds=Span(0.5, 60)),
    _K.STREAM_SILENT: Ranges(streams=STREAMS, seconds=LASTS),
    _K.FRAMES_DELAYED: Ranges(streams=FRAMES, seconds=LASTS, delay_s=Span(0.1, 10)),
    _K.FRAMES_REORDERED: Ranges(streams=FRAMES, seconds=LASTS),
    _K.FRAMES_REPEATED: Ranges(streams=FRAMES, seconds=LASTS),
    _K.SEQUENCE_GAP: Ranges(streams=("book",), times=FEW),
    _K.CHECKSUM_ERROR: Ranges(streams=("book",), times=FEW),
    _K.NO_ACK: Ranges(streams=STREAMS, seconds=Span(30, 300)),
    _K.VENUE_CLOCK: Ranges(seconds=SKEWED, delay_s=SKEW),
    _K.BOT_CLOCK: Ranges(seconds=SKEWED, delay_s=SKEW),
    _K.REORDERED: Ranges(seconds=Span(5, 120)),
    _K.SLOW_CONSUMER: Ranges(seconds=Span(1, 60)),
    _K.ACTOR_CRASH: Ranges(steps=CRASH_STEPS, seconds=Span(0.2, 10), delay_s=Span(0.001, 0.1)),
    _K.ACTOR_CRASH_INSIDE: Ranges(times=FEW, steps=CRASH_STEPS),
    _K.SUPERVISOR_CRASH: Ranges(steps=CRASH_STEPS, apart_s=60),
    _K.KILL: Ranges(delay_s=DOWN, steps=CRASH_STEPS, apart_s=RARELY_S),
    _K.POWER_LOSS: Ranges(delay_s=DOWN, steps=CRASH_STEPS, apart_s=RARELY_S),
    _K.LOST_SYNC: Ranges(seconds=LASTS),
    _K.FULL_DISK: Ranges(seconds=LASTS, delay_s=DOWN, apart_s=RARELY_S),
    _K.BROKEN_DISK: Ranges(seconds=LASTS, delay_s=DOWN, apart_s=RARELY_S),
    _K.READ_ONLY: Ranges(seconds=LASTS, delay_s=DOWN, apart_s=RARELY_S),
}
