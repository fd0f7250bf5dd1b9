"""The mode in whole worlds: the engine, the exchange, lost replies, crashes and kills, each world from one seed."""

from decimal import Decimal

import pytest

from ganglion.simulation.faults import Fault, FaultKind, Faults

pytestmark = pytest.mark.ganglion_config("bot.toml")
TOTAL = Decimal("0.05")
A_BAD_START = Faults.of(
    [
        Fault(at_s=1.0, kind=FaultKind.REPLY_LOST, target="alpha", requests="place"),
        Fault(at_s=5.0, kind=FaultKind.KILL, delay_s=2.0),
        Fault(at_s=15.0, kind=FaultKind.KILL, delay_s=2.0),
        Fault(at_s=45.0, kind=FaultKind.KILL, delay_s=10.0),
    ]
)


def bought(world):
    """What the exchange itself says was bought: the truth, whatever the bot believes."""
    return sum(order.filled for order in world.exchanges["alpha"].account.orders.values())


def test_it_buys_all_of_it_and_stops(world):
    world.run(minutes=15)
    assert bought(world) == TOTAL


@pytest.mark.seeds(20)
@pytest.mark.faults("swarm")
def test_whatever_happens_it_buys_no_more_than_its_total(world):
    world.run(minutes=5)
    assert bought(world) <= TOTAL
    world.heal()
    world.settle()
    world.run(minutes=10)
    assert bought(world) == TOTAL


@pytest.mark.seeds(10)
@pytest.mark.faults(A_BAD_START)
def test_a_bot_that_is_killed_goes_on_where_it_was(world):
    world.run(minutes=10)
    world.settle()
    assert world.coverage["fault:kill"] == 3
    assert bought(world) == TOTAL
