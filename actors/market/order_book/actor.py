"""Keeps one market's order book whole and publishes its best prices.

The exchange actor sends it snapshots, deltas and BookInvalid (disconnected); it asks the exchange for a new
snapshot (ResyncBook) and publishes TopOfBook and BookInvalid to modes, portfolio and treasury. It touches
nothing but its own book, clock and timers.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from ganglion.actors.market.order_book.book import Applied, OrderBook
from ganglion.messages.lifecycle import Failure, Overflowed, Tick
from ganglion.messages.market import BookDelta, BookInvalid, BookSnapshot, ResyncBook, TopOfBook
from ganglion.messages.values import Symbol
from ganglion.supervision import Actor, Address, Backoff, Timer, receives

BookMessage: TypeAlias = BookSnapshot | BookDelta | BookInvalid | Overflowed | Tick
"""The protocol of an order book actor."""

STALE_S = 5.0
"""Age by our clock at which a book can't be decided on any more."""

HEARTBEAT_S = 1.0
"""After so long the next change repeats best prices that stand, so that they are not taken for a stale book's."""

HELD_DELTAS = 1000
"""Deltas kept while a snapshot is awaited: 100 s of Binance's depth@100ms."""

RESYNC_BACKOFF = Backoff(base_s=1.0, factor=2.0, cap_s=30.0, reset_after_s=60.0)
"""Between two requests for a snapshot, so that a venue whose stream never fits is not hammered."""

_ROUNDING_S = 1e-6
"""A timer may come so much early."""
_AGE = "age"
_ASK = "ask"
_TOP, _DEEPER, _OLD = Applied.TOP, Applied.DEEPER, Applied.OLD


