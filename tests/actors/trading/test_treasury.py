"""The treasury: everything in one currency, by the fewest books, and what each mode made."""

from ganglion.actors.trading.treasury import Prices, TreasuryActor
from ganglion.messages.account import AccountSnapshot, AssetView, PortfolioView, TreasuryView
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import Fill, Side
from ganglion.supervision import System
from tests.actors.trading.evidence import D


def fill(trade_id, side, price, amount, fee="0", fee_asset="USDT", symbol="BTC/USDT", **more):
    return Fill(
        "alpha",
        symbol,
        trade_id,
        "i1",
        "grid",
        "c1",
        side,
        D(price),
        D(amount),
        D(fee),
        fee_asset,
        None,
        0,
        1,
        **more,
    )


def view(**totals):
    assets = tuple(
        AssetView(asset, D(total), D(0), D(0), D(total), D(0), D(0), D(0)) for asset, total in totals.items()
    )
    return PortfolioView("alpha", 1, 1, assets, True, None)


def top(symbol, bid, ask):
    return TopOfBook("alpha", symbol, bid, 1.0, ask, 1.0, 1, 0.0)


def test_the_reference_is_worth_itself():
    assert Prices("USDT").rate("USDT") == 1


def test_an_asset_without_a_book_of_its_own_is_valued_over_several():
    prices = Prices("USDT")
    prices.set_mid("ADA/ETH", 0.0005)
    prices.set_mid("ETH/BTC", 0.05)
    prices.set_mid("BTC/USDT", 60000.0)
    assert prices.rate("ADA") == D("1.5")


def test_a_book_counts_in_both_directions():
    prices = Prices("BTC")
    prices.set_mid("BTC/USDT", 50000.0)
    worth, unpriced = prices.value({"USDT": D("100000")})
    assert (worth, unpriced) == (D("2"), ())


def test_an_asset_that_no_chain_of_books_leads_to_is_named():
    worth, unpriced = Prices("USDT").value({"USDT": D("7"), "XYZ": D("1")})
    assert (worth, unpriced) == (D("7"), ("XYZ",))


def test_the_shortest_chain_wins():
    prices = Prices("USDT")
    prices.set_mid("ETH/BTC", 0.9)
    prices.set_mid("BTC/USDT", 60000.0)
    prices.set_mid("ETH/USDT", 3000.0)
    assert prices.rate("ETH") == D("3000")


def run(*messages):
    system = System(dispatcher="simulated", seed=0)
    seen = system.probe("seen")
    treasury = system.spawn(lambda: TreasuryActor("USDT"), name="treasury")
    system.subscribe(treasury, seen.address, TreasuryView)
    for message in messages:
        treasury.tell(message)
    system.run_for(1.5)
    system.stop()
    return seen.of(TreasuryView)[-1]


def test_pnl_is_cash_of_own_fills_and_inventory_at_mid_less_fees():
    told = run(
        top("BTC/USDT", 109.0, 111.0),
        fill("t1", Side.BUY, "100", "2", "0.01", "BTC"),
        fill("t2", Side.SELL, "120", "1", "0.12"),
    )
    result = told.modes[0]
    assert result.cash == D("-80")
    assert result.inventory == D("110")
    assert result.fees == D("1.22")
    assert result.pnl == D("28.78")
    assert result.fills == 2


def test_a_fill_that_replaces_a_synthetic_one_is_not_counted_beside_it():
    told = run(
        top("BTC/USDT", 100.0, 100.0),
        fill("synthetic-1", Side.BUY, "100", "2", synthetic=True),
        fill("t1", Side.BUY, "90", "2", replaces=("synthetic-1",)),
    )
    assert told.modes[0].pnl == D("20")


def test_a_snapshot_replaces_what_was_heard_of_its_account():
    snapshot = AccountSnapshot("alpha", 1, (), (), (fill("t1", Side.BUY, "100", "1"),), (), (), (), (), (), 1)
    told = run(top("BTC/USDT", 101.0, 101.0), fill("t0", Side.BUY, "50", "5"), snapshot)
    assert told.modes[0].pnl == D("1")


def test_accounts_are_valued_with_what_has_a_price():
    told = run(top("BTC/USDT", 100.0, 100.0), view(USDT="50", BTC="2", XYZ="9"))
    assert told.total == D("250")
    assert told.accounts[0].unpriced == ("XYZ",)
