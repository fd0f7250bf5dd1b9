"""What the venue's tests share: raw signed requests, and waiting that ends."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

WAIT_S = 10.0


class Raw:
    """Binance requests by hand: what ccxt would never send can be sent with it."""

    def __init__(self, base_url: str, key: str = "demo") -> None:
        self.host = urlsplit(base_url).netloc
        self.key = self.secret = key

    def call(
        self, method: str, path: str, *, signed: bool = True, signature: str | None = None, **params: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, parsed body (or its text) and headers."""
        headers = {}
        if signed:
            params.setdefault("timestamp", time.time_ns() // 1_000_000)
            headers["X-MBX-APIKEY"] = self.key
        query = urlencode({name: value for name, value in params.items() if value is not None})
        if signed and signature != "":
            made = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
            query += f"&signature={signature or made}"
        link = http.client.HTTPConnection(self.host, timeout=WAIT_S)
        try:
            link.request(method, f"{path}?{query}", headers=headers)
            answer = link.getresponse()
            content = answer.read()
            headers = dict(answer.getheaders())
        finally:
            link.close()
        try:
            return answer.status, json.loads(content), headers
        except ValueError:
            return answer.status, content.decode(), headers

    def order(self, **params: Any) -> tuple[int, Any, dict[str, str]]:
        """A limit order that is right, but for what `params` change."""
        usual = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        return self.call("POST", "/api/v3/order", **{**usual, "quantity": "0.01", "price": "50000", **params})

    def error(self, *answer: Any) -> tuple[int, int]:
        """HTTP status and the venue's code of an answer."""
        return answer[0], answer[1]["code"]


async def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until the condition gives something true, and give it back."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while not (found := condition()):
        assert asyncio.get_running_loop().time() < deadline, f"{what} did not happen within {WAIT_S} s"
        await asyncio.sleep(0.01)
    return found