class OrderBookActor(Actor[BookMessage]):
    """An order book that says when it can't be trusted.

    Three conditions. WHOLE: deltas apply, each change of a best level is a TopOfBook. DOUBTED (stale, or a
    side without levels): the levels are right as far as anybody knows, deltas go on applying, and the first
    one that leaves two sides ends the doubt. LOST (no snapshot yet, gap, crossed, overflowed, disconnected):
    only a snapshot helps; deltas are held and applied on top of it, since a venue may take the snapshot
    before it sends them. Each way out of WHOLE is told once by BookInvalid, each way back by a TopOfBook.

    While it is not whole it asks for a snapshot, again and again with growing pauses. The pauses shrink
    again only after a minute without a loss: a snapshot alone is no cure for a stream that never fits.
    """

    def __init__(
        self,
        exchange: str,
        symbol: Symbol,
        venue: Address[ResyncBook],
        *,
        max_levels: int | None = None,
        stale_s: float = STALE_S,
        heartbeat_s: float = HEARTBEAT_S,
        backoff: Backoff = RESYNC_BACKOFF,
    ) -> None:
        """Wire it to the exchange actor of its arm.

        Args:
            exchange: the arm's name, as it stands in the messages.
            symbol: the market.
            venue: the exchange actor, which answers ResyncBook with a BookSnapshot.
            max_levels: levels kept a side; None keeps all.
            stale_s: seconds without an update after which the book is stale.
            heartbeat_s: how long ago an unmoved top was told when a change below it repeats it.
            backoff: pauses between two requests for a snapshot.
        """
        self._exchange = exchange
        self._symbol = symbol
        self._venue = venue
        self._stale_s = stale_s
        self._heartbeat_s = heartbeat_s
        self._backoff = backoff
        self._book = OrderBook(max_levels)
        self._apply = self._book.apply_delta
        self._doubt = ""  # why it is not whole; empty where it is
        self._lost = False
        self._held: deque[BookDelta] = deque(maxlen=HELD_DELTAS)
        self._attempt = 0
        self._may_ask_s = 0.0
        self._lost_s = 0.0
        self._ask_timer: Timer | None = None
        self._age_timed = False
        self._repeat_s = 0.0
        """From when on a change below the best prices repeats them."""

    def on_start(self) -> None:
        """Say that nothing is known yet, whatever an incarnation before this one said."""
        # The first snapshot comes by itself when the stream opens; after a restart nobody would send one.
        wait_s = self._stale_s if self.incarnation == 1 else 0.0
        self._lose("starting: no snapshot yet", wait_s=wait_s)

    def on_stop(self) -> None:
        """Let nobody decide on the last best prices of a book that is gone."""
        self.publish(BookInvalid(self._exchange, self._symbol, "stopped: the book actor ended"))

    def on_failure(self, failure: Failure) -> None:
        """Say it before the pause that precedes a restart, and in case none follows."""
        reason = f"failed: {failure.error} in the book actor"
        self.publish(BookInvalid(self._exchange, self._symbol, reason))

    @receives
    def delta(self, message: BookDelta) -> None:
        """Apply changed levels; the hot path of the whole bot."""
        if self._doubt:
            self._delta_in_doubt(message)
            return
        applied = self._apply(message)
        # The best prices may stand while deeper levels move, and a subscriber may have been restarted.
        if applied is _TOP or (applied is _DEEPER and message.received_s >= self._repeat_s):
            self._publish_top()
        elif applied is not _DEEPER and applied is not _OLD:
            self._not_whole(applied, message)

    @receives
    def snapshot(self, message: BookSnapshot) -> None:
        """Start again from a whole book, then apply what was held back."""
        self._lost = False
        applied = self._book.apply_snapshot(message)
        if message.sequence:
            while self._held and applied is not Applied.GAP:
                held = self._held.popleft()
                now = self._apply(held)
                applied = applied if now is _OLD else now
                if now is Applied.GAP:
                    self._held.appendleft(held)
                    self._lose(self._gap_text(held))
                    return
        # Without numbers nobody can say which deltas a snapshot contains; they came before it, so it does.
        self._held.clear()
        age_s = self.clock.monotonic_s() - self._book.received_s
        if applied is not _TOP and applied is not _DEEPER:
            self._not_whole(applied, message)
        elif age_s >= self._stale_s:
            self._invalidate(f"stale: the snapshot is {age_s:.1f} s old")
        elif self._doubt or applied is _TOP:
            self._whole_again()

    @receives
    def invalid(self, message: BookInvalid) -> None:
        """Believe the exchange that the stream is broken; it sends a snapshot once it is back."""
        # Its numbers may start again below those of what is held.
        self._held.clear()
        self._lose(message.reason, wait_s=self._stale_s)

    @receives
    def overflowed(self, message: Overflowed) -> None:
        """Messages for this book were dropped: what it says is no longer what the venue said."""
        self._lose(f"overflowed: {message.count} {message.type} dropped, the mailbox was full")

    @receives
    def tick(self, message: Tick) -> None:
        """Look at the book's age, or ask for a snapshot again."""
        if message.key == _AGE:
            self._look_at_age()
        elif self._doubt:
            self._ask()

    # ------------------------------------------------------------------ inside

    def _publish_top(self) -> None:
        book = self._book
        self._repeat_s = book.received_s + self._heartbeat_s
        self.publish(
            TopOfBook(
                self._exchange,
                self._symbol,
                book.bid,
                book.bid_size,
                book.ask,
                book.ask_size,
                book.sequence,
                book.received_s,
            )
        )

    def _delta_in_doubt(self, message: BookDelta) -> None:
        if self._lost:
            self._held.append(message)
            return
        applied = self._apply(message)
        if applied is _OLD:
            return
        if applied is _TOP or applied is _DEEPER:
            # A backlog may hand us deltas that were already old when they came: they end no doubt.
            if self.clock.monotonic_s() - message.received_s < self._stale_s:
                self._whole_again()
        else:
            self._not_whole(applied, message)

    def _not_whole(self, applied: Applied, message: BookDelta | BookSnapshot) -> None:
        """Say why a book that was just fed can't be decided on."""
        book = self._book
        if applied is Applied.GAP and isinstance(message, BookDelta):
            self._held.append(message)
            self._lose(self._gap_text(message))
        elif applied is Applied.CROSSED:
            self._lose(f"crossed: bid {book.bid} at or above ask {book.ask} at {book.sequence}")
        else:
            bids, asks = book.levels
            self._lost = False
            self._invalidate(f"one-sided: {bids} bid and {asks} ask levels at {book.sequence}")

    def _gap_text(self, delta: BookDelta) -> str:
        return f"gap: the book is at {self._book.sequence}, the next change follows {delta.previous}"

    def _lose(self, reason: str, wait_s: float = 0.0) -> None:
        """Give the book up until a snapshot comes."""
        now_s = self.clock.monotonic_s()
        if not self._recently_lost():
            self._attempt = 0
        self._lost_s = now_s
        self._lost = True
        self._invalidate(reason, wait_s)

    def _invalidate(self, reason: str, wait_s: float = 0.0) -> None:
        """Tell subscribers once for each new reason, and see to it that a snapshot is asked for."""
        kind = reason.partition(":")[0]
        told = self._doubt.partition(":")[0] == kind
        self._doubt = reason
        if not told:
            self.log.info("book invalid", symbol=self._symbol, reason=reason)
            self.publish(BookInvalid(self._exchange, self._symbol, reason))
        if self._ask_timer is None:
            wait_s = max(wait_s, self._may_ask_s - self.clock.monotonic_s())
            if wait_s > 0:
                self._ask_timer = self.after(wait_s, Tick(key=_ASK))
            else:
                self._ask()

    def _ask(self) -> None:
        """Ask for a snapshot, and again if it does not come or does not help."""
        if self._ask_timer is not None:
            self._ask_timer.cancel()
        pause_s = self._backoff.ceiling_s(self._attempt)
        self._attempt += 1
        self._may_ask_s = self.clock.monotonic_s() + pause_s
        self._venue.tell(ResyncBook(self._symbol, self._doubt))
        self._ask_timer = self.after(pause_s, Tick(key=_ASK))

    def _whole_again(self) -> None:
        """Publish the best prices; if there was a doubt, it is over."""
        if self._doubt:
            self.log.info("book whole", symbol=self._symbol, after=self._doubt)
            self._doubt = ""
            if self._ask_timer is not None:
                self._ask_timer.cancel()
                self._ask_timer = None
            self._look_later(self._stale_s)
        self._publish_top()

    def _look_later(self, wait_s: float) -> None:
        if not self._age_timed:
            self._age_timed = True
            self.after(wait_s, Tick(key=_AGE))

    def _look_at_age(self) -> None:
        """Doubt a book that nobody updated for too long; one timer follows it, not one an update."""
        self._age_timed = False
        if self._doubt:
            return
        now_s = self.clock.monotonic_s()
        left_s = self._book.received_s + self._stale_s - now_s
        if left_s > _ROUNDING_S:
            self._look_later(left_s)
            return
        # Quiet markets go stale all day: their requests must not count as a stream that never fits.
        if not self._recently_lost():
            self._attempt = 0
            self._may_ask_s = 0.0
        self._invalidate(f"stale: no update for {self._stale_s - left_s:.1f} s")

    def _recently_lost(self) -> bool:
        return self.clock.monotonic_s() - self._lost_s < self._backoff.reset_after_s
