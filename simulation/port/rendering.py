"""The engine's orders, fills and balances in the words of the port, as the real adapter has them from a venue.

Pure. Money stays the engine's Decimal; prices and sizes of books and public trades become float here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from ganglion.messages.market import Levels, Market, TradeTick
from ganglion.messages.orders import Balance, VenueOrder, VenueTrade
from ganglion.messages.values import ZERO, Liquidity
from ganglion.simulation.venue import markets as venue_markets
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.events import Fill
from ganglion.simulation.venue.orders import Order, OrderStatus

STATUS = {
    OrderStatus.NEW: "open",
    OrderStatus.PARTIALLY_FILLED: "open",
    OrderStatus.FILLED: "closed",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "expired",
    OrderStatus.EXPIRED_SELF_TRADE: "expired",
}
"""ccxt's words."""


class Stand(NamedTuple):
    """How far an order was at some time."""

    filled: Decimal
    cost: Decimal
    status: str


def stand_of(order: Order) -> Stand:
    """How far it is now."""
    return Stand(order.filled, order.quote_filled, STATUS[order.status])


def order_of(order: Order, stand: Stand | None = None) -> VenueOrder:
    """An order as its owner is told of it, now or at an earlier `stand`."""
    filled, cost, status = stand or stand_of(order)
    price = order.price
    if price is None and filled:
        price = cost / filled
    return VenueOrder(
        symbol=order.symbol,
        venue_id=str(order.id),
        client_id=order.client_id,
        status=status,
        side=order.side,
        type=order.type,
        price=price,
        amount=order.quantity,
        filled=filled,
        cost=cost,
        timestamp_ms=order.updated_ms,
    )


def trade_of(fill: Fill, account: str, client_id: str | None = None) -> VenueTrade:
    """A fill as one of its two accounts is told of it; with the order's client id where its venue says that."""
    taker = fill.taker_account == account
    return VenueTrade(
        symbol=fill.symbol,
        trade_id=str(fill.trade_id),
        venue_order_id=str(fill.taker_order_id if taker else fill.maker_order_id),
        client_id=client_id,
        side=fill.taker_side if taker else fill.taker_side.opposite,
        price=fill.price,
        amount=fill.quantity,
        fee=fill.taker_fee if taker else fill.maker_fee,
        fee_asset=fill.taker_fee_asset if taker else fill.maker_fee_asset,
        liquidity=Liquidity.TAKER if taker else Liquidity.MAKER,
        timestamp_ms=fill.time_ms,
    )


def own_order_id(fill: Fill, account: str) -> int:
    """The account's order in a fill."""
    return fill.taker_order_id if fill.taker_account == account else fill.maker_order_id


def balances_of(account: Account) -> tuple[Balance, ...]:
    """All assets that hold something, by name."""
    held = sorted(account.balances.items())
    return tuple(Balance(asset, balance.free, balance.locked) for asset, balance in held if balance.total)


def balances_at(account: Account, markets: Mapping[str, venue_markets.Market], at_ms: int) -> tuple[Balance, ...]:
    """What an account held at an earlier time, counted back from now."""
    totals = {asset: balance.total for asset, balance in account.balances.items()}
    for symbol, fills in account.fills.items():
        market = markets[symbol]
        for fill in reversed(fills):
            if fill.time_ms <= at_ms:
                break
            trade = trade_of(fill, account.name)
            base = trade.amount * trade.side.sign
            totals[market.base] -= base
            totals[market.quote] += fill.quote * trade.side.sign
            totals[trade.fee_asset] += trade.fee
    used: dict[str, Decimal] = {}
    for order in account.orders.values():
        stand = stand_at(order, account, at_ms)
        if stand is not None and stand.status == "open" and order.price is not None:
            left, market = order.quantity - stand.filled, markets[order.symbol]
            need = left * order.price if order.side.sign > 0 else left
            need += market.worst_fee(need) if order.fee_on_top else ZERO
            asset = market.quote if order.side.sign > 0 else market.base
            used[asset] = used.get(asset, ZERO) + need
    held = sorted(totals.items())
    return tuple(Balance(a, total - used.get(a, ZERO), used.get(a, ZERO)) for a, total in held if total)


def stand_at(order: Order, account: Account, at_ms: int) -> Stand | None:
    """How far an order was at an earlier time; None where it was not there yet."""
    if order.created_ms > at_ms:
        return None
    if order.updated_ms <= at_ms:
        return stand_of(order)
    filled = cost = ZERO
    for fill in account.fills.get(order.symbol, ()):
        if fill.time_ms <= at_ms and own_order_id(fill, account.name) == order.id:
            filled += fill.quantity
            cost += fill.quote
    return Stand(filled, cost, "open")


def market_of(market: venue_markets.Market, exchange: str, fee_side: str) -> Market:
    """What the venue accepts in one market."""
    return Market(
        exchange=exchange,
        symbol=market.symbol,
        price_step=market.tick,
        amount_step=market.step,
        min_amount=market.min_quantity,
        min_cost=market.min_notional,
        maker_fee=market.maker_fee,
        taker_fee=market.taker_fee,
        fee_side=fee_side,
        active=True,
    )


def tick_of(fill: Fill, exchange: str, received_s: float) -> TradeTick:
    """A fill as everybody is told of it."""
    return TradeTick(
        exchange,
        fill.symbol,
        str(fill.trade_id),
        fill.taker_side,
        float(fill.price),
        float(fill.quantity),
        fill.time_ms,
        received_s,
    )


def levels_of(levels: Iterable[tuple[Decimal, Decimal]]) -> Levels:
    """Price levels as floats."""
    return tuple((float(price), float(size)) for price, size in levels)
