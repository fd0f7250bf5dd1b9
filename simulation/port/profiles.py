"""Two kinds of venue as the real adapter shows them: what it can do, what requests cost, how it refuses.

Capabilities come from the venues' quirks (`actors/exchange/quirks.py`), so that what is said of a venue there is what
is simulated here. Costs and texts were read off the real adapter on the local server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ganglion.actors.exchange.quirks import Quirks, quirks_of
from ganglion.messages.venue import (
    CancelAllAfter,
    CancelAtVenue,
    Capabilities,
    CreateOrder,
    FetchBalance,
    FetchBook,
    FetchCandles,
    FetchKeyRights,
    FetchMarkets,
    FetchMyTrades,
    FetchOpenOrders,
    FetchOrder,
    FetchRecentOrders,
    FetchTime,
    FetchTrades,
    StreamKind,
)
from ganglion.simulation.venue.events import RejectCode
from ganglion.simulation.venue.orders import FeeAsset

_BINANCE_SAYS: dict[RejectCode, tuple[str, str]] = {
    RejectCode.UNKNOWN_SYMBOL: ("BadSymbol", '{"code":-1121,"msg":"Invalid symbol."}'),
    RejectCode.UNKNOWN_ACCOUNT: ("AuthenticationError", '{"code":-2015,"msg":"Invalid API-key, IP, or permissions."}'),
    RejectCode.UNKNOWN_ORDER: ("OrderNotFound", '{"code":-2011,"msg":"Unknown order sent."}'),
    RejectCode.MALFORMED: ("BadRequest", '{"code":-1106,"msg":"A parameter was sent when not required."}'),
    RejectCode.DUPLICATE_CLIENT_ID: ("DuplicateOrderId", '{"code":-2010,"msg":"Duplicate order sent."}'),
    RejectCode.INSUFFICIENT_BALANCE: ("InsufficientFunds", "Account has insufficient balance for requested action."),
    RejectCode.WOULD_MATCH: ("OrderImmediatelyFillable", "Order would immediately match and take."),
    RejectCode.LOT_SIZE: ("InvalidOrder", '{"code":-1013,"msg":"Filter failure: LOT_SIZE"}'),
    RejectCode.PRICE_FILTER: ("InvalidOrder", '{"code":-1013,"msg":"Filter failure: PRICE_FILTER"}'),
    RejectCode.PRICE_BAND: ("BadRequest", '{"code":-1013,"msg":"Filter failure: PERCENT_PRICE_BY_SIDE"}'),
    RejectCode.NOTIONAL: ("BadRequest", '{"code":-1013,"msg":"Filter failure: NOTIONAL"}'),
    RejectCode.MAX_OPEN_ORDERS: ("BadRequest", '{"code":-1013,"msg":"Filter failure: MAX_NUM_ORDERS"}'),
}
_KRAKEN_SAYS: dict[RejectCode, tuple[str, str]] = {
    RejectCode.UNKNOWN_SYMBOL: ("BadSymbol", '{"error":["EQuery:Unknown asset pair"]}'),
    RejectCode.UNKNOWN_ACCOUNT: ("AuthenticationError", '{"error":["EAPI:Invalid key"]}'),
    RejectCode.UNKNOWN_ORDER: ("OrderNotFound", 'cancelOrder() error {"error":["EOrder:Unknown order"]}'),
    RejectCode.MALFORMED: ("BadRequest", '{"error":["EGeneral:Invalid arguments"]}'),
    RejectCode.DUPLICATE_CLIENT_ID: (
        "DuplicateOrderId",
        '{"error":["EGeneral:Invalid arguments:cl_ord_id not unique"]}',
    ),
    RejectCode.INSUFFICIENT_BALANCE: ("InsufficientFunds", '{"error":["EOrder:Insufficient funds"]}'),
    RejectCode.WOULD_MATCH: ("OrderImmediatelyFillable", '{"error":["EOrder:Post only order"]}'),
    RejectCode.LOT_SIZE: ("InvalidOrder", '{"error":["EOrder:Order minimum not met"]}'),
    RejectCode.PRICE_FILTER: ("InvalidOrder", '{"error":["EOrder:Invalid price"]}'),
    RejectCode.PRICE_BAND: ("InvalidOrder", '{"error":["EOrder:Invalid price"]}'),
    RejectCode.NOTIONAL: ("InvalidOrder", '{"error":["EOrder:Cost minimum not met"]}'),
    RejectCode.MAX_OPEN_ORDERS: ("InvalidOrder", '{"error":["EOrder:Orders limit exceeded"]}'),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of venue."""

    id: str
    """ccxt's id; its quirks are read under it."""
    says: Mapping[RejectCode, tuple[str, str]]
    """Class and text of each refusal of the engine's."""
    not_found: str
    """What is said of an order that cannot be read."""
    costs: Mapping[type, float]
    units_per_s: float
    fee_asset: FeeAsset
    fee_side: str
    tells_whole_orders: bool
    """A place and a cancel are answered with the whole order, not with its id."""
    recent_with_open: bool
    """Open orders stand among the recent ones."""
    window_ms: tuple[int, int] | None
    """How old the time in a signed place or cancel may be at its arrival, and in a signed reading; None: not looked
    at."""
    asks_again: frozenset[type]
    """Requests (GET and DELETE) that the HTTP client repeats once when a connection is reset under them."""
    ban_says: tuple[str, str, bool]
    """How a banned address is answered: class, text, and whether it says for how long."""
    gap_says: tuple[str, str]
    """How a book stream ends that lost a frame: class and text."""
    one_public_socket: bool
    """Books, trades and tickers share a connection: they end together."""
    clock_step_ms: int
    """What its clock is read in."""
    balance_first: bool
    """The balance stream begins with the whole account."""

    @property
    def quirks(self) -> Quirks:
        """What is known of the venue."""
        return quirks_of(self.id)

    @property
    def numbered(self) -> bool:
        """Private requests carry a number that has to rise."""
        return bool(self.quirks.nonce_apis)

    @property
    def dead_man(self) -> bool:
        """It cancels everything when it is told nothing for a while."""
        return CancelAllAfter in self.costs

    def capabilities(self) -> Capabilities:
        """What the adapter says of it."""
        quirks = self.quirks
        named = quirks.deadline_param or quirks.deadline_header
        return Capabilities(
            streams=tuple(StreamKind),
            fetch_time=True,
            fetch_order_by_client_id=quirks.fetch_by_client_id,
            recent_orders=True,
            own_trades=True,
            own_trades_need_symbol=quirks.own_trades_need_symbol,
            look_up_counts=quirks.look_up_tested,
            gateway_refuses_rate_limits=quirks.gateway_refuses_rate_limits,
            repeats_fail_by_nonce=self.numbered,
            units_per_s=self.units_per_s,
            private=True,
            burst=quirks.burst,
            expiry_ms=quirks.expiry_ms if named else None,
            fetch_trades=True,
            cancel_all_after=self.dead_man,
            cancel_all_after_stops=quirks.dead_man.stops,
        )


