"""Reads a bot.toml into a `BotConfig`, or says everything that is wrong with it at once, each with its place.

Money stays exact: TOML numbers become Decimal from their own text. Secrets are read here and kept as `Secret`;
no problem's text repeats a value that could be one. Nothing of the network is touched: `check --online` does that.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec
import pydantic

from ganglion.actors.modes import BrokenModeError, ModeConfig, ModeEntry, UnknownModeError, find_mode
from ganglion.bot.config_checks import exchange_problems, forget_problems, shares_of, twice_problems
from ganglion.bot.errors import ConfigError, Problem
from ganglion.bot.loss_limits import loss_problems
from ganglion.bot.secrets import Scrubber, Secret, SecretError, parse_reference, read_secret
from ganglion.bot.tables import NAME, SYMBOL, BacktestTable, BotTable, CredentialsTable, ExchangeTable, ModeTable

Raw: TypeAlias = Mapping[str, object]
M = TypeVar("M", bound=pydantic.BaseModel)

SECTIONS = ("bot", "exchanges", "modes", "backtest")
PLACEHOLDERS: dict[type[pydantic.BaseModel], dict[str, object]] = {
    ExchangeTable: {"symbols": ("?/?",)},
    ModeTable: {"mode": "?", "exchange": "?", "symbol": "?/?"},
}
"""For required keys that are missing or wrong, so that the rest of the table can be judged."""
NO_TABLE = frozenset({"model_type", "model_attributes_type", "dict_type"})
"""What pydantic says where it wants a table."""
SAID = {"string_type": "write a string, in quotes", "finite_number": "write a number that is finite"}
"""What pydantic says in words of its own, by kind."""
MODE_KEYS = tuple(ModeTable.model_fields)


class ExchangeConfig(msgspec.Struct, frozen=True):
    """One exchange account, its secrets read."""

    name: str
    table: ExchangeTable
    credentials: dict[str, Secret]
    """By field: key, secret, password, uid, wallet, private_key."""


class ConfiguredMode(msgspec.Struct, frozen=True):
    """One trading mode, its own settings validated."""

    name: str
    table: ModeTable
    entry: ModeEntry
    settings: ModeConfig
    share: Decimal
    """Its part of the account, a share of 1."""


class BotConfig(msgspec.Struct, frozen=True):
    """A whole configuration in which everything fits together."""

    source: Path
    bot: BotTable
    exchanges: dict[str, ExchangeConfig]
    modes: dict[str, ConfiguredMode]
    backtest: BacktestTable = BacktestTable()

    @property
    def data(self) -> Path:
        """The bot's own folder."""
        return self.source.parent / (self.bot.data or f"{self.bot.name}.ganglion")

    @property
    def scrubber(self) -> Scrubber:
        """Takes this configuration's secrets out of texts."""
        secrets = [secret for exchange in self.exchanges.values() for secret in exchange.credentials.values()]
        ids = [exchange.table.id or "" for exchange in self.exchanges.values()]
        return Scrubber(secrets, names=(self.bot.name, *self.exchanges, *self.modes, *ids))


