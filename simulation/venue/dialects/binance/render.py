"""Shapes of Binance spot: markets, orders, fills, balances, candles and tickers as its JSON has them."""

from __future__ import annotations

from decimal import Decimal

from ganglion.messages.values import ZERO, OrderType, Side
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.book import Book
from ganglion.simulation.venue.core import Seen, Venue
from ganglion.simulation.venue.events import Fill
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.orders import Order, OrderStatus, SelfTrade
from ganglion.simulation.venue.tape import Candle, bucket_end

Json = dict[str, object]

STATUS = {
    OrderStatus.NEW: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.EXPIRED_SELF_TRADE: "EXPIRED_IN_MATCH",
}
SELF_TRADE = {
    "EXPIRE_MAKER": SelfTrade.EXPIRE_MAKER,
    "EXPIRE_TAKER": SelfTrade.EXPIRE_TAKER,
    "EXPIRE_BOTH": SelfTrade.EXPIRE_BOTH,
}
WEIGHT_PER_MINUTE = 6_000
ORDERS_PER_10S = 100
ORDERS_PER_DAY = 200_000


def money(value: Decimal) -> str:
    """An amount with eight decimals, as on the wire."""
    return f"{value:.8f}"


def side_name(side: Side) -> str:
    """BUY or SELL."""
    return "BUY" if side is Side.BUY else "SELL"


def type_name(order: Order) -> str:
    """LIMIT, LIMIT_MAKER or MARKET."""
    if order.post_only:
        return "LIMIT_MAKER"
    return "LIMIT" if order.type is OrderType.LIMIT else "MARKET"


def market_info(market: Market) -> Json:
    """One market in `exchangeInfo`."""
    band = money(market.price_band)
    lowest = money(1 / market.price_band)
    return {
        "symbol": market.wire_id,
        "status": "TRADING",
        "baseAsset": market.base,
        "baseAssetPrecision": 8,
        "quoteAsset": market.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(market, band, lowest),
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": list(SELF_TRADE),
    }


def _filters(market: Market, band: str, lowest: str) -> list[Json]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": money(market.tick),
            "maxPrice": "1000000.00000000",
            "tickSize": money(market.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": money(market.min_quantity),
            "maxQty": money(market.max_quantity),
            "stepSize": money(market.step),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": money(market.max_quantity),
            "stepSize": "0.00000000",
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": band,
            "bidMultiplierDown": lowest,
            "askMultiplierUp": band,
            "askMultiplierDown": lowest,
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": money(market.min_notional),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": market.max_open_orders},
    ]


def rate_limits() -> list[Json]:
    """What `exchangeInfo` says about rate limits."""
    return [
        {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": WEIGHT_PER_MINUTE,
        },
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": ORDERS_PER_10S},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": ORDERS_PER_DAY},
    ]


def order(order_: Order, seen: Seen, market: Market) -> Json:
    """An order as queries answer it."""
    return {
        "symbol": market.wire_id,
        "orderId": order_.id,
        "orderListId": -1,
        "clientOrderId": order_.client_id,
        "price": money(order_.price or ZERO),
        "origQty": money(order_.quantity),
        "executedQty": money(seen.filled),
        "origQuoteOrderQty": money(order_.quote_quantity or ZERO),
        "cummulativeQuoteQty": money(seen.quote_filled),
        "status": STATUS[seen.status],
        "timeInForce": str(order_.time_in_force),
        "type": type_name(order_),
        "side": side_name(order_.side),
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": order_.created_ms,
        "updateTime": order_.updated_ms,
        "isWorking": True,
        "workingTime": order_.created_ms,
        "selfTradePreventionMode": order_.self_trade.upper(),
    }


def placed(order_: Order, seen: Seen, market: Market, fills: list[Fill] | None) -> Json:
    """The answer to a new order: RESULT, or FULL when `fills` is given."""
    answer: Json = {
        "symbol": market.wire_id,
        "orderId": order_.id,
        "orderListId": -1,
        "clientOrderId": order_.client_id,
        "transactTime": order_.updated_ms,
        "price": money(order_.price or ZERO),
        "origQty": money(order_.quantity),
        "executedQty": money(seen.filled),
        "origQuoteOrderQty": money(order_.quote_quantity or ZERO),
        "cummulativeQuoteQty": money(seen.quote_filled),
        "status": STATUS[seen.status],
        "timeInForce": str(order_.time_in_force),
        "type": type_name(order_),
        "side": side_name(order_.side),
        "workingTime": order_.created_ms,
        "selfTradePreventionMode": order_.self_trade.upper(),
    }
    if fills is not None:
        answer["fills"] = [
            {
                "price": money(fill.price),
                "qty": money(fill.quantity),
                "commission": money(fill.taker_fee),
                "commissionAsset": fill.taker_fee_asset,
                "tradeId": fill.trade_id,
            }
            for fill in fills
        ]
    return answer


