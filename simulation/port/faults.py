"""The faults that are on at one simulated exchange: which strike a request or a frame, and when they are over.

`SimulatedExchange.begin` hands them in; `requests.py` and `frames.py` ask at each place where something can go wrong,
and only while `on`. Which fault strikes is decided by its own fields; what is drawn comes from the world's choices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganglion.messages.venue import (
    CancelAllAfter,
    CancelAtVenue,
    CreateOrder,
    FetchBook,
    FetchCandles,
    FetchMarkets,
    FetchTime,
    FetchTrades,
    Stream,
    StreamKind,
    VenueRequest,
)
from ganglion.simulation.faults.fault import Fault, FaultKind
from ganglion.simulation.world.timeline import Timer

if TYPE_CHECKING:
    from ganglion.simulation.port.exchange import SimulatedExchange

K = FaultKind
GROUPS: dict[type, str] = {
    CreateOrder: "place",
    CancelAtVenue: "cancel",
    CancelAllAfter: "cancel",
    FetchMarkets: "market",
    FetchTime: "market",
    FetchBook: "market",
    FetchCandles: "market",
    FetchTrades: "market",
}
"""What a request is for; all others read the account: `query`."""
LASTING = frozenset({K.BAN, K.REFUSED, K.VENUE_CLOCK})
"""They are states of the venue and not counted: without `seconds` they last for `LEAST_S`."""
LEAST_S = 1.0
RESET = "Connection closed by remote server, closing code 1006"


@dataclass(slots=True, eq=False)
class Active:
    """A fault that is on."""

    fault: Fault
    left: int | None
    """How often it may strike yet; None: it is over by time."""
    until_s: float
    order: tuple[str, int] | None = None
    """`order_invisible`: the order that is not shown."""
    silent: bool = False
    """Its placing was not answered either."""
    timer: Timer | None = None

    @property
    def delay_s(self) -> float:
        """Of the fault."""
        return self.fault.delay_s


class PortFaults:
    """What is on at one exchange."""

    def __init__(self, exchange: SimulatedExchange, sometimes: Callable[[str], None]) -> None:
        self.exchange = exchange
        self.on = False
        """Something may strike: the fast path asks this and nothing else."""
        self.over_s = 0.0
        """When the last one ended."""
        self._sometimes = sometimes
        self._active: list[Active] = []

    # -------------------------------------------------------------- begin and end

    def begin(self, fault: Fault) -> None:
        """Switch a fault on; it ends by itself."""
        seconds = fault.seconds or (LEAST_S if fault.kind in LASTING else 0.0)
        timeline = self.exchange.timeline
        active = Active(fault, None if seconds else fault.times, timeline.now_s + seconds if seconds else float("inf"))
        self._active.append(active)
        self.on = True
        if seconds:
            active.timer = timeline.call_at(active.until_s, lambda: self._end(active))
        match fault.kind:
            case K.VENUE_CLOCK:
                self.exchange.skew(fault.delay_s)
                self.struck(active)
            case K.REFUSED:
                self.exchange.sever(lambda _stream: True, RESET)
                self.struck(active)
            case K.NO_ACK:
                # Only what is subscribed anew can go without a confirmation.
                self.exchange.sever(lambda stream: _of(fault, stream), RESET)
            case K.STREAM_DOWN:
                if self.exchange.sever(lambda stream: _of(fault, stream), RESET):
                    self.struck(active)
            case K.FILL_THEN_DISCONNECT:
                self.look()

    def heal(self) -> None:
        """End all of them."""
        for active in list(self._active):
            self._end(active)

    def _end(self, active: Active) -> None:
        if active not in self._active:
            return
        self._active.remove(active)
        if active.timer is not None:
            active.timer.cancel()
        self.on = bool(self._active)
        self.over_s = self.exchange.timeline.now_s
        if active.fault.kind is K.VENUE_CLOCK:
            others = [other.fault.delay_s for other in self._active if other.fault.kind is K.VENUE_CLOCK]
            self.exchange.skew(others[-1] if others else 0.0)
        if active.fault.kind is K.STREAM_SILENT or not self.on:
            self.exchange.mend(heal=False)

    # -------------------------------------------------------------- striking

    def find(
        self, kind: FaultKind, *, request: VenueRequest | None = None, stream: Stream | None = None
    ) -> Active | None:
        """A fault of a kind that may strike this request or stream now."""
        for active in self._active:
            fault = active.fault
            if fault.kind is not kind:
                continue
            if request is not None and fault.requests not in {"all", GROUPS.get(type(request), "query")}:
                continue
            if stream is not None and not _of(fault, stream):
                continue
            return active
        return None

    def struck(self, active: Active) -> None:
        """It did what it does: counted, and maybe over."""
        self._sometimes(f"fault:{active.fault.kind}")
        if active.left is not None:
            active.left -= 1
            if active.left <= 0:
                self._end(active)

    def take(
        self, kind: FaultKind, *, request: VenueRequest | None = None, stream: Stream | None = None
    ) -> Active | None:
        """Let a fault of a kind strike, if one is on."""
        active = self.find(kind, request=request, stream=stream)
        if active is not None:
            self.struck(active)
        return active

    def hide(self, symbol: str, number: int) -> bool:
        """Whether a new order is one that its venue shows late: not told by the stream, nor by the answer to it."""
        active = self.find(K.ORDER_INVISIBLE)
        if active is None or active.order is not None or self.exchange.fate("unseen", 2):
            return False
        active.order, active.silent = (symbol, number), True
        return True

    def hidden(self, symbol: str, client_id: str) -> bool:
        """Whether the answer to the placing of this order is withheld too."""
        order = self.exchange.account.by_client_id.get((symbol, client_id))
        return order is not None and any(
            active.silent and active.order == (order.symbol, order.id) for active in self._active
        )

    def unreachable(self, stream: Stream) -> bool:
        """Whether a stream cannot be connected now."""
        return self.find(K.REFUSED) is not None or self._down(stream)

    def _down(self, stream: Stream) -> bool:
        active = self.find(K.STREAM_DOWN, stream=stream)
        return active is not None and active.left is None

    def look(self) -> None:
        """Once a tick: what waits for an order of the bot's."""
        active = self.find(K.FILL_THEN_DISCONNECT)
        if active is not None and self.exchange.fill_part():
            self.exchange.sever(lambda _stream: True, RESET)
            self.struck(active)


def _of(fault: Fault, stream: Stream) -> bool:
    return fault.stream in {"*", StreamKind(stream.kind).value}
