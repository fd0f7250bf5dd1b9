"""One request on its way to a simulated exchange and back: latency, turns, timeouts, and what faults do to it.

Called by `port.py`. A request is applied when it arrives, which may be after its asker is dead; it is answered once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ganglion.actors.exchange.venue import ReplyTo, failed_reply, operation_of
from ganglion.messages.orders import Phase
from ganglion.messages.venue import (
    CancelAllAfter,
    CancelAtVenue,
    CreateOrder,
    FetchBalance,
    FetchMyTrades,
    FetchOpenOrders,
    FetchOrder,
    FetchRecentOrders,
    FetchTime,
    TimeFetched,
    VenueReply,
    VenueRequest,
)
from ganglion.simulation.faults.fault import FaultKind
from ganglion.simulation.port.answers import PLAIN, View
from ganglion.simulation.port.failures import RefusedError, failure
from ganglion.simulation.port.faults import GROUPS

if TYPE_CHECKING:
    from ganglion.simulation.port.port import SimulatedVenue
    from ganglion.simulation.world.timeline import Timer

K = FaultKind
WRITES = (CreateOrder, CancelAtVenue, CancelAllAfter)
READINGS = (FetchBalance, FetchOpenOrders, FetchOrder, FetchRecentOrders, FetchMyTrades)
HOLDS_S = 5.0
"""What a gateway holds longer than that, its client gives up by itself."""
MOST_WAIT_S = 2.0
"""As the real adapter: after so long without an answer the next numbered request goes all the same."""
NO_BODY = {K.HTML: "html instead of JSON", K.EMPTY_OBJECT: "an empty object", K.EMPTY_BODY: "nothing"}
BY_GATEWAY = frozenset({"RateLimitExceeded", "DDoSProtection"})
AHEAD_MS = 1_000
"""How far ahead of the venue's clock a signature may be."""


class Flight:
    """One request under way."""

    __slots__ = ("answered", "key", "number", "repeated", "reply_to", "request", "sent_s", "signed_ms")

    def __init__(self, request: VenueRequest, reply_to: ReplyTo, key: int) -> None:
        self.key = key
        self.request = request
        self.reply_to = reply_to
        self.answered = False
        self.repeated = False
        """The HTTP client has asked again already."""
        self.number = 0
        self.sent_s = 0.0
        self.signed_ms = 0


