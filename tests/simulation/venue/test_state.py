"""The ledger on disk: a venue that is gone comes back with orders, balances, ids, trades and candles."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ganglion.messages.values import OrderType, Side
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.events import Accepted, Canceled, Fill
from ganglion.simulation.venue.ledger import FILE_NAME, StateError
from ganglion.simulation.venue.orders import NewOrder, OrderStatus
from ganglion.simulation.venue.settings import VenueSettings

BTC = "BTC/USDT"


class Clock:
    """A clock that tests wind."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


def venue(folder: Path, clock: Clock) -> Venue:
    return Venue(VenueSettings(state=folder, seed=3, symbols=(BTC,)), clock)


def buy(client_id: str, price: str | None, quantity: str = "0.01") -> NewOrder:
    return NewOrder(
        account="demo",
        symbol=BTC,
        side=Side.BUY,
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        client_id=client_id,
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
    )


def balances(found: Venue) -> dict[str, tuple[Decimal, Decimal]]:
    # the crowd may have traded already when a venue is there, the customer has not
    return {asset: (b.free, b.locked) for asset, b in found.engine.accounts["demo"].balances.items()}


def test_orders_balances_fills_and_candles_come_back(tmp_path: Path, clock: Clock):
    first = venue(tmp_path, clock)
    first.place(buy("resting", "50000"))
    first.place(buy("taking", None, "0.3"))
    first.place(buy("canceled", "49000"))
    first.cancel("demo", BTC, client_id="canceled")
    for _ in range(50):
        clock.ms += 100
        first.tick()
    minutes = first.tapes[BTC].candles("1m", clock.ms, 100)
    fills = first.engine.accounts["demo"].fills[BTC]
    held = balances(first)
    first.close()

    clock.ms += 1_000
    second = venue(tmp_path, clock)
    demo = second.engine.accounts["demo"]
    assert balances(second) == held
    second.engine.audit()
    assert demo.fills[BTC] == fills
    assert {o.client_id: o.status for o in demo.orders.values()} == {
        "resting": OrderStatus.NEW,
        "taking": OrderStatus.FILLED,
        "canceled": OrderStatus.CANCELED,
    }
    assert second.tapes[BTC].candles("1m", clock.ms - 1_000, 100)[:-1] == minutes[:-1]
    second.close()


def test_ids_go_on_where_they_were(tmp_path: Path, clock: Clock):
    first = venue(tmp_path, clock)
    orders, trades = set(), set()
    for number in range(3):
        events = first.place(buy(f"c{number}", None))
        orders |= {event.order_id for event in events if isinstance(event, Accepted)}
        trades |= {event.trade_id for event in events if isinstance(event, Fill)}
    update_id = first.engine.books[BTC].update_id
    first.close()
    clock.ms += 1_000
    second = venue(tmp_path, clock)
    events = second.place(buy("later", None))
    assert min(event.order_id for event in events if isinstance(event, Accepted)) > max(orders)
    assert min(event.trade_id for event in events if isinstance(event, Fill)) > max(trades)
    assert second.engine.books[BTC].update_id > update_id
    second.close()


def test_a_resting_order_that_came_back_fills_and_can_be_canceled(tmp_path: Path, clock: Clock):
    first = venue(tmp_path, clock)
    first.place(buy("one", "50000"))
    first.place(buy("two", "50000"))
    first.close()
    second = venue(tmp_path, clock)
    sweep = NewOrder("flow:taker", BTC, Side.SELL, OrderType.LIMIT, "s", Decimal("100.01"), Decimal(50000))
    fills = [event for event in second.place(sweep) if isinstance(event, Fill)]
    assert fills[-2:] == [f for f in fills if f.maker_account == "demo"]
    assert (fills[-2].quantity, fills[-1].quantity) == (Decimal("0.01"), Decimal("0.01"))
    second.place(buy("three", "40000"))
    second.close()
    third = venue(tmp_path, clock)
    assert isinstance(third.cancel("demo", BTC, client_id="three")[0], Canceled)
    third.engine.audit()
    third.close()


def test_a_torn_last_line_is_cut_and_everything_before_it_stands(tmp_path: Path, clock: Clock):
    first = venue(tmp_path, clock)
    first.place(buy("whole", "50000"))
    first.close()
    path = tmp_path / FILE_NAME
    content = path.read_bytes()
    path.write_bytes(content + b'{"type":"commit","fills":[],"ord')
    second = venue(tmp_path, clock)
    assert list(second.engine.accounts["demo"].open_client_ids) == ["whole"]
    second.close()
    assert path.read_bytes().startswith(content)
    assert b'"ord{' not in path.read_bytes()


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, clock: Clock):
    first = venue(tmp_path, clock)
    first.close()
    path = tmp_path / FILE_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"rubbish\n" + b"".join(lines[1:]))
    with pytest.raises(StateError, match="line 2"):
        venue(tmp_path, clock)


def test_two_venues_cannot_use_one_ledger(tmp_path: Path, clock: Clock):
    first = venue(tmp_path, clock)
    with pytest.raises(StateError, match="in use by another venue"):
        venue(tmp_path, clock)
    first.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, clock: Clock):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="file"):
        venue(tmp_path / "file", clock)


def test_a_hidden_fill_stays_hidden_after_a_restart(tmp_path: Path, clock: Clock):
    first = venue(tmp_path, clock)
    first.hide_next_fill("demo")
    first.place(buy("secret", None))
    first.close()
    second = venue(tmp_path, clock)
    demo = second.engine.accounts["demo"]
    assert len(demo.fills[BTC]) == 1
    assert second.seen_fills(demo, BTC) == []
    (order,) = demo.orders.values()
    assert second.seen(order).filled == 0
    second.close()
