"""One life-line: a bot on one data folder, killed again and again, its venues' ledgers compared with its journal.

Each kill begins a life: the bot starts, reconciles, agrees with every venue, trades, and then it (or a venue, or both)
gets SIGKILL at the planned point. Whoever drives it (campaign, tests) reads the outcomes.
"""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

from ganglion.actors.trading.orders import tag_of
from ganglion.bot.errors import ExitCode
from ganglion.simulation.venue import VenueControl, VenueProcess
from tests.crash.books import Books, differences, exposure, lost_or_doubled, read_books
from tests.crash.config import ARMS, BOT, KEY, SYMBOLS, Arm, bounds, config_text, environment, trade_namer
from tests.crash.points import RANDOM, TORN, Phase
from tests.crash.processes import BotProcess, Zygote

Victim = Literal["bot", "venue", "both"]

RECONCILED_S = 60.0
AGREED_S = 40.0
TRADING_S = 40.0
REACHED_S = 15.0
"""A point that was not passed so long after it was armed becomes a kill at that instant."""
PAST_S = 3.0
DRAINED_S = 60.0
DEAD_S = 10.0
AGAIN_S = 0.15


class Kill(msgspec.Struct, frozen=True):
    """One planned kill."""

    number: int
    victim: Victim
    point: str
    """Of the catalogue, or `random`."""
    phase: Phase
    nth: int
    early: bool
    """Armed before the bot starts; else once it has reconciled, agreed with its venues and traded."""
    cold: bool = False
    """Started by an interpreter of its own, not forked."""
    delay_s: float = 0.0
    """Of a kill at a random instant; how long a killed venue stays away."""


class Outcome(msgspec.Struct, kw_only=True):
    """What became of one kill."""

    lifeline: int
    kill: Kill
    reached: bool = False
    """The point was passed; else it was killed where it was."""
    recovered_s: float | None = None
    """From the start of this life's process to the last account's Reconciled."""
    first_order_s: float | None = None
    """From the same to its first accepted order."""
    venue_back_s: float | None = None
    """From the return of a killed venue to agreement."""
    landed: bool | None = None
    """Of a kill while a place was on its way: whether the venue has the order."""
    orders: int = 0
    """At the venues, of ours, so far."""
    fills: int = 0
    problems: list[str] = []
    seconds: float = 0.0


