"""Judges a healed and quiet account against its venue: every order, every trade, every coin, to the last digit.

Called by the world at a settled point. Where the order line or the portfolio is away it can't be judged, which is a
violation of its own (I4): after healing every part must have come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from ganglion.actors.trading.money import add_to, minus, plain, plus, times
from ganglion.actors.trading.monitor.invariants import money_conserved
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.orders.line import Line
from ganglion.actors.trading.orders.states import is_open
from ganglion.actors.trading.portfolio.portfolio import Portfolio
from ganglion.messages.account import PortfolioView
from ganglion.messages.lifecycle import Violation
from ganglion.messages.orders import Fill, OrderState, OrderUpdate
from ganglion.messages.trading import By, TradingState
from ganglion.messages.values import ZERO, Asset, Symbol
from ganglion.simulation.judging import inside
from ganglion.simulation.judging.ends import MEANS
from ganglion.simulation.judging.oracle import VenueOracle
from ganglion.simulation.venue.events import Fill as VenueFill
from ganglion.simulation.venue.markets import QUANTUM
from ganglion.simulation.venue.orders import Order
from ganglion.supervision import System

KNOWN_OPEN = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED})
"""The states in which an order may stay: the venue has said that it works."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where an account's parts stand in the tree."""

    orders: str
    portfolio: str


def restless(system: System, places: Places) -> str:
    """Why now is no quiet point, for people; empty where the account can be judged."""
    told = inside.under_way(system, places.orders) + inside.held_back(system)
    ledger = inside.ledger_at(system, places.orders)
    if ledger is not None:
        for line in ledger.unsettled_lines():
            if line.state not in KNOWN_OPEN or line.question:
                told.append(f"{_named(line)} is {line.state}: {line.question or line.reason or 'on its way'}")
    if inside.money_at(system, places.portfolio) is None:
        told.append(inside.why_away(system, places.portfolio))
    return "; ".join(told)


def judge_settled(
    oracle: VenueOracle,
    system: System,
    places: Places,
    *,
    moved: Mapping[Asset, Decimal] | None = None,
) -> list[Violation]:
    """Judge I1, I3, I4, I6, I10 and exposure of one account at a settled point.

    Args:
        oracle: the account's truth.
        system: the bot that runs on it.
        places: where its parts stand.
        moved: what somebody else deposited (+) and withdrew (-) since the account was opened; nothing by default.
    """
    oracle.moved_by_others = oracle.moved_by_others or bool(moved)
    found = oracle.look(inside.ledger_at(system, places.orders))
    ledger = inside.ledger_at(system, places.orders)
    money, view = inside.money_at(system, places.portfolio), inside.view_at(system, places.portfolio)
    if ledger is None or money is None or view is None:
        away = places.orders if ledger is None else places.portfolio
        text = f"it can't be judged although all is healed: {inside.why_away(system, away)}"
        return [*found, oracle.violation("I4", text)]
    for text in (*inside.under_way(system, places.orders), *inside.held_back(system)):
        found.append(oracle.violation("I4", f"not settled: {text}"))
    found += _judge_lines(oracle, ledger)
    found += _judge_unknown_orders(oracle, ledger)
    found += _judge_trades(oracle, ledger)
    found += _judge_balances(oracle, ledger, money, view, moved or {})
    found += _judge_reservations(oracle, ledger, money)
    found += _judge_exposure(oracle, ledger)
    found += _judge_beliefs(oracle, ledger, system, places)
    return found


# ------------------------------------------------------------------ I3, I4: intents and orders


def _judge_lines(oracle: VenueOracle, ledger: Ledger) -> Iterator[Violation]:
    by_intent: dict[str, Line] = {}
    for line in ledger.lines.values():
        first = by_intent.setdefault(line.intent.intent_id, line)
        if first is not line:
            yield oracle.violation("I3", f"two lines are of one intent: {_named(first)}, and {_named(line)}")
        text = _unsettled(line) or _apart(oracle, line)
        if text:
            yield oracle.violation("I4", f"{_named(line)} {text}")


def _unsettled(line: Line) -> str:
    if is_open(line.state) and line.state not in KNOWN_OPEN:
        return f"is {line.state} ({line.reason or 'no reason given'}): after healing it is terminal or known to be open"
    if line.question:
        return f"is {line.state} and has an open question: {line.question}"
    return ""


