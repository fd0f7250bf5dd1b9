"""What spans a configuration's tables: shares of an account, the gate to real money, what belongs to the engine.

Pure but for one look at which exchange ids ccxt has, by file name: importing ccxt costs a quarter of a second.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from ganglion.actors.exchange.ccxt.settings import OWNED_KEYS, SECRET_KEYS, is_loopback, urls_in
from ganglion.bot.errors import Problem
from ganglion.bot.tables import RESERVED, ExchangeTable, ModeTable, share_of

HUNDRED = Decimal(100)
ALSO_OWNED = frozenset({"retries", "rateLimit"})
"""Further words for what the engine does itself."""


def shares_of(modes: Iterable[tuple[str, ModeTable]]) -> tuple[dict[str, Decimal], list[Problem]]:
    """Each mode's part of its account, a share of 1: its own `funds`, or an equal part of what is left."""
    shares: dict[str, Decimal] = {}
    problems: list[Problem] = []
    by_account: dict[str, list[tuple[str, ModeTable]]] = {}
    for name, table in modes:
        by_account.setdefault(table.exchange, []).append((name, table))
    for account, members in by_account.items():
        said = {name: share_of(table.funds) for name, table in members if table.funds is not None}
        rest = [name for name, table in members if table.funds is None]
        total = sum(said.values(), Decimal(0))
        if total > HUNDRED:
            listed = " + ".join(f"{name} {share}%" for name, share in said.items())
            problems += [
                Problem(
                    f"modes.{name}.funds", f"the shares of {account} are {total}% together ({listed})", "lower them"
                )
                for name in said
            ]
        elif rest and total == HUNDRED:
            problems += [
                Problem(f"modes.{name}.funds", f"the other modes of {account} have all of it", "leave it a share")
                for name in rest
            ]
        shares |= {name: share / HUNDRED for name, share in said.items()}
        shares |= {name: (HUNDRED - total) / HUNDRED / len(rest) for name in rest}
    return shares, problems


def exchange_problems(name: str, table: ExchangeTable, *, trades: bool) -> list[Problem]:
    """What is wrong with an exchange whose single settings are right."""
    place = f"exchanges.{name}"
    problems = []
    if name in RESERVED or not name.replace("-", "").replace("_", "").isalnum():
        text = "is a name of the tree's own" if name in RESERVED else "is no name"
        problems.append(
            Problem(place, text, "use letters, digits, - and _, and none of " + ", ".join(sorted(RESERVED)))
        )
    if table.connector == "simulated":
        return problems + _simulated_problems(place, table)
    problems += _id_problems(place, table)
    problems += _ccxt_problems(place, table.ccxt)
    problems += _gate_problems(place, table)
    if trades and not table.credentials.given():
        hint = f'add [{place}.credentials] with key = "env:NAME" and secret = "env:NAME"'
        problems.append(Problem(f"{place}.credentials", "a mode trades here and there are none", hint))
    return problems


def points_home(table: ExchangeTable) -> bool:
    """True where every URL that the configuration gives ccxt is this machine's (and it gives some)."""
    urls = table.ccxt.get("urls")
    api = list(urls_in(urls.get("api"))) if isinstance(urls, Mapping) else []
    return bool(api) and all(is_loopback(url) for url in api)


def ccxt_ids() -> tuple[str, ...]:
    """Every exchange id that ccxt has streams for, by the names of its files."""
    spec = importlib.util.find_spec("ccxt")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return tuple(sorted(path.stem for folder in folders for path in (Path(folder) / "pro").glob("[a-z]*.py")))


def _simulated_problems(place: str, table: ExchangeTable) -> list[Problem]:
    wrong = {
        "id": table.id is not None,
        "ccxt": bool(table.ccxt),
        "credentials": bool(table.credentials.given()),
        "sandbox": table.sandbox,
        "live": table.live,
    }
    hint = 'remove it, or set connector = "ccxt"'
    return [
        Problem(f"{place}.{key}", 'means nothing with connector = "simulated"', hint) for key in wrong if wrong[key]
    ]


def _id_problems(place: str, table: ExchangeTable) -> list[Problem]:
    if table.id is None:
        return [Problem(f"{place}.id", "is missing", 'add id = "binance" or another of ccxt\'s exchanges')]
    known = ccxt_ids()
    if table.id in known:
        return []
    near = difflib.get_close_matches(table.id, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"ccxt has {len(known)}: {', '.join(known[:6])}, …"
    return [Problem(f"{place}.id", f"ccxt has no exchange {table.id!r} with streams", hint)]


def _ccxt_problems(place: str, settings: Mapping[str, object]) -> list[Problem]:
    problems = []
    for key in settings:
        if key in OWNED_KEYS | ALSO_OWNED:
            hint = "remove it: the engine reads numbers as text, has a rate budget of its own and never repeats a write"
            problems.append(Problem(f"{place}.ccxt.{key}", "belongs to the engine", hint))
        elif key in SECRET_KEYS:
            hint = f'write it under [{place}.credentials] as "env:NAME" or "file:PATH"'
            problems.append(Problem(f"{place}.ccxt.{key}", "is a secret", hint))
    return problems + _exception_problems(place, settings.get("exceptions"))


def _exception_problems(place: str, exceptions: object) -> list[Problem]:
    """Class names in `exceptions` must be ccxt's own; only then ccxt is imported."""
    if exceptions is None:
        return []
    import ccxt  # noqa: PLC0415 - a quarter of a second that nearly no configuration needs

    wrong = []
    for path, name in _leaves(exceptions):
        kind = getattr(ccxt, str(name), None)
        if not (isinstance(kind, type) and issubclass(kind, ccxt.BaseError)):
            near = difflib.get_close_matches(str(name), ccxt.errors.__all__, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "use a class of ccxt.base.errors"
            wrong.append(Problem(f"{place}.ccxt.exceptions{path}", f"ccxt has no error {name!r}", hint))
    return wrong


def _leaves(value: object, path: str = "") -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    else:
        yield path, value


def _gate_problems(place: str, table: ExchangeTable) -> list[Problem]:
    if table.sandbox or table.live or points_home(table):
        return []
    text = f"{table.id} is neither local nor its sandbox: this would trade real money"
    return [Problem(f"{place}.live", text, "set sandbox = true to try it first, or live = true if you mean it")]
