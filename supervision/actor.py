"""What a user writes: an actor with one `@receives` handler per message type of its protocol.

`Actor[Add | Read]` names the protocol; a member without a handler, or a handler outside the protocol, is an error
when the class is defined. The cell (cell.py) builds actors, calls them one message at a time and replaces them.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from ganglion.messages.base import Message, Request
from ganglion.supervision.errors import ProtocolError

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from ganglion.messages.lifecycle import Failure
    from ganglion.supervision.address import Address
    from ganglion.supervision.cell import Cell
    from ganglion.supervision.clock import Clock
    from ganglion.supervision.dispatchers.base import Timer
    from ganglion.supervision.ids import Ids

M = TypeVar("M", bound=Message)
F = TypeVar("F", bound=Callable[..., object])

_MARK = "__receives__"
_MISSING = object()


def receives(handler: F) -> F:
    """Mark a method as the handler of the message type that its one parameter is annotated with."""
    setattr(handler, _MARK, True)
    return handler


class Actor(Generic[M]):
    """An owner of state that is reached by messages only, one at a time.

    Wiring (addresses, settings) goes into `__init__` through a factory. Everything below is available from
    `on_start` on. An exception out of a handler is a failure: the supervisor decides, and a restart builds a new
    actor from the factory behind the same address.
    """

    handlers: ClassVar[Mapping[type[Message], str]] = {}
    """Handler names by message type."""

    _cell: Cell
    clock: Clock
    """The system's clock; virtual in the simulation. The cell sets it, as it is read many times a message."""

    def __init_subclass__(cls, **options: object) -> None:
        """Read the handlers and hold them against the protocol."""
        super().__init_subclass__(**options)
        cls.handlers = _handlers_of(cls, sys._getframe(1).f_locals)  # noqa: SLF001 - annotations may name locals
        protocol = _protocol_of(cls)
        if protocol is not None:
            _check(cls, protocol, set(cls.handlers))
        elif cls.handlers and not _names_a_protocol(cls):
            known = " | ".join(sorted(kind.__name__ for kind in cls.handlers))
            raise ProtocolError(f"{cls.__qualname__}: it has handlers and no protocol; derive it from Actor[{known}]")

    # -------------------------------------------------------------- hooks

    def on_start(self) -> None:
        """Run before the first message of this incarnation; must return at once. Raising is a start failure."""

    def on_stop(self) -> None:
        """Run when this incarnation goes, by a sibling's restart or for good. After its own failure: `on_failure`."""

    def on_failure(self, failure: Failure) -> None:
        """Run instead of `on_stop` when a handler raised: let go of what the next incarnation can't inherit."""

    @property
    def own_file(self) -> str:
        """The file in which to look for the cause when it fails; empty: wherever the exception was raised."""
        return ""

    # -------------------------------------------------------------- what it may use

    @property
    def address(self) -> Address[M]:
        """Its own address, the same in every incarnation."""
        return cast("Address[M]", self._cell.address)

    @property
    def path(self) -> str:
        """Where it stands in the tree: `/bot/alpha/books/BTC-USDT`."""
        return self._cell.path

    @property
    def incarnation(self) -> int:
        """1 for the first, one more with each restart."""
        return self._cell.incarnation

    @property
    def ids(self) -> Ids:
        """Ids and randomness of this path."""
        return self._cell.ids

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger bound to this path, made once."""
        return self._cell.log

    def after(self, delay_s: float, message: M) -> Timer:
        """Tell itself `message` after `delay_s` seconds, unless cancelled or restarted before."""
        return self._cell.after(delay_s, message)

    def publish(self, message: Message) -> None:
        """Tell everyone who subscribed to this type at this cell."""
        self._cell.publish(message)

    def is_heard(self, kind: type[Message]) -> bool:
        """Whether somebody subscribed to this type at this cell: what nobody hears need not be worked out."""
        return self._cell.is_heard(kind)

    def watch(self, address: Address[Any]) -> None:
        """Be told `Terminated` once that address has stopped for good."""
        self._cell.watch(address)

    # -------------------------------------------------------------- for the cell: supervisors do more here

    def _handlers_by_type(self) -> dict[type, Callable[[Any], object]]:
        """Return this incarnation's handlers, bound."""
        return {kind: getattr(self, name) for kind, name in type(self).handlers.items()}

    def _bring_up(self, then: Callable[[], None]) -> None:
        """Start what stands below it, then call back."""
        then()

    def _bring_down(self, final: bool, then: Callable[[], None]) -> None:  # noqa: FBT001 - one caller, the cell
        """Suspend, or stop for good, what stands below it, then call back."""
        then()

    def stop(self, reason: str = "normal") -> None:
        """End normally after this message; a permanent actor is restarted all the same."""
        self._cell.leave(reason)