def _apart(oracle: VenueOracle, line: Line) -> str:
    """Where a line and its order at the venue differ."""
    order = oracle.by_client_id.get(line.client_id)
    if order is None:
        if is_open(line.state) or line.filled or line.venue_id is not None:
            return (
                f"is {line.state}, filled {plain(line.filled)}, under venue id {line.venue_id}: the venue never had an "
                "order of it"
            )
        return ""
    if line.state not in MEANS[order.status]:
        wanted = " or ".join(sorted(MEANS[order.status]))
        return f"is {line.state} ({line.reason or 'no reason given'}), at the venue {wanted}: {oracle.told(order)}"
    if line.filled != order.filled:
        return f"is filled by {plain(line.filled)}, at the venue by {plain(order.filled)}: {oracle.told(order)}"
    if line.venue_id != oracle.spelling.order_id(order.symbol, order.id):
        return f"has venue id {line.venue_id}, at the venue it is {oracle.told(order)}"
    return ""


def _judge_unknown_orders(oracle: VenueOracle, ledger: Ledger) -> Iterator[Violation]:
    excused = oracle.lost_records and _halted_by_invariant(ledger)
    for client_id, order in oracle.by_client_id.items():
        if client_id in ledger.lines or excused or (ledger.forgotten and not order.status.is_open):
            continue
        yield oracle.violation("I4", f"{oracle.told(order)} has this bot's tag, and its ledger does not know it")


def _halted_by_invariant(ledger: Ledger) -> bool:
    """The account stands still because it found something impossible itself: an orphan, after records were lost."""
    return any(entry.state is TradingState.HALTED and entry.cause.by is By.INVARIANT for entry in ledger.states.entries)


# ------------------------------------------------------------------ I10: trades


def _judge_trades(oracle: VenueOracle, ledger: Ledger) -> Iterator[Violation]:
    known = {key: fill for key, fill in ledger.fills.items() if fill.intent_id is not None}
    for order, trade in oracle.fills_of_ours():
        key = (trade.symbol, oracle.spelling.trade_id(trade.symbol, trade.trade_id))
        fill = known.pop(key, None)
        if fill is None:
            if oracle.lost_records and order.client_id not in ledger.lines:
                continue  # counted as somebody else's: nobody can know any more whose it was
            how = "is counted as somebody else's" if key in ledger.fills else "was never counted"
            what = f"trade {key[1]} of {key[0]} ({plain(trade.quantity)} at {plain(trade.price)})"
            yield oracle.violation("I10", f"{what} {how}; it is one of {oracle.told(order)}")
            continue
        text = _miscounted(oracle, order, trade, fill)
        if text:
            yield oracle.violation("I10", f"trade {key[1]} of {key[0]} is counted wrong: {text}")
    for (symbol, trade_id), fill in known.items():
        what = "inferred and was never replaced" if fill.synthetic else "no trade of the venue's"
        yield oracle.violation(
            "I10",
            f"fill {trade_id} of {symbol} ({fill.side} {plain(fill.amount)} at {plain(fill.price)}) of intent "
            f"{fill.intent_id} is {what}",
        )


def _miscounted(oracle: VenueOracle, order: Order, trade: VenueFill, fill: Fill) -> str:
    taker = trade.taker_account == oracle.account.name
    fee = trade.taker_fee if taker else trade.maker_fee
    fee_asset = trade.taker_fee_asset if taker else trade.maker_fee_asset
    truth: dict[str, object] = {
        "client_id": order.client_id,
        "side": order.side,
        "price": trade.price,
        "amount": trade.quantity,
        "fee": fee,
    }
    if fee:
        truth["fee_asset"] = fee_asset
    counted = {name: getattr(fill, name) for name in truth}
    return ", ".join(
        f"{name} {counted[name]} instead of {value}" for name, value in truth.items() if counted[name] != value
    )


# ------------------------------------------------------------------ I1, I6: money


def _judge_balances(
    oracle: VenueOracle, ledger: Ledger, money: Portfolio, view: PortfolioView, moved: Mapping[Asset, Decimal]
) -> Iterator[Violation]:
    broken = money_conserved(view)
    if broken is not None:
        yield broken
    venue = {asset: balance.total for asset, balance in oracle.account.balances.items()}
    counted = ledger.totals()
    external: dict[Asset, Decimal] = {}
    for entry in ledger.externals:
        add_to(external, entry.asset, entry.amount)
    for asset in sorted({*venue, *counted, *money.holdings, *external, *moved}):
        truth = venue.get(asset, ZERO)
        for who, have in (("the portfolio", money.total(asset)), ("the order line", counted.get(asset, ZERO))):
            if have != truth:
                yield oracle.violation(
                    "I6",
                    f"{asset}: {who} counts {plain(have)}, the venue has {plain(truth)} (apart by "
                    f"{plain(minus(have, truth))})",
                )
        if external.get(asset, ZERO) != moved.get(asset, ZERO):
            yield oracle.violation(
                "I1",
                f"{asset}: external entries come to {plain(external.get(asset, ZERO))}, somebody else moved "
                f"{plain(moved.get(asset, ZERO))}: the rest is a fill or a fee that was not counted",
            )


