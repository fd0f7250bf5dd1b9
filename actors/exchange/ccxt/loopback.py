"""The switch that keeps a process on its own machine, for tests and demos of real network code.

The ccxt adapter makes every aiohttp session with `new_connector()`; nobody else opens sockets to
a venue. It reads one environment variable, so child processes inherit the switch, and it works
under any event loop: uvloop resolves by itself and would not see a patched `socket.getaddrinfo`.
"""

import ipaddress
import os
import socket
import ssl

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

SWITCH = "GANGLION_LOOPBACK_ONLY"
LOOPBACK_HOSTS = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1", "::1": "::1"}


class LoopbackOnlyError(OSError):
    """A look-up or connection left the machine while the switch forbids it.

    An OSError, because that is what aiohttp's resolvers promise to raise.

    Attributes:
        host: What was looked up.
        port: The port it was wanted for; 0 where the caller named none.
    """

    def __init__(self, host: str, port: int = 0) -> None:
        super().__init__(
            f"look-up of {host!r} (port {port}) refused: {SWITCH}=1 allows only "
            f"{', '.join(LOOPBACK_HOSTS)}; point the exchange's urls at a local venue, "
            f"or unset {SWITCH} to reach the network"
        )
        self.host = host
        self.port = port


def loopback_only() -> bool:
    """Whether this process must stay on its own machine: the switch is set, and not to "0"."""
    return os.environ.get(SWITCH, "") not in {"", "0"}


class LoopbackOnlyResolver(AbstractResolver):
    """Answers the names of this machine without any look-up and refuses all others."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """The loopback address of `host`, whatever `family` was hoped for.

        Raises:
            LoopbackOnlyError: `host` is not a name of this machine.
        """
        address = LOOPBACK_HOSTS.get(host)
        if address is None:
            raise LoopbackOnlyError(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing is held open."""


class LoopbackOnlyConnector(aiohttp.TCPConnector):
    """A connector with that resolver; it refuses foreign literals too, which nobody resolves."""

    def __init__(self, *, tls: ssl.SSLContext | bool = True) -> None:
        super().__init__(ssl=tls, resolver=LoopbackOnlyResolver())

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's signature)
    ) -> Connection:
        """Connects, unless the request or its proxy is addressed away from this machine.

        Raises:
            LoopbackOnlyError: It is; nothing was sent.
        """
        for url in (req.url, req.proxy):
            if url is not None and url.host is not None and _is_foreign_address(url.host):
                raise LoopbackOnlyError(url.host, url.port or 0)
        return await super().connect(req, traces, timeout)


def new_connector(*, tls: ssl.SSLContext | bool = True) -> aiohttp.TCPConnector:
    """The connector for one session, as the switch demands. Call it inside a running loop.

    The session that gets it owns and closes it. ccxt makes its own where `exchange.session` is
    None, so the adapter sets the session in its override of `open()`.
    """
    return LoopbackOnlyConnector(tls=tls) if loopback_only() else aiohttp.TCPConnector(ssl=tls)


def _is_foreign_address(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name: the resolver answers for it
