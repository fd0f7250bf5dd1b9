"""What is special about single venues, as data: the only place in the project that names exchanges.

Everything else works by capability (`has`, `features`). A venue without an entry gets `DEFAULT`: it
trades, but a look-up that finds nothing there proves nothing, because no route of it was tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class ClientIdRule:
    """How a client order id of ours is written at a venue, and read back.

    Ours are lower-case letters and digits, at most `max_length` of them (18 suit nearly everyone).
    """

    max_length: int = 18
    prefix: str = ""
    """Put in front by us, because the venue demands it."""
    param: str = "clientOrderId"
    """What ccxt's create_order wants to have it under; where it does not know that, an id of its own goes out."""
    hex_digits: int = 0
    """The venue wants `0x` and this many hex digits: the id is read as a number in base 36."""

    def encode(self, client_id: str) -> str:
        """Our id as the venue wants it.

        Raises:
            ValueError: the id cannot be one of ours: too long, or other characters than a-z and 0-9.
        """
        if not client_id or len(client_id) > self.max_length or set(client_id) - set(ALPHABET):
            raise ValueError(f"client id {client_id!r}: 1 to {self.max_length} characters of a-z and 0-9 are sendable")
        if self.hex_digits:
            return f"0x{int('1' + client_id, 36):0{self.hex_digits}x}"
        return self.prefix + client_id

    def decode(self, text: str | None) -> str | None:
        """What the venue sent as we made it; None for nothing. A stranger's id stays as it is."""
        if not text:
            return None
        if self.hex_digits:
            return self._from_hex(text)
        return text.removeprefix(self.prefix)

    def _from_hex(self, text: str) -> str:
        try:
            number = int(text, 16)
        except ValueError:
            return text
        digits = ""
        while number:
            number, digit = divmod(number, 36)
            digits = ALPHABET[digit] + digits
        # the leading 1 keeps leading zeros of the id
        ours = digits.startswith("1") and 1 < len(digits) <= self.max_length + 1
        return digits[1:] if ours else text


@dataclass(frozen=True, slots=True)
class KeyRightsRoute:
    """Where a venue tells what an API key may do: ccxt has no unified call for it."""

    method: str
    """ccxt's implicit method."""
    path: tuple[str | int, ...]
    """Into the raw reply."""
    withdraws: str = ""
    """The word among those there, in a list or parted by commas, if it may withdraw; empty: true or false is there."""


@dataclass(frozen=True, slots=True)
class DeadManRule:
    """How a venue's dead man's switch works, where ccxt has it (`cancelAllOrdersAfter`)."""

    least_s: float = 10.0
    most_s: float = 120.0
    """The shortest and the longest time that it takes."""
    stops: bool = True
    """A time of 0 switches it off; else it can only run out."""
    params: Mapping[str, object] = field(default_factory=dict)
    """Sent along."""
    note: str = ""
    """What one has to know before one trusts it."""


