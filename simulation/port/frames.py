"""What faults do to the frames of a port's streams on their way: late, lost, twice, in the wrong order.

Called by `streams.py`, and only while a fault is on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from ganglion.messages.market import Ticker, TradeTick
from ganglion.messages.venue import StreamUp
from ganglion.simulation.faults.fault import FaultKind
from ganglion.simulation.port.frame import Frame

if TYPE_CHECKING:
    from ganglion.simulation.port.streams import Batch, Live, Streams, Told


def spoil(streams: Streams, batch: Batch) -> tuple[Batch, float]:
    """What is left of a batch, in its new order, and how much later it arrives."""
    faults, late_s = streams.exchange.faults, 0.0
    left: Batch = []
    for live, message in batch:
        if isinstance(message, StreamUp):
            left.append((live, message))
            continue
        left.extend((live, spoiled) for spoiled in _spoiled(streams, live, message))
        delayed = faults.take(FaultKind.FRAMES_DELAYED, stream=live.stream)
        if delayed is not None:
            late_s = max(late_s, delayed.delay_s)
    return left, late_s


def stamped(batch: Batch, arrives_s: float) -> Batch:
    """The same with another time of arrival."""
    return [
        (live, structs.replace(message, received_s=arrives_s) if isinstance(message, TradeTick | Ticker) else message)
        for live, message in batch
    ]


def _spoiled(streams: Streams, live: Live, message: Told) -> list[Told]:
    """What becomes of one frame: nothing, itself, or more than one."""
    faults, stream = streams.exchange.faults, live.stream
    frame = message if isinstance(message, Frame) else None
    if frame is not None and frame.whole:
        live.behind = False
    if faults.take(FaultKind.STREAM_SILENT, stream=stream):
        live.behind = live.behind or frame is not None
        return []
    if live.behind or (frame is not None and faults.take(FaultKind.CHECKSUM_ERROR, stream=stream)):
        streams.broken(live)
        return []
    if frame is not None:
        return _spoiled_book(streams, live, frame)
    if live.held is None and faults.take(FaultKind.FRAMES_REORDERED, stream=stream):
        live.held = message
        return []
    if live.held is not None:
        held, live.held = live.held, None
        return [message, held]
    if faults.take(FaultKind.FRAMES_REPEATED, stream=stream):
        return [message, message]
    return [message]


def _spoiled_book(streams: Streams, live: Live, frame: Frame) -> list[Told]:
    """The same for a frame of a book; the first, whole one is only told twice."""
    faults, stream = streams.exchange.faults, live.stream
    if not frame.whole:
        if faults.take(FaultKind.SEQUENCE_GAP, stream=stream):
            return [frame._replace(lost=True)]
        if faults.take(FaultKind.FRAMES_REORDERED, stream=stream):
            # venues number their frames or sum up their books: the adapter notices the first that comes too early
            streams.broken(live)
            return []
    if faults.take(FaultKind.FRAMES_REPEATED, stream=stream):
        return [frame._replace(twice=True)]
    return [frame]
