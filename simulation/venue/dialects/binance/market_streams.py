"""Binance spot's market streams: subscriptions, and the frames that events and time make of them.

Depth frames are diffs numbered by the book's own change count: a frame covers the changes U..u, the next one starts
at u+1, and a REST snapshot's `lastUpdateId` is such a number, so that a client can join the two.
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams (read 2025).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ganglion.messages.values import Side
from ganglion.simulation.venue.dialects.binance import render
from ganglion.simulation.venue.events import Event, Fill, LevelChanged
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.tape import INTERVALS_MS, bucket_end, bucket_start
from ganglion.simulation.venue.wire import Connection, Hub

FAST_MS = 100
SLOW_MS = 1_000
KLINE_MS = 250
_PARTIAL_DEPTHS = ("5", "10", "20")
_ARRAYS = {"!miniTicker@arr": "miniTicker", "!ticker@arr": "ticker"}


class DepthFeed:
    """The changes of one book since the last depth frame at one speed."""

    def __init__(self, hub: Hub, market: Market, names: tuple[str, ...]) -> None:
        self._hub = hub
        self._market = market
        self.names = names
        self._last = hub.venue.engine.books[market.symbol].update_id
        self._dirty: dict[tuple[Side, Decimal], Decimal] = {}

    def change(self, event: LevelChanged) -> None:
        """Remember a level's newest quantity."""
        self._dirty[event.side, event.price] = event.quantity

    def frame(self) -> tuple[render.Json, int, int] | None:
        """The diff since the last frame with its first and last update id, or None when nothing changed."""
        last = self._hub.venue.engine.books[self._market.symbol].update_id
        first = self._last + 1
        if last < first:
            return None
        sides: dict[Side, list[list[str]]] = {Side.BUY: [], Side.SELL: []}
        for (side, price), quantity in self._dirty.items():
            sides[side].append([render.money(price), render.money(quantity)])
        self._dirty.clear()
        self._last = last
        frame: render.Json = {
            "e": "depthUpdate",
            "E": self._hub.venue.now_ms(),
            "s": self._market.wire_id,
            "U": first,
            "u": last,
            "b": sides[Side.BUY],
            "a": sides[Side.SELL],
        }
        return frame, first, last


