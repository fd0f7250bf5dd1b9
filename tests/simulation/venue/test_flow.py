"""The seeded crowd: the same seed makes the same market, and a bot's quotes get filled in it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ganglion.messages.values import OrderType, Side
from ganglion.simulation.venue.engine import Engine
from ganglion.simulation.venue.events import Event, Fill, Rejected
from ganglion.simulation.venue.flow import Flow
from ganglion.simulation.venue.markets import default_market
from ganglion.simulation.venue.orders import NewOrder

SYMBOLS = ("BTC/USDT", "XRP/USDT", "ETH/BTC", "NEW/USDT")
STEP_MS = 100


class World:
    """An engine, its crowd, and everything that happened."""

    def __init__(self, seed: int, symbols: tuple[str, ...] = SYMBOLS) -> None:
        self.engine = Engine([default_market(symbol) for symbol in symbols])
        self.flow = Flow(self.engine, seed)
        self.flow.fund()
        self.events: list[Event] = []
        self.now_ms = 1_000_000

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds * 1000 / STEP_MS)):
            self.now_ms += STEP_MS
            self.flow.step(self.now_ms, STEP_MS / 1000, self.events.extend)

    def mid(self, symbol: str) -> Decimal:
        book = self.engine.books[symbol]
        bid, ask = book.bids.best(), book.asks.best()
        assert bid is not None
        assert ask is not None
        return (bid.price + ask.price) / 2


def test_the_same_seed_makes_the_same_market_to_the_last_event():
    one, two = World(7), World(7)
    one.run(5)
    two.run(5)
    assert one.events == two.events


def test_another_seed_makes_another_market():
    one, two = World(7), World(8)
    one.run(5)
    two.run(5)
    assert one.events != two.events


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_there_are_twenty_levels_a_side_and_trades_all_the_time(symbol: str):
    world = World(3, (symbol,))
    for _ in range(30):
        world.run(1)
        bids, asks = world.engine.books[symbol].depth(100)
        assert len(bids) >= 20
        assert len(asks) >= 20
    fills = [event for event in world.events if isinstance(event, Fill)]
    assert len(fills) > 60
    assert not [event for event in world.events if isinstance(event, Rejected)]
    assert 0 < max(abs(f.price / world.engine.markets[symbol].price - 1) for f in fills) < Decimal("0.05")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_quotes_a_few_basis_points_around_mid_fill_several_times_in_thirty_seconds(seed: int):
    world = World(seed, ("BTC/USDT",))
    world.engine.open_account("bot")
    world.engine.deposit("bot", "BTC", Decimal(5))
    world.engine.deposit("bot", "USDT", Decimal(500_000))
    world.run(1)
    for second in range(30):
        mid = world.mid("BTC/USDT")
        for side, price in ((Side.BUY, mid * Decimal("0.9995")), (Side.SELL, mid * Decimal("1.0005"))):
            for order in [o for o in world.engine.accounts["bot"].open.values() if o.side is side]:
                world.engine.cancel("bot", "BTC/USDT", world.now_ms, order_id=order.id)
            quote = NewOrder(
                account="bot",
                symbol="BTC/USDT",
                side=side,
                type=OrderType.LIMIT,
                client_id=f"{side}{second}",
                quantity=Decimal("0.01"),
                price=price.quantize(Decimal("0.01")),
                post_only=True,
            )
            world.engine.place(quote, world.now_ms)
        world.run(1)
    fills = [event for event in world.events if isinstance(event, Fill) and event.maker_account == "bot"]
    sides = [fill.taker_side.opposite for fill in fills]
    assert sides.count(Side.BUY) >= 3
    assert sides.count(Side.SELL) >= 3
    world.engine.audit()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_grid_a_few_tenths_of_a_percent_wide_is_filled_and_filled_again(seed: int):
    world = World(seed, ("ETH/USDT",))
    world.engine.open_account("bot")
    world.engine.deposit("bot", "ETH", Decimal(100))
    world.engine.deposit("bot", "USDT", Decimal(500_000))
    world.run(1)
    step = (world.mid("ETH/USDT") * Decimal("0.002")).quantize(Decimal("0.01"))
    count = 0

    def place(side: Side, price: Decimal) -> None:
        nonlocal count
        count += 1
        command = NewOrder("bot", "ETH/USDT", side, OrderType.LIMIT, f"g{count}", Decimal("0.1"), price)
        world.engine.place(command, world.now_ms)

    for level in range(1, 6):
        place(Side.BUY, world.mid("ETH/USDT").quantize(Decimal("0.01")) - level * step)
        place(Side.SELL, world.mid("ETH/USDT").quantize(Decimal("0.01")) + level * step)
    seen = 0
    for _ in range(60):
        world.run(0.5)
        fills = world.engine.accounts["bot"].fills.get("ETH/USDT", [])
        for fill in fills[seen:]:
            side = fill.taker_side.opposite if fill.maker_account == "bot" else fill.taker_side
            place(side.opposite, fill.price + side.sign * step)
        seen = len(fills)
    assert seen >= 3
    world.engine.audit()


def test_the_crowd_s_own_orders_do_not_pile_up_in_memory():
    world = World(5, ("BTC/USDT",))
    world.run(20)
    accounts = [a for name, a in world.engine.accounts.items() if name.startswith("flow:")]
    assert sum(len(account.open) for account in accounts) <= 2 * 30
    assert not any(account.orders or account.fills for account in accounts)
