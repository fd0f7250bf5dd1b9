"""The exchange actor of one arm: who says what between the venue and everybody else, and the connection's life.

It submits requests to the `Venue` port and receives its replies and events; it speaks to the account's orders
actor, to book and candle actors, and publishes TradeTick, Ticker, ConnectionChanged, VenuePaused, VenueDown, VenueBack,
Degraded, MarketPaused, BudgetSpent and HaltAccount. It knows no socket and no loop. The work is in link.py (the
connection's life), market_data.py, account.py, look_up.py, writes.py, health.py, dead_man.py and consequences.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ganglion.actors.exchange.account import Account
from ganglion.actors.exchange.arm import Arm, ExchangeSettings, VenueMemory, Wiring
from ganglion.actors.exchange.budget import Budget
from ganglion.actors.exchange.connection import Connection
from ganglion.actors.exchange.consequences import Consequences
from ganglion.actors.exchange.dead_man import DeadMan
from ganglion.actors.exchange.directives import Directive, directive_for
from ganglion.actors.exchange.error_table import Verb
from ganglion.actors.exchange.health import Health
from ganglion.actors.exchange.link import Link
from ganglion.actors.exchange.look_up import LookUps
from ganglion.actors.exchange.market_data import MarketData
from ganglion.actors.exchange.sender import LEAST_BURST, Asked, Sender
from ganglion.actors.exchange.venue import Venue
from ganglion.actors.exchange.writes import Writes
from ganglion.messages.lifecycle import BudgetSpent, Failure, Tick
from ganglion.messages.market import BookDelta, BookSnapshot, CandlesRequest, ResyncBook, Ticker, TradeTick
from ganglion.messages.orders import LookUpOrder, OpenEpoch, ReadAccount, SendCancel, SendOrder
from ganglion.messages.values import Symbol
from ganglion.messages.venue import (
    BalanceFetched,
    BalancesStreamed,
    BookFetched,
    CancelAllAfterSet,
    CancelDone,
    CandlesFetched,
    CostSpent,
    FromVenue,
    KeyRightsFetched,
    MarketsFetched,
    OrderCreated,
    OrderFetched,
    OrdersFetched,
    OrdersStreamed,
    PublicTradesFetched,
    RequestFailed,
    StreamDown,
    StreamUp,
    TimeFetched,
    TradesFetched,
    TradesStreamed,
    VenueReply,
)
from ganglion.supervision import Actor, Timer, receives

ToExchange: TypeAlias = SendOrder | SendCancel | LookUpOrder | ReadAccount | OpenEpoch | ResyncBook | CandlesRequest
"""What its neighbours may tell it."""
ExchangeMessage: TypeAlias = FromVenue | ToExchange | Tick
"""The protocol of an exchange actor."""


class ExchangeActor(Actor[ExchangeMessage]):
    """One exchange account."""

    def __init__(
        self,
        settings: ExchangeSettings,
        make_venue: Callable[[], Venue],
        wiring: Wiring,
        memory: VenueMemory | None = None,
    ) -> None:
        """Wire it.

        Args:
            settings: How it works.
            make_venue: Makes the venue of this incarnation (`lambda: make_ccxt_venue(…)`).
            wiring: Its neighbours.
            memory: What outlives a restart; the factory's, one per account.
        """
        self._settings = settings
        self._make_venue = make_venue
        self._wiring = wiring
        self._memory = memory or VenueMemory()
        self._timers: dict[str, Timer] = {}

    # -------------------------------------------------------------- life

    def on_start(self) -> None:
        """Begin to connect; returns at once, whatever the venue does."""
        first = self.incarnation << 20
        self._venue = self._make_venue()
        if self._memory.budget is None:
            self._memory.budget = Budget(LEAST_BURST, LEAST_BURST, self.clock.monotonic_s())
        self._budget = self._memory.budget
        sender = Sender(
            self._venue,
            self.address,
            self,
            self.clock.monotonic_s,
            self.ids.random,
            first_id=self.incarnation << 32,
            effects=self._carry_out,
            budget=self._budget,
            report=self._report_spending,
            told=self._told,
            report_s=self._settings.report_s,
        )
        self.arm = Arm(
            settings=self._settings,
            wiring=self._wiring,
            memory=self._memory,
            host=self,
            clock=self.clock,
            dice=self.ids.random,
            log=self.log,
            connection=Connection(self.clock.monotonic_s()),
            sender=sender,
            epoch=first,
            sequence=self.incarnation << 32,
        )
        self.market_data = MarketData(self.arm)
        self.account = Account(self.arm)
        self.look_ups = LookUps(self.arm)
        self.writes = Writes(self.arm, self.account.user.placed)
        self.link = Link(self.arm, self.market_data, self.account, self.incarnation)
        self.consequences = Consequences(self.arm, self.link)
        self.dead_man = DeadMan(self.arm)
        self.health = Health(self.arm, self.link)
        self.link.live = self.dead_man.went_live
        self.link.epoch_told = self.health.repeat
        self.link.probed = self.health.reconnected
        self._report_spending()
        self.link.start()
        self.health.start()
        self.wake("silence", self._settings.silent_s / 3)
        self.wake("missing", self._settings.missing_s)

    def on_stop(self) -> None:
        """Let go of the venue; writes under way are still answered, to whoever stands here then."""
        if hasattr(self, "dead_man"):
            self.dead_man.stop()
        self._let_go("stopped", alone=False)

    def on_failure(self, failure: Failure) -> None:
        """The same after a failure of ours."""
        self._let_go(f"{failure.error}: {failure.text}", alone=True)

    def _let_go(self, reason: str, *, alone: bool) -> None:
        if hasattr(self, "link"):  # else it never started: nothing is open
            self.link.let_go(reason, alone=alone)

    # -------------------------------------------------------------- what its parts ask of it

    def act(self, failure: Failure, symbol: Symbol, request: str, sent_s: float | None) -> None:
        """Do what the error table says about a failed write (of this request type) in this market."""
        self._carry_out(failure, self.arm.sender.directive(failure, request, sent_s), symbol)

    def _carry_out(self, failure: Failure, directive: Directive, symbol: Symbol | None) -> None:
        self.consequences.carry_out(failure, directive, symbol)

    def _told(self, asked: Asked | None, reply: VenueReply) -> None:
        self.health.told(asked, reply)

    def _report_spending(self) -> None:
        budget = self._budget
        self.publish(
            BudgetSpent(
                exchange=self._settings.name,
                at_s=self.clock.monotonic_s(),
                requests=budget.spent.total(),
                units=budget.units,
                units_per_s=budget.units_per_s,
                burst=budget.burst,
                dearest=budget.dearest,
                banned_until_s=budget.banned_until_s,
                overdrawn=budget.overdrawn,
            )
        )

    def private_lost(self, reason: str) -> None:
        """The user stream cannot be trusted."""
        self.link.drop_private(reason)

    # -------------------------------------------------------------- timers

    def wake(self, key: str, delay_s: float) -> None:
        """Tick with this key after a delay; a later call for the same key replaces an earlier one."""
        old = self._timers.pop(key, None)
        if old is not None:
            old.cancel()
        self._timers[key] = self.after(delay_s, Tick(key))

    @receives
    def tick(self, message: Tick) -> None:
        """A timer of ours."""
        key = message.key
        self._timers.pop(key, None)
        if self.arm.stopped and key in {"load", "probe"}:
            return
        if key == "load":
            self.link.load()
        elif key == "probe":
            self.link.probe()
        elif key == "poll":
            self.link.poll()
        elif key == "missing":
            self.market_data.look_for_missing()
            self.link.look()
            self.link.maybe_live()
            self.wake("missing", self._settings.missing_s)
        elif key == "breaker":
            self.health.look()
        elif key == "dead_man":
            self.dead_man.look()
        elif key.startswith("rest:"):
            self.market_data.polling.again(key)
        elif key.startswith("private:"):
            self.link.rewatch(key)
        elif key == "silence":
            self.market_data.look_for_silence()
            self.wake("silence", self._settings.silent_s / 3)
        elif key.startswith("watch:"):
            self.market_data.again(key)
        else:
            self.arm.sender.woken(key)

    # -------------------------------------------------------------- streams

    @receives
    def stream_up(self, message: StreamUp) -> None:
        """A stream is subscribed."""
        if message.stream.kind.private:
            self.link.came_up(message.stream)
        else:
            self.market_data.came_up(message.stream)
            self.link.maybe_live()

    @receives
    def stream_down(self, message: StreamDown) -> None:
        """A stream ended: a private one ends being Live, a public one its symbol's certainty."""
        stream, failure = message.stream, message.failure
        private = stream.kind.private
        streak = self.link.streak if private else self.market_data.failures_of(stream)
        directive = directive_for(failure, streak=streak)
        if directive.says(Verb.STOP_CAPABILITY):
            self.link.go_without(stream.kind, failure)
        reason = f"{stream.kind} stream: {failure.error}: {failure.text}"
        if private:
            self.link.went_down(stream, reason)
        else:
            self.market_data.went_down(stream, failure)
            self.link.public_down(reason)
        self._carry_out(failure, directive, stream.symbol)

    @receives
    def book_snapshot(self, message: BookSnapshot) -> None:
        """A whole book."""
        self.market_data.snapshot(message)

    @receives
    def book_delta(self, message: BookDelta) -> None:
        """Changed levels."""
        self.market_data.delta(message)

    @receives
    def trade_tick(self, message: TradeTick) -> None:
        """A public trade."""
        self.market_data.trade(message)

    @receives
    def ticker(self, message: Ticker) -> None:
        """A summary."""
        self.market_data.ticker(message)

    @receives
    def orders_streamed(self, message: OrdersStreamed) -> None:
        """Order updates of the account."""
        self.account.orders_streamed(message)

    @receives
    def trades_streamed(self, message: TradesStreamed) -> None:
        """Own trades."""
        self.account.trades_streamed(message)

    @receives
    def balances_streamed(self, message: BalancesStreamed) -> None:
        """Balances."""
        self.account.balances_streamed(message)

    @receives
    def cost_spent(self, message: CostSpent) -> None:
        """The venue charged something that nobody submitted."""
        self.arm.sender.charged(message.cost)

    # -------------------------------------------------------------- replies

    @receives
    def order_created(self, message: OrderCreated) -> None:
        """A place was answered, maybe one of an older incarnation."""
        self.writes.created(message, self.arm.sender.replied(message))

    @receives
    def cancel_done(self, message: CancelDone) -> None:
        """A cancel was answered, maybe one of an older incarnation."""
        self.writes.canceled(message, self.arm.sender.replied(message))

    @receives
    def markets_fetched(self, message: MarketsFetched) -> None:
        """A reply."""
        self.arm.sender.replied(message)

    @receives
    def time_fetched(self, message: TimeFetched) -> None:
        """A reply."""
        self.arm.sender.replied(message)

    @receives
    def book_fetched(self, message: BookFetched) -> None:
        """A reply."""
        self.arm.sender.replied(message)

    @receives
    def candles_fetched(self, message: CandlesFetched) -> None:
        """A reply."""
        self.arm.sender.replied(message)

    @receives
    def balance_fetched(self, message: BalanceFetched) -> None:
        """A reply."""
        self.arm.sender.replied(message)

    @receives
    def key_rights_fetched(self, message: KeyRightsFetched) -> None:
        """A reply; only `ganglion check` asks."""
        self.arm.sender.replied(message)

    @receives
    def orders_fetched(self, message: OrdersFetched) -> None:
        """A reply."""
        self.arm.sender.replied(message)

    @receives
    def order_fetched(self, message: OrderFetched) -> None:
        """A reply."""
        self.arm.sender.replied(message)

    @receives
    def public_trades_fetched(self, message: PublicTradesFetched) -> None:
        """A reply."""
        self.arm.sender.replied(message)

    @receives
    def cancel_all_after_set(self, message: CancelAllAfterSet) -> None:
        """A reply."""
        self.arm.sender.replied(message)

    @receives
    def trades_fetched(self, message: TradesFetched) -> None:
        """A reply."""
        self.arm.sender.replied(message)

    @receives
    def request_failed(self, message: RequestFailed) -> None:
        """A reading did not succeed."""
        self.arm.sender.replied(message)

    # -------------------------------------------------------------- commands

    @receives
    def send_order(self, message: SendOrder) -> None:
        """Place."""
        self.writes.place(message)

    @receives
    def send_cancel(self, message: SendCancel) -> None:
        """Cancel."""
        self.writes.cancel(message)

    @receives
    def look_up_order(self, message: LookUpOrder) -> None:
        """Find out what became of an order."""
        self.look_ups.look_up(message)

    @receives
    def read_account(self, message: ReadAccount) -> None:
        """Read the whole account."""
        self.account.read(message)

    @receives
    def open_epoch(self, message: OpenEpoch) -> None:
        """The account's actors lost their state: what they knew may be old. Not Live, it opens by itself later."""
        self.consequences.forget_halt()
        self.link.open_epoch(message.reason)

    @receives
    def resync_book(self, message: ResyncBook) -> None:
        """A book wants a snapshot."""
        self.market_data.resync(message)

    @receives
    def candles_request(self, message: CandlesRequest) -> None:
        """A candle actor wants history."""
        self.market_data.candles(message)
