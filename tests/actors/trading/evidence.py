"""What a venue may say about one order: Hypothesis strategies for the ledger's tests."""

from __future__ import annotations

from decimal import Decimal

from ganglion.actors.trading.orders import records as r
from ganglion.messages.lifecycle import Failure
from ganglion.messages.orders import (
    Balance,
    Intent,
    OrderType,
    PlaceAnswered,
    PlaceVerdict,
    Side,
    TimeInForce,
    VenueOrder,
    VenueTrade,
)

D = Decimal
SYMBOL = "BTC/USDT"
OPENED = r.Opened((Balance("USDT", D("1000"), D(0)), Balance("BTC", D("3"), D(0))), 1_000, ())


def intent(name: str = "i1", amount: str = "1", side: Side = Side.BUY, mode: str = "grid") -> Intent:
    return Intent(
        intent_id=name,
        account="alpha",
        mode=mode,
        symbol=SYMBOL,
        side=side,
        type=OrderType.LIMIT,
        amount=D(amount),
        price=D("100"),
        time_in_force=TimeInForce.GTC,
        post_only=False,
        epoch=1,
        deadline_s=1e9,
        reason="",
        correlation_id=name,
        causation_id="",
    )


def order(
    status: str | None = "open",
    filled: str | None = "0",
    client_id: str | None = "c1",
    venue_id: str | None = "v1",
) -> VenueOrder:
    return VenueOrder(SYMBOL, venue_id, client_id, status, filled=None if filled is None else D(filled))


def trade(
    trade_id: str = "t1",
    amount: str = "0.4",
    venue_id: str | None = "v1",
    client_id: str | None = None,
    side: Side = Side.BUY,
) -> VenueTrade:
    return VenueTrade(
        symbol=SYMBOL,
        trade_id=trade_id,
        venue_order_id=venue_id,
        client_id=client_id,
        side=side,
        price=D("100"),
        amount=D(amount),
        fee=D("0.001"),
        fee_asset="BTC",
        liquidity=None,
        timestamp_ms=2_000,
    )


def answered(
    order_: VenueOrder | None = None,
    verdict: PlaceVerdict | None = None,
    phase: str = "after_reply",
    attempt: int = 1,
    client_id: str = "c1",
) -> r.Answered:
    failure = None if order_ is not None else Failure("SomeError", "as told", phase=phase)
    return r.Answered(PlaceAnswered(client_id, attempt, order_, failure, verdict, 5_000))


def started(name: str = "i1", client_id: str = "c1", amount: str = "1", number: int = 1) -> list[r.AnyRecord]:
    return [OPENED, r.Intended(intent(name, amount), number, client_id), r.Sent(client_id, 1)]
