"""Binance spot's public endpoints: time, markets, books, trades, candles, tickers. Handlers without I/O."""

from __future__ import annotations

import json
from collections.abc import Callable

from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.dialects.binance import render
from ganglion.simulation.venue.dialects.binance.errors import ApiError, missing
from ganglion.simulation.venue.dialects.binance.params import Params
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.tape import INTERVALS_MS


class PublicApi:
    """Answers public requests from the venue's state."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def market(self, params: Params) -> Market:
        """The market that the request names.

        Raises:
            ApiError: -1102 without a symbol, -1121 for one that is not traded here.
        """
        return self.market_named(params.text("symbol"))

    def market_named(self, wire_id: str) -> Market:
        """The market of a wire id.

        Raises:
            ApiError: -1121 when it is not traded here.
        """
        market = self._venue.by_wire_id.get(wire_id)
        if market is None:
            raise ApiError(400, -1121, "Invalid symbol.")
        return market

    def ping(self, _params: Params) -> object:
        """GET ping."""
        return {}

    def time(self, _params: Params) -> object:
        """GET time."""
        return {"serverTime": self._venue.now_ms()}

    def exchange_info(self, params: Params) -> object:
        """GET exchangeInfo, of all markets or the ones named."""
        return {
            "timezone": "UTC",
            "serverTime": self._venue.now_ms(),
            "rateLimits": render.rate_limits(),
            "exchangeFilters": [],
            "symbols": [render.market_info(market) for market in self._chosen(params)],
        }

    def depth(self, params: Params) -> object:
        """GET depth: the book, with the number of its last change."""
        market = self.market(params)
        book = self._venue.engine.books[market.symbol]
        bids, asks = book.depth(params.limit(100, 5000))
        return {
            "lastUpdateId": book.update_id,
            "bids": render.levels(bids),
            "asks": render.levels(asks),
        }

    def trades(self, params: Params) -> object:
        """GET trades: the latest ones."""
        tape = self._venue.tapes[self.market(params).symbol]
        return [render.public_trade(fill) for fill in tape.latest(params.limit(500, 1000))]

    def historical_trades(self, params: Params) -> object:
        """GET historicalTrades, from an id on."""
        tape = self._venue.tapes[self.market(params).symbol]
        chosen = tape.select(params.limit(500, 1000), from_id=params.integer("fromId"))
        return [render.public_trade(fill) for fill in chosen]

    def aggregate_trades(self, params: Params) -> object:
        """GET aggTrades, from an id or a time on."""
        tape = self._venue.tapes[self.market(params).symbol]
        chosen = tape.select(
            params.limit(500, 1000),
            params.integer("fromId"),
            params.integer("startTime"),
            params.integer("endTime"),
        )
        return [render.aggregate_trade(fill) for fill in chosen]

    def klines(self, params: Params) -> object:
        """GET klines."""
        tape = self._venue.tapes[self.market(params).symbol]
        interval = params.text("interval")
        if interval not in INTERVALS_MS:
            raise ApiError(400, -1120, "Invalid interval.")
        candles = tape.candles(
            interval,
            self._venue.now_ms(),
            params.limit(500, 1000),
            params.integer("startTime"),
            params.integer("endTime"),
        )
        return [render.kline(candle, interval) for candle in candles]

    def ticker_24hr(self, params: Params) -> object:
        """GET ticker/24hr, one or many."""
        return self._each(params, lambda market: render.day_ticker(self._venue, market))

    def ticker_price(self, params: Params) -> object:
        """GET ticker/price, one or many."""

        def price(market: Market) -> render.Json:
            last = self._venue.engine.books[market.symbol].last
            return {"symbol": market.wire_id, "price": render.money(last)}

        return self._each(params, price)

    def average_price(self, params: Params) -> object:
        """GET avgPrice over the last five minutes."""
        market = self.market(params)
        candles = self._venue.tapes[market.symbol].candles("1m", self._venue.now_ms(), 5)
        base = sum((candle.volume for candle in candles), start=market.step * 0)
        quote = sum((candle.quote_volume for candle in candles), start=market.step * 0)
        price = quote / base if base else self._venue.engine.books[market.symbol].last
        return {"mins": 5, "price": render.money(price), "closeTime": self._venue.now_ms()}

    def ticker_book(self, params: Params) -> object:
        """GET ticker/bookTicker, one or many."""

        def book_ticker(market: Market) -> render.Json:
            bid, bid_size, ask, ask_size = render.best(self._venue.engine.books[market.symbol])
            return {
                "symbol": market.wire_id,
                "bidPrice": render.money(bid),
                "bidQty": render.money(bid_size),
                "askPrice": render.money(ask),
                "askQty": render.money(ask_size),
            }

        return self._each(params, book_ticker)

    def _chosen(self, params: Params) -> list[Market]:
        if params.optional("symbol") is not None:
            return [self.market(params)]
        many = params.optional("symbols")
        if many is None:
            return list(self._venue.by_wire_id.values())
        try:
            names = json.loads(many)
        except json.JSONDecodeError as error:
            raise missing("symbols") from error
        if not isinstance(names, list):
            raise missing("symbols")
        return [self.market_named(str(name)) for name in names]

    def _each(self, params: Params, one: Callable[[Market], render.Json]) -> object:
        chosen = [one(market) for market in self._chosen(params)]
        return chosen[0] if params.optional("symbol") is not None else chosen
