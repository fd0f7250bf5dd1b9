"""Binance spot's signed endpoints: orders, cancels, account, own trades. Handlers without I/O.

REST (`rest.py`) and the WebSocket API (`websocket_api.py`) call the same handlers, after they have checked who asks.
"""

from __future__ import annotations

from ganglion.messages.values import ZERO, OrderType, Side, TimeInForce
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.dialects.binance import render
from ganglion.simulation.venue.dialects.binance.errors import ApiError, from_rejected, missing, unknown_order
from ganglion.simulation.venue.dialects.binance.params import Params
from ganglion.simulation.venue.dialects.binance.public import PublicApi
from ganglion.simulation.venue.events import Event, Fill, Rejected
from ganglion.simulation.venue.faults import FaultKind, FaultTable
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.orders import NewOrder, Order, SelfTrade
from ganglion.simulation.venue.tape import DAY_MS

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TYPES = {"LIMIT": OrderType.LIMIT, "LIMIT_MAKER": OrderType.LIMIT, "MARKET": OrderType.MARKET}
_TIMES = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}


class TradingApi:
    """Answers one account's requests; the account is handed in, already known to be who it says."""

    def __init__(self, venue: Venue, public: PublicApi, faults: FaultTable) -> None:
        self._venue = venue
        self._public = public
        self._faults = faults
        self._generated = 0

    # --- orders

    def place(self, account: Account, params: Params) -> object:
        """POST order."""
        market = self._public.market(params)
        events = self._venue.place(self._command(account, market, params))
        _refuse(events)
        order = account.by_client_id[market.symbol, self._client_id_of(events)]
        if params.optional("newOrderRespType") == "ACK":
            return {
                "symbol": market.wire_id,
                "orderId": order.id,
                "orderListId": -1,
                "clientOrderId": order.client_id,
                "transactTime": order.updated_ms,
            }
        fills = None
        if params.optional("newOrderRespType") != "RESULT":
            fills = [e for e in events if isinstance(e, Fill) and not self._venue.is_hidden(account.name, e)]
        return render.placed(order, self._venue.seen(order), market, fills)

    def test(self, account: Account, params: Params) -> object:
        """POST order/test: the parameters are checked, nothing is sent to the engine."""
        self._command(account, self._public.market(params), params)
        return {}

    def cancel(self, account: Account, params: Params) -> object:
        """DELETE order, by `orderId` or `origClientOrderId`."""
        market = self._public.market(params)
        order_id, client_id = self._order_key(params)
        cancel_id = params.client_id("newClientOrderId") or self._generate()
        order = self._find(account, market, order_id, client_id)
        _refuse(
            self._venue.cancel(
                account.name,
                market.symbol,
                order_id=order_id,
                client_id=client_id or "",
                cancel_id=cancel_id,
            ),
        )
        if order is None:
            raise ApiError(400, -2011, "Unknown order sent.")
        return render.canceled(order, self._venue.seen(order), market, cancel_id, self._venue.now_ms())

    def cancel_all(self, account: Account, params: Params) -> object:
        """DELETE openOrders of one symbol."""
        market = self._public.market(params)
        open_ = [order for order in account.open.values() if order.symbol == market.symbol]
        if not open_:
            raise ApiError(400, -2011, "Unknown order sent.")
        answers: list[object] = []
        for order in open_:
            cancel_id = self._generate()
            self._venue.cancel(account.name, market.symbol, order_id=order.id, cancel_id=cancel_id)
            seen = self._venue.seen(order)
            answers.append(render.canceled(order, seen, market, cancel_id, self._venue.now_ms()))
        return answers

    def cancel_replace(self, account: Account, params: Params) -> object:
        """POST order/cancelReplace: cancel one order and place another, together or not at all."""
        mode = params.text("cancelReplaceMode")
        cancel = Params(
            {
                "symbol": params.text("symbol"),
                "orderId": params.optional("cancelOrderId") or "",
                "origClientOrderId": params.optional("cancelOrigClientOrderId") or "",
            },
        )
        self._command(account, self._public.market(params), params)
        try:
            canceled: object = self.cancel(account, cancel)
            outcome = "SUCCESS"
        except ApiError as error:
            canceled, outcome = error.body, "FAILURE"
            if mode == "STOP_ON_FAILURE":
                raise _replace_failed(canceled, None, "FAILURE", "NOT_ATTEMPTED") from error
        try:
            placed = self.place(account, params)
        except ApiError as error:
            raise _replace_failed(canceled, error.body, outcome, "FAILURE") from error
        return {
            "cancelResult": outcome,
            "newOrderResult": "SUCCESS",
            "cancelResponse": canceled,
            "newOrderResponse": placed,
        }

    # --- queries

    def order(self, account: Account, params: Params) -> object:
        """GET order, by `orderId` or `origClientOrderId`."""
        market = self._public.market(params)
        order = self._find(account, market, *self._order_key(params))
        if order is None or self._is_empty(account) or self._is_hidden(order):
            raise unknown_order()
        return render.order(order, self._venue.seen(order), market)

    def open_orders(self, account: Account, params: Params) -> object:
        """GET openOrders, of one symbol or all."""
        only = None if params.optional("symbol") is None else self._public.market(params).symbol
        if self._is_empty(account):
            return []
        markets = self._venue.engine.markets
        return [
            render.order(order, self._venue.seen(order), markets[order.symbol])
            for order in account.open.values()
            if (only is None or order.symbol == only) and not self._is_hidden(order)
        ]

    def all_orders(self, account: Account, params: Params) -> object:
        """GET allOrders of one symbol: the latest, or from an id or a time on."""
        market = self._public.market(params)
        limit = params.limit(500, 1000)
        first_id = params.integer("orderId")
        start_ms, end_ms = _window(params)
        if self._is_empty(account):
            return []
        found = [
            order
            for order in account.orders.values()
            if order.symbol == market.symbol
            and (first_id is None or order.id >= first_id)
            and (start_ms is None or order.created_ms >= start_ms)
            and (end_ms is None or order.created_ms <= end_ms)
            and not self._is_hidden(order)
        ]
        from_start = first_id is not None or start_ms is not None
        chosen = found[:limit] if from_start else found[-limit:]
        return [render.order(order, self._venue.seen(order), market) for order in chosen]

    def my_trades(self, account: Account, params: Params) -> object:
        """GET myTrades of one symbol: the latest, of one order, or from an id or a time on."""
        market = self._public.market(params)
        limit = params.limit(500, 1000)
        order_id, from_id = params.integer("orderId"), params.integer("fromId")
        start_ms, end_ms = _window(params)
        if self._is_empty(account):
            return []
        found = [
            fill
            for fill in self._venue.seen_fills(account, market.symbol)
            if (from_id is None or fill.trade_id >= from_id)
            and (order_id is None or order_id == _own_order(fill, account))
            and (start_ms is None or fill.time_ms >= start_ms)
            and (end_ms is None or fill.time_ms <= end_ms)
        ]
        own = {_own_order(fill, account) for fill in found}
        hidden = {id_ for id_ in sorted(own) if self._is_hidden(account.orders[market.symbol, id_])}
        found = [fill for fill in found if _own_order(fill, account) not in hidden]
        from_start = from_id is not None or start_ms is not None
        chosen = found[:limit] if from_start else found[-limit:]
        return [render.my_trade(fill, account, market) for fill in chosen]

    def account(self, account: Account, params: Params) -> object:
        """GET account: fees, permissions, balances."""
        market = next(iter(self._venue.engine.markets.values()))
        balances = [] if self._is_empty(account) else render.balances(account)
        if params.optional("omitZeroBalances") == "true":
            balances = [b for b in balances if b["free"] != "0.00000000" or b["locked"] != "0.00000000"]
        return {
            "makerCommission": int(market.maker_fee * 10_000),
            "takerCommission": int(market.taker_fee * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": render.money(market.maker_fee),
                "taker": render.money(market.taker_fee),
                "buyer": render.money(ZERO),
                "seller": render.money(ZERO),
            },
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._venue.now_ms(),
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": list(self._venue.engine.accounts).index(account.name),
        }

    def restrictions(self, _account: Account, _params: Params) -> object:
        """GET account/apiRestrictions: what the key may do; never withdraw."""
        return {
            "ipRestrict": False,
            "createTime": self._venue.started_ms,
            "enableReading": True,
            "enableSpotAndMarginTrading": True,
            "enableWithdrawals": False,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": False,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
        }

    def trade_fee(self, _account: Account, params: Params) -> object:
        """GET asset/tradeFee, of one symbol or all."""
        wanted = params.optional("symbol")
        return [
            {
                "symbol": market.wire_id,
                "makerCommission": render.money(market.maker_fee),
                "takerCommission": render.money(market.taker_fee),
            }
            for market in self._venue.engine.markets.values()
            if wanted is None or market.wire_id == wanted
        ]

    # --- reading commands

    def _command(self, account: Account, market: Market, params: Params) -> NewOrder:
        side = params.choice("side", _SIDES, ApiError(400, -1117, "Invalid side."))
        kind = params.choice("type", _TYPES, ApiError(400, -1116, "Invalid orderType."))
        post_only = params.text("type") == "LIMIT_MAKER"
        quantity, price = params.amount("quantity"), params.amount("price")
        quote = params.amount("quoteOrderQty")
        if kind is OrderType.LIMIT:
            if quantity is None or price is None:
                raise missing("quantity" if quantity is None else "price")
            if quote is not None:
                raise ApiError(400, -1106, "Parameter 'quoteOrderQty' sent when not required.")
        elif price is not None:
            raise ApiError(400, -1106, "Parameter 'price' sent when not required.")
        elif quantity is None and quote is None:
            raise missing("quantity")
        elif quantity is not None and quote is not None:
            raise ApiError(400, -1128, "Combination of optional parameters invalid.")
        return NewOrder(
            account=account.name,
            symbol=market.symbol,
            side=side,
            type=kind,
            client_id=params.client_id("newClientOrderId") or self._generate(),
            quantity=quantity,
            price=price,
            quote_quantity=quote,
            time_in_force=_time_in_force(params, kind, post_only=post_only),
            post_only=post_only,
            self_trade=_self_trade(params),
        )

    def _order_key(self, params: Params) -> tuple[int | None, str | None]:
        order_id, client_id = params.integer("orderId"), params.optional("origClientOrderId")
        if order_id is None and client_id is None:
            message = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise ApiError(400, -1102, message)
        return order_id, client_id

    def _find(
        self,
        account: Account,
        market: Market,
        order_id: int | None,
        client_id: str | None,
    ) -> Order | None:
        if order_id is not None:
            order = account.orders.get((market.symbol, order_id))
            return None if order and client_id and order.client_id != client_id else order
        return account.by_client_id.get((market.symbol, client_id or ""))

    def _client_id_of(self, events: list[Event]) -> str:
        return next(e.client_id for e in events if hasattr(e, "client_id"))

    def _generate(self) -> str:
        """A client id as the venue makes one for orders without: unique in this life and across restarts."""
        self._generated += 1
        return f"venue{self._venue.started_ms:x}{self._generated:08x}"

    def _is_empty(self, account: Account) -> bool:
        return self._faults.strikes(FaultKind.EMPTY_ACCOUNT, account.name, self._venue.now_ms())

    def _is_hidden(self, order: Order) -> bool:
        return self._faults.hides_order(order.account.name, order.client_id, self._venue.now_ms())


