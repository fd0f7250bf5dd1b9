"""The bot processes of a life-line: forked from a zygote or started cold, watched through the events they write."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.crash.bot_main import Plan

LOOK_S = 0.02
ROOT = Path(__file__).parents[2]
START_S = 60.0


class Zygote:
    """A process that has everything imported and forks bots; one for each life-line or test module."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting = b""
        self._exited: dict[int, int] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.bot_main", "--zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self._until(lambda answer: "ready" in answer, START_S)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def spawn(self, plan: Plan) -> int:
        """Fork a bot; its pid."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(json.dumps(plan).encode() + b"\n")
        process.stdin.flush()
        pid: int = self._until(lambda answer: "pid" in answer, START_S)["pid"]
        return pid

    def status(self, pid: int) -> int | None:
        """How a bot ended: its exit code, or minus the signal; None while it runs."""
        for answer in self._answers(0.0):
            self._take(answer)
        return self._exited.get(pid)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the zygote does not run: use it as a context manager")
        return self._process

    def _take(self, answer: dict[str, int]) -> None:
        if "exited" in answer:
            self._exited[answer["exited"]] = answer["status"]

    def _until(self, wanted: Callable[[dict[str, int]], bool], timeout_s: float) -> dict[str, int]:
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            for answer in self._answers(0.2):
                if wanted(answer):
                    return answer
                self._take(answer)
        raise RuntimeError(f"the zygote said nothing within {timeout_s:g} s")

    def _answers(self, timeout_s: float) -> list[dict[str, int]]:
        process = self._running()
        assert process.stdout is not None
        handle = process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(handle, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return []
        read = os.read(handle, 65536)
        if not read:
            raise RuntimeError("the zygote has ended")
        *lines, self._waiting = (self._waiting + read).split(b"\n")
        return [json.loads(line) for line in lines]


@dataclass
class BotProcess:
    """One life of a bot."""

    plan: Plan
    pid: int
    started_s: float
    """By the wall clock, before it was started."""
    zygote: Zygote | None
    cold: subprocess.Popen[bytes] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    _read: int = 0

    @classmethod
    def start(cls, plan: Plan, zygote: Zygote | None) -> Self:
        """Start one, cold where there is no zygote."""
        path = Path(plan["events"])
        path.write_bytes(b"")
        started_s = time.time()
        if zygote is not None:
            return cls(plan, zygote.spawn(plan), started_s, zygote)
        file = path.with_suffix(".plan.json")
        file.write_text(json.dumps(plan), encoding="utf-8")
        process = subprocess.Popen([sys.executable, "-m", "tests.crash.bot_main", str(file)], cwd=ROOT)
        return cls(plan, process.pid, started_s, None, process)

    def look(self) -> list[dict[str, Any]]:
        """Everything that it has told so far."""
        with Path(self.plan["events"]).open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._read += whole
        self.events += [json.loads(line) for line in data[:whole].splitlines()]
        return self.events

    def told(self, event: str, **where: object) -> list[dict[str, Any]]:
        """Its events of one kind."""
        return [e for e in self.look() if e["event"] == event and all(e.get(k) == v for k, v in where.items())]

    @property
    def status(self) -> int | None:
        """How it ended; None while it runs."""
        if self.cold is not None:
            return self.cold.poll()
        assert self.zygote is not None
        return self.zygote.status(self.pid)

    def wait(self, condition: Callable[[], object], timeout_s: float) -> bool:
        """Wait until a condition holds; False if it did not in time, or the process ended before."""
        until_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() >= until_s or self.status is not None:
                return bool(condition())
            time.sleep(LOOK_S)
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.status is None:
            self.signal(signal.SIGKILL)
            self.reaped(10.0)

    def reaped(self, timeout_s: float) -> int | None:
        """Wait for its end; None if it did not come."""
        until_s = time.monotonic() + timeout_s
        while (status := self.status) is None and time.monotonic() < until_s:
            time.sleep(LOOK_S)
        return status
