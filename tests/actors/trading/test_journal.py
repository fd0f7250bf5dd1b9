"""The journal: records of each account in their order, across restarts, under one run root for ever."""

import pytest

from ganglion.actors.trading.journal import JournalActor, MemoryStore
from ganglion.actors.trading.journal.store import StoreError
from ganglion.messages.account import Append, Durable, JournalRead, ReadJournal
from ganglion.supervision import System


@pytest.fixture
def bench():
    system = System(dispatcher="simulated", seed=0)
    probes = {name: system.probe(name) for name in ("alpha", "beta")}
    store = MemoryStore()
    orders = {name: probe.address for name, probe in probes.items()}
    journal = system.spawn(lambda: JournalActor(store, orders), name="journal")
    yield system, journal, probes, store
    system.stop()


def test_every_append_is_answered_with_its_key(bench):
    system, journal, probes, _ = bench
    journal.tell(Append("alpha", "k1", b"one"))
    journal.tell(Append("alpha", "k2", b"two"))
    system.run_until_idle()
    assert [durable.key for durable in probes["alpha"].of(Durable)] == ["k1", "k2"]
    assert not probes["beta"].received


def test_each_account_reads_its_own_records_in_their_order(bench):
    system, journal, probes, _ = bench
    for account, record in (("alpha", b"a1"), ("beta", b"b1"), ("alpha", b"a2")):
        journal.tell(Append(account, "k", record))
    journal.tell(ReadJournal("alpha"))
    system.run_until_idle()
    assert probes["alpha"].of(JournalRead)[0].records == (b"a1", b"a2")


def test_records_and_run_root_outlive_the_journal_actor(bench):
    system, journal, probes, _ = bench
    journal.tell(Append("alpha", "k", b"a1"))
    journal.tell(ReadJournal("alpha"))
    system.run_until_idle()
    system.fail("/journal")
    system.run_for(5)
    journal.tell(ReadJournal("alpha"))
    system.run_for(5)
    first, second = probes["alpha"].of(JournalRead)
    assert first == second
    assert len(first.run_root) == 16


def test_a_run_root_is_never_replaced():
    store = MemoryStore()
    store.begin(b"r" * 16)
    with pytest.raises(StoreError, match="never be replaced"):
        store.begin(b"s" * 16)


def test_systems_of_different_seeds_have_different_run_roots():
    roots = []
    for seed in range(2):
        system = System(dispatcher="simulated", seed=seed)
        store = MemoryStore()
        system.spawn(lambda store=store: JournalActor(store, {}), name="journal")
        roots.append(store.run_root)
        system.stop()
    assert roots[0] != roots[1]
