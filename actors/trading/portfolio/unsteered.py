"""Modes, or markets of modes, that the account's facts name and the configuration does not: nobody steers them.

Called by the portfolio actor after each Reconciled. It has the order line cancel what is open there; what is held stays
until an operator flattens. Touches nothing but the log and the order line that it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from structlog.typing import FilteringBoundLogger

from ganglion.actors.trading.money import moved, plain
from ganglion.actors.trading.portfolio.portfolio import Portfolio
from ganglion.actors.trading.portfolio.wiring import ModeWiring, ToOrders
from ganglion.messages.market import Market
from ganglion.messages.orders import CancelAll, Fill, OrderUpdate
from ganglion.messages.values import ZERO, Symbol, base_of
from ganglion.supervision import Address

REASON = "its mode is not configured any more"


def held_by_fills(money: Portfolio, mode: str, symbol: Symbol) -> Decimal:
    """Base asset that a mode's own fills left it with, fees taken off; 0 where it sold more than it bought."""
    own = (fill for fill in money.fills.values() if fill.mode == mode and fill.symbol == symbol)
    return max(ZERO, moved(own).get(base_of(symbol), ZERO))


def unsteered_pairs(
    facts: Iterable[Fill | OrderUpdate], modes: Mapping[str, ModeWiring]
) -> tuple[tuple[str, Symbol], ...]:
    """Each (mode, market) of fills or orders that no wiring is for, in the order they came."""
    wired = {(name, wiring.symbol) for name, wiring in modes.items()}
    found = ((fact.mode, fact.symbol) for fact in facts if fact.mode is not None)
    return tuple(pair for pair in dict.fromkeys(found) if pair not in wired)


class Unsteered:
    """What was told of it already."""

    def __init__(self) -> None:
        self._told: set[tuple[str, Symbol, int, Decimal]] = set()

    def take_back(
        self,
        money: Portfolio,
        open_orders: Mapping[str, OrderUpdate],
        modes: Mapping[str, ModeWiring],
        markets: Mapping[Symbol, Market],
        orders: Address[ToOrders],
        log: FilteringBoundLogger,
    ) -> None:
        """Say what nobody steers, each figure once, and have the order line cancel what is open of it."""
        known = tuple(open_orders.values())
        for mode, symbol in unsteered_pairs((*money.fills.values(), *known), modes):
            count = sum(order.mode == mode and order.symbol == symbol for order in known)
            held = held_by_fills(money, mode, symbol)
            market = markets.get(symbol)
            if market is not None and held < market.amount_step:
                held = ZERO  # dust: no order could sell it
            if count:
                orders.tell(CancelAll(mode, REASON, symbol=symbol))
            figures = (mode, symbol, count, held)
            if (count or held) and figures not in self._told:
                self._told.add(figures)
                log.warning(
                    "mode_not_configured",
                    account=money.account,
                    mode=mode,
                    symbol=symbol,
                    open_orders=f"{count}, being cancelled" if count else "none",
                    holds=f"{plain(held)} {base_of(symbol)}",
                    todo=_todo(money.account, mode, symbol, count, held),
                )


def _todo(account: str, mode: str, symbol: Symbol, count: int, held: Decimal) -> str:
    said = f"put [modes.{mode}] back on {account} {symbol}"
    if held:
        said += f"; or sell what it holds with `ganglion flatten {account}` (which halts {account})"
    if count:
        said += f"; `ganglion orders {account}` shows what is left, `ganglion cancel-all {account}` asks again"
    return said