class Requests:
    """All requests of one port."""

    def __init__(self, port: SimulatedVenue) -> None:
        self.port = port
        self.exchange = port.exchange
        self.under_way: dict[int, Flight] = {}
        """By our own count."""
        self._taken = 0
        self.difference_ms = 0
        """How far our clock is ahead of the venue's, as last read for signing."""
        self._turns: deque[Flight] = deque()
        self._turn: Flight | None = None
        self._turn_timer: Timer | None = None

    def take(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """Send a request, or say at once why not."""
        self._taken += 1
        flight = self.under_way[self._taken] = Flight(request, reply_to, self._taken)
        refusal = self.exchange.answers.local_refusal(request)
        if refusal is not None:
            self.exchange.timeline.call_later(0.0, lambda: self._fail(flight, refusal, cost=0.0))
        elif self.exchange.profile.numbered and GROUPS.get(type(request)) != "market":
            self._turns.append(flight)
            self._next_turn()
        else:
            self._leave(flight)

    def close(self) -> None:
        """The client is closed: readings end, writes under way are still answered."""
        for flight in list(self.under_way.values()):
            if not isinstance(flight.request, WRITES):
                text = "the connection was closed while this was under way"
                self._fail(flight, RefusedError("ExchangeClosedByUser", text, Phase.MAYBE_SENT))

    # -------------------------------------------------------------- turns

    def _next_turn(self) -> None:
        if self._turn is not None or not self._turns or self.port.over:
            return
        flight = self._turn = self._turns.popleft()
        self._turn_timer = self.exchange.timeline.call_later(MOST_WAIT_S, lambda: self._end_turn(flight))
        if flight.answered:
            self._end_turn(flight)
        else:
            self._leave(flight)

    def _end_turn(self, flight: Flight) -> None:
        if self._turn is flight:
            self._turn = None
            if self._turn_timer is not None:
                self._turn_timer.cancel()
            self._next_turn()

    # -------------------------------------------------------------- out

    def _leave(self, flight: Flight) -> None:
        exchange = self.exchange
        flight.sent_s = exchange.timeline.now_s
        flight.signed_ms = exchange.client_ms() - self.difference_ms
        flight.number = exchange.next_number()
        delay_s = exchange.latency_s()
        if exchange.faults.on:
            faults, request = exchange.faults, flight.request
            if faults.take(K.REFUSED, request=request):
                text = f"{exchange.profile.id}: Cannot connect to host: connection refused"
                refusal = RefusedError("ExchangeNotAvailable", text, Phase.BEFORE_SEND)
                exchange.timeline.call_later(delay_s, lambda: self._fail(flight, refusal))
                return
            delayed = faults.take(K.REQUEST_DELAYED, request=request)
            if delayed is not None:
                delay_s += delayed.delay_s
                if isinstance(request, WRITES) and delay_s < HOLDS_S and exchange.fate("dropped", 2):
                    # A gateway has let go of its client, and sends on what it holds all the same.
                    exchange.timeline.call_later(exchange.latency_s(), lambda: self._reset(flight))
            if faults.take(K.REQUEST_LOST, request=request):
                self._lose(flight)
                return
        if delay_s > exchange.settings.timeout_s:
            self._time_out_later(flight)
        exchange.timeline.call_later(delay_s, lambda: self._arrive(flight))

    def _lose(self, flight: Flight) -> None:
        """Nobody answers, or the connection is reset."""
        if self.exchange.fate("lost", 2):
            self._time_out_later(flight)
        else:
            self.exchange.timeline.call_later(self.exchange.latency_s(), lambda: self._reset(flight))

    def _reset(self, flight: Flight) -> None:
        if type(flight.request) in self.exchange.profile.asks_again and not flight.repeated and not self.port.over:
            flight.repeated = True
            self._leave(flight)
            return
        text = f"{self.exchange.profile.id} {type(flight.request).__name__}: connection reset by peer"
        self._fail(flight, RefusedError("ExchangeNotAvailable", text, Phase.MAYBE_SENT))

    def _time_out_later(self, flight: Flight) -> None:
        text = f"{self.exchange.profile.id} {type(flight.request).__name__}: it did not answer in time"
        refusal = RefusedError("RequestTimeout", text, Phase.MAYBE_SENT)
        when_s = flight.sent_s + self.exchange.settings.timeout_s
        self.exchange.timeline.call_at(when_s, lambda: self._fail(flight, refusal))

    # -------------------------------------------------------------- there

    def _arrive(self, flight: Flight) -> None:
        exchange = self.exchange
        if not exchange.faults.on:
            self._return(flight, self._applied(flight, PLAIN), exchange.latency_s())
        else:
            reply = self._struck(flight)
            if reply is None:
                reply = self._applied(flight, self._view(flight.request))
                reply = self._after(flight, reply)
            self._back(flight, reply)
        exchange.flush_private()

    def _applied(self, flight: Flight, view: View) -> VenueReply:
        """The venue does what was asked."""
        exchange, request = self.exchange, flight.request
        try:
            self._check_signature(flight)
            return exchange.answers.answer(request, self.port.streams, view)
        except RefusedError as refusal:
            return self._failed(request, refusal)

    def _check_signature(self, flight: Flight) -> None:
        exchange, request = self.exchange, flight.request
        if GROUPS.get(type(request)) == "market":
            return
        profile, venue_ms = exchange.profile, exchange.core.now_ms()
        if profile.numbered and not exchange.number_rises(flight.number):
            raise RefusedError("InvalidNonce", f'{profile.id} {{"error":["EAPI:Invalid nonce"]}}')
        if profile.window_ms is not None:
            window_ms = profile.window_ms[not isinstance(request, CreateOrder)]
            if flight.signed_ms > venue_ms + AHEAD_MS:
                text = "Timestamp for this request was 1000ms ahead of the server's time."
                raise RefusedError("InvalidNonce", f'{profile.id} {{"code":-1021,"msg":"{text}"}}')
            if venue_ms - flight.signed_ms > window_ms:
                text = "Timestamp for this request is outside of the recvWindow."
                raise RefusedError("InvalidNonce", f'{profile.id} {{"code":-1021,"msg":"{text}"}}')
        elif isinstance(request, CreateOrder) and request.expires_ms is not None and venue_ms > request.expires_ms:
            raise RefusedError("OperationRejected", f'{profile.id} {{"error":["EService:Deadline elapsed"]}}')

    # -------------------------------------------------------------- faults there

    def _struck(self, flight: Flight) -> VenueReply | None:
        """The reply where a fault stands before, or between, the venue and the request; None where none does."""
        exchange, request = self.exchange, flight.request
        faults, profile = exchange.faults, exchange.profile
        ban = faults.take(K.BAN, request=request)
        if ban is not None:
            left_s = max(1.0, float(-int(-(ban.until_s - exchange.timeline.now_s) // 1)))
            error, text, says = profile.ban_says
            why = failure(error, f"{profile.id} {text}", operation_of(request), retry_after_s=left_s if says else None)
            return failed_reply(request, exchange.answers.cost_of(request), why)
        refused = faults.take(K.ERROR, request=request)
        if refused is not None:
            return self._failed(request, self._said(refused.fault.error))
        for kind, what in NO_BODY.items():
            if faults.take(kind, request=request):
                if isinstance(request, WRITES) and exchange.fate("gateway", 2):
                    self._applied(flight, PLAIN)
                text = f"{profile.id} {type(request).__name__} answered 200 with {what}"
                return self._failed(request, RefusedError("BadResponse", text))
        if isinstance(request, CancelAtVenue):
            order = exchange.answers.wanted(request)
            race = faults.find(K.CANCEL_FILL_RACE, request=None)
            if order is not None and race is not None and exchange.fill(order, order.remaining):
                faults.struck(race)
        if faults.take(K.DUPLICATED, request=request):
            first = self._applied(flight, PLAIN)
            if isinstance(request, CreateOrder) and request.client_id not in exchange.account.open_client_ids:
                # Filled at once: the copy would be a second order, because ids are unique among open orders only.
                # Against that no bot can do anything.
                return first
        return None

    def _said(self, error: str) -> RefusedError:
        name = error or "ExchangeError"
        return RefusedError(name, f"{self.exchange.profile.id} refuses it: {name}")

    def _view(self, request: VenueRequest) -> View:
        """How a reading is bent."""
        exchange = self.exchange
        faults, account = exchange.faults, exchange.account
        if not isinstance(request, READINGS):
            return PLAIN
        if faults.take(K.EMPTY_ACCOUNT, request=request):
            return View(empty=True)
        stale = faults.take(K.STALE_READING, request=request)
        if stale is not None:
            return View(at_ms=exchange.core.now_ms() - int(abs(stale.delay_s) * 1000))
        unseen = faults.find(K.ORDER_INVISIBLE, request=request)
        if unseen is None or isinstance(request, FetchBalance | FetchMyTrades):
            return PLAIN
        key = unseen.order
        if isinstance(request, FetchOrder):
            # From then on it is the one that somebody looks for; before, the newest.
            wanted = exchange.answers.found(request)
            if wanted is not None and key is None:
                key = unseen.order = (wanted.symbol, wanted.id)
            if wanted is None or key != (wanted.symbol, wanted.id):
                return PLAIN
        elif key is None:
            key = next(reversed(account.orders), None)
        if key is None or key[0] != request.symbol:
            return PLAIN
        faults.struck(unseen)
        return View(hidden=key)

    def _after(self, flight: Flight, reply: VenueReply) -> VenueReply:
        faults, request = self.exchange.faults, flight.request
        if isinstance(request, CreateOrder) and faults.hidden(request.symbol, request.client_id):
            return self._failed(request, RefusedError("RequestTimeout", f"{self.exchange.profile.id} status unknown"))
        wrong = faults.find(K.ERROR_AFTER, request=request)
        if wrong is None or (isinstance(request, CreateOrder) and self._proves(wrong.fault.error)):
            return reply
        faults.struck(wrong)
        return self._failed(request, self._said(wrong.fault.error))

    def _proves(self, error: str) -> bool:
        """Whether this venue says so only of what it did not look at: after an order was taken it would be a lie."""
        return error in BY_GATEWAY and self.exchange.profile.capabilities().gateway_refuses_rate_limits

    def _back(self, flight: Flight, reply: VenueReply) -> None:
        exchange, faults = self.exchange, self.exchange.faults
        latency_s = exchange.latency_s()
        if faults.take(K.REPLY_LOST, request=flight.request):
            if exchange.fate("torn", 3) == 0:
                text = f"{exchange.profile.id} {type(flight.request).__name__}: Response payload is not completed"
                torn = RefusedError("NetworkError", text, Phase.MAYBE_SENT)
                exchange.timeline.call_later(latency_s, lambda: self._fail(flight, torn))
            else:
                self._lose(flight)
            return
        late = faults.take(K.REPLY_DELAYED, request=flight.request)
        self._return(flight, reply, latency_s + (0.0 if late is None else late.delay_s))

    # -------------------------------------------------------------- back

    def _return(self, flight: Flight, reply: VenueReply, latency_s: float) -> None:
        timeline = self.exchange.timeline
        if timeline.now_s + latency_s > flight.sent_s + self.exchange.settings.timeout_s:
            self._time_out_later(flight)
        timeline.call_later(latency_s, lambda: self._answer(flight, reply))

    def _answer(self, flight: Flight, reply: VenueReply) -> None:
        if flight.answered:
            return
        flight.answered = True
        self.under_way.pop(flight.key, None)
        request = flight.request
        if isinstance(request, FetchTime) and request.resync and isinstance(reply, TimeFetched):
            self.difference_ms = self.exchange.client_ms() - reply.venue_ms
        self.port.reply(flight.reply_to, reply)
        self._end_turn(flight)

    def _fail(self, flight: Flight, refusal: RefusedError, cost: float | None = None) -> None:
        if not flight.answered:
            self._answer(flight, self._failed(flight.request, refusal, cost))

    def _failed(self, request: VenueRequest, refusal: RefusedError, cost: float | None = None) -> VenueReply:
        why = failure(refusal.error, refusal.text, operation_of(request), refusal.phase)
        return failed_reply(request, self.exchange.answers.cost_of(request) if cost is None else cost, why)
