"""A picture of an object's deep state that costs little to take and less to compare, and names what changed.

Pure but for reading: attributes come from instance dicts and slots alone, so no property is computed. Each mutable
object is kept with a shallow copy of what it holds; a second look compares the copies by identity. What can't change
is not entered.
"""

from __future__ import annotations

import enum
import functools
import itertools
import random
import types
import typing
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from operator import is_
from typing import Any, TypeAlias, TypeVar, Union

import msgspec
from pydantic import BaseModel

_SCALARS: tuple[type, ...] = (type(None), bool, int, float, complex, str, bytes, Decimal, range, slice, type(...))
_CODE: tuple[type, ...] = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    functools.partial,
    types.GenericAlias,
)
"""What an actor can call: whatever state is behind it, its owner is walked."""

Shot: TypeAlias = tuple[tuple[Any, ...], tuple[Any, ...]]
"""Names or keys, and what stands there."""


@dataclass(slots=True)
class Node:
    """One mutable object as it was."""

    thing: Any
    look: Callable[[Any], Shot]
    shot: Shot
    parent: int
    """Number of the node that holds it; -1 for the root."""
    step: str
    """How it is reached from there."""


@dataclass(slots=True)
class Picture:
    """The deep state of one object at one instant."""

    nodes: list[Node] = field(default_factory=list)

    def changes(self) -> Iterator[str]:
        """Where it differs now, each place once: `_book.levels[100]: 3 was 5`."""
        for node in self.nodes:
            now = node.look(node.thing)
            if not _same(node.shot, now):
                yield f"{self.path_of(node)}{_change(node, now)}"

    def path_of(self, node: Node) -> str:
        """How a node is reached from the root."""
        steps = [node.step]
        while node.parent >= 0:
            node = self.nodes[node.parent]
            steps.append(node.step)
        return "".join(reversed(steps)).removeprefix(".")


def take(root: object, stops: Callable[[object], bool]) -> Picture:
    """A picture of everything mutable that is reached from `root`.

    Args:
        root: an actor.
        stops: true for what is not entered: it is another's, or shared on purpose.
    """
    picture = Picture()
    known: set[int] = set()
    waiting: list[tuple[Any, int, str]] = [(root, -1, "")]
    while waiting:
        thing, parent, step = waiting.pop()
        if id(thing) in known or (parent >= 0 and stops(thing)):
            continue
        known.add(id(thing))
        look, mutable = _look_of(type(thing))
        shot = look(thing)
        if mutable:
            picture.nodes.append(Node(thing, look, shot, parent, step))
            parent, step = len(picture.nodes) - 1, ""
        names, held = shot
        inner = [
            (child, parent, f"{step}{_step(thing, name)}")
            for name, child in zip(names, held, strict=True)
            if not is_leaf(type(child))
        ]
        waiting.extend(reversed(inner))
    return picture


T = TypeVar("T")


def _per_type(function: Callable[[type], T]) -> Callable[[type], T]:
    """Work it out once for each type."""
    return functools.cache(function)


# ------------------------------------------------------------------ what can't change


@_per_type
def is_leaf(kind: type) -> bool:
    """Whether nothing in an instance of this type can change."""
    if issubclass(kind, (*_SCALARS, enum.Enum)) or issubclass(kind, _CODE):
        return True
    if _is_frozen(kind):
        return all(_is_fixed(hint) for hint in _hints_of(kind).values())
    if issubclass(kind, msgspec.Struct):
        return False
    if _is_container(kind) or issubclass(kind, random.Random | itertools.count):
        return False
    # Locks, sockets, iterators of C: nothing to look into.
    return not _has_dict(kind) and not _slots_of(kind)


def _is_frozen(kind: type) -> bool:
    """A struct, a model or a dataclass whose own fields can't be set."""
    if issubclass(kind, msgspec.Struct):
        return bool(kind.__struct_config__.frozen)
    if issubclass(kind, BaseModel):
        return bool(kind.model_config.get("frozen"))
    parameters = getattr(kind, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def _is_fixed(hint: Any) -> bool:
    """Whether a field of this type holds only what can't change."""
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType, tuple, frozenset):
        return all(part is ... or _is_fixed(part) for part in typing.get_args(hint))
    if origin is typing.Literal:
        return True
    if origin is not None:
        return _is_fixed(origin)
    if hint is None:
        return True
    return isinstance(hint, type) and hint is not object and is_leaf(hint)


def _hints_of(kind: type) -> dict[str, object]:
    try:
        hints = typing.get_type_hints(kind)
    except NameError:
        return {"": object}  # what can't be read may be anything
    return {name: hint for name, hint in hints.items() if typing.get_origin(hint) is not typing.ClassVar}


# ------------------------------------------------------------------ how a type is looked at


