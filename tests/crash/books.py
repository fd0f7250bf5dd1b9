"""What a bot's journal and a venue's ledger say, and where they contradict each other. Pure, but for reading files.

Nothing here asks the bot: the journal is read from its folder with the reader that `ganglion journal` uses, and the
venue's ledger is what its control endpoint tells. Each finding is one sentence; none means that all is accounted for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from ganglion.actors.modes.levels import GridState, side_at
from ganglion.actors.trading.journal.reader import read_journal
from ganglion.actors.trading.journal.segments import Kind
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.client_ids import is_ours
from ganglion.actors.trading.orders.counted import Fact
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.orders.line import Line
from ganglion.messages.orders import Fill, OrderState
from ganglion.messages.values import ZERO, Side

NEVER_AT_THE_VENUE = frozenset({OrderState.INTENDED, OrderState.DENIED, OrderState.REJECTED})
"""States of an order that no venue has to know."""
OPEN = frozenset({"new", "partially_filled", "open", "pending"})

VenueAccount = Mapping[str, Any]
"""One account of `GET /control/ledger`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many orders of a mode may be open at once."""

    kind: str
    """`grid` or `market_making`."""
    levels: int
    """On each side."""


@dataclass
class Books:
    """One account's journal, read from its beginning, archived segments included."""

    ledger: Ledger
    intended: int = 0
    checkpoints: int = 0
    exposure: list[str] = field(default_factory=list)
    """Each time that a mode decided more than it may have open, or miscounted what was filled."""
    net: dict[str, list[tuple[int, Decimal]]] = field(default_factory=dict)
    """By mode: after each of its fills the fact's number, and bought less sold until then."""


# ------------------------------------------------------------------ reading


def read_books(folder: Path, bounds: Mapping[str, Bounds]) -> tuple[dict[str, Books], list[str]]:
    """Every account's books, and what is wrong with the journal itself (a torn end is nothing wrong).

    Args:
        folder: the bot's data folder.
        bounds: by mode.
    """
    books: dict[str, Books] = {}
    reader = read_journal(folder)
    wrong: list[str] = []
    for entry in reader:
        if not entry.account:
            continue
        own = books.setdefault(entry.account, Books(Ledger(entry.account)))
        if entry.kind is Kind.CHECKPOINT:
            own.checkpoints += 1
            continue
        record = r.decode(entry.record)
        if isinstance(record, r.Forgotten):
            # The bot may drop what is over; here every order of its life is compared.
            continue
        _count(own, own.ledger.apply(record))
        if isinstance(record, r.Intended):
            own.intended += 1
            own.exposure += _overexposed(own.ledger, record, bounds)
        elif isinstance(record, r.Saved):
            own.exposure += _miscounted(own, record, bounds)
    wrong += [f"journal: {flaw}" for flaw in reader.flaws if not flaw.torn]
    return books, wrong


def _overexposed(ledger: Ledger, record: r.Intended, bounds: Mapping[str, Bounds]) -> Iterator[str]:
    """Whether this decision came on top of orders that already stand for it."""
    intent = record.intent
    bound = bounds.get(intent.mode)
    if bound is None:
        return
    # One that turned up late was taken for not placed with proof, and is cancelled as soon as it is seen.
    # One that its trades fill only waits for the venue's last word.
    lines = [
        line
        for line in ledger.open_lines()
        if line.intent.mode == intent.mode and not line.late and line.filled < line.intent.amount
    ]
    beside = [line for line in lines if line.intent.side is intent.side]
    if bound.kind == "grid":
        same = [line for line in beside if line.intent.price == intent.price]
        if len(same) > 1:
            yield f"{intent.mode} decided {intent.side} at {intent.price} again while it was open: {_named(same)}"
    most = bound.levels * (2 if bound.kind == "grid" else 1)
    if len(beside) > most:
        yield f"{intent.mode} has {len(beside)} orders on side {intent.side}, {most} are its most: {_named(beside)}"


def _count(books: Books, facts: Iterable[Fact]) -> None:
    for fact in facts:
        if isinstance(fact, Fill) and fact.mode is not None:
            net = books.net.setdefault(fact.mode, [])
            net.append((fact.sequence, (net[-1][1] if net else ZERO) + fact.side.sign * fact.amount))


def _miscounted(books: Books, record: r.Saved, bounds: Mapping[str, Bounds]) -> Iterator[str]:
    """Whether a grid has forgotten a fill, or counted one twice: it would trade that level once more, or once less.

    What it bought less what it sold is one amount for each level that the gap has moved down, and what its orders were
    filled in part; told by its own fills up to the fact that the state says it contains.
    """
    bound = bounds.get(record.mode)
    if bound is None or bound.kind != "grid":
        return
    state = msgspec.json.decode(record.state, type=GridState)
    net = books.net.get(record.mode, [])
    index = bisect_right(net, record.sequence, key=lambda entry: entry[0])
    bought = net[index - 1][1] if index else ZERO
    parts = [order.side.sign * order.filled for order in state.orders.values()]
    parts += [side.sign * done for level, done in state.done.items() if (side := side_at(state, level)) is not None]
    counted = sum(parts, -state.gap * state.amount)
    if abs(bought - counted) > state.amount / 2:
        yield f"{record.mode} counts a net {counted} (gap {state.gap}), its fills come to {bought}"


