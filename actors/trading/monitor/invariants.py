"""The invariants I1 to I12 of the order line, each a function of plain facts: a Violation with all figures, or None.

Pure. The monitor actor feeds them, live and in the simulation. I13 (no state changes outside a turn), I14 (replay is
the live state) and whatever needs the venue's own books are judged by the simulation: docs/invariants.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ganglion.actors.trading.money import add_to, minus, moved, plain, plus
from ganglion.actors.trading.orders.states import may_move
from ganglion.actors.trading.trading_states import stops
from ganglion.messages import account as account_messages
from ganglion.messages import lifecycle as lifecycle_messages
from ganglion.messages import orders as order_messages
from ganglion.messages import trading as trading_messages
from ganglion.messages.account import AccountSnapshot, PortfolioView, Reconciled
from ganglion.messages.base import Message, Overflow
from ganglion.messages.lifecycle import BudgetSpent, DeadLetter, Violation
from ganglion.messages.orders import Admitted, Fill, OrderState, OrderUpdate, SendOrder
from ganglion.messages.trading import StateEntry
from ganglion.messages.values import ZERO, Asset

NEVER_DROPPED = frozenset(
    name
    for module in (order_messages, account_messages, lifecycle_messages, trading_messages)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Message) and kind.overflow is Overflow.KEEP
)
"""Order events, fills and all else that no mailbox may drop, by type name."""

ROUNDING = 1e-6
"""Costs and times are floats; they are summed up on both sides."""
_KEEPERS = frozenset({"orders", "portfolio"})
"""Who must hear of them: the actors that count with them."""


def money_conserved(view: PortfolioView) -> Violation | None:
    """I1: free + reserved + locked + fees = initial + net of fills + external, exactly, for every asset."""
    for asset in view.assets:
        have = plus(plus(plus(asset.free, asset.reserved), asset.locked), asset.fees)
        should = plus(plus(asset.initial, asset.net_fills), asset.external)
        if have != should:
            return Violation(
                "I1",
                view.account,
                f"{asset.asset}: free {plain(asset.free)} + reserved {plain(asset.reserved)} + locked "
                f"{plain(asset.locked)} + fees {plain(asset.fees)} = {plain(have)}, not initial {plain(asset.initial)} "
                f"+ fills {plain(asset.net_fills)} + external {plain(asset.external)} = {plain(should)}",
            )
        if asset.reserved < ZERO or asset.locked < ZERO:
            text = (
                f"{asset.asset}: reserved {plain(asset.reserved)}, locked {plain(asset.locked)}: neither can be below 0"
            )
            return Violation("I1", view.account, text)
    return None


def client_id_unique(owner: str, update: OrderUpdate) -> Violation | None:
    """I2: a client id belongs to one intent for ever; `owner` is the first that was seen with it."""
    if owner == update.intent_id:
        return None
    text = f"client id {update.client_id} belongs to intents {owner} and {update.intent_id}"
    return Violation("I2", update.account, text)


def one_order_per_intent(first_venue_id: str | None, update: OrderUpdate) -> Violation | None:
    """I3: an intent has one venue order."""
    if first_venue_id is None or update.venue_id is None or first_venue_id == update.venue_id:
        return None
    text = f"intent {update.intent_id} has venue orders {first_venue_id} and {update.venue_id}"
    return Violation("I3", update.account, text)


def not_overfilled(update: OrderUpdate) -> Violation | None:
    """I3: the sum of fills never exceeds the quantity."""
    if update.filled <= update.amount:
        return None
    text = f"intent {update.intent_id} over {plain(update.amount)} {update.symbol} is filled by {plain(update.filled)}"
    return Violation("I3", update.account, text)


def settled_in_time(update: OrderUpdate, since_s: float, now_s: float, most_s: float) -> Violation | None:
    """I4: every intent ends terminal or known-open within `most_s` of healing."""
    waited_s = now_s - since_s
    if waited_s <= most_s:
        return None
    return Violation(
        "I4",
        update.account,
        f"intent {update.intent_id} is {update.state} for {waited_s:.0f} s on a reconciled account ({update.reason}); "
        f"{most_s:.0f} s is the most",
    )


def placed_after_reconcile(
    order: SendOrder, account: str, opened: int | None, reconciled: int | None
) -> Violation | None:
    """I5: nothing is sent before the epoch that it was decided in is reconciled."""
    if opened is None or (order.epoch == opened == reconciled):
        return None
    return Violation(
        "I5",
        account,
        f"intent {order.intent.intent_id} of epoch {order.epoch} was sent in epoch {opened}, the last one reconciled "
        f"is {reconciled}",
    )


def balances_equal(reconciled: Reconciled) -> Violation | None:
    """I6: at a settled reconcile balances equal the venue's. What only came in is a deposit, told but no violation."""
    if all(difference.amount > 0 for difference in reconciled.differences):
        return None
    listed = "; ".join(difference.reason for difference in reconciled.differences)
    return Violation(
        "I6",
        reconciled.account,
        f"{listed}: a fill is missing, or somebody else moved money. Compare the trades with the venue's",
    )


def no_stand_ins(account: str, stand_ins: Sequence[Fill], most_s: float) -> Violation | None:
    """I6: every fill is a trade that the venue has told, within `most_s` of being inferred.

    Lists of trades trail the orders that they are of: `stand_ins` are the fills that have waited too long for theirs.
    """
    if not stand_ins:
        return None
    listed = "; ".join(
        f"{fill.side} {plain(fill.amount)} {fill.symbol} of intent {fill.intent_id} (client id {fill.client_id})"
        for fill in stand_ins
    )
    return Violation(
        "I6",
        account,
        f"the venue says filled without a trade for it since {most_s:.0f} s: {listed}. The fills were inferred, their "
        "fees are not known",
    )


