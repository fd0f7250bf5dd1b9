"""Per-venue data, client ids on the wire, and that no other file names an exchange."""

import re
from pathlib import Path

import ccxt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ganglion.actors.exchange.quirks as quirks_module
from ganglion.actors.exchange.quirks import ALPHABET, QUIRKS, ClientIdRule, quirks_of

IDS = st.text(ALPHABET, min_size=1, max_size=18)
RULES = {exchange: quirks.client_id for exchange, quirks in QUIRKS.items()}
ROOM = Path(quirks_module.__file__).parents[1]


@given(client_id=IDS, exchange=st.sampled_from(sorted(RULES)))
def test_every_venue_gives_back_the_id_that_we_made(client_id: str, exchange: str) -> None:
    rule = RULES[exchange]
    assert rule.decode(rule.encode(client_id)) == client_id


@given(client_id=IDS)
def test_hyperliquid_gets_0x_and_32_hex_digits(client_id: str) -> None:
    assert re.fullmatch("0x[0-9a-f]{32}", RULES["hyperliquid"].encode(client_id))


@pytest.mark.parametrize("bad", ["", "UPPER", "with-dash", "x" * 33])
def test_an_id_that_some_venue_would_refuse_is_refused_before_it_is_sent(bad: str) -> None:
    with pytest.raises(ValueError, match="sendable"):
        ClientIdRule(max_length=32).encode(bad)


def test_a_strangers_id_stays_as_it_is() -> None:
    assert ClientIdRule().decode("x-TKT5PX2F12345") == "x-TKT5PX2F12345"
    assert RULES["hyperliquid"].decode("0xzz") == "0xzz"
    assert ClientIdRule().decode("") is None


@pytest.mark.parametrize("exchange", QUIRKS)
def test_quirks_are_of_exchanges_that_ccxt_has(exchange: str) -> None:
    assert exchange in ccxt.exchanges


@pytest.mark.parametrize("exchange", QUIRKS)
def test_codes_of_duplicate_client_ids_are_known_to_the_wheel(exchange: str) -> None:
    source = Path(ccxt.__file__).with_name(f"{exchange}.py").read_text()
    codes = [text for text in quirks_of(exchange).duplicate_texts if text.lstrip("-").isdigit()]
    assert [code for code in codes if f"'{code}'" not in source] == []


def test_an_unknown_venue_trades_but_its_silence_proves_nothing() -> None:
    assert not quirks_of("some-new-exchange").look_up_tested


def test_no_exchange_is_named_outside_this_data() -> None:
    names = [name for name in ccxt.exchanges if name != "delta"]  # is a word of English, too
    word = re.compile(rf"[\"']({'|'.join(names)})[\"']")
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted(ROOM.rglob("*.py"))
        if path.name != "quirks.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if word.search(line)
    ]
    assert not found
