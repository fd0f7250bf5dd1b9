"""Client order ids: unique, repeatable and recognised."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.trading.orders.client_ids import (
    ClientIdError,
    _base32,
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


def test_ids_are_made_as_they_were_in_journals_of_before():
    assert make_client_id(TAG, ROOT, "alpha", 7) == "gcqn3c7auq4fhf7mis"


@given(data=st.binary(min_size=10, max_size=32), length=st.integers(1, 16))
def test_ids_are_base32_as_everybody_writes_it(data, length):
    assert _base32(data, length) == base64.b32encode(data).decode().lower()[:length]


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
