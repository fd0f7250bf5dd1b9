"""Client order ids: unique, repeatable, recognised, and spelled as venues want them."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ganglion.actors.trading.orders.client_ids import (
    ClientIdError,
    ClientIdFormat,
    is_ours,
    make_client_id,
    tag_of,
)

ROOT = bytes(range(16))
TAG = tag_of("bot")


def test_an_id_is_18_lower_case_alphanumeric_characters():
    client_id = make_client_id(TAG, ROOT, "alpha", 1)
    assert len(client_id) == 18
    assert client_id.isalnum()
    assert client_id == client_id.lower()


def test_the_same_intent_number_has_the_same_id_for_ever():
    assert make_client_id(TAG, ROOT, "alpha", 7) == make_client_id(TAG, ROOT, "alpha", 7)


def test_ten_thousand_intents_on_two_accounts_have_twenty_thousand_ids():
    ids = {make_client_id(TAG, ROOT, a, n) for a in ("alpha", "beta") for n in range(10_000)}
    assert len(ids) == 20_000


def test_another_run_root_makes_other_ids():
    assert make_client_id(TAG, ROOT, "alpha", 1) != make_client_id(TAG, ROOT[::-1], "alpha", 1)


def test_an_id_made_under_our_tag_is_ours_and_anothers_is_not():
    assert is_ours(make_client_id(TAG, ROOT, "alpha", 1), TAG)
    assert not is_ours(make_client_id(tag_of("other"), ROOT, "alpha", 1), TAG)
    assert not is_ours("web_4f2a", TAG)
    assert not is_ours(None, TAG)


def test_a_tag_that_leaves_too_few_characters_is_refused():
    with pytest.raises(ClientIdError, match="at least 10"):
        make_client_id("abcdefghij", ROOT, "alpha", 1)


def test_a_tag_with_other_characters_is_refused():
    with pytest.raises(ClientIdError, match="a-z and 2-7"):
        make_client_id("b-1", ROOT, "alpha", 1)


@given(
    number=st.integers(0, 10**9),
    spelling=st.sampled_from(
        [
            ClientIdFormat(),
            ClientIdFormat(prefix="t-"),
            ClientIdFormat(prefix="6b9ad766b55dBCDE"),
            ClientIdFormat(hex_length=32),
        ]
    ),
)
def test_what_a_venue_echoes_is_normalised_to_what_we_made(number, spelling):
    client_id = make_client_id(TAG, ROOT, "alpha", number)
    assert spelling.normalise(spelling.encode(client_id)) == client_id


def test_hyperliquids_spelling_is_0x_and_32_hex_digits():
    wire = ClientIdFormat(hex_length=32).encode(make_client_id(TAG, ROOT, "alpha", 1))
    assert wire.startswith("0x")
    assert len(wire) == 34
    int(wire, 16)


def test_an_id_that_does_not_fit_the_venues_hex_is_refused():
    with pytest.raises(ClientIdError, match="hex digits"):
        ClientIdFormat(hex_length=8).encode(make_client_id(TAG, ROOT, "alpha", 1))


def test_an_order_without_a_client_id_has_none():
    assert ClientIdFormat(prefix="t-").normalise(None) is None
    assert ClientIdFormat(hex_length=32).normalise("not hex") == "not hex"
