"""Keeps the whole suite on this machine: switched on by `tests/conftest.py` before anything else.

Two walls, because neither sees everything:

- the environment variable of `ganglion.actors.exchange.ccxt.loopback`, which every session of the
  product obeys under any event loop, and which child processes inherit;
- in the test process the socket module itself, for whatever does not go through such a session.

A refusal that the product swallowed still fails its test: `NetworkGuard.refused` keeps it, and an
autouse fixture looks there. A test that means to be refused says so with `expecting_refusals()`.
"""

import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator

from ganglion.actors.exchange.ccxt.loopback import SWITCH

HERE = {"localhost", "", "0.0.0.0", "::", socket.gethostname()}  # noqa: S104 (binding all interfaces looks nothing up)
LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")
SENDS = ("connect", "connect_ex", "sendto")


class NetworkUseError(AssertionError):
    """A test reached for the network. No OSError: retries and backoffs must not swallow it."""


class NetworkGuard:
    """Patches the socket module while installed, and remembers what it refused."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Switches both walls on for this process and its children."""
        self._set_switch()
        for name in LOOKUPS:
            self._patch(socket, name, self._guarded_lookup(name))
        for name in SENDS:
            self._patch(socket.socket, name, self._guarded_send(name))

    def uninstall(self) -> None:
        """Puts everything back."""
        while self._undo:
            self._undo.pop()()

    @contextlib.contextmanager
    def expecting_refusals(self) -> Iterator[list[str]]:
        """Within it refusals are what the test is about: it gets them, and may make them."""
        before, self.refused = self.refused, []
        try:
            yield self.refused
        finally:
            self.refused = before

    def _set_switch(self) -> None:
        before = os.environ.get(SWITCH)
        os.environ[SWITCH] = "1"

        def restore() -> None:
            if before is None:
                os.environ.pop(SWITCH, None)
            else:
                os.environ[SWITCH] = before

        self._undo.append(restore)

    def _patch(self, owner: object, name: str, replacement: Callable[..., object]) -> None:
        inherited = name not in vars(owner)
        before = getattr(owner, name)
        setattr(owner, name, replacement)
        self._undo.append((lambda: delattr(owner, name)) if inherited else (lambda: setattr(owner, name, before)))

    def _guarded_lookup(self, name: str) -> Callable[..., object]:
        real = getattr(socket, name)

        def guarded(host: str | bytes | None, *args: object, **kwargs: object) -> object:
            if not _is_here(host):
                raise self._refusal(f"{name}({host!r})")
            return real(host, *args, **kwargs)

        return guarded

    def _guarded_send(self, name: str) -> Callable[..., object]:
        real = getattr(socket.socket, name)

        def guarded(sock: socket.socket, *args: object) -> object:
            address = args[-1]  # sendto puts data and flags in front of it
            internet = sock.family in {socket.AF_INET, socket.AF_INET6}
            if internet and isinstance(address, tuple) and not _is_here(address[0]):
                raise self._refusal(f"{name}({address!r})")
            return real(sock, *args)

        return guarded

    def _refusal(self, what: str) -> NetworkUseError:
        self.refused.append(what)
        return NetworkUseError(
            f"{what} leaves this machine, and the suite may not: serve the test from 127.0.0.1 (tests/network_guard.py)"
        )


def _is_here(host: object) -> bool:
    if host is None:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if name in HERE:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


GUARD = NetworkGuard()
