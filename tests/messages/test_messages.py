"""What holds for every message of the room: immutable, encodable, documented, with a policy for full mailboxes."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

import ganglion.messages
from ganglion.messages.account import AssetView
from ganglion.messages.base import Message, Overflow, Request
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import AmendOrder, CancelOrder, Fill, OrderState, OrderUpdate, PlaceOrder
from ganglion.messages.values import OrderType, Side

NAMES = [info.name for info in pkgutil.iter_modules(ganglion.messages.__path__)]
MODULES: list[ModuleType] = [importlib.import_module(f"ganglion.messages.{name}") for name in NAMES]
TYPES = sorted(
    {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Message) and kind.__module__ == module.__name__
    },
    key=lambda kind: kind.__qualname__,
)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_message_is_immutable_and_outside_the_garbage_collector(kind: type[Message]) -> None:
    config = kind.__struct_config__
    assert config.frozen
    assert not config.gc


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_message_says_what_it_is_for(kind: type[Message]) -> None:
    assert "__doc__" in vars(kind)
    assert (kind.__doc__ or "").strip()


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_message_can_travel_as_data(kind: type[Message]) -> None:
    msgspec.msgpack.Decoder(kind)


@pytest.mark.parametrize("kind", [k for k in TYPES if k.overflow is Overflow.CONFLATE], ids=lambda kind: kind.__name__)
def test_every_conflated_message_names_its_slot(kind: type[Message]) -> None:
    assert kind.conflation_key is not Message.conflation_key


def test_facts_about_money_are_kept_and_commands_are_refused_when_a_mailbox_is_full() -> None:
    assert {Fill.overflow, OrderUpdate.overflow, CancelOrder.overflow} == {Overflow.KEEP}
    assert {PlaceOrder.overflow, AmendOrder.overflow} == {Overflow.REFUSE}


def test_a_request_says_what_it_is_answered_with() -> None:
    class Read(Request[int], frozen=True, gc=False):
        """Ask for a number."""

    assert Read() == Read()
    assert issubclass(Read, Message)


def test_the_room_imports_nothing_of_ours_but_itself() -> None:
    for module in MODULES:
        tree = ast.parse(Path(module.__file__ or "").read_text())
        names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        ours = [name for name in names if name.startswith("ganglion") and not name.startswith("ganglion.messages")]
        assert ours == []


def test_terminal_states_are_those_that_no_command_changes() -> None:
    terminal = {state.value for state in OrderState if state.terminal}
    assert terminal == {"filled", "canceled", "expired", "rejected", "denied"}


def test_derived_figures_follow_from_the_fields() -> None:
    top = TopOfBook("alpha", "BTC/USDT", 99.0, 1.0, 101.0, 1.0, 1, 0.0)
    update = OrderUpdate(
        intent_id="i", account="alpha", mode="m", client_id="c", venue_id=None, symbol="BTC/USDT", side=Side.BUY,
        type=OrderType.LIMIT, price=Decimal(99), amount=Decimal("1.5"), state=OrderState.PARTIALLY_FILLED,
        filled=Decimal("0.5"), reason="", sequence=1,
    )  # fmt: skip
    view = AssetView("BTC", *(Decimal(n) for n in (1, 2, 3, 6, 0, 0, 0)))
    assert (top.mid, update.remaining, view.total) == (100.0, Decimal("1.0"), Decimal(6))
