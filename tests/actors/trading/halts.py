"""Trading states that the tests of trading start from."""

from ganglion.actors.trading.trading_states import account_scope, mode_scope
from ganglion.messages.trading import BOT_SCOPE, By, Cause, Scope, ScopeKind, SetTradingState, StateEntry, TradingState

ALPHA = account_scope("alpha")
GRID = mode_scope("alpha", "grid")
BTC_AT_ALPHA = Scope(ScopeKind.SYMBOL, "alpha", "BTC/USDT")
SCOPES = (BOT_SCOPE, ALPHA, GRID, BTC_AT_ALPHA)


def entry_of(
    state: TradingState = TradingState.HALTED, scope: Scope = ALPHA, cause: str = "a test", at_ms: int = 1
) -> StateEntry:
    """One scope's state."""
    return StateEntry(scope, state, Cause(cause, By.OPERATOR, at_ms, "anna"))


def halted_for(cause: str, scope: Scope = ALPHA) -> StateEntry:
    """A scope that is halted, by nobody in person."""
    return StateEntry(scope, TradingState.HALTED, Cause(cause, By.INVARIANT, 1))


def said(state: TradingState, scope: Scope = ALPHA, cause: str = "an operator said so") -> SetTradingState:
    """What an operator says to a portfolio."""
    return SetTradingState(scope, state, Cause(cause, By.OPERATOR, 1, "anna"))
