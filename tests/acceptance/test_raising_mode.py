"""A mode that raises on every message: its neighbours receive what they receive in a control run, message by message.

In virtual time with the same numbered frames, so that both runs can be compared whole.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from ganglion.bot.data_folder import open_journal
from ganglion.bot.tree import bot_spec, subscribe_all
from ganglion.messages.base import Message
from ganglion.messages.lifecycle import CellState
from ganglion.messages.market import BookDelta, TradeTick
from ganglion.messages.venue import CreateOrder
from ganglion.simulation.disk import MemoryDisk
from ganglion.supervision import System
from tests.acceptance.replayed_venue import ReplayedVenue
from tests.acceptance.stage import BTC, ETH, Tape, arm_text, bot_text, configured, mode_text, odd_mode, tapped

FRAMES = 400
EVERY_S = 0.05
NEIGHBOURS = ("listener", "maker", "grid")


@dataclass
class Played:
    """What came of one run."""

    tape: Tape
    created: list[CreateOrder]
    suspect: CellState
    others: set[CellState]

    def of_mode(self, name: str) -> list[Message]:
        """Everything from the market that a mode's actor handled."""
        return self.tape.mode_messages[f"/bot/modes/{name}"]


def play(suspect: str, folder: Path) -> Played:
    """Run a bot on the same frames, with one more mode beside the neighbours."""
    text = bot_text(
        arm_text("alpha", "http://127.0.0.1:1"),
        mode_text("listener", odd_mode("Listener"), "alpha", BTC),
        mode_text("suspect", odd_mode(suspect), "alpha", BTC),
        mode_text("maker", "market_making", "alpha", BTC),
        mode_text("grid", "grid", "alpha", ETH),
    )
    config = configured(text, folder)
    with tapped() as tape:
        system = System(dispatcher="simulated", seed=11)
        venue = ReplayedVenue(system, "alpha", (BTC, ETH))
        subscribe_all(config, system)
        log = open_journal(config, system, lambda _folder: MemoryDisk())
        system.spawn(bot_spec(config, system, {"alpha": lambda: venue}, log))
        system.run_for(1.0)
        for _ in range(FRAMES):
            venue.frame()
            system.run_for(EVERY_S)
        tree = system.tree()
        states = {cell.path: cell.state for cell in tree.root.walk()}
        suspected = states.pop("/bot/modes/suspect")
        system.stop()
    return Played(tape, venue.created, suspected, set(states.values()))


@pytest.fixture(scope="module")
def control(folder: Path) -> Played:
    return play("Listener", folder)


@pytest.fixture(scope="module", params=["Raiser", "RaiserAtStart"])
def played(folder: Path, request: pytest.FixtureRequest) -> Played:
    return play(request.param, folder)


def test_it_is_parked_alone(played: Played, control: Played) -> None:
    assert played.suspect is CellState.PARKED
    assert played.others == {CellState.RUNNING}
    assert control.suspect is CellState.RUNNING


@pytest.mark.parametrize("symbol", [BTC, ETH])
def test_the_books_handle_the_same_deltas_as_in_the_control_run(played: Played, control: Played, symbol: str) -> None:
    messages = played.tape.books["alpha", symbol]
    assert messages == control.tape.books["alpha", symbol]
    assert sum(isinstance(message, BookDelta) for message in messages) == FRAMES


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_its_neighbours_handle_the_same_market_messages_as_in_the_control_run(
    played: Played, control: Played, name: str
) -> None:
    assert played.of_mode(name) == control.of_mode(name)
    assert len(played.of_mode(name)) >= FRAMES / 2


def test_the_listening_neighbour_handles_every_trade(played: Played) -> None:
    trades = [m for m in played.of_mode("listener") if isinstance(m, TradeTick) and m.symbol == BTC]
    assert len(trades) == FRAMES
    assert played.tape.candle_trades["alpha", BTC] == trades


def test_its_neighbours_send_the_same_orders_as_in_the_control_run(played: Played, control: Played) -> None:
    def decided(run: Played) -> list[tuple[object, ...]]:
        return [(o.symbol, o.side, o.amount, o.price, o.client_id) for o in run.created]

    assert decided(played) == decided(control)
    assert len(played.created) > 4
