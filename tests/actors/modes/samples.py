"""Markets and funds that the tests of modes trade with."""

from decimal import Decimal

from ganglion.messages.account import Funds
from ganglion.messages.market import Market, TopOfBook

ACCOUNT = "alpha"
SYMBOL = "BTC/USDT"


def market(**changed: object) -> Market:
    """BTC/USDT with steps of 0.01 and 0.00001, least notional 5 USDT."""
    values: dict[str, object] = {
        "exchange": ACCOUNT,
        "symbol": SYMBOL,
        "price_step": Decimal("0.01"),
        "amount_step": Decimal("0.00001"),
        "min_amount": Decimal("0.00001"),
        "min_cost": Decimal(5),
        "maker_fee": Decimal("0.001"),
        "taker_fee": Decimal("0.001"),
    }
    return Market(**(values | changed))  # type: ignore[arg-type]


def funds(
    base: str = "1", quote: str = "50000", *, base_free: str | None = None, quote_free: str | None = None
) -> Funds:
    """A mode's capital; available is the total unless said otherwise."""
    return Funds(
        account=ACCOUNT,
        symbol=SYMBOL,
        base_total=Decimal(base),
        base_available=Decimal(base_free if base_free is not None else base),
        quote_total=Decimal(quote),
        quote_available=Decimal(quote_free if quote_free is not None else quote),
    )


def top(bid: float = 49_995.0, ask: float = 50_005.0, *, sequence: int = 1, at_s: float = 0.0) -> TopOfBook:
    """Best bid and ask with a size of one on each side."""
    return TopOfBook(
        exchange=ACCOUNT,
        symbol=SYMBOL,
        bid=bid,
        bid_size=1.0,
        ask=ask,
        ask_size=1.0,
        sequence=sequence,
        received_s=at_s,
    )