@_per_type
def _look_of(kind: type) -> tuple[Callable[[Any], Shot], bool]:
    """How to read an instance, and whether it can change."""
    if issubclass(kind, random.Random):
        return _of_random, True
    if issubclass(kind, itertools.count):
        return _of_text, True
    if kind is tuple or (issubclass(kind, tuple) and not _has_dict(kind)):
        return _of_sequence, False
    if issubclass(kind, bytearray):
        return _of_bytes, True
    content = _content_of(kind)
    attributes = _attributes_of(kind)
    if content is not None and attributes is not None:
        return _both(content, attributes), True
    return content or attributes or _of_nothing, not (kind is frozenset or _is_frozen(kind))


def _is_container(kind: type) -> bool:
    return issubclass(kind, dict | list | tuple | set | frozenset | deque | bytearray | types.MappingProxyType)


def _content_of(kind: type) -> Callable[[Any], Shot] | None:
    if issubclass(kind, dict | types.MappingProxyType):
        return _of_mapping
    if issubclass(kind, list | tuple | deque):
        return _of_sequence
    if issubclass(kind, set | frozenset):
        return _of_set
    return None


def _attributes_of(kind: type) -> Callable[[Any], Shot] | None:
    if issubclass(kind, msgspec.Struct):
        names = tuple(f".{name}" for name in kind.__struct_fields__)
        bare = kind.__struct_fields__
        return lambda thing: (names, tuple(getattr(thing, name) for name in bare))
    slots = _slots_of(kind)
    if not slots and not _has_dict(kind):
        return None
    return lambda thing: _of_object(thing, slots)


def _of_object(thing: object, slots: tuple[tuple[str, Any], ...]) -> Shot:
    own: dict[str, object] = getattr(thing, "__dict__", {})
    names, held = [f".{name}" for name in own], list(own.values())
    for name, slot in slots:
        try:
            held.append(slot.__get__(thing))
        except AttributeError:
            continue  # not set yet
        names.append(f".{name}")
    return tuple(names), tuple(held)


def _both(content: Callable[[Any], Shot], attributes: Callable[[Any], Shot]) -> Callable[[Any], Shot]:
    def look(thing: object) -> Shot:
        keys, held = content(thing)
        names, values = attributes(thing)
        return (*keys, *names), (*held, *values)

    return look


def _of_mapping(thing: Mapping[object, object]) -> Shot:
    return tuple(thing), tuple(thing.values())


def _of_sequence(thing: list[object] | tuple[object, ...] | deque[object]) -> Shot:
    return tuple(range(len(thing))), tuple(thing)


def _of_set(thing: set[object] | frozenset[object]) -> Shot:
    # One place holds all of it: the order of a set means nothing.
    return ("{}",), (frozenset(thing),)


def _of_bytes(thing: bytearray) -> Shot:
    return ("bytes",), (bytes(thing),)


def _of_random(thing: random.Random) -> Shot:
    return (".getstate()",), (thing.getstate(),)


def _of_text(thing: object) -> Shot:
    return ("repr",), (repr(thing),)


def _of_nothing(_thing: object) -> Shot:
    return (), ()


@_per_type
def _slots_of(kind: type) -> tuple[tuple[str, Any], ...]:
    """Slots of a type and its bases, as their descriptors."""
    found: dict[str, Any] = {}
    for klass in reversed(kind.__mro__):
        found |= {name: it for name, it in vars(klass).items() if isinstance(it, types.MemberDescriptorType)}
    return tuple(found.items())


@_per_type
def _has_dict(kind: type) -> bool:
    return bool(kind.__dictoffset__)


# ------------------------------------------------------------------ comparing and telling


def _same(before: Shot, now: Shot) -> bool:
    (names, held), (names_now, held_now) = before, now
    if len(held) != len(held_now):
        return False
    if all(map(is_, held, held_now)) and (names is names_now or names == names_now):
        return True
    return names == names_now and all(map(_equal, held, held_now))


def _equal(before: Any, now: Any) -> bool:
    if before is now:
        return True
    # A new object that means the same is no change where it can't change; a new container is one.
    kind = type(before)
    return kind is type(now) and (is_leaf(kind) or kind in (frozenset, tuple)) and before == now


def _step(thing: object, name: object) -> str:
    if isinstance(name, str) and name.startswith(".") and not isinstance(thing, Mapping):
        return name
    key = " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
    return f"[{key}]"


def _change(node: Node, now: Shot) -> str:
    """The first place in one object where it differs."""
    before, after = dict(zip(*node.shot, strict=True)), dict(zip(*now, strict=True))
    for name, value in before.items():
        if name not in after:
            return f"{_step(node.thing, name)}: is gone, was {_brief(value)}"
        if not _equal(value, after[name]):
            return f"{_step(node.thing, name)}: {_brief(after[name])}, was {_brief(value)}"
    for name, value in after.items():
        if name not in before:
            return f"{_step(node.thing, name)}: {_brief(value)}, was not there"
    return ": its keys are in another order"


def _brief(value: Any) -> str:
    if not is_leaf(type(value)) and not isinstance(value, tuple | frozenset):
        return f"a {type(value).__name__}"
    text = str(value) if isinstance(value, Decimal | enum.Enum) else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
