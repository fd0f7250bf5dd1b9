"""What every file of a room keeps to: it says what it is for, fits in a head, leaves nothing open,
and names no exchange in code (what differs between venues is data, in the quirks)."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.house.rooms import name_of, sources

MAX_LINES = 450
EXCHANGES = {
    "binance", "bitget", "bybit", "coinbase", "gate", "hyperliquid", "kraken", "kucoin", "okx",
}  # fmt: skip
# An English word too: only as a whole text does it name the exchange.
ALSO_WORDS = {"gate"}


def is_quirks(path: PurePosixPath) -> bool:
    return path.name.startswith("quirks") or "quirks" in path.parts


def words(text: str) -> list[str]:
    """The words in prose or in an identifier: `BinanceVenue`, `okx_fee`, `Kraken's`."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)]


def exchanges_named(source: str) -> Iterator[tuple[int, str]]:
    """Exchange ids in a module's texts and identifiers; docstrings and comments may explain."""
    tree = ast.parse(source)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                names = [text]
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                names = [name]
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names = [node.name]
            case ast.keyword(arg=str(name)):
                names = [name]
            case ast.alias(name=name, asname=asname):
                names = [name, asname or ""]
            case ast.ImportFrom(module=str(name)):
                names = [name]
            case _:
                continue
        for name in names:
            found = EXCHANGES & {*words(name)} - ALSO_WORDS
            if isinstance(node, ast.Constant) and name.lower() in ALSO_WORDS:
                found.add(name.lower())
            yield from ((getattr(node, "lineno", 0), exchange) for exchange in sorted(found))


ALL = pytest.mark.parametrize("path", sources(), ids=name_of)


@ALL
def test_a_file_opens_with_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text())), (
        f"{name_of(path)}: say in a docstring what it is for, who talks to it, what it may touch"
    )


@ALL
def test_a_file_fits_in_a_head(path):
    lines = len(path.read_text().splitlines())
    assert lines <= MAX_LINES, f"{name_of(path)}: {lines} lines, would two files be clearer?"


@ALL
def test_a_file_leaves_nothing_open(path):
    marks = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"\b(TODO|FIXME|XXX)\b", line)
    ]
    assert not marks, "\n" + "\n".join(marks)


@pytest.mark.parametrize("path", sources("actors"), ids=name_of)
def test_no_exchange_is_named_in_code_outside_the_quirks(path):
    name = PurePosixPath(name_of(path))
    if is_quirks(name):
        return
    in_path = EXCHANGES & {word for part in name.parts for word in words(part)}
    assert not in_path, f"{name}: venues are data, move it under a quirks folder"
    named = [f"{name}:{line}: {exchange}" for line, exchange in exchanges_named(path.read_text())]
    assert not named, "\n" + "\n".join(named)


@pytest.mark.parametrize(
    "source",
    [
        "if exchange.id == 'okx': pass",
        "text = f'hello from Binance {name}'",
        "class KrakenVenue: pass",
        "def for_bybit(): pass",
        "fee = coinbase_fee",
        "fee = fees.kucoin",
        "Venue(bitget=1)",
        "from ccxt.pro import hyperliquid",
        "import ccxt.binance",
        "def f(okx): pass",
        "ids = {'gate': 't-'}",
    ],
)
def test_an_exchange_named_in_code_is_caught(source):
    assert list(exchanges_named(source))


@pytest.mark.parametrize(
    "source",
    [
        '"""Binance calls it newClientOrderId."""',
        "x = 1  # OKX answers with HTTP 200",
        'class A:\n    x: int\n    """Kraken counts in lots."""',
        "gate = open_gate('the rate gate is shut')",
        "x = aggregate(gateway)",
    ],
)
def test_prose_and_ordinary_words_pass(source):
    assert not list(exchanges_named(source))


@pytest.mark.parametrize(
    ("path", "quirks"),
    [
        ("actors/exchange/quirks.py", True),
        ("actors/exchange/quirks_spot.py", True),
        ("actors/exchange/quirks/binance.py", True),
        ("actors/exchange/venue.py", False),
        ("actors/exchange/ccxt/adapter.py", False),
    ],
)
def test_the_quirks_are_known_by_their_name(path, quirks):
    assert is_quirks(PurePosixPath(path)) is quirks