BINANCE = Profile(
    id="binance",
    says=_BINANCE_SAYS,
    not_found='{"code":-2013,"msg":"Order does not exist."}',
    costs={
        FetchMarkets: 4.0,
        FetchTime: 0.2,
        FetchBook: 1.0,
        FetchCandles: 0.4,
        FetchTrades: 0.4,
        FetchBalance: 4.0,
        FetchKeyRights: 0.1,
        FetchOpenOrders: 1.2,
        FetchOrder: 0.8,
        FetchRecentOrders: 4.0,
        FetchMyTrades: 4.0,
        CreateOrder: 0.2,
        CancelAtVenue: 0.2,
    },
    units_per_s=20.0,
    fee_asset=FeeAsset.RECEIVED,
    fee_side="get",
    tells_whole_orders=True,
    recent_with_open=True,
    window_ms=(5_000, 10_000),
    asks_again=frozenset(
        {
            FetchMarkets,
            FetchTime,
            FetchBook,
            FetchCandles,
            FetchTrades,
            FetchBalance,
            FetchKeyRights,
            FetchOpenOrders,
            FetchOrder,
            FetchRecentOrders,
            FetchMyTrades,
            CancelAtVenue,
        }
    ),
    ban_says=("DDoSProtection", '418 I\'m a Teapot {"code":-1003,"msg":"Way too much request weight used"}', True),
    gap_says=("ChecksumError", "orderbook data checksum validation failed"),
    one_public_socket=False,
    clock_step_ms=1,
    balance_first=False,
)
"""Like Binance spot."""

KRAKEN = Profile(
    id="kraken",
    says=_KRAKEN_SAYS,
    not_found='{"error":["EOrder:Unknown order"]}',
    costs={
        FetchMarkets: 2.0,
        FetchTime: 1.0,
        FetchBook: 1.2,
        FetchCandles: 1.0,
        FetchTrades: 1.2,
        FetchBalance: 3.0,
        FetchKeyRights: 3.0,
        FetchOpenOrders: 3.0,
        FetchOrder: 3.0,
        FetchRecentOrders: 3.0,
        FetchMyTrades: 6.0,
        CreateOrder: 0.0,
        CancelAtVenue: 0.0,
        CancelAllAfter: 3.0,
    },
    units_per_s=50.0,
    fee_asset=FeeAsset.QUOTE,
    fee_side="quote",
    tells_whole_orders=False,
    recent_with_open=False,
    window_ms=None,
    asks_again=frozenset({FetchMarkets, FetchTime, FetchBook, FetchCandles, FetchTrades}),
    ban_says=("DDoSProtection", '{"error":["EGeneral:Temporary lockout"]}', False),
    gap_says=("NetworkError", "the venue's checksum of its book is another: something was lost"),
    one_public_socket=True,
    clock_step_ms=1_000,
    balance_first=True,
)
"""Like Kraken spot, with a budget in which a whole account can be read."""

PROFILES: Mapping[str, Profile] = {profile.id: profile for profile in (BINANCE, KRAKEN)}
