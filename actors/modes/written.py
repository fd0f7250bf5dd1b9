"""Settings as they are written: a text is no number, a number no flag, and a share in percent has no sign behind it.

Pure. Pydantic would make a 3 of "3" and a True of "yes"; where money and time hang on a setting, that hides a mistake.
`ModeConfig` and the tables of a bot.toml use it for each of their fields, before pydantic sees the value.
"""

from __future__ import annotations

import re
import types
import typing
from decimal import Decimal, InvalidOperation

NUMBERS = (int, float, Decimal)
_PERCENT = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*%\s*")


def as_written(value: object, name: str, annotation: object) -> object:
    """The value itself, where a field of this annotation may be written so.

    A Decimal may be a text of its digits: nothing is lost on that way. Fields of several kinds are left to pydantic.

    Raises:
        ValueError: saying how it is written; with no value but a number in percent, for it may be a secret.
    """
    kind = _one_kind(annotation)
    if kind is bool and value is not None and not isinstance(value, bool):
        raise ValueError("write true or false, without quotes")
    if kind not in NUMBERS:
        return value
    if isinstance(value, bool):
        raise ValueError("write a number; true and false are none")  # noqa: TRY004 - pydantic takes ValueError
    if isinstance(value, str):
        percent = _PERCENT.fullmatch(value)
        if percent is not None and name.endswith("_pct"):
            raise ValueError(f"write {percent[1]} (percent is meant)")
        if kind is not Decimal or not _is_number(value):
            raise ValueError("write a number, without quotes")
    return value


def _one_kind(annotation: object) -> object:
    """The type of a field, None set aside; None where it has several."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _one_kind(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not types.NoneType]
        return _one_kind(kinds[0]) if len(kinds) == 1 else None
    return annotation


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
