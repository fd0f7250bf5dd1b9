"""A mode that blocks its arm's thread for ever: the arm lives again on another one, its neighbour misses nothing.

The mode blocks a second time and is parked. In the end its threads are let go, and are shown to have done nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganglion.messages.lifecycle import CellState, ThreadAbandoned
from ganglion.messages.orders import OrderUpdate
from ganglion.simulation.venue import VenueControl
from ganglion.supervision import System
from tests.acceptance import stage as stages
from tests.acceptance.stage import (
    BTC,
    ETH,
    Stage,
    arm_text,
    bot_text,
    configured,
    frames_of,
    mode_text,
    odd_mode,
    posts,
    traders,
)

HANG_S = 1.0
SEEN_WITHIN_S = 10.0


@dataclass
class Hung:
    """What is left to look at after both hangs."""

    stage: Stage
    alpha: VenueControl
    beta: VenueControl
    before: dict[str, int]
    """The last depth update of beta that was handled before the first hang, by symbol."""
    mark: int
    threads: list[object]
    """Those that alpha ran on, oldest first."""


@pytest.fixture(scope="module")
def hung(folder: Path, alpha: VenueControl, beta: VenueControl) -> Iterator[Hung]:
    text = bot_text(
        arm_text("alpha", alpha.base_url),
        arm_text("beta", beta.base_url),
        *traders("alpha"),
        *traders("beta"),
        mode_text("blocker", odd_mode("Blocker"), "alpha", BTC),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "System", lambda dispatcher: System(dispatcher, stuck_after_s=0.2, hang_s=HANG_S))
        patch.setattr(stages, "FROM_TREE", (*stages.FROM_TREE, ThreadAbandoned))
        config = configured(text, folder)
        blocker = config.modes["blocker"].entry.kind
        with Stage(config) as stage:
            arm = stage.system.dispatcher("alpha")
            threads: list[object] = [arm._thread]
            stage.wait(lambda: stage.trading("alpha") and stage.trading("beta"), 15, "both arms trade")
            stage.wait(lambda: all(stage.tape.handled_ids("beta", s) for s in (BTC, ETH)), 10, "beta has books")
            before = {symbol: stage.tape.handled_ids("beta", symbol)[-1] for symbol in (BTC, ETH)}
            mark = stage.mark
            blocker.armed.set()
            try:
                for times in (1, 2):
                    assert blocker.blocked.acquire(timeout=15.0)
                    stage.wait(lambda t=times: len(stage.heard(ThreadAbandoned)) == t, SEEN_WITHIN_S, "it is seen")
                    threads.append(arm._thread)
                stage.wait(lambda: stage.cell("modes", "blocker").state is CellState.PARKED, 5, "it is parked")
                stage.wait(lambda: stage.reconciled("alpha", stage_mark(stage)), 20, "alpha is back")
                yield Hung(stage, alpha, beta, before, mark, threads)
            finally:
                blocker.gate.set()
                stage.system.wait_for(lambda: stage.system.quarantine.count == 0, 10.0)


def stage_mark(stage: Stage) -> int:
    """How many messages there were when the last thread was abandoned."""
    received = list(stage.spy.received)
    return max(index for index, message in enumerate(received) if isinstance(message, ThreadAbandoned))


def test_the_bot_says_which_actor_hung_in_which_handler_and_where(hung: Hung) -> None:
    for told in hung.stage.heard(ThreadAbandoned):
        assert (told.dispatcher, told.path, told.handling) == ("alpha", "/bot/modes/blocker", "TopOfBook")
        assert "in Blocker.on_book" in told.stack
        assert HANG_S <= told.seconds < 2 * HANG_S + 1
    failure = hung.stage.cell("modes", "blocker").last_failure
    assert failure is not None
    assert (failure.error, failure.stop) == ("ActorHung", True)


def test_its_arm_is_live_and_reconciled_on_a_new_thread_and_trades(hung: Hung) -> None:
    stage = hung.stage
    assert len(set(map(id, hung.threads))) == 3
    assert stage.reconciled("alpha", stage_mark(stage))
    stage.until(OrderUpdate, lambda m: m.account == "alpha" and m.venue_id is not None, after=stage_mark(stage))
    stage.agree("alpha", hung.alpha)
    assert stage.violations() == []


def test_nothing_of_the_arm_but_the_mode_that_hung_it_spent_a_restart(hung: Hung) -> None:
    arm = hung.stage.cell("alpha")
    assert arm.incarnation == 1
    for cell in arm.walk():
        assert cell.state is CellState.RUNNING
        assert cell.last_failure is None or cell.last_failure.blameless


def test_the_neighbours_frames_are_all_handled_and_nothing_of_it_restarts(hung: Hung) -> None:
    stage = hung.stage
    for symbol, first in hung.before.items():
        last = stage.tape.handled_ids("beta", symbol)[-1]
        stream = f"{symbol.replace('/', '').lower()}@depth@100ms"
        sent = frames_of(hung.beta, stream, first, last)
        handled = [number for number in stage.tape.handled_ids("beta", symbol) if first < number <= last]
        assert len(sent) > 10
        assert handled == sent
    assert {cell.incarnation for cell in stage.cell("beta").walk()} == {1}


def test_the_threads_that_wake_up_place_nothing_and_every_intent_has_one_order(hung: Hung) -> None:
    stage = hung.stage
    blocker = hung.stage.config.modes["blocker"].entry.kind
    blocker.gate.set()
    stage.wait(lambda: stage.system.quarantine.count == 0, 10, "the threads that hung come to their end")
    for thread in hung.threads[:-1]:
        thread.join(5.0)  # type: ignore[attr-defined]
        assert not thread.is_alive()  # type: ignore[attr-defined]
    back = stage.mark
    stage.until(OrderUpdate, lambda m: m.account == "alpha" and m.venue_id is not None, after=back)
    stage.agree("alpha", hung.alpha)
    by_mode = Counter(line.intent.mode for line in stage.ledger("alpha").lines.values())
    assert by_mode["blocker"] == 0
    assert set(posts(hung.alpha).values()) == {1}
    assert set(posts(hung.beta).values()) == {1}
    assert stage.violations() == []
