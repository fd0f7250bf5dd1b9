"""The configuration: everything that is wrong at once, each with its place and what to do."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.modes.market_making import MarketMakingConfig
from ganglion.bot.config import load, parse
from ganglion.bot.config_checks import ccxt_ids, shares_of
from ganglion.bot.errors import ConfigError
from ganglion.bot.tables import ModeTable
from tests.bot.samples import ENVIRONMENT, GOOD, parsed, problems


def test_a_good_configuration_is_read_with_its_defaults():
    config = parsed()
    alpha = config.exchanges["alpha"]
    assert (config.bot.name, config.bot.reference, config.bot.cancel_on_stop) == ("test", "USDT", True)
    assert alpha.table.symbols == ("BTC/USDT", "ETH/USDT")
    assert (alpha.table.book_depth, alpha.table.sandbox, alpha.table.live) == (100, False, False)
    assert alpha.credentials["key"].reveal() == ENVIRONMENT["ALPHA_KEY"]
    assert config.data == Path("test.ganglion")
    assert config.modes["grid"].table.on_restart is None


def test_numbers_of_money_keep_every_digit():
    settings = parsed().modes["maker"].settings
    assert isinstance(settings, MarketMakingConfig)
    assert settings.spread_pct == Decimal("0.1")


def test_modes_share_their_account_equally_unless_they_say_otherwise():
    assert {name: mode.share for name, mode in parsed().modes.items()} == {
        "maker": Decimal("0.5"),
        "grid": Decimal("0.5"),
    }
    said = parsed(GOOD.replace("spread_pct = 0.1", 'spread_pct = 0.1\nfunds = "30%"'))
    assert {name: mode.share for name, mode in said.modes.items()} == {
        "maker": Decimal("0.3"),
        "grid": Decimal("0.7"),
    }


def test_every_mistake_of_a_configuration_is_told_at_once():
    found = problems(
        """
        [bot]
        nam = "x"
        [exchanges.alpha]
        id = "binanc"
        symbols = ["BTC/USDT", "ETHUSDT"]
        book_depth = "many"
        [exchanges.alpha.ccxt]
        number = "str"
        [modes.maker]
        mode = "market_makin"
        exchange = "alpa"
        symbol = "BTC/USDT"
        [modes.grid]
        mode = "grid"
        exchange = "alpha"
        symbol = "XRP/USDT"
        leves = 3
        """
    )
    assert set(found) == {
        "bot.nam",
        "exchanges.alpha.id",
        "exchanges.alpha.symbols[1]",
        "exchanges.alpha.book_depth",
        "exchanges.alpha.ccxt.number",
        "exchanges.alpha.credentials",
        "exchanges.alpha.live",
        "modes.maker.mode",
        "modes.maker.exchange",
        "modes.grid.symbol",
        "modes.grid.leves",
    }
    assert "'name'" in found["bot.nam"].hint
    assert "'binance'" in found["exchanges.alpha.id"].hint
    assert "'market_making'" in found["modes.maker.mode"].text
    assert "'alpha'" in found["modes.maker.exchange"].hint
    assert "'levels'" in found["modes.grid.leves"].hint
    assert "BTC/USDT" in found["modes.grid.symbol"].hint


@pytest.mark.parametrize(
    ("instead_of", "written", "place", "said"),
    [
        ("[bot]", "[bots]", "bots", "unknown key"),
        ('symbols = ["BTC/USDT", "ETH/USDT"]', "", "exchanges.alpha.symbols", "missing"),
        ('symbols = ["BTC/USDT", "ETH/USDT"]', "symbols = []", "exchanges.alpha.symbols", "at least 1"),
        ('"ETH/USDT"]', '"BTC/USDT"]', "exchanges.alpha.symbols", "twice"),
        ('id = "binance"', "", "exchanges.alpha.id", "missing"),
        ('id = "binance"', 'id = "binance"\ntype = "swap"', "exchanges.alpha.type", "'spot'"),
        ('mode = "grid"', "", "modes.grid.mode", "missing"),
        ("spread_pct = 0.1", "spread_pct = -1", "modes.maker.spread_pct", "greater than 0"),
        ("spread_pct = 0.1", "funds = 25", "modes.maker.funds", "string"),
        ("spread_pct = 0.1", 'funds = "0%"', "modes.maker.funds", "25%"),
        ("spread_pct = 0.1", 'funds = "a lot"', "modes.maker.funds", "25%"),
        ("spread_pct = 0.1", 'on_restart = "forget"', "modes.maker.on_restart", "'adopt'"),
        ("spread_pct = 0.1", "limits = {max_open_order = 3}", "modes.maker.limits.max_open_order", "unknown key"),
        ("spread_pct = 0.1", "limits = {max_open_orders = 0}", "modes.maker.limits.max_open_orders", "greater"),
        ("[modes.grid]", "[modes.'my grid']", "modes.my grid", "no name"),
        ('key = "env:ALPHA_KEY"', 'kee = "env:ALPHA_KEY"', "exchanges.alpha.credentials.kee", "unknown key"),
    ],
)
def test_a_mistake_is_named_by_its_place(instead_of, written, place, said):
    assert instead_of in GOOD
    found = problems(GOOD.replace(instead_of, written, 1))
    assert place in found
    assert said in found[place].text + found[place].hint


ID = 'id = "binance"'
SYMBOLS = 'symbols = ["BTC/USDT", "ETH/USDT"]'
SPREAD = "spread_pct = 0.1"


@pytest.mark.parametrize(
    ("instead_of", "written", "place", "said"),
    [
        (ID, f'{ID}\nsandbox = "yes"', "exchanges.alpha.sandbox", "write true or false"),
        (ID, f"{ID}\nlive = 1", "exchanges.alpha.live", "write true or false"),
        (ID, f'{ID}\nbook_depth = "100"', "exchanges.alpha.book_depth", "write a number, without quotes"),
        (ID, f"{ID}\nbook_depth = true", "exchanges.alpha.book_depth", "write a number"),
        (ID, f"{ID}\nevidence_grace_s = inf", "exchanges.alpha.evidence_grace_s", "finite"),
        (ID, f"{ID}\nsilent_s = nan", "exchanges.alpha.silent_s", "finite"),
        (ID, f'{ID}\nlimits = {{max_open_orders = "3"}}', "exchanges.alpha.limits", "max_open_orders: write a number"),
        (ID, f"{ID}\nlimits = {{max_open_order = 3}}", "exchanges.alpha.limits.max_open_order", "'max_open_orders'"),
        (ID, "id = 3", "exchanges.alpha.id", "in quotes"),
        (SYMBOLS, 'symbols = "BTC/USDT"', "exchanges.alpha.symbols", 'write a list: ["BTC/USDT"]'),
        (SPREAD, 'spread_pct = "0.5%"', "modes.maker.spread_pct", "write 0.5 (percent is meant)"),
        (SPREAD, 'spread_pct = "wide"', "modes.maker.spread_pct", "write a number, without quotes"),
        (SPREAD, 'levels = "3"', "modes.maker.levels", "write a number, without quotes"),
        (SPREAD, "limits = 3", "modes.maker.limits", "write [modes.maker.limits]"),
    ],
)
def test_what_is_not_written_as_it_is_meant_is_one_problem_that_says_how_it_is(instead_of, written, place, said):
    assert instead_of in GOOD
    elsewhere = GOOD.replace('"ETH/USDT"\n', '"BTC/USDT"\n').replace(instead_of, written, 1)
    found = problems(elsewhere)
    assert set(found) == {place}
    assert said in found[place].text + found[place].hint


def test_credentials_that_are_no_table_are_told_how_to_be_one():
    text = GOOD.replace("[exchanges.alpha.credentials]\n", "").replace('key = "env:ALPHA_KEY"', 'credentials = "x"')
    found = problems(text.replace('secret = "env:ALPHA_SECRET"', ""))
    assert found["exchanges.alpha.credentials"].text == "is no table"
    assert "[exchanges.alpha.credentials]" in found["exchanges.alpha.credentials"].hint


@pytest.mark.parametrize("missing", ["key", "secret"])
def test_credentials_that_can_not_trade_are_told_what_they_lack(missing):
    found = problems(GOOD.replace(f'{missing} = "env:ALPHA_{missing.upper()}"', ""))
    assert set(found) == {f"exchanges.alpha.credentials.{missing}"}
    assert "binance needs it" in found[f"exchanges.alpha.credentials.{missing}"].text


def test_an_exchange_that_needs_a_password_too_says_so():
    found = problems(GOOD.replace(ID, 'id = "okx"'))
    assert set(found) == {"exchanges.alpha.credentials.password"}


def test_credentials_without_any_key_in_them_are_none():
    text = GOOD.replace('key = "env:ALPHA_KEY"', "").replace('secret = "env:ALPHA_SECRET"', "")
    assert set(problems(text)) == {"exchanges.alpha.credentials"}


def test_a_setting_that_ccxt_does_not_have_is_named_with_the_nearest():
    found = problems(GOOD + '[exchanges.alpha.ccxt]\ntimeuot = 3\ntimeout = 3000\nhttpsProxy = "http://127.0.0.1:1"\n')
    assert set(found) == {"exchanges.alpha.ccxt.timeuot"}
    assert "'timeout'" in found["exchanges.alpha.ccxt.timeuot"].hint


def test_one_account_under_two_names_is_refused():
    second = GOOD.partition("[modes")[0].partition("[exchanges.alpha]")[2]
    twice = GOOD + "[exchanges.beta]" + second.replace("exchanges.alpha", "exchanges.beta")
    found = problems(twice)
    assert set(found) == {"exchanges.beta"}
    assert "the same account twice: exchanges.alpha" in found["exchanges.beta"].text
    assert problems(twice[: len(GOOD)] + twice[len(GOOD) :].replace(":8080", ":8081")) == {}


def test_a_mode_whose_file_ends_the_process_is_a_problem_like_any_other(tmp_path):
    (tmp_path / "script.py").write_text("import sys\nsys.exit(3)\n")
    found = problems(GOOD.replace('mode = "grid"', 'mode = "script.py:Own"'), tmp_path)
    assert set(found) == {"modes.grid.mode"}
    assert "SystemExit: 3" in found["modes.grid.mode"].text


def test_a_name_of_the_trees_own_is_no_name_for_an_exchange():
    found = problems(GOOD.replace("alpha", "journal"))
    assert "tree's own" in found["exchanges.journal"].text


def test_shares_above_the_whole_account_are_refused_for_each_mode_that_has_one():
    text = GOOD.replace("spread_pct = 0.1", 'funds = "70%"') + 'funds = "40%"\n'
    found = problems(text)
    assert set(found) == {"modes.maker.funds", "modes.grid.funds"}
    assert "110%" in found["modes.grid.funds"].text


def test_a_mode_for_which_nothing_is_left_is_told_so():
    found = problems(GOOD.replace("spread_pct = 0.1", 'funds = "100%"'))
    assert set(found) == {"modes.grid.funds"}


@given(st.lists(st.one_of(st.none(), st.integers(1, 60)), min_size=1, max_size=6))
def test_accepted_shares_are_never_more_than_the_account_together(wanted):
    tables = [
        (str(n), ModeTable(mode="grid", exchange="alpha", symbol="A/B", funds=None if w is None else f"{w}%"))
        for n, w in enumerate(wanted)
    ]
    shares, wrong = shares_of(tables)
    if not wrong:
        assert sum(shares.values()) <= 1 + Decimal("1e-20")
        assert all(share > 0 for share in shares.values())


@pytest.mark.parametrize("key", ["number", "enableRateLimit", "retries", "maxRetriesOnFailure"])
def test_what_the_engine_owns_can_not_be_set_for_ccxt(key):
    found = problems(
        GOOD.replace(
            "[exchanges.alpha.ccxt.urls.api]", f"[exchanges.alpha.ccxt]\n{key} = 1\n[exchanges.alpha.ccxt.urls.api]"
        )
    )
    assert "belongs to the engine" in found[f"exchanges.alpha.ccxt.{key}"].text


@pytest.mark.parametrize("key", ["apiKey", "secret", "privateKey"])
def test_a_secret_for_ccxt_is_sent_to_the_credentials_and_not_repeated(key):
    text = GOOD.replace(
        "[exchanges.alpha.ccxt.urls.api]",
        f'[exchanges.alpha.ccxt]\n{key} = "hushhush"\n[exchanges.alpha.ccxt.urls.api]',
    )
    with pytest.raises(ConfigError) as error:
        parsed(text)
    assert "[exchanges.alpha.credentials]" in str(error.value)
    assert "hushhush" not in str(error.value)


def test_a_class_name_that_ccxt_does_not_have_is_named_with_the_nearest():
    found = problems(GOOD + '[exchanges.alpha.ccxt.exceptions.exact]\n"-1" = "NetworkEror"\n')
    assert "'NetworkError'" in found["exchanges.alpha.ccxt.exceptions.exact.-1"].hint


def test_real_money_needs_live_or_a_sandbox_or_a_host_of_ones_own():
    elsewhere = GOOD.replace("127.0.0.1", "api.example.org", 1)
    found = problems(elsewhere)
    assert set(found) == {"exchanges.alpha.live"}
    assert "real money" in found["exchanges.alpha.live"].text
    assert "sandbox = true" in found["exchanges.alpha.live"].hint
    assert problems(elsewhere.replace('id = "binance"', 'id = "binance"\nsandbox = true')) == {}
    assert problems(elsewhere.replace('id = "binance"', 'id = "binance"\nlive = true')) == {}


def test_a_simulated_exchange_needs_neither_id_nor_credentials_and_takes_none():
    text = """
    [exchanges.sim]
    connector = "simulated"
    symbols = ["BTC/USDT"]
    [exchanges.sim.simulated]
    seed = 7
    balances = {USDT = 1000.50}
    [modes.grid]
    mode = "grid"
    exchange = "sim"
    symbol = "BTC/USDT"
    """
    table = parsed(text).exchanges["sim"].table
    assert table.simulated.balances == {"USDT": Decimal("1000.50")}
    found = problems(text.replace('connector = "simulated"', 'connector = "simulated"\nlive = true\nid = "okx"'))
    assert set(found) == {"exchanges.sim.live", "exchanges.sim.id"}


def test_an_exchange_without_modes_needs_no_credentials():
    assert problems('[exchanges.a]\nid = "kraken"\nsandbox = true\nsymbols = ["BTC/USD"]\n') == {}


def test_text_that_is_no_toml_is_told_with_its_line():
    assert "line 2" in problems("[bot]\nname = \n")["toml"].text


def test_a_file_that_is_not_there_is_a_problem_like_any_other(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "bot.toml")


def test_an_empty_configuration_says_what_is_needed():
    assert "[exchanges.NAME]" in problems("")["exchanges"].hint


def test_a_mode_of_ones_own_stands_beside_the_configuration(tmp_path):
    (tmp_path / "own.py").write_text(
        "from ganglion.actors.modes import ModeConfig, TradingMode\n"
        "class OwnConfig(ModeConfig):\n    every_s: float = 1\n"
        "class Own(TradingMode[OwnConfig]):\n    '''Mine.'''\n"
    )
    text = GOOD.replace('mode = "grid"', 'mode = "own.py:Own"\nevery_s = 2.5')
    config = parse(text, tmp_path / "bot.toml", ENVIRONMENT)
    assert config.modes["grid"].settings.model_dump() == {"every_s": 2.5}


def test_the_ids_of_ccxt_are_known_without_importing_it():
    assert {"binance", "okx", "kraken"} <= set(ccxt_ids())
    code = (
        "import sys; import ganglion.bot.config; from ganglion.bot.config_checks import ccxt_ids; ccxt_ids();"
        "sys.exit(any(name in sys.modules for name in ('ccxt', 'aiohttp')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert ran.returncode == 0