@dataclass(frozen=True, slots=True)
class ChecksumRule:
    """Which frames carry a checksum of their book that ccxt does not check.

    It is the CRC32 of the best ten asks, then the best ten bids, each as price and size with the market's decimals,
    without point and leading zeros.
    """

    channel: str
    """The frames' `channel`."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """What differs at one venue."""

    list_envelope: str | None = None
    """Key that a list comes under in a reply; "" for a bare JSON list; None: not known, not checked."""
    balance_envelope: str | None = None
    """Key that every balance reply has; None: not known, not checked."""
    client_id: ClientIdRule = ClientIdRule()
    client_id_scope: str = "open"
    """`open`: unique among open orders only; `ever`: the venue never takes an id twice."""
    fetch_by_client_id: bool = False
    """fetch_order(None, symbol, {"clientOrderId": …}) was tested to find what create_order wrote."""
    cancel_by_client_id: bool = False
    cancel_reply_bare: bool = False
    """It says that a cancel was taken, and of which order it was no word."""
    look_up_tested: bool = False
    """Scanning open orders, recent orders and own trades was tested to find every order."""
    expiry_params: Mapping[str, int | str] = field(default_factory=dict)
    """Sent with each place, so that the venue refuses it when it arrives late."""
    expiry_ms: int | None = None
    """How late that is; None where the venue has no such thing."""
    deadline_param: str = ""
    """Name of the parameter where that is a time (RFC 3339) instead: the venue's clock, so much after the send."""
    own_trades_need_symbol: bool = False
    deadline_header: str = ""
    """Name of the header where it is one (milliseconds of the venue's clock)."""
    silenced: tuple[str, ...] = ()
    """Methods of ccxt's class that send what nobody asked for (an approval, a referral): they do nothing here."""
    offset_param: str = ""
    """Lists come a page at a time, the newest first, from this many entries on; empty: by time, or whole."""
    list_paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where the entries of `open_orders`, `recent_orders` and `my_trades` stand in a raw reply."""
    nonce_apis: tuple[str, ...] = ()
    """Of ccxt's APIs: their requests carry a number that must rise in the order of their arrival."""
    fee_side: str = ""
    """Which asset a fee is charged in (`get`, `give`, `base`, `quote`), where ccxt does not say."""
    burst: float | None = None
    """Cost units that may be spent at once, where that is known."""
    duplicate_texts: tuple[str, ...] = ()
    """As a word of an error's text: this client id is already there, whatever class ccxt makes of it."""
    gateway_refuses_rate_limits: bool = False
    refusals: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of refusals that ccxt knows no class for, and the class of ccxt's that says what they mean."""
    refused_streams_unheard: bool = False
    """ccxt hands a refused subscription to a number that nobody awaits: the socket has to end instead."""
    streamed_order_fields: Mapping[str, str] = field(default_factory=dict)
    """Fields of a streamed order that stand in the raw message only, and their names there."""
    streamed_fees_negated: bool = False
    """Own trades of the user stream carry what was charged as a negative fee, unlike those by request."""
    dead_man: DeadManRule = DeadManRule()
    common_errors_from: str | None = None
    """Table of ccxt's `exceptions` that is chosen by host name only: merged into the common one."""
    key_rights: KeyRightsRoute | None = None
    """None: not known, and said so by `ganglion check --online`."""
    book_checksum: ChecksumRule | None = None
    """None where books are numbered, or where nothing tells a lost frame."""
    book_by_full_stream: bool = False
    """Deltas cover the whole book: asking for a depth would only cut holes into it."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Merged into ccxt's options under the user's own."""
    spot_options: Mapping[str, object] = field(default_factory=dict)
    """The same for accounts of type spot: no look at other market types' hosts."""
    has: Mapping[str, object] = field(default_factory=dict)
    """Merged into ccxt's `has`."""


DEFAULT = Quirks()

