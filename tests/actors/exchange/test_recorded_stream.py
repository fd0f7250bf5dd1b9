"""Five minutes of the real Binance, over a real WebSocket, through real ccxt.pro, into the book actor."""

import json
from pathlib import Path

from ganglion.actors.exchange.actor import ExchangeActor
from ganglion.actors.exchange.arm import ExchangeSettings, Wiring
from ganglion.actors.exchange.ccxt.adapter import make_ccxt_venue
from ganglion.actors.exchange.ccxt.settings import CcxtSettings
from ganglion.actors.market.order_book.actor import OrderBookActor
from ganglion.messages.base import Message
from ganglion.messages.market import BookInvalid, TopOfBook, TradeTick
from ganglion.simulation.venue import ccxt_settings
from ganglion.supervision import ChildSpec, System
from tests.actors.exchange.bench import on_a_loop
from tests.actors.exchange.replay_venue import SYMBOL, ReplayVenue, recording


def test_the_recorded_stream_leaves_the_book_actor_at_its_known_end(recorded_data: Path) -> None:
    streams = recording(recorded_data)
    with on_a_loop(lambda: ReplayVenue(streams).serving()) as venue:
        system = System("loop")
        try:
            play(system, venue, streams)
        finally:
            system.stop()


def play(system: System, venue: ReplayVenue, streams: dict[str, list[str]]) -> None:
    dispatcher = system.dispatcher("alpha", "loop")
    settings = CcxtSettings(
        name="alpha", id="binance", symbols=(SYMBOL,), ccxt={"urls": ccxt_settings(venue.base_url, "", "")["urls"]}
    )
    exchange, book = system.address("/exchange"), system.address("/book")
    tops, trades = system.probe("tops"), system.probe("trades")
    system.subscribe(book, tops.address, TopOfBook, BookInvalid)
    system.subscribe(exchange, trades.address, TradeTick)
    venue.trades_taken = lambda: len(trades.received)
    books: list[OrderBookActor] = []

    def make_book() -> OrderBookActor:
        books.append(OrderBookActor("alpha", SYMBOL, exchange))
        return books[-1]

    def make_exchange() -> ExchangeActor:
        return ExchangeActor(
            ExchangeSettings(name="alpha", symbols=(SYMBOL,)),
            lambda: make_ccxt_venue(settings, dispatcher.loop, system.clock),
            Wiring(books={SYMBOL: book}),
        )

    # Five minutes of a market arrive at once: on a loaded machine a mailbox of the common size would drop some.
    room = 2 * sum(len(frames) for frames in streams.values())
    system.spawn(ChildSpec("book", make_book, dispatcher=dispatcher, mailbox=room))
    system.spawn(ChildSpec("exchange", make_exchange, dispatcher=dispatcher, mailbox=room))
    frames = len(venue.depth)
    recorded = [json.loads(frame)["t"] for name, all_ in streams.items() if "@trade" in name for frame in all_]

    def played() -> bool:
        return len(trades.received) >= len(recorded) and at_end(tops.received)

    assert system.wait_for(played, 60.0), f"{len(trades.received)} of {len(recorded)} trades, {tops.received[-1:]}"
    assert [int(tick.trade_id) for tick in trades.received] == recorded
    assert not [message for message in tops.received if isinstance(message, BookInvalid) and "gap" in message.reason]
    assert frames == 3044


def at_end(told: list[Message]) -> bool:
    latest = [top for top in told if isinstance(top, TopOfBook)][-1:]
    return any((top.bid, top.ask) == (61602.01, 61602.02) for top in latest)
