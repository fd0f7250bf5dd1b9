"""A changed configuration at a start: a halt of the bot reaches every account, and no account is left in silence."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ganglion.actors.trading.journal import FolderDevice, Log
from ganglion.actors.trading.journal.segments import Kind
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.checkpoint import encode_ledger, restore
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.bot import cli
from ganglion.bot.control.operator import Operator
from ganglion.bot.control.protocol import Command
from ganglion.bot.data_folder import open_journal
from ganglion.bot.errors import AccountsLeftError, ExitCode
from ganglion.bot.process import Bot, build
from ganglion.messages.trading import BOT_SCOPE, StateEntry, TradingState
from ganglion.supervision import System
from tests.actors.trading.evidence import order, started, trade
from tests.actors.trading.halts import ALPHA, entry_of
from tests.bot.samples import parsed, problems

GOES_ON_S = 20.0
HALT = entry_of(scope=BOT_SCOPE, cause="enough", at_ms=5)
REDUCE = entry_of(TradingState.REDUCING, BOT_SCOPE, "less", at_ms=3)


def text_of(*accounts: str, forget: str = "") -> str:
    """A bot with simulated accounts, without modes."""
    tables = [f'[exchanges.{name}]\nconnector = "simulated"\nsymbols = ["BTC/USDT"]' for name in accounts]
    return "\n".join(['[bot]\nname = "changed"', forget, *tables])


@contextmanager
def journal(folder: Path, *accounts: str, forget: str = "") -> Iterator[Log]:
    """The journal as a start with these accounts opens it."""
    system = System(dispatcher="simulated")
    log = open_journal(parsed(text_of(*accounts, forget=forget), folder), system, FolderDevice)
    try:
        yield log
    finally:
        log.close()


def keep(log: Log, account: str, records: Iterable[r.AnyRecord]) -> None:
    for record in records:
        log.collect(account, r.encode(record))
    log.commit()


def ledger_of(log: Log, account: str) -> Ledger:
    found = log.read(account)
    ledger, trouble = restore(account, found.checkpoint, found.records)
    assert not trouble
    return ledger


def entries(log: Log, account: str) -> list[StateEntry]:
    return ledger_of(log, account).states.entries


# ---------------------------------------------------------------- the bot's own states


def test_a_halt_of_the_bot_is_carried_to_an_account_that_is_added(tmp_path):
    with journal(tmp_path, "alpha") as log:
        keep(log, "alpha", [r.StateSet(HALT)])
    with journal(tmp_path, "alpha", "beta") as log:
        assert entries(log, "alpha") == entries(log, "beta") == [HALT]


def test_what_is_carried_is_on_the_disk_before_anything_starts(tmp_path):
    with journal(tmp_path, "alpha") as log:
        keep(log, "alpha", [r.StateSet(REDUCE), r.StateSet(HALT)])
    with journal(tmp_path, "alpha", "beta") as log:
        assert not log.waiting
        assert entries(log, "beta") == [REDUCE, HALT]


def test_narrower_states_stay_where_they_are(tmp_path):
    with journal(tmp_path, "alpha") as log:
        keep(log, "alpha", [r.StateSet(entry_of(scope=ALPHA))])
    with journal(tmp_path, "alpha", "beta") as log:
        assert entries(log, "beta") == []


def test_a_halt_of_the_bot_is_carried_from_an_account_that_is_left_behind(tmp_path):
    with journal(tmp_path, "alpha") as log:
        keep(log, "alpha", [r.StateSet(HALT)])
    with journal(tmp_path, "beta", forget='forget = ["alpha"]') as log:
        assert entries(log, "beta") == [HALT]


@pytest.mark.parametrize("checkpointed", [False, True])
def test_a_lifted_halt_does_not_come_back_from_an_account_that_is_left_behind(tmp_path, checkpointed):
    with journal(tmp_path, "alpha") as log:
        keep(log, "alpha", [r.StateSet(REDUCE), r.StateSet(HALT)])
    with journal(tmp_path, "beta", forget='forget = ["alpha"]') as log:
        keep(log, "beta", [r.StateLifted(BOT_SCOPE, "anna", 9)])
        if checkpointed:
            log.collect("beta", encode_ledger(ledger_of(log, "beta")), kind=Kind.CHECKPOINT)
            log.commit()
    with journal(tmp_path, "beta", "gamma", forget='forget = ["alpha"]') as log:
        assert entries(log, "beta") == entries(log, "gamma") == []


def test_an_account_that_comes_back_into_a_halted_bot_is_halted(tmp_path):
    with journal(tmp_path, "alpha", "beta"):
        pass
    with journal(tmp_path, "beta") as log:
        keep(log, "beta", [r.StateSet(HALT)])
    with journal(tmp_path, "alpha", "beta") as log:
        assert entries(log, "alpha") == [HALT]


def bot_of(folder: Path, *accounts: str) -> Bot:
    bot = build(parsed(text_of(*accounts), folder), System(dispatcher="loop"))
    assert bot.wait_until(lambda s: all(view.reconciled for view in s.exchanges) and bool(s.exchanges), GOES_ON_S)
    return bot


def test_an_operators_halt_stops_an_account_that_is_added_and_one_resume_lifts_both(tmp_path):
    first = bot_of(tmp_path, "alpha")
    Operator(first).carry_out(Command("halt", scope="bot", reason="enough", timeout_s=GOES_ON_S), "anna")
    first.stop()
    second = bot_of(tmp_path, "alpha", "beta")
    try:
        assert second.wait_until(lambda s: [v.trading for v in s.exchanges] == ["halted", "halted"], GOES_ON_S)
        causes = {(state.cause, state.at_ms) for view in second.status().exchanges for state in view.states}
        assert [cause for cause, _ in causes] == ["enough"]
        Operator(second).carry_out(Command("resume", scope="bot", timeout_s=GOES_ON_S), "anna")
        assert second.wait_until(lambda s: [v.trading for v in s.exchanges] == ["active", "active"], GOES_ON_S)
    finally:
        second.stop()


# ---------------------------------------------------------------- accounts that are gone


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([*started(), r.TradeEvidence(trade(amount="0.4", client_id="c1"))], "1 open order; grid holds 0.399 BTC"),
        (
            [r.StateSet(entry_of(scope=ALPHA, cause="it looks odd"))],
            "alpha halted since 1970-01-01 00:00:00Z: it looks",
        ),
        ([r.StateSet(REDUCE)], "bot reducing since 1970-01-01 00:00:00Z: less (by anna)"),
    ],
)
def test_no_bot_starts_without_an_account_that_has_orders_or_was_stopped(tmp_path, records, said):
    with journal(tmp_path, "alpha") as log:
        keep(log, "alpha", records)
    with pytest.raises(AccountsLeftError) as refused, journal(tmp_path, "gamma"):
        pass
    assert refused.value.code is ExitCode.CONFIGURATION
    assert said in str(refused.value)
    assert "put [exchanges.alpha] back under the old name" in str(refused.value)
    assert 'forget = ["alpha"] in [bot]' in str(refused.value)


def test_a_refused_start_has_written_nothing_and_lets_go_of_the_folder(tmp_path):
    with journal(tmp_path, "alpha") as log:
        keep(log, "alpha", [r.StateSet(HALT)])
    with pytest.raises(AccountsLeftError), journal(tmp_path, "gamma"):
        pass
    with journal(tmp_path, "alpha") as log:
        assert entries(log, "alpha") == [HALT]
        assert log.holds == ("alpha",)


def test_an_account_that_only_holds_something_is_told_and_the_bot_starts(tmp_path):
    with journal(tmp_path, "alpha") as log:
        bought = [*started(amount="0.4"), r.TradeEvidence(trade(client_id="c1"))]
        keep(log, "alpha", [*bought, r.OrderEvidence("c1", order("closed", "0.4"))])
    with capture_logs() as lines, journal(tmp_path, "gamma"):
        pass
    (line,) = [line for line in lines if line["event"] == "account_not_configured"]
    assert (line["log_level"], line["account"]) == ("warning", "alpha")
    assert line["has"] == "no open orders; grid holds 0.399 BTC"
    assert 'forget = ["alpha"]' in line["todo"]


def test_what_is_forgotten_is_no_warning(tmp_path):
    with journal(tmp_path, "alpha") as log:
        keep(log, "alpha", started())
    with capture_logs() as lines, journal(tmp_path, "gamma", forget='forget = ["alpha"]'):
        pass
    assert [(line["event"], line["log_level"]) for line in lines if line.get("account")] == [
        ("account_forgotten", "info")
    ]


def test_an_account_whose_records_can_not_be_read_is_not_left_behind_in_silence(tmp_path):
    with journal(tmp_path, "alpha") as log:
        log.collect("alpha", b"no record")
        log.commit()
    with pytest.raises(AccountsLeftError, match="not all of it can be read"), journal(tmp_path, "gamma"):
        pass
    with journal(tmp_path, "gamma", forget='forget = ["alpha"]') as log:
        assert not log.failure


def test_the_command_ends_with_code_2_and_says_what_to_do(tmp_path, monkeypatch, capsys):
    with journal(tmp_path, "alpha") as log:
        keep(log, "alpha", [r.StateSet(HALT)])
    (tmp_path / "bot.toml").write_text(text_of("gamma"))
    monkeypatch.setattr("sys.argv", ["ganglion", "run", str(tmp_path / "bot.toml")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == ExitCode.CONFIGURATION
    said = capsys.readouterr().err
    assert "the journal holds what bot.toml does not name any more" in said
    assert "Traceback" not in said


def test_an_account_can_not_be_configured_and_forgotten():
    found = problems(text_of("alpha", forget='forget = ["beta", "alpha"]'))
    assert set(found) == {"bot.forget[1]"}
    assert found["bot.forget[1]"].text == "alpha is configured"


def test_what_is_forgotten_is_a_list_of_names():
    assert set(problems(text_of("alpha", forget='forget = "beta"'))) == {"bot.forget"}
    assert set(problems(text_of("alpha", forget='forget = ["no name"]'))) == {"bot.forget[0]"}
