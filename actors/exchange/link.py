"""The life of one arm's connection: load, prove the key, watch, go Live, lose it, probe, come back.

Called by actor.py in its turns. It moves the state machine of connection.py, opens epochs and tells both;
expected network loss passes through here and restarts nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

import msgspec

from ganglion.actors.exchange.account import Account
from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.budget import Priority
from ganglion.actors.exchange.connection import ReconnectBackoff
from ganglion.actors.exchange.directives import row_of
from ganglion.actors.exchange.market_data import MarketData
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, EpochOpened, Failure
from ganglion.messages.values import Symbol
from ganglion.messages.venue import (
    PRIVATE_STREAMS,
    CloseVenue,
    DropClient,
    FetchBalance,
    FetchBook,
    FetchMarkets,
    FetchTime,
    MarketsFetched,
    Stream,
    StreamKind,
    TimeFetched,
    Unwatch,
    VenueReply,
    VenueRequest,
    Watch,
)

S = ConnectionState
RELOAD_RETRIES = 3
DOUBT_S = 3600.0
"""A market that is refused again within it, although the venue lists it, is parked."""
REWATCH_CAP_S = 30.0
"""Longest pause between two tries to have a user stream that is polled meanwhile."""
LOSSY_S = 600.0
"""A user stream that lost events twice within it is not believed until it speaks."""


class Link:
    """One arm's connection."""

    def __init__(self, arm: Arm, market_data: MarketData, account: Account, incarnation: int) -> None:
        self.arm = arm
        self.market_data = market_data
        self.account = account
        self.backoff = ReconnectBackoff()
        self._incarnation = incarnation
        self._epochs = 0
        self._reason = "start" if incarnation == 1 else "restart"
        self.user = account.user
        self.user.ended = lambda: self.open_epoch("the user stream is back")
        self.live: Callable[[], None] = lambda: None
        """Called each time when it has gone Live."""
        self.probed: Callable[[], None] = lambda: None
        """Called when the venue answered after a loss."""
        self.epoch_told: Callable[[], None] = lambda: None
        """Called after each new epoch was told."""
        self._private_up: set[Stream] = set()
        self._private_lost: tuple[float, str] | None = None
        """Since when the user streams are not all up although the venue answers, and why."""
        self._rewatches: dict[Stream, ReconnectBackoff] = {}
        self._lossy_s: float | None = None
        self._probing = False
        self._quiet = False
        self._doubted_s: dict[Symbol, float] = {}

    # -------------------------------------------------------------- start and end

    def start(self) -> None:
        """Begin to connect."""
        self.move(S.CONNECTING, self._reason)
        self.load()

    def let_go(self, reason: str, *, alone: bool) -> None:
        """End it for this incarnation; not `alone`, its neighbours were stopped before it and hear nothing."""
        self._quiet = not alone
        self.move(S.DRAINING, reason)
        self.arm.stopped = self.arm.stopped or reason
        if alone:
            self.account.forget()
            self.arm.sender.abandon(f"the exchange actor went: {reason}")
        self.arm.sender.order(CloseVenue)
        self.move(S.DOWN, reason)
        for symbol in self.arm.settings.symbols if alone else ():
            self.market_data.invalidate(symbol, f"disconnected: {reason}")

    def stop(self, reason: str) -> None:
        """Rest until an operator resumes it: no streams, no probes; cancels and queries are still sent."""
        if self.arm.stopped:
            return  # the first cause is kept
        self.arm.stopped = reason
        self.arm.log.error("venue stopped", reason=reason)
        self.move(S.DOWN, f"stopped until an operator resumes it: {reason}")
        self.account.forget()
        for symbol in self.arm.settings.symbols:
            self.market_data.stop(symbol)
            self.market_data.invalidate(symbol, f"disconnected: {reason}")
        for stream in self._private():
            self._unwatch(stream)
        self.arm.sender.refuse_waiting()

    # -------------------------------------------------------------- loading

    def load(self) -> None:
        """Load markets, again and again until they come."""

        def done(reply: VenueReply) -> None:
            if isinstance(reply, MarketsFetched):
                self._loaded(reply)

        def make(number: int) -> FetchMarkets:
            return FetchMarkets(number, self.arm.settings.symbols)

        self.arm.fetch(make, Priority.QUERY, done, self._load_failed)

    def _load_failed(self, failure: Failure) -> None:
        self._try_again("load", f"{failure.error}: {failure.text}")

    def _loaded(self, reply: MarketsFetched) -> None:
        arm = self.arm
        arm.capabilities = reply.capabilities
        arm.sender.limits(reply.capabilities.units_per_s, reply.capabilities.burst)
        arm.markets = {market.symbol: market for market in reply.markets}
        for symbol in arm.settings.symbols:
            if symbol not in arm.markets:
                self.park(symbol, unknown_symbol(arm.name, symbol, reply.known))
        if arm.capabilities.fetch_time:
            self.read_clock(resync=False)
        if arm.capabilities.private:
            self._prove_key()
        else:
            self._sync("markets loaded")

    def _prove_key(self) -> None:
        """Read something private before any user stream: there a wrong key has many faces, here it has one."""

        def done(_reply: VenueReply) -> None:
            self._sync("markets loaded, the key is good")
            if self.arm.offers(StreamKind.ORDERS):
                arm.host.wake("poll", arm.settings.account_poll_s)
            else:
                self._poll_user("the venue has none")

        arm = self.arm
        arm.fetch(FetchBalance, Priority.QUERY, done, self._load_failed)

    def poll(self) -> None:
        """Check the user stream, or read what it should have told."""
        if not self.user.on:
            self.account.poll()
            self.arm.host.wake("poll", self.arm.settings.account_poll_s)
        elif not self.user.look(reading=self.account.reading is not None):
            self.arm.host.wake("poll", self.arm.settings.user_poll_s)

    def _poll_user(self, why: str, *, silent: bool = False) -> None:
        begins = not self.user.on
        self.user.begin(why, silent=silent)
        self.arm.host.wake("poll", self.arm.settings.user_poll_s)
        if begins and self.arm.live:
            # what the stream would have told since nobody knows when is lost
            self.arm.private_epoch += 1
            self.open_epoch("the user stream is polled")

    def look(self) -> None:
        """Stand in for user streams that cannot be had although the venue answers."""
        arm = self.arm
        if self._private_lost is None or self.user.on or arm.connection.state is not S.SYNCING:
            return
        since_s, why = self._private_lost
        if arm.now_s - since_s >= arm.settings.poll_after_s:
            self._poll_user(f"not up for {arm.now_s - since_s:.0f} s, {why}")
            self.maybe_live()

    def rewatch(self, key: str) -> None:
        """Try again to have a user stream that is polled meanwhile (key as given to `wake`)."""
        stream = Stream(kind=StreamKind(key.partition(":")[2]))
        if stream in self._private() and stream not in self._private_up and not self.arm.stopped:
            self._watch(stream)

    # -------------------------------------------------------------- streams

    def _sync(self, reason: str) -> None:
        """Watch whatever is not up, then see whether that makes it Live."""
        if self.arm.stopped:
            return
        self.move(S.SYNCING, reason)
        if self._private_lost is None and not set(self._private()) <= self._private_up:
            self._private_lost = (self.arm.now_s, "it has not come up")
        for stream in self._private():
            if stream not in self._private_up:
                self._watch(stream)
        self.market_data.start()
        self.look()
        self.maybe_live()

    def came_up(self, stream: Stream) -> None:
        """A private stream is subscribed."""
        self._private_up.add(stream)
        self._rewatch_backoff(stream).came_up(self.arm.now_s)
        if set(self._private()) <= self._private_up:
            self._private_lost = None
            if self.user.on and not self.user.silent and self.arm.offers(StreamKind.ORDERS):
                self.user.end("it is up again")
        self.maybe_live()

    @property
    def streak(self) -> int:
        """How often the private side ended in a row, this time included; streams that end together count once."""
        return max(1, self.backoff.failures + (not self._probing))

    def went_down(self, stream: Stream, reason: str) -> None:
        """A private stream ended: what it would have told since then is lost, unless it is polled."""
        self._private_up.discard(stream)
        since_s, _ = self._private_lost or (self.arm.now_s, "")
        self._private_lost = (since_s, reason)
        if not self.user.on:
            self.arm.private_epoch += 1
            self.lost(reason)
        elif stream in self._private():
            backoff = self._rewatch_backoff(stream)
            backoff.failed(self.arm.now_s)
            self.arm.host.wake(f"private:{stream.kind}", backoff.delay_s(self.arm.dice))

    def _rewatch_backoff(self, stream: Stream) -> ReconnectBackoff:
        return self._rewatches.setdefault(stream, ReconnectBackoff(base_s=1.0, cap_s=REWATCH_CAP_S))

    def venue_down(self, reason: str) -> None:
        """The breaker opened: without a user stream nothing else would show that nobody is heard any more."""
        if self.user.on:
            self.arm.private_epoch += 1
            self.lost(f"venue down: {reason}")

    def public_down(self, reason: str) -> None:
        """A public stream ended; without an account the last one takes being Live with it."""
        if not self.market_data.up and not self.market_data.polling.polled and not self._private():
            self.lost(reason)

    def go_without(self, kind: StreamKind, failure: Failure) -> None:
        """Never want this kind of stream again."""
        caps = self.arm.capabilities
        left = tuple(known for known in caps.streams if known is not kind)
        self.arm.capabilities = msgspec.structs.replace(caps, streams=left)
        self.market_data.go_without(kind)
        if kind is StreamKind.ORDERS and self.arm.capabilities.private:
            self._poll_user(f"{failure.error}: {failure.text}")
        self.arm.log.error("stream not possible here", kind=str(kind), error=failure.error, text=failure.text)

    def park(self, symbol: Symbol, reason: str) -> None:
        """Rest one market until an operator does something."""
        self.arm.parked[symbol] = reason
        self.arm.log.error("symbol parked", symbol=symbol, reason=reason)
        self.market_data.stop(symbol)
        self.market_data.invalidate(symbol, reason)

    def doubt(self, symbol: Symbol, failure: Failure) -> None:
        """A market is refused: look once whether the venue still has it, and park it if not, or if it goes on."""
        arm, reason = self.arm, f"{failure.error}: {failure.text}"
        if symbol in arm.parked or symbol not in arm.settings.symbols:
            return
        last_s = self._doubted_s.get(symbol)
        again = last_s is not None and arm.now_s - last_s < DOUBT_S
        if again or row_of(failure).error != "BadSymbol":
            self.park(symbol, reason)
            return
        self._doubted_s[symbol] = arm.now_s
        arm.log.warning("market refused, reading the markets again", symbol=symbol, reason=reason)

        def done(reply: VenueReply) -> None:
            if isinstance(reply, MarketsFetched):
                self._looked_again(symbol, reason, reply)

        def failed(why: Failure) -> None:
            self._doubted_s.pop(symbol, None)
            arm.log.warning("markets not read again", symbol=symbol, error=why.error, text=why.text)

        def make(number: int) -> FetchMarkets:
            return FetchMarkets(number, arm.settings.symbols, reload=True)

        arm.fetch(make, Priority.POLL, done, failed, RELOAD_RETRIES)

    def _looked_again(self, symbol: Symbol, reason: str, reply: MarketsFetched) -> None:
        self.arm.markets |= {market.symbol: market for market in reply.markets}
        found = [market for market in reply.markets if market.symbol == symbol]
        if not found:
            self.arm.markets.pop(symbol, None)
            self.park(symbol, f"delisted: {unknown_symbol(self.arm.name, symbol, reply.known)} ({reason})")
        elif not found[0].active:
            self.park(symbol, f"delisted: {self.arm.name} lists {symbol} as not traded ({reason})")

    def _watch(self, stream: Stream) -> None:
        self.arm.sender.order(lambda number: Watch(number, stream))

    def _unwatch(self, stream: Stream) -> None:
        self.arm.sender.order(lambda number: Unwatch(number, stream))

    def _private(self) -> list[Stream]:
        offered = [kind for kind in StreamKind if kind in PRIVATE_STREAMS and self.arm.offers(kind)]
        return [Stream(kind=kind) for kind in offered]

    # -------------------------------------------------------------- Live and lost

    def maybe_live(self) -> None:
        """Go Live if every private stream and at least one book is up."""
        if self.arm.connection.state is not S.SYNCING:
            return
        data = self.market_data
        fed = data.up | data.polling.polled.keys()
        books = [stream in fed for stream in data.wanted if stream.kind is StreamKind.BOOK]
        told = self.user.on or set(self._private()) <= self._private_up
        if told and (not books or any(books)):
            self.backoff.came_up(self.arm.now_s)
            reason, self._reason = self._reason, "reconnect"
            self._next_epoch()
            self.move(S.LIVE, reason)
            self._tell_epoch(reason)
            self.live()

    def open_epoch(self, reason: str) -> None:
        """What the account's actors knew may be old. Not Live, an epoch opens by itself later."""
        if self.arm.live:
            self._next_epoch()
            self._tell_epoch(reason)

    def _next_epoch(self) -> None:
        self._epochs += 1
        self.arm.epoch = (self._incarnation << 20) | self._epochs

    def _tell_epoch(self, reason: str) -> None:
        arm = self.arm
        arm.tell_orders(EpochOpened(arm.name, arm.epoch, reason, arm.sequence))
        self.epoch_told()
        arm.sender.refuse_waiting()  # places of the old epoch

    def drop_private(self, reason: str) -> None:
        """The user stream cannot be trusted: drop its client; its end starts the reconnect, the second time polling."""
        now, last_s = self.arm.now_s, self._lossy_s
        self._lossy_s = now
        if last_s is not None and now - last_s < LOSSY_S:
            self._poll_user(f"it is up and loses events: {reason}", silent=True)
        stream = Stream(kind=StreamKind.ORDERS)
        self.arm.sender.order(lambda number: DropClient(number, stream, reason))

    def lost(self, reason: str) -> None:
        """Leave Live (or Syncing) and probe until the venue answers."""
        if self.arm.connection.state in {S.DOWN, S.DRAINING}:
            return
        self.move(S.CONNECTING, reason)
        self.account.forget()
        self.user.forget()
        if not self._probing:
            self._probing = True
            self._try_again("probe", reason)

    def _try_again(self, key: str, reason: str) -> None:
        if self.arm.stopped:
            return
        self.move(S.CONNECTING, reason)
        self.backoff.failed(self.arm.now_s)
        self.arm.host.wake(key, self.backoff.delay_s(self.arm.dice))

    def probe(self) -> None:
        """Ask for something cheap; only when that is answered are streams opened again."""
        caps, symbols = self.arm.capabilities, list(self.arm.markets)

        def make(number: int) -> VenueRequest:
            if caps.fetch_time:
                return FetchTime(number)
            return FetchBook(number, symbols[0], 5) if symbols else FetchMarkets(number, ())

        def done(reply: VenueReply) -> None:
            self._probing = False
            self._take_clock(reply)
            self.probed()
            self._sync("the venue answers")

        def failed(failure: Failure) -> None:
            self._try_again("probe", f"{failure.error}: {failure.text}")

        self.arm.fetch(make, Priority.QUERY, done, failed)

    def read_clock(self, *, resync: bool) -> None:
        """Read the venue's clock; with `resync`, sign with it too."""
        sender = self.arm.sender
        if resync and sender.clock_under_way:
            return
        sender.clock_under_way = sender.clock_under_way or resync

        def failed(failure: Failure) -> None:
            self.arm.log.warning("clock not read", error=failure.error, text=failure.text)
            if resync:
                sender.clock_under_way = False

        def done(reply: VenueReply) -> None:
            self._take_clock(reply)
            if resync:
                sender.clock_under_way = False
                sender.clock_read_s = self.arm.now_s

        self.arm.fetch(lambda number: FetchTime(number, resync), Priority.QUERY, done, failed, 2)

    def _take_clock(self, reply: VenueReply) -> None:
        if isinstance(reply, TimeFetched):
            self.arm.ahead_ms = reply.venue_ms - self.arm.clock.now_ms()

    def move(self, state: ConnectionState, reason: str) -> None:
        """Move the state machine, and tell everybody."""
        arm = self.arm
        known = arm.connection.reason
        if not arm.connection.move(state, reason, arm.now_s):
            if reason != known:
                # Why it still is not there: for people, nobody acts on it.
                arm.log.warning("connection", state=str(state), reason=reason)
                arm.host.publish(ConnectionChanged(arm.name, state, arm.epoch, reason, arm.now_s))
            return
        arm.log.info("connection", state=str(state), reason=reason)
        rests = bool(arm.stopped) and state is S.DOWN
        changed = ConnectionChanged(arm.name, state, arm.epoch, reason, arm.now_s, stopped=rests)
        arm.host.publish(changed)
        if not self._quiet:
            arm.tell_orders(changed)
            for candles in arm.wiring.candles.values():
                candles.tell(changed)


def unknown_symbol(exchange: str, symbol: Symbol, known: tuple[Symbol, ...]) -> str:
    """Say that a venue does not have a symbol, and which it has that look alike."""
    near = difflib.get_close_matches(symbol, known, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"it has {len(known)} others"
    return f"{exchange} has no market {symbol!r}: {hint}"
