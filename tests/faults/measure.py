"""Does one row to a pair and says what came of it: how long until Live again, and everything that was not right."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import Any

import msgspec

from ganglion.messages.lifecycle import ConnectionState
from ganglion.messages.orders import OrderState
from ganglion.simulation.venue import ControlError, VenueControl
from tests.acceptance.stage import BTC, ETH
from tests.faults.pair import HURT, OPEN, Calm, Pair, by_order
from tests.faults.row import ABORT_USER, MUTE, Fate, Row, in_words

STRIKE_S = 25.0
"""Within so long every fault has to be met."""
AGREE_S = 15.0
STIR_S = 3.0
FOUND_S = 10.0
NOT_THERE = frozenset({OrderState.REJECTED, OrderState.DENIED})


class Outcome(msgspec.Struct, kw_only=True):
    """What one run of one row showed; seconds from the fault's end (its last strike, or the end of its time)."""

    dialect: str
    row: str
    run: int
    live_s: float = 0.0
    """To Live and reconciled; 0 where it stayed Live."""
    left: bool = False
    book_s: float = 0.0
    """To the first change of the last book."""
    orders_s: float = 0.0
    """Until every order that was struck is known."""
    struck: int = 0
    """Orders and cancels that were struck."""
    silence_s: float = 0.0
    """The calm arm's longest pause between two changes of a book."""
    restarts: int = 0
    problems: list[str] = []


def measure(pair: Pair, row: Row, run: int) -> Outcome:
    """Do a row once; never raises for what the bot does, that is a problem in the outcome."""
    outcome = Outcome(dialect=pair.dialect, row=row.name, run=run)
    try:
        _measure(pair, row, outcome)
    except (TimeoutError, AssertionError, LookupError, OSError) as error:
        outcome.problems.append(f"{type(error).__name__}: {error}")
    finally:
        pair.rows += 1
    return outcome


def _measure(pair: Pair, row: Row, outcome: Outcome) -> None:
    control = pair.control
    stir = _Stirring(pair)

    def healthy() -> bool:
        stir.now_and_then()
        return pair.quiet()

    pair.wait(healthy, 30, "the arm is Live and healthy before the row")
    pair.news.clear()
    # a frame before the row is what the calm arm's frames are compared from
    calm, violations = Calm(pair), len(pair.news.violations)
    began_ms, before = time.time_ns() // 1_000_000, len(control.faults(ever=True))
    if any(fault["kind"] == "kill" for fault in row.faults):
        over_s = _kill(pair)
    else:
        _switch_on(row, pair)
        over_s = _wait_for_the_end(pair, row, before)
    if row.halts:
        _see_it_halted(pair, row, outcome, began_ms)
    else:
        _see_it_back(pair, row, outcome, over_s, began_ms)
    if MUTE in row.faults:
        _unmute(pair)
    if not row.halts:
        outcome.problems += _agreement(pair)
    arm = pair.news.arms[HURT]
    outcome.restarts = len(arm.failed)
    outcome.silence_s = calm.longest_silence_s()
    outcome.problems += calm.problems()
    outcome.problems += [f"invariant violated: {text}" for text in pair.news.violations[violations:]]
    outcome.problems += _unexpected(row, outcome, arm.failed, arm.halted, arm.said)


def _switch_on(row: Row, pair: Pair) -> None:
    for fault in (*row.faults, *row.push):
        pair.control.fault(**in_words(fault, pair.dialect))


def _kill(pair: Pair) -> float:
    pair.hurt.kill()
    pair.wait(lambda: pair.news.state[HURT] is not ConnectionState.LIVE, 15, "it notices that the venue is gone")
    pair.hurt.start()
    return time.monotonic()


def _wait_for_the_end(pair: Pair, row: Row, before: int) -> float:
    """Wait until every fault was met and is over; when the last of them was, by the monotonic clock."""
    mine: list[dict[str, Any]] = []

    def over() -> bool:
        stir.now_and_then()
        mine[:] = [known for known in _faults(pair.control, before) if not _mutes(known)]
        return bool(mine) and all(_met(known) and (known["over"] or row.halts) for known in mine)

    stir = _Stirring(pair)
    longest = max((float(fault.get("seconds", 0)) for fault in row.faults if fault is not MUTE), default=0.0)
    pair.wait(over, STRIKE_S + longest, "every fault was met")
    offset_s = time.monotonic() - time.time()
    ends = [known["last_ms"] if row.halts else known["until_ms"] or known["last_ms"] for known in mine]
    return max(ends) / 1000 + offset_s


