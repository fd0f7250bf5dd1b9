"""The portfolio actor of one account: affords what modes decide, and tells them what became of it.

Between modes and orders. It reserves before a place moves on, denies with a reason, passes cancels always, counts
facts once, and after each Reconciled tells its modes where to go on from. The money is in portfolio.py, the checks
are in admission.py; here is only who says what.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ganglion.actors.trading.money import plain
from ganglion.actors.trading.portfolio.admission import Refusal, refuse
from ganglion.actors.trading.portfolio.affording import binding_of, intended, shortage_of
from ganglion.actors.trading.portfolio.flattening import flattening, kept
from ganglion.actors.trading.portfolio.gathering import Gathers
from ganglion.actors.trading.portfolio.limits import UNLIMITED, Limits, Pace
from ganglion.actors.trading.portfolio.passing import PassesOn
from ganglion.actors.trading.portfolio.permission import Permission
from ganglion.actors.trading.portfolio.portfolio import Portfolio, equal_shares, rebuild
from ganglion.actors.trading.portfolio.rejections import Rejections, tell_rejected
from ganglion.actors.trading.portfolio.reservation import reservation_of
from ganglion.actors.trading.portfolio.resuming import forgotten, resume_of
from ganglion.actors.trading.portfolio.showing import VIEW, Shows
from ganglion.actors.trading.portfolio.unsteered import Unsteered
from ganglion.actors.trading.portfolio.wiring import ModeWiring, PortfolioMessage, PortfolioSettings, ToOrders
from ganglion.actors.trading.trading_states import changes, newly_halted
from ganglion.messages.account import (
    AccountSnapshot,
    Drain,
    Funds,
    LedgerRead,
    LockedByOthers,
    Reconciled,
    ResumeRequest,
    SavedState,
    SaveState,
    SnapshotRequest,
    Suspend,
)
from ganglion.messages.degraded import VenueBack, VenueDown
from ganglion.messages.lifecycle import (
    ConnectionChanged,
    ConnectionState,
    EpochOpened,
    MarketPaused,
    Tick,
    VenuePaused,
    Violation,
)
from ganglion.messages.market import BookInvalid, Market, TopOfBook
from ganglion.messages.orders import (
    TERMINAL,
    Admitted,
    AmendOrder,
    DenyReason,
    Fill,
    Intent,
    OrderDenied,
    OrderState,
    OrderUpdate,
    PlaceOrder,
)
from ganglion.messages.trading import Flatten, FlattenPart, TradingStates
from ganglion.messages.values import Asset, Symbol
from ganglion.supervision import Actor, Address, receives


class PortfolioActor(PassesOn, Gathers, Shows, Actor[PortfolioMessage]):
    """One account's money, and its modes."""

    def __init__(
        self,
        account: str,
        *,
        orders: Address[ToOrders],
        modes: Mapping[str, ModeWiring],
        limits: Limits | None = None,
        settings: PortfolioSettings | None = None,
    ) -> None:
        self._account = account
        self._orders = orders
        self._modes = dict(modes)
        most = limits or UNLIMITED
        self._limits = {name: binding_of(most, name, mode.limits) for name, mode in modes.items()}
        self._account_limits = binding_of(most)
        self._settings = settings or PortfolioSettings()
        self._shares = equal_shares({name: mode.funds for name, mode in modes.items()})
        self._money = Portfolio(account, self._shares)
        self._markets: dict[Symbol, Market] = {}
        self._tops: dict[Symbol, TopOfBook] = {}
        self._invalid: dict[Symbol, str] = {}
        self._orders_open: dict[str, OrderUpdate] = {}
        self._funds_told: dict[str, Funds] = {}
        self._saved: dict[str, SavedState] = {}
        self._pace = Pace()
        self._may = Permission(account)
        self._as_of = 0
        self._sequence = 0
        self._reason = "start"
        self._venue: dict[Asset, Decimal] = {}
        """Totals as the venue showed them at the last reconcile."""
        self._overdrawn = ""
        self._rejections = Rejections()
        self._unsteered = Unsteered()

    def on_start(self) -> None:
        """Everything starts from what the order line knows."""
        self._orders.tell(SnapshotRequest(f"portfolio of {self._account} (re)started"))
        if self.incarnation > 1:
            self._reason = "restart"
            self._suspend("the portfolio restarted")

    # -------------------------------------------------------------- commands

    @receives
    def place(self, message: PlaceOrder) -> None:
        """Reserve, then pass on; or deny."""
        refused = self._afford(message.intent, message, amends=None)
        if refused is not None:
            self._deny(message.intent, *refused)

    @receives
    def amend(self, message: AmendOrder) -> None:
        """Reserve what the new order needs beyond the old one, then pass on; or deny."""
        old = self._orders_open.get(message.intent_id)
        if old is None or old.mode != message.intent.mode:
            text = f"intent {message.intent_id} is not an open order of {message.intent.mode}: place a new one"
            self._deny(message.intent, DenyReason.UNKNOWN_ORDER, text)
            return
        refused = self._afford(message.intent, message, amends=message.intent_id)
        if refused is not None:
            self._deny(message.intent, *refused)

    def _afford(self, intent: Intent, command: PlaceOrder | AmendOrder, *, amends: str | None) -> Refusal | None:
        facts = self._facts(intent, self.clock.monotonic_s(), replacing=amends is not None)
        refused = refuse(intent, facts)
        if refused is not None:
            return refused
        reservation = reservation_of(intent, self._markets.get(intent.symbol), amends=amends)
        short = shortage_of(self._money, reservation)
        if short is not None:
            return DenyReason.INSUFFICIENT_FUNDS, short
        self._money.reserve(reservation)
        # From here on it exists: a mode that restarts before the order line has spoken must not decide it again.
        self._orders_open[intent.intent_id] = intended(intent)
        if facts.limited:
            self._pace.note(intent.mode, facts.now_s)
        self._orders.tell(command)
        self.publish(
            Admitted(self._account, intent.intent_id, intent.symbol, facts.top, facts.book_invalid, facts.now_s)
        )
        self._show(intent.mode)
        return None

    def _deny(self, intent: Intent, reason: DenyReason, text: str) -> None:
        self._tell_denied(
            OrderDenied(intent.intent_id, self._account, intent.mode, reason, text, intent.correlation_id)
        )

    def _tell_denied(self, denied: OrderDenied) -> None:
        mode = self._modes.get(denied.mode)
        if mode is not None:
            mode.address.tell(denied)
        self.publish(denied)

    @receives
    def drain(self, message: Drain) -> None:
        """The bot stops: admit nothing more, whatever comes. Said again, it reaches an order line that restarted."""
        self._orders.tell(message)
        if self._may.drain:
            return
        self._may.drain = message.reason
        for wiring in self._modes.values():
            wiring.address.tell(message)

    # -------------------------------------------------------------- facts from the order line

    @receives
    def order_update(self, message: OrderUpdate) -> None:
        """Where an order stands; what a snapshot already held is skipped."""
        if not self._may.synced or message.sequence <= self._as_of:
            return
        self._sequence = message.sequence
        self._money.update(message, self._markets.get(message.symbol))
        if message.state in TERMINAL:
            self._orders_open.pop(message.intent_id, None)
        else:
            self._orders_open[message.intent_id] = message
        if self._rejections.is_news(message):
            tell_rejected(message, self.log)
        mode = self._modes.get(message.mode)
        # A denied one is told as OrderDenied, which says why.
        if mode is not None and message.state is not OrderState.DENIED:
            mode.address.tell(message)
        self.publish(message)
        self._show(message.mode)

    @receives
    def fill(self, message: Fill) -> None:
        """A fill, once; a fact that nothing was reserved for is counted all the same."""
        if not self._may.synced or message.sequence <= self._as_of:
            return
        self._sequence = message.sequence
        if not self._money.apply_fill(message):
            return
        mode = self._modes.get(message.mode or "")
        if mode is not None:
            mode.address.tell(message)
        self.publish(message)
        self._show(message.mode)
        self._check_overdrawn()

    def _check_overdrawn(self) -> None:
        overdrawn = self._money.overdrawn()
        if not overdrawn and not self._overdrawn:
            return
        text = ", ".join(f"{plain(overdrawn[asset])} {asset}" for asset in sorted(overdrawn))
        if text and not self._overdrawn:
            self._orders.tell(SnapshotRequest(f"{self._account} is overdrawn by a fact: {text}"))
        self._overdrawn = text

    @receives
    def denied(self, message: OrderDenied) -> None:
        """Orders refused a command: nothing was sent, nothing stays reserved."""
        self._money.release(message.intent_id)
        self._orders_open.pop(message.intent_id, None)
        self._tell_denied(message)
        self._show(message.mode)

    @receives
    def locked_by_others(self, message: LockedByOthers) -> None:
        """Orders that are not ours hold something else now."""
        self._money.lock(message.balances)
        self._show_all()

    # -------------------------------------------------------------- epochs

    @receives
    def epoch_opened(self, message: EpochOpened) -> None:
        """Nothing is placed until Reconciled."""
        self._may.reconciled = False
        self._may.epoch = message.epoch
        self._may.connection = ConnectionState.LIVE
        if self._may.synced:
            self._reason = message.reason
        self._suspend(f"reconciling: {message.reason}")

    @receives
    def ledger_read(self, message: LedgerRead) -> None:
        """For people: nothing is built on it before the venue was heard."""
        self.publish(message)

    @receives
    def snapshot(self, message: AccountSnapshot) -> None:
        """Rebuild from what the order line knows."""
        held_before = self._money.reservations
        self._markets = {market.symbol: market for market in message.markets}
        self._money = rebuild(message, self._shares, self._markets)
        self._venue = {balance.asset: balance.total for balance in message.venue_balances}
        self._orders_open = {order.update.intent_id: order.update for order in message.open_orders}
        self._saved = {saved.mode: saved for saved in message.saved}
        self._as_of = self._sequence = message.as_of
        self._may.epoch = message.epoch
        self._may.synced = True
        for reservation in held_before.values():
            if reservation.intent_id not in self._money.reservations:
                self._tell_denied(forgotten(self._account, reservation))
        self.publish(message)
        self._check_overdrawn()

    @receives
    def reconciled(self, message: Reconciled) -> None:
        """The account agrees with the venue: modes go on."""
        if message.epoch != self._may.epoch or not self._may.synced:
            return
        apart = self._apart() if message.balances_equal else ""
        # The monitor's halt takes a moment: nobody may decide on this money until it has come.
        self._may.reconciled = not apart
        self.publish(message)
        if apart:
            self.publish(Violation("I6", self._account, f"the portfolio differs: {apart}"))
        self._unsteered.take_back(self._money, self._orders_open, self._modes, self._markets, self._orders, self.log)
        self._show_all()
        self._resume_all(self._reason)

    def _apart(self) -> str:
        """I6: where the order line agrees with the venue, so does the portfolio, unless something is Unknown."""
        if any(update.state is OrderState.UNKNOWN for update in self._orders_open.values()):
            return ""
        return self._money.apart_from(self._venue)

    # -------------------------------------------------------------- trading states and pauses

    @receives
    def states(self, message: TradingStates) -> None:
        """What is not active, from the order line that keeps it; what is lighter now waits for the next reconcile."""
        before = {name: self._may.state_of(name, wiring.symbol) for name, wiring in self._modes.items()}
        for line in changes(self._may.states.entries, message.entries):
            self.log.warning("trading_state", account=self._account, **line)
        news = newly_halted(self._account, self._may.states.entries, message.entries)
        self._may.states.replace(message.entries)
        self.publish(message)
        for halted in news:
            self.publish(halted)
        for name, wiring in self._modes.items():
            if self._may.state_of(name, wiring.symbol).severity > before[name].severity:
                self._resume(name, "its trading state changed")
        self._show(None)

    @receives
    def flatten(self, message: Flatten) -> tuple[FlattenPart, ...]:
        """Sell what the modes of a scope hold, by the way of every order; answered with what is on its way."""
        parts: list[FlattenPart] = []
        for part, intent in flattening(
            message, self._account, self._money, self._may, self._modes, self._markets, self._tops, self.ids.token
        ):
            refused = None if intent is None else self._afford(intent, PlaceOrder(intent), amends=None)
            parts.append(part if refused is None else kept(part, refused))
        return tuple(parts)

    @receives
    def venue_paused(self, message: VenuePaused) -> None:
        """The venue wants silence: deny until then."""
        self._may.pause(message.until_s, message.reason)
        self._suspend(f"paused: {message.reason}")
        self._wake_at(message.until_s, Tick("pause"))

    @receives
    def venue_down(self, message: VenueDown) -> None:
        """The venue does not answer as it should: deny until it is back."""
        self._may.down = message.reason
        self._suspend(f"{self._account} is down: {message.reason}")

    @receives
    def venue_back(self, message: VenueBack) -> None:
        """It answers again: go on, unless something else stands in the way."""
        self._may.down = ""
        for symbol in ("", *self._may.closed):
            # the end of a pause that fell into the outage went by unheard
            until_s = self._may.pause_of(symbol)[0]
            if until_s > self.clock.monotonic_s():
                self._wake_at(until_s, Tick(f"pause of:{symbol}" if symbol else "pause"))
        self._resume_all(message.reason)

    @receives
    def market_paused(self, message: MarketPaused) -> None:
        """The venue has closed one market: deny places there until then."""
        self._may.close(message.symbol, message.until_s, message.reason)
        self._suspend(f"paused: {message.symbol} is closed: {message.reason}", message.symbol)
        self._wake_at(message.until_s, Tick(f"pause of:{message.symbol}"))

    def _wake_at(self, when_s: float, tick: Tick) -> None:
        self.after(max(0.0, when_s - self.clock.monotonic_s()), tick)

    @receives
    def tick(self, message: Tick) -> None:
        """The end of a pause: of one market, or of all; or a view that was put off."""
        if message.key == VIEW:
            self._publish_view()
            return
        _, _, symbol = message.key.partition(":")
        until_s = self._may.pause_of(symbol)[0]
        if self._may.down:
            return  # VenueBack looks after what is left of it
        if self.clock.monotonic_s() < until_s:
            self._wake_at(until_s, message)  # it was made longer, or the timer came a rounding early
            return
        self._resume_all(f"after {message.key}", symbol)

    @receives
    def connection_changed(self, message: ConnectionChanged) -> None:
        """Modes decide nothing while the venue can't be heard."""
        was_connected = self._may.connected
        self._may.connection = message.state
        if not self._may.connected:
            self._suspend(f"{self._account} is {message.state}: {message.reason}")
        elif not was_connected and message.epoch == self._may.epoch:
            self._resume_all(message.reason)

    def _suspend(self, reason: str, symbol: Symbol = "") -> None:
        for wiring in self._modes.values():
            if symbol in {"", wiring.symbol}:
                wiring.address.tell(Suspend(self._account, reason))

    def _resume_all(self, reason: str, symbol: Symbol = "") -> None:
        for name, wiring in self._modes.items():
            if symbol in {"", wiring.symbol}:
                self._resume(name, reason)

    # -------------------------------------------------------------- modes

    @receives
    def resume_request(self, message: ResumeRequest) -> None:
        """A mode (re)started; it hears Resume now or once the account is reconciled."""
        self._resume(message.mode, "restart")

    @receives
    def save(self, message: SaveState) -> None:
        """A mode's state, for its next incarnation."""
        self._saved[message.mode] = SavedState(message.mode, message.state, message.sequence)
        self._orders.tell(message)

    def _resume(self, name: str, reason: str) -> None:
        wiring = self._modes.get(name)
        if wiring is None:
            self.log.error("resume for a mode that is not wired here", mode=name)
            return
        told = resume_of(
            self._money,
            name,
            wiring.symbol,
            self._markets.get(wiring.symbol),
            self._may,
            self.clock.monotonic_s(),
            self._orders_open.values(),
            self._saved.get(name),
            reason,
            self._sequence,
        )
        wiring.address.tell(told)

    # -------------------------------------------------------------- market data

    @receives
    def top_of_book(self, message: TopOfBook) -> None:
        """What places are judged against."""
        self._tops[message.symbol] = message
        self._invalid.pop(message.symbol, None)

    @receives
    def book_invalid(self, message: BookInvalid) -> None:
        """Nothing is placed on this book until its next top."""
        self._invalid[message.symbol] = message.reason

    def _show_later(self) -> None:
        self.after(self._settings.view_every_s, Tick(VIEW))
