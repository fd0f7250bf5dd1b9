"""The control endpoint: what tests and demos ask of a venue, and what they do to it. JSON, on the venue's own port.

| request | does |
|---|---|
| `GET /control/ledger` | accounts: balances, orders with client ids, fills; totals and deposits per asset |
| `GET /control/requests?since_ms=&kind=&client_id=&account=&method=&path=` | the request log |
| `GET /control/frames?since_ms=&until_ms=&stream=&connection=` | numbered frames sent, with U and u or trade id |
| `GET /control/connections` | open WebSockets and their subscriptions |
| `GET /control/status` | time, request weight used, connections, faults |
| `GET /control/faults`, `?all=1` | faults that are on, or all there ever were: how often they struck, and when |
| `POST /control/faults` | switch a fault on: keys as in `fault_guide.py`; answers `{"id": n}` |
| `DELETE /control/faults`, `DELETE /control/faults/{id}` | switch all or one off |
| `POST /control/drop` | reset WebSockets: `{"kind": "market" or "user" or "all"}` |
| `POST /control/hide_fill` | hide an account's next fills from all but its balances: `{"account", "times"}` |
| `POST /control/clock` | set the venue's clock off: `{"skew_ms"}` |
| `POST /control/sweep` | trade through one side of a book with the flow's money: `{"symbol", "side", "quantity"}` |

Patterns of `stream` are shell patterns. Money is text. A mistake is answered 400 with a sentence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase

import msgspec
from aiohttp import web

from ganglion.messages.values import OrderType, Side
from ganglion.simulation.venue.accounts import Account
from ganglion.simulation.venue.clearing import FEES
from ganglion.simulation.venue.events import Fill, Rejected
from ganglion.simulation.venue.fault_guide import read_fault
from ganglion.simulation.venue.flow import TAKER
from ganglion.simulation.venue.orders import NewOrder
from ganglion.simulation.venue.wire import Hub

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlMistakeError(ValueError):
    """A control request that cannot be done: the text says why."""


class _Drop(msgspec.Struct, forbid_unknown_fields=True):
    kind: str = "all"


class _Hide(msgspec.Struct, forbid_unknown_fields=True):
    account: str
    times: int = 1


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    skew_ms: int = 0


class _Sweep(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    side: Side
    quantity: str


class ControlApi:
    """Answers /control requests of one server."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._swept = 0

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the endpoint on the server."""
        router.add_get("/control/ledger", self._ledger)
        router.add_get("/control/requests", self._requests)
        router.add_get("/control/frames", self._frames)
        router.add_get("/control/connections", self._connections)
        router.add_get("/control/status", self._status)
        router.add_get("/control/faults", self._faults)
        router.add_post("/control/faults", self._add_fault)
        router.add_delete("/control/faults", self._clear_faults)
        router.add_delete("/control/faults/{id}", self._clear_faults)
        router.add_post("/control/drop", self._drop)
        router.add_post("/control/hide_fill", self._hide)
        router.add_post("/control/clock", self._clock)
        router.add_post("/control/sweep", self._sweep)

    # --- asking

    async def _ledger(self, _request: web.Request) -> web.Response:
        engine = self._hub.venue.engine
        accounts = {a.name: _account(a) for a in self._hub.venue.customers}
        fees = engine.accounts[FEES]
        return _json(
            {
                "accounts": accounts,
                "fees": {asset: _text(balance.total) for asset, balance in fees.balances.items()},
                "totals": {asset: _text(total) for asset, total in engine.totals().items()},
                "deposited": {asset: _text(total) for asset, total in engine.deposited.items()},
            },
        )

    async def _requests(self, request: web.Request) -> web.Response:
        query = request.query
        since_ms = int(query.get("since_ms", 0))
        names = [name for name in ("kind", "client_id", "account", "method", "path") if name in query]
        found = [
            entry
            for entry in self._hub.requests
            if entry.time_ms >= since_ms and all(getattr(entry, n) == query[n] for n in names)
        ]
        return _json({"requests": found})

    async def _frames(self, request: web.Request) -> web.Response:
        query = request.query
        since_ms, until_ms = int(query.get("since_ms", 0)), int(query.get("until_ms", 1 << 62))
        pattern, connection = query.get("stream", "*"), query.get("connection")
        found = [
            entry
            for entry in self._hub.frames
            if since_ms <= entry.time_ms <= until_ms
            and (connection is None or entry.connection == int(connection))
            and fnmatchcase(entry.stream, pattern)
        ]
        return _json({"frames": found})

    async def _connections(self, _request: web.Request) -> web.Response:
        found = [
            {
                "id": connection.id,
                "kind": connection.kind,
                "account": connection.account,
                "opened_ms": connection.opened_ms,
                "frames": connection.frames,
                "subscriptions": list(connection.subscriptions),
            }
            for connection in self._hub.connections.values()
        ]
        return _json({"connections": found})

    async def _status(self, _request: web.Request) -> web.Response:
        venue = self._hub.venue
        return _json(
            {
                "time_ms": venue.now_ms(),
                "started_ms": venue.started_ms,
                "skew_ms": venue.skew_ms,
                "connections": len(self._hub.connections),
                "weight_used": self._hub.weight_used,
                "weight_peak": self._hub.weight_peak,
                "faults": len(self._hub.faults.active),
                "prices": {symbol: _text(book.last) for symbol, book in venue.engine.books.items()},
            },
        )

    async def _faults(self, request: web.Request) -> web.Response:
        now_ms, table = self._hub.venue.now_ms(), self._hub.faults
        found = [
            {
                "id": active.id,
                "fault": active.fault,
                "hits": active.hits,
                "left": active.left,
                "first_ms": active.first_ms,
                "last_ms": active.last_ms,
                "until_ms": active.until_ms,
                "over": active.is_over(now_ms),
            }
            for active in (table.history if "all" in request.query else table.active)
            if "all" in request.query or not active.is_over(now_ms)
        ]
        return _json({"faults": found})

    # --- doing

    async def _add_fault(self, request: web.Request) -> web.Response:
        fault = read_fault(msgspec.json.decode(await request.read()))
        return _json({"id": self._hub.switch_on(fault)})

    async def _clear_faults(self, request: web.Request) -> web.Response:
        number = request.match_info.get("id")
        self._hub.faults.clear(None if number is None else int(number))
        return _json({})

    async def _drop(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read() or b"{}", type=_Drop)
        return _json({"dropped": self._hub.drop_sockets(wanted.kind)})

    async def _hide(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read(), type=_Hide)
        if wanted.account not in self._hub.venue.secrets:
            raise ControlMistakeError(f"there is no account {wanted.account!r}")
        self._hub.venue.hide_next_fill(wanted.account, wanted.times)
        return _json({})

    async def _clock(self, request: web.Request) -> web.Response:
        self._hub.venue.skew_ms = msgspec.json.decode(await request.read(), type=_Clock).skew_ms
        return _json({})

    async def _sweep(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read(), type=_Sweep)
        self._swept += 1
        command = NewOrder(
            account=TAKER,
            symbol=wanted.symbol,
            side=wanted.side,
            type=OrderType.MARKET,
            client_id=f"sweep-{self._swept}",
            quantity=Decimal(wanted.quantity),
        )
        events = self._hub.venue.place(command)
        if isinstance(events[0], Rejected):
            raise ControlMistakeError(f"the sweep was refused: {events[0].reason}")
        return _json({"trades": [event.trade_id for event in events if isinstance(event, Fill)]})


def _account(account: Account) -> dict[str, object]:
    return {
        "balances": {
            asset: {"free": _text(balance.free), "locked": _text(balance.locked)}
            for asset, balance in account.balances.items()
        },
        "orders": [
            {
                "symbol": order.symbol,
                "id": order.id,
                "client_id": order.client_id,
                "side": order.side,
                "status": order.status,
                "price": None if order.price is None else _text(order.price),
                "quantity": _text(order.quantity),
                "filled": _text(order.filled),
                "created_ms": order.created_ms,
            }
            for order in account.orders.values()
        ],
        "fills": [_fill(fill, account) for fills in account.fills.values() for fill in fills],
    }


def _fill(fill: Fill, account: Account) -> dict[str, object]:
    taker = fill.taker_account == account.name
    bought = (fill.taker_side is Side.BUY) == taker
    return {
        "symbol": fill.symbol,
        "trade_id": fill.trade_id,
        "order_id": fill.taker_order_id if taker else fill.maker_order_id,
        "side": Side.BUY if bought else Side.SELL,
        "liquidity": "taker" if taker else "maker",
        "price": _text(fill.price),
        "quantity": _text(fill.quantity),
        "fee": _text(fill.taker_fee if taker else fill.maker_fee),
        "fee_asset": fill.taker_fee_asset if taker else fill.maker_fee_asset,
        "counterparty": fill.maker_account if taker else fill.taker_account,
        "time_ms": fill.time_ms,
    }


def _text(amount: Decimal) -> str:
    """Money in one spelling, so that equal amounts are equal texts."""
    return f"{amount.normalize() + 0:f}"


def _json(answer: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


@web.middleware
async def answer_mistakes(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn a wrong control request into 400 with a sentence; other requests pass untouched."""
    if not request.path.startswith("/control/"):
        return await handler(request)
    try:
        return await handler(request)
    except (msgspec.MsgspecError, ValueError, InvalidOperation) as error:
        body = msgspec.json.encode({"error": f"{request.method} {request.path}: {error}"})
        return web.Response(body=body, status=400, content_type="application/json")
