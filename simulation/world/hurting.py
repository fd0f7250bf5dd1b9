"""Lets the faults of a world begin and end: whoever they strike is told, at their time.

Faults of a venue end by themselves (simulation/port); the ends of the others are set here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ganglion.simulation.choices import Choices
from ganglion.simulation.faults.fault import KINDS, Fault, FaultKind, Site, Target
from ganglion.simulation.judging import fault_name
from ganglion.simulation.port import SimulatedExchange
from ganglion.simulation.world.delivery import DeliveryOrder
from ganglion.simulation.world.process import Process
from ganglion.simulation.world.timeline import Timeline

BEFORE_ITS_ANSWER = 5
NEAR_AN_ORDER = 16
"""Messages: within so many after an order was sent its answer has seldom come, or mostly."""
ROOM = 64
"""Bytes left on a full disk: a write begins and does not end."""


class Hurting:
    """What the faults of a world do."""

    def __init__(
        self,
        processes: Mapping[str, Process],
        exchanges: Mapping[str, SimulatedExchange],
        timeline: Timeline,
        choices: Choices,
        order: DeliveryOrder,
        met: Callable[[str], None],
    ) -> None:
        self._processes = processes
        self._exchanges = exchanges
        self._timeline = timeline
        self._dice = choices.of("faults:which bot")
        self._order = order
        self._met = met
        self._round = 0
        """Of heals: what was to end later than one has ended by it."""
        self._reordering = 0

    def begin(self, fault: Fault) -> None:
        """A fault begins now."""
        info = KINDS[fault.kind]
        if info.site is Site.PORT or fault.kind is FaultKind.VENUE_CLOCK:
            self._exchanges[fault.target].begin(fault)
            return
        process = self._process_of(fault, info.target)
        match info.site:
            case Site.CLOCK:
                self._met(fault_name(fault.kind))
                process.set_skew(round(fault.delay_s * 1000))
                self._end(fault, lambda: process.set_skew(0))
            case Site.DELIVERY:
                self._disturb(process, fault)
            case Site.DISK:
                self._spoil(process, fault)
            case _ if fault.kind is FaultKind.ACTOR_CRASH and fault.target.endswith("/exchange") and fault.steps % 4:
                # What is under way at that instant is what an exchange's crash is about.
                left = fault.steps // 4 % BEFORE_ITS_ANSWER
                process.after_next_order(left, lambda: self._strike(process, fault), path_of(fault))
            case _:
                process.after(fault.steps, lambda: self._strike(process, fault))

    def heal(self) -> None:
        """Every fault ends, and an operator starts what does not run."""
        self._round += 1
        self._reordering = 0
        self._set_reordering()
        for exchange in self._exchanges.values():
            exchange.heal()
        for process in self._processes.values():
            process.set_skew(0)
            process.disk.mend()
            if process.life is not None:
                process.life.countdowns.clear()
                process.life.at_order.clear()
                process.life.deliveries.forget_crash()
                process.life.deliveries.release_all()
            process.operate()

    def _process_of(self, fault: Fault, target: Target) -> Process:
        processes = list(self._processes.values())
        if target is not Target.BOT and ":" in fault.target:
            return self._processes[fault.target.partition(":")[0]]
        return processes[0] if len(processes) == 1 else self._dice.choice(processes)

    def _end(self, fault: Fault, action: Callable[[], None]) -> None:
        """Have it end after its time, unless a heal came before."""
        begun_in = self._round

        def end() -> None:
            if begun_in == self._round:
                action()

        self._timeline.call_later(fault.seconds, end)

    # -------------------------------------------------------------- delivery

    def _disturb(self, process: Process, fault: Fault) -> None:
        if fault.kind is FaultKind.REORDERED:
            self._met(fault_name(fault.kind))
            self._reordering += 1
            self._set_reordering()
            self._end(fault, self._in_order)
            return
        life, path = process.life, path_of(fault)
        if life is None:
            return
        self._met(fault_name(fault.kind))
        life.deliveries.hold(path)
        self._end(fault, lambda: life.deliveries.release(path))

    def _in_order(self) -> None:
        self._reordering -= 1
        self._set_reordering()

    def _set_reordering(self) -> None:
        self._order.on = self._reordering > 0
        for process in self._processes.values():
            process.reorder(on=self._order.wanted)

    # -------------------------------------------------------------- disks

    def _spoil(self, process: Process, fault: Fault) -> None:
        trouble = process.disk.trouble
        self._met(fault_name(fault.kind))
        match fault.kind:
            case FaultKind.LOST_SYNC:
                trouble.lost_sync = True
            case FaultKind.FULL_DISK:
                trouble.room = ROOM
            case FaultKind.BROKEN_DISK:
                trouble.broken = True
            case _:
                trouble.read_only = True
        self._end(fault, lambda: self._repair(process, fault))

    def _repair(self, process: Process, fault: Fault) -> None:
        trouble = process.disk.trouble
        match fault.kind:
            case FaultKind.LOST_SYNC:
                trouble.lost_sync = False
                return
            case FaultKind.FULL_DISK:
                trouble.room = None
            case FaultKind.BROKEN_DISK:
                trouble.broken = False
            case _:
                trouble.read_only = False
        begun_in = self._round

        def operate() -> None:
            if begun_in == self._round and process.sick:
                process.operate()

        self._timeline.call_later(fault.delay_s, operate)

    # -------------------------------------------------------------- crashes

    def _strike(self, process: Process, fault: Fault) -> None:
        match fault.kind:
            case FaultKind.ACTOR_CRASH | FaultKind.SUPERVISOR_CRASH:
                process.keep_watch()
                if process.crash(path_of(fault)):
                    self._met(fault_name(fault.kind))
                    if fault.seconds:
                        self._timeline.call_later(fault.delay_s, lambda: self._crowd(process, fault))
            case FaultKind.ACTOR_CRASH_INSIDE:
                if process.life is not None:
                    process.keep_watch()
                    process.life.deliveries.crash_at_send(path_of(fault), fault.times)
                    self._met(fault_name(fault.kind))
            case FaultKind.KILL:
                if fault.steps % 2:
                    # Half of the kills come while an order is on its way: at any instant they would seldom meet one.
                    process.after_next_order(fault.steps // 2 % NEAR_AN_ORDER, lambda: self._kill(process, fault))
                else:
                    self._kill(process, fault)
            case _:
                self._cut_power(process, fault)

    def _kill(self, process: Process, fault: Fault) -> None:
        if process.life is not None:
            self._met(fault_name(fault.kind))
        process.kill(power=False, delay_s=fault.delay_s)

    def _crowd(self, process: Process, fault: Fault) -> None:
        """A part of what comes during a restart was kept for it, and the rest is still in the run queue behind it."""
        life, path = process.life, path_of(fault)
        if life is not None:
            life.deliveries.hold(path)
            self._end(fault, lambda: life.deliveries.release(path))

    def _cut_power(self, process: Process, fault: Fault) -> None:
        """Half of the cuts come in the middle of the next write."""
        if process.life is None:
            return
        self._met(fault_name(fault.kind))
        if fault.steps % 2:
            process.cut_power(1 + fault.steps % 3, fault.delay_s)
        else:
            process.kill(power=True, delay_s=fault.delay_s)


def path_of(fault: Fault) -> str:
    """The path that a fault strikes; in a world of several bots the bot's name and a colon stand before it."""
    return fault.target.rpartition(":")[2]
