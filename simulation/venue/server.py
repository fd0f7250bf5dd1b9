"""The venue as a server: one process, one loop, one port for REST, WebSockets and control.

`run_venue` is what the command line calls; `serving` runs the same server inside a program that has a loop already
(tests). Everything of the venue lives on that loop: requests, the seeded flow and the streams take turns.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiohttp import web

from ganglion.simulation.venue.control import ControlApi, answer_mistakes
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.dialects.binance.dialect import BinanceDialect
from ganglion.simulation.venue.dialects.face import Dialect
from ganglion.simulation.venue.dialects.kraken.dialect import KrakenDialect
from ganglion.simulation.venue.door import Door
from ganglion.simulation.venue.fault_files import FaultFileError, load
from ganglion.simulation.venue.ledger import StateError
from ganglion.simulation.venue.markets import MarketError
from ganglion.simulation.venue.settings import SettingsError, VenueSettings, check_settings
from ganglion.simulation.venue.wire import Hub

READY = "venue ready "
"""A line that begins so ends in the address at which the venue listens."""

DIALECTS: dict[str, type[Dialect]] = {"binance": BinanceDialect, "kraken": KrakenDialect}
_STOP_S = 1.0


class ListenError(OSError):
    """The venue can't listen at its address; the text says which and why."""

    def __init__(self, settings: VenueSettings, error: OSError) -> None:
        named = isinstance(error, socket.gaierror) or not error.errno
        why = str(error.strerror or error) if named else os.strerror(error.errno or 0)
        hint = "host is an address of this machine such as 127.0.0.1, and port 0 takes a free one"
        super().__init__(f"can't listen at {settings.host} port {settings.port}: {why.lower()}; {hint}")


@dataclass(frozen=True, slots=True)
class RunningVenue:
    """A server that answers."""

    base_url: str
    hub: Hub
    clocks: tuple[asyncio.Task[None], ...]
    """They end only by a defect, which leaving `serving` then raises."""


@asynccontextmanager
async def serving(settings: VenueSettings) -> AsyncIterator[RunningVenue]:
    """Run a venue on the current loop for as long as the block lasts.

    Raises:
        SettingsError: for a dialect that is not there.
        StateError: when the state folder cannot be used.
        MarketError: for a symbol that is none.
        ListenError: when the port is taken, or the host is no address of this machine.
        FaultFileError: when the file of faults cannot be used.
    """
    dialect_class = dialect_named(settings.dialect)
    schedule = None if settings.faults is None else load(settings.faults)
    venue = Venue(settings, _wall_clock_ms)
    hub = Hub(venue)
    dialect = dialect_class(hub)
    if schedule is not None and hub.manners is not None:
        schedule.check(hub.manners)
    app = web.Application(middlewares=[answer_mistakes])
    dialect.add_routes(app.router)
    ControlApi(hub).add_routes(app.router)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_S)
    await runner.setup()
    clocks: list[asyncio.Task[None]] = []
    planned: list[asyncio.Task[None]] = []
    door = Door(runner, settings.host, settings.port)
    hub.refuse = door.refuse
    try:
        try:
            port = await door.open()
        except OSError as error:
            raise ListenError(settings, error) from error
        clocks = [asyncio.ensure_future(dialect.run())]
        if settings.tick_ms:
            clocks.append(asyncio.ensure_future(_tick(venue, settings.tick_ms / 1000)))
        if schedule is not None:
            planned = [asyncio.ensure_future(schedule.run(hub.switch_on))]
        yield RunningVenue(f"http://{settings.host}:{port}", hub, tuple(clocks))
    finally:
        door.close()
        for clock in (*clocks, *planned):
            clock.cancel()
        await asyncio.gather(*(connection.close() for connection in list(hub.connections.values())))
        await runner.cleanup()
        venue.close()
    for clock in (*clocks, *planned):
        # a clock that died of a defect is a venue that stood still: say so
        with suppress(asyncio.CancelledError):
            await clock


def dialect_named(name: str) -> type[Dialect]:
    """The class of a dialect.

    Raises:
        SettingsError: naming the dialects there are.
    """
    found = DIALECTS.get(name)
    if found is None:
        raise SettingsError(f"dialect {name!r} is unknown; there are: {', '.join(DIALECTS)}")
    return found


def run_venue(settings: VenueSettings) -> int:
    """Run a venue until SIGINT or SIGTERM; the process's exit code (0 stopped, 2 settings that cannot be used)."""
    try:
        check_settings(settings)
        return asyncio.run(_main(settings))
    except (SettingsError, MarketError, StateError, FaultFileError, OSError) as error:
        sys.stderr.write(f"venue: {error}\n")
        return 2


async def _main(settings: VenueSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if settings.end_with_stdin:
        stdin = sys.stdin.fileno()
        loop.add_reader(stdin, lambda: None if os.read(stdin, 1024) else stop.set())
    async with serving(settings) as running:
        if not settings.quiet:
            _say(banner(settings, running.base_url))
        _say(f"{READY}{running.base_url}")
        waiting = asyncio.ensure_future(stop.wait())
        await asyncio.wait({waiting, *running.clocks}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def _tick(venue: Venue, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        venue.tick()


def banner(settings: VenueSettings, base_url: str) -> str:
    """What a person reads when the venue starts: how to trade on it, ready to be copied."""
    first = settings.accounts[0]
    dialect = dialect_named(settings.dialect)
    faults = "none" if settings.faults is None else f"from {settings.faults}"
    accounts = ", ".join(account.key for account in settings.accounts)
    name = settings.dialect
    memory = "in memory only" if settings.state is None else str(settings.state)
    rule = "-" * 78
    return f"""{rule}
A local {settings.dialect} venue at {base_url}
  markets   {", ".join(settings.symbols)}
  accounts  {accounts}
  ledger    {memory}
  seed      {settings.seed}
  faults    {faults}
{rule}
Python, for ccxt.{name}, ccxt.async_support.{name} and ccxt.pro.{name}:

{dialect.python_text(base_url, first.key, first.secret)}
exchange = ccxt.pro.{name}(settings)

{rule}
TOML, for a ganglion configuration
(before: export LOCAL_KEY={first.key} LOCAL_SECRET={dialect.api_secret(first.secret)}):

{dialect.toml_text(base_url, settings.symbols)}
{rule}"""


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000
