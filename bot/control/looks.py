"""What an operator sees: the collector's status and the tree as the rows that travel over the control socket.

Pure but for reading the bot's handle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ganglion.bot.control.protocol import AccountRow, BalanceRow, CellRow, ModeRow, StatusRow
from ganglion.bot.process import Bot
from ganglion.bot.summary import money_text
from ganglion.bot.tree import BOT
from ganglion.bot.views import ExchangeView, ModeView, OrderView, StateView, Status
from ganglion.messages.trading import Scope, ScopeKind, TradingState
from ganglion.messages.values import path_name
from ganglion.supervision import CellInfo, Tree


def within(scope: Scope, order: OrderView) -> bool:
    """Whether an order belongs to a scope."""
    if scope.kind is not ScopeKind.BOT and scope.account != order.account:
        return False
    return scope.covers(order.mode, order.symbol)


def modes_in(status: Status, scope: Scope) -> list[ModeView]:
    """The modes that a scope reaches."""
    return [
        mode
        for mode in status.modes
        if scope.kind is ScopeKind.BOT or (scope.account == mode.account and scope.covers(mode.name, mode.symbol))
    ]


# ------------------------------------------------------------------ trading states


def by_text(state: StateView) -> str:
    """Who set a state."""
    return f"{state.by} {state.who}".strip()


def _states_of(view: ExchangeView, scope: Scope) -> list[StateView]:
    return [state for state in view.states if state.kind == scope.kind and state.scope == str(scope)]


def own_state(status: Status, scope: Scope) -> StateView | None:
    """A scope's own state, the severest that any account has of it; None where it is active."""
    found = [
        state
        for view in status.exchanges
        if scope.kind is ScopeKind.BOT or view.name == scope.account
        for state in _states_of(view, scope)
    ]
    return max(found, key=lambda state: TradingState(state.state).severity, default=None)


def without_state(status: Status, scope: Scope, state: TradingState | None, accounts: Sequence[str]) -> list[str]:
    """The accounts of a scope that do not have it in this state or a severer one; for None, those that have one."""
    found = []
    for view in status.exchanges:
        if view.name not in accounts:
            continue
        worst = max((TradingState(known.state).severity for known in _states_of(view, scope)), default=0)
        if (worst < state.severity) if state is not None else worst:
            found.append(view.name)
    return found


def all_halted(status: Status, scope: Scope) -> bool:
    """Whether everything in a scope is halted, by whichever scope."""
    views = [view for view in status.exchanges if scope.kind is ScopeKind.BOT or view.name == scope.account]
    if all(view.trading == TradingState.HALTED for view in views):
        return True
    modes = modes_in(status, scope)
    narrow = scope.kind in {ScopeKind.MODE, ScopeKind.SYMBOL}
    return narrow and bool(modes) and all(mode.trading == TradingState.HALTED for mode in modes)


def standing_in(status: Status, scope: Scope, modes: Mapping[str, str]) -> tuple[StateView, ...]:
    """What is not active in a scope: its own state, wider ones above it and narrower ones within it; each once."""
    found: dict[tuple[str, str], StateView] = {}
    for view in status.exchanges:
        if scope.kind is not ScopeKind.BOT and view.name != scope.account:
            continue
        for state in view.states:
            narrow = scope.kind in {ScopeKind.MODE, ScopeKind.SYMBOL}
            wide = state.kind in {ScopeKind.BOT, ScopeKind.ACCOUNT}
            if not narrow or wide or state.scope == str(scope) or _beside(state, scope, modes, status):
                found.setdefault((state.scope, state.state), state)
    return tuple(found.values())


def _beside(state: StateView, scope: Scope, modes: Mapping[str, str], status: Status) -> bool:
    """Whether a mode's state concerns a market's scope, or a market's that of a mode."""
    mode = state.scope if state.kind == ScopeKind.MODE else scope.name
    symbol = scope.name if scope.kind is ScopeKind.SYMBOL else state.scope.partition("/")[2]
    return mode in modes and any(view.name == mode and view.symbol == symbol for view in status.modes)


