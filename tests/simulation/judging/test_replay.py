"""I14: the journal makes the live ledger; where it does not, the first difference is named."""

from decimal import Decimal

from ganglion.messages.journal import Append
from ganglion.messages.orders import OrderState
from ganglion.simulation.judging import judge_replay, quiescent
from ganglion.simulation.judging.replay import first_difference
from tests.simulation.judging.scene import texts

D = Decimal
JOURNAL = "/bot/journal"


def judged(scene):
    return texts(judge_replay(scene.bot.log, "alpha", scene.ledger()))


def test_the_journal_of_a_bot_that_does_right_makes_its_live_ledger(scene):
    scene.filled(scene.placed(), "0.4")
    assert quiescent(scene.system, JOURNAL)
    assert judged(scene) == []


def test_a_state_that_no_record_tells_of_is_named_with_both_sides(scene):
    line = scene.line_of(scene.placed())
    line.state = OrderState.CANCELED
    (text,) = judged(scene)
    assert text.startswith("I14 alpha: ")
    assert (
        f"another ledger than the live one: lines[{line.client_id}].state is canceled, the journal makes accepted"
        in text
    )
    assert "(fields that differ: lines)" in text


def test_what_is_on_its_way_to_the_journal_is_no_quiescent_point(scene):
    scene.system.address(JOURNAL).tell(Append("alpha", "", b""))
    assert not quiescent(scene.system, JOURNAL)


def test_a_journal_actor_that_is_away_is_no_quiescent_point(scene):
    assert not quiescent(scene.system, "/bot/nobody")


def test_a_journal_that_cannot_be_read_back_is_told_and_not_halted_for_it(scene):
    scene.placed()
    (segment,) = scene.bot.disk.names("journal")
    scene.bot.disk.flip(f"journal/{segment}", 200)
    (text,) = judged(scene)
    assert "I14 alpha: the journal can't be read back while it is written" in text
    assert scene.bot.log.failure == ""


def test_a_journal_that_has_failed_is_not_judged(scene):
    scene.line_of(scene.placed()).state = OrderState.CANCELED
    scene.bot.log.failure = "no disk"
    assert judged(scene) == []


def test_the_first_difference_is_found_in_dicts_lists_and_money():
    assert first_difference({"a": [1, 2]}, {"a": [1, 3]}, "x") == "x[a][1] is 2, the journal makes 3"
    assert first_difference({"a": 1}, {}, "x") == "x[a] is 1, the journal makes missing"
    assert first_difference({}, {("BTC/USDT", "7"): 1}, "x") == "x[BTC/USDT 7] is missing, the journal makes 1"
    assert first_difference({"a": 1, "b": 2}, {"b": 2, "a": 1}, "x").startswith("x is in another order: live a where")
    assert first_difference(D("1.0"), D("1.00"), "x") == "x is 1.0, the journal makes 1.00"
    assert first_difference((1,), [1], "x") == "x is (1,), the journal makes [1]"
    assert first_difference({"a": D(1)}, {"a": D(1)}, "x") == ""
