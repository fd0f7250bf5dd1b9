"""An arm whose WebSockets cannot be had and whose venue answers requests: it trades, on real ccxt and a local venue."""

import socket
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import ConnectionState
from ganglion.messages.market import BookSnapshot
from ganglion.messages.orders import BalancesSeen, OrderSeen, TradeSeen
from ganglion.messages.values import Side
from ganglion.simulation.venue import VenueControl
from tests.actors.exchange.bench import Line, binance_settings, binance_venue


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueControl]:
    with binance_venue() as control:
        yield control


def without_sockets(base_url: str) -> Any:
    """Its requests reach the venue, its WebSockets nobody."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = binance_settings(base_url)
    api = settings.ccxt["urls"]["api"]  # type: ignore[index]
    dead = f"ws://127.0.0.1:{port}"
    urls = {"api": api | {"ws": {"spot": f"{dead}/stream/ws", "ws-api": {"spot": f"{dead}/ws-api/v3"}}}}
    return binance_settings(base_url, ccxt={"urls": urls})


def test_an_arm_without_any_stream_goes_live_trades_and_hears_of_its_fill_once(venue: VenueControl) -> None:
    with Line(without_sockets(venue.base_url), poll_after_s=0.5, user_poll_s=0.3) as line:
        line.live()
        assert line.state is ConnectionState.LIVE
        assert "Cannot connect" in line.until(Degraded, lambda m: m.what == "user stream").reason
        book = line.until(BookSnapshot)
        assert book.bids[0][0] < book.asks[0][0]
        assert book.sequence == 0
        answer = line.placed("g0polled1", Side.BUY, "0.01", None)
        assert answer.order is not None
        trade = line.until(TradeSeen, lambda m: m.trade.venue_order_id == answer.order.venue_id, timeout_s=15)
        assert trade.trade.amount == Decimal("0.01")
        line.until(OrderSeen, lambda m: m.order.client_id == "g0polled1" and m.order.status == "closed", timeout_s=15)
        line.until(BalancesSeen)
        ids = [seen.trade.trade_id for seen in line.all(TradeSeen)]
        assert len(ids) == len(set(ids))
        assert line.state is ConnectionState.LIVE
        assert len(line.incarnations) == 1
