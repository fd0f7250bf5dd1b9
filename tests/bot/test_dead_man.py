"""`dead_man_s` in a configuration: off by default, an error where the exchange has none, and said what it does."""

import pytest

from ganglion.bot.config import parse
from ganglion.bot.dead_man import dead_man_notice
from ganglion.bot.errors import ConfigError
from ganglion.bot.tables import ExchangeTable


def text(exchange_id: str, line: str = "dead_man_s = 60") -> str:
    return f'[exchanges.alpha]\nid = "{exchange_id}"\nsandbox = true\nsymbols = ["BTC/USDT"]\n{line}\n'


def test_it_is_off_by_default(tmp_path):
    config = parse(text("okx", ""), tmp_path / "bot.toml", {})
    assert config.exchanges["alpha"].table.dead_man_s is None


@pytest.mark.parametrize("exchange_id", ["okx", "kraken", "bybit", "hyperliquid"])
def test_an_exchange_that_has_one_takes_it(tmp_path, exchange_id):
    config = parse(text(exchange_id), tmp_path / "bot.toml", {})
    assert config.exchanges["alpha"].table.dead_man_s == 60


@pytest.mark.parametrize("exchange_id", ["binance", "kucoin", "coinbase"])
def test_an_exchange_without_one_is_an_error(tmp_path, exchange_id):
    with pytest.raises(ConfigError, match=f"{exchange_id} has no dead man's switch"):
        parse(text(exchange_id), tmp_path / "bot.toml", {})


def test_a_simulated_exchange_has_none(tmp_path):
    with pytest.raises(ConfigError, match="dead man's switch"):
        parse(
            '[exchanges.alpha]\nconnector = "simulated"\nsymbols = ["BTC/USDT"]\ndead_man_s = 60\n',
            tmp_path / "bot.toml",
            {},
        )


@pytest.mark.parametrize(("seconds", "said"), [("5", "10 to 120"), ("121", "10 to 120"), ("0", "greater than 0")])
def test_a_time_that_the_exchange_does_not_take_is_an_error(tmp_path, seconds, said):
    with pytest.raises(ConfigError, match=said):
        parse(text("okx", f"dead_man_s = {seconds}"), tmp_path / "bot.toml", {})


def test_whoever_sets_it_is_told_that_it_cancels_strangers_orders_too():
    table = ExchangeTable(id="bybit", symbols=("BTC/USDT",), dead_man_s=60.0)
    notice = dead_man_notice("alpha", table)
    assert notice is not None
    assert "cancels ALL orders of this account, those that are not the bot's too" in notice
    assert "cannot be switched off" in notice
    described = ExchangeTable.model_fields["dead_man_s"].description
    assert described is not None
    assert "ALL orders" in described


def test_nothing_is_said_where_it_is_off():
    assert dead_man_notice("alpha", ExchangeTable(id="okx", symbols=("BTC/USDT",))) is None
