"""What of a bot's tree may be something else than it is live: who stands for books and candles, and at which pace.

Handed to `bot_spec` by whoever builds a bot for another world than the real one (backtest.py). Everything else of the
tree is the same everywhere, on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ganglion.actors.exchange.arm import ExchangeSettings
from ganglion.actors.market.candles import CandleActor, Watermark
from ganglion.actors.market.order_book import OrderBookActor
from ganglion.actors.trading.orders import OrdersSettings
from ganglion.actors.trading.portfolio import PortfolioSettings
from ganglion.messages.values import Symbol
from ganglion.supervision import Actor, Address

ActorFactory: TypeAlias = Callable[[], Actor[Any]]


def _order_book(exchange: str, symbol: Symbol, venue: Address[Any]) -> ActorFactory:
    return lambda: OrderBookActor(exchange, symbol, venue)


def _candles(exchange: str, symbol: Symbol, timeframe: str, venue: Address[Any]) -> ActorFactory:
    watermark = Watermark()
    return lambda: CandleActor(exchange, symbol, timeframe, venue, watermark=watermark)


def _as_it_is(settings: Any) -> Any:
    return settings


@dataclass(frozen=True, slots=True)
class Parts:
    """The defaults are what trades live."""

    book: Callable[[str, Symbol, Address[Any]], ActorFactory] = _order_book
    """Of an exchange and a market, behind that exchange actor."""
    candles: Callable[[str, Symbol, str, Address[Any]], ActorFactory] = _candles
    """Likewise, and of a timeframe."""
    exchange: Callable[[ExchangeSettings], ExchangeSettings] = _as_it_is
    """Has the last word on an exchange actor's settings."""
    orders: Callable[[OrdersSettings], OrdersSettings] = _as_it_is
    """And on those of an order line."""
    portfolio: PortfolioSettings = field(default_factory=PortfolioSettings)
    treasury_every_s: float = 1.0
    monitor_every_s: float = 10.0
    counts_orders: bool = True
    """Whether the collector hears of each order and fill: for `status` and `orders` of a bot that people watch."""
    settle_s: float = 300.0
    """How long an order may be at risk before the monitor calls it a violation."""
    renewed: bool = False
    """Every account began anew with the process: what the journal knows of orders and trade ids means nothing now."""


LIVE = Parts()
