"""Loss limits: whether a mode, an account's modes together, or the whole bot lost more than it may.

Pure. The treasury asks at each valuation; what is over its limit it halts. A loss is minus the PnL of the modes' own
fills since the journal began, in the reference currency: restarts forget nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ganglion.actors.trading.money import negated, plain, total
from ganglion.actors.trading.trading_states import account_scope, mode_scope
from ganglion.messages.account import ModeResult
from ganglion.messages.trading import BOT_SCOPE, Loss, Scope
from ganglion.messages.values import Asset


@dataclass(frozen=True)
class LossLimits:
    """The most that each may lose; who is not named has no limit."""

    bot: Decimal | None = None
    accounts: Mapping[str, Decimal] = field(default_factory=dict)
    modes: Mapping[str, tuple[str, Decimal]] = field(default_factory=dict)
    """(account, most) by mode."""

    def __bool__(self) -> bool:
        """Whether there is a limit at all."""
        return self.bot is not None or bool(self.accounts) or bool(self.modes)


def exceeded(limits: LossLimits, results: Iterable[ModeResult], reference: Asset) -> Iterator[Loss]:
    """Every limit that is exceeded now.

    Without the price of what a mode holds its result is no result: neither it nor what it is part of is judged then. A
    fee whose asset has no price only makes a loss look smaller.
    """
    told = tuple(results)
    for mode, (account, most) in limits.modes.items():
        own = [result for result in told if result.mode == mode]
        yield from _judge(mode_scope(account, mode), own, most, reference)
    for account, most in limits.accounts.items():
        own = [result for result in told if result.account == account]
        yield from _judge(account_scope(account), own, most, reference)
    if limits.bot is not None:
        yield from _judge(BOT_SCOPE, list(told), limits.bot, reference)


def _judge(scope: Scope, results: list[ModeResult], most: Decimal, reference: Asset) -> Iterator[Loss]:
    if any(result.unpriced_holdings for result in results):
        return
    lost = negated(total(result.pnl for result in results))
    if lost <= most:
        return
    parts = ", ".join(f"{result.mode} {plain(result.pnl)}" for result in results if result.pnl)
    yield Loss(
        scope,
        f"loss limit: {scope} lost {plain(lost)} {reference}, max_loss is {plain(most)} (PnL of {parts})",
    )