class LifeLine:
    """A context manager: venues up, a zygote waiting; `live` plays one kill, `finish` ends it in order."""

    def __init__(
        self,
        folder: Path,
        dialects: Sequence[str],
        seed: int,
        number: int = 0,
        *,
        on_restart: str = "",
        zygote: Zygote | None = None,
    ) -> None:
        self.folder = folder
        self.number = number
        self.data = folder / "data"
        self.tag = tag_of(BOT)
        self._seed = seed
        self._dialects = {ARMS[dialect]: dialect for dialect in dialects}
        self._on_restart = on_restart
        self._bounds = bounds(tuple(self._dialects))
        self._names = {arm: trade_namer(dialect) for arm, dialect in self._dialects.items()}
        self._closing = ExitStack()
        self._lives = 0
        self._back_s = 0.0
        """When killed venues began to come back."""
        self.venues: dict[str, VenueProcess] = {}
        self.zygote = zygote or Zygote()
        self._own_zygote = zygote is None
        self.bot: BotProcess | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as starting:
            for index, (arm, dialect) in enumerate(self._dialects.items()):
                state = ["--state", str(self.folder / f"venue-{arm}"), "--seed", str(self._seed + index)]
                account = ["--account", f"{KEY}:{KEY}", "--symbols", ",".join(SYMBOLS)]
                fees = ["--maker-fee", "0.0002", "--taker-fee", "0.0004"]
                venue = VenueProcess([*state, *account, *fees, "--dialect", dialect], start_timeout_s=60)
                self.venues[arm] = starting.enter_context(venue)
            if self._own_zygote:
                starting.enter_context(self.zygote)
            self._closing = starting.pop_all()
        arms = [Arm(arm, self._dialects[arm], venue.base_url) for arm, venue in self.venues.items()]
        self._config.write_text(config_text(arms, self._on_restart), encoding="utf-8")
        return self

    def __exit__(self, *_error: object) -> None:
        if self.bot is not None:
            self.bot.kill()
        self._closing.close()

    @property
    def _config(self) -> Path:
        return self.folder / "bot.toml"

    # -------------------------------------------------------------- lives

    def start(self, kill: Kill | None = None) -> BotProcess:
        """Start the bot's next life, with its kill loaded."""
        self._lives += 1
        name = f"life-{kill.number if kill else self._lives:04d}"
        point = kill.point if kill and kill.point != RANDOM else ""
        victims = [v.pid for v in self.venues.values() if v.pid] if kill and kill.victim != "bot" else []
        plan = {
            "config": str(self._config),
            "environment": environment(self._dialects),
            "events": str(self.folder / f"{name}.events"),
            "log": str(self.folder / f"{name}.log"),
            "point": point,
            "nth": kill.nth if kill else 1,
            "victims": victims,
            "dies": kill is None or kill.victim != "venue",
            "armed": kill is not None and kill.early,
        }
        self.bot = BotProcess.start(plan, None if kill and kill.cold else self.zygote)
        return self.bot

    def live(self, kill: Kill) -> Outcome:
        """One life and its end; what was wrong stands in the outcome."""
        began_s = time.monotonic()
        outcome = Outcome(lifeline=self.number, kill=kill, problems=[])
        bot = self.start(kill)
        if not kill.early:
            outcome.problems += self.settle(bot)
            bot.signal(signal.SIGUSR1)
            if kill.phase == "drain":
                bot.signal(signal.SIGTERM)
        if not outcome.problems:
            self._strike(bot, kill, outcome)
        if kill.victim == "venue" and not outcome.problems:
            self._return(bot, outcome)
        self._end(bot, outcome)
        outcome.seconds = time.monotonic() - began_s
        return outcome

    def _strike(self, bot: BotProcess, kill: Kill, outcome: Outcome) -> None:
        """Wait for the kill; where its point does not come, kill at this instant."""
        if kill.point == RANDOM:
            time.sleep(kill.delay_s)
            outcome.reached = True
        else:
            bot.wait(lambda: bot.told("kill") or self._past(bot, kill), REACHED_S)
            outcome.reached = bool(bot.told("kill"))
            if not outcome.reached and bot.status is not None and kill.phase != "drain":
                outcome.problems.append(f"the bot ended by itself with {bot.status}: {self.last_words(bot)}")
        if kill.victim != "bot":
            for venue in self.venues.values():
                venue.kill()
        if kill.victim != "venue":
            bot.kill()
        if kill.victim != "bot":
            if kill.victim == "both":
                bot.reaped(DEAD_S)
            time.sleep(kill.delay_s)
            # Nothing can be reconciled between a kill and the return of the first venue.
            self._back_s = time.time()
            for venue in self.venues.values():
                venue.start()

    def _past(self, bot: BotProcess, kill: Kill) -> bool:
        """A point of the start that was not passed although the start is over: nothing was in doubt, say."""
        told = {event["account"]: event["time_s"] for event in bot.told("reconciled")}
        return kill.phase == "start" and told.keys() >= self.venues.keys() and time.time() > max(told.values()) + PAST_S

    def _return(self, bot: BotProcess, outcome: Outcome) -> None:
        """The venues are back: the same bot has to come back to agreement by itself, or to end if it was stopping."""
        if outcome.kill.phase == "drain":
            status = bot.reaped(DRAINED_S)
            # It may say that orders were left open: the next life has to find them.
            if status not in {ExitCode.OK, ExitCode.FAILED}:
                outcome.problems.append(f"the drain ended with {status}: {self.last_words(bot)}")
            return
        outcome.problems += self.settle(bot, since_s=self._back_s)
        outcome.venue_back_s = time.time() - self._back_s

    def _end(self, bot: BotProcess, outcome: Outcome) -> None:
        """Make sure that it is dead, and look at what it left."""
        bot.kill()
        bot.reaped(DEAD_S)
        outcome.problems += self.inspect(bot, outcome)
        started_s = bot.started_s
        first = {e["account"]: e["time_s"] - started_s for e in reversed(bot.told("reconciled"))}
        if len(first) == len(self.venues):
            outcome.recovered_s = max(first.values())
        placed = bot.told("placed")
        if placed:
            outcome.first_order_s = placed[0]["time_s"] - started_s
        self.bot = None

    def finish(self, kill: Kill) -> Outcome:
        """A last life that ends in order: drained, exit code 0, books equal to the last digit, nothing left open."""
        began_s = time.monotonic()
        outcome = Outcome(lifeline=self.number, kill=kill, reached=True, problems=[])
        bot = self.start()
        outcome.problems += self.settle(bot)
        bot.signal(signal.SIGTERM)
        status = bot.reaped(DRAINED_S)
        if status != ExitCode.OK:
            outcome.problems.append(f"the drained bot ended with {status}: {self.last_words(bot)}")
        for arm in self.venues:
            account = self.account(arm)
            books = self.books()[0].get(arm)
            found = ["no journal"] if books is None else differences(books.ledger, account, self.tag)
            left = [] if books is None else [line.client_id for line in books.ledger.open_lines()]
            outcome.problems += [f"{arm} at rest: {text}" for text in found]
            outcome.problems += [f"{arm} at rest: order {client_id} was left open" for client_id in left]
        self._end(bot, outcome)
        outcome.seconds = time.monotonic() - began_s
        return outcome

    # -------------------------------------------------------------- looking

    @property
    def controls(self) -> dict[str, VenueControl]:
        """The venues' control endpoints."""
        return {arm: VenueControl(venue.base_url, timeout_s=20.0) for arm, venue in self.venues.items()}

    def account(self, arm: str) -> dict[str, Any]:
        """The bot's account in a venue's own ledger, its trades by the names that clients hear."""
        account: dict[str, Any] = self.controls[arm].ledger()["accounts"][KEY]
        name = self._names[arm]
        for fill in account["fills"]:
            fill["trade_id"] = name(fill["symbol"], fill["trade_id"])
        return account

    def books(self) -> tuple[dict[str, Books], list[str]]:
        """The journal as it is on the disk now."""
        return read_books(self.data, self._bounds)

    def settle(self, bot: BotProcess, since_s: float = 0.0) -> list[str]:
        """Wait until every account is reconciled, agrees with its venue, and trades; what did not come in time."""
        arms = self.venues.keys()

        def reconciled() -> bool:
            return {e["account"] for e in bot.told("reconciled") if e["time_s"] >= since_s} >= arms

        def trading() -> bool:
            return {e["account"] for e in bot.told("placed") if e["time_s"] >= since_s} >= arms

        for condition, within_s, what in (
            (reconciled, RECONCILED_S, "not reconciled"),
            (trading, TRADING_S, "no order placed"),
        ):
            if not bot.wait(condition, within_s):
                ended = f", it ended with {bot.status}" if bot.status is not None else ""
                return [f"{what} within {within_s:g} s{ended}: {self.last_words(bot)}"]
        return self.agree(bot, AGREED_S)

    def agree(self, bot: BotProcess, timeout_s: float) -> list[str]:
        """Wait until journal and venue are equal in everything; while it trades they differ for moments."""
        left: dict[str, list[str]] = {}
        until_s = time.monotonic() + timeout_s
        waiting = dict.fromkeys(self.venues)
        while waiting and time.monotonic() < until_s and bot.status is None:
            for arm in list(waiting):
                account = self.account(arm)
                books = self.books()[0].get(arm)
                left[arm] = ["no journal"] if books is None else differences(books.ledger, account, self.tag)
                if not left[arm]:
                    del waiting[arm]
            time.sleep(AGAIN_S)
        if bot.status is not None:
            return [f"it ended with {bot.status}: {self.last_words(bot)}"]
        return [f"{arm} after {timeout_s:g} s: {text}" for arm in waiting for text in left[arm]]

    def inspect(self, bot: BotProcess, outcome: Outcome) -> list[str]:
        """What must hold about a bot that is dead, whenever it died."""
        found = [f"invariant violated at {e['account']}: {e['text']}" for e in bot.told("violation")]
        found += [f"not active any more: {e['text']}" for e in bot.told("state")]
        found += too_early(bot.look())
        accounts = {arm: self.account(arm) for arm in self.venues}
        books, wrong = self.books()
        found += wrong
        for arm, account in accounts.items():
            outcome.orders += len(account["orders"])
            outcome.fills += len(account["fills"])
            if arm not in books:
                found += [f"{arm}: LOST: {len(account['orders'])} orders, no journal"] if account["orders"] else []
                continue
            ledger = books[arm].ledger
            here = [*lost_or_doubled(ledger, account, self.tag), *exposure(ledger, account, self.tag, self._bounds)]
            here += [f"DECIDED TWICE: {text}" for text in books[arm].exposure]
            here += [f"in the journal: {entry.scope} {entry.state}: {entry.cause}" for entry in ledger.states.entries]
            here += sent_twice(self.controls[arm])
            found += [f"{arm}: {text}" for text in here]
            here_too = landed(outcome.kill, bot, account, arm)
            outcome.landed = outcome.landed if here_too is None else bool(outcome.landed) or here_too
        return found

    def last_words(self, bot: BotProcess, lines: int = 6) -> str:
        """The end of a life's log."""
        with contextlib.suppress(OSError):
            text = Path(bot.plan["log"]).read_text(encoding="utf-8", errors="replace")
            return " | ".join(text.splitlines()[-lines:])
        return "it logged nothing"


