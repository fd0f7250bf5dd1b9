"""Orders sent, cancelled, and all of them cancelled after a time: the writing requests of the port, over ccxt.

Called by requests.py on the arm's loop, with a `Trace` in place. Each is sent at most once; what a reply lacks to be
one raises `IncompleteError`, what a venue does not have `NotOfferedError`, before anything left.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ganglion.actors.exchange.ccxt import convert
from ganglion.actors.exchange.ccxt.convert import IncompleteError
from ganglion.actors.exchange.ccxt.failures import NotOfferedError
from ganglion.actors.exchange.ccxt.settings import CcxtSettings
from ganglion.actors.exchange.ccxt.trace import Trace
from ganglion.actors.exchange.quirks import Quirks
from ganglion.messages.orders import VenueOrder
from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.messages.venue import (
    CancelAllAfter,
    CancelAllAfterSet,
    CancelAtVenue,
    CancelDone,
    CreateOrder,
    OrderCreated,
)


class Writes:
    """The writing requests of one ccxt exchange."""

    def __init__(self, exchange: Any, settings: CcxtSettings, quirks: Quirks) -> None:
        self.exchange = exchange
        self.settings = settings
        self.quirks = quirks

    async def create(self, request: CreateOrder, trace: Trace) -> OrderCreated:
        """Send one order, once."""
        params: dict[str, Any] = dict(self.quirks.expiry_params)
        if self.quirks.deadline_param and request.expires_ms is not None:
            params[self.quirks.deadline_param] = self.exchange.iso8601(request.expires_ms)
        if self.quirks.deadline_header and request.expires_ms is not None:
            trace.headers[self.quirks.deadline_header] = str(request.expires_ms)
        params[self.quirks.client_id.param] = self.quirks.client_id.encode(request.client_id)
        if request.post_only:
            params["postOnly"] = True
        elif request.time_in_force is not TimeInForce.GTC:
            params["timeInForce"] = str(request.time_in_force)
        price = None if request.price is None else _text(request.price)
        if request.type is OrderType.MARKET and not self._market_buy_wants_price(request):
            price = None
        raw = await self.exchange.create_order(
            request.symbol, str(request.type), str(request.side), _text(request.amount), price, params
        )
        order = convert.order_of(raw, self.quirks.client_id, request.symbol)
        return OrderCreated(
            request_id=request.request_id,
            cost=trace.cost,
            client_id=request.client_id,
            attempt=request.attempt,
            symbol=request.symbol,
            order=_with_client_id(order, request.client_id),
            failure=None,
        )

    def _market_buy_wants_price(self, request: CreateOrder) -> bool:
        wants = self.exchange.options.get("createMarketBuyOrderRequiresPrice", False)
        return request.side is Side.BUY and bool(wants)

    async def cancel(self, request: CancelAtVenue, trace: Trace) -> CancelDone:
        """Cancel one order."""
        if request.venue_id is not None:
            raw = await self.exchange.cancel_order(request.venue_id, request.symbol)
        elif self.quirks.cancel_by_client_id:
            raw = await self.exchange.cancel_order(None, request.symbol, by_client_id(self.quirks, request.client_id))
        else:
            raise NotOfferedError(f"{self.settings.id}: cancelling by client id is not tested")
        reply = {"id": request.venue_id, **_without_none(raw)}
        if not reply["id"] and self.quirks.cancel_reply_bare:
            check_envelope(self.quirks, trace)
            order = VenueOrder(request.symbol, None, request.client_id, None)
        else:
            order = convert.order_of(reply, self.quirks.client_id, request.symbol)
        return CancelDone(
            request_id=request.request_id,
            cost=trace.cost,
            client_id=request.client_id,
            symbol=request.symbol,
            order=_with_client_id(order, request.client_id),
            failure=None,
        )

    async def cancel_all_after(self, request: CancelAllAfter, trace: Trace) -> CancelAllAfterSet:
        """Arm, renew or switch off the dead man's switch."""
        if not self.exchange.has.get("cancelAllOrdersAfter"):
            raise NotOfferedError(f"{self.settings.id} has no dead man's switch")
        rule = self.quirks.dead_man
        if not request.timeout_s and not rule.stops:
            raise NotOfferedError(f"{self.settings.id}: its dead man's switch cannot be switched off")
        await self.exchange.cancel_all_orders_after(int(request.timeout_s * 1000), dict(rule.params))
        return CancelAllAfterSet(request_id=request.request_id, cost=trace.cost, timeout_s=request.timeout_s)


def by_client_id(quirks: Quirks, client_id: str) -> dict[str, Any]:
    """Ccxt's parameters that name an order by our id."""
    return {"clientOrderId": quirks.client_id.encode(client_id)}


def check_envelope(quirks: Quirks, trace: Trace) -> None:
    """See to it that a reply is the venue's own.

    Raises:
        IncompleteError: it has not what every list of the venue's comes under: it says nothing.
    """
    envelope, body = quirks.list_envelope, trace.body
    if not isinstance(body, dict | list):
        raise IncompleteError("a list that is neither object nor list")
    if envelope == "" and not isinstance(body, list):
        raise IncompleteError("an object where this venue sends a list")
    if envelope and not (isinstance(body, dict) and envelope in body):
        raise IncompleteError(f"a list without the venue's own {envelope!r}")


def _text(amount: Decimal) -> str:
    return format(amount, "f")


def _without_none(raw: Any) -> dict[str, Any]:
    return {key: value for key, value in dict(raw or {}).items() if value is not None}


def _with_client_id(order: VenueOrder, client_id: str) -> VenueOrder:
    """The order under the id that the request named; some venues answer with an id of the cancel."""
    if order.client_id == client_id:
        return order
    return VenueOrder(
        symbol=order.symbol,
        venue_id=order.venue_id,
        client_id=client_id,
        status=order.status,
        side=order.side,
        type=order.type,
        price=order.price,
        amount=order.amount,
        filled=order.filled,
        cost=order.cost,
        timestamp_ms=order.timestamp_ms,
    )
