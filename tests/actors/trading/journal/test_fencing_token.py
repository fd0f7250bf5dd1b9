"""The journal keeps nothing that an incarnation writes after another has taken its place."""

import pytest

from ganglion.messages.journal import Append, Checkpoint, Durable, JournalRead, ReadJournal
from tests.actors.trading.journal.test_journal_actor import Bench


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.system.stop()


def test_an_append_of_an_incarnation_that_was_replaced_is_refused_and_counted(bench):
    bench.journal.tell(Append("alpha", "first", b"1", token=1))
    bench.journal.tell(ReadJournal("alpha", token=2))
    bench.journal.tell(Append("alpha", "late", b"late", token=1))
    bench.journal.tell(Append("alpha", "second", b"2", token=2))
    bench.run()
    assert bench.keys("alpha") == ["first", "second"]
    bench.journal.tell(ReadJournal("alpha", token=3))
    bench.run()
    assert bench.probes["alpha"].of(JournalRead)[-1].records == (b"1", b"2")
    assert bench.system.dead_letters == {"Append": 1}


def test_its_checkpoint_is_refused_too_and_the_other_account_is_not_concerned(bench):
    bench.journal.tell(ReadJournal("alpha", token=2))
    bench.journal.tell(Checkpoint("alpha", b"old", token=1))
    bench.journal.tell(Append("beta", "b", b"b", token=1))
    bench.run()
    assert bench.probes["beta"].of(Durable)[-1].keys == ("b",)
    assert bench.system.dead_letters == {"Checkpoint": 1}
    assert bench.log.read("alpha").checkpoint == b""
