"""Kraken's public channels: book, trade, ticker, ohlc: who listens to what, and the frames that events and time make.

A stream's name here (for the frame log and for faults) is channel@symbol, with the depth or interval behind the
channel where there is one: `book-100@BTC/USDT`, `trade@BTC/USDT`, `ohlc-1@BTC/USDT`.
https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/book and its neighbours (read 2025).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ganglion.simulation.venue.dialects.kraken.errors import ApiError
from ganglion.simulation.venue.dialects.kraken.frames import checksum, encode, price_of, size_of
from ganglion.simulation.venue.dialects.kraken.frames import number as number_of
from ganglion.simulation.venue.dialects.kraken.params import wire_time
from ganglion.simulation.venue.dialects.kraken.public import INTERVALS
from ganglion.simulation.venue.dialects.kraken.render import Json, side_name
from ganglion.simulation.venue.events import Event, Fill, LevelChanged
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.tape import Candle, bucket_end, bucket_start
from ganglion.simulation.venue.wire import Connection, Hub

DEPTHS = frozenset({10, 25, 100, 500, 1000})
CHANNELS = frozenset({"book", "trade", "ticker", "ohlc"})
_CANDLES = 30
_TRADES = 50

Side = dict[Decimal, Decimal]


@dataclass(slots=True)
class BookView:
    """A book as its listeners at one depth know it."""

    market: Market
    depth: int
    bids: Side = field(default_factory=dict)
    asks: Side = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One subscription, understood: a channel of one market."""

    channel: str
    market: Market
    argument: int | None = None
    """Depth of a book, interval in minutes of candles."""
    snapshot: bool = True

    @property
    def name(self) -> str:
        """The stream's name."""
        suffix = "" if self.argument is None else f"-{self.argument}"
        return f"{self.channel}{suffix}@{self.market.symbol}"


