"""Frames of WebSocket v2: numbers that lose nothing, and the checksum of a book."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ganglion.simulation.venue.dialects.kraken.frames import checksum, encode, number
from ganglion.simulation.venue.markets import default_market

ASKS = ("0.05005", "0.05010", "0.05015", "0.05020", "0.05025", "0.05030", "0.05035", "0.05040", "0.05045", "0.05050")
BIDS = ("0.05000", "0.04995", "0.04990", "0.04980", "0.04975", "0.04970", "0.04965", "0.04960", "0.04955", "0.04950")
SIZE = Decimal("0.00000500")


def test_the_checksum_of_the_book_in_krakens_documents_is_the_one_given_there():
    # https://docs.kraken.com/api/docs/guides/spot-ws-book-v1 , read 2025
    bids, asks = ([(Decimal(price), SIZE) for price in side] for side in (BIDS, ASKS))
    market = default_market("BTC/USDT")
    # a tick and a step as fine as theirs: no market here could be both, its money would be inexact
    object.__setattr__(market, "tick", Decimal("0.00001"))
    object.__setattr__(market, "step", Decimal("0.00000001"))
    assert checksum(bids, asks, market) == 974947235


def test_only_the_best_ten_levels_count():
    market = default_market("BTC/USDT")
    ten = [(Decimal(60000 - n), Decimal(1)) for n in range(10)]
    asks = [(Decimal(60001 + n), Decimal(1)) for n in range(10)]
    deeper = [*ten, (Decimal(50000), Decimal(3))]
    assert checksum(ten, asks, market) == checksum(deeper, asks, market)
    assert checksum(ten, asks, market) != checksum(ten[1:], asks, market)


@given(st.decimals("0.00000001", "99999999", places=8))
def test_an_amount_of_up_to_fifteen_digits_survives_the_way_through_a_json_float(amount: Decimal):
    amount = number(amount)
    seen = json.loads(encode({"qty": amount}))["qty"]
    if len(amount.normalize().as_tuple().digits) <= 15:
        assert Decimal(repr(seen)) == amount
