"""The fixture `venue_server`: a local exchange in a process of its own that speaks Binance's or Kraken's protocol.

Any bot can be pointed at it by configuration alone; `control` hurts and questions it. It is started when it is first
asked for anything, and ends with the test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ganglion.bot.pytest_plugin.needs import needed
from ganglion.simulation.venue import VenueControl, VenueProcess, ccxt_settings
from ganglion.simulation.venue.settings import (
    DEFAULT_SYMBOLS,
    AccountSettings,
    VenueSettings,
    check_settings,
)

Amount: TypeAlias = Decimal | int | str
Row: TypeAlias = dict[str, Any]
"""One entry of the ledger, as its JSON is: money is text."""

DIALECTS = ("binance", "kraken")


class VenueKilledError(RuntimeError):
    """What a killed exchange was asked; nobody is there to answer."""


KEY = "demo"


class VenueServer:
    """One local exchange.

    Args:
        dialect: the protocol, `binance` or `kraken`.
        symbols: its markets, as BTC/USDT.
        balances: what the account starts with, by asset; None is a sensible amount of everything that is traded.
        key: the account's API key, which is also its name at the venue.
        secret: its secret; the client's is `secret` of this object, which Kraken wants in base64.
        seed: of the market.
        tick_ms: how often the crowd trades; 0 leaves the market to your bot.
        maker_fee: share of a fill.
        taker_fee: share of a fill.
        enforce_weight: answer 429 above the published request weight.
        state: folder of a ledger that survives `kill`; None forgets.
    """

    def __init__(
        self,
        *,
        dialect: str = "binance",
        symbols: Iterable[str] = DEFAULT_SYMBOLS,
        balances: Mapping[str, Amount] | None = None,
        key: str = KEY,
        secret: str = KEY,
        seed: int = 0,
        tick_ms: int = 100,
        maker_fee: Amount = "0.001",
        taker_fee: Amount = "0.001",
        enforce_weight: bool = False,
        state: Path | str | None = None,
    ) -> None:
        """Say what it shall be; raises ValueError (naming the setting) for what no venue can be made of."""
        if dialect not in DIALECTS:
            raise ValueError(f"venue_server: dialect {dialect!r} is unknown; there are: {', '.join(DIALECTS)}")
        if isinstance(symbols, str):
            raise TypeError(f"venue_server: symbols is a list, as [{symbols!r}]")
        money = None if balances is None else {asset: as_money(asset, amount) for asset, amount in balances.items()}
        self._settings = VenueSettings(
            dialect=dialect,
            symbols=tuple(symbols),
            accounts=(AccountSettings(key, secret, money),),
            seed=seed,
            tick_ms=tick_ms,
            maker_fee=as_money("maker_fee", maker_fee),
            taker_fee=as_money("taker_fee", taker_fee),
            enforce_weight=enforce_weight,
            state=None if state is None else Path(state),
        )
        check_settings(self._settings)
        self._secret = secret
        self.dialect = dialect
        self.key = key
        self._process = VenueProcess(_arguments(self._settings))
        self._started = False
        self._killed = False

    # -------------------------------------------------------------- how a bot comes to it

    @property
    def base_url(self) -> str:
        """Where it listens, `http://127.0.0.1:PORT`; the port stays the same when it is killed and started again."""
        self._begin()
        return self._process.base_url

    @property
    def secret(self) -> str:
        """The account's secret as a client of this exchange needs it."""
        return str(self.ccxt_settings()["secret"])

    def ccxt_settings(self) -> dict[str, Any]:
        """What to hand to `ccxt.binance(...)` or `ccxt.kraken(...)`, of the sync, the async or the pro class."""
        return ccxt_settings(self.base_url, self.key, self._secret, self.dialect)

    def new_client(self, kind: Literal["sync", "async", "pro"] = "sync", **more: object) -> Any:
        """An unmodified ccxt client of this exchange; whoever makes an `async` or `pro` one awaits its `close()`.

        Args:
            kind: `ccxt`, `ccxt.async_support` or `ccxt.pro`.
            more: further settings of ccxt, such as `timeout=2000` (milliseconds).
        """
        modules = {"sync": "ccxt", "async": "ccxt.async_support", "pro": "ccxt.pro"}
        if kind not in modules:
            raise ValueError(f"new_client({kind!r}): there are sync, async and pro")
        kind_of_client = getattr(needed(modules[kind], "venue_server.new_client"), self.dialect)
        return kind_of_client({**self.ccxt_settings(), **more})

    # -------------------------------------------------------------- hurting it

    @property
    def control(self) -> VenueControl:
        """Faults, clock, request log: `control.fault("lose_reply", requests="place")`.

        Raises:
            VenueKilledError: after `kill`, until `start`.
        """
        self._begin()
        if self._killed:
            raise VenueKilledError("venue_server: it was killed and can't be asked anything; call its start() first")
        return self._process.control

    def kill(self) -> None:
        """SIGKILL: what it had said and not written is gone, and everybody's connections with it."""
        self._begin()
        self._process.kill()
        self._killed = True

    def start(self) -> None:
        """Start it again after `kill`, at the same address; with `state` it still knows every order."""
        self._process.start()
        self._started = True
        self._killed = False

    def stop(self) -> None:
        """End it."""
        if self._started:
            self._started = False
            self._process.stop()

    # -------------------------------------------------------------- what really happened there

    def orders(self, *, open_only: bool = False) -> list[Row]:
        """Every order that the exchange ever took from this account, oldest first, with its client id and status."""
        found: list[Row] = self._account()["orders"]
        return [order for order in found if not open_only or order["status"] in {"new", "partially_filled"}]

    def fills(self) -> list[Row]:
        """Every fill of this account, with price, quantity, fee and side."""
        found: list[Row] = self._account()["fills"]
        return found

    def balances(self) -> dict[str, Decimal]:
        """What the account has of each asset, free and locked together."""
        found: dict[str, dict[str, str]] = self._account()["balances"]
        return {asset: Decimal(part["free"]) + Decimal(part["locked"]) for asset, part in found.items()}

    def _account(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control.ledger()["accounts"][self.key]
        return found

    def _begin(self) -> None:
        if not self._started:
            self.start()


def as_money(what: str, amount: Amount) -> Decimal:
    """An amount as exact money; a float has lost its last digits already.

    Raises:
        TypeError: for a float, and for what is no number.
    """
    if isinstance(amount, bool) or not isinstance(amount, Decimal | int | str):
        text = f"{what}: {amount!r} is a {type(amount).__name__}"
        raise TypeError(f'{text}; money is text, an int or a Decimal, such as "0.1"')
    return Decimal(amount)


def _arguments(settings: VenueSettings) -> list[str]:
    (account,) = settings.accounts
    amounts = "" if account.balances is None else ":" + ",".join(f"{a}={v}" for a, v in account.balances.items())
    # a colon with nothing behind it would mean a sensible amount of everything
    amounts = amounts if amounts != ":" else f":{settings.markets()[0].quote}=0"
    return [
        *("--dialect", settings.dialect),
        *("--symbols", ",".join(settings.symbols)),
        *("--account", f"{account.key}:{account.secret}{amounts}"),
        *("--seed", str(settings.seed)),
        *("--tick-ms", str(settings.tick_ms)),
        *("--maker-fee", str(settings.maker_fee)),
        *("--taker-fee", str(settings.taker_fee)),
        *(["--enforce-weight"] if settings.enforce_weight else []),
        *([] if settings.state is None else ["--state", str(settings.state)]),
    ]
