"""Who keeps it alive: actors, addresses, dispatchers, supervisors and the system they live in. Floor 1.

A user writes `Actor` classes with `@receives` handlers, describes them by `ChildSpec`s under a `Supervisor`, and runs
them in a `System`. Imports `messages` and nothing else of ours.
"""

from ganglion.messages.base import Message, Overflow, Request
from ganglion.supervision.actor import Actor, receives
from ganglion.supervision.address import Address
from ganglion.supervision.clock import Clock
from ganglion.supervision.dispatchers import Dispatcher, Fence, Timer
from ganglion.supervision.errors import (
    ActorDeadError,
    ActorHung,
    AskInsideActor,
    Deadlock,
    Expired,
    Fenced,
    InjectedFailure,
    MailboxFull,
    ProtocolError,
    Refusal,
    StartError,
    SupervisionError,
    Timeout,
)
from ganglion.supervision.ids import Ids
from ganglion.supervision.policy import Backoff, Budget, ChildSpec, Strategy
from ganglion.supervision.probe import Probe
from ganglion.supervision.supervisor import ResumeChild, StartChild, StopChild, Supervisor
from ganglion.supervision.system import System
from ganglion.supervision.tree import CellInfo, Tree

__all__ = [
    "Actor",
    "ActorDeadError",
    "ActorHung",
    "Address",
    "AskInsideActor",
    "Backoff",
    "Budget",
    "CellInfo",
    "ChildSpec",
    "Clock",
    "Deadlock",
    "Dispatcher",
    "Expired",
    "Fence",
    "Fenced",
    "Ids",
    "InjectedFailure",
    "MailboxFull",
    "Message",
    "Overflow",
    "Probe",
    "ProtocolError",
    "Refusal",
    "Request",
    "ResumeChild",
    "StartChild",
    "StartError",
    "StopChild",
    "Strategy",
    "SupervisionError",
    "Supervisor",
    "System",
    "Timeout",
    "Timer",
    "Tree",
    "receives",
]
