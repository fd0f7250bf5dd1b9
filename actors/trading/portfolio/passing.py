"""What a portfolio passes on to the order line as it comes: cancels always, and words about trading states.

Handlers of the portfolio actor, in a base of their own. The order line keeps the states, and refuses what comes behind.
"""

from __future__ import annotations

from ganglion.actors.trading.portfolio.wiring import ToOrders
from ganglion.messages.lifecycle import HaltAccount, HaltMode
from ganglion.messages.orders import CancelAll, CancelOrder
from ganglion.messages.trading import SetTradingState
from ganglion.supervision import Address, receives


class PassesOn:
    """The part of a portfolio that only passes on."""

    _orders: Address[ToOrders]

    @receives
    def cancel(self, message: CancelOrder) -> None:
        """Always passes."""
        self._orders.tell(message)

    @receives
    def cancel_all(self, message: CancelAll) -> None:
        """Always passes."""
        self._orders.tell(message)

    @receives
    def halt_account(self, message: HaltAccount) -> None:
        """From the monitor or the warden."""
        self._orders.tell(message)

    @receives
    def halt_mode(self, message: HaltMode) -> None:
        """From the warden."""
        self._orders.tell(message)

    @receives
    def set_state(self, message: SetTradingState) -> None:
        """From an operator or a loss limit."""
        self._orders.tell(message)
