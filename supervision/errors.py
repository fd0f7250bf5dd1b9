"""What can go wrong with actors, as types.

pykka.Timeout          an answer did not come in time (pykka's own)
pykka.ActorDeadError   the actor has stopped for good (pykka's own)
SupervisionError
├── ProtocolError      a message, handler or protocol that does not fit; a programmer's error
├── AskInsideActor     an actor asked and would have blocked its whole dispatcher
├── Deadlock           in the simulation: nothing can run and the answer has not come
├── StartError         an actor could not be started
├── MailboxFull        an ask was refused because too much waits for that actor
├── Expired            an asked message was dropped because its asker had stopped waiting
├── Refusal            raised by a handler: the asker gets it, the actor lives on
├── ActorHung          a handler did not come back, and its thread was abandoned
├── Fenced             what an abandoned thread tried when it woke up; nothing left
└── InjectedFailure    a crash on purpose, by `System.fail`
"""

from __future__ import annotations

from pykka import ActorDeadError, Timeout

__all__ = [
    "ActorDeadError",
    "ActorHung",
    "AskInsideActor",
    "Deadlock",
    "Expired",
    "Fenced",
    "InjectedFailure",
    "MailboxFull",
    "ProtocolError",
    "Refusal",
    "StartError",
    "SupervisionError",
    "Timeout",
]


class SupervisionError(Exception):
    """Base of this room's errors."""


class ProtocolError(SupervisionError, TypeError):
    """A message, a handler or a protocol that does not fit."""


class AskInsideActor(SupervisionError):
    """An `ask` from inside an actor, which would block everyone on its dispatcher: tell, and reply by message."""


class Deadlock(SupervisionError):
    """In the simulation: nothing can run, no timer is set, and the answer has not come."""


class StartError(SupervisionError):
    """An actor could not be started: its factory or `on_start` failed, or was late."""


class MailboxFull(SupervisionError):
    """An ask was refused because the mailbox bound was reached."""


class Expired(Timeout, SupervisionError):
    """An asked message was dropped unhandled because its asker's timeout had passed."""


class ActorHung(SupervisionError):
    """A handler did not come back within `hang_s`: its thread was abandoned, and who lived there was built anew."""


class Fenced(SupervisionError):
    """A thread that was abandoned has woken up and tried to write; nothing left."""


class InjectedFailure(SupervisionError):
    """A crash on purpose."""


class Refusal(SupervisionError):
    """Raised by a handler that refuses a request: answered to the asker, not counted as a failure."""
