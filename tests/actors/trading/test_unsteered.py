"""Modes that the facts of an account name and its configuration does not: told, taken back, sold by a flatten."""

import msgspec
from structlog.testing import capture_logs

from ganglion.actors.trading.portfolio.flattening import flattening
from ganglion.actors.trading.portfolio.permission import Permission
from ganglion.actors.trading.portfolio.portfolio import Portfolio
from ganglion.actors.trading.trading_states import mode_scope
from ganglion.messages.orders import OrderState, PlaceOrder, Side
from ganglion.messages.trading import BOT_SCOPE, Flatten, TradingState
from tests.actors.trading.halts import ALPHA, BTC_AT_ALPHA, entry_of, said
from tests.actors.trading.model_venue import MARKET, D
from tests.actors.trading.world import Account


def left_by_grid(amount: str = "1") -> Account:
    """An account in which grid holds something and has an order open."""
    account = Account().run()
    account.place(amount=amount)
    account.run()
    account.world.fill(account.world.open_orders()[0], D(amount))
    account.place(Side.BUY, price="90")
    return account.run()


def without_grid(first: Account, modes: tuple[str, ...] = ("maker",)) -> Account:
    """The next life, whose configuration names other modes."""
    return Account(world=first.world, disk=first.disk, modes=modes, now_s=60.0, seed=1).run(10)


def told(lines):
    return [line for line in lines if line["event"] == "mode_not_configured"]


def flatten(account: Account, scope=ALPHA):
    deadline_s = account.system.clock.monotonic_s() + 60
    answer = account.portfolio.ask(Flatten(scope, "anna", deadline_s), block=False)
    account.run()
    return answer.get(timeout=1)


def test_the_open_orders_of_a_mode_that_is_gone_are_cancelled_once_the_account_is_reconciled():
    first = left_by_grid()
    assert len(first.world.open_orders()) == 1
    second = without_grid(first)
    assert second.world.open_orders() == []
    assert second.state("intent-2") == OrderState.CANCELED
    assert second.violations() == []


def test_a_mode_that_is_there_keeps_its_orders():
    assert len(without_grid(left_by_grid(), ("grid", "maker")).world.open_orders()) == 1


def test_a_mode_that_is_gone_is_told_with_its_orders_its_holding_and_what_to_do():
    first = left_by_grid()
    with capture_logs() as lines:
        without_grid(first)
    line = told(lines)[0]
    assert (line["log_level"], line["account"], line["mode"], line["symbol"]) == (
        "warning",
        "alpha",
        "grid",
        "BTC/USDT",
    )
    assert (line["open_orders"], line["holds"]) == ("1, being cancelled", "0.999 BTC")
    assert "put [modes.grid] back" in line["todo"]
    assert "`ganglion flatten alpha`" in line["todo"]
    assert "`ganglion cancel-all alpha`" in line["todo"]


def test_the_same_figures_are_told_once():
    first = left_by_grid()
    with capture_logs() as lines:
        second = without_grid(first)
        for _ in range(3):
            second.reconnect()
            second.run(10)
    assert [line["open_orders"] for line in told(lines)] == ["1, being cancelled", "none"]


def test_a_flatten_of_the_account_or_the_bot_sells_what_a_mode_that_is_gone_holds():
    for scope in (ALPHA, BOT_SCOPE, BTC_AT_ALPHA):
        second = without_grid(left_by_grid())
        second.portfolio.tell(said(TradingState.HALTED, scope))
        second.top(99.0, 101.0)
        second.run()
        (part,) = flatten(second, scope)
        assert (part.mode, part.held, part.selling, part.why) == ("grid", D("0.999"), D("0.999"), "")
        sell = second.updates(part.intent_id)[-1]
        assert (sell.mode, sell.side, sell.amount) == ("grid", Side.SELL, D("0.999"))
        assert second.violations() == []


def test_a_flatten_names_what_it_can_not_sell_for_want_of_the_market():
    ledger = left_by_grid().ledger()
    money = Portfolio("alpha", {})
    for fill in ledger.fills.values():
        money.apply_fill(fill)
    may = Permission("alpha")
    may.states.set(entry_of(scope=ALPHA))
    markets = {"ETH/USDT": msgspec.structs.replace(MARKET, symbol="ETH/USDT")}
    wanted = Flatten(ALPHA, "anna", 60.0)
    ((part, intent),) = flattening(wanted, "alpha", money, may, {}, markets, {}, lambda: "token")
    assert intent is None
    assert part.stuck
    assert (part.held, part.selling) == (D("0.999"), D(0))
    assert "BTC/USDT is not among the symbols of alpha: add it to the bot.toml" in part.why


def test_a_flatten_of_another_mode_sells_nothing_of_it():
    second = without_grid(left_by_grid())
    second.portfolio.tell(said(TradingState.HALTED))
    second.run()
    assert flatten(second, mode_scope("alpha", "maker")) == ()


def test_no_mode_that_is_gone_may_place_but_an_operators_sell():
    second = without_grid(left_by_grid())
    second.portfolio.tell(PlaceOrder(second.intent(mode="grid", epoch=1)))
    second.run()
    assert "mode grid does not trade BTC/USDT on alpha" in second.denials()[-1].text