def _handlers_of(cls: type[Actor[Any]], local_names: Mapping[str, object]) -> dict[type[Message], str]:
    found: dict[type[Message], str] = {}
    for klass in reversed(cls.__mro__):
        own: dict[type[Message], str] = {}
        for name, method in vars(klass).items():
            if not getattr(method, _MARK, False):
                continue
            kind = _message_type(klass, name, method, local_names)
            if kind in own:
                text = f"{klass.__qualname__}: {own[kind]} and {name} both handle {kind.__name__}; keep one of them"
                raise ProtocolError(text)
            own[kind] = name
        found |= own
    return found


def _message_type(
    klass: type, name: str, method: Callable[..., object], local_names: Mapping[str, object]
) -> type[Message]:
    where = f"{klass.__qualname__}.{name}"
    cached = getattr(method, "__message_type__", None)
    if cached is not None:
        return cast("type[Message]", cached)
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        text = f"{where}: a handler can't be async, nobody would await it; write `def`, and tell itself what comes back"
        raise ProtocolError(text)
    try:
        hints = typing.get_type_hints(method, localns=dict(local_names))
    except NameError as error:
        text = f"{where}: its message type can't be found ({error}); import it at the top, not under TYPE_CHECKING"
        raise ProtocolError(text) from error
    answer = hints.pop("return", _MISSING)
    kinds = [kind for kind in hints.values() if isinstance(kind, type) and issubclass(kind, Message)]
    if len(hints) != 1 or len(kinds) != 1:
        text = f"{where}: a handler takes one parameter, annotated with one Message type; found {hints or 'none'}"
        raise ProtocolError(text)
    _check_answer(where, kinds[0], answer)
    method.__message_type__ = kinds[0]  # type: ignore[attr-defined]
    return kinds[0]


def _check_answer(where: str, kind: type[Message], answer: object) -> None:
    """Refuse a handler that can't give what its Request promises; what only a type checker can judge passes."""
    promised = _promised(kind)
    if promised is None or promised in (types.NoneType, Any) or isinstance(promised, TypeVar):
        return
    asked = f"{kind.__name__} is answered with {_named(promised)}"
    if answer is _MISSING:
        raise ProtocolError(f"{where}: {asked}; annotate what it returns: -> {_named(promised)}")
    if answer is types.NoneType:
        raise ProtocolError(f"{where}: {asked}, and this handler returns None")
    if not (inspect.isclass(answer) and inspect.isclass(promised)):
        return
    if getattr(answer, "_is_protocol", False) or getattr(promised, "_is_protocol", False):
        return
    numbers = (int, float, complex)  # typing lets an int stand for a float
    if answer in numbers and promised in numbers and numbers.index(answer) <= numbers.index(promised):
        return
    if not (issubclass(answer, promised) or issubclass(promised, answer)):
        raise ProtocolError(f"{where}: {asked}, and this handler returns {_named(answer)}")


def _promised(kind: type[Message]) -> object:
    """What a Request is answered with; None where it is no Request, or does not say."""
    for klass in kind.__mro__:
        for base in _bases(klass):
            if typing.get_origin(base) is Request:
                return cast("object", typing.get_args(base)[0])
    return None


def _named(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)


def _names_a_protocol(cls: type[Actor[Any]]) -> bool:
    """True where some class above says Actor[...], be it Any or a TypeVar."""
    origins = (typing.get_origin(base) for klass in cls.__mro__ for base in _bases(klass))
    return any(isinstance(origin, type) and issubclass(origin, Actor) for origin in origins)


def _protocol_of(cls: type[Actor[Any]]) -> set[type[Message]] | None:
    members: set[type[Message]] = set()
    known = False
    for klass in cls.__mro__:
        for base in types.get_original_bases(klass) if hasattr(types, "get_original_bases") else _bases(klass):
            origin = typing.get_origin(base)
            if not (isinstance(origin, type) and issubclass(origin, Actor)):
                continue
            for argument in typing.get_args(base):
                found = _members(argument)
                known = known or bool(found)
                members |= found
                if origin is Actor and not found and argument is not Any and not isinstance(argument, TypeVar):
                    raise ProtocolError(f"{klass.__qualname__}: Actor[{argument!r}] is not a union of Message types")
    return members if known else None


def _bases(klass: type) -> tuple[Any, ...]:
    bases = vars(klass).get("__orig_bases__", ())
    return tuple(bases)


def _members(argument: object) -> set[type[Message]]:
    parts = typing.get_args(argument) if typing.get_origin(argument) in (typing.Union, types.UnionType) else (argument,)
    return {part for part in parts if isinstance(part, type) and issubclass(part, Message)}


def _check(cls: type, protocol: set[type[Message]], handled: set[type[Message]]) -> None:
    missing = sorted(kind.__name__ for kind in protocol - handled)
    foreign = sorted(kind.__name__ for kind in handled - protocol)
    if missing:
        raise ProtocolError(f"{cls.__qualname__}: no @receives handler for {', '.join(missing)}")
    if foreign:
        raise ProtocolError(f"{cls.__qualname__}: handles {', '.join(foreign)}, which its protocol does not name")
