"""A real exchange actor on real ccxt and a local venue, with probes for its neighbours."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Self, TypeVar

import msgspec

from ganglion.actors.exchange.actor import ExchangeActor
from ganglion.actors.exchange.arm import ExchangeSettings, VenueMemory, Wiring
from ganglion.actors.exchange.ccxt.adapter import make_ccxt_venue
from ganglion.actors.exchange.ccxt.requests import SharedMarkets
from ganglion.actors.exchange.ccxt.settings import CcxtSettings, Credentials
from ganglion.messages.base import Message
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import (
    ConnectionChanged,
    ConnectionState,
    EpochOpened,
    HaltAccount,
    VenuePaused,
)
from ganglion.messages.market import Ticker, TradeTick
from ganglion.messages.orders import Intent, PlaceAnswered, SendCancel, SendOrder
from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.simulation.venue import AccountSettings, VenueControl, VenueSettings, ccxt_settings
from ganglion.simulation.venue.server import serving
from ganglion.supervision import Budget, ChildSpec, System

M = TypeVar("M", bound=Message)
PUBLISHED = (ConnectionChanged, TradeTick, Ticker, VenuePaused, HaltAccount, Degraded)


@contextlib.contextmanager
def on_a_loop(serve: Callable[[], Any]) -> Iterator[Any]:
    """Run an async context manager on a loop in a thread of its own; yields what it yields."""
    ready, done = threading.Event(), None
    box: dict[str, Any] = {}

    async def main() -> None:
        nonlocal done
        done = asyncio.Event()
        box["loop"] = asyncio.get_running_loop()
        async with serve() as value:
            box["value"] = value
            ready.set()
            await done.wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 (handed to the test's thread)
            box["error"] = error
            ready.set()

    thread = threading.Thread(target=run, name="local venue", daemon=True)
    thread.start()
    assert ready.wait(20), "the local venue did not start"
    if "error" in box:
        raise box["error"]
    try:
        yield box["value"]
    finally:
        box["loop"].call_soon_threadsafe(done.set)
        thread.join(10)
        assert not thread.is_alive(), "the local venue did not stop"


@contextlib.contextmanager
def binance_venue(**fields: Any) -> Iterator[VenueControl]:
    """A Binance-protocol venue with key `demo`, secret `demo-secret`."""
    account = AccountSettings("demo", "demo-secret", {"USDT": Decimal(100_000), "BTC": Decimal(2)})
    settings = VenueSettings(quiet=True, accounts=(account,), symbols=("BTC/USDT",), **fields)
    with on_a_loop(lambda: serving(settings)) as running:
        yield VenueControl(running.base_url)


def binance_settings(base_url: str, **fields: Any) -> CcxtSettings:
    """How to reach it."""
    urls = ccxt_settings(base_url, "", "")["urls"]
    given: dict[str, Any] = {
        "name": "alpha",
        "id": "binance",
        "symbols": ("BTC/USDT",),
        "credentials": Credentials(key="demo", secret="demo-secret"),
        "ccxt": {"urls": urls},
        "timeout_s": 2.0,
        "keep_alive_s": 5.0,
    }
    return CcxtSettings(**(given | fields))


class Line:
    """One exchange actor and everybody it speaks to."""

    def __init__(self, venue: CcxtSettings, **fields: Any) -> None:
        self.system = System("loop")
        self.orders = self.system.probe("orders")
        self.book = self.system.probe("book")
        self.outside = self.system.probe("outside")
        settings = ExchangeSettings(name=venue.name, symbols=venue.symbols, **fields)
        wiring = Wiring(orders=self.orders.address, books=dict.fromkeys(venue.symbols, self.book.address))
        dispatcher = self.system.dispatcher("alpha", "loop")
        shared, memory = SharedMarkets(), VenueMemory()
        loop, clock = dispatcher.loop, self.system.clock
        self.incarnations: list[ExchangeActor] = []

        def factory() -> ExchangeActor:
            actor = ExchangeActor(settings, lambda: make_ccxt_venue(venue, loop, clock, shared), wiring, memory)
            self.incarnations.append(actor)
            return actor

        address = self.system.address("/exchange")
        self.system.subscribe(address, self.outside.address, *PUBLISHED)
        spec = ChildSpec("exchange", factory, budget=Budget(5, 60), dispatcher=dispatcher)
        self.exchange = self.system.spawn(spec)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.system.stop()

    # -------------------------------------------------------------- waiting

    def until(self, kind: type[M], where: Callable[[M], bool] = lambda _: True, timeout_s: float = 10.0) -> M:
        """The first message of a type, to anybody, for which `where` holds."""
        found: list[M] = []

        def look() -> bool:
            probes = (self.orders, self.book, self.outside)
            found[:] = [m for p in probes for m in list(p.received) if isinstance(m, kind) and where(m)]
            return bool(found)

        assert self.system.wait_for(look, timeout_s), (
            f"no {kind.__name__} came; orders heard {self.orders.received[-8:]}, outside {self.outside.received[-3:]}"
        )
        return found[0]

    def all(self, kind: type[M]) -> list[M]:
        """Every message of a type so far."""
        probes = (self.orders, self.book, self.outside)
        return [m for p in probes for m in list(p.received) if isinstance(m, kind)]

    def live(self, timeout_s: float = 15.0) -> EpochOpened:
        """Wait for the first epoch."""
        return self.until(EpochOpened, timeout_s=timeout_s)

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self.incarnations[-1].arm.connection.state

    # -------------------------------------------------------------- commands

    def place(self, client_id: str, side: Side, amount: str, price: str | None, **fields: Any) -> SendOrder:
        """Send one order."""
        attempt = fields.pop("attempt", 1)
        intent = msgspec.structs.replace(
            Intent(
                intent_id=client_id,
                account="alpha",
                mode="test",
                symbol="BTC/USDT",
                side=side,
                type=OrderType.LIMIT if price is not None else OrderType.MARKET,
                amount=Decimal(amount),
                price=None if price is None else Decimal(price),
                time_in_force=TimeInForce.GTC,
                post_only=False,
                epoch=0,
                deadline_s=self.system.clock.monotonic_s() + 30,
                reason="test",
                correlation_id="",
                causation_id="",
            ),
            **{name: value for name, value in fields.items() if name != "epoch"},
        )
        epoch = fields.get("epoch", self.incarnations[-1].arm.epoch)
        command = SendOrder(intent, client_id, attempt, epoch)
        self.exchange.tell(command)
        return command

    def placed(self, client_id: str, side: Side, amount: str, price: str | None, **fields: Any) -> PlaceAnswered:
        """Send one order and wait for its answer."""
        self.place(client_id, side, amount, price, **fields)
        return self.until(PlaceAnswered, lambda m: m.client_id == client_id)

    def cancel(self, client_id: str, venue_id: str | None = None) -> None:
        """Cancel one order."""
        self.exchange.tell(SendCancel(client_id, venue_id, "BTC/USDT"))
