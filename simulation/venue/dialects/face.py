"""What the server needs of a dialect: endpoints, a clock for its streams, its answers by name, and how to connect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

from aiohttp import web

from ganglion.simulation.venue.answers import Answer
from ganglion.simulation.venue.wire import Hub


class Dialect(Protocol):
    """One wire protocol on one venue; its constructor makes a `Gate`, which sets the hub's manners."""

    answers: ClassVar[Mapping[str, Answer]]
    """Named answers for faults."""

    def __init__(self, hub: Hub) -> None:
        """Speak for this server."""
        ...

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the dialect's endpoints on the server."""
        ...

    async def run(self) -> None:
        """Send the frames that wait for a clock, until canceled."""
        ...

    @staticmethod
    def api_secret(secret: str) -> str:
        """What a client signs with, made of the secret that the venue was given for its account."""
        ...

    @staticmethod
    def python_text(base_url: str, key: str, secret: str) -> str:
        """Settings of an unmodified ccxt as Python that can be pasted."""
        ...

    @staticmethod
    def toml_text(base_url: str, symbols: tuple[str, ...]) -> str:
        """The same as a section of a ganglion configuration."""
        ...
