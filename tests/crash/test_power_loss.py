"""The power goes: written and not synced, synced and not told, and on a disk that lies about it. In virtual time.

The real journal, orders, portfolio and monitor actors trade on a model venue that outlives them; each life ends in the
middle of a sync, and the next one starts on what the platter still has.
"""

import errno
import os
import random

import hypothesis.strategies as st
from hypothesis import given, settings

from ganglion.messages.lifecycle import Halted
from ganglion.messages.orders import OrderState, PlaceOrder, SendOrder, Side
from ganglion.simulation.disk import MemoryDisk
from tests.actors.trading.model_venue import Fates, World
from tests.actors.trading.world import Account

NEVER = frozenset({OrderState.INTENDED, OrderState.DENIED, OrderState.REJECTED})
SEGMENT = 8_192


class Platter(MemoryDisk):
    """Loses power in the middle of a sync: before it (`synced` False) or right after it, with nobody told."""

    def __init__(self) -> None:
        super().__init__()
        self.dead = False
        self._syncs_left: int | None = None
        self._synced = False

    def cut_at(self, sync: int, *, synced: bool) -> None:
        self._syncs_left, self._synced = sync, synced

    def sync(self, name: str) -> None:
        if self._syncs_left is not None:
            self._syncs_left -= 1
            if self._syncs_left <= 0:
                if self._synced:
                    super().sync(name)
                self.dead = True
                raise OSError(errno.EIO, os.strerror(errno.EIO), name)
        super().sync(name)

    def restart(self, dice: random.Random) -> None:
        """Power again: what was not on the platter is gone, or in pieces."""
        self.power_loss(dice)
        self.dead = False
        self._syncs_left = None


class Lives:
    """One account on one venue and one disk, through many lives."""

    def __init__(self, seed: int, fates: Fates | None = None) -> None:
        self.dice = random.Random(seed)
        self.world = World()
        self.disk = Platter()
        self.fates = fates or Fates(seed=seed, delay_s=0.05)
        self.now_s = 0.0
        self.count = 0

    def begin(self) -> Account:
        self.count += 1
        account = Account(
            self.fates,
            world=self.world,
            disk=self.disk,
            modes=("grid", "maker"),
            segment_bytes=SEGMENT,
            now_s=self.now_s,
        )
        account.intents = self.count * 1_000
        account.system.wait_for(lambda: self.disk.dead, 5.0)
        return account

    def trade(self, account: Account, steps: int) -> None:
        """Orders, cancels and fills, until the power goes or the steps are done."""
        dice = self.dice
        for _ in range(steps):
            if self.disk.dead:
                return
            account.top(99.0, 101.0)
            intent = account.intent(
                dice.choice(list(Side)), dice.choice(["99.5", "100", "100.5"]), dice.choice(["0.06", "0.1", "0.25"]),
                dice.choice(["grid", "maker"]),
            )  # fmt: skip
            account.portfolio.tell(PlaceOrder(intent))
            self.happen(account, dice.choice([0.0, 0.001, 0.03, 0.4]))

    def happen(self, account: Account, seconds: float) -> None:
        resting = self.world.open_orders()
        if resting and self.dice.random() < 0.5:
            self.world.fill(self.dice.choice(resting), self.dice.choice([o.amount / 2 for o in resting]))
        if resting and self.dice.random() < 0.2:
            for intent_id in self.dice.sample(account.sent.of(SendOrder), 1) if account.sent.of(SendOrder) else ():
                account.cancel(intent_id.intent.intent_id, intent_id.intent.mode)
        account.system.wait_for(lambda: self.disk.dead, seconds)

    def end(self, account: Account) -> None:
        """The power is gone: nothing of this life happens any more, the venue goes on."""
        self.now_s = account.system.clock.monotonic_s() + self.dice.choice([0.5, 3.0, 40.0])
        now_ms = account.system.clock.now_ms()
        self.world.listeners.clear()
        self.world.now_ms = lambda: now_ms
        resting = self.world.open_orders()
        for order in resting[: self.dice.randint(0, 2)]:
            self.world.fill(order, order.amount)
        self.disk.restart(self.dice)


def lost(world: World, account: Account) -> list[str]:
    """Orders of the venue that the journal does not know."""
    known = account.ledger().lines
    return [order.client_id for order in world.orders.values() if order.client_id not in known]


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_no_order_is_lost_or_doubled_when_the_power_goes_in_the_middle_of_a_sync(seed: int) -> None:
    lives = Lives(seed)
    for _ in range(4):
        lives.disk.cut_at(lives.dice.randint(1, 25), synced=lives.dice.random() < 0.5)
        account = lives.begin()
        lives.trade(account, 25)
        lives.end(account)
    account = lives.begin()
    lives.trade(account, 3)
    account.run(200)
    ledger = account.ledger()
    assert lost(lives.world, account) == []
    assert set(lives.world.arrivals.values()) <= {1}
    assert account.violations() == []
    assert ledger.states.entries == []
    assert [line.client_id for line in ledger.open_lines() if line.state is OrderState.UNKNOWN] == []
    there = {order.client_id for order in lives.world.orders.values()}
    sent = {line.client_id for line in ledger.lines.values() if line.state not in NEVER and line.exists}
    assert sent == there
    assert {asset: amount for asset, amount in ledger.totals().items() if amount} == lives.world.balances
    assert {key for _, key in ledger.fills} == {trade.trade_id for trade in lives.world.trades}
    assert ledger.externals == []


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_an_order_that_a_lying_disk_has_forgotten_halts_the_account_and_is_never_placed_again(seed: int) -> None:
    lives = Lives(seed)
    account = lives.begin()
    lives.trade(account, 2)
    account.run(2)
    lives.disk.trouble.lost_sync = True
    before = len(lives.world.orders)
    while len(lives.world.orders) < before + 2:
        lives.trade(account, 1)
        account.run(1)
    lives.disk.trouble.lost_sync = False
    lives.end(account)
    account = lives.begin()
    gone = lost(lives.world, account)
    forgotten = [order for order in lives.world.orders.values() if order.client_id in gone]
    placed = len(lives.world.orders)
    lives.trade(account, 5)
    account.run(60)
    assert set(lives.world.arrivals.values()) == {1}
    if forgotten:
        # Where the forgotten end is no whole frame that is the first cause; the orphans are told all the same.
        (first, *_) = [m for m in account.watcher.of(Halted) if m.mode is None]
        assert "ORPHAN" in first.cause or "the journal is damaged" in first.cause
        for order in forgotten:
            assert any("ORPHAN" in text and order.client_id in text for text in account.violations())
        assert len(lives.world.orders) == placed
