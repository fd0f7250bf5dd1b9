"""One exchange of a simulated world: the matching engine with its crowd in virtual time, and the ports that bots have.

It outlives bots. `core` and `account` are the truth, for whoever judges; a bot sees what its port (`connect`) tells.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ganglion.messages.orders import Balance
from ganglion.messages.values import ZERO, Side, Symbol
from ganglion.messages.venue import BalancesStreamed, OrdersStreamed, Stream, StreamKind, TradesStreamed
from ganglion.simulation.choices import Choices
from ganglion.simulation.faults.fault import Fault, FaultKind
from ganglion.simulation.port import rendering
from ganglion.simulation.port.answers import Answers
from ganglion.simulation.port.faults import PortFaults
from ganglion.simulation.port.frame import Frame
from ganglion.simulation.port.port import SimulatedVenue
from ganglion.simulation.port.settings import PortSettings
from ganglion.simulation.port.streams import lost
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.events import Accepted, BalanceChanged, Canceled, Event, Expired, Fill, LevelChanged
from ganglion.simulation.venue.flow import TAKER
from ganglion.simulation.venue.orders import Order
from ganglion.simulation.venue.settings import AccountSettings, VenueSettings
from ganglion.simulation.world.timeline import Timeline, Timer


class SimulatedExchange:
    """One venue of a world."""

    def __init__(
        self,
        settings: PortSettings,
        timeline: Timeline,
        choices: Choices,
        sometimes: Callable[[str], None],
        beside: SimulatedExchange | None = None,
    ) -> None:
        """Open it; the crowd has quoted, and acts from `start` on.

        Args:
            settings: what it is.
            timeline: virtual time.
            choices: latencies and what faults draw.
            sometimes: told the name of each fault that really struck, as `fault:<kind>`.
            beside: whose venue this is too, with another account and connections of its own.

        Raises:
            MarketError: for a symbol that is none.
        """
        self.settings = settings
        self.name = settings.name
        self.profile = settings.profile
        self.timeline = timeline
        self.key = settings.key
        """What it is called in a world, and its account at the venue."""
        balances = None if settings.balances is None else dict(settings.balances)
        account = AccountSettings(self.key, "", balances)
        self._leads = beside is None
        self.core: Venue = self._open(account) if beside is None else beside.core
        self.core.add_account(account)
        self.account: Account = self.core.engine.accounts[self.key]
        self.core.listeners.append(self._heard)
        self.answers = Answers(self)
        self.faults = PortFaults(self, sometimes)
        self.fills: list[Fill] = []
        """Since the last step."""
        self.volume: dict[Symbol, float] = {}
        self.sequences: dict[Symbol, int] = {}
        """The last number of each streamed book, over all ports."""
        self.listed_s: dict[tuple[Symbol, int], float] = {}
        """When the list of own trades shows those that it shows late."""
        self.withheld: set[tuple[Symbol, int]] = set()
        """Orders that some reading did not show although they were there."""
        self.read = 0
        """How often its balances were read by request."""
        self.bot_skew_ms = 0
        """How wrong the wall clock of the bot is, by which it signs: set by whoever moves that clock."""
        self._changed: dict[Symbol, tuple[dict[float, float], dict[float, float]]] = {}
        """Sizes by price of the bids and asks that changed since the last step."""
        self._deltas: dict[Symbol, Frame | None] = {}
        self._ports: list[SimulatedVenue] = []
        self._latency = choices.of(f"{self.key}:latency")
        self._choices = choices
        self._number = self._last_number = 0
        self._dead_man: Timer | None = None
        self._started = False

    def _open(self, account: AccountSettings) -> Venue:
        settings = self.settings
        return Venue(
            VenueSettings(
                dialect=settings.profile.id,
                symbols=settings.symbols,
                accounts=(account,),
                seed=settings.seed,
                tick_ms=max(1, round(settings.tick_s * 1000)),
                maker_fee=settings.maker_fee,
                taker_fee=settings.taker_fee,
                flow=settings.flow,
            ),
            self.timeline.now_ms,
        )

    # -------------------------------------------------------------- life

    def start(self) -> None:
        """Let the crowd act, every `tick_s` from now on."""
        if not self._started:
            self._started = True
            self.timeline.call_later(self.settings.tick_s, self._tick)

    def connect(self) -> SimulatedVenue:
        """The port of one more incarnation of an exchange actor."""
        port = SimulatedVenue(self)
        self._ports = [known for known in self._ports if not known.closed]
        self._ports.append(port)
        return port

    def begin(self, fault: Fault) -> None:
        """A fault of the port begins now; it ends by itself."""
        self.faults.begin(fault)

    def heal(self) -> None:
        """Every fault ends, and what was held back is let go."""
        self.faults.heal()
        self.listed_s.clear()
        self.mend(heal=True)

    def cut_all(self) -> None:
        """The bot's process is dead; what it had under way still arrives."""
        for port in self._ports:
            port.cut()
        self._ports.clear()

    def _tick(self) -> None:
        self.timeline.call_later(self.settings.tick_s, self._tick)
        if self.faults.on:
            self.faults.look()
        if self._leads:
            self.core.tick()
        self.flush_private()
        for port in self._ports:
            if not port.closed:
                port.streams.flush()
        self.fills.clear()
        self._changed.clear()
        self._deltas.clear()

    # -------------------------------------------------------------- what ports ask

    def latency_s(self) -> float:
        """One way, this time."""
        low, high = self.settings.latency_s
        return low + (high - low) * self._latency.random()

    def fate(self, label: str, n: int) -> int:
        """What a fault draws: 0 to n - 1."""
        return self._choices.pick(f"{self.key}:{label}", n)

    def client_ms(self) -> int:
        """The bot's wall clock."""
        return self.timeline.now_ms() + self.bot_skew_ms

    def next_number(self) -> int:
        """What a numbered request carries."""
        self._number += 1
        return self._number

    def number_rises(self, number: int) -> bool:
        """Whether the venue has not yet taken this number or a later one; it has now."""
        rises = number > self._last_number
        self._last_number = max(self._last_number, number)
        return rises

    def changed(self, symbol: Symbol) -> bool:
        """Whether somebody who hears its book does not know all of it yet: untold since the last step, or under way."""
        return symbol in self._changed or any(port.streams.telling for port in self._ports)

    def delta_of(self, symbol: Symbol) -> Frame | None:
        """What changed in a book since the last step; None for nothing."""
        if symbol not in self._deltas:
            changed = self._changed.get(symbol)
            frame = None
            if changed is not None:
                bids, asks = changed
                frame = Frame(tuple(bids.items()), tuple(asks.items()), whole=False)
            self._deltas[symbol] = frame
        return self._deltas[symbol]

    # -------------------------------------------------------------- what faults do

    def skew(self, seconds: float) -> None:
        """Set the venue's clock wrong."""
        self.core.skew_ms = round(seconds * 1000)

    def sever(self, which: Callable[[Stream], bool], reason: str) -> bool:
        """End the connections of streams; whether there were any."""
        severed = False
        for port in self._ports:
            for live in list(port.streams.live.values()):
                if not live.over and which(live.stream):
                    severed = True
                    for other in port.streams.sharing(live):
                        port.streams.sever(other, lost(reason))
        return severed

    def mend(self, *, heal: bool) -> None:
        """Streams go on after faults."""
        for port in self._ports:
            port.streams.mend(heal=heal)

    def fill(self, order: Order, quantity: Decimal) -> bool:
        """Fill a resting order of the bot's in part or whole at its price; False where it cannot be."""
        return bool(self.core.hit(order.account.name, order.symbol, order.id, quantity, TAKER))

    def fill_part(self) -> bool:
        """Fill a part of the bot's newest open order."""
        for order in reversed(list(self.account.open.values())):
            market = self.core.engine.markets[order.symbol]
            part = market.truncate(order.remaining / 2)
            if part > ZERO and self.fill(order, part):
                return True
        return False

    # -------------------------------------------------------------- dead man's switch

    def arm_dead_man(self, timeout_s: float) -> None:
        """Cancel everything after so long, unless it is renewed; 0 switches it off."""
        if self._dead_man is not None:
            self._dead_man.cancel()
        self._dead_man = self.timeline.call_later(timeout_s, self._cancel_all) if timeout_s else None

    def _cancel_all(self) -> None:
        for symbol, order_id in list(self.account.open):
            self.core.cancel(self.key, symbol, order_id=order_id)
        self.flush_private()

    # -------------------------------------------------------------- what happened

    def _heard(self, events: list[Event]) -> None:
        name, own = self.key, False
        for event in events:
            if isinstance(event, LevelChanged):
                sides = self._changed.get(event.symbol)
                if sides is None:
                    sides = self._changed[event.symbol] = {}, {}
                sides[event.side is Side.SELL][float(event.price)] = float(event.quantity)
            elif isinstance(event, Fill):
                self.fills.append(event)
                self.volume[event.symbol] = self.volume.get(event.symbol, 0.0) + float(event.quantity)
                own = own or name in {event.taker_account, event.maker_account}
            elif event.account == name:
                own = True
        if own and self._ports:
            self._tell_own(events)

    def _tell_own(self, events: list[Event]) -> None:
        changed: list[Balance] = []
        for event in events:
            match event:
                case Fill() if self.key in {event.taker_account, event.maker_account}:
                    hidden = self.faults.take(FaultKind.HIDDEN_FILL) if self.faults.on and self._listening else None
                    if hidden is None:
                        self._tell_fill(event)
                    elif hidden.delay_s:
                        self.listed_s[event.symbol, event.trade_id] = self.timeline.now_s + hidden.delay_s
                case Accepted() | Canceled() | Expired() if event.account == self.key:
                    order = self.account.orders[event.symbol, event.order_id]
                    if (
                        isinstance(event, Accepted)
                        and self.faults.on
                        and self.faults.hide(event.symbol, event.order_id)
                    ):
                        continue
                    stand = rendering.Stand(ZERO, ZERO, "open")
                    if not isinstance(event, Accepted):
                        stand = rendering.stand_of(order)
                    self._tell(StreamKind.ORDERS, OrdersStreamed((rendering.order_of(order, stand),)))
                case BalanceChanged() if event.account == self.key:
                    changed.append(Balance(event.asset, event.free, event.locked))
        if changed:
            self._tell(StreamKind.BALANCE, BalancesStreamed(tuple(sorted(changed, key=lambda b: b.asset))))

    @property
    def _listening(self) -> bool:
        return any(port.streams.hears(StreamKind.MY_TRADES) for port in self._ports)

    def _tell_fill(self, fill: Fill) -> None:
        taker = fill.taker_account == self.key
        order = self.account.orders[fill.symbol, rendering.own_order_id(fill, self.key)]
        filled = fill.taker_filled if taker else fill.maker_filled
        cost = fill.taker_quote_filled if taker else fill.maker_quote_filled
        stand = rendering.Stand(filled, cost, "closed" if filled == order.quantity else "open")
        self._tell(StreamKind.MY_TRADES, TradesStreamed((rendering.trade_of(fill, self.key),)))
        self._tell(StreamKind.ORDERS, OrdersStreamed((rendering.order_of(order, stand),)))

    def _tell(self, kind: StreamKind, message: OrdersStreamed | TradesStreamed | BalancesStreamed) -> None:
        for port in self._ports:
            port.streams.private(kind, message)

    def flush_private(self) -> None:
        """Send what the account's streams have to tell."""
        for port in self._ports:
            port.streams.flush_private()
