"""One flatten from beginning to end: halt, cancel, sell what the modes' own fills hold, wait, and say what is left.

Used by the operator, on the same thread. The selling itself is the portfolio's; this only asks and waits.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from ganglion.bot.control import looks
from ganglion.bot.control.protocol import Effect, Sold
from ganglion.bot.process import ASK_S, Bot
from ganglion.bot.summary import money_text
from ganglion.bot.tree import Places
from ganglion.bot.views import OrderView
from ganglion.messages.trading import Flatten, FlattenPart, Scope, TradingState
from ganglion.messages.values import ZERO, base_of
from ganglion.supervision import ActorDeadError, Timeout

if TYPE_CHECKING:
    from ganglion.bot.control.operator import Operator

SETTLE_S = 2.0
"""So long an order that was on its way when the cancels went out may take to be cancelled too."""
SELL_WITHIN_S = 10.0
"""A sell that has not left by then is answered as expired."""


class Flattening:
    """One flatten of one scope."""

    def __init__(self, operator: Operator, bot: Bot, places: Places, scope: Scope, who: str) -> None:
        self._operator = operator
        self._bot = bot
        self._places = places
        self._scope = scope
        self._who = who
        self._told: list[str] = []

    def run(self, reason: str, until_s: float) -> Effect:
        """Do it; what could not be sold is said."""
        operator, scope, told = self._operator, self._scope, self._told
        cause = reason or "operator flatten"
        before = operator.open_orders(scope)
        if looks.all_halted(self._bot.status(), scope):
            halted = True
            told.append(f"{scope} is halted")
        else:
            halted = operator.set_state(scope, TradingState.HALTED, cause, self._who, until_s, told)
        gone, cancelled = operator.cancel(scope, cause, until_s, told, before)
        # One that was on its way when the cancels went out is open only now.
        operator.wait(lambda: not operator.open_orders(scope), min(until_s, time.monotonic() + SETTLE_S))
        parts, failed = self._sell()
        ids = {part.intent_id for _, part in parts if part.intent_id}
        ended = operator.wait(lambda: not ids - self._ended(), until_s)
        sold = tuple(self._sold(account, part) for account, part in parts)
        if not parts and not failed:
            told.append(f"nothing to sell in {scope}: its modes' own fills hold nothing")
        told += failed
        stuck = any(part.stuck for _, part in parts)
        done = halted and gone and not failed and ended and not stuck
        effect = operator.effect(scope, told, done=done, cancelled=cancelled)
        return msgspec.structs.replace(effect, sold=sold)

    def _sell(self) -> tuple[list[tuple[str, FlattenPart]], list[str]]:
        parts: list[tuple[str, FlattenPart]] = []
        failed: list[str] = []
        deadline_s = self._bot.system.clock.monotonic_s() + SELL_WITHIN_S
        unsettled = self._operator.unsettled(self._scope)
        for account in self._operator.accounts_of(self._scope):
            if account in unsettled:
                failed.append(
                    f"{account} sold nothing, what it holds is not known yet: it is not reconciled "
                    f"({unsettled[account]}). Flatten again once it is"
                )
                continue
            try:
                asked = Flatten(self._scope, self._who, deadline_s)
                told = self._places.portfolio(account).ask(asked, timeout=ASK_S)
            except (Timeout, ActorDeadError) as error:
                failed.append(f"{account} sold nothing: {error}")
                continue
            parts += [(account, part) for part in told]
        return parts, failed

    def _ended(self) -> set[str]:
        known = self._operator.orders()
        return {order.intent_id for order in known.orders if not order.open} | set(known.refused)

    def _sold(self, account: str, part: FlattenPart) -> Sold:
        known = self._operator.orders()
        order = next((order for order in known.orders if order.intent_id == part.intent_id), None)
        filled = ZERO if order is None else order.filled
        left = part.held - filled
        return Sold(
            account=account,
            mode=part.mode,
            symbol=part.symbol,
            held=money_text(part.held),
            sold=money_text(filled),
            average="" if order is None or order.average is None else money_text(order.average),
            left=money_text(left),
            why="" if not left else part.why or known.refused.get(part.intent_id, "") or _why(order, part, left),
        )


def _why(order: OrderView | None, part: FlattenPart, left: Decimal) -> str:
    if order is None:
        return "nothing was heard of its sell yet: look with `ganglion orders --all`"
    what = f"{money_text(left)} {base_of(part.symbol)}"
    return f"its sell is {order.state}, {what} are not sold: {order.reason or 'the book had no more bids'}"
