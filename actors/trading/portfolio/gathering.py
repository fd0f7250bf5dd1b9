"""Everything that admission judges an intent by, at one instant, gathered from what the portfolio actor keeps.

Part of the portfolio actor, in a base of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from ganglion.actors.trading.portfolio.admission import Facts
from ganglion.actors.trading.portfolio.affording import Binding, limited_of
from ganglion.actors.trading.portfolio.limits import Pace
from ganglion.actors.trading.portfolio.permission import Permission
from ganglion.actors.trading.portfolio.portfolio import Portfolio
from ganglion.actors.trading.portfolio.wiring import ModeWiring, PortfolioSettings
from ganglion.messages.market import Market, TopOfBook
from ganglion.messages.orders import Intent
from ganglion.messages.values import Symbol


class Gathers:
    """The part of a portfolio that looks at all there is before a place."""

    _account: str
    _modes: dict[str, ModeWiring]
    _limits: Mapping[str, Binding]
    """Of each mode."""
    _account_limits: Binding
    """Of orders of modes that are not configured."""
    _settings: PortfolioSettings
    _money: Portfolio
    _may: Permission
    _pace: Pace
    _markets: dict[Symbol, Market]
    _tops: dict[Symbol, TopOfBook]
    _invalid: dict[Symbol, str]

    def _facts(self, intent: Intent, now_s: float, *, replacing: bool) -> Facts:
        mode, symbol, may, money = intent.mode, intent.symbol, self._may, self._money
        wiring = self._modes.get(mode)
        binding = self._limits.get(mode, self._account_limits)
        paused_until_s, pause_reason = may.pause_of(symbol)
        return Facts(
            account=self._account,
            now_s=now_s,
            epoch=may.epoch,
            state=may.states.effective(mode, symbol),
            paused_until_s=paused_until_s,
            pause_reason=pause_reason,
            draining=may.draining,
            connected=may.connected,
            reconciled=may.reconciled,
            known=intent.intent_id in money.reservations,
            # An operator also sells what a mode holds that is not configured any more.
            trades_here=intent.flatten or (wiring is not None and wiring.symbol == symbol),
            market=self._markets.get(symbol),
            top=self._tops.get(symbol),
            book_invalid=self._invalid.get(symbol),
            max_book_age_s=self._settings.max_book_age_s,
            limited=limited_of(money, intent, self._pace, binding, now_s, replacing=replacing) if binding else (),
        )
