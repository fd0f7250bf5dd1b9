"""What rows the journal's entries come to, and what the views make of them."""

import sqlite3
from contextlib import closing

import pytest

from ganglion.actors.trading.orders import records as r
from ganglion.bot.projection.database import FILE
from ganglion.bot.projection.events import Connection, Failed
from ganglion.messages.account import External
from ganglion.messages.orders import DenyReason, PlaceVerdict, Side
from ganglion.messages.values import Liquidity
from tests.actors.trading.evidence import OPENED, D, answered, intent, order, started, trade
from tests.actors.trading.halts import ALPHA, halted_for
from tests.bot.projection.stage import Journal

DAY_MS = 86_400_000
JAN_1_MS = 1_767_225_600_000


@pytest.fixture
def ask(tmp_path):
    journal = Journal(tmp_path)

    def ask(query, *entries):
        journal.write(*entries)
        journal.project()
        with closing(sqlite3.connect(tmp_path / FILE)) as connection:
            return connection.execute(query).fetchall()

    yield ask
    journal.log.close()


def told(name="t1", amount="0.4", price="100", side=Side.BUY, at_ms=JAN_1_MS, fee="0.001", fee_asset="BTC", **ids):
    made = trade(name, amount, side=side, **ids)
    return r.TradeEvidence(
        type(made)(
            symbol=made.symbol,
            trade_id=name,
            venue_order_id=made.venue_order_id,
            client_id=made.client_id,
            side=side,
            price=D(price),
            amount=made.amount,
            fee=D(fee),
            fee_asset=fee_asset,
            liquidity=Liquidity.MAKER,
            timestamp_ms=at_ms,
        )
    )


def test_an_order_has_its_whole_life_in_one_row(ask):
    query = (
        "SELECT state, open, filled, cost, venue_id, attempts, created_at, sent_at, updated_at, closed_at FROM orders"
    )
    entries = [*started(), answered(order()), told(amount="1"), r.OrderEvidence("c1", order("closed", "1"))]
    assert ask(query, *entries) == [
        (
            "filled",
            0,
            "1",
            "100",
            "v1",
            1,
            "2026-01-01T00:00:03.000Z",
            "2026-01-01T00:00:04.000Z",
            "2026-01-01T00:00:07.000Z",
            "2026-01-01T00:00:07.000Z",
        )
    ]


def test_an_order_that_came_back_to_life_is_not_closed(ask):
    absent = [answered(verdict=PlaceVerdict.RECONCILE, phase="maybe_sent"), r.NotPlaced("c1", "absent")]
    assert ask("SELECT state, closed_ms IS NULL FROM orders", *started(), *absent) == [("rejected", 0)]
    alive = r.OrderEvidence("c1", order())
    assert ask("SELECT state, closed_ms IS NULL, late FROM orders", alive) == [("accepted", 1, 1)]


def test_every_move_of_an_order_is_kept_with_its_reason(ask):
    entries = [*started(), r.Frozen(2, "the link broke"), r.OrderEvidence("c1", order())]
    assert ask("SELECT state, reason FROM order_states ORDER BY sequence", *entries) == [
        ("submitted", ""),
        ("unknown", "on its way when the link broke"),
        ("accepted", ""),
    ]


def test_an_intent_that_was_never_sent_says_why(ask):
    entries = [OPENED, r.Intended(intent(), 1, "c1"), r.Tombstoned("c1", DenyReason.EXPIRED, "too late")]
    assert ask("SELECT state, state_reason, sent_ms FROM orders", *entries) == [("denied", "too late", None)]