def recount(snapshot: AccountSnapshot) -> dict[Asset, Decimal]:
    """What a snapshot's own facts come to per asset, counted from scratch."""
    sums: dict[Asset, Decimal] = {}
    for balance in snapshot.opening:
        add_to(sums, balance.asset, balance.total)
    for asset, amount in moved(snapshot.fills).items():
        add_to(sums, asset, amount)
    for external in snapshot.externals:
        add_to(sums, external.asset, external.amount)
    return sums


def counted_right(snapshot: AccountSnapshot, views: Mapping[Asset, Decimal]) -> Violation | None:
    """I1: the portfolio's totals are what the snapshot's facts come to."""
    sums = recount(snapshot)
    for asset in sorted({*sums, *views}):
        ours, facts = views.get(asset, ZERO), sums.get(asset, ZERO)
        if ours != facts:
            return Violation(
                "I1",
                snapshot.account,
                f"{asset}: the portfolio counts {plain(ours)}, the order line's facts come to {plain(facts)} "
                f"(apart by {plain(minus(ours, facts))})",
            )
    return None


def legal_move(old: OrderState, update: OrderUpdate) -> Violation | None:
    """I7: only legal state moves."""
    if may_move(old, update.state):
        return None
    text = f"intent {update.intent_id} moved from {old} to {update.state}"
    return Violation("I7", update.account, text)


def filled_grows(before: Decimal, update: OrderUpdate) -> Violation | None:
    """I7: the filled quantity only grows."""
    if update.filled >= before:
        return None
    text = f"intent {update.intent_id} was filled by {plain(before)} and is by {plain(update.filled)} now"
    return Violation("I7", update.account, text)


def book_fit(admitted: Admitted, max_age_s: float) -> Violation | None:
    """I8: what was decided on is neither old nor crossed, and has no gap."""
    top = admitted.top
    if top is None:
        book = f"no book of {admitted.symbol} at all"
    elif admitted.book_invalid is not None:
        book = f"a book of {admitted.symbol} that was not valid: {admitted.book_invalid}"
    else:
        age_s = admitted.at_s - top.received_s
        if age_s <= max_age_s and top.bid < top.ask:
            return None
        book = f"a book of {top.symbol} {age_s:.2f} s old (most {max_age_s:g}) at {top.bid} / {top.ask}"
    return Violation("I8", admitted.account, f"intent {admitted.intent_id} was admitted on {book}")


def not_halted(order: SendOrder, account: str, state: StateEntry | None) -> Violation | None:
    """I9: REDUCING: no order that does not reduce; HALTED: none but an operator's flatten, which reduces."""
    intent = order.intent
    if state is None or not stops(state, intent.side, flatten=intent.flatten):
        return None
    text = f"intent {intent.intent_id} ({intent.side} {plain(intent.amount)} {intent.symbol}) was sent although "
    return Violation("I9", account, f"{text}{state.scope} is {state.state} ({state.cause})")


def fill_once(known: bool, fill: Fill) -> Violation | None:  # noqa: FBT001 - the one fact beside the fill
    """I10: a fill is applied exactly once."""
    if not known or fill.trade_id in fill.replaces:
        return None
    text = f"trade {fill.trade_id} of {fill.symbol} was applied twice"
    return Violation("I10", fill.account, text)


def unspent(spent: BudgetSpent) -> float:
    """How far the spending is behind the refill since time 0: over the lowest of it no later one may rise by a burst.

    The envelope of a leaky bucket: units sent in any t seconds are at most burst + units_per_s * t. Kept as one figure
    it needs no history.
    """
    return spent.units - spent.units_per_s * spent.at_s


def budget_kept(spent: BudgetSpent, least: float) -> Violation | None:
    """I11: the rate budget is never exceeded; `least` is the lowest `unspent` of the reports before this one."""
    most = max(spent.burst, spent.dearest)
    above = unspent(spent) - least
    if above <= most + ROUNDING:
        return None
    text = (
        f"{above:.2f} units were sent beyond {spent.units_per_s:g} a second, the bucket holds {most:g} "
        f"({spent.requests} requests, {spent.units:.2f} units so far)"
    )
    return Violation("I11", spent.exchange, text)


def reserve_kept(before: BudgetSpent | None, spent: BudgetSpent) -> Violation | None:
    """I11: no priority reaches into what is kept for a higher one; each time it does so farther is told."""
    known = 0.0 if before is None else before.overdrawn
    if spent.overdrawn <= max(known, ROUNDING):
        return None
    text = f"a request went although {spent.overdrawn:.2f} units were missing: they are kept for a higher priority"
    return Violation("I11", spent.exchange, text)


def silent_in_a_ban(before: BudgetSpent, spent: BudgetSpent) -> Violation | None:
    """I11: nothing is sent while the venue has asked for silence."""
    if spent.requests == before.requests or spent.at_s >= before.banned_until_s:
        return None
    left_s = before.banned_until_s - spent.at_s
    text = f"{spent.requests - before.requests} requests were sent in a ban that had {left_s:.1f} s to go"
    return Violation("I11", spent.exchange, text)


def nothing_dropped(letter: DeadLetter, account: str) -> Violation | None:
    """I12: an order event or a fill is never dropped on its way to who counts with it."""
    if letter.fenced or letter.type not in NEVER_DROPPED or letter.path.rpartition("/")[2] not in _KEEPERS:
        return None
    return Violation("I12", account, f"{letter.type} to {letter.path} was dropped: {letter.reason}")
