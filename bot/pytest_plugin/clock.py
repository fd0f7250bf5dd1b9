"""The fixture `clock`: this process's time, standing still until the test moves it.

It drives freezegun, so `time.time()`, `datetime.now()` and `ccxt.milliseconds()` say the virtual time, also in the
middle of a world's run. Two things of freezegun are replaced for as long as it is on, and
tests/bot/pytest_plugin/test_clock.py holds both: where the frozen date comes from (a world moves it), and `time_ns`,
which freezegun makes of a float, so that many a millisecond is told one too early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ganglion.bot.pytest_plugin.needs import needed

if TYPE_CHECKING:
    from ganglion.simulation.world.world import World

START_MS = 1_700_000_000_000
"""2023-11-14 22:13:20 UTC: where every world begins too."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KEEP_REAL = ("_pytest.timing",)
"""pytest measures how long a test really takes."""


class Clock:
    """The time of this process, moved by `advance` only.

    With `world` in the same test it is the world's time, and to advance it is to let the world run.
    """

    def __init__(self, start_ms: int = START_MS) -> None:
        """Stand at a date, milliseconds since 1970."""
        self._start_us = start_ms * 1000
        self._passed_us = 0
        self._world: World | None = None
        self._followers: list[Callable[[], None]] = []

    @property
    def now_ms(self) -> int:
        """The date, milliseconds since 1970: what `ccxt.milliseconds()` says."""
        return self.now_us // 1000

    @property
    def now_us(self) -> int:
        """The date, microseconds since 1970."""
        if self._world is not None:
            # to the millisecond what the world itself calls the date, below that what a float still knows
            date_ms, passed_s = self._world.timeline.now_ms(), self._world.now_s
            within_us = int(passed_s * 1_000_000) - (date_ms - self._world.timeline.start_ms) * 1000
            return date_ms * 1000 + min(max(within_us, 0), 999)
        return self._start_us + self._passed_us

    @property
    def now_s(self) -> float:
        """Seconds since the test's time began."""
        if self._world is not None:
            return self._world.now_s
        return self._passed_us / 1_000_000

    @property
    def now(self) -> datetime:
        """The date, in UTC."""
        return _EPOCH + timedelta(microseconds=self.now_us)

    def advance(self, seconds: float) -> None:
        """Let time pass: the world runs, or the venue's crowd trades, or it is later and nothing else.

        Raises:
            ValueError: for less than nothing; time does not go back.
        """
        if not seconds >= 0:
            raise ValueError(f"clock.advance({seconds}): time goes forward only; name seconds of 0 or more")
        if self._world is not None:
            self._world.run(seconds=seconds)
        else:
            self._passed_us += round(seconds * 1_000_000)
        for follower in self._followers:
            follower()

    def follow(self, world: World) -> None:
        """Be the world's time from now on."""
        self._world = world

    def on_advance(self, follower: Callable[[], None]) -> None:
        """Have something done after each advance."""
        self._followers.append(follower)


@contextmanager
def stopped(clock: Clock) -> Iterator[Clock]:
    """Stop this process's time and let `clock` say it; fails the test where freezegun is missing."""
    freezegun = needed("freezegun", "the fixture `clock`")
    api = needed("freezegun.api", "the fixture `clock`")

    class Frozen(api.FrozenDateTimeFactory):  # type: ignore[misc, name-defined]  # a module that is imported late
        """Asks the clock each time; freezegun's own remembers a date."""

        def __call__(self) -> datetime:
            return clock.now.replace(tzinfo=None)

    def fake_time_ns() -> int:
        if api._should_use_real_time():  # noqa: SLF001  as freezegun's own fakes do
            real: int = api.real_time_ns()
            return real
        passed: timedelta = api.get_current_time() - _EPOCH.replace(tzinfo=None)
        return passed // _MICROSECOND * 1000

    before = api.fake_time_ns
    vars(api)["fake_time_ns"] = fake_time_ns
    # asyncio keeps its own time, or no loop could ever end a sleep
    freezer = freezegun.freeze_time(clock.now, ignore=list(_KEEP_REAL), real_asyncio=True)
    try:
        freezer.start()
        try:
            api.freeze_factories[-1] = Frozen(clock.now.replace(tzinfo=None))
            yield clock
        finally:
            freezer.stop()
    finally:
        vars(api)["fake_time_ns"] = before
