"""What a place has to pass; each refusal says what was wrong and what would be right."""

from collections import deque
from dataclasses import replace

import msgspec
import pytest

from ganglion.actors.trading.portfolio.admission import Facts, refuse
from ganglion.actors.trading.portfolio.limits import UNLIMITED, Limits, Standing
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import DenyReason, Side
from tests.actors.trading.evidence import D, intent
from tests.actors.trading.halts import halted_for
from tests.actors.trading.model_venue import MARKET

TOP = TopOfBook("alpha", "BTC/USDT", 99.0, 1.0, 101.0, 1.0, 7, 100.0)
NOBODY = Standing("mode grid", D(0), 0, deque())
ACCOUNT = replace(NOBODY, who="account alpha")


def facts(mode_limits=UNLIMITED, mode_standing=NOBODY, account_limits=UNLIMITED, account_standing=ACCOUNT, **changes):
    plain = Facts(
        account="alpha",
        now_s=101.0,
        epoch=1,
        state=None,
        paused_until_s=0.0,
        pause_reason="",
        draining=False,
        connected=True,
        reconciled=True,
        known=False,
        trades_here=True,
        market=MARKET,
        top=TOP,
        book_invalid=None,
        max_book_age_s=5.0,
        limited=((mode_limits, mode_standing), (account_limits, account_standing)),
    )
    return msgspec.structs.replace(plain, **changes)


def wish(**changes):
    return msgspec.structs.replace(intent(), **changes)


def test_a_sound_order_passes():
    assert refuse(wish(), facts()) is None


@pytest.mark.parametrize(
    ("changes", "reason", "says"),
    [
        ({"known": True}, DenyReason.INVALID, "make a new one"),
        ({"trades_here": False}, DenyReason.INVALID, "name it in the configuration"),
        ({"draining": True}, DenyReason.DRAINING, "being stopped"),
        ({"state": halted_for("I1: money")}, DenyReason.HALTED, "I1: money"),
        ({"paused_until_s": 103.5, "pause_reason": "429"}, DenyReason.PAUSED, "again in 2.5 s"),
        ({"reconciled": False}, DenyReason.NOT_RECONCILED, "wait for Resume"),
        ({"connected": False}, DenyReason.NOT_RECONCILED, "wait for Resume"),
        ({"epoch": 2}, DenyReason.STALE_EPOCH, "decide again"),
        ({"now_s": 2e9}, DenyReason.EXPIRED, "deadline passed"),
        ({"book_invalid": "gap"}, DenyReason.STALE_BOOK, "gap"),
        ({"top": None}, DenyReason.STALE_BOOK, "no book"),
        ({"now_s": 106.0}, DenyReason.STALE_BOOK, "6.0 s old"),
        ({"top": msgspec.structs.replace(TOP, bid=101.0)}, DenyReason.STALE_BOOK, "crossed"),
        ({"market": None}, DenyReason.INVALID, "not known"),
        ({"market": msgspec.structs.replace(MARKET, active=False)}, DenyReason.INVALID, "closed"),
    ],
)
def test_what_stands_in_the_way_is_named(changes, reason, says):
    refused = refuse(wish(), facts(**changes))
    assert refused is not None
    assert refused[0] is reason
    assert says in refused[1]


@pytest.mark.parametrize(
    ("changes", "reason", "says"),
    [
        ({"amount": D("0")}, DenyReason.INVALID, "above 0"),
        ({"price": D("-1")}, DenyReason.INVALID, "above 0"),
        ({"price": None}, DenyReason.INVALID, "worst price"),
        ({"account": "beta"}, DenyReason.INVALID, "does not trade"),
        ({"amount": D("0.12345")}, DenyReason.INVALID, "step 0.0001"),
        ({"price": D("100.001")}, DenyReason.INVALID, "step 0.01"),
        ({"amount": D("0.0400")}, DenyReason.BELOW_MINIMUM, "an amount of 0.05 would be enough"),
    ],
)
def test_what_is_wrong_with_an_order_is_named_with_what_would_be_right(changes, reason, says):
    refused = refuse(wish(**changes), facts())
    assert refused is not None
    assert refused[0] is reason
    assert says in refused[1]


def test_an_amount_under_the_least_names_one_that_satisfies_both_minimums():
    market = msgspec.structs.replace(MARKET, min_amount=D("0.01"))
    refused = refuse(wish(amount=D("0.005")), facts(market=market))
    assert refused[0] is DenyReason.BELOW_MINIMUM
    assert "least amount 0.01" in refused[1]
    assert "0.05 would be enough" in refused[1]


@pytest.mark.parametrize(
    ("limits", "standing", "says"),
    [
        ({"max_open_orders": 2}, {"open_orders": 2}, "max_open_orders is 2"),
        ({"max_orders_per_minute": 2}, {"placed": deque([41.5, 60.0, 70.0])}, "max_orders_per_minute is 2"),
        ({"max_notional_per_order": D("99")}, {}, "is 100 USDT"),
        ({"max_position": D("2.5")}, {"position": D("2")}, "buy at most 0.5"),
        ({"price_collar": D("0.01")}, {}, "use 101 at most"),
    ],
)
def test_limits_of_a_mode_and_of_an_account_deny_with_their_figures(limits, standing, says):
    order = wish(price=D("101.5")) if "price_collar" in limits else wish()
    over = Limits(**limits)
    stands = replace(NOBODY, **standing)
    for changes in (
        {"mode_limits": over, "mode_standing": stands},
        {"account_limits": over, "account_standing": replace(stands, who="account alpha")},
    ):
        refused = refuse(order, facts(**changes))
        assert refused is not None
        assert refused[0] is DenyReason.LIMIT
        assert says in refused[1]


def test_orders_of_more_than_a_minute_ago_do_not_count():
    stands = replace(NOBODY, placed=deque([10.0, 40.9]))
    assert refuse(wish(), facts(mode_limits=Limits(max_orders_per_minute=1), mode_standing=stands)) is None


def test_a_position_limit_never_stops_a_sell():
    stands = replace(NOBODY, position=D("9"))
    limits = Limits(max_position=D("1"))
    assert refuse(wish(side=Side.SELL), facts(mode_limits=limits, mode_standing=stands)) is None


def test_a_collar_lets_a_far_passive_price_through():
    limits = Limits(price_collar=D("0.01"))
    assert refuse(wish(price=D("50")), facts(mode_limits=limits)) is None
    assert refuse(wish(side=Side.SELL, price=D("150")), facts(mode_limits=limits)) is None