def _unmute(pair: Pair) -> None:
    """What the user stream did not tell must not surprise the next row: let it be read now."""
    pair.control.clear()
    moves = len(pair.news.arms[HURT].moves)
    pair.control.fault(**ABORT_USER)
    polled = pair.news.degraded[HURT]
    pair.wait(lambda: polled or len(pair.news.arms[HURT].moves) > moves, 10, "it connects again after the mute")
    stir = _Stirring(pair)

    def healthy() -> bool:
        # a stream that was silent is believed again when it speaks
        stir.now_and_then()
        return pair.settled(HURT) and not pair.news.degraded[HURT]

    pair.wait(healthy, 30, "it is healthy again after the mute")


def _faults(control: VenueControl, before: int) -> list[dict[str, Any]]:
    try:
        return control.faults(ever=True)[before:]
    except OSError:
        return []  # its door is closed


class _Stirring:
    """Moves the hurt venue's markets while a fault waits for an order: in a quiet one the modes have nothing to do."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._last_s = time.monotonic()
        self._sides = itertools.cycle(("buy", "sell"))

    def now_and_then(self) -> None:
        """Trade through the books if nothing has been met for a while."""
        if time.monotonic() - self._last_s > STIR_S:
            self._last_s = time.monotonic()
            side = next(self._sides)
            for symbol, quantity in ((BTC, "3"), (ETH, "40")):
                with contextlib.suppress(ControlError, OSError):
                    self._pair.control.sweep(symbol, side, quantity)


def _mutes(known: dict[str, Any]) -> bool:
    return bool(known["fault"].get("seconds") == MUTE["seconds"])


def _met(known: dict[str, Any]) -> bool:
    # a fault with a chance of its own may meet nothing
    fault = known["fault"]
    if fault["kind"] in {"refuse", "freeze"} or fault.get("probability", 1) < 1:
        return True
    return bool(known["hits"])


# ------------------------------------------------------------------ what has to come of it


def _see_it_back(pair: Pair, row: Row, outcome: Outcome, over_s: float, began_ms: int) -> None:
    control, news = pair.control, pair.news
    if row.leaves:
        pair.wait(lambda: news.arms[HURT].moves, row.patience_s, "it leaves Live")
    if row.breaks:
        pair.wait(lambda: news.arms[HURT].invalid_s, row.patience_s, "a book is said to be invalid")
    pair.wait(lambda: pair.settled(HURT) and _fed(pair, over_s), row.patience_s, "it is Live, reconciled and fed again")
    arm = news.arms[HURT]
    outcome.left = bool(arm.moves)
    if arm.moves and arm.reconciled_s:
        outcome.live_s = max(0.0, arm.reconciled_s[-1] - over_s)
    orders = _struck(control, began_ms)
    pair.wait(lambda: not _waiting(pair, orders), row.patience_s, f"{_names(orders)} are known")
    pair.wait(lambda: not news.orders_unknown(), row.patience_s, "no order is Unknown")
    outcome.book_s = max(0.0, *((pair.book_s(HURT, symbol, over_s) or over_s) - over_s for symbol in (BTC, ETH)))
    known_s = [arm.settled_s[entry["client_id"]] for entry in orders if entry["client_id"] in arm.settled_s]
    outcome.orders_s = max(0.0, max(known_s, default=over_s) - over_s)
    outcome.struck = len(orders)
    places = [entry for entry in orders if entry["kind"] == "place"]
    # what was taken for refused and is there after all has to be found by the polls
    pair.stage.system.wait_for(lambda: not (pair.news.follow() or _fates(pair, row, places)), FOUND_S)
    outcome.problems += _fates(pair, row, places)
    again = {name for name, times in by_order(control.requests(kind="place")).items() if times > 1}
    outcome.problems += [f"order {client_id} was sent more than once" for client_id in sorted(again)]


def _see_it_halted(pair: Pair, row: Row, outcome: Outcome, began_ms: int) -> None:
    control = pair.control
    pair.wait(lambda: pair.news.arms[HURT].halted, row.patience_s, "the account is halted")
    sent = len(control.requests(kind="place", since_ms=began_ms))
    if not any(fault["kind"] == "empty_account" for fault in row.faults):
        # an account that is not believed has no evidence; otherwise what was under way is known by then
        pair.wait(lambda: not pair.news.orders_unknown(), row.patience_s, "no order is Unknown")
    after = len(control.requests(kind="place", since_ms=began_ms))
    if after > sent + 2:
        outcome.problems.append(f"{after - sent} orders were sent after the halt")
    places = [entry for entry in _struck(control, began_ms) if entry["kind"] == "place"]
    outcome.problems += _fates(pair, row, places)


def _fed(pair: Pair, over_s: float) -> bool:
    return all(pair.book_s(HURT, symbol, over_s) is not None for symbol in (BTC, ETH))


def _struck(control: VenueControl, since_ms: int) -> list[dict[str, Any]]:
    """Places and cancels that were struck, each with the client id of its order."""
    entries = [e for e in control.requests(since_ms=since_ms) if e["fault"] and e["kind"] in {"place", "cancel"}]
    orders = control.ledger()["accounts"]["demo"]["orders"] if entries else []
    for entry in entries:
        if not entry["client_id"]:
            named = [o for o in orders if str(o["id"]) == entry["order_id"] and _is_of(entry["symbol"], o["symbol"])]
            entry["client_id"] = named[0]["client_id"] if named else ""
    return [entry for entry in entries if entry["client_id"]]


def _is_of(wire_id: str, symbol: str) -> bool:
    # some venues number the orders of each market by themselves, and name it in the request
    return not wire_id or wire_id in {symbol, symbol.replace("/", "")}


def _waiting(pair: Pair, orders: list[dict[str, Any]]) -> list[str]:
    known = pair.news.orders
    return [e["client_id"] for e in orders if known.get(e["client_id"], (OrderState.UNKNOWN, ""))[0] in OPEN]


def _names(entries: list[dict[str, Any]]) -> str:
    return ", ".join(entry["client_id"] for entry in entries) or "the orders"


def _fates(pair: Pair, row: Row, places: list[dict[str, Any]]) -> list[str]:
    found = []
    orders = pair.control.ledger()["accounts"]["demo"]["orders"]
    at_venue = {order["client_id"] for order in orders}
    open_there = {order["client_id"] for order in orders if order["status"] in {"new", "partially_filled"}}
    for client_id in dict.fromkeys(entry["client_id"] for entry in places):
        state, reason = pair.news.orders[client_id]
        there = client_id in at_venue
        if there and client_id not in open_there and state is OrderState.REJECTED and "not placed" not in reason:
            # refused to us by the venue's own word, there and ended all the same: what is left of it are its fills,
            # and those have to agree like all others
            continue
        if there == (state in NOT_THERE):
            found.append(f"order {client_id} is {state} ({reason}), and {'there' if there else 'not there'}")
        right = {
            Fate.EITHER: True,
            # what the venue refused by itself, below the fault, is not there and need not be
            Fate.KNOWN: there or not any(e["applied"] for e in places if e["client_id"] == client_id),
            Fate.NOT_PLACED: not there and "not placed" in reason,
            Fate.REFUSED: not there and state is OrderState.REJECTED,
        }[row.fate]
        if not right:
            found.append(f"order {client_id} should be {row.fate}: it is {state} ({reason or 'no reason'})")
    return found


def _agreement(pair: Pair) -> list[str]:
    """Whatever differs between bot and venue has to be gone soon: while it trades they always differ for moments."""
    left: dict[str, str] = {}

    def look() -> dict[str, str]:
        return {text.split(":")[0]: text for text in pair.differences()}

    def gone() -> bool:
        now = look()
        for key in [key for key in left if key not in now]:
            del left[key]
        return not left

    left.update(look())
    return [] if pair.stage.system.wait_for(gone, AGREE_S) else [f"bot and venue differ: {t}" for t in left.values()]


def _unexpected(row: Row, outcome: Outcome, failed: list[str], halted: list[str], said: list[str]) -> list[str]:
    found = []
    if row.leaves and not outcome.left:
        found.append("it did not leave Live")
    if row.leaves is False and outcome.left:
        found.append(f"it left Live: {said[0] if said else 'and did not say why'}")
    if len(failed) > row.restarts:
        found.append(f"{len(failed)} failures of actors: {', '.join(failed)} ({said[-1] if said else ''})")
    if halted and not row.halts:
        found.append(f"it was halted: {halted[0]}")
    if row.says and not any(row.says in text for text in said):
        found.append(f"nobody said {row.says!r}: {'; '.join(said[-3:]) or 'nothing was said'}")
    return found
