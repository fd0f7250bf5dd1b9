"""The seeded crowd: it makes each market of the venue a living one, from a seed.

A fair price per symbol wanders around an anchor (a mean-reverting walk, so that a market is still near its usual
scale after hours); two makers keep a ladder of quotes around it on both sides; a taker hits them with market orders
of mixed size. When the fair price walks through somebody's resting order the makers' new quotes trade with it, so a
customer's quotes a few hundredths of a percent from mid are filled several times in half a minute, and a grid with
levels a few tenths of a percent apart works as well.

Talks to the engine only, through the same commands as any customer. No clock: `step` is called with the time. The
same seed and the same sequence of steps and customer commands give the same market.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from ganglion.messages.values import ZERO, OrderType, Side
from ganglion.simulation.venue.engine import Engine
from ganglion.simulation.venue.events import Event
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.orders import OPEN, NewOrder, Order

MAKERS = ("flow:maker-1", "flow:maker-2")
TAKER = "flow:taker"
FLOW_ACCOUNTS = (*MAKERS, TAKER)

_LARGEST_TAKE = 12.0
"""In typical market orders: a rare giant would sweep the book empty."""

Rungs: TypeAlias = dict[tuple[Side, int], None]
"""An ordered set."""
Apply = Callable[[list[Event]], None]
"""Receives the events of each command that the flow gives."""


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """How lively the market is. Shares are of the price (0.0001 is one basis point)."""

    volatility: float = 0.0009
    """Standard deviation of the fair price's move in one second."""
    reversion_s: float = 45.0
    """How long the fair price takes to come back to its anchor."""
    half_spread: float = 0.0001
    """From the fair price to the nearest quote."""
    spacing: float = 0.0001
    """Between the levels of a ladder."""
    patience: float = 0.0
    """How far, as a share of the spacing, the fair price goes past the next rung before a quote follows it: where rungs
    are far apart, a price that wavers about one would move the whole ladder to and fro."""
    levels: int = 30
    """On each side."""
    level_value: float = 12_000.0
    """Typical size of a level, in units of a quote that is worth about a dollar."""
    takes_per_s: float = 4.0
    """Market orders per second and symbol."""
    take_share: float = 0.4
    """Typical market order, as a share of a level."""
    resizes_per_step: float = 0.0
    """Quotes whose size changes in a step that changed nothing else, so that a calm book still moves."""
    jitter: float = 0.5
    """How far sizes are from typical: 0.5 is from half to one and a half."""


