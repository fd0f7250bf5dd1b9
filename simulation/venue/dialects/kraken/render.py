"""Shapes of Kraken's REST answers: assets, pairs, tickers, books, candles, orders, trades, balances.

Money is text with a fixed number of decimals; times are seconds with a fraction.
"""

from __future__ import annotations

from decimal import Decimal

from ganglion.messages.values import ZERO, OrderType, Side, TimeInForce
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.core import Seen, Venue
from ganglion.simulation.venue.dialects.kraken.names import Pair, Pairs, long_asset, short_asset
from ganglion.simulation.venue.events import Fill
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.orders import FeeAsset, Order, OrderStatus
from ganglion.simulation.venue.tape import Candle

Json = dict[str, object]

VENUE_MADE = "~"
"""Begins the engine's client id of an order whose owner gave none; no `cl_ord_id` can begin so."""

STATUS = {
    OrderStatus.NEW: "open",
    OrderStatus.PARTIALLY_FILLED: "open",
    OrderStatus.FILLED: "closed",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "canceled",
    OrderStatus.EXPIRED_SELF_TRADE: "canceled",
}
REASONS = {
    OrderStatus.CANCELED: "User requested",
    OrderStatus.EXPIRED: "Out of funds",
    OrderStatus.EXPIRED_SELF_TRADE: "Self trade prevention",
}
_DECIMALS = 8


def fixed(value: Decimal, decimals: int = _DECIMALS) -> str:
    """A number with so many decimals."""
    return f"{value:.{decimals}f}"


