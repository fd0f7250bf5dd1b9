"""Kraken's rate limits: a counter per key for private requests, one per key and pair for orders; both decay.

https://docs.kraken.com/exchange/guides/rest/rate-limits , figures of the "pro" tier (read 2025). A request above the
limit is refused with a text and costs nothing. Counted always, enforced with `enforce_weight`.
"""

from __future__ import annotations

from ganglion.simulation.venue.dialects.kraken.errors import ORDER_RATE_LIMIT, RATE_LIMIT, ApiError
from ganglion.simulation.venue.wire import Hub

MOST = 20.0
DECAY_PER_S = 1.0
ORDERS_MOST = 180.0
ORDERS_DECAY_PER_S = 3.75
_CANCEL_COSTS = ((5, 8.0), (10, 6.0), (15, 5.0), (45, 4.0), (90, 2.0), (300, 1.0))
"""A cancel costs more the younger its order is: below so many seconds, so much."""


class Counter:
    """Something that grows with use and shrinks with time."""

    def __init__(self, decay_per_s: float) -> None:
        self._decay = decay_per_s
        self._value = 0.0
        self._at_ms = 0

    def value(self, now_ms: int) -> float:
        """What is left of it now."""
        elapsed_s = max(now_ms - self._at_ms, 0) / 1000
        self._value = max(0.0, self._value - elapsed_s * self._decay)
        self._at_ms = now_ms
        return self._value

    def add(self, cost: float, now_ms: int) -> float:
        """Count a use; what it comes to."""
        self._value = self.value(now_ms) + cost
        return self._value


class Limits:
    """The counters of every key."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._requests: dict[str, Counter] = {}
        self._orders: dict[tuple[str, str], Counter] = {}

    def request(self, account: str, cost: float) -> None:
        """Count a private request that is neither order nor cancel.

        Raises:
            ApiError: EAPI:Rate limit exceeded.
        """
        counter = self._requests.setdefault(account, Counter(DECAY_PER_S))
        self._count(counter, cost, MOST, RATE_LIMIT)
        self._hub.weight_used = int(counter.value(self._hub.venue.now_ms()))
        self._hub.weight_peak = max(self._hub.weight_peak, self._hub.weight_used)

    def order(self, account: str, symbol: str) -> None:
        """Count a new order or an amendment.

        Raises:
            ApiError: EOrder:Rate limit exceeded.
        """
        self._count(self._counter(account, symbol), 1.0, ORDERS_MOST, ORDER_RATE_LIMIT)

    def cancel(self, account: str, symbol: str, age_ms: int) -> None:
        """Count a cancel; it is never refused, what it costs keeps orders out."""
        cost = next((cost for below_s, cost in _CANCEL_COSTS if age_ms < below_s * 1000), 0.0)
        self._counter(account, symbol).add(cost, self._hub.venue.now_ms())

    def _counter(self, account: str, symbol: str) -> Counter:
        return self._orders.setdefault((account, symbol), Counter(ORDERS_DECAY_PER_S))

    def _count(self, counter: Counter, cost: float, most: float, refusal: str) -> None:
        now_ms = self._hub.venue.now_ms()
        if self._hub.venue.settings.enforce_weight and counter.value(now_ms) + cost > most:
            raise ApiError(refusal)
        counter.add(cost, now_ms)