def test_a_stand_in_is_gone_once_the_real_trade_comes_and_sums_stay_exact(ask):
    entries = [*started(), r.OrderEvidence("c1", order("open", "0.5")), r.Inferred("c1", trade("", "0.5"))]
    assert ask("SELECT trade_id, synthetic FROM fills", *entries) == [("synthetic-c1-1", 1)]
    found = ask("SELECT trade_id, synthetic, amount FROM fills", told("t1", "0.2"))
    assert found == [("synthetic-c1-2", 1, "0.3"), ("t1", 0, "0.2")]
    ask("SELECT 1", told("t2", "0.3"))
    assert ask("SELECT fills, bought, spent, fees_base FROM positions") == [(2, "0.5", "50", "0.002")]


def test_a_trade_that_no_order_of_ours_claims_is_external_until_one_does(ask):
    owners = "SELECT trade_id, owner, client_id FROM trades"
    assert ask(owners, *started(), told()) == [("t1", "waiting", None)]
    assert ask(owners, r.AdoptedTrade("BTC/USDT", "t1")) == [("t1", "external", None)]
    assert ask("SELECT COUNT(*) FROM fills") == [(0,)]
    assert ask(owners, answered(order())) == [("t1", "ours", "c1")]
    assert ask("SELECT trade_id, mode FROM fills") == [("t1", "grid")]


def test_a_trade_of_before_the_opening_is_there_and_counts_for_nothing(ask):
    opened = r.Opened(OPENED.balances, 1_000, (("BTC/USDT", "t1"),))
    assert ask("SELECT owner FROM trades", opened, told()) == [("before",)]
    assert ask("SELECT COUNT(*) FROM balances WHERE cause = 'fill'") == [(0,)]


def test_balances_say_what_each_asset_came_to_and_why(ask):
    entries = [*started(), told(client_id="c1"), r.ExternalEntry(External("USDT", D("-10"), "a withdrawal"))]
    found = ask("SELECT asset, total, change, cause, reference FROM balances ORDER BY id", *entries)
    assert found == [
        ("USDT", "1000", "1000", "opening", ""),
        ("BTC", "3", "3", "opening", ""),
        ("USDT", "960", "-40", "fill", "t1"),
        ("BTC", "3.399", "0.399", "fill", "t1"),
        ("USDT", "950", "-10", "external", "a withdrawal"),
    ]
    assert ask("SELECT number, asset, amount, direction FROM transactions") == [(1, "USDT", "-10", "out")]


def test_a_settled_reconcile_writes_down_every_balance(ask):
    entries = [r.Frozen(7, "start"), OPENED, r.Settled(7, 5_000)]
    ask("SELECT 1", *entries)
    assert ask("SELECT asset, total FROM balances WHERE cause = 'reconcile'") == [("BTC", "3"), ("USDT", "1000")]
    assert ask("SELECT epoch, reason, read_ms, settled_ms - opened_ms FROM epochs") == [(7, "start", 5_000, 2_000)]


def test_a_trading_state_is_kept_with_who_lifted_it(ask):
    entries = [OPENED, r.StateSet(halted_for("I3: two orders")), r.StateLifted(ALPHA, "anna", 5)]
    found = ask("SELECT scope, target, state, cause, set_by, who FROM trading_states", *entries)
    assert found == [
        ("account", "alpha", "halted", "I3: two orders", "invariant", ""),
        ("account", "alpha", "active", "lifted", "operator", "anna"),
    ]


def test_a_state_that_was_set_already_is_no_change(ask):
    entries = [OPENED, r.StateSet(halted_for("first")), r.StateSet(halted_for("second"))]
    assert ask("SELECT cause FROM trading_states", *entries) == [("first",)]


def test_events_of_the_bots_own_parts_are_rows_with_their_time(ask):
    entries = [Failed("/bot/modes/grid", 1, "ValueError", "no", "TopOfBook"), Connection("alpha", "down", 3, "reset")]
    assert ask("SELECT kind, subject, error, text, number, time_at FROM events", *entries) == [
        ("failed", "/bot/modes/grid", "ValueError", "no (at TopOfBook)", 1, "2026-01-01T00:00:02.000Z"),
        ("connection", "alpha", "down", "reset", 3, "2026-01-01T00:00:03.000Z"),
    ]
    assert ask("SELECT what, who, why FROM trouble") == [("failed", "/bot/modes/grid", "ValueError: no (at TopOfBook)")]


