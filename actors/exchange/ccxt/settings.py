"""What one ccxt venue is made from: plain frozen values, checked before anything is sent.

The bot's configuration builds `CcxtSettings`; the adapter reads it. Secrets live here and nowhere else:
no repr, error text or log line shows them.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ganglion.messages.values import Symbol

OWNED_KEYS = frozenset(
    {"number", "enableRateLimit", "maxRetriesOnFailure", "rateLimiterAlgorithm", "newUpdates", "verbose"}
)
"""Keys of ccxt's constructor that the engine sets itself."""

SECRET_KEYS = frozenset(
    {"apiKey", "secret", "password", "uid", "login", "token", "twofa", "walletAddress", "privateKey"}
)
"""Keys of ccxt's constructor that belong under `credentials`."""

_SHORTEST, _SHORTEST_ANYWHERE = 4, 8
"""A shorter secret would cut up every text, and is none; one below the second length may be part of a word."""
_IN_URLS = re.compile(
    r"((?:signature|sign|apikey|api_key|accesskey|token|listenkey)\"?[=:]\"?)[^&\s\"',}]+", re.IGNORECASE
)


class VenueConfigError(ValueError):
    """A venue cannot be made or used as it is configured; a restart cannot help.

    Attributes:
        stop: For the supervisor: park, no slow retry.
    """

    stop = True


class UnknownExchangeError(VenueConfigError):
    """ccxt has no exchange of that id."""


class NotLiveError(VenueConfigError):
    """A request would reach a real exchange, and the configuration does not say `live = true`."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Keys of one account, by ccxt's names; empty texts are not sent."""

    key: str = ""
    secret: str = ""
    password: str = ""
    uid: str = ""
    wallet: str = ""
    private_key: str = ""

    def __repr__(self) -> str:
        """Say which are set, never what they are."""
        named = [item.name for item in dataclasses.fields(self) if getattr(self, item.name)]
        return f"Credentials({', '.join(f'{name}=***' for name in named)})"

    def __bool__(self) -> bool:
        """Whether there are any."""
        return any(getattr(self, item.name) for item in dataclasses.fields(self))

    def for_ccxt(self) -> dict[str, str]:
        """As ccxt's constructor wants them."""
        named = {
            "apiKey": self.key,
            "secret": self.secret,
            "password": self.password,
            "uid": self.uid,
            "walletAddress": self.wallet,
            "privateKey": self.private_key,
        }
        return {name: text for name, text in named.items() if text}

    def scrub(self, text: str) -> str:
        """`text` without any secret, and without what signs a request."""
        for secret in sorted(self.for_ccxt().values(), key=len, reverse=True):
            if len(secret) >= _SHORTEST_ANYWHERE:
                text = text.replace(secret, "***")
            elif len(secret) >= _SHORTEST:
                # It may be a word or a number of its own right: only where it stands alone.
                text = re.sub(rf"(?<![\w.-]){re.escape(secret)}(?![\w.-])", "***", text)
        return _IN_URLS.sub(r"\1***", text)


@dataclass(frozen=True, slots=True)
class CcxtSettings:
    """One exchange account behind ccxt."""

    name: str
    """The arm's name in the configuration: `exchange` in messages."""
    id: str
    """ccxt's id."""
    symbols: tuple[Symbol, ...]
    type: str = "spot"
    book_depth: int = 100
    sandbox: bool = False
    live: bool = False
    """Real exchanges may be reached."""
    credentials: Credentials = Credentials()
    ccxt: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Merged into the constructor's configuration."""
    timeout_s: float = 10.0
    """Per request."""
    book_wait_s: float = 10.0
    """For the first book of a stream; some venues serve it by request, after an acknowledgement that may be lost."""
    units_per_s: float | None = None
    """Cost units that may be spent in a second; None: ccxt's own figure."""
    keep_alive_s: float = 10.0
    """Between pings; two missed pongs end a connection."""

    def __post_init__(self) -> None:
        """Refuse what the engine owns, with a hint where it belongs."""
        owned = sorted(OWNED_KEYS & set(self.ccxt))
        secret = sorted(SECRET_KEYS & set(self.ccxt))
        if owned:
            raise VenueConfigError(
                f"exchanges.{self.name}.ccxt: {', '.join(owned)} belong to the engine; remove them "
                "(it reads numbers as text, keeps its own rate budget, never repeats a write and prints no keys)"
            )
        if secret:
            raise VenueConfigError(
                f"exchanges.{self.name}.ccxt: {', '.join(secret)} are secrets; put them under "
                f"exchanges.{self.name}.credentials as env:NAME or file:PATH"
            )


def check_gate(settings: CcxtSettings, url: str) -> None:
    """Let a request pass to this machine, to a sandbox, or to a real exchange that may be reached.

    Raises:
        NotLiveError: None of these; nothing was sent.
    """
    if settings.live or settings.sandbox or is_loopback(url) or "://" not in url:
        return  # without a scheme it is one of ccxt's own keys, which is never dialed
    raise NotLiveError(
        f"exchanges.{settings.name} ({settings.id}) would reach {urlsplit(url).hostname}, a real exchange: "
        "set sandbox = true to use its test system, or live = true if you mean it"
    )


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def urls_in(value: object) -> Iterator[str]:
    """Every URL in ccxt's nested `urls["api"]`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from urls_in(inner)
