"""How an arm is wired, and what becomes of it when its account can't go on: parked and halted alone, brought back."""

import json
from decimal import Decimal

import msgspec
import pytest

from ganglion.actors.exchange.quirks import QUIRKS
from ganglion.actors.trading.journal import JournalActor, Log
from ganglion.actors.trading.orders import actor as orders_actor
from ganglion.actors.trading.orders.reconciling import Reconciling
from ganglion.bot.config import BotConfig
from ganglion.bot.errors import ExitCode
from ganglion.bot.process import Bot, build
from ganglion.bot.run import RunOptions, run
from ganglion.bot.tree import Places, bot_spec, orders_settings
from ganglion.bot.warden import WardenActor
from ganglion.messages.account import SnapshotRequest
from ganglion.messages.journal import ReadJournal
from ganglion.messages.lifecycle import ActorParked, CellState, Failure, HaltAccount
from ganglion.messages.orders import (
    AmendOrder,
    CancelAll,
    DenyReason,
    Intent,
    OrderDenied,
    OrderType,
    PlaceOrder,
    Side,
    TimeInForce,
)
from ganglion.messages.trading import BOT_SCOPE, By, SetTradingState, TradingState
from ganglion.simulation.disk import MemoryDisk
from ganglion.supervision import ChildSpec, StartError, Supervisor, System
from tests.bot.samples import GOOD, parsed
from tests.bot.test_process import BUSY, GOES_ON_S, configured, fills, running

TWO_ARMS = (
    BUSY.replace("[modes.maker]", "evidence_grace_s = 1.0\n\n[modes.maker]")
    + """
[exchanges.beta]
connector = "simulated"
symbols = ["BTC/USDT"]

[modes.other]
mode = "market_making"
exchange = "beta"
symbol = "BTC/USDT"
spread_pct = 0.02
requote_pct = 0.01
"""
)


def intent(mode: str = "grid") -> Intent:
    return Intent(
        intent_id="i1",
        account="alpha",
        mode=mode,
        symbol="ETH/USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        amount=Decimal(1),
        price=Decimal(100),
        time_in_force=TimeInForce.GTC,
        post_only=False,
        epoch=1,
        deadline_s=60.0,
        reason="test",
        correlation_id="c1",
        causation_id="",
    )


def child(supervisor: Supervisor, name: str) -> ChildSpec:
    return next(spec for spec in supervisor._specs if spec.name == name)


def orders_spec(system: System) -> ChildSpec:
    """The spec of alpha's orders actor, as the bot's tree has it."""
    venues = {"alpha": lambda: pytest.fail("no venue is made here")}
    log = Log(MemoryDisk(), "test", ("alpha",), new_root=lambda: b"r" * 16, now_ms=system.clock.now_ms)
    bot = bot_spec(parsed(), system, venues, log).factory()  # type: ignore[arg-type]
    arm = child(bot, "alpha").factory()  # type: ignore[arg-type]
    account = child(arm, "account").factory()  # type: ignore[arg-type]
    return child(account, "orders")  # type: ignore[arg-type]


# ------------------------------------------------------------------ wiring


@pytest.mark.parametrize("command", [PlaceOrder(intent()), AmendOrder("i0", intent())])
def test_a_place_that_the_order_line_has_no_room_for_is_denied_to_the_portfolio_that_reserved_for_it(command):
    system = System(dispatcher="simulated")
    spec = orders_spec(system)
    assert spec.refuse is not None
    spec.refuse(command, "/bot/alpha/account/orders: its mailbox is full")
    waiting = Places(system).portfolio("alpha")._cell._stash
    denied = [message for _, message, _ in waiting or ()]
    assert [(d.intent_id, d.deny_reason, d.correlation_id) for d in denied] == [("i1", DenyReason.OVERFLOW, "c1")]
    assert isinstance(denied[0], OrderDenied)
    assert "mailbox is full" in denied[0].text
    system.stop()


def test_the_grace_of_evidence_is_the_venues_expiry_and_a_margin():
    assert orders_settings(parsed().exchanges["alpha"]).evidence_grace_s == 10.0


def test_a_venue_without_an_expiry_has_half_a_minute_of_grace():
    settings = orders_settings(parsed(GOOD.replace('"binance"', '"coinbase"')).exchanges["alpha"])
    assert (settings.evidence_grace_s, settings.vote_spacing_s) == (30.0, 2.0)


def test_a_simulated_exchange_waits_as_the_one_whose_dialect_it_speaks(tmp_path):
    assert orders_settings(configured(BUSY, tmp_path).exchanges["alpha"]).evidence_grace_s == 10.0


def test_what_the_configuration_says_about_the_grace_holds():
    text = GOOD.replace('id = "binance"', 'id = "binance"\nevidence_grace_s = 1.5')
    settings = orders_settings(parsed(text).exchanges["alpha"])
    assert (settings.evidence_grace_s, settings.vote_spacing_s) == (1.5, 1.5)


@pytest.mark.parametrize("exchange_id", QUIRKS)
def test_client_ids_fit_every_venue(exchange_id):
    exchange = parsed().exchanges["alpha"]
    table = exchange.table.model_copy(update={"id": exchange_id})
    settings = orders_settings(msgspec.structs.replace(exchange, table=table))
    assert 10 + 4 <= settings.client_id_length <= min(18, QUIRKS[exchange_id].client_id.max_length)


# ------------------------------------------------------------------ the warden


