"""The configuration as one JSON schema, for editors and other tools: `ganglion schema`."""

from __future__ import annotations

from typing import TypeAlias

import pydantic

from ganglion.actors.modes import find_mode, known_modes
from ganglion.bot.tables import NAME, BacktestTable, BotTable, ExchangeTable, ModeTable

Schema: TypeAlias = dict[str, object]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> Schema:
    """Everything that may stand in a bot.toml, with each installed mode's own settings."""
    definitions: dict[str, object] = {}
    modes = [_mode(name, definitions) for name in known_modes()]
    return {
        "$schema": DIALECT,
        "title": "ganglion bot.toml",
        "type": "object",
        "additionalProperties": False,
        "required": ["exchanges"],
        "properties": {
            "bot": _table(BotTable, definitions),
            "backtest": _table(BacktestTable, definitions),
            "exchanges": _named(_table(ExchangeTable, definitions)),
            "modes": _named({"anyOf": modes}),
        },
        "$defs": definitions,
    }


def mode_schema(name: str) -> Schema:
    """One mode's own settings.

    Raises:
        UnknownModeError: nothing of that name is installed.
    """
    return {"$schema": DIALECT, **find_mode(name).schema()}


def _named(table: Schema) -> Schema:
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": NAME.pattern},
        "additionalProperties": table,
    }


def _table(model: type[pydantic.BaseModel], definitions: dict[str, object]) -> Schema:
    schema = model.model_json_schema(ref_template="#/$defs/{model}")
    inner = schema.pop("$defs", {})
    definitions |= inner
    return schema


def _mode(name: str, definitions: dict[str, object]) -> Schema:
    """The common table and the mode's own settings as one."""
    common = _table(ModeTable, definitions)
    own = _table(find_mode(name).kind.Config, definitions)
    properties: Schema = {}
    for schema in (common, own):
        found = schema.get("properties")
        properties |= found if isinstance(found, dict) else {}
    properties["mode"] = {"const": name}
    return {**common, "title": name, "description": own.get("description", ""), "properties": properties}
