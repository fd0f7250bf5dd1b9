"""What mypy knows of addresses: a wrong message is an error before anything runs, and an answer has its type."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy comes with ganglion[dev]")

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
from ganglion.messages.base import Message, Request
from ganglion.supervision import Actor, Address, ChildSpec, System, receives


class Add(Message, frozen=True, gc=False):
    amount: int


class Read(Request[int], frozen=True, gc=False):
    pass


class Name(Request[str], frozen=True, gc=False):
    pass


class Counter(Actor[Add | Read | Name]):
    @receives
    def add(self, message: Add) -> None: ...

    @receives
    def read(self, message: Read) -> int:
        self.after(1.0, Add(1))
        self.after(1.0, "later")  # error: arg-type
        return 1

    @receives
    def name(self, message: Name) -> str:
        return self.path


system = System(dispatcher="simulated")
counter = system.spawn(Counter)
counter.tell(Add(1))
counter.tell("add")  # error: arg-type
counter.tell(3)  # error: arg-type
total: int = counter.ask(Read(), timeout=1.0)
name: str = counter.ask(Name(), timeout=1.0)
wrong: str = counter.ask(Read(), timeout=1.0)  # error: assignment
counter.ask(Add(1))  # error: call-overload
narrow: Address[Add] = counter
narrow.tell(Add(1))
narrow.tell(Read())  # error: arg-type
wide: Address[Add | Read | Name | Message] = counter  # error: assignment
system.spawn(lambda: Counter(), name="x").tell(Name())
system.spawn(ChildSpec("y", Counter))
"""


def test_mypy_accepts_what_fits_and_refuses_what_does_not(tmp_path):
    rooms = tmp_path / "layout" / "ganglion"
    rooms.mkdir(parents=True)
    for room in ("messages", "supervision"):
        (rooms / room).symlink_to(ROOT / room)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [
        sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", "--no-color-output",
        "--namespace-packages", "--explicit-package-bases", "--config-file", "", "--cache-dir", str(tmp_path / "cache"),
        "--follow-imports", "silent", str(program),
    ]  # fmt: skip
    environment = {"MYPYPATH": str(tmp_path / "layout"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    found = {
        (int(match[1]), match[2])
        for match in re.finditer(r"^program\.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    }
    expected = {
        (number, match[1])
        for number, line in enumerate(PROGRAM.splitlines(), 1)
        if (match := re.search(r"# error: ([a-z-]+)", line))
    }
    assert found == expected, done.stdout + done.stderr