def test_profit_by_day_carries_what_is_held_over_midnight(ask):
    bought = [*started(), told(client_id="c1", fee="0.1", fee_asset="USDT")]
    sold = [
        r.Intended(intent("i2", "0.4", Side.SELL), 2, "c2"),
        r.Sent("c2", 1),
        told("t2", "0.4", "110", Side.SELL, JAN_1_MS + DAY_MS, "0.5", "USDT", venue_id="v2", client_id="c2"),
    ]
    found = ask("SELECT day, fills, base_held, profit, profit_so_far FROM profit_by_day ORDER BY day", *bought, *sold)
    assert [row[0] for row in found] == ["2026-01-01", "2026-01-02"]
    assert [row[1] for row in found] == [1, 1]
    assert [pytest.approx(row[2]) for row in found] == [0.4, 0.0]
    assert [pytest.approx(row[3]) for row in found] == [-0.1, 3.5]
    assert pytest.approx(found[1][4]) == 3.4
    assert ask("SELECT base, quote, last_price, profit FROM profit_by_mode") == [("0", "3.4", "110", 3.4)]


def test_fees_are_summed_per_asset_and_those_in_a_third_asset_are_named(ask):
    fills = [told(client_id="c1", fee_asset="BNB"), told("t2", client_id="c1", fee_asset="BNB", fee="0.0000000001")]
    ask("SELECT 1", *started(), *fills)
    assert ask("SELECT asset, paid FROM fees") == [("BNB", "0.0010000001")]
    assert ask("SELECT fees_base, fees_quote, fees_other FROM days") == [("0", "0", '{"BNB":"0.0010000001"}')]
    assert ask("SELECT account, asset, paid FROM fees_by_asset") == [("alpha", "BNB", pytest.approx(0.0010000001))]


def test_open_orders_and_fills_are_found_with_their_modes(ask):
    ask("SELECT 1", *started(), answered(order()), told())
    assert ask("SELECT mode, filled, state FROM open_orders") == [("grid", "0.4", "partially_filled")]
    assert ask("SELECT mode, amount, order_amount, venue_id FROM fills_with_orders") == [("grid", "0.4", "1", "v1")]
    assert ask("SELECT state, orders FROM orders_by_state") == [("partially_filled", 1)]
    assert ask("SELECT asset, total FROM balances_now ORDER BY asset") == [("BTC", "3.399"), ("USDT", "960")]


def test_orders_that_the_ledger_forgets_stay_in_the_database(ask):
    ended = [*started(), told(amount="1", client_id="c1"), r.OrderEvidence("c1", order("closed", "1"))]
    assert ask("SELECT client_id, state FROM orders", *ended, r.Forgotten(10**15)) == [("c1", "filled")]
    assert ask("SELECT trade_id, order_state FROM fills_with_orders") == [("t1", "filled")]


def test_an_account_at_a_new_venue_begins_anew_and_what_halts_it_stays(ask):
    ask("SELECT 1", *started(), told(client_id="c1"), r.StateSet(halted_for("by hand")), r.VenueRenewed("a test"))
    for table in ("orders", "fills", "trades", "positions", "days", "fees", "balances", "order_states"):
        assert ask(f"SELECT COUNT(*) FROM {table}") == [(0,)]  # noqa: S608
    assert ask("SELECT state FROM trading_states") == [("halted",)]
    again = [OPENED, r.Intended(intent("i2"), 2, "c2"), r.Sent("c2", 1), told(client_id="c2", venue_id="v2")]
    assert ask("SELECT trade_id, client_id FROM fills", *again) == [("t1", "c2")]
    assert ask("SELECT fills, bought FROM positions") == [(1, "0.4")]
