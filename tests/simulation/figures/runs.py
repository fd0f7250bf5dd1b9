"""Synthetic run records, from a seed: what a grid and a trend follower would leave behind on a random walk.

Their curves follow from their fills, as a real run's do: equity is cash and inventory at the market's price.
"""

import math
import random
from array import array
from decimal import Decimal

from ganglion.messages.values import EXACT, Liquidity, Side
from ganglion.simulation.figures import (
    Curve,
    ExchangeRecord,
    FillRecord,
    Incident,
    IncidentKind,
    MarketRecord,
    ModeRecord,
    RunRecord,
)

MINUTE_MS = 60_000
START_MS = 1_640_995_200_000  # 2022-01-01
FEE = Decimal("0.001")


def price_walk(seed: int, bars: int, *, first: float = 47_000.0, start_ms: int = START_MS) -> Curve:
    chance, price = random.Random(seed), first
    curve = Curve()
    for number in range(bars):
        price = round(price * math.exp(chance.gauss(0, 0.0008)), 1)
        curve.note(start_ms + number * MINUTE_MS, price)
    return curve


class Book:
    """Cash and inventory of one mode, with its record."""

    def __init__(self, name, kind, market, *, cash=10_000.0, base="0"):
        self.market, self.cash, self.base = market, Decimal(str(cash)), Decimal(base)
        self.mode = ModeRecord(name, market.exchange, market.symbol, kind, opening_base=self.base)
        self.fills: list[FillRecord] = []

    def trade(self, time_ms, side, price, amount, liquidity=Liquidity.TAKER, order_id=""):
        price, amount = Decimal(str(price)), Decimal(amount)
        cost = EXACT.multiply(price, amount)
        fee = EXACT.multiply(cost, FEE)
        self.cash = EXACT.subtract(self.cash, fee)
        self.cash = EXACT.subtract(self.cash, cost) if side is Side.BUY else EXACT.add(self.cash, cost)
        self.base = EXACT.add(self.base, amount if side is Side.BUY else -amount)
        order_id = order_id or f"{self.mode.name}-{len(self.fills)}"
        self.fills.append(
            FillRecord(
                time_ms, self.mode.name, self.market.exchange, self.market.symbol, side, price, amount, fee, "USDT",
                liquidity, order_id,
            )
        )  # fmt: skip
        self.mode.orders["filled"] = self.mode.orders.get("filled", 0) + 1

    def note(self, time_ms, price):
        self.mode.equity.note(time_ms, float(self.cash) + float(self.base) * price)
        self.mode.inventory.note(time_ms, float(self.base))


def trend(market: MarketRecord, *, amount="0.05", fast=10, slow=30, name="trend") -> Book:
    """Buys when the fast mean of closes crosses above the slow one, sells when it crosses below."""
    book, closes = Book(name, "sma_cross", market), market.price.value
    for number, (time_ms, price) in enumerate(zip(market.price.time_ms, closes, strict=True)):
        if number >= slow:
            above = (
                sum(closes[number - fast + 1 : number + 1]) / fast > sum(closes[number - slow + 1 : number + 1]) / slow
            )
            if above != bool(book.base):
                book.trade(time_ms, Side.BUY if above else Side.SELL, price, amount)
        book.note(time_ms, price)
    return book


def grid(market: MarketRecord, *, amount="0.01", step=0.004, name="grid") -> Book:
    """Begins with base; buys a step below the last fill, sells a step above it, a maker each time."""
    book, last = Book(name, "grid", market, base="0.1"), market.price.value[0]
    for time_ms, price in zip(market.price.time_ms, market.price.value, strict=True):
        if price <= last * (1 - step) and float(book.cash) > price * float(amount) * 1.01:
            last = round(last * (1 - step), 1)
            book.trade(time_ms, Side.BUY, last, amount, Liquidity.MAKER)
        elif price >= last * (1 + step) and book.base >= Decimal(amount):
            last = round(last * (1 + step), 1)
            book.trade(time_ms, Side.SELL, last, amount, Liquidity.MAKER)
        book.note(time_ms, price)
    book.mode.orders["canceled"] = len(book.fills) // 3
    book.mode.denials["below_minimum"] = 4
    return book


def run_of(*books: Book, markets: list[MarketRecord], title="Backtest") -> RunRecord:
    times = markets[0].price.time_ms
    equity = array("d", (sum(values) for values in zip(*(book.mode.equity.value for book in books), strict=True)))
    fills = sorted((fill for book in books for fill in book.fills), key=lambda fill: fill.time_ms)
    return RunRecord(
        start_ms=times[0],
        end_ms=times[-1],
        reference="USDT",
        equity=Curve(times[:], equity),
        markets=markets,
        modes=[book.mode for book in books],
        fills=fills,
        title=title,
    )


def market_of(seed: int, bars: int, *, symbol="BTC/USDT", first=47_000.0) -> MarketRecord:
    return MarketRecord(
        "alpha", symbol, price_walk(seed, bars, first=first), kind="bars 1m", source="bars.csv.gz", rows=bars
    )


def showy_run(bars: int = 20_000) -> RunRecord:
    """Two modes on two markets with a bit of everything that a report shows."""
    first, second = market_of(7, bars), market_of(8, bars, symbol="ETH/USDT", first=3_700.0)
    second.gaps = 2
    books = (grid(first), trend(second, amount="0.8"))
    record = run_of(*books, markets=[first, second], title="Backtest of grid and trend")
    record.order_changes = {
        "accepted": array("q", (fill.time_ms for fill in record.fills)),
        "filled": array("q", (fill.time_ms for fill in record.fills)),
    }
    record.modes[0].parameters = {"levels": "10", "step": "0.4 %"}
    record.incidents = [Incident(first.price.time_ms[50], IncidentKind.RESTART, "/bot/alpha/books", "crashed: <test>")]
    record.exchanges = {"alpha": ExchangeRecord(fills=len(record.fills))}
    record.configuration = '[bot]\nname = "show"\n\n[modes.grid]\nmode = "grid"  # <script>alert(1)</script>\n'
    record.assumptions = [
        "A market order fills at the next bar's open, with 0.01 % slippage.",
        "A limit order fills when the price goes through it: optimistic, as nobody else stands in the queue.",
    ]
    record.events, record.wall_s, record.messages, record.actors = 2 * bars, 1.5, 12 * bars, 14
    return record