def too_early(events: Sequence[dict[str, Any]]) -> list[str]:
    """Orders that were sent before their account was reconciled (I5)."""
    reconciled: set[str] = set()
    found = []
    for event in events:
        if event["event"] == "reconciled":
            reconciled.add(event["account"])
        elif event["event"] == "place" and event["account"] not in reconciled:
            found.append(f"I5: {event['client_id']} was placed at {event['account']} before Reconciled")
    return found


def sent_twice(control: VenueControl) -> list[str]:
    """Client ids that came to the venue in more than one place, as far as its present process remembers."""
    counts = Counter(entry["client_id"] for entry in control.requests(kind="place"))
    return [f"order {client_id} was sent {count} times" for client_id, count in counts.items() if count > 1]


def landed(kill: Kill, bot: BotProcess, account: dict[str, Any], arm: str) -> bool | None:
    """Whether an order whose placing was on its way when the bot died is at the venue; None where none was."""
    if ":wire.place" not in kill.point or kill.victim == "venue":
        return None
    begun = [event["client_id"] for event in bot.told("place", account=arm)]
    done = {event["client_id"] for event in bot.told("placed", account=arm)}
    under_way = [client_id for client_id in begun if client_id not in done]
    there = {order["client_id"] for order in account["orders"]}
    return any(client_id in there for client_id in under_way) if under_way else None