@pytest.mark.parametrize("path", ["/bot/alpha", "/bot/alpha/account/orders"])
def test_the_warden_halts_the_account_of_a_parked_arm_with_its_cause_and_cancels_its_orders(path):
    system = System(dispatcher="simulated")
    portfolio = system.probe("portfolio")
    accounts = {"/bot/alpha": ("alpha", portfolio.address), "/bot/alpha/account/orders": ("alpha", portfolio.address)}
    warden = system.spawn(lambda: WardenActor({}, accounts), name="warden")
    warden.tell(ActorParked(path, Failure(error="ValueError", text="no"), 300.0))
    warden.tell(ActorParked("/bot/beta", Failure(error="ValueError", text="no"), None))
    system.run_until_idle()
    cause = "parked: ValueError: no"
    assert portfolio.received == [HaltAccount("alpha", cause, By.PARKED), CancelAll(mode=None, reason=cause)]
    system.stop()


def test_the_warden_halts_the_whole_bot_when_nobody_looks_after_the_invariants_any_more():
    system = System(dispatcher="simulated")
    alpha, beta = system.probe("alpha"), system.probe("beta")
    accounts = {"/bot/alpha": ("alpha", alpha.address), "/bot/beta": ("beta", beta.address)}
    warden = system.spawn(lambda: WardenActor({}, accounts, {"/bot/monitor": "the invariants"}), name="warden")
    warden.tell(ActorParked("/bot/monitor", Failure(error="ValueError", text="no"), None))
    system.run_until_idle()
    for probe in (alpha, beta):
        told = probe.expect(SetTradingState)
        assert (told.scope, told.state) == (BOT_SCOPE, TradingState.HALTED)
        assert "nobody looks after the invariants any more" in told.cause.text
    system.stop()


# ------------------------------------------------------------------ a whole bot


def test_an_order_line_that_fails_at_the_same_fact_twice_parks_its_arm_alone_and_comes_back_halted_and_reconciled(
    tmp_path, monkeypatch
):
    wanted = Reconciling.snapshot_wanted

    def poisoned(self: Reconciling, reason: str) -> None:
        if reason == "poison":
            raise ValueError("this fact can't be counted")
        wanted(self, reason)

    monkeypatch.setattr(Reconciling, "snapshot_wanted", poisoned)
    with running(configured(TWO_ARMS, tmp_path)) as bot:
        assert bot.wait_until(lambda s: fills(s, "maker") > 0 and fills(s, "other") > 0, GOES_ON_S)
        beta = bot.tree().find("/bot/beta/account/orders")
        orders = Places(bot.system).orders("alpha")
        epoch = bot.status().exchanges[0].reconciled_epoch
        orders.tell(SnapshotRequest("poison"))
        assert bot.wait_until(lambda s: s.exchanges[0].reconciled_epoch > epoch, GOES_ON_S)
        orders.tell(SnapshotRequest("poison"))
        assert bot.wait_until(lambda s: any(p.startswith("/bot/alpha:") for p in s.parked), GOES_ON_S)
        before = bot.status()
        assert bot.wait_until(lambda s: fills(s, "other") > fills(before, "other"), GOES_ON_S)
        assert bot.tree().find("/bot/beta/account/orders").incarnation == beta.incarnation  # type: ignore[union-attr]
        assert bot.tree().find("/bot/alpha").state is CellState.PARKED  # type: ignore[union-attr]

        assert bot.system.resume("/bot/alpha")
        epoch = before.exchanges[0].reconciled_epoch
        assert bot.wait_until(lambda s: s.exchanges[0].reconciled_epoch > epoch, GOES_ON_S)
        assert bot.wait_until(lambda s: "failed twice in a row" in s.exchanges[0].halted, GOES_ON_S)
        assert bot.wait_until(lambda s: all(m.open_orders == 0 for m in s.exchanges[0].markets), GOES_ON_S)
        assert bot.status().exchanges[1].halted == ""
        assert bot.summary().faultless


def test_a_journal_over_its_budget_ends_the_bot_with_code_3_and_says_why(tmp_path, monkeypatch, capsys):
    built: list[Bot] = []

    def broken(_self: JournalActor, _message: ReadJournal) -> None:
        if built:
            raise OSError("the disk is gone")

    def building(config: BotConfig, system: System) -> Bot:
        built.append(build(config, system))
        return built[0]

    monkeypatch.setattr("ganglion.bot.run.build", building)
    monkeypatch.setattr(orders_actor, "_JOURNAL_RETRY_S", 0.1)
    monkeypatch.setattr(JournalActor, "read", broken)
    options = RunOptions(seconds=GOES_ON_S, summary=tmp_path / "summary.json", log="json")
    assert run(configured(BUSY, tmp_path), options) is ExitCode.HALTED
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    (ended,) = [line for line in lines if line["event"] == "the_bot_ended_by_itself"]
    assert "journal" in ended["cause"]
    assert "the disk is gone" in ended["cause"]
    assert "look at each exchange for open" in ended["todo"]
    assert json.loads((tmp_path / "summary.json").read_text())["invariant_violations"] == 0


def test_a_bot_that_can_not_be_started_ends_with_code_3_and_says_why(tmp_path, monkeypatch, capsys):
    def failing(config: BotConfig, system: System) -> Bot:
        raise StartError("/bot: could not be started: OSError: the disk is gone")

    monkeypatch.setattr("ganglion.bot.run.build", failing)
    assert run(configured(BUSY, tmp_path), RunOptions(seconds=GOES_ON_S, log="json")) is ExitCode.HALTED
    assert "/bot: could not be started: OSError: the disk is gone" in capsys.readouterr().err
