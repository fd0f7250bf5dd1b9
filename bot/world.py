"""Makes a simulated world of a configuration: the very tree that runs live, on simulated venues, from a seed.

    from ganglion.bot.world import make_world
    world = make_world("bot.toml", seed=7, faults=Faults.swarm())

Every exchange of the configuration becomes a simulated one, with the manners of the venue that it is. No secret is
needed and none is read. Imported by `ganglion.bot` on demand: it brings the whole engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from ganglion.actors.trading.journal import Device, Log
from ganglion.actors.trading.orders import tag_of
from ganglion.bot.config import BotConfig, ExchangeConfig
from ganglion.bot.errors import BotError, BuildError, ConfigError, Problem
from ganglion.bot.process import build
from ganglion.bot.recipes import config_of
from ganglion.bot.tree import BOT, candles_of, orders_settings
from ganglion.bot.venues import VenueMaker, Venues, ccxt_id
from ganglion.messages.values import path_name
from ganglion.simulation.choices import Choices
from ganglion.simulation.faults.fault import Fault
from ganglion.simulation.faults.swarm import Faults
from ganglion.simulation.judging import Places
from ganglion.simulation.port import BINANCE, PROFILES, PortSettings
from ganglion.simulation.world.blueprint import AccountPart, Blueprint, NotStartedError
from ganglion.simulation.world.timeline import START_MS
from ganglion.simulation.world.world import World
from ganglion.supervision import StartError, System

Source: TypeAlias = BotConfig | Path | str
"""A bot's configuration, or the path of its file."""


WEIGHT = 3
"""So often those stand among the actors that faults are drawn for that an order goes through."""
EXCHANGE_WEIGHT = 10
"""And this one more often still: what matters is an answer under way, and few instants have one."""
LATENCIES_S = ((0.005, 0.05), (0.005, 0.05), (0.03, 0.24))
"""One way: most venues are near, one in three is far, where more happens while something is on its way. Nothing takes
longer than half a tick of the venue: the judge of books looks then."""


def make_world(
    config: Source | Sequence[Source],
    *,
    seed: int = 0,
    faults: Faults | Sequence[Fault] | None = None,
    start_ms: int = START_MS,
    deviate: bool | Iterable[tuple[int, int]] = True,
) -> World:
    """Make a world; nothing runs before `world.run`.

    Args:
        config: a bot's configuration, or the path of its file; or several, of bots that trade beside each other:
            exchanges of the same name are one venue then, with an account for each bot.
        seed: everything is drawn from it.
        faults: what goes wrong; None for nothing.
        start_ms: the world's first date, milliseconds since 1970.
        deviate: see `World`.

    Raises:
        ConfigError: with everything that is wrong with the configuration.
        BuildError: two bots have one name.
    """
    given = [config] if isinstance(config, BotConfig | Path | str) else list(config)
    configs = [read(one) for one in given]
    names = [one.bot.name for one in configs]
    if len(set(names)) < len(names):
        raise BuildError(
            f"bots {', '.join(names)}: each needs a name of its own, or their orders could not be told apart"
        )
    bots, ports = [], dict[str, PortSettings]()
    for one in configs:
        keys = {name: f"{one.bot.name}:{name}" if name in ports else name for name in one.exchanges}
        for name, exchange in one.exchanges.items():
            ports[keys[name]] = port_of(exchange, seed, key=keys[name])
        bots.append(blueprint_of(one, keys))
    return World(bots, list(ports.values()), seed=seed, faults=faults, start_ms=start_ms, deviate=deviate)


def read(config: Source) -> BotConfig:
    """A configuration, with secrets that nobody needs to know.

    Raises:
        ConfigError: with everything that is wrong with it.
    """
    if isinstance(config, BotConfig):
        return config
    path = Path(config)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(str(path), [Problem("file", f"can't be read: {why}", "name a bot.toml")]) from None
    return config_of(text, str(path))


def port_of(exchange: ExchangeConfig, seed: int, *, key: str = "") -> PortSettings:
    """The simulated venue that stands in for an exchange; it is another bot's too where its key is another one."""
    simulated = exchange.table.simulated
    return PortSettings(
        exchange.name,
        exchange.table.symbols,
        profile=PROFILES.get(ccxt_id(exchange), BINANCE),
        balances=dict(simulated.balances) or None,
        seed=seed * 1_000 + simulated.seed,
        latency_s=Choices(seed).of(f"{exchange.name}:distance").choice(LATENCIES_S),
        account=key,
        beside=exchange.name if key not in ("", exchange.name) else "",
    )


def blueprint_of(config: BotConfig, keys: Mapping[str, str]) -> Blueprint:
    """What a world must know of the bot of a configuration; `keys` are its accounts' places in the world."""
    accounts, books, actors, supervisors = {}, [], [], [f"{BOT}/modes"]
    for name, exchange in config.exchanges.items():
        arm = f"{BOT}/{name}"
        account = accounts[name] = AccountPart(
            port=keys[name],
            exchange=f"{arm}/exchange",
            places=Places(orders=f"{arm}/account/orders", portfolio=f"{arm}/account/portfolio"),
            client_id_length=orders_settings(exchange).client_id_length,
        )
        own = [f"{arm}/books/{path_name(symbol)}" for symbol in exchange.table.symbols]
        books += own
        candles = [f"{arm}/candles/{path_name(symbol)}-{timeframe}" for symbol, timeframe in candles_of(config, name)]
        actors += EXCHANGE_WEIGHT * [account.exchange]
        actors += WEIGHT * [account.places.orders, account.places.portfolio]
        actors += [*own, *candles]
        supervisors += [arm, *(f"{arm}/{part}" for part in ("account", "books", "candles"))]
    actors += [f"{BOT}/{part}" for part in ("collector", "treasury", "monitor", "warden", "recorder")]
    actors += WEIGHT * [f"{BOT}/journal", *(f"{BOT}/modes/{name}" for name in config.modes)]
    return Blueprint(
        name=config.bot.name,
        tag=tag_of(config.bot.name),
        accounts=accounts,
        monitor=f"{BOT}/monitor",
        journal=f"{BOT}/journal",
        books=tuple(books),
        actors=tuple(actors),
        supervisors=tuple(supervisors),
        build=_Builder(config),
    )


class _Builder:
    """Builds a bot on a world's venues and disk."""

    def __init__(self, config: BotConfig) -> None:
        self._config = config

    def __call__(self, system: System, venues: Mapping[str, VenueMaker], disk: Device) -> Log:
        """See `Build`."""

        def stand_in(_exchanges: Mapping[str, ExchangeConfig], _system: System) -> Venues:
            return Venues(venues, ExitStack())

        try:
            return build(self._config, system, lambda _: disk, stand_in).journal
        except (BotError, StartError, OSError) as error:
            raise NotStartedError(f"{type(error).__name__}: {error}") from error