def _named(lines: Iterable[Line]) -> str:
    return ", ".join(f"{line.client_id} {line.state}" for line in lines)


# ------------------------------------------------------------------ comparing


def lost_or_doubled(ledger: Ledger, account: VenueAccount, tag: str) -> list[str]:
    """What must hold at every instant, be the bot alive or dead: no order lost, none doubled, no fill made up."""
    orders = [order for order in account["orders"] if is_ours(order["client_id"], tag)]
    counts = Counter(order["client_id"] for order in orders)
    there = {(fill["symbol"], str(fill["trade_id"])) for fill in account["fills"]}
    real = [fill for fill in ledger.fills.values() if not fill.synthetic]
    return [
        *(f"DOUBLED: order {name} is {count} times at the venue" for name, count in counts.items() if count > 1),
        *(f"LOST: order {name} is not in the journal" for name in counts if name not in ledger.lines),
        *(
            f"SENT ALTHOUGH REFUSED: order {client_id} is {ledger.lines[client_id].state} in the journal"
            for client_id in counts
            if client_id in ledger.lines and ledger.lines[client_id].state is OrderState.DENIED
        ),
        *(f"MADE UP: fill {fill.symbol} {fill.trade_id}" for fill in real if (fill.symbol, fill.trade_id) not in there),
        *(
            f"I3: {line.client_id} is filled by {line.filled}, {line.intent.amount} were asked for"
            for line in ledger.lines.values()
            if line.filled > line.intent.amount
        ),
    ]


def differences(ledger: Ledger, account: VenueAccount, tag: str) -> list[str]:
    """Where books at rest differ: orders both ways, what is open, every fill, balances to the last digit, Unknown."""
    orders = {order["client_id"]: order for order in account["orders"] if is_ours(order["client_id"], tag)}
    known = {name for name, line in ledger.lines.items() if line.state not in NEVER_AT_THE_VENUE and line.exists}
    open_there = {client_id for client_id, order in orders.items() if order["status"] in OPEN}
    open_here = {line.client_id for line in ledger.open_lines()}
    fills_there = Counter((fill["symbol"], str(fill["trade_id"])) for fill in account["fills"])
    totals = {asset: Decimal(b["free"]) + Decimal(b["locked"]) for asset, b in account["balances"].items()}
    totals_here = ledger.totals()
    return [
        *lost_or_doubled(ledger, account, tag),
        *(f"order {client_id} is unknown to the venue" for client_id in sorted(known - orders.keys())),
        *(f"order {client_id} is open on one side only" for client_id in sorted(open_there ^ open_here)),
        *(f"order {line.client_id} is {line.state}" for line in ledger.open_lines() if line.state in _UNSETTLED),
        *(f"fill {key} is on one side only" for key in sorted(fills_there.keys() ^ ledger.fills.keys())),
        *(
            f"order {client_id} is filled by {ledger.lines[client_id].filled} here, {order['filled']} there"
            for client_id, order in orders.items()
            if client_id in ledger.lines and Decimal(order["filled"]) != ledger.lines[client_id].filled
        ),
        *(
            f"{asset}: {totals_here.get(asset, ZERO)} here, {totals.get(asset, ZERO)} there"
            for asset in sorted({*totals, *totals_here})
            if totals.get(asset, ZERO) != totals_here.get(asset, ZERO)
        ),
        *(f"external entry: {external.amount} {external.asset} ({external.reason})" for external in ledger.externals),
    ]


_UNSETTLED = frozenset({OrderState.UNKNOWN, OrderState.INTENDED, OrderState.SUBMITTED})


def exposure(ledger: Ledger, account: VenueAccount, tag: str, bounds: Mapping[str, Bounds]) -> list[str]:
    """Modes that have more open at the venue itself than one grid or one set of quotes."""
    by_mode: dict[str, list[Any]] = defaultdict(list)
    for order in account["orders"]:
        line = ledger.lines.get(order["client_id"])
        if order["status"] in OPEN and is_ours(order["client_id"], tag) and line is not None and not line.late:
            by_mode[line.intent.mode].append(order)
    found: list[str] = []
    for mode, orders in by_mode.items():
        bound = bounds.get(mode)
        if bound is None:
            continue
        for side in Side:
            count = sum(order["side"] == side for order in orders)
            most = bound.levels * (2 if bound.kind == "grid" else 1)
            if count > most:
                found.append(f"EXPOSURE: {mode} has {count} orders on side {side} at the venue, {most} are its most")
        if bound.kind == "grid":
            found += _levels(mode, orders, ledger)
    return found


def _levels(mode: str, orders: list[Any], ledger: Ledger) -> Iterator[str]:
    """At each level of a grid one order stands, and no more than the amount of one."""
    saved = ledger.saved.get(mode)
    amount = None if saved is None else msgspec.json.decode(saved.state, type=GridState).amount
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for order in orders:
        sums[order["side"], order["price"]].append(Decimal(order["quantity"]) - Decimal(order["filled"]))
    for (side, price), quantities in sums.items():
        if len(quantities) > 1:
            yield f"EXPOSURE: {mode} has {len(quantities)} orders to {side} at {price}"
        if amount is not None and sum(quantities) > amount:
            yield f"EXPOSURE: {mode} has {sum(quantities)} to {side} at {price}, one level is {amount}"
