"""One bot's process through its lives: started, driven message by message, killed, started again on the same disk.

The `World` drives it and the faults strike it; it knows a bot by its `Blueprint` only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ganglion.actors.exchange.venue import ReplyTo, Venue
from ganglion.actors.trading.journal import Log
from ganglion.messages.base import Message
from ganglion.messages.lifecycle import CellState, Violation
from ganglion.messages.venue import CreateOrder, VenueRequest
from ganglion.simulation.choices import Choices
from ganglion.simulation.judging import Keeping, OwnerCheck, Sights, observe, stopped_at
from ganglion.simulation.port import SimulatedExchange, SimulatedVenue
from ganglion.simulation.world.blueprint import Blueprint, NotStartedError
from ganglion.simulation.world.delivery import DeliveryOrder
from ganglion.simulation.world.disk import WorldDisk
from ganglion.simulation.world.timeline import Timeline
from ganglion.simulation.world.trace import Trace
from ganglion.supervision import Actor, Address, ChildSpec, System, receives
from ganglion.supervision.cell import Cell
from ganglion.supervision.clock import VirtualClock
from ganglion.supervision.dispatchers.deliveries import Deliveries
from ganglion.supervision.dispatchers.simulated import SimulatedDispatcher
from ganglion.supervision.mailbox import Due, Slot

OWNERS_WITHIN = 40
"""Messages among which one is chosen, so that it is not always the first of an instant."""
WATCH_S = 60.0
"""For so long each message is looked at after a crash."""
AGAIN_S = 5.0
"""Somebody outside (an init system) starts a bot again that has ended, or could not start."""


class ViolationActor(Actor[Violation]):
    """Hands what the live monitor finds to the world."""

    def __init__(self, tell: Callable[[Violation], None]) -> None:
        self._tell = tell

    @receives
    def violation(self, message: Violation) -> None:
        """An invariant does not hold."""
        self._tell(message)


@dataclass
class Countdown:
    """Something that happens after so many more messages."""

    left: int
    action: Callable[[], None]
    port: str = ""
    """Begins with an order to this exchange; empty: to any."""


@dataclass
class Life:
    """One process, from its start to its end."""

    system: System
    clock: VirtualClock
    core: SimulatedDispatcher
    deliveries: Deliveries
    log: Log | None = None
    owners: OwnerCheck | None = None
    """Looks at the next message."""
    keeping: Keeping | None = None
    """What waits for actors that are away; while one may be."""
    countdowns: list[Countdown] = field(default_factory=list)
    at_order: list[Countdown] = field(default_factory=list)
    """They begin to count when the next order is sent."""


class _TracedVenue:
    """A port whose requests are part of the trace."""

    def __init__(self, venue: SimulatedVenue, trace: Trace, order_sent: Callable[[], None]) -> None:
        self._venue = venue
        self._trace = trace
        self._order_sent = order_sent

    def submit(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """Note it, and pass it on."""
        self._trace.note(repr(request).encode())
        self._venue.submit(request, reply_to)
        if isinstance(request, CreateOrder):
            self._order_sent()


class Process:
    """One bot."""

    def __init__(
        self,
        blueprint: Blueprint,
        exchanges: Mapping[str, SimulatedExchange],
        timeline: Timeline,
        choices: Choices,
        trace: Trace,
        sights: Sights,
        order: DeliveryOrder,
        violated: Callable[[Violation], None],
        stepped: Callable[[float, str, object], None],
    ) -> None:
        self.blueprint = blueprint
        self.disk = WorldDisk()
        self.life: Life | None = None
        """None while it is dead."""
        self.lives = 0
        self._before = 0
        """Messages handled in all lives before this one."""
        self.skew_ms = 0
        self.records_lost: Callable[[], None] = lambda: None
        """Called when the power took what a lying disk had called durable; set by the world."""
        self.said: list[str] = []
        """Why a start did not succeed, each time."""
        self._dark_s = AGAIN_S
        self._exchanges = exchanges
        self._timeline = timeline
        self._dice = choices.of(f"process:{blueprint.name}")
        self._trace = trace
        self.sights = sights
        self._order = order
        self._violated = violated
        self._stepped = stepped
        self._on_step: Callable[[int, Cell, Any], None] = trace.step

    # -------------------------------------------------------------- life and death

    def start(self) -> None:
        """Begin a life; one that can't is tried again later."""
        if self.life is not None:
            return
        self.lives += 1
        clock = VirtualClock(self._timeline.start_ms, self._timeline.now_s)
        clock.skew_ms = self.skew_ms
        deliveries = Deliveries()
        self._note_steps(deliveries)
        if self._order.wanted:
            deliveries.choose = self._choose
        system = System("simulated", seed=self._dice.getrandbits(64), clock=clock, deliveries=deliveries)
        core = system.core
        if not isinstance(core, SimulatedDispatcher):
            raise TypeError(f"{core!r} is not simulated")
        life = self.life = Life(system, clock, core, deliveries)
        self._listen(system)
        makers = {name: self._maker(account.port) for name, account in self.blueprint.accounts.items()}
        try:
            life.log = self.blueprint.build(system, makers, self.disk)
        except NotStartedError as error:
            self.said.append(str(error))
            self._drop()
            self._timeline.call_later(AGAIN_S, self.start)

    def _maker(self, port: str) -> Callable[[], Venue]:
        exchange, trace = self._exchanges[port], self._trace
        return lambda: _TracedVenue(exchange.connect(), trace, functools.partial(self._order_sent, port))

    def _listen(self, system: System) -> None:
        plan = self.blueprint
        ear: Address[Violation] = system.spawn(ChildSpec("world", lambda: ViolationActor(self._violated)))
        system.subscribe(system.address(plan.monitor), ear, Violation)
        accounts = plan.accounts.values()
        observe(
            system,
            self.sights,
            orders=[account.places.orders for account in accounts],
            portfolios=[account.places.portfolio for account in accounts],
            exchanges=[account.exchange for account in accounts],
            books=plan.books,
            supervisors=plan.supervisors,
        )

    def kill(self, *, power: bool, delay_s: float) -> None:
        """SIGKILL, or a power cut; somebody starts it again after a while."""
        if self.life is None:
            return
        self._drop()
        if power:
            self.disk.power_loss(self._dice)
            if self.disk.lost_promised:
                self.records_lost()
        self.sights.killed(self.disk)
        self._timeline.call_later(delay_s, self.start)

    def _drop(self) -> None:
        for account in self.blueprint.accounts.values():
            self._exchanges[account.port].cut_all()
        life, self.life = self.life, None
        if life is not None:
            self._before += life.deliveries.steps
            life.deliveries.clear()
            life.core.control.clear()
            life.core.close()
        self.disk.dark = False

    # -------------------------------------------------------------- driving

    @property
    def handled(self) -> int:
        """Messages, in all lives."""
        return self._before + (0 if self.life is None else self.life.deliveries.steps)

    def reorder(self, *, on: bool) -> None:
        """Ask for the order of delivery, or take what comes first."""
        if self.life is not None:
            self.life.deliveries.choose = self._choose if on else None

    def _choose(self, _: int, waiting: int) -> int:
        return self._order.choose(self.handled, waiting)

    def fire(self) -> None:
        """Let its next timer fire."""
        if self.life is not None:
            self.life.core.fire_next()

    def next_s(self) -> float | None:
        """When its next timer fires."""
        return None if self.life is None else self.life.core.next_timer_s()

    def drain(self, most: int | None = None) -> None:
        """Handle what can be handled without time passing, at most so many messages."""
        life = self.life
        if life is None:
            return
        core = life.core
        while core.queue or core.control:
            if life.countdowns or life.owners is not None or self.disk.armed or most is not None:
                if life.owners is not None:
                    self._look_at_owners(life, life.owners)
                else:
                    core.drain(1)
                self._count_down(life)
            else:
                core.run_until_idle()
            if self.disk.dark:
                self.kill(power=True, delay_s=self._dark_s)
            if self.life is not life:
                return
            if life.system.ended.is_set():
                self.kill(power=False, delay_s=AGAIN_S)
                return
            if most is not None and (most := most - 1) <= 0:
                return

    def cut_power(self, count: int, delay_s: float) -> None:
        """Let the power go at the `count`-th sync from now."""
        self._dark_s = delay_s
        self.disk.cut_power_at(count)

    def after(self, messages: int, action: Callable[[], None]) -> None:
        """Do something after so many more messages; never, if it dies before."""
        if self.life is None:
            return
        if messages <= 0:
            action()
        else:
            self.life.countdowns.append(Countdown(messages, action))

    def after_next_order(self, messages: int, action: Callable[[], None], exchange: str = "") -> None:
        """The same from the next order on that goes to a venue; of the exchange actor at this path, if one is given."""
        port = next((part.port for part in self.blueprint.accounts.values() if part.exchange == exchange), "")
        if self.life is not None:
            self.life.at_order.append(Countdown(messages, action, port))

    def _order_sent(self, port: str) -> None:
        life = self.life
        if life is not None and life.at_order:
            begun = [countdown for countdown in life.at_order if countdown.port in ("", port)]
            life.at_order = [countdown for countdown in life.at_order if countdown not in begun]
            life.countdowns += begun

    def _count_down(self, life: Life) -> None:
        due = []
        for countdown in life.countdowns:
            countdown.left -= 1
            if countdown.left <= 0:
                due.append(countdown)
        for countdown in due:
            life.countdowns.remove(countdown)
            countdown.action()

    def check_owners(self) -> None:
        """Judge at one of the next messages whether anybody's state changes outside its turn."""
        life = self.life
        if life is not None:

            def look() -> None:
                life.owners = OwnerCheck(life.system)

            self.after(self._dice.randrange(1, OWNERS_WITHIN), look)

    def _look_at_owners(self, life: Life, owners: OwnerCheck) -> None:
        life.owners = None
        found = owners.around(lambda: life.core.drain(1))
        for violation in ([found] if found is not None else []) + owners.shared_state():
            self._violated(violation)

    def watched(self, *, on: bool) -> None:
        """Tell the world of each message, or only note it in the trace."""
        self._on_step = self._step if on else self._trace.step
        if self.life is not None and self.life.keeping is None:
            self._note_steps(self.life.deliveries)

    def _note_steps(self, deliveries: Deliveries) -> None:
        deliveries.on_step = self._on_step
        if self._on_step == self._trace.step:
            deliveries.tapped_by(self._trace.tap)

    def _step(self, number: int, cell: Cell, message: Any) -> None:
        self._trace.step(number, cell, message)
        self._stepped(self._timeline.now_s, cell.path, message)

    def keep_watch(self) -> None:
        """An actor is about to crash: whatever comes for one that is away must reach the one that comes back."""
        life = self.life
        if life is None or life.keeping is not None:
            return
        life.keeping = Keeping(life.system.cells())
        life.deliveries.on_step = self._kept_step
        self._timeline.call_later(WATCH_S, lambda: self._end_watch(life))

    def _kept_step(self, number: int, cell: Cell, message: Any) -> None:
        life = self.life
        found = None if life is None or life.keeping is None else life.keeping.step(cell, message)
        if found is not None:
            self._violated(found)
        self._on_step(number, cell, message)

    def _end_watch(self, life: Life) -> None:
        if life.keeping or life.deliveries.crashing:
            self._timeline.call_later(WATCH_S, lambda: self._end_watch(life))
            return
        life.keeping = None
        self._note_steps(life.deliveries)

    # -------------------------------------------------------------- faults

    def crash(self, path: str) -> bool:
        """Crash the actor at a path between two messages; False if nothing runs there."""
        cell = self._cell(path)
        if cell is None or cell.state is not CellState.RUNNING:
            return False
        cell.dispatcher.put_control(cell, cell.crash, "crashed by a fault of the world")
        return True

    def _cell(self, path: str) -> Cell | None:
        if self.life is None:
            return None
        return self.life.system.find(path)

    def set_skew(self, skew_ms: int) -> None:
        """Set its wall clock wrong by so much."""
        self.skew_ms = skew_ms
        if self.life is not None:
            self.life.clock.skew_ms = skew_ms
        for account in self.blueprint.accounts.values():
            self._exchanges[account.port].bot_skew_ms = skew_ms

    @property
    def sick(self) -> str:
        """Why an operator would start it again; empty while it is well."""
        if self.life is None:
            return "it is dead"
        if self.life.log is not None and self.life.log.failure:
            return f"its journal failed: {self.life.log.failure}"
        for account in self.blueprint.accounts.values():
            rests = stopped_at(self.life.system, account.exchange)
            if rests:
                return f"{account.exchange} rests: {rests}"
        parked = [cell.path for cell in self.life.system.cells() if cell.state is CellState.PARKED]
        return f"{', '.join(parked)} parked" if parked else ""

    def operate(self) -> None:
        """What an operator does when all is healed: start anew what does not run."""
        if self.sick:
            self._drop()
            self.start()


def payload(message: object) -> object:
    """The message that a token in the run queue stands for."""
    if isinstance(message, Slot):
        return message.box[0]
    if isinstance(message, Due):
        return message.message
    return message if isinstance(message, Message) else type(message).__name__
