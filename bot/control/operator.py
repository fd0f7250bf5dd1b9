"""Carries out an operator's commands on a running bot: tells its parts, waits for the effect, says what came of it.

Works from outside the actors through the bot's handle: messages to portfolios and order lines, the collector's answers.
Called on the control server's threads; several commands may be under way, only flattens take turns.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from ganglion.actors.trading.orders.actor import READING
from ganglion.bot.collector import ReadOrders
from ganglion.bot.control import looks
from ganglion.bot.control.flattening import Flattening
from ganglion.bot.control.protocol import Command, Effect, Result
from ganglion.bot.control.scopes import parse_scope
from ganglion.bot.control.server import RefusedError
from ganglion.bot.process import ASK_S, Bot
from ganglion.bot.tree import BOT, Places
from ganglion.bot.views import OrdersView, OrderView, StateView
from ganglion.messages.base import Message
from ganglion.messages.lifecycle import CellState, ConnectionState
from ganglion.messages.orders import CancelAll, OrderState
from ganglion.messages.trading import (
    By,
    Cause,
    LiftTradingState,
    ReadLosses,
    Scope,
    ScopeKind,
    SetTradingState,
    TradingState,
)
from ganglion.messages.values import Side
from ganglion.supervision import ActorDeadError, Timeout

LOOK_S = 0.05
REACTS_S = 0.2
CANCEL_AGAIN_S = 2.0
"""While orders are left, cancels are asked for again: an order may have been on its way when the first went out."""


class Operator:
    """What an operator can do with one bot."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._places = Places(bot.system)
        self._accounts = {name: tuple(exchange.table.symbols) for name, exchange in bot.config.exchanges.items()}
        self._modes = {name: mode.table.exchange for name, mode in bot.config.modes.items()}
        self._flattening = threading.Lock()
        self.closing = threading.Event()
        """Set when the bot stops: who waits for an effect gives up."""

    def carry_out(self, command: Command, who: str) -> Result:
        """Do what a command says.

        Raises:
            UnknownScopeError: its scope is nothing in this bot.
            RefusedError: it can't be done; the text says why.
        """
        if self._bot.system.ended.is_set():
            raise RefusedError("the bot has ended by itself: see its log, then start it again")
        scope = parse_scope(command.scope, self._accounts, self._modes)
        until_s = time.monotonic() + command.timeout_s
        match command.command:
            case "status":
                return looks.status_row(self._bot, os.getpid(), self.orders().orders)
            case "tree":
                return looks.cell_rows(self._bot.tree(), BOT)
            case "orders":
                return self._list(scope, ended=command.all)
            case "halt":
                return self._set(command, scope, TradingState.HALTED, who, until_s)
            case "reduce":
                return self._set(command, scope, TradingState.REDUCING, who, until_s)
            case "cancel-all":
                return self._cancel_all(scope, command.reason or f"operator {who}: cancel-all", until_s)
            case "resume":
                return self._resume(scope, who, until_s)
            case "flatten":
                return self._flatten(command, scope, who, until_s)

    # -------------------------------------------------------------- what it works with

    def orders(self) -> OrdersView:
        """Every order that the bot's process heard of."""
        return self._places.at("collector").ask(ReadOrders(), timeout=ASK_S)

    def unsettled(self, scope: Scope) -> dict[str, str]:
        """The scope's accounts of which nobody can say now what is open and held, each with why."""
        return looks.unsettled(self._bot.status(), self.accounts_of(scope))

    def _list(self, scope: Scope, *, ended: bool) -> tuple[OrderView, ...]:
        orders = [order for order in self.orders().orders if looks.within(scope, order)]
        rows = tuple(order for order in orders if order.open or ended)
        if not rows and (found := looks.unsettled_texts(self.unsettled(scope))):
            raise RefusedError(
                f"not known yet what is open in {scope}: {'; '.join(found)}. Its journal lists none; look again once "
                "it is reconciled, or at the exchange"
            )
        return rows

    def open_orders(self, scope: Scope) -> list[OrderView]:
        """The scope's open orders."""
        return [order for order in self.orders().orders if order.open and looks.within(scope, order)]

    def accounts_of(self, scope: Scope) -> list[str]:
        """The accounts that a scope reaches."""
        return list(self._accounts) if scope.kind is ScopeKind.BOT else [scope.account]

    def wait(self, condition: Callable[[], bool], until_s: float) -> bool:
        """Wait until a condition holds; False if it did not in time, or the bot stops."""
        while not condition():
            if time.monotonic() >= until_s or self.closing.is_set() or self._bot.system.ended.is_set():
                return False
            time.sleep(LOOK_S)
        return True

    def tell(self, scope: Scope, *messages: Message) -> None:
        """Say something to the portfolios that a scope reaches; one that is down hears it first when it runs again."""
        for account in self.accounts_of(scope):
            for message in messages:
                self._places.portfolio(account).tell(message)

    def effect(self, scope: Scope, told: list[str], *, done: bool, cancelled: int = 0) -> Effect:
        """What a command came to, with what is not active now."""
        return Effect(
            scope=str(scope),
            done=done,
            told=tuple(told),
            cancelled=cancelled,
            still_open=len(self.open_orders(scope)),
            standing=looks.standing_in(self._bot.status(), scope, self._modes),
            unsettled=looks.unsettled_texts(self.unsettled(scope)),
        )

    # -------------------------------------------------------------- halt and reduce

    def _set(self, command: Command, scope: Scope, state: TradingState, who: str, until_s: float) -> Effect:
        told: list[str] = []
        # A mode takes its quotes back by itself when it hears of it: those count too.
        before = self.open_orders(scope)
        done = self.set_state(scope, state, command.reason or f"an operator said {command.command}", who, until_s, told)
        if state is TradingState.REDUCING:
            # A buy that rests would go on adding to what is to be reduced.
            gone, cancelled = self.cancel(scope, f"{scope} is reducing", until_s, told, before, side=Side.BUY)
            return self.effect(scope, told, done=done and gone, cancelled=cancelled)
        if not command.cancel:
            self._let_modes_react(scope, until_s)
            told += looks.unsettled_texts(self.unsettled(scope))
            if count := len(self.open_orders(scope)):
                told.append(f"{count} open orders were left as they are: --cancel, or `ganglion cancel-all {scope}`")
            return self.effect(scope, told, done=done)
        gone, cancelled = self.cancel(scope, f"{scope} is halted", until_s, told, before)
        return self.effect(scope, told, done=done and gone, cancelled=cancelled)

    def _let_modes_react(self, scope: Scope, until_s: float) -> None:
        """Market makers take their quotes back when they hear of it: what is on its way out is not left open."""
        time.sleep(REACTS_S)
        until_s = min(until_s, time.monotonic() + CANCEL_AGAIN_S)
        self.wait(lambda: all(o.state != OrderState.PENDING_CANCEL for o in self.open_orders(scope)), until_s)

    def set_state(
        self, scope: Scope, state: TradingState, cause: str, who: str, until_s: float, told: list[str]
    ) -> bool:
        """Bring a scope to a state and wait until every account it reaches has it in its journal and obeys it."""
        before = self._standing(scope)
        if before is not None and TradingState(before.state).severity >= state.severity:
            told.append(f"{scope} is {before.state} already: {before.cause} ({looks.by_text(before)})")
            if before.state == state:
                return True
            told.append(f"it stays {before.state}: `ganglion resume {scope}`, then `ganglion reduce {scope}`")
            return False
        self.tell(scope, SetTradingState(scope, state, Cause(cause, By.OPERATOR, self._now_ms(), who)))

        def missing() -> list[str]:
            return looks.without_state(self._bot.status(), scope, state, self.accounts_of(scope))

        if self.wait(lambda: not missing(), until_s):
            told.append(f"{scope} is {state}")
            return True
        told += [
            f"{account} has not said yet that it is {state}: it is down, and will be {state} before it places anything"
            for account in missing()
        ]
        return False

    def _standing(self, scope: Scope) -> StateView | None:
        """The scope's own state, where all accounts that it reaches have it."""
        status = self._bot.status()
        for state in (TradingState.HALTED, TradingState.REDUCING):
            if not looks.without_state(status, scope, state, self.accounts_of(scope)):
                return looks.own_state(status, scope)
        return None

    def _now_ms(self) -> int:
        return self._bot.system.clock.now_ms()

    # -------------------------------------------------------------- cancel-all

    def _cancel_all(self, scope: Scope, reason: str, until_s: float) -> Effect:
        told: list[str] = []
        gone, cancelled = self.cancel(scope, reason, until_s, told)
        active = [mode for mode in looks.modes_in(self._bot.status(), scope) if mode.trading == TradingState.ACTIVE]
        if active:
            names = ", ".join(mode.name for mode in active)
            told.append(f"{names} may place again: `ganglion halt {scope}` stops that")
        return self.effect(scope, told, done=gone, cancelled=cancelled)

    def cancel(
        self,
        scope: Scope,
        reason: str,
        until_s: float,
        told: list[str],
        before: Sequence[OrderView] = (),
        side: Side | None = None,
    ) -> tuple[bool, int]:
        """Cancel what is open in a scope now, or was `before`, and wait for it; (whether all is gone, cancelled).

        Orders that come later are not waited for: an active mode places again. Of an account that is not reconciled
        nobody knows what is open: it is asked all the same, and "none" is not said before it is.
        """

        def found(orders: Sequence[OrderView]) -> set[str]:
            return {order.intent_id for order in orders if side is None or order.side == str(side)}

        meant = found((*before, *self.open_orders(scope)))
        kind = f"open {side} orders" if side else "open orders"
        doubts = self.unsettled(scope)
        if not meant and not doubts:
            told.append(f"there were no {kind} in {scope}")
            return True, 0
        command = CancelAll(
            mode=scope.name if scope.kind is ScopeKind.MODE else None,
            reason=reason,
            symbol=scope.name if scope.kind is ScopeKind.SYMBOL else None,
            side=side,
        )

        def gone() -> bool:
            nonlocal doubts
            doubted = bool(doubts)
            if doubted:
                doubts = self.unsettled(scope)
            # Looked at after the doubts: what a reconcile has shown to be open is among them.
            left = found(self.open_orders(scope))
            if doubted:
                meant.update(left)
            return not doubts and not meant & left

        while True:
            self.tell(scope, command)
            again_s = min(until_s, time.monotonic() + CANCEL_AGAIN_S)
            if self.wait(gone, again_s) or time.monotonic() >= until_s or self.closing.is_set():
                break
        ended = [order for order in self.orders().orders if order.intent_id in meant and not order.open]
        filled = sum(order.state == OrderState.FILLED for order in ended)
        remaining = len(meant) - len(ended)
        cancelled = len(ended) - filled
        if meant:
            told.append(f"{len(meant)} {kind}: {cancelled} cancelled, {filled} filled meanwhile")
        elif not doubts:
            told.append(f"there were no {kind} in {scope}")
        told += _left_texts(doubts, remaining)
        return not remaining and not doubts, cancelled

    # -------------------------------------------------------------- resume

    def _resume(self, scope: Scope, who: str, until_s: float) -> Effect:
        self._check_losses(scope)
        told: list[str] = []
        epochs = {view.name: view.reconciled_epoch for view in self._bot.status().exchanges}
        paths = looks.parked_in(self._bot.status(), scope, BOT)
        done = self._unpark(paths, until_s, told)
        arms = [name for name in self._accounts if any(f"{path}/".startswith(f"{BOT}/{name}/") for path in paths)]
        # What was said to a part while it was parked (the warden's halt among it) it hears now, before it is lifted.
        soon_s = min(until_s, time.monotonic() + ASK_S)
        self.wait(lambda: all(self._is_back(account, epochs) for account in arms), soon_s)
        before = self._bot.status()
        was = looks.without_state(before, scope, None, self.accounts_of(scope))
        epochs = {view.name: view.reconciled_epoch for view in before.exchanges}
        for account in self.accounts_of(scope):
            refused = self._lift(account, scope, who, until_s)
            if refused:
                told.append(refused)
                done = False
        if not done:
            return self.effect(scope, told, done=False)
        if not was:
            effect = self.effect(scope, told, done=True)
            if not effect.standing:
                return msgspec.structs.replace(effect, told=(*told, f"{scope} is active already"))
            still = tuple(f"{state.scope} is still {state.state}" for state in effect.standing)
            own = f"nothing is lifted: {scope} has no state of its own, but not all of it is active"
            return msgspec.structs.replace(effect, done=False, told=(*told, own, *still))
        back = self.wait(lambda: all(self._is_back(account, epochs) for account in was), until_s)
        standing = looks.own_state(self._bot.status(), scope)
        if standing is not None:
            told.append(f"{scope} was {standing.state} again: {standing.cause}")
            return self.effect(scope, told, done=False)
        told.append(f"{scope} is active" if back else f"{scope} is active, and trades once its venue is reconciled")
        return self.effect(scope, told, done=True)

    def _check_losses(self, scope: Scope) -> None:
        try:
            losses = self._places.at("treasury").ask(ReadLosses(), timeout=ASK_S)
        except (Timeout, ActorDeadError):
            return  # it halts again by itself once it values again
        for loss in losses:
            if loss.scope == scope:
                raise RefusedError(f"{loss.text}: raise max_loss in the bot.toml and start the bot again, then resume")

    def _unpark(self, paths: list[str], until_s: float, told: list[str]) -> bool:
        """Let parked parts run again; False where one did not come back."""
        for path in paths:
            try:
                self._bot.system.resume(path)
            except (Timeout, ActorDeadError) as error:
                told.append(f"{path} could not be resumed: {error}")
                return False

            def settled(path: str = path) -> bool:
                cell = self._bot.tree().find(path)
                return cell is not None and cell.state is CellState.RUNNING

            if not self.wait(settled, min(until_s, time.monotonic() + ASK_S)):
                told.append(f"{path} was started and does not run: see its last failure with `ganglion tree`")
                return False
            told.append(f"{path} runs again")
        return True

    def _lift(self, account: str, scope: Scope, who: str, until_s: float) -> str:
        """Ask an order line to lift a scope's state; why it does not, empty where it does."""
        answers = [""]

        def answered() -> bool:
            answers[0] = self._places.orders(account).ask(LiftTradingState(scope, who), timeout=ASK_S)
            return READING not in answers[0]

        try:
            self.wait(answered, min(until_s, time.monotonic() + ASK_S))
        except (Timeout, ActorDeadError) as error:
            return f"{account} can't be resumed now: {error}"
        return f"not resumed: {answers[0]}" if answers[0] else ""

    def _is_back(self, account: str, epochs: dict[str, int]) -> bool:
        """Lifted and reconciled since; or set anew by what still is wrong."""
        status = self._bot.status()
        view = next(view for view in status.exchanges if view.name == account)
        if view.state != ConnectionState.LIVE or view.reconciled_epoch <= epochs[account]:
            return False
        return view.reconciled

    # -------------------------------------------------------------- flatten

    def _flatten(self, command: Command, scope: Scope, who: str, until_s: float) -> Effect:
        if not self._flattening.acquire(blocking=False):
            raise RefusedError("a flatten is under way: wait for it, look with `ganglion orders`")
        try:
            return Flattening(self, self._bot, self._places, scope, who).run(command.reason, until_s)
        finally:
            self._flattening.release()


def _left_texts(doubts: Mapping[str, str], remaining: int) -> Iterator[str]:
    """What a cancel could not bring to its end, and what becomes of it."""
    for text in looks.unsettled_texts(doubts):
        yield f"not known yet whether more is open: {text}. What its journal knows is cancelled as soon as it is"
    if remaining:
        yield (
            f"{remaining} may be open still: they stay wanted and are cancelled as soon as the venue answers and is "
            "reconciled"
        )
