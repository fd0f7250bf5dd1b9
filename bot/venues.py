"""What stands behind each exchange actor: ccxt as configured, or a simulated venue in this very process.

`make_venues` is the one place that reveals secrets. A simulated venue is the local venue server on a loop of its own,
and the engine trades on it through ccxt like on any other: nothing in between knows the difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeAlias

from ganglion.actors.exchange.ccxt.settings import CcxtSettings, Credentials
from ganglion.actors.exchange.venue import Venue
from ganglion.bot.config import ExchangeConfig
from ganglion.bot.errors import BuildError
from ganglion.supervision import System
from ganglion.supervision.dispatchers import LoopDispatcher

VenueMaker: TypeAlias = Callable[[], Venue]
"""Makes the venue of one incarnation of an exchange actor."""

LOCAL_KEY = "simulated"
START_S = 20.0


@dataclass(frozen=True, slots=True)
class Venues:
    """The venue makers of a bot, by exchange, and what must be closed after it."""

    makers: Mapping[str, VenueMaker]
    closing: ExitStack


def make_venues(exchanges: Mapping[str, ExchangeConfig], system: System, *, public: bool = False) -> Venues:
    """Prepare every exchange's venue; opens nothing but the servers of simulated ones.

    Args:
        exchanges: by name.
        system: whose loops they run on.
        public: without any key. Nothing can be placed, so no gate keeps real exchanges from being asked.

    Raises:
        BuildError: a simulated venue can't be started.
    """
    closing = ExitStack()
    makers: dict[str, VenueMaker] = {}
    try:
        for name, exchange in exchanges.items():
            settings = ccxt_settings(exchange)
            if exchange.table.connector == "simulated":
                settings = _simulated_settings(exchange, *_serve(exchange, system, closing))
            if public:
                settings = replace(settings, credentials=Credentials(), live=True)
            makers[name] = _maker(settings, system)
    except BaseException:
        closing.close()
        raise
    return Venues(makers, closing)


def ccxt_id(exchange: ExchangeConfig) -> str:
    """Which of ccxt's exchanges an exchange is spoken to as; a simulated one as whose dialect its venue speaks."""
    if exchange.table.id is not None:
        return exchange.table.id
    from ganglion.simulation.venue import VenueSettings  # noqa: PLC0415 - only where one is simulated

    return VenueSettings(symbols=exchange.table.symbols).dialect


def ccxt_settings(exchange: ExchangeConfig) -> CcxtSettings:
    """An exchange's tables as the adapter's settings."""
    table = exchange.table
    extra = {key: plain(value) for key, value in table.ccxt.items()}
    if "exceptions" in extra:
        extra["exceptions"] = _with_classes(extra["exceptions"])
    return CcxtSettings(
        name=exchange.name,
        id=table.id or "",
        symbols=table.symbols,
        type=table.type,
        book_depth=table.book_depth,
        sandbox=table.sandbox,
        live=table.live,
        units_per_s=table.units_per_s,
        credentials=Credentials(**{field: secret.reveal() for field, secret in exchange.credentials.items()}),
        ccxt=extra,
    )


def plain(value: object) -> object:
    """A value of TOML as ccxt's own settings have it: its numbers are no money, and it calculates with floats."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def _with_classes(value: object) -> object:
    """Class names in `exceptions` as ccxt's classes; that they exist the configuration has checked."""
    import ccxt  # noqa: PLC0415 - imported by the adapter anyway, by `check` only where it is needed

    if isinstance(value, Mapping):
        return {key: _with_classes(inner) for key, inner in value.items()}
    return getattr(ccxt, str(value))


def _maker(settings: CcxtSettings, system: System) -> VenueMaker:
    from ganglion.actors.exchange.ccxt.adapter import make_ccxt_venue  # noqa: PLC0415 - imports ccxt
    from ganglion.actors.exchange.ccxt.requests import SharedMarkets  # noqa: PLC0415

    dispatcher = system.dispatcher(settings.name, "loop")
    if not isinstance(dispatcher, LoopDispatcher):
        raise BuildError(f'{settings.name}: ccxt needs a real loop; build the bot in System(dispatcher="loop")')
    shared = SharedMarkets()
    # Each incarnation asks anew: after a thread that hung, the arm runs on another loop.
    return lambda: make_ccxt_venue(settings, dispatcher.loop, system.clock, shared, dispatcher.fence)


def _serve(exchange: ExchangeConfig, system: System, closing: ExitStack) -> tuple[str, str]:
    """Start a simulated exchange's server on a loop of its own; its address and the dialect it speaks."""
    from ganglion.simulation.venue import AccountSettings, VenueSettings  # noqa: PLC0415
    from ganglion.simulation.venue.server import serving  # noqa: PLC0415 - imports aiohttp

    table = exchange.table
    account = AccountSettings(LOCAL_KEY, LOCAL_KEY, dict(table.simulated.balances) or None)
    settings = VenueSettings(symbols=table.symbols, accounts=(account,), seed=table.simulated.seed)
    loop = getattr(system.dispatcher(f"{exchange.name}-venue", "loop"), "loop", None)
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise BuildError(f'{exchange.name}: its venue needs a real loop; build the bot in System(dispatcher="loop")')
    venue = serving(settings)
    try:
        running = asyncio.run_coroutine_threadsafe(venue.__aenter__(), loop).result(START_S)
    except Exception as error:
        raise BuildError(f"exchanges.{exchange.name}: its simulated venue did not start: {error}") from error
    closing.callback(lambda: asyncio.run_coroutine_threadsafe(venue.__aexit__(None, None, None), loop).result(START_S))
    return running.base_url, settings.dialect


def _simulated_settings(exchange: ExchangeConfig, base_url: str, dialect: str) -> CcxtSettings:
    from ganglion.simulation.venue import ccxt_settings as local_settings  # noqa: PLC0415

    theirs = local_settings(base_url, LOCAL_KEY, LOCAL_KEY)
    return CcxtSettings(
        name=exchange.name,
        id=dialect,
        symbols=exchange.table.symbols,
        book_depth=exchange.table.book_depth,
        credentials=Credentials(key=LOCAL_KEY, secret=LOCAL_KEY),
        ccxt={key: theirs[key] for key in ("urls", "options")},
    )