def canceled(order_: Order, seen: Seen, market: Market, cancel_id: str, now_ms: int) -> Json:
    """The answer to a cancel."""
    return {
        "symbol": market.wire_id,
        "origClientOrderId": order_.client_id,
        "orderId": order_.id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": now_ms,
        "price": money(order_.price or ZERO),
        "origQty": money(order_.quantity),
        "executedQty": money(seen.filled),
        "origQuoteOrderQty": money(order_.quote_quantity or ZERO),
        "cummulativeQuoteQty": money(seen.quote_filled),
        "status": STATUS[seen.status],
        "timeInForce": str(order_.time_in_force),
        "type": type_name(order_),
        "side": side_name(order_.side),
        "selfTradePreventionMode": order_.self_trade.upper(),
    }


def my_trade(fill: Fill, account: Account, market: Market) -> Json:
    """A fill as its owner reads it."""
    taker = fill.taker_account == account.name
    buyer = (fill.taker_side is Side.BUY) == taker
    return {
        "symbol": market.wire_id,
        "id": fill.trade_id,
        "orderId": fill.taker_order_id if taker else fill.maker_order_id,
        "orderListId": -1,
        "price": money(fill.price),
        "qty": money(fill.quantity),
        "quoteQty": money(fill.quote),
        "commission": money(fill.taker_fee if taker else fill.maker_fee),
        "commissionAsset": fill.taker_fee_asset if taker else fill.maker_fee_asset,
        "time": fill.time_ms,
        "isBuyer": buyer,
        "isMaker": not taker,
        "isBestMatch": True,
    }


def public_trade(fill: Fill) -> Json:
    """A trade as everybody reads it."""
    return {
        "id": fill.trade_id,
        "price": money(fill.price),
        "qty": money(fill.quantity),
        "quoteQty": money(fill.quote),
        "time": fill.time_ms,
        "isBuyerMaker": fill.taker_side is Side.SELL,
        "isBestMatch": True,
    }


def aggregate_trade(fill: Fill) -> Json:
    """An aggregate trade; this venue makes one per trade."""
    return {
        "a": fill.trade_id,
        "p": money(fill.price),
        "q": money(fill.quantity),
        "f": fill.trade_id,
        "l": fill.trade_id,
        "T": fill.time_ms,
        "m": fill.taker_side is Side.SELL,
        "M": True,
    }


def kline(candle: Candle, interval: str) -> list[object]:
    """A candle as the klines endpoint has it."""
    return [
        candle.open_ms,
        money(candle.open),
        money(candle.high),
        money(candle.low),
        money(candle.close),
        money(candle.volume),
        bucket_end(interval, candle.open_ms) - 1,
        money(candle.quote_volume),
        candle.count,
        money(candle.taker_base),
        money(candle.taker_quote),
        "0",
    ]


def levels(pairs: list[tuple[Decimal, Decimal]]) -> list[list[str]]:
    """Book levels."""
    return [[money(price), money(quantity)] for price, quantity in pairs]


def balances(account: Account) -> list[Json]:
    """Every asset that the account ever had."""
    return [
        {"asset": asset, "free": money(balance.free), "locked": money(balance.locked)}
        for asset, balance in sorted(account.balances.items())
    ]


def best(book: Book) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Best bid, its quantity, best ask, its quantity; zeros where a side is empty."""
    bid, ask = book.bids.best(), book.asks.best()
    return (
        ZERO if bid is None else bid.price,
        ZERO if bid is None else bid.total,
        ZERO if ask is None else ask.price,
        ZERO if ask is None else ask.total,
    )


def day_ticker(venue: Venue, market: Market) -> Json:
    """The rolling 24-hour ticker."""
    now_ms = venue.now_ms()
    day = venue.tapes[market.symbol].day(now_ms)
    bid, bid_size, ask, ask_size = best(venue.engine.books[market.symbol])
    trades = venue.tapes[market.symbol].latest(1)
    change = day.close - day.open
    average = day.quote_volume / day.volume if day.volume else day.close
    last_id = trades[0].trade_id if trades else -1
    return {
        "symbol": market.wire_id,
        "priceChange": money(change),
        "priceChangePercent": f"{change / day.open * 100:.3f}",
        "weightedAvgPrice": money(average),
        "prevClosePrice": money(day.open),
        "lastPrice": money(day.close),
        "lastQty": money(trades[0].quantity if trades else ZERO),
        "bidPrice": money(bid),
        "bidQty": money(bid_size),
        "askPrice": money(ask),
        "askQty": money(ask_size),
        "openPrice": money(day.open),
        "highPrice": money(day.high),
        "lowPrice": money(day.low),
        "volume": money(day.volume),
        "quoteVolume": money(day.quote_volume),
        "openTime": now_ms - 86_400_000,
        "closeTime": now_ms,
        "firstId": last_id - day.count + 1,
        "lastId": last_id,
        "count": day.count,
    }
