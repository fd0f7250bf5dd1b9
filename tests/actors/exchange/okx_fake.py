"""A small OKX that trades: enough of its REST and WebSocket protocol for ccxt.pro, one market, one account.

The book is fixed; what crosses it is filled at once, the rest rests until `fill`. Written from the shapes in
ccxt's own parsers; every reply has OKX's envelope `{"code", "msg", "data"}`.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import time
import zlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from aiohttp import web

SYMBOL, MARKET = "BTC/USDT", "BTC-USDT"
KEY, SECRET, PASSWORD = "okx-key-1", "okx-secret-1", "okx-pass-1"
BID, ASK = Decimal(60000), Decimal(60010)
FEE = Decimal("0.001")
ENDED = {"filled", "canceled"}


def now() -> str:
    return str(int(time.time() * 1000))


class OkxFake:
    """One market, one account, in memory."""

    def __init__(self) -> None:
        self.balances = {"BTC": Decimal(2), "USDT": Decimal(100_000)}
        self.orders: dict[str, dict[str, Any]] = {}
        self.fills: list[dict[str, Any]] = []
        self.posts: list[dict[str, Any]] = []
        self.lose_next_reply = False
        self.base_url = ""
        self._ids = itertools.count(700_001)
        self._sequence = 100
        self._book = levels()
        self._sockets: dict[web.WebSocketResponse, set[str]] = {}
        self.loop: asyncio.AbstractEventLoop

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["OkxFake"]:
        self.loop = asyncio.get_running_loop()
        app = web.Application()
        rest = "/okx/api/v5"
        for method, path, handler in (
            ("GET", "public/instruments", self.instruments),
            ("GET", "public/time", self.time),
            ("GET", "market/books", self.book),
            ("GET", "account/balance", self.balance),
            ("GET", "account/config", self.config),
            ("POST", "trade/order", self.place),
            ("POST", "trade/batch-orders", self.place),
            ("POST", "trade/cancel-order", self.cancel),
            ("GET", "trade/order", self.order),
            ("GET", "trade/orders-pending", self.pending),
            ("GET", "trade/orders-history", self.history),
            ("GET", "trade/fills-history", self.fills_history),
        ):
            app.router.add_route(method, f"{rest}/{path}", handler)
        app.router.add_get("/okx/ws/v5/{access}", self.stream)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            for socket in list(self._sockets):
                await socket.close()
            await runner.cleanup()

    # -------------------------------------------------------------- public

    async def instruments(self, _request: web.Request) -> web.Response:
        market = {"instType": "SPOT", "instId": MARKET, "baseCcy": "BTC", "quoteCcy": "USDT", "state": "live"}
        limits = {"tickSz": "0.1", "lotSz": "0.00001", "minSz": "0.0001", "maxLmtSz": "1000", "maxMktSz": "100"}
        return reply([market | limits])

    async def time(self, _request: web.Request) -> web.Response:
        return reply([{"ts": now()}])

    async def book(self, _request: web.Request) -> web.Response:
        return reply([levels() | {"ts": now()}])

    # -------------------------------------------------------------- the account

    async def config(self, _request: web.Request) -> web.Response:
        return reply([{"uid": "1", "acctLv": "1", "posMode": "net_mode"}])

    async def balance(self, request: web.Request) -> web.Response:
        return denied(request) or reply([{"uTime": now(), "details": self.details()}])

    def details(self) -> list[dict[str, str]]:
        return [
            {
                "ccy": asset,
                "cashBal": str(total),
                "eq": str(total),
                "availBal": str(total - used),
                "frozenBal": str(used),
            }
            for asset, total in self.balances.items()
            for used in [self.used(asset)]
        ]

    def used(self, asset: str) -> Decimal:
        open_ = [order for order in self.orders.values() if order["state"] not in ENDED]
        left = [(order, Decimal(order["sz"]) - Decimal(order["accFillSz"])) for order in open_]
        if asset == "BTC":
            return sum((size for order, size in left if order["side"] == "sell"), Decimal(0))
        return sum((size * Decimal(order["px"]) for order, size in left if order["side"] == "buy"), Decimal(0))

    async def place(self, request: web.Request) -> web.StreamResponse:
        wanted = await request.json()
        wanted = wanted[0] if isinstance(wanted, list) else wanted
        self.posts.append(wanted)
        client_id = wanted.get("clOrdId", "")
        known = [order["clOrdId"] for order in self.orders.values() if order["state"] not in ENDED]
        if client_id in known:
            return reply([{"clOrdId": client_id, "sCode": "51016", "sMsg": "Duplicated client order ID"}], "1")
        size, crosses = Decimal(wanted["sz"]), self.crosses(wanted)
        asset, needed = ("BTC", size) if wanted["side"] == "sell" else ("USDT", size * Decimal(wanted.get("px") or ASK))
        if self.balances[asset] - self.used(asset) < needed:
            return reply([{"clOrdId": client_id, "sCode": "51008", "sMsg": "Insufficient balance"}], "1")
        if crosses and wanted["ordType"] == "post_only":
            return reply([{"clOrdId": client_id, "sCode": "51020", "sMsg": "post only would take"}], "1")
        order_id = str(next(self._ids))
        fields = {"accFillSz": "0", "avgPx": "", "fee": "0", "feeCcy": "", "tradeId": "", "fillSz": "", "fillPx": ""}
        order = fields | {"px": ""} | wanted | {"ordId": order_id, "instType": "SPOT", "state": "live", "cTime": now()}
        self.orders[order_id] = order
        await self.tell_order(order)
        if crosses:
            await self.fill(order, size, ASK if order["side"] == "buy" else BID, "T")
        if self.lose_next_reply:
            self.lose_next_reply = False
            assert request.transport is not None
            request.transport.abort()
        return reply([{"clOrdId": client_id, "ordId": order_id, "sCode": "0", "sMsg": ""}])

    def crosses(self, order: dict[str, Any]) -> bool:
        if order["ordType"] == "market":
            return True
        price = Decimal(order["px"])
        return price >= ASK if order["side"] == "buy" else price <= BID

    async def fill(self, order: dict[str, Any], size: Decimal, price: Decimal, liquidity: str = "M") -> None:
        """Trade `size` of an order; its fee is taken from what it receives."""
        buys, cost = order["side"] == "buy", size * price
        fee, fee_asset = (size * FEE, "BTC") if buys else (cost * FEE, "USDT")
        self.balances["BTC"] += size if buys else -size
        self.balances["USDT"] += -cost if buys else cost
        self.balances[fee_asset] -= fee
        total = Decimal(order["accFillSz"]) + size
        trade_id = str(next(self._ids))
        state = "filled" if total == Decimal(order["sz"]) else "partially_filled"
        order |= {
            "accFillSz": str(total),
            "avgPx": str(price),
            "state": state,
            "tradeId": trade_id,
            "fillSz": str(size),
        }
        order |= {"fillPx": str(price), "fillTime": now(), "execType": liquidity, "fillFee": str(-fee)}
        order |= {"fillFeeCcy": fee_asset, "fee": str(Decimal(order["fee"]) - fee), "feeCcy": fee_asset}
        trade = {
            "instType": "SPOT",
            "instId": MARKET,
            "tradeId": trade_id,
            "ordId": order["ordId"],
            "side": order["side"],
        }
        trade |= {"clOrdId": order.get("clOrdId", ""), "fillPx": str(price), "fillSz": str(size), "fee": str(-fee)}
        self.fills.append(trade | {"feeCcy": fee_asset, "execType": liquidity, "ts": now()})
        await self.tell_order(order)

    async def cancel(self, request: web.Request) -> web.Response:
        order = self.find(await request.json())
        if order is None or order["state"] in ENDED:
            return reply([{"sCode": "51400", "sMsg": "Cancellation failed as the order does not exist"}], "1")
        order |= {"state": "canceled", "tradeId": "", "fillSz": "", "fillPx": ""}
        await self.tell_order(order)
        return reply([{"ordId": order["ordId"], "clOrdId": order.get("clOrdId", ""), "sCode": "0", "sMsg": ""}])

    def find(self, query: Any) -> dict[str, Any] | None:
        for order in self.orders.values():
            if query.get("ordId") == order["ordId"] or (query.get("clOrdId") and query["clOrdId"] == order["clOrdId"]):
                return order
        return None

    async def order(self, request: web.Request) -> web.Response:
        found = self.find(request.query)
        return reply([found]) if found else reply([], "51603", "Order does not exist")

    async def pending(self, _request: web.Request) -> web.Response:
        return reply([order for order in self.orders.values() if order["state"] not in ENDED])

    async def history(self, _request: web.Request) -> web.Response:
        return reply([order for order in self.orders.values() if order["state"] in ENDED])

    async def fills_history(self, request: web.Request) -> web.Response:
        begin = int(request.query.get("begin", 0))
        return reply([fill for fill in self.fills if int(fill["ts"]) >= begin])

    # -------------------------------------------------------------- streams

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[socket] = set()
        async for message in socket:
            if message.data == "ping":
                await socket.send_str("pong")
                continue
            asked = json.loads(message.data)
            for argument in asked["args"]:
                await self.asked(socket, asked["op"], argument)
        self._sockets.pop(socket, None)
        return socket

    async def asked(self, socket: web.WebSocketResponse, operation: str, argument: dict[str, str]) -> None:
        if operation == "login":
            good = argument["sign"] == signature(argument["timestamp"] + "GET/users/self/verify")
            answer = (
                {"event": "login", "code": "0"} if good else {"event": "error", "code": "60009", "msg": "Login failed"}
            )
            await socket.send_json(answer)
            return
        await socket.send_json({"event": operation, "arg": argument, "connId": "1"})
        if operation == "subscribe":
            self._sockets[socket].add(argument["channel"])
            if argument["channel"] == "books":
                await self.tell_book(socket, "snapshot", self._book)
        else:
            self._sockets[socket].discard(argument["channel"])

    async def tell_book(self, socket: web.WebSocketResponse, action: str, change: dict[str, Any], gap: int = 0) -> None:
        before = -1 if action == "snapshot" else self._sequence + gap
        self._sequence += 1 + gap
        data = change | {"ts": now(), "seqId": self._sequence, "prevSeqId": before, "checksum": checksum(self._book)}
        frame = {"arg": {"channel": "books", "instId": MARKET}, "action": action, "data": [data]}
        await socket.send_json(frame)

    async def move_book(self, *, gap: int = 0) -> None:
        """Change one level for everybody who listens; with `gap`, lose a change before it."""
        change = {"bids": [["59999", "3", "0", "1"]], "asks": [["60011", "0", "0", "0"]]}
        self._book["bids"] = [change["bids"][0] if bid[0] == "59999" else bid for bid in self._book["bids"]]
        self._book["asks"] = [ask for ask in self._book["asks"] if ask[0] != "60011"]
        for socket, channels in list(self._sockets.items()):
            if "books" in channels:
                await self.tell_book(socket, "update", change, gap)

    async def tell_order(self, order: dict[str, Any]) -> None:
        order["uTime"] = now()
        arguments = {"orders": [dict(order)], "account": [{"uTime": now(), "details": self.details()}]}
        for socket, channels in list(self._sockets.items()):
            for channel in ("orders", "account"):
                if channel in channels:
                    frame = {"arg": {"channel": channel, "instType": "ANY"}, "data": arguments[channel]}
                    await socket.send_json(frame)

    def call(self, work: Any) -> Any:
        """Run something of the fake's from the test's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(5)


def levels() -> dict[str, list[list[str]]]:
    asks = [[str(ASK + step), "1", "0", "1"] for step in range(5)]
    return {"bids": [[str(BID - step), "1", "0", "1"] for step in range(5)], "asks": asks}


def checksum(book: dict[str, list[list[str]]]) -> int:
    """CRC32 over the best 25 levels, bid and ask in turn, as a signed number."""
    both = itertools.zip_longest(book["bids"][:25], book["asks"][:25], fillvalue=[])
    parts = [text for pair in both for level in pair for text in level[:2]]
    number = zlib.crc32(":".join(parts).encode())
    return number - (1 << 32) if number >= 1 << 31 else number


def reply(data: list[dict[str, Any]], code: str = "0", text: str = "") -> web.Response:
    return web.json_response({"code": code, "msg": text, "data": data})


def signature(text: str) -> str:
    return base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()).decode()


def denied(request: web.Request) -> web.Response | None:
    text = request.headers.get("OK-ACCESS-TIMESTAMP", "") + request.method + request.path_qs.removeprefix("/okx")
    if request.headers.get("OK-ACCESS-SIGN") == signature(text) and request.headers["OK-ACCESS-KEY"] == KEY:
        return None
    return reply([], "50113", "Invalid sign")
