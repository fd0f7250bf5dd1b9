"""A venue port on a thread that was abandoned: nothing leaves any more, and an answer that comes late is heard."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ganglion.actors.exchange.actor import ExchangeActor
from ganglion.actors.exchange.arm import ExchangeSettings, VenueMemory, Wiring
from ganglion.actors.exchange.ccxt import adapter
from ganglion.actors.exchange.ccxt.adapter import make_ccxt_venue
from ganglion.actors.exchange.ccxt.requests import SharedMarkets
from ganglion.actors.exchange.ccxt.trace import TRACE
from ganglion.actors.exchange.venue import Venue
from ganglion.messages.base import Message
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, Operation
from ganglion.messages.orders import Intent, PlaceAnswered, SendOrder
from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.messages.venue import (
    BookFetched,
    CancelAtVenue,
    CancelDone,
    CloseVenue,
    CreateOrder,
    FetchBook,
    FetchMarkets,
    FetchTime,
    MarketsFetched,
    OrderCreated,
    RequestFailed,
)
from ganglion.simulation.venue import VenueControl
from ganglion.supervision import Actor, ChildSpec, Fence, Probe, System, receives
from ganglion.supervision.dispatchers import LoopDispatcher
from tests.actors.exchange.bench import binance_settings, binance_venue

BTC = "BTC/USDT"


class Hang(Message, frozen=True, gc=False):
    """Do not come back until the gate opens; then place an order of one's own."""


class Hostile(Actor[Hang]):
    """Hangs its thread, and holds on to the venue."""

    def __init__(self, entered: threading.Event, gate: threading.Event, venues: list[Venue], box: Probe) -> None:
        self._entered = entered
        self._gate = gate
        self._venues = venues
        self._box = box

    @receives
    def hang(self, message: Hang) -> None:
        venue = self._venues[0]
        self._entered.set()
        assert self._gate.wait(20.0)
        venue.submit(create(777, "fencedone"), self._box.address)


def create(number: int, client_id: str) -> CreateOrder:
    return CreateOrder(
        request_id=number,
        client_id=client_id,
        attempt=1,
        symbol=BTC,
        side=Side.BUY,
        type=OrderType.LIMIT,
        amount=Decimal("0.001"),
        price=Decimal(10_000),
        time_in_force=TimeInForce.GTC,
        post_only=False,
    )


def intent(client_id: str, system: System, price: Decimal) -> Intent:
    return Intent(
        intent_id=client_id,
        account="alpha",
        mode="test",
        symbol=BTC,
        side=Side.BUY,
        type=OrderType.LIMIT,
        amount=Decimal("0.001"),
        price=price,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        epoch=0,
        deadline_s=system.clock.monotonic_s() + 30,
        reason="test",
        correlation_id="",
        causation_id="",
    )


@pytest.fixture(scope="module")
def control() -> Iterator[VenueControl]:
    with binance_venue() as venue:
        yield venue


class Port:
    """One venue on a loop, and a box for what it answers."""

    def __init__(self, control: VenueControl) -> None:
        self.system = System("loop", hang_s=None)
        dispatcher = self.system.dispatcher("alpha", "loop")
        assert isinstance(dispatcher, LoopDispatcher)
        self.fence, self.box = Fence("dispatcher 'alpha'"), self.system.probe("box")
        settings = binance_settings(control.base_url)
        self.venue = make_ccxt_venue(settings, dispatcher.loop, self.system.clock, SharedMarkets(), self.fence)
        self.ask(FetchMarkets(1, (BTC,)), MarketsFetched)

    def ask(self, request: Any, kind: Any) -> Any:
        self.venue.submit(request, self.box.address)
        return self.box.expect(kind, 10.0)


@pytest.fixture
def port(control: VenueControl) -> Iterator[Port]:
    made = Port(control)
    yield made
    made.fence.ended()
    made.venue.submit(CloseVenue(9), made.box.address)
    made.system.stop()


def placed(control: VenueControl) -> list[str]:
    return [entry["client_id"] for entry in control.requests(kind="place")]


def test_a_place_and_a_cancel_behind_a_revoked_fence_never_leave(port: Port, control: VenueControl) -> None:
    before = len(control.requests())
    port.fence.revoke("it hung")
    answer = port.ask(create(2, "behind"), OrderCreated)
    assert (answer.order, answer.failure.phase) == (None, "before_send")
    assert answer.failure.error == "ExchangeClosedByUser"
    assert answer.failure.text.startswith("place of alpha was not sent: dispatcher 'alpha' was abandoned (it hung)")
    cancel = CancelAtVenue(request_id=3, client_id="behind", venue_id="1", symbol=BTC)
    assert port.ask(cancel, CancelDone).failure.phase == "before_send"
    assert port.ask(FetchTime(4), RequestFailed).failure.phase == "before_send"
    assert len(control.requests()) == before