def planned(
    points: Sequence[tuple[str, Phase, int]], kills: int, seed: int, pick_victim: Callable[[random.Random], Victim]
) -> list[Kill]:
    """Kills that go through all points in a shuffled order, again and again; the same seed plans the same."""
    dice = random.Random(seed)
    found: list[Kill] = []
    deck: list[tuple[str, Phase, int]] = []
    while len(found) < kills:
        if not deck:
            deck = list(points)
            dice.shuffle(deck)
        name, phase, most = deck.pop()
        for text, cause in CAUSES.items():
            if text in name and len(found) + 1 < kills:
                found.append(_planned(len(found), cause, dice, "bot", early=True))
        # A venue that is killed while the bot trades has a bot that trades to come back to.
        victim = pick_victim(dice)
        if name == TORN and victim == "venue":
            victim = "both"  # a bot that lived on would write the whole behind the half: no disk does that
        early = phase == "start" or (phase == "trading" and victim != "venue" and dice.random() < 0.4)
        found.append(_planned(len(found), (name, phase, most), dice, victim, early=early))
    return found


CAUSES: dict[str, tuple[str, Phase, int]] = {
    "LookUp": ("before:wire.place_headers", "trading", 1),
    "truncate": (TORN, "trading", 5),
}
"""What has to be killed first, so that the next start has an order to look up, a torn end to cut."""


def _planned(number: int, point: tuple[str, Phase, int], dice: random.Random, victim: Victim, *, early: bool) -> Kill:
    name, phase, most = point
    return Kill(
        number=number,
        victim=victim,
        point=name,
        phase=phase,
        nth=dice.randint(1, most),
        early=early,
        cold=dice.random() < 0.1,
        delay_s=round(dice.uniform(0.0, 1.5), 3),
    )
