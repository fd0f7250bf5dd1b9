"""Kraken's names and ids: what real pairs are called there, and that ids can be read back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.simulation.venue.dialects.kraken.names import Pairs, long_asset
from ganglion.simulation.venue.markets import default_market

PAIRS = Pairs(default_market(symbol) for symbol in ("BTC/USDT", "ETH/USDT", "ETH/BTC", "BTC/USD", "DOGE/USD"))


@pytest.mark.parametrize(
    ("symbol", "id_", "altname", "wsname"),
    [
        ("BTC/USDT", "XBTUSDT", "XBTUSDT", "XBT/USDT"),
        ("ETH/USDT", "ETHUSDT", "ETHUSDT", "ETH/USDT"),
        ("ETH/BTC", "XETHXXBT", "ETHXBT", "ETH/XBT"),
        ("BTC/USD", "XXBTZUSD", "XBTUSD", "XBT/USD"),
    ],
)
def test_a_pair_is_found_by_every_name_that_kraken_has_for_it(symbol: str, id_: str, altname: str, wsname: str):
    pair = PAIRS.by_symbol[symbol]
    assert (pair.id, pair.altname, pair.wsname) == (id_, altname, wsname)
    assert all(PAIRS.named(name) is pair for name in (id_, altname, wsname, symbol))


def test_only_the_oldest_assets_carry_a_letter_in_front():
    assert [long_asset(name) for name in ("BTC", "DOGE", "USD", "USDT", "SOL")] == [
        "XXBT",
        "XXDG",
        "ZUSD",
        "USDT",
        "SOL",
    ]


@given(st.sampled_from([pair.market.symbol for pair in PAIRS.all]), st.integers(0, 10**13))
def test_an_order_id_has_krakens_form_and_can_be_read_back(symbol: str, number: int):
    text = PAIRS.order_id(symbol, number)
    assert re.fullmatch(r"O[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{6}", text)
    assert PAIRS.read_id(text) == (symbol, number)


@pytest.mark.parametrize("text", ["", "O", "OAAAAA-BBBBB-CCCCCC", "12345", "OXXXXX-XXXXX-XXXXX!"])
def test_an_id_from_elsewhere_is_nobodys(text: str):
    assert PAIRS.read_id(text) is None
