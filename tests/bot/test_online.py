"""`ganglion check --online` about an API key: refused if it may withdraw, and no word more than is known."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest
from aiohttp import web

from ganglion.actors.exchange.ccxt.convert import IncompleteError, may_withdraw
from ganglion.actors.exchange.quirks import QUIRKS
from ganglion.bot.config import parse
from ganglion.bot.online import Finding, check_online
from tests.actors.exchange.bench import on_a_loop
from tests.actors.exchange.okx_fake import KEY, PASSWORD, SECRET, SYMBOL, OkxFake, reply


class Telling(OkxFake):
    """Tells what its key may do."""

    perm: str | None = "read_only,trade"

    async def config(self, _request: web.Request) -> web.Response:
        told = {} if self.perm is None else {"perm": self.perm}
        return reply([{"uid": "1", "acctLv": "1", "posMode": "net_mode"} | told])


@pytest.fixture
def okx() -> Iterator[Telling]:
    with on_a_loop(lambda: Telling().serving()) as fake:
        yield fake


def findings(fake: OkxFake, tmp_path: Any, *lines: str) -> dict[str, Finding]:
    """What is found at a local venue that the configuration takes for a real one."""
    more = "\n".join(lines)
    text = f"""
[exchanges.beta]
id = "okx"
symbols = ["{SYMBOL}"]
{more}
[exchanges.beta.credentials]
key = "env:KEY"
secret = "env:SECRET"
password = "env:PASSWORD"
[exchanges.beta.ccxt.urls.api]
rest = "{fake.base_url}/okx"
ws = "{fake.base_url.replace("http", "ws")}/okx/ws/v5"
"""
    config = parse(text, tmp_path / "bot.toml", {"KEY": KEY, "SECRET": SECRET, "PASSWORD": PASSWORD})
    return {finding.what: finding for finding in check_online(config)}


def test_a_key_that_may_only_trade_is_good(okx, tmp_path):
    found = findings(okx, tmp_path, "live = true")
    assert found["key"].good
    assert found["withdrawals"].good
    assert found["withdrawals"].text == "the key may not withdraw"


def test_a_key_that_may_withdraw_is_refused_with_what_to_do(okx, tmp_path):
    okx.perm = "read_only,withdraw,trade"
    found = findings(okx, tmp_path, "live = true")["withdrawals"]
    assert not found.good
    assert "allow_withdraw_key = true" in found.text


def test_a_key_that_may_withdraw_is_accepted_where_the_configuration_says_so(okx, tmp_path):
    okx.perm = "read_only,withdraw,trade"
    assert findings(okx, tmp_path, "live = true", "allow_withdraw_key = true")["withdrawals"].good


def test_what_a_venue_did_not_say_is_not_known_and_to_be_looked_at_by_hand(okx, tmp_path):
    okx.perm = None
    found = findings(okx, tmp_path, "live = true")["withdrawals"]
    assert "not known" in found.text
    assert "the exchange's own page" in found.text


def test_where_nobody_has_looked_how_a_venue_tells_it_that_is_said(okx, tmp_path, monkeypatch):
    untold = dataclasses.replace(QUIRKS["okx"], key_rights=None)
    monkeypatch.setattr("ganglion.actors.exchange.quirks.QUIRKS", {"okx": untold})
    found = findings(okx, tmp_path, "live = true")["withdrawals"]
    assert "okx does not tell" in found.text
    assert "the exchange's own page" in found.text


def test_where_no_real_money_is_nobody_asks(okx, tmp_path):
    assert "withdrawals" not in findings(okx, tmp_path)


@pytest.mark.parametrize(("told", "may"), [(True, True), (False, False)])
def test_a_venue_that_answers_with_true_or_false_is_understood(told, may):
    route = QUIRKS["binance"].key_rights
    assert route is not None
    assert may_withdraw({"enableWithdrawals": told, "enableSpotAndMarginTrading": True}, route) is may


@pytest.mark.parametrize("raw", [{}, [], None, {"enableWithdrawals": "no"}, {"data": [{"perm": "withdraw"}]}])
def test_a_reply_without_the_answer_is_no_answer(raw):
    route = QUIRKS["binance"].key_rights
    assert route is not None
    with pytest.raises(IncompleteError, match="enableWithdrawals"):
        may_withdraw(raw, route)


@pytest.mark.parametrize("exchange_id", [name for name, quirks in QUIRKS.items() if quirks.key_rights])
def test_ccxt_has_every_route_that_tells_what_a_key_may_do(exchange_id):
    route = QUIRKS[exchange_id].key_rights
    assert route is not None
    assert callable(getattr(getattr(ccxt, exchange_id)(), route.method))
