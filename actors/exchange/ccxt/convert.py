"""ccxt's unified dictionaries as messages: the edge where text becomes Decimal and book prices float. Pure.

ccxt runs with `number: str`, so amounts arrive as the venue wrote them. What a venue did not say is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from ganglion.actors.exchange.quirks import ClientIdRule, KeyRightsRoute
from ganglion.messages.market import Candle, Market, Ticker, TradeTick
from ganglion.messages.orders import Balance, VenueOrder, VenueTrade
from ganglion.messages.values import (
    ZERO,
    Liquidity,
    OrderType,
    Side,
    Symbol,
    money,
    quote_of,
)

DECIMAL_PLACES, TICK_SIZE = 2, 4
"""ccxt's `precisionMode`; with the third, significant digits, a step depends on the price."""

NOT_BALANCES = frozenset({"info", "timestamp", "datetime", "free", "used", "total", "debt"})


class IncompleteError(ValueError):
    """A reply lacks what makes it one (an order without an id, a list without its envelope)."""


def decimal_of(value: object) -> Decimal | None:
    """Money out of whatever ccxt has there: text, or one of its own literals."""
    if value is None or value == "":
        return None
    return money(repr(value) if isinstance(value, float) else str(value))


def order_of(
    raw: Mapping[str, Any],
    rule: ClientIdRule,
    symbol: Symbol | None = None,
    client_id: str | None = None,
) -> VenueOrder:
    """One order; `symbol` and `client_id` (ours) stand in where it does not say its own.

    Raises:
        IncompleteError: it has no id: it is no order.
    """
    venue_id = raw.get("id")
    if not venue_id:
        raise IncompleteError("an order without an id")
    side, kind = raw.get("side"), raw.get("type")
    return VenueOrder(
        symbol=raw.get("symbol") or symbol or "",
        venue_id=str(venue_id),
        client_id=rule.decode(raw.get("clientOrderId")) or client_id,
        status=raw.get("status"),
        side=Side(side) if side in {"buy", "sell"} else None,
        type=OrderType(kind) if kind in {"limit", "market"} else None,
        price=decimal_of(raw.get("price")),
        amount=decimal_of(raw.get("amount")),
        filled=decimal_of(raw.get("filled")),
        cost=decimal_of(raw.get("cost")),
        timestamp_ms=raw.get("lastUpdateTimestamp") or raw.get("timestamp"),
    )


def with_raw_fields(raw: Mapping[str, Any], fields: Mapping[str, str]) -> Mapping[str, Any]:
    """An order with fields as its raw message has them; what is not there was not said."""
    info = raw.get("info") or {}
    return {**raw, **{name: info.get(field) for name, field in fields.items()}} if fields else raw


def trade_of(raw: Mapping[str, Any], rule: ClientIdRule, *, fees: bool = True, fee_sign: int = 1) -> VenueTrade | None:
    """One own trade; None where its fee is not said and `fees` wants it (the REST reading has it).

    Raises:
        IncompleteError: without id, price or amount it is no trade.
    """
    price, amount = decimal_of(raw.get("price")), decimal_of(raw.get("amount"))
    if not raw.get("id") or price is None or amount is None or raw.get("side") not in {"buy", "sell"}:
        raise IncompleteError(f"an own trade without id, side, price or amount: {raw.get('id')!r}")
    symbol = str(raw.get("symbol"))
    charged = _fee_of(raw)
    if charged is None and fees:
        return None
    fee, fee_asset = charged or (ZERO, quote_of(symbol))
    liquidity = raw.get("takerOrMaker")
    order_id = raw.get("order")
    return VenueTrade(
        symbol=symbol,
        trade_id=str(raw["id"]),
        venue_order_id=None if order_id is None else str(order_id),
        client_id=rule.decode(raw.get("clientOrderId")),
        side=Side(raw["side"]),
        price=price,
        amount=amount,
        fee=fee * fee_sign,
        fee_asset=fee_asset,
        liquidity=Liquidity(liquidity) if liquidity in {"maker", "taker"} else None,
        timestamp_ms=int(raw.get("timestamp") or 0),
    )


def _fee_of(raw: Mapping[str, Any]) -> tuple[Decimal, str] | None:
    for fee in (raw.get("fee"), *(raw.get("fees") or ())):
        if fee and fee.get("cost") is not None and fee.get("currency"):
            cost = decimal_of(fee["cost"])
            if cost is not None:
                return cost, str(fee["currency"])
    return None


