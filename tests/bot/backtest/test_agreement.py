"""A backtest and a live run against the local venue, fed with the same 200 bars, agree fill by fill.

The live run is the real thing: asyncio loops, ccxt, REST and WebSocket. Its venue's one other customer quotes the close
of each bar, at least 100 ms apart and not before the bot has done what the last one made it do; so both meet a decision
with the prices that it was made on, which of bars is the next one's open.
"""

import asyncio
import random
import time
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from ganglion.bot import venues as bot_venues
from ganglion.bot.backtest import BacktestOptions, Prepared
from ganglion.bot.config import parse
from ganglion.bot.process import build
from ganglion.bot.venues import Venues
from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.simulation.backtest.fills import FillSettings, quote_of
from ganglion.simulation.disk import MemoryDisk
from ganglion.simulation.venue import AccountSettings, VenueSettings
from ganglion.simulation.venue.orders import NewOrder
from ganglion.simulation.venue.server import serving
from ganglion.supervision import System
from tests.bot.backtest.cast import HERE, flat

BARS, APART_S, PATIENCE_S = 200, 0.1, 20.0
CONFIG = """
[bot]
name = "agreeing"
[exchanges.sim]
connector = "simulated"
symbols = ["ETH/USDT"]
simulated = { balances = { USDT = 100000, ETH = 10 } }
[modes.steps]
mode = "scripted.py:Stepping"
exchange = "sim"
symbol = "ETH/USDT"
[backtest]
half_spread_pct = 0.001
"""
HOUSE = AccountSettings("house", "house", {"USDT": Decimal(10**9), "ETH": Decimal(10**6)})
TICK = Decimal("0.01")


def closes() -> list[float]:
    """Whole prices, each another than the one before."""
    dice, price, found = random.Random(11), 3_000, []
    for _ in range(BARS):
        price += dice.choice((-2, -1, 1, 2))
        found.append(float(price))
    return found


class Market:
    """The local venue, and the customer that quotes the bars."""

    def __init__(self) -> None:
        self._loop = None
        self._venue = None
        self._quoted = 0

    def venues(self, exchanges, system):
        """Stand in for `make_venues`, with the venue at hand."""
        (exchange,) = exchanges.values()
        balances = dict(exchange.table.simulated.balances)
        account = AccountSettings(bot_venues.LOCAL_KEY, bot_venues.LOCAL_KEY, balances)
        settings = VenueSettings(symbols=exchange.table.symbols, accounts=(account, HOUSE), tick_ms=0)
        self._loop = system.dispatcher("sim-venue", "loop").loop
        serves = serving(settings)
        running = self._await(serves.__aenter__())
        self._venue = running.hub.venue
        closing = ExitStack()
        closing.callback(lambda: self._await(serves.__aexit__(None, None, None)))
        self.quote(self.first)
        made = bot_venues._maker(bot_venues._simulated_settings(exchange, running.base_url, settings.dialect), system)
        return Venues({exchange.name: made}, closing)

    def quote(self, price: float) -> None:
        """Quote around a price; who stands in the way is filled."""

        async def do() -> None:
            for symbol, order_id in list(self._venue.engine.accounts["house"].open):
                self._venue.cancel("house", symbol, order_id=order_id)
            bid, ask = quote_of(price, FillSettings(half_spread_pct=0.001), TICK)
            for side, at in ((Side.BUY, bid), (Side.SELL, ask)):
                self._quoted += 1
                self._venue.place(
                    NewOrder("house", "ETH/USDT", side, OrderType.LIMIT, f"q{self._quoted}", Decimal(1000), at)
                )

        self._await(do())

    def reach(self, price: float) -> None:
        """Fill what the next quote will cross, while the best bid stays: who decides on that knows of its fills.

        The new ask comes first, for the taker ends the old one where it meets it: a book of one side stops the bot.
        """
        bid, ask = quote_of(price, FillSettings(half_spread_pct=0.001), TICK)

        async def do() -> None:
            for side, at, lasts in ((Side.SELL, ask, TimeInForce.GTC), (Side.BUY, bid, TimeInForce.IOC)):
                self._quoted += 1
                name, much = f"r{self._quoted}", Decimal(1000)
                order = NewOrder("house", "ETH/USDT", side, OrderType.LIMIT, name, much, at, time_in_force=lasts)
                self._venue.place(order)

        self._await(do())

    def filled(self) -> Decimal:
        """All of the bot's together."""
        return sum((quantity for _, _, quantity, *_ in self.fills()), Decimal(0))

    def fills(self) -> list[tuple]:
        """The bot's, as they happened."""
        account = self._venue.engine.accounts[bot_venues.LOCAL_KEY]
        return [_told(fill, bot_venues.LOCAL_KEY) for fill in account.fills.get("ETH/USDT", ())]

    def _await(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)


def _told(fill, account: str) -> tuple:
    taker = fill.taker_account == account
    return (
        str(fill.taker_side if taker else fill.taker_side.opposite),
        fill.price,
        fill.quantity,
        (fill.taker_fee if taker else fill.maker_fee).normalize(),
        fill.taker_fee_asset if taker else fill.maker_fee_asset,
        "taker" if taker else "maker",
    )


def _until(condition, what: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    wakes = time.sleep
    while not condition():
        assert time.monotonic() < until_s, f"the live run did not come to {what} in {PATIENCE_S:g} s"
        wakes(0.005)


def live(config, prices: list[float]) -> list[tuple]:
    """Run the bot on the local venue through all bars."""
    market, mode = Market(), config.modes["steps"].entry.kind
    market.first = prices[0]
    system = System(dispatcher="loop", seed=1)
    bot = build(config, system, lambda _: MemoryDisk(), market.venues)
    try:
        for number, price in enumerate(prices):
            if number:
                if price > prices[number - 1]:
                    market.reach(price)
                _until(lambda: mode.idle and mode.filled == market.filled(), f"the fills of bar {number}")
                market.quote(price)
            began_s = time.monotonic()
            _until(lambda n=number: mode.decided > n and mode.idle, f"bar {number}")
            _until(lambda since=began_s: time.monotonic() - since >= APART_S, "the next bar")
            _until(lambda: mode.idle and mode.filled == market.filled(), f"rest after bar {number}")
        return market.fills()
    finally:
        bot.stop()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_live_run_on_the_same_bars_has_the_same_fills():
    prices = closes()
    config = parse(CONFIG, HERE / "agreeing.toml", {})
    series = flat(*prices, volume=1e6)
    series.symbol = "ETH/USDT"
    record = Prepared(config, [series], BacktestOptions(Path("unread"))).run()
    tried = [(str(f.side), f.price, f.amount, f.fee.normalize(), f.fee_asset, str(f.liquidity)) for f in record.fills]
    kind = config.modes["steps"].entry.kind
    assert kind.bids == [float(quote_of(price, FillSettings(half_spread_pct=0.001), TICK)[0]) for price in prices]
    assert len(tried) > 40
    assert {liquidity for *_, liquidity in tried} == {"maker", "taker"}
    assert live(config, prices) == tried
