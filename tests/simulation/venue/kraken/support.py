"""What the Kraken dialect's tests share: requests signed by hand, and a socket to read frames from."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.client
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp

WAIT_S = 10.0
BTC, ETH = "BTC/USDT", "ETH/USDT"
FAR = "40000"


class Raw:
    """Kraken requests by hand: what ccxt would never send can be sent with it."""

    numbers = itertools.count(time.time_ns() // 1_000)
    """Of all of them: the venue remembers the last nonce of a key."""

    def __init__(self, base_url: str, key: str = "demo") -> None:
        self.base_url = base_url
        self.host = urlsplit(base_url).netloc
        self.key = self.secret = key

    def public(self, name: str, **params: Any) -> dict[str, Any]:
        """A public answer."""
        return self._call("GET", f"/0/public/{name}?{urlencode(params)}", None, {})

    def private(self, name: str, *, signature: str | None = None, **params: Any) -> dict[str, Any]:
        """A private answer; `signature` and `nonce` may be wrong ones."""
        path = f"/0/private/{name}"
        form = {"nonce": str(next(self.numbers)), **params}
        body = urlencode({field: value for field, value in form.items() if value is not None})
        digest = hashlib.sha256((form["nonce"] + body).encode()).digest()
        made = hmac.new(self.secret.encode(), path.encode() + digest, hashlib.sha512).digest()
        headers = {
            "API-Key": self.key,
            "API-Sign": base64.b64encode(made).decode() if signature is None else signature,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self._call("POST", path, body, headers)

    def order(self, **params: Any) -> dict[str, Any]:
        """AddOrder of a limit order that is right, but for what `params` change."""
        usual = {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": FAR, "volume": "0.01"}
        return self.private("AddOrder", **(usual | params))

    def placed(self, **params: Any) -> str:
        """The id of an order that was taken."""
        answer = self.order(**params)
        assert answer["error"] == [], answer
        return str(answer["result"]["txid"][0])

    def shown(self, txid: str) -> dict[str, Any]:
        """An order as the venue shows it."""
        shown: dict[str, Any] = self.private("QueryOrders", txid=txid, trades="true")["result"][txid]
        return shown

    def _call(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> dict[str, Any]:
        link = http.client.HTTPConnection(self.host, timeout=WAIT_S)
        try:
            link.request(method, path, body, headers)
            answer = link.getresponse()
            content = answer.read()
            assert answer.status == 200, (answer.status, content)
            parsed: dict[str, Any] = json.loads(content)
            return parsed
        finally:
            link.close()


class Socket:
    """One WebSocket, and every frame that came on it."""

    def __init__(self, link: aiohttp.ClientWebSocketResponse) -> None:
        self._link = link
        self.frames: list[dict[str, Any]] = []

    async def send(self, method: str, req_id: int = 1, **params: Any) -> None:
        """Send one request."""
        await self._link.send_json({"method": method, "params": params, "req_id": req_id})

    async def until(self, where: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next frame for which `where` holds."""
        async with asyncio.timeout(WAIT_S):
            while True:
                frame: dict[str, Any] = json.loads(await self._link.receive_str(), parse_float=str)
                self.frames.append(frame)
                if where(frame):
                    return frame

    async def answer(self, method: str) -> dict[str, Any]:
        """The answer to a request."""
        return await self.until(lambda frame: frame.get("method") == method)

    async def data(self, channel: str, kind: str) -> dict[str, Any]:
        """The next snapshot or update of a channel."""
        return await self.until(lambda frame: frame.get("channel") == channel and frame.get("type") == kind)

    async def execution(self, execution: str, **fields: Any) -> dict[str, Any]:
        """The next report of that kind with those fields."""

        def fits(frame: dict[str, Any]) -> bool:
            if frame.get("channel") != "executions" or not frame["data"]:
                return False
            report = frame["data"][0]
            return report["exec_type"] == execution and all(report.get(name) == fields[name] for name in fields)

        report: dict[str, Any] = (await self.until(fits))["data"][0]
        return report


@asynccontextmanager
async def socket(base_url: str, path: str = "/v2") -> AsyncIterator[Socket]:
    """An open socket."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{base_url}{path}") as link:
        yield Socket(link)


@asynccontextmanager
async def private_socket(raw: Raw) -> AsyncIterator[tuple[Socket, str]]:
    """An open private socket, and a token for it."""
    token = raw.private("GetWebSocketsToken")["result"]["token"]
    async with socket(raw.base_url, "/private/v2") as link:
        yield link, token
