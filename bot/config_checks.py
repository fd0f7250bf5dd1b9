"""What spans a configuration's tables: shares of an account, the gate to real money, what belongs to the engine.

Which exchange ids ccxt has is seen by its files' names. ccxt itself, a quarter of a second, is imported only where
credentials or settings of its own are to be judged; nothing of it is asked for over the network.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from ganglion.actors.exchange.ccxt.settings import OWNED_KEYS, SECRET_KEYS, is_loopback, urls_in
from ganglion.bot.dead_man import dead_man_problems
from ganglion.bot.errors import Problem
from ganglion.bot.tables import RESERVED, ExchangeTable, ModeTable, share_of

if TYPE_CHECKING:
    import ccxt

    from ganglion.bot.secrets import Secret

HUNDRED = Decimal(100)
ALSO_OWNED = frozenset({"retries", "rateLimit"})
"""Further words for what the engine does itself."""
USUAL_KEYS = frozenset({"urls", "options", "exceptions", "timeout", "hostname", "headers", "proxies"})
"""Settings that every class of ccxt has; for these alone it is not imported."""

CREDENTIAL_FIELDS = {
    "apiKey": "key",
    "secret": "secret",
    "password": "password",
    "uid": "uid",
    "walletAddress": "wallet",
    "privateKey": "private_key",
}
"""ccxt's names of credentials, and the configuration's."""
WHO = ("key", "wallet", "private_key", "uid")
"""Which credential says whose account it is, the first that there is."""


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


def exchange_problems(name: str, table: ExchangeTable, *, trades: bool, paper: bool = False) -> list[Problem]:
    """What is wrong with an exchange whose single settings are right; on `paper` it needs neither key nor gate."""
    place = f"exchanges.{name}"
    problems = []
    if name in RESERVED or not name.replace("-", "").replace("_", "").isalnum():
        text = "is a name of the tree's own" if name in RESERVED else "is no name"
        problems.append(
            Problem(place, text, "use letters, digits, - and _, and none of " + ", ".join(sorted(RESERVED)))
        )
    problems += _dead_man_problems(place, table)
    if table.connector == "simulated":
        return problems + _simulated_problems(place, table)
    problems += _id_problems(place, table)
    problems += _ccxt_problems(place, table)
    if paper:
        return problems
    problems += _gate_problems(place, table)
    if trades and not table.credentials.given():
        hint = f'add [{place}.credentials] with key = "env:NAME" and secret = "env:NAME"'
        problems.append(Problem(f"{place}.credentials", "a mode trades here and there are none", hint))
    return problems + _credential_problems(place, table)


def twice_problems(exchanges: Mapping[str, tuple[ExchangeTable, Mapping[str, Secret]]]) -> list[Problem]:
    """Each account that is configured under a second name: two parts would count and reserve the same money."""
    problems = []
    seen: list[tuple[str, tuple[object, ...], Secret]] = []
    for name, (table, credentials) in exchanges.items():
        who = next((credentials[field] for field in WHO if field in credentials), None)
        if table.connector == "simulated" or who is None:
            continue
        where = (table.id, table.sandbox, table.ccxt.get("urls"))
        same = next((other for other, there, them in seen if there == where and them == who), None)
        if same is not None:
            text = f"this is the same account twice: exchanges.{same} has the same id, address and key"
            hint = f"list its symbols under [exchanges.{same}], and point the modes there"
            problems.append(Problem(f"exchanges.{name}", text, hint))
        seen.append((name, where, who))
    return problems


def forget_problems(forget: Iterable[str], exchanges: Iterable[str]) -> list[Problem]:
    """What `[bot] forget` names although it is configured: nobody can trade on what is left behind."""
    known = set(exchanges)
    return [
        Problem(f"bot.forget[{index}]", f"{name} is configured", f"remove it, or take [exchanges.{name}] out")
        for index, name in enumerate(forget)
        if name in known
    ]


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


def _dead_man_problems(place: str, table: ExchangeTable) -> list[Problem]:
    exchange = _ccxt_exchange(table.id) if table.dead_man_s is not None else None
    has = None if exchange is None else bool(exchange.has.get("cancelAllOrdersAfter"))
    return dead_man_problems(place, table, has=has)


def _credential_problems(place: str, table: ExchangeTable) -> list[Problem]:
    """What ccxt's class needs besides the credentials that are given."""
    given = table.credentials.given()
    exchange = _ccxt_exchange(table.id) if given else None
    if exchange is None:
        return []
    needed = [CREDENTIAL_FIELDS.get(name, "") for name, wanted in exchange.requiredCredentials.items() if wanted]
    return [
        Problem(f"{place}.credentials.{field}", f"is missing, and {table.id} needs it", f'add {field} = "env:NAME"')
        for field in needed
        if field and field not in given
    ]


def _ccxt_exchange(exchange_id: str | None) -> ccxt.Exchange | None:
    """An instance of ccxt's plain class, to look at; None where there is no such id."""
    if exchange_id not in ccxt_ids():
        return None
    import ccxt  # noqa: PLC0415 - a quarter of a second

    kind = getattr(ccxt, exchange_id or "", None)
    return kind() if isinstance(kind, type) and issubclass(kind, ccxt.Exchange) else None


def _unknown_settings(place: str, table: ExchangeTable, settings: Iterable[str]) -> list[Problem]:
    """Keys that ccxt's constructor would keep and nothing would ever read."""
    wanted = list(settings)
    exchange = _ccxt_exchange(table.id) if wanted else None
    if exchange is None:
        return []
    known = [name for name, value in vars(exchange).items() if not name.startswith("_") and not callable(value)]
    problems = []
    for key in wanted:
        if not hasattr(exchange, key):
            near = difflib.get_close_matches(key, [*exchange.describe(), *known], n=1, cutoff=0.7)
            hint = f"did you mean {near[0]!r}?" if near else "remove it, or see ccxt's manual for its name"
            problems.append(Problem(f"{place}.ccxt.{key}", f"ccxt's {table.id} has no such setting", hint))
    return problems


def _ccxt_problems(place: str, table: ExchangeTable) -> list[Problem]:
    settings = table.ccxt
    problems = []
    judged = OWNED_KEYS | ALSO_OWNED | SECRET_KEYS | USUAL_KEYS
    problems += _unknown_settings(place, table, (key for key in settings if key not in judged))
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
