"""Kraken's public endpoints: time, assets, pairs, tickers, books, trades, candles, spreads. Handlers without I/O."""

from __future__ import annotations

from datetime import UTC, datetime

from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.dialects.kraken import render
from ganglion.simulation.venue.dialects.kraken.errors import UNKNOWN_ASSET, UNKNOWN_PAIR, ApiError, invalid
from ganglion.simulation.venue.dialects.kraken.names import Pair, Pairs, long_asset, short_asset
from ganglion.simulation.venue.dialects.kraken.params import Params

INTERVALS = {
    "1": "1m",
    "5": "5m",
    "15": "15m",
    "30": "30m",
    "60": "1h",
    "240": "4h",
    "1440": "1d",
    "10080": "1w",
}
"""Candle lengths in minutes, and the tape's names for them (Kraken's 21600 is not kept here)."""
CANDLES = 720
_TRADES = 1_000
_NS = 1_000_000


class PublicApi:
    """Answers public requests from the venue's state."""

    def __init__(self, venue: Venue, pairs: Pairs) -> None:
        self._venue = venue
        self.pairs = pairs

    def pair(self, params: Params) -> Pair:
        """The pair that the request names.

        Raises:
            ApiError: EGeneral:Invalid arguments without one, EQuery:Unknown asset pair for one not traded here.
        """
        found = self.pairs.named(params.text("pair"))
        if found is None:
            raise ApiError(UNKNOWN_PAIR)
        return found

    def time(self, _params: Params) -> object:
        """GET Time: in whole seconds."""
        now_s = self._venue.now_ms() // 1000
        return {
            "unixtime": now_s,
            "rfc1123": datetime.fromtimestamp(now_s, UTC).strftime("%a, %d %b %y %H:%M:%S +0000"),
        }

    def system_status(self, _params: Params) -> object:
        """GET SystemStatus."""
        now = datetime.fromtimestamp(self._venue.now_ms() // 1000, UTC)
        return {"status": "online", "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def assets(self, params: Params) -> object:
        """GET Assets, all or the ones named."""
        names = sorted({name for pair in self.pairs.all for name in (pair.market.base, pair.market.quote)})
        wanted = params.optional("asset")
        if wanted is not None:
            by_name = {alias: name for name in names for alias in (name, long_asset(name), short_asset(name))}
            if not set(wanted.split(",")) <= set(by_name):
                raise ApiError(UNKNOWN_ASSET)
            names = [by_name[part] for part in wanted.split(",")]
        return {long_asset(name): render.asset(name) for name in names}

    def asset_pairs(self, params: Params) -> object:
        """GET AssetPairs, all or the ones named."""
        return {pair.id: render.pair_info(pair) for pair in self._chosen(params)}

    def ticker(self, params: Params) -> object:
        """GET Ticker, of all pairs or the ones named."""
        return {pair.id: render.ticker(self._venue, pair) for pair in self._chosen(params)}

    def depth(self, params: Params) -> object:
        """GET Depth: the book; it has no number."""
        pair = self.pair(params)
        count = params.integer("count")
        if count is not None and not 1 <= count <= 500:
            raise invalid("count")
        bids, asks = self._venue.engine.books[pair.market.symbol].depth(count or 100)
        now_ms = self._venue.now_ms()
        return {
            pair.id: {
                "asks": render.levels(asks, pair.market, now_ms),
                "bids": render.levels(bids, pair.market, now_ms),
            },
        }

    def trades(self, params: Params) -> object:
        """GET Trades: the latest, or from a time on; `last` is the time of the last in nanoseconds."""
        pair = self.pair(params)
        count = params.integer("count") or _TRADES
        since = params.amount("since")
        # whole seconds or nanoseconds, as what `last` says
        since_ms = None if since is None else int(since / _NS if since > 1e14 else since * 1000)
        tape = self._venue.tapes[pair.market.symbol]
        chosen = tape.select(max(1, min(count, _TRADES)), start_ms=since_ms)
        last_ns = chosen[-1].time_ms * _NS if chosen else self._venue.now_ms() * _NS
        return {pair.id: [render.public_trade(fill, pair.market) for fill in chosen], "last": str(last_ns)}

    def ohlc(self, params: Params) -> object:
        """GET OHLC: up to 720 candles, always the newest; `since` leaves out what is older."""
        pair = self.pair(params)
        interval = INTERVALS.get(params.optional("interval") or "1")
        if interval is None:
            raise invalid("interval")
        since_ms = params.seconds_ms("since")
        found = self._venue.tapes[pair.market.symbol].candles(interval, self._venue.now_ms(), CANDLES)
        chosen = [candle for candle in found if since_ms is None or candle.open_ms > since_ms]
        last = found[-2].open_ms // 1000 if len(found) > 1 else 0
        return {pair.id: [render.candle(candle, pair.market) for candle in chosen], "last": last}

    def spread(self, params: Params) -> object:
        """GET Spread: the best prices; this venue keeps the current ones only."""
        pair = self.pair(params)
        book, now_s = self._venue.engine.books[pair.market.symbol], self._venue.now_ms() // 1000
        bid, ask = book.bids.best(), book.asks.best()
        if bid is None or ask is None:
            return {pair.id: [], "last": now_s}
        places = render.decimals_of(pair.market.tick)
        entry = [now_s, render.fixed(bid.price, places), render.fixed(ask.price, places)]
        return {pair.id: [entry], "last": now_s}

    def _chosen(self, params: Params) -> list[Pair]:
        wanted = params.optional("pair")
        if wanted is None:
            return list(self.pairs.all)
        chosen = [self.pairs.named(name) for name in wanted.split(",")]
        found = [pair for pair in chosen if pair is not None]
        if len(found) != len(chosen):
            raise ApiError(UNKNOWN_PAIR)
        return found
