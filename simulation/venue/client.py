"""For tests and demos: a venue in a process of its own, and the control endpoint as methods. Blocking, stdlib only."""

from __future__ import annotations

import http.client
import json
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

READY = "venue ready "


class ControlError(RuntimeError):
    """The control endpoint refused a request: the text is its answer."""


class VenueControl:
    """One venue's control endpoint.

    Args:
        base_url: where the venue listens, `http://127.0.0.1:PORT`.
    """

    def __init__(self, base_url: str, timeout_s: float = 5.0) -> None:
        self.base_url = base_url
        self._timeout_s = timeout_s

    def ledger(self) -> dict[str, Any]:
        """Accounts, orders, fills and totals."""
        return self._call("GET", "/control/ledger")

    def status(self) -> dict[str, Any]:
        """The venue's time, prices and counts."""
        return self._call("GET", "/control/status")

    def requests(self, **where: str | int) -> list[dict[str, Any]]:
        """The request log, filtered by `since_ms`, `kind`, `client_id`, `account`, `method` or `path`."""
        return self._list("/control/requests", "requests", where)

    def frames(self, **where: str | int) -> list[dict[str, Any]]:
        """Frames sent, filtered by `since_ms`, `until_ms`, `stream` (a pattern) or `connection`."""
        return self._list("/control/frames", "frames", where)

    def connections(self) -> list[dict[str, Any]]:
        """Open WebSockets."""
        return self._list("/control/connections", "connections", {})

    def faults(self, *, ever: bool = False) -> list[dict[str, Any]]:
        """Faults that are on, or all there `ever` were."""
        return self._list("/control/faults", "faults", {"all": 1} if ever else {})

    def fault(self, kind: str, **fields: str | float) -> int:
        """Switch a fault on (the fields of `faults.Fault`); its number."""
        number: int = self._call("POST", "/control/faults", {"kind": kind, **fields})["id"]
        return number

    def clear(self) -> None:
        """Switch all faults off."""
        self._call("DELETE", "/control/faults")

    def drop_sockets(self, kind: str = "all") -> int:
        """Reset `market`, `user` or `all` WebSockets; how many there were."""
        number: int = self._call("POST", "/control/drop", {"kind": kind})["dropped"]
        return number

    def hide_fill(self, account: str, times: int = 1) -> None:
        """Hide the account's next fills from everything but its balances."""
        self._call("POST", "/control/hide_fill", {"account": account, "times": times})

    def clock(self, skew_ms: int) -> None:
        """Set the venue's clock off."""
        self._call("POST", "/control/clock", {"skew_ms": skew_ms})

    def sweep(self, symbol: str, side: str, quantity: str) -> list[int]:
        """Trade through a book with the flow's money; the trade ids."""
        body = {"symbol": symbol, "side": side, "quantity": quantity}
        trades: list[int] = self._call("POST", "/control/sweep", body)["trades"]
        return trades

    def _list(self, path: str, name: str, where: dict[str, str | int]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("GET", f"{path}?{urlencode(where)}")[name]
        return found

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        link = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=self._timeout_s)
        try:
            link.request(method, path, None if body is None else json.dumps(body))
            answer = link.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise ControlError(f"{method} {path}: {answer.status} {content.decode(errors='replace')}")
            parsed: dict[str, Any] = json.loads(content)
            return parsed
        finally:
            link.close()


class VenueProcess:
    """A venue in a process of its own that can be killed and brought back on the same port.

    Args:
        arguments: of the command line, `--port` left out.
    """

    def __init__(self, arguments: Sequence[str] = (), start_timeout_s: float = 20.0) -> None:
        self._arguments = list(arguments)
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """Where it listens (or listened before it was killed)."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def control(self) -> VenueControl:
        """Its control endpoint."""
        return VenueControl(self.base_url)

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> Self:
        """Start it, again on its old port if it ran before, and wait until it answers.

        Raises:
            RuntimeError: when it ends or stays silent instead.
        """
        command = [sys.executable, "-m", "ganglion.simulation.venue", "--quiet", "--end-with-stdin"]
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter, our own module
            [*command, "--port", str(self._port), *self._arguments],
            # Never written to: it ends when this process does, however that happens.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        url = self._wait_ready(self._process)
        self._port = int(url.rpartition(":")[2])
        return self

    def kill(self) -> None:
        """SIGKILL: nothing is said or saved."""
        if self._process is not None:
            self._process.kill()
            self._reap(self._process)

    def stop(self) -> int:
        """SIGTERM, and wait; its exit code."""
        if self._process is None:
            return 0
        process = self._process
        process.terminate()
        self._reap(process)
        return process.returncode

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        if self._process is not None:
            self.stop()

    def _reap(self, process: subprocess.Popen[str]) -> None:
        process.wait(timeout=10)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None

    def _wait_ready(self, process: subprocess.Popen[str]) -> str:
        if process.stdout is None:
            raise RuntimeError("the venue process has no output to wait for")
        deadline = time.monotonic() + self._start_timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while (left_s := deadline - time.monotonic()) > 0 and selector.select(left_s):
                line = process.stdout.readline()
                if line.startswith(READY):
                    return line.removeprefix(READY).strip()
                if not line:
                    break
        process.kill()
        self._reap(process)
        raise RuntimeError(f"the venue did not start: {' '.join(self._arguments)} (exit code {process.returncode})")