def test_a_fence_that_is_revoked_while_a_write_is_on_its_way_to_the_socket_still_holds_it(
    port: Port, control: VenueControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = adapter.check_gate

    def pass_and_revoke(settings: Any, url: str) -> None:
        passed(settings, url)
        port.fence.revoke("it hung just now")

    monkeypatch.setattr(adapter, "check_gate", pass_and_revoke)
    answer = port.ask(create(2, "onitsway"), OrderCreated)
    assert answer.failure.phase == "before_send"
    assert "it hung just now" in answer.failure.text
    assert "onitsway" not in placed(control)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Operation]:
    """What for the fence was looked at; the third look of a place finds it revoked."""
    found: list[Operation] = []
    check = adapter.CcxtVenue._leaves

    def third_time(venue: adapter.CcxtVenue) -> None:
        trace = TRACE.get()
        if trace is not None and trace.operation is Operation.PLACE:
            found.append(trace.operation)
            if len(found) == 3:
                venue._fence.revoke("it hung in between")
        check(venue)

    monkeypatch.setattr(adapter.CcxtVenue, "_leaves", third_time)
    return found


def test_a_fence_that_is_revoked_between_head_and_body_still_holds_both(
    looks: list[Operation], port: Port, control: VenueControl
) -> None:
    answer = port.ask(create(2, "halfway"), OrderCreated)
    assert len(looks) == 3
    assert (answer.order, answer.failure.phase) == (None, "maybe_sent")
    assert "halfway" not in placed(control)


def test_a_hung_exchange_lives_again_and_hears_the_answer_to_what_it_had_sent(control: VenueControl) -> None:
    system = System("loop", stuck_after_s=0.05, hang_s=0.3)
    dispatcher = system.dispatcher("alpha", "loop")
    assert isinstance(dispatcher, LoopDispatcher)
    orders, outside, box = system.probe("orders"), system.probe("outside"), system.probe("box")
    entered, gate = threading.Event(), threading.Event()
    shared, memory, venues = SharedMarkets(), VenueMemory(), list[Venue]()
    settings, wiring = ExchangeSettings(name="alpha", symbols=(BTC,)), Wiring(orders=orders.address)

    def make() -> Venue:
        made = make_ccxt_venue(
            binance_settings(control.base_url), dispatcher.loop, system.clock, shared, dispatcher.fence
        )
        venues.append(made)
        return made

    def live(times: int) -> bool:
        heard = [m for m in list(outside.received) if isinstance(m, ConnectionChanged)]
        return sum(m.state is ConnectionState.LIVE for m in heard) >= times

    system.subscribe(system.address("/exchange"), outside.address, ConnectionChanged)
    try:
        exchange = system.spawn(
            ChildSpec("exchange", lambda: ExchangeActor(settings, make, wiring, memory), dispatcher=dispatcher)
        )
        hostile = ChildSpec("hostile", lambda: Hostile(entered, gate, venues, box), dispatcher=dispatcher)
        system.spawn(hostile)
        assert system.wait_for(lambda: live(1), 10.0)
        control.fault("delay_reply", requests="place", times=1, delay_s=0.2)
        epoch = next(m.epoch for m in outside.received if isinstance(m, ConnectionChanged) and m.state == "live")
        venues[0].submit(FetchBook(0, BTC, 5), box.address)
        price = Decimal(str(box.expect(BookFetched, 5.0).bids[0][0]))
        exchange.tell(SendOrder(intent("answeredlate", system, price), "answeredlate", 1, epoch))
        assert system.wait_for(lambda: "answeredlate" in placed(control), 5.0)
        system.address("/hostile").tell(Hang())
        assert entered.wait(5.0)
        assert system.wait_for(lambda: live(2), 15.0)
        assert [m for m in list(orders.received) if isinstance(m, PlaceAnswered)] == []
        gate.set()
        answered = orders.expect(PlaceAnswered, 10.0)
        assert answered.client_id == "answeredlate"
        assert answered.order is not None
        refused = box.expect(OrderCreated, 10.0)
        assert refused.failure is not None
        assert refused.failure.phase == "before_send"
        assert system.wait_for(lambda: system.quarantine.count == 0, 10.0)
        assert "fencedone" not in placed(control)
        assert placed(control).count("answeredlate") == 1
    finally:
        gate.set()
        system.stop()
