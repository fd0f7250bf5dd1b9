"""What others see of a portfolio: each mode its own funds, monitor, treasury and dashboard the whole account.

Part of the portfolio actor, in a base of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from ganglion.actors.trading.portfolio.permission import Permission
from ganglion.actors.trading.portfolio.portfolio import Portfolio
from ganglion.actors.trading.portfolio.resuming import view_of
from ganglion.actors.trading.portfolio.wiring import ModeWiring, PortfolioSettings
from ganglion.messages.account import Funds
from ganglion.messages.base import Message

VIEW = "view"
"""The timer of a view that was put off."""


class Shows:
    """The part of a portfolio that shows it."""

    _show_later: Callable[[], None]
    """Have `_publish_view` called after the settings' time."""
    publish: Callable[[Message], None]
    _modes: dict[str, ModeWiring]
    _money: Portfolio
    _may: Permission
    _settings: PortfolioSettings
    _sequence: int
    _funds_told: dict[str, Funds]
    """What each mode was told last."""
    _view_due = False

    def _show_all(self) -> None:
        for name in tuple(self._modes) or (None,):
            self._show(name)

    def _show(self, mode: str | None) -> None:
        """Funds at once, where they are others: decisions are made on them. The view at once or a while after it."""
        if not self._may.synced:
            return
        wiring = None if mode is None else self._modes.get(mode)
        if wiring is not None and mode is not None:
            funds = self._money.funds_of(mode, wiring.symbol)
            if funds is not self._funds_told.get(mode):
                self._funds_told[mode] = funds
                wiring.address.tell(funds)
        if self._view_due:
            return
        if self._settings.view_every_s:
            self._view_due = True
            self._show_later()
        else:
            self._publish_view()

    def _publish_view(self) -> None:
        self._view_due = False
        self.publish(view_of(self._money, self._may, self._sequence))
