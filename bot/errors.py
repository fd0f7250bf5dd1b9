"""What can go wrong with a bot as a process, as types, and the exit codes that they become.

BotError
├── ConfigError     the configuration can't be used; carries every problem with its place (exit code 2)
├── CheckFailed     a check ran and found something wrong (exit code 1)
├── DataFolderError the bot's folder is in use, another bot's, or can't be written to (exit code 2)
│   └── AccountsLeftError its journal holds orders or halts of accounts that are not configured (exit code 2)
└── BuildError      the parts could not be put together
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import ClassVar

import msgspec


class ExitCode(enum.IntEnum):
    """What the command line ends with."""

    OK = 0
    FAILED = 1
    """A check failed: a violation, balances that differ, a venue that refuses."""
    CONFIGURATION = 2
    HALTED = 3
    INTERRUPTED = 130
    """A second SIGINT: everything is dropped at once."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong with a configuration."""

    place: str
    """Where it stands: `exchanges.alpha.symbols[1]`."""
    text: str
    """What is wrong there. Never the value of a secret."""
    hint: str = ""
    """What to do about it."""

    def __str__(self) -> str:
        """One line: place, what is wrong, what to do."""
        return f"{self.place}: {self.text}" + (f"; {self.hint}" if self.hint else "")


class BotError(Exception):
    """Base of this room's errors."""

    code: ClassVar[ExitCode] = ExitCode.FAILED
    """What a process that meets it ends with."""


class ConfigError(BotError):
    """A configuration that can't be used, with everything that is wrong with it."""

    code: ClassVar[ExitCode] = ExitCode.CONFIGURATION

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{source}: {count} problem{'s' if count != 1 else ''}"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


class CheckFailed(BotError):
    """A check ran and found something wrong."""


class DataFolderError(BotError):
    """The bot's own folder can't be used by this process: nothing was started."""

    code: ClassVar[ExitCode] = ExitCode.CONFIGURATION


class AccountsLeftError(DataFolderError):
    """The journal holds open orders, or a halt, of accounts that are not configured: nothing was started."""


class BuildError(BotError):
    """The parts of a bot could not be put together as configured."""
