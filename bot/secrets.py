"""Secrets: read from the environment or from files, shown nowhere.

The configuration holds references (`env:NAME`, `file:PATH`), never values. A `Secret` prints as its reference;
`Scrubber` takes the values out of every text that leaves the process: log lines, errors, the tree, the summary.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import msgspec

FORMS = 'write "env:NAME" or "file:PATH"'
SHORTEST_SCRUBBED = 4
"""Shorter values are no secrets, and scrubbing them would cut up every text."""
SHORTEST_ANYWHERE = 8
"""Shorter ones may be words, and are hidden as whole tokens only."""
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
LITERAL = re.compile(r'"(?P<inner>(?:[^"\\]|\\.)*)"(?P<key>(?=\s*:))?')
"""A string of a JSON text, and whether it is a key."""
HIDDEN = "***"


class SecretError(ValueError):
    """A secret can't be read; the text names the reference, never a value."""


class Reference(msgspec.Struct, frozen=True):
    """Where a secret stands."""

    kind: str
    """env | file."""
    name: str

    def __str__(self) -> str:
        """As it stands in the configuration."""
        return f"{self.kind}:{self.name}"


class Secret:
    """A value that is handed on only by `reveal`; prints, formats and compares without showing it."""

    __slots__ = ("_value", "reference")

    def __init__(self, value: str, reference: Reference) -> None:
        self._value = value
        self.reference = reference

    def reveal(self) -> str:
        """The value, for the one place that sends it to the venue."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.reference})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self.reference)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: a secret travels by reference."""
        raise TypeError(f"{self!r} can't be pickled or copied; hand on its reference")


def parse_reference(text: str) -> Reference:
    """Where a secret stands.

    Raises:
        SecretError: the text is no reference. It is not repeated: it may be the secret itself.
    """
    kind, colon, name = text.partition(":")
    if not colon or kind not in {"env", "file"} or not name.strip():
        raise SecretError(f"a secret stands in the environment or in a file of its own: {FORMS}")
    return Reference(kind, name.strip())


def read_secret(reference: Reference, folder: Path, environment: Mapping[str, str]) -> Secret:
    """Read a secret; a file's path is relative to `folder`, the configuration's.

    Raises:
        SecretError: it is not there, or empty.
    """
    if reference.kind == "env":
        value = environment.get(reference.name)
        if value is None:
            raise SecretError(f"the environment variable {reference.name} is not set; export it before the start")
    else:
        path = folder / Path(reference.name).expanduser()
        try:
            value = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SecretError(f"{path} can't be read ({why})") from None
    value = value.strip()
    if not value:
        raise SecretError(f"{reference} is empty")
    return Secret(value, reference)


class Scrubber:
    """Takes secrets out of texts, and leaves the words and numbers alone that only look like one.

    A long secret is hidden wherever it stands. A short one, and one of digits only, may be a word or a number of its
    own right: it is hidden as a whole token of free text, never as a key, a number or a part of one. What the
    configuration uses as a name stands there in plain text and is never hidden.
    """

    def __init__(self, secrets: Iterable[Secret] = (), names: Iterable[str] = ()) -> None:
        plain = set(names)
        values = {secret.reveal() for secret in secrets} - plain
        values = {value for value in values if len(value) >= SHORTEST_SCRUBBED}
        short = {value for value in values if len(value) < SHORTEST_ANYWHERE or NUMBER.fullmatch(value)}
        # Longest first: one secret may contain another.
        self._shapes = _longest_first(shape for value in values - short for shape in _shapes(value))
        tokens = "|".join(re.escape(shape) for shape in _longest_first(s for value in short for s in _shapes(value)))
        self._tokens = re.compile(rf"(?<![\w-])(?<!\d\.)(?:{tokens})(?![\w-])(?!\.\d)") if tokens else None

    def scrub(self, text: str) -> str:
        """The text with every secret hidden, also where it stands escaped; of JSON only its strings have tokens."""
        text = self.scrub_long(text)
        if self._tokens is None:
            return text
        if text.lstrip().startswith(("{", "[")) and _is_json(text):
            return LITERAL.sub(self._in_literal, text)
        return self._tokens.sub(HIDDEN, text)

    def scrub_long(self, text: str) -> str:
        """The text with the secrets hidden that can't be mistaken for anything else."""
        for shape in self._shapes:
            text = text.replace(shape, HIDDEN)
        return text

    def scrub_value(self, value: object) -> object:
        """A value of a log line with the short secrets hidden in its texts; keys and numbers stay."""
        if self._tokens is None or value is None or isinstance(value, bool | int | float | Decimal):
            return value
        if isinstance(value, str):
            return value if NUMBER.fullmatch(value) else self._tokens.sub(HIDDEN, value)
        if isinstance(value, Mapping):
            return {key: self.scrub_value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.scrub_value(inner) for inner in value]
        shown = str(value)
        hidden = self._tokens.sub(HIDDEN, shown)
        return value if hidden == shown else hidden

    def _in_literal(self, match: re.Match[str]) -> str:
        """A string of a JSON text: left alone where it is a key or a number."""
        inner = match["inner"]
        if self._tokens is None or match["key"] is not None or NUMBER.fullmatch(inner):
            return match[0]
        return f'"{self._tokens.sub(HIDDEN, inner)}"'


def _longest_first(shapes: Iterable[str]) -> list[str]:
    return sorted(set(shapes), key=lambda shape: (-len(shape), shape))


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def _shapes(value: str) -> set[str]:
    """How a value looks in logs: as it is, as JSON, as Python's repr, and one inside the other."""
    shapes = {value}
    for _ in range(2):
        shapes |= {msgspec.json.encode(shape).decode()[1:-1] for shape in shapes}
        shapes |= {repr(shape)[1:-1] for shape in shapes}
    return shapes
