"""Loss limits in the configuration: gathered for the treasury, and an error where they could never be judged."""

from decimal import Decimal

import pytest

from ganglion.actors.trading.treasury import LossLimits
from ganglion.bot.loss_limits import loss_limits_of
from tests.bot.samples import GOOD, parsed, problems

LIMITED = (
    GOOD.replace('name = "test"', 'name = "test"\nmax_loss = 300.5')
    + "limits.max_loss = 50\n\n[exchanges.alpha.limits]\nmax_loss = 100\n"
)
IN_EUR = LIMITED.replace("max_loss = 300.5", 'max_loss = 300.5\nreference = "EUR"')


def test_limits_of_bot_account_and_mode_are_what_the_treasury_watches():
    found = loss_limits_of(parsed(LIMITED))
    assert found == LossLimits(Decimal("300.5"), {"alpha": Decimal(100)}, {"grid": ("alpha", Decimal(50))})


def test_without_limits_there_is_nothing_to_watch():
    assert loss_limits_of(parsed()) == LossLimits()


def test_a_limit_in_a_currency_that_no_market_leads_to_is_an_error():
    found = problems(IN_EUR)
    assert set(found) == {"exchanges.alpha.limits.max_loss", "modes.grid.limits.max_loss"}
    told = str(found["modes.grid.limits.max_loss"])
    assert "no market of the bot tells what USDT is in EUR" in told
    assert "list a market such as USDT/EUR" in told


def test_a_market_of_another_exchange_that_leads_there_will_do():
    other = '\n[exchanges.beta]\nconnector = "simulated"\nsymbols = ["EUR/USDT"]\n'
    assert problems(IN_EUR + other) == {}


@pytest.mark.parametrize("wrong", ["0", "-5", '"100"'])
def test_a_loss_limit_is_a_number_above_zero(wrong):
    assert problems(LIMITED.replace("max_loss = 100", f"max_loss = {wrong}"))
