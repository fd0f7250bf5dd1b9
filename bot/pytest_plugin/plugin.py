"""What pytest loads: options, markers, fixtures and the loop over seeds. Everything else is imported when it is used.

Entry point `pytest11`, name `ganglion`. A project that is not about trading has this installed too, so at pytest's
start it costs these few modules and nothing more: tests/bot/pytest_plugin/test_cost.py holds that.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ganglion.bot.pytest_plugin.clock import Clock
    from ganglion.bot.pytest_plugin.fixtures import Server, Venue
    from ganglion.simulation.world.world import World

MARKERS = {
    "seeds(count, first=0)": "run the test for `count` seeds, its fixtures made anew for each; the first failing seed "
    "is reported with the line that replays it. --ganglion-seeds N overrides the count, --ganglion-seed S runs that "
    "one. For example @pytest.mark.seeds(500)",
    "faults(what, ...)": "what goes wrong in the test's `world`: 'swarm' (each seed meets some kinds), names of kinds "
    "(all of them), sites ('port', 'disk'), or a Faults. For example @pytest.mark.faults('reply_lost', 'kill')",
    "ganglion_config(config)": "the configuration of the test's `world`: a file, looked for beside the test and then "
    "in the root directory, or a BotConfig. Without it the world is the one that `ganglion chaos` runs by default",
    "venue(**settings)": "settings of the test's `venue`, such as symbols=['ETH/USDT'], balances={'USDT': 500}, "
    "crowd=True",
    "venue_server(**settings)": "settings of the test's `venue_server`, such as dialect='kraken', "
    "symbols=['ETH/USDT'], balances={'USDT': 500}, seed=7, tick_ms=0",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """--ganglion-seed and --ganglion-seeds."""
    group = parser.getgroup("ganglion", "ganglion: worlds and venues to test trading bots in")
    group.addoption(
        "--ganglion-seed",
        type=int,
        metavar="S",
        help="run each test that has a seed for this one only: how a failing seed is replayed",
    )
    group.addoption(
        "--ganglion-seeds",
        type=int,
        metavar="N",
        help="run each test that is marked with seeds(...) for N seeds, whatever its own count is",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The markers, and whether the options make sense."""
    for marker, text in MARKERS.items():
        config.addinivalue_line("markers", f"{marker}: {text}")
    count = config.getoption("--ganglion-seeds")
    if count is not None and count < 1:
        raise pytest.UsageError(f"--ganglion-seeds {count}: name at least 1")
    if count is not None and config.getoption("--ganglion-seed") is not None:
        raise pytest.UsageError("--ganglion-seed runs one seed and --ganglion-seeds says how many: give one of them")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test that is marked with seeds once for each."""
    if item.get_closest_marker("seeds") is None:
        return None
    from ganglion.bot.pytest_plugin.seeds import run_seeds  # noqa: PLC0415  lazy

    return run_seeds(item, nextitem)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say with a failure which seed it was, what went wrong in its world, and how to see it again."""
    report = yield
    if report.failed and "seed" in getattr(item, "fixturenames", ()):
        from ganglion.bot.pytest_plugin.failures import explain  # noqa: PLC0415  lazy

        explain(item, report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A new scene for each run; a marker that would do nothing is a mistake, and said."""
    names = getattr(item, "fixturenames", ())
    if item.get_closest_marker("seeds") is not None:
        from ganglion.bot.pytest_plugin.seeds import marked  # noqa: PLC0415  lazy

        if marked(item) is None:
            pytest.fail("@pytest.mark.seeds takes a count of 1 or more, and first=... as a whole number", pytrace=False)
    for marker, fixture in _MEANT_FOR:
        if item.get_closest_marker(marker) is not None and fixture not in names:
            pytest.fail(
                f"{item.name} is marked with {marker} and does not use the fixture {fixture}: the marker would do "
                f"nothing. {_WHY.get(marker, f'Take {fixture} as an argument, or the marker away.')}",
                pytrace=False,
            )
    if any(name in _OURS for name in names):
        from ganglion.bot.pytest_plugin.scene import SCENE, Scene  # noqa: PLC0415  lazy

        item.stash[SCENE] = Scene()


_OURS = {"seed", "clock", "world", "venue", "venue_server"}
_MEANT_FOR = (
    ("seeds", "seed"),
    ("faults", "world"),
    ("ganglion_config", "world"),
    ("venue", "venue"),
    ("venue_server", "venue_server"),
)
_WHY = {
    "seeds": "Take `seed` as an argument, or `world`, which is made from it: without one all runs would be the same.",
    "faults": "Faults are for a `world`; a venue_server is hurt by venue_server.control.fault(kind, ...).",
}


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run: one after the other under @pytest.mark.seeds(500), else --ganglion-seed, else 0."""
    from ganglion.bot.pytest_plugin.seeds import seed_of  # noqa: PLC0415  lazy

    return seed_of(request.node)


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Iterator[Clock]:
    """Virtual time: time.time(), datetime.now() and ccxt.milliseconds() stand still until clock.advance(seconds).

    With `world` in the same test it is the world's time, and clock.advance lets the world run; so with `venue`. Refused
    together with venue_server: what is behind a real socket lives in real time. asyncio's own sleeps stay real.
    """
    from ganglion.bot.pytest_plugin.fixtures import use_clock  # noqa: PLC0415  lazy

    yield from use_clock(request)


@pytest.fixture
def venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    """A matching exchange inside the test, for unit tests of strategies: no sockets, no waiting.

    venue.place(symbol, side, amount, price), cancel, orders, fills, balances, book, deposit; quote and trade are what
    others do. Settings: @pytest.mark.venue(symbols=["ETH/USDT"]); another one: venue(symbols=["ETH/USDT"]).
    """
    from ganglion.bot.pytest_plugin.fixtures import use_venue  # noqa: PLC0415  lazy

    yield from use_venue(request)


@pytest.fixture
def venue_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A local exchange in its own process that speaks Binance's or Kraken's protocol, for any bot that uses ccxt.

    base_url, key, secret, ccxt_settings(), new_client("sync" | "async" | "pro"); control.fault(kind, ...) hurts it;
    orders(), fills() and balances() are what really happened there. Settings:
    @pytest.mark.venue_server(dialect="kraken"); another one: venue_server(dialect="kraken"). Parametrized indirectly it
    takes a dialect, or a dict of settings.
    """
    from ganglion.bot.pytest_plugin.fixtures import use_venue_server  # noqa: PLC0415  lazy

    yield from use_venue_server(request)


@pytest.fixture
def world(request: pytest.FixtureRequest, seed: int) -> Iterator[World]:
    """A whole bot with its venues in virtual time, from a seed: world.run(hours=1); world.heal(); world.settle().

    Its configuration comes from @pytest.mark.ganglion_config("bot.toml"), what goes wrong in it from
    @pytest.mark.faults("swarm"). A test that ends with an invariant violated in its world fails.
    """
    from ganglion.bot.pytest_plugin.worlds import use_world  # noqa: PLC0415  lazy

    yield from use_world(request, seed)
