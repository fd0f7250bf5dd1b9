"""What an operator's scope means in this bot: `bot`, an account, ACCOUNT/SYMBOL, or a mode's name.

Pure. Read from the configuration, so that a wrong scope is told what there is.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from ganglion.actors.trading.trading_states import account_scope, mode_scope
from ganglion.messages.trading import BOT_SCOPE, Scope, ScopeKind


class UnknownScopeError(ValueError):
    """A scope that is nothing, or more than one thing, in this bot; the text says what there is."""


def parse_scope(text: str, accounts: Mapping[str, tuple[str, ...]], modes: Mapping[str, str]) -> Scope:
    """The scope of a text.

    Args:
        text: as an operator wrote it.
        accounts: symbols by account.
        modes: account by mode.

    Raises:
        UnknownScopeError: there is no such scope, or two.
    """
    kind, colon, name = text.partition(":")
    if colon and kind in {"account", "mode"}:
        found = [scope for scope in _named(name, accounts, modes) if scope.kind == kind]
    else:
        found = _named(text, accounts, modes)
    if len(found) > 1:
        choices = " or ".join(f"{scope.kind}:{text}" for scope in found)
        raise UnknownScopeError(f"{text!r} is more than one thing here: write {choices}")
    if not found:
        raise UnknownScopeError(_unknown(text, accounts, modes))
    return found[0]


def _named(text: str, accounts: Mapping[str, tuple[str, ...]], modes: Mapping[str, str]) -> list[Scope]:
    if text == "bot":
        return [BOT_SCOPE]
    found = []
    if text in accounts:
        found.append(account_scope(text))
    if text in modes:
        found.append(mode_scope(modes[text], text))
    account, _, symbol = text.partition("/")
    if symbol and symbol in accounts.get(account, ()):
        found.append(Scope(ScopeKind.SYMBOL, account, symbol))
    return found


def _unknown(text: str, accounts: Mapping[str, tuple[str, ...]], modes: Mapping[str, str]) -> str:
    symbols = [f"{account}/{symbol}" for account, listed in accounts.items() for symbol in listed]
    near = difflib.get_close_matches(text, ["bot", *accounts, *modes, *symbols], n=2)
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    return (
        f"there is no {text!r} in this bot{hint}. Scopes: bot; accounts {', '.join(accounts)}; markets "
        f"{', '.join(symbols)}; modes {', '.join(modes) or 'none'}"
    )