def balances_of(raw: Mapping[str, Any]) -> tuple[Balance, ...]:
    """All assets that hold something, by name."""
    found = []
    for asset in sorted(set(raw) - NOT_BALANCES):
        entry = raw[asset]
        if not isinstance(entry, Mapping):
            continue
        free, used = decimal_of(entry.get("free")), decimal_of(entry.get("used"))
        total = decimal_of(entry.get("total"))
        if free is None:
            free = (total or ZERO) - (used or ZERO)
        if used is None:
            used = (total - free) if total is not None else ZERO
        if free or used:
            found.append(Balance(asset=asset, free=free, used=used))
    return tuple(found)


def market_of(raw: Mapping[str, Any], exchange: str, precision_mode: int, fee_side: str) -> Market:
    """What a venue accepts in one market."""
    precision, limits = raw.get("precision") or {}, raw.get("limits") or {}
    maker, taker = decimal_of(raw.get("maker")), decimal_of(raw.get("taker"))
    return Market(
        exchange=exchange,
        symbol=str(raw["symbol"]),
        price_step=_step(precision.get("price"), precision_mode),
        amount_step=_step(precision.get("amount"), precision_mode),
        min_amount=decimal_of((limits.get("amount") or {}).get("min")) or ZERO,
        min_cost=decimal_of((limits.get("cost") or {}).get("min")) or ZERO,
        maker_fee=maker or ZERO,
        taker_fee=taker or ZERO,
        fee_side=str(raw.get("feeSide") or fee_side or "get"),
        active=raw.get("active") is not False,
    )


def _step(value: object, precision_mode: int) -> Decimal:
    step = decimal_of(value)
    if step is None or precision_mode not in {DECIMAL_PLACES, TICK_SIZE}:
        return Decimal("1E-8")
    return Decimal(1).scaleb(-int(step)) if precision_mode == DECIMAL_PLACES else step


def candle_of(row: Iterable[Any], exchange: str, symbol: Symbol, timeframe: str) -> Candle:
    """One row of fetch_ohlcv.

    Raises:
        IncompleteError: a field is missing, as in what ccxt makes of html.
    """
    cells = list(row)
    if len(cells) < 6 or any(cell is None for cell in cells[:6]):
        raise IncompleteError(f"a candle without all of its fields: {cells}")
    return Candle(
        exchange=exchange,
        symbol=symbol,
        timeframe=timeframe,
        open_ms=int(cells[0]),
        open=float(cells[1]),
        high=float(cells[2]),
        low=float(cells[3]),
        close=float(cells[4]),
        volume=float(cells[5]),
    )


def tick_of(raw: Mapping[str, Any], exchange: str, symbol: Symbol, received_s: float) -> TradeTick:
    """One public trade; without a side it counts as a buy (few venues leave it out)."""
    price, size, at = float(raw["price"]), float(raw["amount"]), int(raw.get("timestamp") or 0)
    return TradeTick(
        exchange=exchange,
        symbol=symbol,
        trade_id=str(raw.get("id") or f"{at}-{price}-{size}"),
        side=Side.SELL if raw.get("side") == "sell" else Side.BUY,
        price=price,
        size=size,
        timestamp_ms=at,
        received_s=received_s,
    )


def ticker_of(raw: Mapping[str, Any], exchange: str, symbol: Symbol, received_s: float) -> Ticker:
    """The venue's summary of a market."""
    return Ticker(
        exchange=exchange,
        symbol=symbol,
        last=float(raw.get("last") or 0.0),
        volume=float(raw.get("baseVolume") or 0.0),
        timestamp_ms=int(raw.get("timestamp") or 0),
        received_s=received_s,
    )


def may_withdraw(raw: object, route: KeyRightsRoute) -> bool:
    """What a venue's own words about a key come to.

    Raises:
        IncompleteError: they are not where they should be: that proves nothing.
    """
    found: Any = raw
    try:
        for step in route.path:
            found = found[step]
    except (KeyError, IndexError, TypeError):
        found = None
    if isinstance(found, str) and route.withdraws:
        return route.withdraws in found.split(",")
    if isinstance(found, list) and route.withdraws:
        return route.withdraws in found
    if isinstance(found, bool) and not route.withdraws:
        return found
    raise IncompleteError(f"a reply about the key without {'.'.join(map(str, route.path))}")
