"""A world: bots and their venues in one virtual time, from one seed, with faults, and a judge over all of it.

    world = World([blueprint], [PortSettings("alpha", ("BTC/USDT",))], seed=7, faults=Faults.swarm())
    world.run(hours=2); world.heal(); world.settle()
    world.violations, world.trace_hash, world.coverage

Three phases: safety (`run`, faults on, invariants judged all the time), `heal`, liveness (`settle`: within bounded time
everything is known and agrees with the venues). The same seed, code and configuration give the same trace hash.
It knows bots by their `Blueprint` only; `bot/world.py` makes one of a configuration.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ganglion.actors.trading.journal.device import JOURNAL
from ganglion.messages.lifecycle import ActorFailed, Violation
from ganglion.simulation.choices import Choices
from ganglion.simulation.faults.fault import Fault
from ganglion.simulation.faults.swarm import Faults, Sites
from ganglion.simulation.judging import (
    Books,
    Coverage,
    Reconciles,
    Sights,
    Spelling,
    VenueOracle,
    journals,
    judge_modes,
    judge_replay,
    judge_settled,
    ledger_at,
    quiescent,
    restless,
)
from ganglion.simulation.port import PortSettings, SimulatedExchange
from ganglion.simulation.world.blueprint import AccountPart, Blueprint
from ganglion.simulation.world.delivery import DeliveryOrder
from ganglion.simulation.world.hurting import Hurting
from ganglion.simulation.world.process import Process, payload
from ganglion.simulation.world.timeline import START_MS, Timeline
from ganglion.simulation.world.trace import Trace

OWNERS_FIRST_S, OWNERS_EVERY_S = 20.0, 1800.0
"""Looks at whose state changes in whose turn; each takes 20 ms."""
LOOK_S = 5.0
"""Between two looks at what has arrived at the venues."""
BETWEEN_TICKS_S = 0.25
"""After a tick of the venues: what it has told has arrived, and the next is to come."""
SETTLE_STEP_S = 0.25
SETTLE_S = 900.0
"""An arm that was parked after too many failures rests for 300 s before it is tried again."""
HORIZON_S = 3600.0
Watch = Callable[[int, float, str, object], None]


class Seen(NamedTuple):
    """A violation, and when it was seen."""

    invariant: str
    account: str
    text: str
    at_s: float
    step: int

    def __str__(self) -> str:
        """One line."""
        return f"{self.invariant} {self.account} at {self.at_s:.3f} s, step {self.step}: {self.text}"


class World:
    """See the file's docstring."""

    def __init__(
        self,
        bots: Sequence[Blueprint],
        exchanges: Sequence[PortSettings],
        *,
        seed: int = 0,
        faults: Faults | Sequence[Fault] | None = None,
        start_ms: int = START_MS,
        deviate: bool | Iterable[tuple[int, int]] = True,
    ) -> None:
        """Make it; nothing runs before `run`.

        Args:
            bots: who trades in it, each with accounts of its own and a name of its own.
            exchanges: its venues.
            seed: everything is drawn from it.
            faults: what goes wrong: a choice of kinds, or a list; None for nothing.
            start_ms: its first date.
            deviate: whether delivery may leave first-in-first-out where a fault says so, or the (step, index) at which
                it does.

        Raises:
            ValueError: a fault's target is not in this world.
        """
        self.seed = seed
        self.timeline = Timeline(start_ms)
        self.choices = Choices(seed)
        self.trace = Trace()
        self._watch: Watch | None = None
        self._coverage = Coverage()
        self._violations: dict[tuple[str, str, str], Seen] = {}
        self.exchanges: dict[str, SimulatedExchange] = {}
        for settings in exchanges:
            beside = self.exchanges[settings.beside] if settings.beside else None
            self.exchanges[settings.key] = SimulatedExchange(
                settings, self.timeline, self.choices, self._coverage.sometimes, beside
            )
        given = None if deviate is True else {} if deviate is False else dict(deviate)
        self._order = DeliveryOrder(self.choices.of("delivery"), given)
        self.processes = {blueprint.name: self._process(blueprint) for blueprint in bots}
        self.oracles = {
            account.port: self._oracle(blueprint, name, account)
            for blueprint in bots
            for name, account in blueprint.accounts.items()
        }
        self._books = {key: Books(exchange) for key, exchange in self.exchanges.items()}
        self._hurting = Hurting(
            self.processes, self.exchanges, self.timeline, self.choices, self._order, self._coverage.sometimes
        )
        self._faults = faults if isinstance(faults, Faults) else Faults.of(tuple(faults or ()))
        self._sites = _sites_of(bots, self.exchanges)
        self._sites.check(self._faults.explicit)
        self._planned: tuple[Fault, ...] = ()
        self._horizon_s = 0.0
        self._begun = False

    def _process(self, blueprint: Blueprint) -> Process:
        process = Process(
            blueprint,
            self.exchanges,
            self.timeline,
            self.choices,
            self.trace,
            Sights(self._coverage, self.timeline.now_ms),
            self._order,
            lambda violation: self._told(blueprint, violation),
            self._stepped,
        )
        process.records_lost = functools.partial(self._lost, blueprint)
        process.sights.reconciles = self._reconciles(blueprint)
        process.sights.raised = functools.partial(self._raised, blueprint)
        return process

    def _reconciles(self, blueprint: Blueprint) -> Reconciles:
        def read(account: str) -> int:
            return self.exchanges[blueprint.accounts[account].port].read

        return Reconciles(read, lambda violation: self._told(blueprint, violation))

    def _oracle(self, blueprint: Blueprint, name: str, account: AccountPart) -> VenueOracle:
        exchange = self.exchanges[account.port]
        oracle = VenueOracle(
            exchange.core,
            exchange.account,
            name,
            blueprint.tag,
            spelling=Spelling(),
            client_id_length=account.client_id_length,
        )
        oracle.withheld = lambda order: (order.symbol, order.id) in exchange.withheld
        return oracle

    @property
    def watch(self) -> Watch | None:
        """Told of each message before it is handled."""
        return self._watch

    @watch.setter
    def watch(self, watch: Watch | None) -> None:
        self._watch = watch
        for process in self.processes.values():
            process.watched(on=watch is not None)

    # -------------------------------------------------------------- what came of it

    @property
    def now_s(self) -> float:
        """Virtual seconds since it began."""
        return self.timeline.now_s

    @property
    def steps(self) -> int:
        """Messages that were handled."""
        return sum(process.handled for process in self.processes.values())

    @property
    def book_events(self) -> int:
        """Changes of books that the venues told."""
        return sum(sum(exchange.sequences.values()) for exchange in self.exchanges.values())

    @property
    def violations(self) -> tuple[Seen, ...]:
        """What did not hold, each once, in the order in which it was seen."""
        return tuple(self._violations.values())

    @property
    def trace_hash(self) -> str:
        """The fingerprint of everything that happened, the journals' bytes included."""
        disks = [process.disk for process in self.processes.values()]
        return self.trace.digest(*(disk.read(f"{JOURNAL}/{name}") for disk in disks for name in disk.names(JOURNAL)))

    @property
    def coverage(self) -> Mapping[str, int]:
        """How often each thing that a campaign must meet was met; zeros included."""
        return self._coverage

    @property
    def plan(self) -> tuple[Fault, ...]:
        """The faults that have begun."""
        return tuple(fault for fault in self._planned if fault.at_s <= self.now_s)

    @property
    def deviations(self) -> tuple[tuple[int, int], ...]:
        """Where delivery left first-in-first-out, as (step, index)."""
        return tuple(self._order.deviations)

    # -------------------------------------------------------------- phases

    def run(
        self, *, hours: float = 0.0, minutes: float = 0.0, seconds: float = 0.0, until_step: int | None = None
    ) -> World:
        """Let virtual time pass, with faults; not beyond a step where one is given.

        Raises:
            ValueError: the time is none, or is not finite.
        """
        span_s = hours * 3600 + minutes * 60 + seconds
        if not (math.isfinite(span_s) and span_s > 0):
            raise ValueError(f"a world runs for some time, not for {span_s:g} s: run(hours=2), run(minutes=30)")
        self._begin()
        until_s = self.now_s + span_s
        self._plan_until(until_s)
        self._run_until(until_s, until_step)
        return self

    def heal(self) -> World:
        """End every fault, and begin no more."""
        self._begin()
        self._faults, self._horizon_s = Faults.none(), float("inf")
        self._planned = self.plan
        self._hurting.heal()
        return self

    def settle(self, limit_s: float = SETTLE_S) -> World:
        """Let it come to rest and judge it against the truth; what does not agree in time is a violation."""
        until_s = self.now_s + limit_s
        while True:
            self._run_until(min(until_s, self.now_s + SETTLE_STEP_S), None)
            wrong = self._judge_settled()
            if not wrong or self.now_s >= until_s:
                break
        for violation in wrong:
            self._violated(violation)
        for violation in self._judge_journals():
            self._violated(violation)
        return self

    # -------------------------------------------------------------- time

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        for exchange in self.exchanges.values():
            exchange.start()
        for process in self.processes.values():
            process.start()
        self.timeline.call_later(LOOK_S, self._look)
        self.timeline.call_later(LOOK_S + BETWEEN_TICKS_S, self._look_at_decisions)
        self.timeline.call_later(OWNERS_FIRST_S, self._look_at_owners)

    def _plan_until(self, until_s: float) -> None:
        """Draw further ahead; a longer horizon only adds faults, because each kind draws one after the other."""
        if until_s <= self._horizon_s:
            return
        before_s, self._horizon_s = self._horizon_s, max(HORIZON_S, 2 * until_s)
        # Generators of its own, or a second drawing would go on where the first has stopped.
        self._planned = self._faults.draw(Choices(self.seed), self._horizon_s, self._sites)
        for fault in self._planned:
            if before_s <= fault.at_s < self._horizon_s:
                self.timeline.call_at(fault.at_s, functools.partial(self._let_begin, fault))

    def _let_begin(self, fault: Fault) -> None:
        if fault in self._planned:
            self._hurting.begin(fault)

    def _run_until(self, until_s: float, until_step: int | None) -> None:
        timeline, processes = self.timeline, list(self.processes.values())
        while True:
            for process in processes:
                process.drain(None if until_step is None else until_step - self.steps)
            if until_step is not None and self.steps >= until_step:
                return
            when_s, who = timeline.next_s(), None
            for process in processes:
                next_s = process.next_s()
                if next_s is not None and (when_s is None or next_s < when_s):
                    when_s, who = next_s, process
            if when_s is None or when_s > until_s:
                break
            if when_s > timeline.now_s:
                self._move_to(when_s)
            if who is None:
                timeline.fire()
            else:
                who.fire()
        if until_s > timeline.now_s:
            self._move_to(until_s)

    def _move_to(self, when_s: float) -> None:
        self.timeline.now_s = when_s
        self.trace.time(when_s)
        for process in self.processes.values():
            if process.life is not None:
                process.life.clock.move_to(when_s)

    def _stepped(self, now_s: float, path: str, message: object) -> None:
        if self._watch is not None:
            self._watch(self.steps, now_s, path, payload(message))

    # -------------------------------------------------------------- judging

    def _lost(self, bot: Blueprint) -> None:
        for account in bot.accounts.values():
            self.oracles[account.port].lost_records = True

    def _raised(self, bot: Blueprint, failed: ActorFailed) -> None:
        """An actor of a bot failed, and no fault made it."""
        failure = failed.failure
        where = failure.traceback.rpartition("\n")[2].strip()
        text = f"{failed.path} raised {failure.error}: {failure.text}"
        self._violated(Violation("I15", bot.name, f"{text} ({where})" if where else text))

    def _told(self, bot: Blueprint, violation: Violation) -> None:
        """A bot's own monitor has found something."""
        account = bot.accounts.get(violation.account)
        if account is None or not self.oracles[account.port].excuses(violation):
            self._violated(violation)

    def _violated(self, violation: Violation) -> None:
        key = (violation.invariant, violation.account, violation.text)
        self._violations.setdefault(key, Seen(*key, round(self.now_s, 6), self.steps))

    def _look(self) -> None:
        self.timeline.call_later(LOOK_S, self._look)
        for process in self.processes.values():
            for account in process.blueprint.accounts.values():
                life = process.life
                ledger = None if life is None else ledger_at(life.system, account.places.orders)
                for violation in self.oracles[account.port].look(ledger):
                    self._violated(violation)
                if ledger is not None:
                    process.sights.look(ledger)

    def _look_at_decisions(self) -> None:
        self.timeline.call_later(LOOK_S, self._look_at_decisions)
        for process in self.processes.values():
            life = process.life
            if life is None:
                continue
            for account in process.blueprint.accounts.values():
                for violation in self._books[account.port].look(life.system, process.blueprint.books):
                    self._violated(violation)
                ledger = ledger_at(life.system, account.places.orders)
                for violation in judge_modes(self.oracles[account.port], ledger, life.system) if ledger else ():
                    self._violated(violation)

    def _look_at_owners(self) -> None:
        self.timeline.call_later(OWNERS_EVERY_S, self._look_at_owners)
        for process in self.processes.values():
            process.check_owners()

    def _judge_settled(self) -> list[Violation]:
        wrong: list[Violation] = []
        for process in self.processes.values():
            life = process.life
            if life is None:
                text = f"the bot {process.blueprint.name} does not start: {'; '.join(process.said[-1:]) or 'not yet'}"
                wrong.append(Violation("I4", process.blueprint.name, text))
                continue
            for name, account in process.blueprint.accounts.items():
                why = restless(life.system, account.places)
                if why:
                    wrong.append(Violation("I4", name, f"not settled: {why}"))
                else:
                    wrong += judge_settled(self.oracles[account.port], life.system, account.places)
        return wrong

    def _judge_journals(self) -> Iterable[Violation]:
        for process in self.processes.values():
            life = process.life
            if life is None or life.log is None or not quiescent(life.system, process.blueprint.journal):
                continue
            for name, account in process.blueprint.accounts.items():
                ledger = ledger_at(life.system, account.places.orders)
                if ledger is not None and journals(life.system, account.places.orders):
                    yield from judge_replay(life.log, name, ledger)


def _sites_of(bots: Sequence[Blueprint], exchanges: Iterable[str]) -> Sites:
    return Sites(
        tuple(exchanges),
        tuple(_target(bot, path, bots) for bot in bots for path in bot.actors),
        tuple(_target(bot, path, bots) for bot in bots for path in bot.supervisors),
    )


def _target(blueprint: Blueprint, path: str, bots: Sequence[Blueprint]) -> str:
    return path if len(bots) == 1 else f"{blueprint.name}:{path}"