def all_states(status: Status) -> tuple[StateView, ...]:
    """Every scope that is not active, each state once."""
    found: dict[tuple[str, str, str], StateView] = {}
    for view in status.exchanges:
        for state in view.states:
            found.setdefault((state.kind, state.scope, state.state), state)
    return tuple(sorted(found.values(), key=lambda state: state.at_ms))


def unsettled(status: Status, accounts: Sequence[str]) -> dict[str, str]:
    """The accounts of which nobody can say now what is open and held, each with why."""
    return {view.name: view.unsettled for view in status.exchanges if view.name in accounts and view.unsettled}


def unsettled_texts(found: Mapping[str, str]) -> tuple[str, ...]:
    """The same as sentences."""
    return tuple(f"{account} is not reconciled yet: {why}" for account, why in found.items())


# ------------------------------------------------------------------ rows


def status_row(bot: Bot, pid: int, orders: Sequence[OrderView]) -> StatusRow:
    """The bot at one instant."""
    status, tree = bot.status(), bot.tree()
    open_by_account = Counter(order.account for order in orders if order.open)
    open_by_mode = Counter(order.mode for order in orders if order.open)
    known = {view.name: view.known for view in status.exchanges}
    states = [*(view.trading for view in status.exchanges), *(mode.trading for mode in status.modes)]
    return StatusRow(
        bot=bot.config.bot.name,
        pid=pid,
        seconds=round(status.seconds, 1),
        trading=max(map(TradingState, states), key=lambda state: state.severity, default=TradingState.ACTIVE),
        states=all_states(status),
        accounts=tuple(_account_row(view, open_by_account[view.name]) for view in status.exchanges),
        modes=tuple(
            _mode_row(mode, tree, open_by_mode[mode.name], known=known.get(mode.account, False))
            for mode in status.modes
        ),
        parked=status.parked,
        violations=status.violations,
        violated=status.violated,
    )


def _account_row(view: ExchangeView, open_orders: int) -> AccountRow:
    return AccountRow(
        name=view.name,
        connection=view.state,
        reason=view.reason,
        trading=view.trading,
        halted=view.halted,
        reconciled=view.reconciled,
        epoch=view.reconciled_epoch,
        balances_equal=view.balances_equal,
        open_orders=open_orders,
        fills=view.fills,
        balances={
            asset: BalanceRow(money_text(b.free), money_text(b.reserved), money_text(b.total))
            for asset, b in view.balances.items()
        },
        unsettled=view.unsettled,
        known=view.known,
        paused=view.paused,
        degraded=view.degraded,
    )


def _mode_row(view: ModeView, tree: Tree, open_orders: int, *, known: bool) -> ModeRow:
    cell = tree.find(f"{BOT}/modes/{view.name}")
    return ModeRow(
        name=view.name,
        account=view.account,
        symbol=view.symbol,
        actor="gone" if cell is None else str(cell.state),
        trading=view.trading,
        orders=view.orders,
        open_orders=open_orders,
        fills=view.fills,
        denied=view.denied,
        rejected=view.rejected,
        pnl=money_text(view.pnl) if known and view.pnl is not None else None,
        known=known,
    )


def cell_rows(tree: Tree, path: str) -> tuple[CellRow, ...]:
    """The supervision tree below a path, parents first."""
    root = tree.find(path) or tree.root
    return tuple(map(_cell_row, root.walk()))


def _cell_row(cell: CellInfo) -> CellRow:
    failure = cell.last_failure
    return CellRow(
        path=cell.path,
        actor=cell.actor,
        state=str(cell.state),
        incarnation=cell.incarnation,
        restarts=cell.restarts,
        last_failure="" if failure is None else f"{failure.error}: {failure.text}",
        queued=cell.queued,
        handled=cell.handled,
    )


def parked_in(status: Status, scope: Scope, bot: str) -> list[str]:
    """Paths of parked actors in a scope, the upper ones first."""
    top = {
        ScopeKind.BOT: bot,
        ScopeKind.ACCOUNT: f"{bot}/{scope.account}",
        ScopeKind.SYMBOL: f"{bot}/{scope.account}/books/{path_name(scope.name)}",
        ScopeKind.MODE: f"{bot}/modes/{scope.name}",
    }[scope.kind]
    paths = [text.partition(": ")[0] for text in status.parked]
    return sorted(path for path in paths if path == top or path.startswith(f"{top}/"))