class SymbolFlow:
    """The crowd of one symbol."""

    def __init__(self, market: Market, seed: int, settings: FlowSettings, start: Decimal) -> None:
        self._market = market
        self._settings = settings
        self._random = random.Random(f"{seed}:flow:{market.symbol}")
        self._draw = self._random.random
        self._anchor = math.log(float(market.price))
        self._fair = math.log(float(start))
        ticks = Decimal(str(settings.spacing)) * market.price // market.tick
        self._pitch = max(market.tick, ticks * market.tick)
        pitch = float(self._pitch)
        self._spread = (1 - settings.half_spread) / pitch, (1 + settings.half_spread) / pitch
        """From the fair price to the nearest bid and ask, in rungs."""
        quote_value = 1.0 if market.price > 1 or market.quote.startswith("USD") else 1e-4
        self._level_base = settings.level_value * quote_value / float(market.price)
        self._least_size = self._level_base * (1 - settings.jitter)
        self._size_range = self._level_base * 2 * settings.jitter
        self._steps_per_base = 1 / float(market.step)
        self._least_steps = int(market.min_notional * 4 / market.price / market.step) + 1
        self._quotes: dict[tuple[Side, int], Order] = {}
        self._standing: list[Order] | None = None
        """The same orders in a row; None once they are others."""
        self._touch: tuple[int, int] | None = None
        """The best rungs and the next trade when quotes were last looked at: what is as it was need not be."""
        self._next_trade = 0
        self._whole = False
        """Every rung that was wanted is quoted."""
        self._count = 0

    @property
    def fair(self) -> float:
        """The price around which the makers quote."""
        return math.exp(self._fair)

    def step(self, engine: Engine, now_ms: int, elapsed_s: float, apply: Apply) -> None:
        """Let `elapsed_s` seconds of market happen at `now_ms`."""
        settings, symbol = self._settings, self._market.symbol
        book, next_trade = engine.books[symbol], engine.next_trade_id[symbol]
        update_id = book.update_id
        self._walk(elapsed_s)
        touch = self._best_rungs()
        if touch != self._touch or next_trade != self._next_trade or not self._whole:
            self._standing = None
            wanted = self._wanted(*touch)
            self._withdraw(engine, now_ms, apply, wanted)
            self._quote(engine, now_ms, apply, wanted)
            self._touch, self._next_trade = touch, next_trade
            self._whole = all(key in self._quotes for key in wanted)
        if settings.resizes_per_step and book.update_id == update_id:
            self._resize(engine, now_ms, apply)
        due = settings.takes_per_s * elapsed_s
        while due > 0 and self._draw() < due:
            self._take(engine, now_ms, apply)
            due -= 1.0

    def _walk(self, elapsed_s: float) -> None:
        pull = min(1.0, elapsed_s / self._settings.reversion_s)
        shock = self._random.gauss(0.0, self._settings.volatility * math.sqrt(elapsed_s))
        self._fair += pull * (self._anchor - self._fair) + shock

    def _best_rungs(self) -> tuple[int, int]:
        """The nearest bid and ask to be quoted, as multiples of the pitch outside the spread."""
        fair, (below, above), patience = math.exp(self._fair), self._spread, self._settings.patience
        low, high = fair * below, fair * above
        bid, ask = int(low), -int(-high // 1)
        if patience and self._touch is not None:
            known_bid, known_ask = self._touch
            if bid == known_bid + 1 and low - bid < patience:
                bid = known_bid
            if ask == known_ask - 1 and ask - high < patience:
                ask = known_ask
        return bid, ask if ask > bid else bid + 1

    def _wanted(self, bid: int, ask: int) -> Rungs:
        """The rungs to be quoted, nearest first, sides in turn."""
        rungs: Rungs = {}
        for depth in range(self._settings.levels):
            if bid - depth > 0:
                rungs[Side.BUY, bid - depth] = None
            rungs[Side.SELL, ask + depth] = None
        return rungs

    def _withdraw(self, engine: Engine, now_ms: int, apply: Apply, wanted: Rungs) -> None:
        """Cancel quotes that stand on the wrong side, too far away, or are nearly used up."""
        for key, order in list(self._quotes.items()):
            if order.status not in OPEN:
                del self._quotes[key]
            elif key not in wanted or (order.filled and order.remaining * 4 < order.quantity):
                del self._quotes[key]
                apply(engine.cancel(order.account.name, order.symbol, now_ms, order_id=order.id))

    def _quote(self, engine: Engine, now_ms: int, apply: Apply, wanted: Rungs) -> None:
        for side, rung in wanted:
            if (side, rung) not in self._quotes:
                self._place(engine, now_ms, apply, side, rung, self._size())

    def _resize(self, engine: Engine, now_ms: int, apply: Apply) -> None:
        """Change the size of some quotes where they stand."""
        due, draw = self._settings.resizes_per_step, self._draw
        orders = self._standing
        if orders is None:
            orders = self._standing = list(self._quotes.values())
        while due > 0 and orders and draw() < due:
            order = orders[int(draw() * len(orders))]
            steps = max(self._least_steps, int(self._size() * self._steps_per_base))
            quantity = order.filled + steps * self._market.step
            if order.status in OPEN and quantity <= self._market.max_quantity:
                apply(engine.resize(order, quantity, now_ms))
            due -= 1.0

    def _size(self) -> float:
        return self._least_size + self._size_range * self._draw()

    def _place(
        self,
        engine: Engine,
        now_ms: int,
        apply: Apply,
        side: Side,
        rung: int,
        size: float,
    ) -> None:
        command = NewOrder(
            account=MAKERS[rung % len(MAKERS)],
            symbol=self._market.symbol,
            side=side,
            type=OrderType.LIMIT,
            client_id=self._next_id(),
            quantity=self._quantity(size, rung * self._pitch),
            price=rung * self._pitch,
        )
        events = engine.place(command, now_ms)
        order = engine.accounts[command.account].open_client_ids.get(command.client_id)
        if order is not None:
            self._quotes[side, rung] = order
        apply(events)

    def _take(self, engine: Engine, now_ms: int, apply: Apply) -> None:
        share = self._settings.take_share * min(self._random.lognormvariate(0.0, 1.0), _LARGEST_TAKE)
        size = self._level_base * share
        side = Side.BUY if self._draw() < 0.5 else Side.SELL
        command = NewOrder(
            account=TAKER,
            symbol=self._market.symbol,
            side=side,
            type=OrderType.MARKET,
            client_id=self._next_id(),
            quantity=self._quantity(size, engine.books[self._market.symbol].last),
        )
        apply(engine.place(command, now_ms))

    def _quantity(self, size: float, price: Decimal) -> Decimal:
        """`size` on the market's step, never under what the market takes."""
        market = self._market
        least = (market.min_notional * 2 / price) // market.step + 1
        steps = Decimal(int(size * self._steps_per_base))
        quantity = max(steps, least, market.min_quantity // market.step) * market.step
        return min(quantity, market.max_quantity)

    def _next_id(self) -> str:
        self._count += 1
        return f"flow-{self._market.symbol}-{self._count}"


class Flow:
    """The crowd of a whole venue: one `SymbolFlow` per market, in the markets' order."""

    def __init__(self, engine: Engine, seed: int, settings: FlowSettings | None = None) -> None:
        self._engine = engine
        chosen = settings or FlowSettings()
        for name in FLOW_ACCOUNTS:
            engine.open_account(name, keeps_history=False)
        self.symbols: dict[str, SymbolFlow] = {
            symbol: SymbolFlow(market, seed, chosen, engine.books[symbol].last)
            for symbol, market in engine.markets.items()
        }

    def fund(self) -> dict[str, dict[str, str]]:
        """Give every flow account more of each asset than it can lose in days; the deposits that this took."""
        deposits: dict[str, dict[str, str]] = {}
        for market in self._engine.markets.values():
            for name in FLOW_ACCOUNTS:
                for asset, amount in ((market.base, Decimal(10) ** 8), (market.quote, Decimal(10) ** 11)):
                    if self._engine.accounts[name].balance(asset).total == ZERO:
                        self._engine.deposit(name, asset, amount)
                        deposits.setdefault(name, {})[asset] = str(amount)
        return deposits

    def step(self, now_ms: int, elapsed_s: float, apply: Apply) -> None:
        """Let `elapsed_s` seconds of market happen on every symbol; each command's events go to `apply`."""
        for flow in self.symbols.values():
            flow.step(self._engine, now_ms, elapsed_s, apply)
