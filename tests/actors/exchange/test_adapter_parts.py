"""Small parts of the ccxt adapter that only some venues need, each by itself."""

import asyncio
from types import SimpleNamespace
from typing import Any

import ccxt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.exchange.ccxt import ordering
from ganglion.actors.exchange.ccxt.adapter import teach_refusals
from ganglion.actors.exchange.ccxt.convert import IncompleteError
from ganglion.actors.exchange.ccxt.offset_lists import OffsetLists
from ganglion.actors.exchange.ccxt.ordering import RequestOrder
from ganglion.actors.exchange.ccxt.seen_orders import SeenOrders
from ganglion.actors.exchange.ccxt.trace import Trace
from ganglion.actors.exchange.quirks import quirks_of
from ganglion.messages.lifecycle import Operation

KRAKEN = quirks_of("kraken")

# ---------------------------------------------------------------- rising numbers


@given(st.lists(st.integers(0, 50)))
def test_numbers_rise_whatever_the_clock_says(wanted: list[int]) -> None:
    order = RequestOrder()
    given_out = [order.nonce(number) for number in wanted]
    assert given_out == sorted(set(given_out))
    assert all(made >= number for made, number in zip(given_out, wanted, strict=True))


def test_a_request_waits_for_the_one_before_it() -> None:
    async def work() -> None:
        order, seen, going, gate = RequestOrder(), [], asyncio.Event(), asyncio.Event()

        async def first() -> None:
            seen.append("first goes")
            going.set()
            await gate.wait()
            seen.append("first is answered")

        async def second() -> None:
            seen.append("second goes")

        tasks = [asyncio.ensure_future(order.in_turn(one)) for one in (first, second)]
        await going.wait()
        gate.set()
        await asyncio.gather(*tasks)
        assert seen == ["first goes", "first is answered", "second goes"]

    asyncio.run(work())


def test_a_request_that_hangs_lets_the_next_one_go_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "MOST_WAIT_S", 0.01)

    async def work() -> None:
        order, never = RequestOrder(), asyncio.Event()

        async def quick() -> str:
            return "went"

        hung = asyncio.ensure_future(order.in_turn(never.wait))
        await asyncio.sleep(0)
        assert await asyncio.wait_for(order.in_turn(quick), 5) == "went"
        hung.cancel()
        assert await asyncio.wait_for(order.in_turn(quick), 5) == "went", "its end releases nothing twice"

    asyncio.run(work())


# ---------------------------------------------------------------- sparse reports


def report(**info: Any) -> dict[str, Any]:
    return {"id": "O1", "symbol": info.pop("symbol", None), "status": info.pop("status"), "info": info}


def test_a_later_report_of_an_order_is_filled_in_from_its_first() -> None:
    orders = SeenOrders(KRAKEN)
    first = orders.order_of(report(symbol="BTC/USDT", status="open", cl_ord_id="g0a", order_qty=0.00001))
    assert (first.client_id, str(first.amount), first.filled) == ("g0a", "0.00001", None)
    last = orders.order_of(report(status="canceled", cum_qty=0.0))
    assert (last.symbol, last.client_id, last.amount) == ("BTC/USDT", "g0a", None)
    assert last.filled == 0


# ---------------------------------------------------------------- lists by offset


def read(pages: list[Any]) -> tuple[list[Any], list[int]]:
    """Read own trades from these raw replies; what was found, and the offsets asked for."""
    trace, asked = Trace(Operation.READ), []

    async def page(params: dict[str, Any]) -> list[Any]:
        asked.append(params.get("ofs", 0))
        trace.body = pages[len(asked) - 1]
        return list(trace.body["result"].get("trades", ()))

    return asyncio.run(OffsetLists(KRAKEN).read("my_trades", page, trace)), asked


def test_pages_are_read_until_as_many_entries_came_as_there_are() -> None:
    pages = [
        {"result": {"count": 3, "trades": {"T3": {}, "T2": {}}}},
        {"result": {"count": 3, "trades": {"T1": {}}}},
    ]
    assert read(pages) == (["T3", "T2", "T1"], [0, 2])


def test_without_a_count_an_empty_page_shows_the_end() -> None:
    assert read([{"result": {"trades": {"T1": {}}}}, {"result": {"trades": {}}}]) == (["T1"], [0, 1])


def test_a_reply_without_the_list_is_none() -> None:
    with pytest.raises(IncompleteError, match="'trades'"):
        read([{"result": {}}])


# ---------------------------------------------------------------- refusals


def test_ccxt_is_taught_what_refusals_mean_that_its_tables_lack() -> None:
    exchange = SimpleNamespace(exceptions={"exact": {}, "broad": {}})
    teach_refusals(exchange, KRAKEN.refusals)
    assert exchange.exceptions["exact"]["EOrder:Post only order"] is ccxt.OrderImmediatelyFillable
    assert set(exchange.exceptions["broad"]) == set(KRAKEN.refusals)