QUIRKS: Mapping[str, Quirks] = {
    "binance": Quirks(
        list_envelope="",
        balance_envelope="balances",
        client_id=ClientIdRule(max_length=32),
        fetch_by_client_id=True,
        cancel_by_client_id=True,
        look_up_tested=True,
        expiry_params={"recvWindow": 5000},
        expiry_ms=5000,
        own_trades_need_symbol=True,
        duplicate_texts=("Duplicate order sent", "-4116"),
        gateway_refuses_rate_limits=True,
        common_errors_from="spot",
        key_rights=KeyRightsRoute("sapiGetAccountApiRestrictions", ("enableWithdrawals",)),
        book_by_full_stream=True,
        spot_options={
            "fetchMarkets": {"types": ["spot"]},
            "fetchCurrencies": False,
            "fetchMargins": False,
        },
    ),
    "okx": Quirks(
        list_envelope="data",
        balance_envelope="data",
        client_id=ClientIdRule(max_length=32),
        fetch_by_client_id=True,
        cancel_by_client_id=True,
        look_up_tested=True,
        deadline_header="expTime",
        expiry_ms=5000,
        duplicate_texts=("51011", "51016"),
        streamed_fees_negated=True,
        gateway_refuses_rate_limits=True,
        key_rights=KeyRightsRoute("privateGetAccountConfig", ("data", 0, "perm"), "withdraw"),
        book_by_full_stream=True,
        spot_options={"fetchMarkets": {"types": ["spot"]}},
        has={"fetchCurrencies": False},
    ),
    "kraken": Quirks(
        list_envelope="result",
        balance_envelope="result",
        list_paths={
            "open_orders": ("result", "open"),
            "recent_orders": ("result", "closed"),
            "my_trades": ("result", "trades"),
        },
        offset_param="ofs",
        # free text of lower-case letters and digits; fetch_order would send it as another field, a userref
        client_id=ClientIdRule(max_length=18),
        cancel_by_client_id=True,
        cancel_reply_bare=True,
        look_up_tested=True,
        deadline_param="deadline",
        expiry_ms=5000,
        duplicate_texts=("cl_ord_id not unique",),
        gateway_refuses_rate_limits=True,
        nonce_apis=("private",),
        fee_side="quote",
        # a counter of 15, which ccxt's costs count threefold
        burst=45.0,
        refusals={
            "EAPI:Bad request": "BadRequest",
            "EAPI:Invalid signature": "AuthenticationError",
            "EGeneral:Unknown method": "NotSupported",
            "EOrder:Cost minimum not met": "InvalidOrder",
            "EOrder:Invalid price": "InvalidOrder",
            "EOrder:Orders limit exceeded": "InvalidOrder",
            "EOrder:Post only order": "OrderImmediatelyFillable",
            "EOrder:Unknown order": "OrderNotFound",
            "EQuery:Unknown asset pair": "BadSymbol",
            "EService:Deadline elapsed": "OperationRejected",
            "EService:Market in cancel_only mode": "OnMaintenance",
            "EService:Market in post_only mode": "OnMaintenance",
        },
        refused_streams_unheard=True,
        book_checksum=ChecksumRule("book"),
        streamed_order_fields={
            "clientOrderId": "cl_ord_id",
            "amount": "order_qty",
            "filled": "cum_qty",
            "cost": "cum_cost",
        },
        key_rights=KeyRightsRoute("privatePostGetApiKeyInfo", ("result", "permissions"), "withdraw-funds"),
        dead_man=DeadManRule(least_s=5.0, most_s=86_400.0),
    ),
    "bybit": Quirks(
        dead_man=DeadManRule(
            least_s=3.0,
            most_s=300.0,
            stops=False,
            params={"type": "spot"},
            note="bybit counts from the loss of the private stream, and only where its support has enabled it",
        ),
        list_envelope="result",
        balance_envelope="result",
        client_id=ClientIdRule(max_length=32),
        # ccxt sends its option recvWindow as a header with every request
        options={"recvWindow": 5000},
        expiry_ms=5000,
        duplicate_texts=("110030", "110072", "140030", "170141", "12141"),
    ),
    "kucoin": Quirks(
        list_envelope="data",
        balance_envelope="data",
        client_id=ClientIdRule(max_length=32),
        own_trades_need_symbol=True,
        duplicate_texts=("126033", "126044"),
    ),
    "bitget": Quirks(
        list_envelope="data",
        balance_envelope="data",
        client_id=ClientIdRule(max_length=32),
        own_trades_need_symbol=True,
    ),
    "gate": Quirks(
        list_envelope="",
        client_id=ClientIdRule(max_length=28, prefix="t-"),
        deadline_header="x-gate-exptime",
        expiry_ms=5000,
    ),
    "coinbase": Quirks(
        list_paths={"open_orders": ("orders",), "recent_orders": ("orders",), "my_trades": ("fills",)},
        balance_envelope="data",
        client_id=ClientIdRule(max_length=32, param="client_order_id"),
    ),
    "hyperliquid": Quirks(
        silenced=("handle_builder_fee_approval", "set_ref"),
        dead_man=DeadManRule(
            least_s=6.0,
            most_s=86_400.0,
            stops=False,
            note="hyperliquid grants it above a traded volume of 1,000,000 USD, and ten times a day",
        ),
        list_envelope="",
        balance_envelope="balances",
        client_id=ClientIdRule(max_length=18, hex_digits=32),
        own_trades_need_symbol=True,
        options={"builderFee": False, "refSet": True},
    ),
}


def quirks_of(exchange_id: str) -> Quirks:
    """The data of one ccxt exchange id."""
    return QUIRKS.get(exchange_id, DEFAULT)
