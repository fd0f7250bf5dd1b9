"""Two small bots that use ccxt and nothing else: both place one limit order, and both live with a flaky network.

`NaiveBuyer` does what most first bots do when a request fails: it sends the request again. `CarefulBuyer` knows that a
request without an answer may have been carried out: it gives the order a name of its own, and looks before it leaps.
"""

import asyncio
import uuid

import ccxt


class NaiveBuyer:
    """Sends again what was not answered."""

    def __init__(self, exchange, symbol, attempts=5):
        self.exchange = exchange
        self.symbol = symbol
        self.attempts = attempts

    async def buy(self, amount, price):
        """Place the order, and return what the exchange says about it."""
        for _ in range(self.attempts):
            try:
                return await self.exchange.create_order(self.symbol, "limit", "buy", amount, price)
            except ccxt.NetworkError as error:  # a timeout is one too
                print(f"no answer, once more: {error}")
        raise RuntimeError("the exchange does not answer")


class CarefulBuyer(NaiveBuyer):
    """Looks the order up by its own id before it sends it again."""

    def __init__(self, exchange, symbol, attempts=5, pause_s=0.2):
        super().__init__(exchange, symbol, attempts)
        self.pause_s = pause_s

    async def buy(self, amount, price):
        """Place the order under one client id, however often it takes."""
        client_id = f"buyer-{uuid.uuid4().hex[:20]}"
        for _ in range(self.attempts):
            try:
                return await self.exchange.create_order(
                    self.symbol, "limit", "buy", amount, price, {"clientOrderId": client_id}
                )
            except (ccxt.NetworkError, ccxt.OperationFailed) as error:
                print(f"no answer, looking for {client_id}: {error}")
            except ccxt.InvalidOrder as error:
                # "Duplicate order sent": an earlier attempt arrived after all
                print(f"refused, looking for {client_id}: {error}")
            found = await self.find(client_id)
            if found is not None:
                return found
        raise RuntimeError(f"nobody knows what became of {client_id}: ask the exchange before trading on")

    async def find(self, client_id):
        """The order of that client id; None after it was not there twice, because it may still be on its way."""
        for _ in range(2):
            try:
                return await self.exchange.fetch_order("", self.symbol, {"origClientOrderId": client_id})
            except ccxt.OrderNotFound:
                await asyncio.sleep(self.pause_s)
            except ccxt.NetworkError as error:
                print(f"no answer to the question either: {error}")
                await asyncio.sleep(self.pause_s)
        return None