class MarketStreams:
    """Who listens to which public channel, and what they are sent."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._listeners: dict[str, dict[int, Connection]] = {}
        self._wanted: dict[str, Wanted] = {}
        self._views: dict[str, BookView] = {}
        self._candles: dict[str, tuple[int, int]] = {}
        self._traded: dict[str, None] = {}
        self._moved: dict[str, None] = {}
        hub.venue.listeners.append(self.on_events)

    # --- subscriptions

    def wanted(self, symbol: str, params: Mapping[str, object]) -> Wanted:
        """A subscription that a client asks for.

        Raises:
            ApiError: for a channel, symbol, depth or interval that is not there.
        """
        channel = str(params.get("channel", ""))
        market = self._hub.venue.engine.markets.get(symbol)
        if channel not in CHANNELS:
            raise ApiError(f"Subscription name invalid: {channel}")
        if market is None:
            raise ApiError(f"Currency pair not supported {symbol}")
        argument: int | None = None
        if channel == "book":
            argument = _whole(params.get("depth", 10))
            if argument not in DEPTHS:
                raise ApiError("Subscription depth not supported")
        elif channel == "ohlc":
            argument = _whole(params.get("interval", 1))
            if str(argument) not in INTERVALS:
                raise ApiError("Subscription ohlc interval not supported")
        snapshot = params.get("snapshot", channel != "trade")
        return Wanted(channel, market, argument, snapshot=snapshot is True)

    def subscribe(self, connection: Connection, wanted: Wanted) -> None:
        """Send a stream to the connection from now on."""
        connection.subscriptions[wanted.name] = None
        self._wanted[wanted.name] = wanted
        if wanted.channel == "book":
            self._refresh(wanted)
        elif wanted.channel == "ohlc" and not self._listeners.get(wanted.name):
            self._candles.pop(wanted.name, None)
        self._listeners.setdefault(wanted.name, {})[connection.id] = connection

    def begin(self, connection: Connection, wanted: Wanted) -> None:
        """Send what a stream begins with; the acknowledgement is out."""
        if not wanted.snapshot:
            return
        if wanted.channel == "book":
            self._send_one(connection, wanted.name, self._book_snapshot(self._views[wanted.name]))
        elif wanted.channel == "ticker":
            self._send_one(connection, wanted.name, self._ticker(wanted.market, "snapshot"))
        elif wanted.channel == "ohlc":
            self._send_one(connection, wanted.name, self._candle_frame(wanted, "snapshot", self._latest(wanted)))
        else:
            fills = self._hub.venue.tapes[wanted.market.symbol].latest(_TRADES)
            data = [_trade(fill) for fill in fills]
            self._send_one(connection, wanted.name, {"channel": "trade", "type": "snapshot", "data": data})

    def unsubscribe(self, connection: Connection, name: str) -> bool:
        """Stop sending a stream to the connection; whether it was."""
        had = name in connection.subscriptions
        connection.subscriptions.pop(name, None)
        listeners = self._listeners.get(name, {})
        listeners.pop(connection.id, None)
        if not listeners:
            for table in (self._listeners, self._wanted, self._views, self._candles):
                table.pop(name, None)
        return had

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        for name in list(connection.subscriptions):
            self.unsubscribe(connection, name)

    # --- what makes frames

    def on_events(self, events: list[Event]) -> None:
        """Trades go out at once; books, tickers and candles wait for their clock."""
        for event in events:
            if isinstance(event, LevelChanged):
                self._moved[event.symbol] = None
            elif isinstance(event, Fill):
                self._traded[event.symbol] = None
                name = f"trade@{event.symbol}"
                if name in self._listeners:
                    self._trade(name, event)

    def tick_books(self) -> None:
        """Every 100 ms: books that changed."""
        for name, wanted in list(self._wanted.items()):
            if wanted.channel == "book" and wanted.market.symbol in self._moved:
                self._update_book(name, self._views[name])
        self._moved.clear()

    def tick_summaries(self) -> None:
        """Every 250 ms: tickers of what traded, and candles."""
        for name, wanted in list(self._wanted.items()):
            if wanted.channel == "ticker" and wanted.market.symbol in self._traded:
                self._send(name, self._ticker(wanted.market, "update"))
            elif wanted.channel == "ohlc":
                self._update_candles(name, wanted)
        self._traded.clear()

    # --- books

    def _refresh(self, wanted: Wanted) -> None:
        """Bring the stream's view up to now, telling whoever listens already, so that a newcomer can join it."""
        view = self._views.get(wanted.name)
        if view is None:
            view = self._views[wanted.name] = BookView(wanted.market, wanted.argument or 10)
            view.bids, view.asks = self._sides(view)
        else:
            self._update_book(wanted.name, view)

    def _sides(self, view: BookView) -> tuple[Side, Side]:
        bids, asks = self._hub.venue.engine.books[view.market.symbol].depth(view.depth)
        return dict(bids), dict(asks)

    def _update_book(self, name: str, view: BookView) -> None:
        bids, asks = self._sides(view)
        book = self._hub.venue.engine.books[view.market.symbol]
        changes = (
            _changes(view.bids, bids, book.bids.levels),
            _changes(view.asks, asks, book.asks.levels),
        )
        view.bids, view.asks = bids, asks
        if not any(changes):
            return
        data = {
            "symbol": view.market.symbol,
            "bids": _levels(changes[0], view.market),
            "asks": _levels(changes[1], view.market),
            "checksum": checksum(bids.items(), asks.items(), view.market),
            "timestamp": wire_time(self._hub.venue.now_ms()),
        }
        self._send(name, {"channel": "book", "type": "update", "data": [data]}, book.update_id)

    def _book_snapshot(self, view: BookView) -> Json:
        data = {
            "symbol": view.market.symbol,
            "bids": _levels(view.bids, view.market),
            "asks": _levels(view.asks, view.market),
            "checksum": checksum(view.bids.items(), view.asks.items(), view.market),
            "timestamp": wire_time(self._hub.venue.now_ms()),
        }
        return {"channel": "book", "type": "snapshot", "data": [data]}

    # --- trades, tickers, candles

    def _trade(self, name: str, fill: Fill) -> None:
        self._send(name, {"channel": "trade", "type": "update", "data": [_trade(fill)]}, fill.trade_id)

    def _ticker(self, market: Market, kind: str) -> Json:
        venue = self._hub.venue
        day, book = venue.tapes[market.symbol].day(venue.now_ms()), venue.engine.books[market.symbol]
        bid, ask = book.bids.best(), book.asks.best()
        zero = market.tick * 0
        average = day.quote_volume / day.volume if day.volume else day.close
        change = day.close - day.open
        data = {
            "symbol": market.symbol,
            "bid": price_of(bid.price if bid else zero, market),
            "bid_qty": size_of(bid.total if bid else zero, market),
            "ask": price_of(ask.price if ask else zero, market),
            "ask_qty": size_of(ask.total if ask else zero, market),
            "last": price_of(day.close, market),
            "volume": number_of(day.volume),
            "vwap": price_of(average, market),
            "low": price_of(day.low, market),
            "high": price_of(day.high, market),
            "change": price_of(change, market),
            "change_pct": number_of(change / day.open * 100, 2),
        }
        return {"channel": "ticker", "type": kind, "data": [data]}

    def _interval(self, wanted: Wanted) -> str:
        return INTERVALS[str(wanted.argument)]

    def _latest(self, wanted: Wanted) -> list[Candle]:
        venue = self._hub.venue
        return venue.tapes[wanted.market.symbol].candles(self._interval(wanted), venue.now_ms(), _CANDLES)

    def _update_candles(self, name: str, wanted: Wanted) -> None:
        venue, interval = self._hub.venue, self._interval(wanted)
        now_ms = venue.now_ms()
        start_ms = bucket_start(interval, now_ms)
        sent_ms, sent_count = self._candles.get(name, (start_ms, -1))
        found = venue.tapes[wanted.market.symbol].candles(interval, now_ms, _CANDLES, start_ms=sent_ms)
        changed = [c for c in found if c.count and (c.open_ms, c.count) != (sent_ms, sent_count)]
        if changed:
            self._candles[name] = (changed[-1].open_ms, changed[-1].count)
            self._send(name, self._candle_frame(wanted, "update", changed))

    def _candle_frame(self, wanted: Wanted, kind: str, candles: list[Candle]) -> Json:
        market, interval = wanted.market, self._interval(wanted)
        data = [
            {
                "symbol": market.symbol,
                "open": price_of(candle.open, market),
                "high": price_of(candle.high, market),
                "low": price_of(candle.low, market),
                "close": price_of(candle.close, market),
                "trades": candle.count,
                "volume": number_of(candle.volume),
                "vwap": price_of(candle.quote_volume / candle.volume if candle.volume else candle.close, market),
                "interval_begin": wire_time(candle.open_ms, digits=9),
                "interval": wanted.argument,
                "timestamp": wire_time(bucket_end(interval, candle.open_ms)),
            }
            for candle in candles
        ]
        return {
            "channel": "ohlc",
            "type": kind,
            "timestamp": wire_time(self._hub.venue.now_ms(), digits=9),
            "data": data,
        }

    # --- sending

    def _send(self, name: str, frame: Json, last: int | None = None) -> None:
        listeners = self._listeners.get(name)
        if listeners:
            text = encode(frame)
            for connection in list(listeners.values()):
                connection.send(name, text, last, last)

    def _send_one(self, connection: Connection, name: str, frame: Json) -> None:
        connection.send(name, encode(frame))


def _changes(old: Side, new: Side, standing: Container[Decimal]) -> Side:
    """What turns one view into the next; a level that only fell out of sight is left to the client to cut off."""
    gone = {price: size * 0 for price, size in old.items() if price not in new and price not in standing}
    return gone | {price: size for price, size in new.items() if old.get(price) != size}


def _levels(side: Side, market: Market) -> list[Json]:
    return [{"price": price_of(price, market), "qty": size_of(size, market)} for price, size in side.items()]


def _trade(fill: Fill) -> Json:
    return {
        "symbol": fill.symbol,
        "side": side_name(fill.taker_side),
        "price": fill.price,
        "qty": number_of(fill.quantity),
        "ord_type": "market",
        "trade_id": fill.trade_id,
        "timestamp": wire_time(fill.time_ms),
    }


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiError("Malformed request")
    return value
