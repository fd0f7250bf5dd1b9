"""Settings of one local venue: what it trades, who has an account, where it listens and what it remembers.

Made by the command line (`cli.py`) or by a host program, read by everything else in this folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ganglion.simulation.venue.flow import FlowSettings
from ganglion.simulation.venue.markets import Market, default_market

DEFAULT_SYMBOLS = ("BTC/USDT", "ETH/USDT")
_WORTH = Decimal(120_000)
"""What the default account holds of each base asset, in quote."""
_QUOTE = Decimal(100_000)


class SettingsError(ValueError):
    """A setting cannot be used: the text names it and says how it is written."""


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One customer: its API key (which is also the account's name), its secret, its opening balances.

    An account that the ledger on disk knows already keeps what it has there.
    """

    key: str
    secret: str
    balances: dict[str, Decimal] | None = None
    """None means a sensible amount of every asset that the venue trades."""


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """Everything that `run_venue` needs; the defaults make a venue at which key `demo`, secret `demo` trades."""

    dialect: str = "binance"
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    accounts: tuple[AccountSettings, ...] = (AccountSettings("demo", "demo"),)
    seed: int = 0
    tick_ms: int = 100
    """How often the seeded flow acts; 0 leaves the market to its customers."""
    state: Path | None = None
    """Folder of the ledger that survives SIGKILL; None keeps everything in memory."""
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")
    enforce_weight: bool = False
    """Answer 429 above the published request weight per minute."""
    faults: Path | None = None
    """File of faults with the times at which they are switched on."""
    quiet: bool = False
    """Print the ready line only."""
    end_with_stdin: bool = False
    """End when standard input does: whoever started it is gone, a SIGKILL included."""
    flow: FlowSettings = field(default_factory=FlowSettings)

    def markets(self) -> list[Market]:
        """The markets of `symbols`, with the venue's fees.

        Raises:
            MarketError: for a symbol that is none.
        """
        return [default_market(symbol, self.maker_fee, self.taker_fee) for symbol in self.symbols]


def check_settings(settings: VenueSettings) -> None:
    """Refuse what no venue can be made of; for whoever takes settings from a person.

    Raises:
        SettingsError: naming the setting and how it is written.
        MarketError: for a symbol that is none.
    """
    for name in ("maker_fee", "taker_fee"):
        share = getattr(settings, name)
        if not share.is_finite() or not 0 <= share < 1:
            text = f"fee {share} ({name}) is no share of a fill: it is from 0 to below 1"
            raise SettingsError(f"{text}, and 0.1 % is 0.001")
    if not settings.symbols:
        raise SettingsError("symbols: there is none; name at least one market, such as BTC/USDT")
    twice = _first_twice(settings.symbols)
    if twice is not None:
        raise SettingsError(f"symbols: {twice} stands twice; name each market once")
    twice = _first_twice(account.key for account in settings.accounts)
    if twice is not None:
        raise SettingsError(f"account {twice!r} is given twice; each needs a key of its own")
    assets = {asset for market in settings.markets() for asset in (market.base, market.quote)}
    for account in settings.accounts:
        foreign = sorted(set(account.balances or ()) - assets)
        if foreign:
            text = f"account {account.key!r}: no market here trades {', '.join(foreign)}"
            raise SettingsError(f"{text}; assets: {', '.join(sorted(assets))}")


def _first_twice(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def parse_account(text: str) -> AccountSettings:
    """Read `KEY:SECRET` or `KEY:SECRET:USDT=100000,BTC=2`.

    Raises:
        SettingsError: saying which part is not understood.
    """
    key, _, rest = text.partition(":")
    secret, colon, amounts = rest.partition(":")
    if not key or not secret:
        raise SettingsError(f"account {text!r}: write KEY:SECRET or KEY:SECRET:USDT=100000,BTC=2")
    if not colon:
        return AccountSettings(key, secret)
    balances: dict[str, Decimal] = {}
    for part in filter(None, amounts.split(",")):
        asset, _, amount = part.partition("=")
        try:
            balances[asset.strip().upper()] = value = Decimal(amount)
        except InvalidOperation:
            raise SettingsError(f"account {key!r}: {part!r} is not ASSET=AMOUNT") from None
        if not value.is_finite() or value < 0:
            raise SettingsError(f"account {key!r}: {part!r} is not an amount of money")
    return AccountSettings(key, secret, balances)


def opening_balances(account: AccountSettings, markets: list[Market]) -> dict[str, Decimal]:
    """What the account starts with: as configured, or round amounts of everything traded here."""
    if account.balances is not None:
        return account.balances
    balances: dict[str, Decimal] = {}
    for market in markets:
        balances.setdefault(market.base, market.truncate(_WORTH / market.price))
        balances.setdefault(market.quote, _QUOTE)
    return balances