def decimals_of(step: Decimal) -> int:
    """How many decimals a step has."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def seconds(time_ms: int) -> float:
    """Milliseconds as seconds."""
    return time_ms / 1000


def side_name(side: Side) -> str:
    """Buy or sell."""
    return "buy" if side is Side.BUY else "sell"


def side_of(fill: Fill, account: Account) -> Side:
    """On which side of a fill the account was."""
    taker = fill.taker_account == account.name
    return Side.BUY if (fill.taker_side is Side.BUY) == taker else Side.SELL


def percent(rate: Decimal) -> float:
    """A share in percent, as fee schedules have it."""
    return float(rate * 100)


# --- public


def asset(name: str) -> Json:
    """One asset in `Assets`."""
    return {
        "aclass": "currency",
        "altname": short_asset(name),
        "decimals": _DECIMALS,
        "display_decimals": 5,
        "status": "enabled",
    }


def pair_info(pair: Pair) -> Json:
    """One pair in `AssetPairs`."""
    market = pair.market
    return {
        "altname": pair.altname,
        "wsname": pair.wsname,
        "aclass_base": "currency",
        "base": long_asset(market.base),
        "aclass_quote": "currency",
        "quote": long_asset(market.quote),
        "lot": "unit",
        "cost_decimals": _DECIMALS,
        "pair_decimals": decimals_of(market.tick),
        "lot_decimals": decimals_of(market.step),
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, percent(market.taker_fee)]],
        "fees_maker": [[0, percent(market.maker_fee)]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": str(market.min_quantity),
        "costmin": str(market.min_notional),
        "tick_size": str(market.tick),
        "status": "online",
    }


def ticker(venue: Venue, pair: Pair) -> Json:
    """One pair in `Ticker`: today's and the last 24 hours' figures, which are the same here."""
    market, tape = pair.market, venue.tapes[pair.market.symbol]
    day, trades = tape.day(venue.now_ms()), tape.latest(1)
    book = venue.engine.books[market.symbol]
    bid, ask = book.bids.best(), book.asks.best()
    places = decimals_of(market.tick)
    average = day.quote_volume / day.volume if day.volume else day.close
    last_size = trades[0].quantity if trades else ZERO

    def best(price: Decimal, size: Decimal) -> list[str]:
        return [fixed(price, places), str(int(size)), fixed(size, 3)]

    return {
        "a": best(ask.price, ask.total) if ask else best(ZERO, ZERO),
        "b": best(bid.price, bid.total) if bid else best(ZERO, ZERO),
        "c": [fixed(day.close, places), fixed(last_size)],
        "v": [fixed(day.volume)] * 2,
        "p": [fixed(average, places)] * 2,
        "t": [day.count] * 2,
        "l": [fixed(day.low, places)] * 2,
        "h": [fixed(day.high, places)] * 2,
        "o": fixed(day.open, places),
    }


def levels(pairs: list[tuple[Decimal, Decimal]], market: Market, now_ms: int) -> list[list[object]]:
    """One side of `Depth`."""
    places, size_places = decimals_of(market.tick), decimals_of(market.step)
    return [[fixed(price, places), fixed(size, size_places), now_ms // 1000] for price, size in pairs]


def public_trade(fill: Fill, market: Market) -> list[object]:
    """One entry of `Trades`."""
    return [
        fixed(fill.price, decimals_of(market.tick)),
        fixed(fill.quantity),
        seconds(fill.time_ms),
        "b" if fill.taker_side is Side.BUY else "s",
        "m",
        "",
        fill.trade_id,
    ]


def candle(found: Candle, market: Market) -> list[object]:
    """One entry of `OHLC`."""
    places = decimals_of(market.tick)
    average = found.quote_volume / found.volume if found.volume else ZERO
    return [
        found.open_ms // 1000,
        fixed(found.open, places),
        fixed(found.high, places),
        fixed(found.low, places),
        fixed(found.close, places),
        fixed(average, places),
        fixed(found.volume),
        found.count,
    ]


# --- private


def balances(account: Account) -> Json:
    """`Balance`: totals."""
    held = sorted(account.balances.items())
    return {long_asset(name): fixed(balance.total) for name, balance in held if balance.total}


def balances_with_holds(account: Account) -> Json:
    """`BalanceEx`: totals, and what open orders hold of them."""
    held = sorted(account.balances.items())
    return {
        long_asset(name): {"balance": fixed(balance.total), "hold_trade": fixed(balance.locked)}
        for name, balance in held
        if balance.total
    }


def flags(order: Order) -> str:
    """`oflags`."""
    found = [fee_flag(order)]
    if order.post_only:
        found.append("post")
    if order.quote_quantity is not None:
        found.append("viqc")
    return ",".join(found)


def fee_flag(order: Order) -> str:
    """In which currency the fee is charged: fciq or fcib."""
    return "fcib" if order.fee_asset is FeeAsset.BASE else "fciq"


def description(order: Order, pair: Pair) -> str:
    """The sentence that stands for an order: `buy 0.01000000 XBTUSDT @ limit 60000.00`."""
    size = fixed(order.quantity if order.quote_quantity is None else order.quote_quantity)
    what = "market" if order.price is None else f"limit {fixed(order.price, decimals_of(pair.market.tick))}"
    return f"{side_name(order.side)} {size} {pair.altname} @ {what}"


def client_id(order: Order) -> str | None:
    """`cl_ord_id`, or None where the owner gave none."""
    return None if order.client_id.startswith(VENUE_MADE) else order.client_id


def order(order_: Order, seen: Seen, pair: Pair, fills: list[Fill], trades: list[str] | None) -> Json:
    """An order as queries answer it; `fills` are its own, `trades` their ids where those were asked for."""
    places = decimals_of(pair.market.tick)
    average = seen.quote_filled / seen.filled if seen.filled else ZERO
    is_open = seen.status.is_open
    answer: Json = {
        "refid": None,
        "userref": order_.reference or None,
        "status": STATUS[seen.status],
        "opentm": seconds(order_.created_ms),
        "starttm": 0,
        "expiretm": 0 if order_.expires_ms is None else order_.expires_ms // 1000,
        "descr": {
            "pair": pair.altname,
            "type": side_name(order_.side),
            "ordertype": "limit" if order_.type is OrderType.LIMIT else "market",
            "price": fixed(order_.price, places) if order_.price is not None else "0",
            "price2": "0",
            "leverage": "none",
            "order": description(order_, pair),
            "close": "",
        },
        "vol": fixed(order_.quantity if order_.quote_quantity is None else order_.quote_quantity),
        "vol_exec": fixed(seen.filled),
        "cost": fixed(seen.quote_filled),
        "fee": fixed(sum((own_fee(fill, order_.account) for fill in fills), ZERO)),
        "price": fixed(average),
        "stopprice": fixed(ZERO, places),
        "limitprice": fixed(ZERO, places),
        "misc": "",
        "oflags": flags(order_),
    }
    given = client_id(order_)
    if given is not None:
        answer["cl_ord_id"] = given
    if trades is not None:
        answer["trades"] = trades
    if not is_open:
        answer["status"] = "expired" if timed_out(order_, seen) else STATUS[seen.status]
        answer["closetm"] = seconds(order_.updated_ms)
        answer["reason"] = reason(order_, seen)
    return answer


def timed_out(order_: Order, seen: Seen) -> bool:
    """Whether an order ended because its own time was over."""
    return seen.status is OrderStatus.EXPIRED and order_.expires_ms is not None


def reason(order_: Order, seen: Seen) -> str | None:
    """Why an order ended; None where it was filled."""
    if timed_out(order_, seen):
        return "Order expired"
    if seen.status is OrderStatus.EXPIRED and order_.time_in_force is not TimeInForce.GTC:
        return "Immediate or cancel"
    return REASONS.get(seen.status)


def own_fee(fill: Fill, account: Account) -> Decimal:
    """What the account was charged for a fill."""
    return fill.taker_fee if fill.taker_account == account.name else fill.maker_fee


def own_order(fill: Fill, account: Account) -> int:
    """The number of the account's order in a fill."""
    return fill.taker_order_id if fill.taker_account == account.name else fill.maker_order_id


def trade(fill: Fill, account: Account, pair: Pair, pairs: Pairs) -> Json:
    """An own trade."""
    order_ = account.orders[fill.symbol, own_order(fill, account)]
    return {
        "ordertxid": pairs.order_id(fill.symbol, order_.id),
        "postxid": pairs.trade_id(fill.symbol, fill.trade_id),
        "pair": pair.id,
        "time": seconds(fill.time_ms),
        "type": side_name(order_.side),
        "ordertype": "limit" if order_.type is OrderType.LIMIT else "market",
        "price": fixed(fill.price, decimals_of(pair.market.tick)),
        "cost": fixed(fill.quote),
        "fee": fixed(own_fee(fill, account)),
        "vol": fixed(fill.quantity),
        "margin": fixed(ZERO),
        "leverage": "0",
        "misc": "",
        "trade_id": fill.trade_id,
        "maker": fill.maker_account == account.name,
    }
