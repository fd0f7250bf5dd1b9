"""Loss limits: judged on what modes' own fills come to, told with figures, halted once, never on half a price."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ganglion.actors.trading.treasury import LossLimits, TreasuryActor
from ganglion.actors.trading.treasury.losses import exceeded
from ganglion.messages.account import ModeResult
from ganglion.messages.orders import CancelAll, Fill, Side
from ganglion.messages.trading import BOT_SCOPE, By, ReadLosses, SetTradingState, TradingState
from ganglion.supervision import System
from tests.actors.trading.evidence import D
from tests.actors.trading.test_treasury import fill, top


def result(mode="grid", account="alpha", cash="0", inventory="0", fees="0", unpriced=()):
    return ModeResult(mode, account, 1, D(cash), D(inventory), D(fees), unpriced, unpriced)


def scopes(limits, *results):
    return [str(loss.scope) for loss in exceeded(limits, results, "USDT")]


LIMITS = LossLimits(bot=D(100), accounts={"alpha": D(60)}, modes={"grid": ("alpha", D(50))})


def test_each_limit_is_judged_on_its_own_results():
    grid, maker, other = result(cash="-51"), result("maker", cash="-20"), result("far", "beta", cash="-40")
    assert scopes(LIMITS, grid) == ["grid"]
    assert scopes(LIMITS, grid, maker) == ["grid", "alpha"]
    assert scopes(LIMITS, grid, maker, other) == ["grid", "alpha", "bot"]
    assert scopes(LIMITS, result(cash="-50")) == []


def test_what_one_mode_made_counts_for_what_another_lost():
    assert scopes(LossLimits(bot=D(10)), result(cash="-100"), result("maker", cash="95")) == []


def test_a_loss_is_told_with_its_figures():
    (loss,) = exceeded(LossLimits(bot=D(10)), (result(cash="-31.5", inventory="20", fees="0.25"),), "EUR")
    assert loss.text == "loss limit: bot lost 11.75 EUR, max_loss is 10 (PnL of grid -11.75)"


def test_without_the_price_of_what_is_held_nothing_is_judged():
    bought = result(cash="-1000", unpriced=("BTC",))
    assert scopes(LIMITS, bought) == []
    assert scopes(LIMITS, bought, result("far", "beta", cash="-500")) == []


@given(st.lists(st.decimals(-1000, 1000, places=2), min_size=1, max_size=5), st.decimals("0.01", 1000, places=2))
def test_a_limit_is_exceeded_exactly_where_the_sum_of_results_is_below_it(cash, most):
    results = [result(f"mode-{number}", cash=str(amount)) for number, amount in enumerate(cash)]
    assert bool(scopes(LossLimits(bot=most), *results)) is (sum(cash) < -most)


@pytest.fixture
def treasury():
    system = System(dispatcher="simulated", seed=1)
    portfolios = {name: system.probe(name) for name in ("alpha", "beta")}
    limits = LossLimits(bot=D(1000), modes={"grid": ("alpha", D(100))})
    addresses = {name: probe.address for name, probe in portfolios.items()}
    actor = system.spawn(lambda: TreasuryActor("USDT", limits=limits, portfolios=addresses), name="treasury")
    yield system, actor, portfolios
    system.stop()


def bought(trade_id="t1", amount="1") -> Fill:
    return fill(trade_id, Side.BUY, "50000", amount)


def test_a_mode_that_lost_too_much_is_halted_and_its_orders_are_cancelled_once(treasury):
    system, actor, portfolios = treasury
    actor.tell(bought())
    actor.tell(top("BTC/USDT", 49950.0, 49960.0))
    system.run_for(3)
    assert portfolios["alpha"].received == []
    actor.tell(top("BTC/USDT", 49890.0, 49900.0))
    system.run_for(3)
    said, cancel = portfolios["alpha"].received
    assert isinstance(said, SetTradingState)
    assert (str(said.scope), said.state, said.cause.by) == ("grid", TradingState.HALTED, By.LOSS_LIMIT)
    assert said.cause.text == "loss limit: grid lost 105 USDT, max_loss is 100 (PnL of grid -105)"
    assert cancel == CancelAll("grid", said.cause.text)
    assert portfolios["beta"].received == []


def test_a_bot_that_lost_too_much_is_halted_on_every_account(treasury):
    system, actor, portfolios = treasury
    actor.tell(bought(amount="10"))
    actor.tell(top("BTC/USDT", 49890.0, 49900.0))
    system.run_for(1.5)
    for probe in portfolios.values():
        assert BOT_SCOPE in [said.scope for said in probe.of(SetTradingState)]
        assert CancelAll(None, probe.of(CancelAll)[-1].reason) in probe.received


def test_a_loss_that_was_won_back_and_comes_again_halts_again(treasury):
    system, actor, portfolios = treasury
    actor.tell(bought())
    for bid in (49890.0, 50010.0, 49890.0):
        actor.tell(top("BTC/USDT", bid, bid + 10))
        system.run_for(1.5)
    assert len(portfolios["alpha"].of(SetTradingState)) == 2


def test_who_asks_is_told_which_losses_stand(treasury):
    system, actor, _ = treasury
    actor.tell(bought())
    actor.tell(top("BTC/USDT", 49890.0, 49900.0))
    answer = actor.ask(ReadLosses(), block=False)
    system.run_for(0.5)
    assert [str(loss.scope) for loss in answer.get(timeout=1)] == ["grid"]