def _time_in_force(params: Params, kind: OrderType, *, post_only: bool) -> TimeInForce:
    given = params.optional("timeInForce")
    if kind is OrderType.LIMIT and not post_only:
        return params.choice("timeInForce", _TIMES, ApiError(400, -1115, "Invalid timeInForce."))
    if given is not None:
        raise ApiError(400, -1106, "Parameter 'timeInForce' sent when not required.")
    return TimeInForce.GTC


def _self_trade(params: Params) -> SelfTrade:
    given = params.optional("selfTradePreventionMode")
    if given is None:
        return SelfTrade.EXPIRE_MAKER
    if given not in render.SELF_TRADE:
        message = "This symbol does not allow the specified self-trade prevention mode."
        raise ApiError(400, -1013, message)
    return render.SELF_TRADE[given]


def _window(params: Params) -> tuple[int | None, int | None]:
    start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
    if start_ms is not None and end_ms is not None and end_ms - start_ms > DAY_MS:
        raise ApiError(400, -1127, "More than 24 hours between startTime and endTime.")
    return start_ms, end_ms


def _own_order(fill: Fill, account: Account) -> int:
    return fill.taker_order_id if fill.taker_account == account.name else fill.maker_order_id


def _refuse(events: list[Event]) -> None:
    if events and isinstance(events[0], Rejected):
        raise from_rejected(events[0])


class ReplaceError(ApiError):
    """cancelReplace failed in part or whole; the envelope tells both results."""

    def __init__(self, status: int, code: int, message: str, data: dict[str, object]) -> None:
        super().__init__(status, code, message)
        self._data = data

    @property
    def body(self) -> dict[str, object]:
        """The envelope with both results."""
        return {"code": self.code, "msg": self.message, "data": self._data}


def _replace_failed(canceled: object, placed: object, cancel: str, place: str) -> ReplaceError:
    partial = cancel == "SUCCESS"
    message = "Order cancel-replace partially failed." if partial else "Order cancel-replace failed."
    data = {
        "cancelResult": cancel,
        "newOrderResult": place,
        "cancelResponse": canceled,
        "newOrderResponse": placed,
    }
    return ReplaceError(409 if partial else 400, -2021 if partial else -2022, message, data)
