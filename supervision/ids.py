"""Where ids and randomness come from: a seam, one generator per path so that one actor's draws never shift another's.

A system with a seed repeats every id and every jitter; without one it is seeded by the operating system.
"""

from __future__ import annotations

import hashlib
import os
import random


class Ids:
    """Ids and randomness for one path of one system."""

    __slots__ = ("_seed", "random")

    random: random.Random
    """The generator of this path; use it for jitter and nothing that must be secret."""

    def __init__(self, seed: bytes) -> None:
        """Take the seed of this path."""
        self._seed = seed
        self.random = random.Random(seed)

    @classmethod
    def of_system(cls, seed: int | None) -> Ids:
        """Make the root of a system's ids: repeatable for a number, unpredictable for None."""
        return cls(os.urandom(32) if seed is None else seed.to_bytes(32, "big", signed=True))

    def for_path(self, path: str) -> Ids:
        """Make the ids of one path; the same root and path give the same ones."""
        return Ids(hashlib.blake2b(path.encode(), key=self._seed, digest_size=32).digest())

    def token(self) -> str:
        """Make an id of 20 hex digits (80 bits), unique for ever."""
        return f"{self.random.getrandbits(80):020x}"

    def bits(self, count: int) -> bytes:
        """Make `count` random bytes."""
        return self.random.randbytes(count)
