"""I11 live: what an exchange actor sends is reported cheaply, and a monitor catches one that exceeds its budget."""

import itertools

import pytest

from ganglion.actors.exchange.budget import Budget
from ganglion.actors.trading.monitor import EXCHANGE_TOPICS, MonitorActor
from ganglion.messages import venue as v
from ganglion.messages.lifecycle import BudgetSpent, HaltAccount, Operation, Violation
from ganglion.messages.orders import LookUpOrder
from ganglion.supervision import Probe
from tests.actors.exchange.scripted import SYMBOL, World, failure


class Watched(World):
    """With a monitor."""

    def __init__(self) -> None:
        super().__init__()
        self.portfolio = self.system.probe("portfolio")
        self.reports: Probe = self.system.probe("reports")
        self.violated: Probe = self.system.probe("violated")
        monitor = self.system.spawn(lambda: MonitorActor({"alpha": self.portfolio.address}), name="monitor")
        exchange = self.system.address("/exchange")
        self.system.subscribe(exchange, monitor, *EXCHANGE_TOPICS)
        self.system.subscribe(exchange, self.reports.address, BudgetSpent)
        self.system.subscribe(monitor, self.violated.address, Violation)

    def ask_much(self, count: int) -> None:
        """More look-ups at once than the budget allows."""
        for number in range(count):
            self.exchange.tell(LookUpOrder(f"o{number}", None, SYMBOL, 0))

    def ban(self) -> None:
        """The venue wants silence for 20 s."""
        self.answers[v.FetchMyTrades] = lambda r: v.RequestFailed(
            r.request_id, 1.0, failure("DDoSProtection", Operation.READ, retry_after_s=20.0)
        )
        self.ask_much(1)
        self.system.run_until_idle()
        self.answers.clear()

    def invariants(self) -> list[str]:
        return [violation.invariant for violation in self.violated.of(Violation)]


def test_a_busy_exchange_actor_reports_at_most_once_a_second_and_keeps_its_budget() -> None:
    world = Watched()
    world.start()
    world.system.run_for(1.0)
    before = len(world.reports.received)
    world.ask_much(200)
    world.system.run_for(60.0)
    reports = world.reports.of(BudgetSpent)[before:]
    assert all(later.at_s - earlier.at_s >= 0.999 for earlier, later in itertools.pairwise(reports))
    assert reports[-1].requests > 200
    assert world.invariants() == []


def test_an_idle_exchange_actor_reports_nothing() -> None:
    world = Watched()
    world.start()
    world.system.run_for(2.0)
    before = len(world.reports.received)
    world.system.run_for(25.0)
    assert len(world.reports.received) == before


def test_a_ban_is_reported_when_it_begins_and_kept() -> None:
    world = Watched()
    world.start()
    world.system.run_for(1.0)
    world.ban()
    report = world.reports.of(BudgetSpent)[-1]
    assert (report.at_s, report.banned_until_s) == (world.system.clock.monotonic_s(), report.at_s + 20.0)
    world.ask_much(10)
    world.system.run_for(60.0)
    assert world.invariants() == []


@pytest.mark.parametrize("times", [1, 3])
def test_a_restart_gives_no_new_budget(times: int) -> None:
    world = Watched()
    world.start()
    world.ask_much(200)
    for _ in range(times):
        world.system.run_for(0.5)
        world.system.fail("/exchange", "on purpose")
        world.system.run_for(5.0)
        world.ask_much(50)
    world.system.run_for(20.0)
    assert len(world.actors) == 1 + times
    assert world.invariants() == []


# ------------------------------------------------------------------ sabotage


def test_a_sender_that_does_not_ask_its_budget_is_caught_and_its_account_halted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = Watched()
    world.start()
    world.system.run_for(1.0)
    monkeypatch.setattr(Budget, "ready_at", lambda _self, _priority, _cost, now_s: now_s)
    world.ask_much(200)
    world.system.run_for(5.0)
    assert "I11" in world.invariants()
    assert world.portfolio.of(HaltAccount)[0].cause.startswith("I11")


def test_a_sender_that_does_not_keep_a_ban_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Watched()
    world.start()
    world.system.run_for(1.0)
    world.ban()
    monkeypatch.setattr(Budget, "ready_at", lambda _self, _priority, _cost, now_s: now_s)
    world.ask_much(1)
    world.system.run_for(5.0)
    assert "in a ban" in world.violated.of(Violation)[0].text