def load(path: Path, environment: Mapping[str, str] | None = None) -> BotConfig:
    """Read a configuration file.

    Raises:
        ConfigError: with everything that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        problem = Problem("file", f"can't be read: {why}", "`ganglion init` writes one to start from")
        raise ConfigError(str(path), [problem]) from None
    return parse(text, path, environment)


def parse(text: str, source: Path, environment: Mapping[str, str] | None = None, *, paper: bool = False) -> BotConfig:
    """Make a configuration of TOML text; relative paths in it start at the folder of `source`.

    Args:
        text: of the file.
        source: its path.
        environment: in which secrets stand; None for the process's own.
        paper: nothing will be placed at any exchange: neither credentials nor `live = true` are asked for.

    Raises:
        ConfigError: with everything that is wrong.
    """
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(source), [Problem("toml", str(error), "see https://toml.io for the notation")]) from None
    reader = _Reader(raw, source, os.environ if environment is None else environment, paper=paper)
    config = reader.read()
    if reader.problems:
        raise ConfigError(str(source), reader.scrubbed())
    return config


class _Reader:
    """Goes through one document and collects problems instead of stopping at the first."""

    def __init__(self, raw: Raw, source: Path, environment: Mapping[str, str], *, paper: bool) -> None:
        self._paper = paper
        self.problems: list[Problem] = []
        self._secrets_read: list[Secret] = []
        self._raw = raw
        self._source = source
        self._environment = environment

    def scrubbed(self) -> list[Problem]:
        """The problems without any secret that was read; places are names."""
        names = [str(name) for section in SECTIONS for name in self._section(section)]
        scrub = Scrubber(self._secrets_read, names=names).scrub
        return [Problem(found.place, scrub(found.text), scrub(found.hint)) for found in self.problems]

    def read(self) -> BotConfig:
        """Read what can be read; it is a whole configuration only where no problem was found."""
        for key in self._raw:
            if key not in SECTIONS:
                self.problems.append(_unknown_key(key, key, SECTIONS))
        bot = self._table(BotTable, "bot", self._section("bot")) or BotTable()
        exchanges = {
            name: exchange
            for name, raw in self._tables("exchanges", at_least_one=True)
            if (exchange := self._exchange(name, raw)) is not None
        }
        tables: list[tuple[str, ModeTable]] = []
        modes: list[ConfiguredMode] = []
        for name, raw in self._tables("modes", at_least_one=False):
            table, mode = self._mode(name, raw)
            tables += [(name, table)] if table else []
            modes += [mode] if mode else []
        shares, problems = shares_of(tables)
        self.problems += problems
        whole = {mode.name: msgspec.structs.replace(mode, share=shares[mode.name]) for mode in modes}
        told = {problem.place for problem in self.problems}
        for name, exchange in exchanges.items():
            # Credentials that are there but wrong have a problem of their own.
            trades = any(t.exchange == name for _, t in tables) and not self._raw_exchange(name).get("credentials")
            found = exchange_problems(name, exchange.table, trades=trades, paper=self._paper)
            self.problems += [problem for problem in found if not _follows(problem, f"exchanges.{name}", told)]
        self.problems += loss_problems(bot, {name: known.table for name, known in exchanges.items()}, tables)
        self.problems += forget_problems(bot.forget, self._section("exchanges"))
        self.problems += twice_problems({n: (e.table, e.credentials) for n, e in exchanges.items()})
        backtest = self._table(BacktestTable, "backtest", self._section("backtest")) or BacktestTable()
        return BotConfig(self._source, bot, exchanges, whole, backtest)

    # -------------------------------------------------------------- sections

    def _section(self, name: str) -> Raw:
        section = self._raw.get(name, {})
        if isinstance(section, dict):
            return section
        self.problems.append(Problem(name, "is no table", f"write [{name}]"))
        return {}

    def _tables(self, section: str, *, at_least_one: bool) -> Iterable[tuple[str, Raw]]:
        tables = self._section(section)
        if not tables and at_least_one:
            self.problems.append(Problem(section, "there is none", f"add a table [{section}.NAME]"))
        for name, raw in tables.items():
            if isinstance(raw, dict):
                if not NAME.match(name):
                    text, hint = "is no name for a part of the tree", "use up to 32 letters, digits, - and _"
                    self.problems.append(Problem(f"{section}.{name}", text, hint))
                yield name, raw
            else:
                self.problems.append(
                    Problem(f"{section}.{name}", "is no table", f"write [{section}.NAME] with its settings below")
                )

    def _exchange(self, name: str, raw: Raw) -> ExchangeConfig | None:
        place = f"exchanges.{name}"
        table = self._table(ExchangeTable, place, raw)
        symbols = raw.get("symbols")
        if isinstance(symbols, list):
            self.problems += [
                Problem(f"{place}.symbols[{index}]", f"{symbol!r} is no market", 'write it as "BTC/USDT"')
                for index, symbol in enumerate(symbols)
                if isinstance(symbol, str) and not SYMBOL.match(symbol)
            ]
        if table is None:
            return None
        return ExchangeConfig(name, table, self._secrets(f"{place}.credentials", table.credentials))

    def _secrets(self, place: str, table: CredentialsTable) -> dict[str, Secret]:
        found: dict[str, Secret] = {}
        for field, text in table.given().items():
            try:
                found[field] = read_secret(parse_reference(text), self._source.parent, self._environment)
                self._secrets_read.append(found[field])
            except SecretError as error:
                self.problems.append(Problem(f"{place}.{field}", str(error)))
        return found

    def _mode(self, name: str, raw: Raw) -> tuple[ModeTable | None, ConfiguredMode | None]:
        place = f"modes.{name}"
        entry = self._entry(place, raw.get("mode"))
        common = {key: value for key, value in raw.items() if key in MODE_KEYS}
        own = {key: value for key, value in raw.items() if key not in MODE_KEYS}
        table = self._table(ModeTable, place, common)
        self._check_market(place, raw)
        # Without the mode nobody can tell which keys are its own: no false alarms about them.
        settings = self._table(entry.kind.Config, place, own, also=MODE_KEYS) if entry else None
        if entry is None or table is None or settings is None:
            return table, None
        return table, ConfiguredMode(name, table, entry, settings, Decimal(0))

    def _entry(self, place: str, mode: object) -> ModeEntry | None:
        if not isinstance(mode, str):
            return None
        try:
            return find_mode(mode, self._source.parent)
        except (UnknownModeError, BrokenModeError) as error:
            self.problems.append(Problem(f"{place}.mode", str(error), "`ganglion modes` lists them"))
            return None

    def _check_market(self, place: str, raw: Raw) -> None:
        """The mode's exchange exists and lists its symbol; judged on the raw tables, whatever else is wrong there."""
        exchange, symbol = raw.get("exchange"), raw.get("symbol")
        exchanges = self._raw.get("exchanges")
        if not isinstance(exchange, str) or not isinstance(exchanges, dict):
            return
        if exchange not in exchanges:
            text = f"there is no [exchanges.{exchange}]"
            self.problems.append(Problem(f"{place}.exchange", text, _near(exchange, exchanges) or "add one"))
            return
        listed = exchanges[exchange].get("symbols") if isinstance(exchanges[exchange], dict) else None
        if isinstance(symbol, str) and isinstance(listed, list) and symbol not in listed:
            hint = f"add it to exchanges.{exchange}.symbols, or use one of {', '.join(map(str, listed))}"
            self.problems.append(Problem(f"{place}.symbol", f"{exchange} does not list {symbol!r}", hint))

    # -------------------------------------------------------------- one table

    def _raw_exchange(self, name: str) -> Raw:
        exchange = self._section("exchanges").get(name)
        return exchange if isinstance(exchange, dict) else {}

    def _table(self, model: type[M], place: str, raw: Raw, also: Iterable[str] = ()) -> M | None:
        """Validate one table; where it is wrong, what is right in it, for the checks that span tables."""
        try:
            return model.model_validate(raw)
        except pydantic.ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
        for details in found:
            location = details["loc"]
            known = (*model.model_fields, *also) if len(location) == 1 else _keys_at(model, location)
            self.problems.append(_problem(place, location, details["type"], details["msg"], known))
        wrong = {details["loc"][0] for details in found if details["loc"]}
        right = {key: value for key, value in raw.items() if key not in wrong}
        try:
            return model.model_validate(PLACEHOLDERS.get(model, {}) | right)
        except pydantic.ValidationError:
            return None


