"""The hooks of a bot that is to be killed: seams of the product wrapped at run time, nothing of it changed.

Wrapped are the table of handlers that a cell makes of an actor (every message boundary), the methods of the journal's
folder device, and the exchange class over ccxt (a request's start, headers, body and reply). Each pass goes to
`Trigger.passed`, which at the planned one kills whom the plan names and then its own process.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp

from ganglion.actors.exchange.ccxt.exchange_class import Hooked
from ganglion.actors.exchange.ccxt.requests import Requests
from ganglion.actors.exchange.ccxt.trace import TRACE, Trace
from ganglion.messages.account import Reconciled
from ganglion.messages.lifecycle import ConnectionChanged, Operation, Violation
from ganglion.messages.trading import TradingStates
from ganglion.messages.venue import CreateOrder, VenueRequest
from ganglion.supervision import Actor
from tests.crash.points import STALL_S, TORN, catalogue

WIRE = {Operation.PLACE: "place", Operation.CANCEL: "cancel", Operation.READ: "read"}
TOLD = {
    ("portfolio", Reconciled),
    ("collector", TradingStates),
    ("collector", Violation),
    ("collector", ConnectionChanged),
}


class Events:
    """What a bot process tells the harness: JSON lines in a file, whole even where the next instruction kills."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, event: str, **fields: object) -> None:
        """Write one line."""
        line = json.dumps({"event": event, "time_s": time.time(), **fields}, default=str)
        os.write(self._file, line.encode() + b"\n")


class Trigger:
    """Counts passes, and kills at the planned one."""

    def __init__(
        self, events: Events, point: str, nth: int, victims: Sequence[int], *, dies: bool, armed: bool
    ) -> None:
        """Load it.

        Args:
            events: where it says so.
            point: the name of a kill point; "" for none.
            nth: at which pass since it was armed.
            victims: other processes that are killed first.
            dies: whether its own process is killed too.
            armed: from the start; else by `arm`.
        """
        self._events = events
        self._point = point
        self._left = nth
        self._victims = victims
        self._dies = dies
        self._armed = armed
        self._lock = threading.Lock()
        self.passes: Counter[str] = Counter()

    def arm(self) -> None:
        """Count from now on."""
        self._armed = True

    def passed(self, name: str, first: Callable[[], None] | None = None) -> None:
        """Something came by here; `first` is what still happens before the kill."""
        if name != self._point or not self._armed:
            return
        with self._lock:
            self._left -= 1
            if self._left:
                return
            if first is not None:
                first()
            self._events.say("kill", point=name)
            for pid in self._victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self._dies:
                os.kill(os.getpid(), signal.SIGKILL)


def role_of(path: str) -> str:
    """What an actor is, by its path: `/bot/modes/grid` is a mode, `/bot/alpha/account/orders` is orders."""
    steps = path.split("/")
    return "mode" if len(steps) > 3 and steps[2] == "modes" else steps[-1]


def install(trigger: Trigger, events: Events) -> None:
    """Put every hook in its place, once in a process and before anything of a bot is built."""
    wanted = {point.name.partition(":")[2] for point in catalogue()}
    _hook_handlers(trigger, events, wanted)
    _hook_device(trigger)
    _hook_wire(trigger, events)


# ------------------------------------------------------------------ messages


def _hook_handlers(trigger: Trigger, events: Events, wanted: set[str]) -> None:
    make_table = Actor._handlers_by_type

    def hooked(self: Actor[Any]) -> dict[type, Callable[[Any], object]]:
        table = make_table(self)
        role = role_of(self.path)
        for kind, handler in table.items():
            name = f"{role}.{kind.__name__}"
            if name in wanted:
                table[kind] = _stretch(trigger, name, handler)
            # The portfolio is where Resume comes from: nothing can be placed on this word before it is told here.
            if (role, kind) in TOLD:
                table[kind] = _telling(events, table[kind])
        return table

    Actor._handlers_by_type = hooked  # type: ignore[method-assign]


def _stretch(trigger: Trigger, name: str, handler: Callable[[Any], object]) -> Callable[[Any], object]:
    before, after, passed = f"before:{name}", f"after:{name}", trigger.passed

    def handle(message: Any) -> object:
        passed(before)
        answer = handler(message)
        passed(after)
        return answer

    return handle