def _judge_reservations(oracle: VenueOracle, ledger: Ledger, money: Portfolio) -> Iterator[Violation]:
    """What the portfolio holds for each order is what the venue has locked for it."""
    expected: dict[str, Order] = {}
    for order in oracle.account.open.values():
        line = ledger.lines.get(order.client_id)
        if line is not None and oracle.is_ours(order):
            expected[line.intent.intent_id] = order
    for intent_id, reservation in money.reservations.items():
        if intent_id not in expected:
            yield oracle.violation(
                "I1",
                f"{plain(reservation.need)} {reservation.asset} stay reserved for intent {intent_id} of "
                f"{reservation.mode}, which has no open order at the venue",
            )
    for intent_id, order in expected.items():
        held = money.reservations.get(intent_id)
        asset = _pays_in(oracle, order)
        need = ZERO if held is None else held.need
        slack = ZERO
        if order.fee_on_top:
            # The venue cuts the fee to its quantum with each fill; ours is exact, and so never below.
            slack = times(QUANTUM, Decimal(1 + _fills_of(oracle, order)))
        gap = minus(need, order.locked)
        if held is None or held.asset != asset or not ZERO <= gap <= slack:
            yield oracle.violation(
                "I1",
                f"{plain(need)} {asset if held is None else held.asset} are reserved for intent {intent_id}, the venue "
                f"has locked {plain(order.locked)} {asset} for {oracle.told(order)}",
            )


def _pays_in(oracle: VenueOracle, order: Order) -> Asset:
    market = oracle.venue.engine.markets[order.symbol]
    return market.quote if order.side == "buy" else market.base


def _fills_of(oracle: VenueOracle, order: Order) -> int:
    return sum(other is order for other, _ in oracle.fills_of_ours())


# ------------------------------------------------------------------ exposure, and who believes what

Exposure = dict[tuple[str, Symbol, str], Decimal]
"""Open amount by (mode, symbol, side)."""


def _judge_exposure(oracle: VenueOracle, ledger: Ledger) -> Iterator[Violation]:
    here: Exposure = {}
    there: Exposure = {}
    for line in ledger.open_lines():
        intent = line.intent
        key = (intent.mode, intent.symbol, str(intent.side))
        here[key] = plus(here.get(key, ZERO), minus(intent.amount, line.filled))
    for order in oracle.account.open.values():
        known = ledger.lines.get(order.client_id)
        if known is not None:
            key = (known.intent.mode, order.symbol, str(order.side))
            there[key] = plus(there.get(key, ZERO), order.remaining)
    for key in sorted({*here, *there}):
        ours, theirs = here.get(key, ZERO), there.get(key, ZERO)
        if ours != theirs:
            mode, symbol, side = key
            yield oracle.violation(
                "I4",
                f"exposure of {mode} in {symbol}: {side} orders over {plain(theirs)} are open at the venue, by the "
                f"ledger {plain(ours)}",
            )


def _judge_beliefs(oracle: VenueOracle, ledger: Ledger, system: System, places: Places) -> Iterator[Violation]:
    """The portfolio and each mode take the very orders for open that the ledger does."""
    truth = {line.intent.intent_id: ledger.update_of(line) for line in ledger.open_lines()}
    believed = inside.open_at(system, places.portfolio) or {}
    yield from _beliefs(oracle, "the portfolio", truth, believed)
    for mode, orders in inside.open_in_modes(system, oracle.name):
        own = {intent_id: update for intent_id, update in truth.items() if update.mode == mode}
        yield from _beliefs(oracle, f"mode {mode}", own, {order.intent_id: order for order in orders})


def _beliefs(
    oracle: VenueOracle, who: str, truth: Mapping[str, OrderUpdate], believed: Mapping[str, OrderUpdate]
) -> Iterator[Violation]:
    for intent_id in sorted({*truth, *believed}):
        real, taken = truth.get(intent_id), believed.get(intent_id)
        if real is None or taken is None or (real.state, real.filled) != (taken.state, taken.filled):
            yield oracle.violation(
                "I4", f"{who} takes intent {intent_id} for {_standing(taken)}, by the ledger it is {_standing(real)}"
            )


def _standing(update: OrderUpdate | None) -> str:
    return "not open" if update is None else f"{update.state}, filled {plain(update.filled)}"


def _named(line: Line) -> str:
    intent = line.intent
    return (
        f"intent {intent.intent_id} of {intent.mode} ({line.client_id}, {intent.side} {plain(intent.amount)} "
        f"{intent.symbol})"
    )
