"""What a world must know of a bot to run it without knowing what a bot is: where its parts stand, how it is built.

Made by whoever knows bots; used by process.py at the start of each life.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ganglion.actors.exchange.venue import Venue
from ganglion.actors.trading.journal import Device, Log
from ganglion.simulation.judging import Places
from ganglion.supervision import System


class NotStartedError(Exception):
    """A bot's process came to its end before it ran: its disk is broken, its journal unusable. It is tried again."""


Build = Callable[[System, Mapping[str, Callable[[], Venue]], Device], Log]
"""Builds and starts a bot in a system, on these makers of venues by exchange and this disk; its open journal.

Raises:
    NotStartedError: it can't start as things are.
"""


@dataclass(frozen=True, slots=True)
class AccountPart:
    """One exchange account of a bot."""

    port: str
    """Which exchange of the world it is at (`PortSettings.key`)."""
    exchange: str
    """Path of its exchange actor."""
    places: Places
    client_id_length: int


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One bot."""

    name: str
    tag: str
    """What its client ids begin with."""
    accounts: Mapping[str, AccountPart]
    """By exchange."""
    monitor: str
    journal: str
    books: tuple[str, ...]
    actors: tuple[str, ...]
    """Paths of all that may crash or be slow."""
    supervisors: tuple[str, ...]
    build: Build