def _telling(events: Events, handler: Callable[[Any], object]) -> Callable[[Any], object]:
    def handle(message: Any) -> object:
        match message:
            case Reconciled():
                differences = [str(found) for found in message.differences]
                told = {"account": message.account, "equal": message.balances_equal, "differences": differences}
                events.say("reconciled", epoch=message.epoch, **told)
            case TradingStates():
                for entry in message.entries:
                    events.say("state", account=message.account, text=f"{entry.scope} {entry.state}: {entry.cause}")
            case Violation():
                events.say("violation", account=message.account, text=f"{message.invariant}: {message.text}")
            case ConnectionChanged():
                events.say("connection", account=message.exchange, state=str(message.state), reason=message.reason)
        return handler(message)

    return handle


# ------------------------------------------------------------------ the journal's folder


def _hook_device(trigger: Trigger) -> None:
    from ganglion.actors.trading.journal.device import FolderDevice

    for name, method in inspect.getmembers(FolderDevice, inspect.isfunction):
        if name == "append":
            FolderDevice.append = _appending(trigger, method)  # type: ignore[method-assign]
        elif not name.startswith("_"):
            setattr(FolderDevice, name, _doing(trigger, f"device.{name}", method))


def _doing(trigger: Trigger, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def do(*args: Any, **kwargs: Any) -> Any:
        trigger.passed(f"before:{name}")
        trigger.passed(f"stalled:{name}", _stall)
        answer = method(*args, **kwargs)
        trigger.passed(f"after:{name}")
        return answer

    return do


def _stall() -> None:
    time.sleep(STALL_S)


def _appending(trigger: Trigger, method: Callable[..., Any]) -> Callable[..., Any]:
    def append(self: Any, name: str, data: bytes) -> Any:
        trigger.passed("before:device.append")
        trigger.passed("stalled:device.append", _stall)
        trigger.passed(TORN, lambda: method(self, name, data[: len(data) // 2]))
        answer = method(self, name, data)
        trigger.passed("after:device.append")
        return answer

    return append


# ------------------------------------------------------------------ the wire


def _hook_wire(trigger: Trigger, events: Events) -> None:
    fetch, opened, handle_errors, answer = Hooked.fetch, Hooked.open, Hooked.handle_errors, Requests.answer

    async def hooked_fetch(self: Any, *args: Any, **kwargs: Any) -> Any:
        operation = _operation()
        trigger.passed(f"before:wire.{operation}")
        reply = await fetch(self, *args, **kwargs)
        trigger.passed(f"after:wire.{operation}")
        return reply

    def hooked_handle_errors(self: Any, *args: Any, **kwargs: Any) -> Any:
        # The whole reply is here, nothing of the engine has seen it.
        trigger.passed(f"before:wire.{_operation()}_reply")
        answer = handle_errors(self, *args, **kwargs)
        trigger.passed(f"after:wire.{_operation()}_reply")
        return answer

    async def headers(_session: object, _context: object, _params: object) -> None:
        trigger.passed(f"before:wire.{_operation()}_headers")

    async def body(_session: object, _context: object, _params: object) -> None:
        trigger.passed(f"before:wire.{_operation()}_body")

    def hooked_open(self: Any, *args: Any, **kwargs: Any) -> None:
        fresh = self.session is None
        opened(self, *args, **kwargs)
        if fresh and self.session is not None:
            config = aiohttp.TraceConfig()
            config.on_request_headers_sent.append(headers)
            config.on_request_chunk_sent.append(body)
            config.freeze()
            self.session._trace_configs.append(config)

    async def hooked_answer(self: Any, request: VenueRequest, trace: Trace) -> Any:
        if not isinstance(request, CreateOrder):
            return await answer(self, request, trace)
        events.say("place", account=self.settings.name, client_id=request.client_id)
        reply = await answer(self, request, trace)
        events.say("placed", account=self.settings.name, client_id=request.client_id)
        return reply

    Hooked.fetch = hooked_fetch  # type: ignore[method-assign]
    Hooked.open = hooked_open  # type: ignore[method-assign]
    Hooked.handle_errors = hooked_handle_errors  # type: ignore[method-assign]
    Requests.answer = hooked_answer  # type: ignore[method-assign]


def _operation() -> str:
    trace = TRACE.get()
    return "none" if trace is None else WIRE.get(trace.operation, "other")
