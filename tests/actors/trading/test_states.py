"""The table of legal moves."""

import hypothesis.strategies as st
from hypothesis import given

from ganglion.actors.trading.orders.states import LEGAL, is_open, may_move
from ganglion.messages.orders import OrderState


def test_every_state_has_its_row():
    assert set(LEGAL) == set(OrderState)


def test_a_filled_order_moves_nowhere():
    assert not LEGAL[OrderState.FILLED]


def test_a_denied_intent_moves_nowhere_because_nothing_was_sent():
    assert not LEGAL[OrderState.DENIED]


def test_unknown_is_reached_from_every_state_in_which_something_may_be_at_the_venue():
    for state in OrderState:
        if is_open(state) and state is not OrderState.UNKNOWN:
            assert may_move(state, OrderState.UNKNOWN), state


def test_a_canceled_order_can_still_turn_out_filled():
    assert may_move(OrderState.CANCELED, OrderState.FILLED)


@given(st.sampled_from(OrderState))
def test_staying_is_always_legal(state):
    assert may_move(state, state)
