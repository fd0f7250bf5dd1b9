"""Markets of the simulated venue: their filters, and the refusals those filters make.

Pure data and pure functions. The engine asks `Market.refusal` before it takes an order; the dialects publish the
same numbers, so that what a client reads is what the venue enforces.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from ganglion.messages.values import ZERO, OrderType
from ganglion.simulation.venue.events import RejectCode

QUANTUM = Decimal("0.00000001")
"""The smallest amount of any asset: eight decimals, as on Binance."""


class MarketError(ValueError):
    """A market's description cannot be traded: the text says which number is wrong."""


@dataclass(frozen=True, slots=True)
class Market:
    """One spot market: what trades against what, in which steps, at which fees.

    Raises:
        MarketError: when tick times step is finer than the asset quantum, so that a fill's cost would not be exact.
    """

    symbol: str
    """Unified spelling, `BTC/USDT`."""
    base: str
    quote: str
    price: Decimal
    """Where the seeded flow starts, quote per base."""
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional: Decimal
    """In quote; market orders are measured at the average price."""
    maker_fee: Decimal = Decimal("0.001")
    """Share of the fill, in the asset that the maker's order names for it."""
    taker_fee: Decimal = Decimal("0.001")
    price_band: Decimal = Decimal(5)
    """A limit price may lie between last / band and last * band."""
    max_open_orders: int = 200
    """Per account."""

    def __post_init__(self) -> None:
        """Refuse numbers that would make money inexact."""
        if self.tick <= 0 or self.step <= 0 or self.price <= 0:
            raise MarketError(f"{self.symbol}: price, tick and step must be above zero")
        if (self.tick * self.step) % QUANTUM:
            raise MarketError(
                f"{self.symbol}: tick {self.tick} times step {self.step} is finer than {QUANTUM}; coarsen one of them",
            )

    @property
    def wire_id(self) -> str:
        """The spelling of venues that write pairs without a slash, `BTCUSDT`."""
        return self.base + self.quote

    def fee(self, amount: Decimal, *, maker: bool) -> Decimal:
        """Fee for a fill of `amount` of an asset, in that asset, cut to the quantum."""
        rate = self.maker_fee if maker else self.taker_fee
        return (amount * rate).quantize(QUANTUM, rounding=ROUND_DOWN)

    def worst_fee(self, amount: Decimal) -> Decimal:
        """The most that a fill of `amount` can be charged: what an order sets aside whose fee comes on top."""
        return max(self.fee(amount, maker=True), self.fee(amount, maker=False))

    def truncate(self, quantity: Decimal) -> Decimal:
        """Cut `quantity` of base down to the step."""
        return quantity - quantity % self.step

    def refusal(
        self,
        kind: OrderType,
        price: Decimal | None,
        quantity: Decimal | None,
        last: Decimal,
    ) -> tuple[RejectCode, str] | None:
        """Say which filter an order breaks, or None.

        Args:
            kind: limit or market.
            price: limit price in quote; None for market orders.
            quantity: in base; None for market orders by quote amount.
            last: last traded price, the reference of the price band and of a market order's notional.
        """
        if quantity is not None:
            if not self.min_quantity <= quantity <= self.max_quantity or quantity % self.step:
                return (RejectCode.LOT_SIZE, f"quantity {quantity} is off the step or outside its range")
            reference = last if price is None else price
            if quantity * reference < self.min_notional:
                return (RejectCode.NOTIONAL, f"{quantity} at {reference} is under {self.min_notional}")
        if kind is OrderType.MARKET:
            return None
        if price is None or price <= ZERO or price % self.tick:
            return (RejectCode.PRICE_FILTER, f"price {price} is not a positive multiple of {self.tick}")
        if not last / self.price_band <= price <= last * self.price_band:
            return (RejectCode.PRICE_BAND, f"price {price} is too far from the last trade {last}")
        return None


_KNOWN: dict[str, tuple[str, str, str, str]] = {
    # symbol: price, tick, step, largest quantity
    "BTC/USDT": ("60000", "0.01", "0.00001", "9000"),
    "ETH/USDT": ("3000", "0.01", "0.0001", "9000"),
    "BNB/USDT": ("600", "0.01", "0.001", "90000"),
    "SOL/USDT": ("150", "0.01", "0.001", "90000"),
    "LTC/USDT": ("80", "0.01", "0.001", "90000"),
    "XRP/USDT": ("0.6", "0.0001", "0.1", "9000000"),
    "ADA/USDT": ("0.4", "0.0001", "0.1", "9000000"),
    "DOGE/USDT": ("0.12", "0.00001", "1", "9000000"),
    "ETH/BTC": ("0.05", "0.00001", "0.001", "9000"),
}
_MIN_NOTIONAL = {"BTC": "0.0001", "ETH": "0.001", "BNB": "0.01"}


def default_market(
    symbol: str,
    maker_fee: Decimal = Decimal("0.001"),
    taker_fee: Decimal = Decimal("0.001"),
) -> Market:
    """Make a tradable market for any `BASE/QUOTE`: known pairs near their usual scale, others at 100.

    Raises:
        MarketError: for a symbol that is not `BASE/QUOTE` in capitals and digits.
    """
    base, slash, quote = symbol.partition("/")
    if not slash or not base.isalnum() or not quote.isalnum() or symbol != symbol.upper():
        raise MarketError(f"{symbol!r} is not a spot symbol; write it as BASE/QUOTE, for example BTC/USDT")
    price, tick, step, largest = _KNOWN.get(symbol, ("100", "0.01", "0.001", "90000"))
    return Market(
        symbol=symbol,
        base=base,
        quote=quote,
        price=Decimal(price),
        tick=Decimal(tick),
        step=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(largest),
        min_notional=Decimal(_MIN_NOTIONAL.get(quote, "5")),
        maker_fee=maker_fee,
        taker_fee=taker_fee,
    )