def _problem(place: str, location: tuple[int | str, ...], kind: str, text: str, known: tuple[str, ...]) -> Problem:
    """One of pydantic's errors with its place and what to do. Never with the value: it may be a secret."""
    where = place + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    if kind == "extra_forbidden":
        return _unknown_key(where, str(location[-1]), known)
    if kind == "missing":
        return Problem(where, "is missing", f"add {location[-1]} = ...")
    if kind in NO_TABLE:
        return Problem(where, "is no table", f"write [{where}] with its settings below")
    return Problem(where, SAID.get(kind) or text.removeprefix("Value error, "))


def _keys_at(model: type[pydantic.BaseModel], location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys of the table inside a table at which a location ends."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        kind = field.annotation if field is not None else None
        if not (isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)):
            return ()
        model = kind
    return tuple(model.model_fields)


def _follows(problem: Problem, place: str, told: set[str]) -> bool:
    """True where a problem only follows from one that was told: the key was left out because it is wrong."""
    if problem.place == f"{place}.live":
        return bool(told & {f"{place}.{key}" for key in ("id", "sandbox", "live", "ccxt")})
    return problem.place in told


def _unknown_key(place: str, key: str, known: Iterable[str]) -> Problem:
    known = tuple(known)
    hint = _near(key, known) or (f"known: {', '.join(sorted(known))}" if known else "remove it")
    return Problem(place, "unknown key", hint)


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""