class MarketStreams:
    """Who listens to which stream, and what they are sent."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._listeners: dict[str, dict[int, Connection]] = {}
        self._wrapped: set[int] = set()
        self._kline_sent: dict[str, tuple[int, int]] = {}
        self._best: dict[str, tuple[Decimal, Decimal, Decimal, Decimal]] = {}
        self._fast: dict[str, DepthFeed] = {}
        self._slow: dict[str, DepthFeed] = {}
        for market in hub.venue.by_wire_id.values():
            low = market.wire_id.lower()
            self._fast[market.symbol] = DepthFeed(hub, market, (f"{low}@depth@100ms",))
            self._slow[market.symbol] = DepthFeed(hub, market, (f"{low}@depth", f"{low}@depth@1000ms"))
        hub.venue.listeners.append(self.on_events)

    # --- subscriptions

    def is_stream(self, name: str) -> bool:
        """Whether this venue has such a stream."""
        if name in _ARRAYS:
            return True
        symbol, _, channel = name.partition("@")
        if symbol.upper() not in self._hub.venue.by_wire_id or symbol != symbol.lower():
            return False
        head, _, tail = channel.partition("@")
        if head.startswith("kline_"):
            return head.removeprefix("kline_") in INTERVALS_MS and not tail
        if head == "depth" or head.removeprefix("depth") in _PARTIAL_DEPTHS:
            return tail in {"", "100ms", "1000ms"}
        return head in {"trade", "aggTrade", "bookTicker", "miniTicker", "ticker"} and not tail

    def subscribe(self, connection: Connection, names: list[str]) -> None:
        """Send these streams to the connection from now on."""
        for name in names:
            connection.subscriptions[name] = None
            self._listeners.setdefault(name, {})[connection.id] = connection

    def unsubscribe(self, connection: Connection, names: list[str]) -> None:
        """Stop sending these streams to the connection."""
        for name in names:
            connection.subscriptions.pop(name, None)
            listeners = self._listeners.get(name, {})
            listeners.pop(connection.id, None)
            if not listeners:
                self._listeners.pop(name, None)

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        self.unsubscribe(connection, list(connection.subscriptions))
        self._wrapped.discard(connection.id)

    def wrap(self, connection: Connection) -> None:
        """Send this connection its frames as `{"stream": ..., "data": ...}`, as /stream does."""
        self._wrapped.add(connection.id)

    # --- what makes frames

    def on_events(self, events: list[Event]) -> None:
        """Trades and best prices go out at once; level changes wait for their clock."""
        symbols: dict[str, None] = {}
        for event in events:
            if isinstance(event, LevelChanged):
                self._fast[event.symbol].change(event)
                self._slow[event.symbol].change(event)
                symbols[event.symbol] = None
            elif isinstance(event, Fill):
                self._trade(event)
        for symbol in symbols:
            self._book_ticker(symbol)

    def tick_fast(self) -> None:
        """Every 100 ms: depth diffs and partial books."""
        for symbol, feed in self._fast.items():
            self._depth(feed)
            self._partial(symbol, "@100ms")

    def tick_klines(self) -> None:
        """Every 250 ms: candles that changed."""
        for name in [name for name in self._listeners if "@kline_" in name]:
            self._kline(name)

    def tick_slow(self) -> None:
        """Every second: slow depth, tickers."""
        for symbol, feed in self._slow.items():
            self._depth(feed)
            self._partial(symbol, "")
            self._partial(symbol, "@1000ms")
        for array, channel in _ARRAYS.items():
            if array in self._listeners:
                frames = [self._ticker(m, channel) for m in self._hub.venue.by_wire_id.values()]
                self._send(array, frames)
        for market in self._hub.venue.by_wire_id.values():
            for channel in ("miniTicker", "ticker"):
                name = f"{market.wire_id.lower()}@{channel}"
                if name in self._listeners:
                    self._send(name, self._ticker(market, channel))

    # --- frames

    def _depth(self, feed: DepthFeed) -> None:
        made = feed.frame()
        if made is not None:
            frame, first, last = made
            for name in feed.names:
                self._send(name, frame, first, last)

    def _partial(self, symbol: str, suffix: str) -> None:
        market = self._hub.venue.engine.markets[symbol]
        for size in _PARTIAL_DEPTHS:
            name = f"{market.wire_id.lower()}@depth{size}{suffix}"
            if name in self._listeners:
                book = self._hub.venue.engine.books[symbol]
                bids, asks = book.depth(int(size))
                frame = {
                    "lastUpdateId": book.update_id,
                    "bids": render.levels(bids),
                    "asks": render.levels(asks),
                }
                self._send(name, frame, book.update_id, book.update_id)

    def _trade(self, fill: Fill) -> None:
        market = self._hub.venue.engine.markets[fill.symbol]
        low = market.wire_id.lower()
        frame: render.Json = {
            "e": "trade",
            "E": fill.time_ms,
            "s": market.wire_id,
            "t": fill.trade_id,
            "p": render.money(fill.price),
            "q": render.money(fill.quantity),
            "T": fill.time_ms,
            "m": fill.taker_side is Side.SELL,
            "M": True,
        }
        self._send(f"{low}@trade", frame, fill.trade_id, fill.trade_id)
        if f"{low}@aggTrade" in self._listeners:
            frame = {"e": "aggTrade", "E": fill.time_ms, "s": market.wire_id, **render.aggregate_trade(fill)}
            self._send(f"{low}@aggTrade", frame, fill.trade_id, fill.trade_id)

    def _book_ticker(self, symbol: str) -> None:
        market = self._hub.venue.engine.markets[symbol]
        name = f"{market.wire_id.lower()}@bookTicker"
        if name not in self._listeners:
            return
        book = self._hub.venue.engine.books[symbol]
        best = render.best(book)
        if self._best.get(symbol) == best:
            return
        self._best[symbol] = best
        bid, bid_size, ask, ask_size = (render.money(value) for value in best)
        frame: render.Json = {
            "u": book.update_id,
            "s": market.wire_id,
            "b": bid,
            "B": bid_size,
            "a": ask,
            "A": ask_size,
        }
        self._send(name, frame, book.update_id, book.update_id)

    def _ticker(self, market: Market, channel: str) -> render.Json:
        venue = self._hub.venue
        day = render.day_ticker(venue, market)
        mini: render.Json = {
            "e": "24hrMiniTicker",
            "E": venue.now_ms(),
            "s": market.wire_id,
            "c": day["lastPrice"],
            "o": day["openPrice"],
            "h": day["highPrice"],
            "l": day["lowPrice"],
            "v": day["volume"],
            "q": day["quoteVolume"],
        }
        if channel == "miniTicker":
            return mini
        return {
            **mini,
            "e": "24hrTicker",
            "p": day["priceChange"],
            "P": day["priceChangePercent"],
            "w": day["weightedAvgPrice"],
            "x": day["prevClosePrice"],
            "Q": day["lastQty"],
            "b": day["bidPrice"],
            "B": day["bidQty"],
            "a": day["askPrice"],
            "A": day["askQty"],
            "O": day["openTime"],
            "C": day["closeTime"],
            "F": day["firstId"],
            "L": day["lastId"],
            "n": day["count"],
        }

    def _kline(self, name: str) -> None:
        symbol_id, _, channel = name.partition("@")
        interval = channel.removeprefix("kline_")
        market = self._hub.venue.by_wire_id[symbol_id.upper()]
        now_ms = self._hub.venue.now_ms()
        start_ms = bucket_start(interval, now_ms)
        sent_start, sent_count = self._kline_sent.get(name, (start_ms, -1))
        tape = self._hub.venue.tapes[market.symbol]
        for candle in tape.candles(interval, now_ms, 1000, start_ms=sent_start):
            closed = candle.open_ms < start_ms
            if candle.open_ms == sent_start and candle.count == sent_count and not closed:
                continue
            trades = tape.latest(1)
            frame: render.Json = {
                "e": "kline",
                "E": now_ms,
                "s": market.wire_id,
                "k": {
                    "t": candle.open_ms,
                    "T": bucket_end(interval, candle.open_ms) - 1,
                    "s": market.wire_id,
                    "i": interval,
                    "f": trades[0].trade_id - candle.count + 1 if trades and candle.count else -1,
                    "L": trades[0].trade_id if trades and candle.count else -1,
                    "o": render.money(candle.open),
                    "c": render.money(candle.close),
                    "h": render.money(candle.high),
                    "l": render.money(candle.low),
                    "v": render.money(candle.volume),
                    "n": candle.count,
                    "x": closed,
                    "q": render.money(candle.quote_volume),
                    "V": render.money(candle.taker_base),
                    "Q": render.money(candle.taker_quote),
                    "B": "0",
                },
            }
            self._send(name, frame)
            following = (bucket_end(interval, candle.open_ms), -1)
            self._kline_sent[name] = following if closed else (candle.open_ms, candle.count)

    def _send(self, name: str, frame: object, first: int | None = None, last: int | None = None) -> None:
        listeners = self._listeners.get(name)
        if not listeners:
            return
        text = msgspec.json.encode(frame).decode()
        for connection in list(listeners.values()):
            wrapped = f'{{"stream":"{name}","data":{text}}}' if connection.id in self._wrapped else text
            connection.send(name, wrapped, first, last)
