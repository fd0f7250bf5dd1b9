"""Two arms of one running bot, each on a venue process of its own: one is hurt, the other must not notice.

The bot is the one that the command line would build (tests/acceptance/stage.py), with short waits by configuration.
`News` follows what it says, `Pair` has the venues, and both outlive many rows.
"""

from __future__ import annotations

import base64
import itertools
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from ganglion.actors.exchange import link, market_data
from ganglion.actors.exchange.connection import ReconnectBackoff
from ganglion.actors.trading.orders.settings import OrdersSettings
from ganglion.bot import tree, venues
from ganglion.bot.config import BotConfig, ExchangeConfig, parse
from ganglion.bot.tree import Places
from ganglion.messages.account import Reconciled
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import (
    ActorFailed,
    ConnectionChanged,
    ConnectionState,
    Halted,
    VenuePaused,
    Violation,
)
from ganglion.messages.market import BookInvalid
from ganglion.messages.orders import OrderState, OrderUpdate
from ganglion.simulation.venue import VenueControl, VenueProcess
from ganglion.simulation.venue.dialects.kraken.names import Pairs
from ganglion.simulation.venue.server import dialect_named
from tests.acceptance.stage import BTC, ETH, Stage, bot_text, frames_of, mode_text, odd_mode, traders

HURT, CALM = "hurt", "calm"
POLL_S = 2.0
"""Between looks at the account's open orders (60 s in a real bot)."""
TIMEOUT_S = 2.0
BOOK_WAIT_S = 2.0
KEEP_ALIVE_S = 3.0
SILENT_S = 3.0
HEALTHY_S = 0.3
"""A connection that held for so long has forgotten its failures (10 s in a real bot): rows follow each other fast."""
GRACE_S = 3.0
VOTE_S = 0.5
"""Between two look-ups that must find nothing."""
OPEN = frozenset({OrderState.INTENDED, OrderState.SUBMITTED, OrderState.UNKNOWN, OrderState.PENDING_CANCEL})
"""States of an order of which the bot waits to hear."""


def configuration(dialect: str, hurt: VenueProcess, calm: VenueProcess, folder: Path) -> BotConfig:
    """A bot with both arms, everything that waits shortened."""
    parts: list[str] = []
    secret = "demo" if dialect == "binance" else base64.b64encode(b"demo").decode()
    environment: dict[str, str] = {}
    for name, process in ((HURT, hurt), (CALM, calm)):
        text = dialect_named(dialect).toml_text(process.base_url, (BTC, ETH))
        text = text.replace("exchanges.local", f"exchanges.{name}").replace("env:LOCAL_", f"env:{name.upper()}_")
        text = text.replace('type = "spot"', f'type = "spot"\nevidence_grace_s = {GRACE_S}\nsilent_s = {SILENT_S}')
        parts += [text, *traders(name), mode_text(f"{name}-listener", odd_mode("Listener"), name, BTC)]
        environment |= {f"{name.upper()}_KEY": "demo", f"{name.upper()}_SECRET": secret}
    return parse(bot_text(*parts, name="faults"), folder / "bot.toml", environment)


@dataclass
class Arm:
    """What an arm has said since it was last cleared."""

    moves: list[tuple[float, ConnectionState]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    reconciled_s: list[float] = field(default_factory=list)
    invalid_s: dict[str, float] = field(default_factory=dict)
    """When each book was said to be invalid last."""
    failed: list[str] = field(default_factory=list)
    """Actors that failed."""
    halted: list[str] = field(default_factory=list)
    settled_s: dict[str, float] = field(default_factory=dict)
    """When each order was last said to be known, by client id; of orders that are known now."""


class News:
    """Follows the bot's messages, each read once, stamped with the time at which it was seen."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._read = 0
        self.arms: dict[str, Arm] = {HURT: Arm(), CALM: Arm()}
        self.state: dict[str, ConnectionState] = dict.fromkeys((HURT, CALM), ConnectionState.DOWN)
        self.is_reconciled: dict[str, bool] = dict.fromkeys((HURT, CALM), False)
        self.orders: dict[str, tuple[OrderState, str]] = {}
        """Each order's newest state and reason, by client id."""
        self.violations: list[str] = []
        self.degraded: dict[str, dict[str, str]] = {HURT: {}, CALM: {}}
        """What works less well than it should now, and why, by arm."""
        places = Places(stage.system)
        for arm in self.arms:
            stage.system.subscribe(places.exchange(arm), stage.spy.address, Degraded)

    def clear(self) -> None:
        """Forget what was said; what is, stays."""
        self.follow()
        self.arms = {HURT: Arm(), CALM: Arm()}

    def orders_unknown(self) -> list[str]:
        """Orders of which it is not known now whether they are at the venue."""
        return [client_id for client_id, (state, _) in self.orders.items() if state is OrderState.UNKNOWN]

    def follow(self) -> None:
        """Read what is new."""
        received = self._stage.spy.received
        end = len(received)
        for message in received[self._read : end]:
            self._take(message, time.monotonic())
        self._read = end

    def _take(self, message: object, now_s: float) -> None:
        match message:
            case ConnectionChanged():
                arm = self.arms[message.exchange]
                if message.state is not self.state[message.exchange]:
                    arm.moves.append((message.at_s, message.state))
                    self.state[message.exchange] = message.state
                    self.is_reconciled[message.exchange] = False
                arm.said.append(message.reason)
            case Reconciled():
                self.arms[message.account].reconciled_s.append(message.at_s)
                self.is_reconciled[message.account] = True
            case VenuePaused():
                self.arms[message.exchange].said.append(message.reason)
            case BookInvalid():
                arm = self.arms[message.exchange]
                arm.invalid_s[message.symbol] = now_s
                arm.said.append(message.reason)
            case Halted():
                self.arms[message.account].halted.append(message.cause)
                self.arms[message.account].said.append(message.cause)
            case OrderUpdate():
                self._order(message, now_s)
            case ActorFailed():
                for name, known in self.arms.items():
                    if message.path.startswith((f"/bot/{name}/", f"/bot/modes/{name}")):
                        known.failed.append(message.path)
                        known.said.append(f"{message.failure.error}: {message.failure.text}")
            case Degraded():
                self._degrade(message)
            case Violation():
                self.violations.append(str(message))

    def _degrade(self, news: Degraded) -> None:
        known = self.degraded[news.exchange]
        known.pop(news.what, None)
        if news.reason:
            known[news.what] = news.reason
            self.arms[news.exchange].said.append(f"{news.what}: {news.reason}")

    def _order(self, update: OrderUpdate, now_s: float) -> None:
        before, _ = self.orders.get(update.client_id, (None, ""))
        self.orders[update.client_id] = (update.state, update.reason)
        arm = self.arms[update.account]
        if update.reason:
            arm.said.append(update.reason)
        # an order that was taken for refused and is there after all was not known before
        if update.state in OPEN or before is OrderState.REJECTED:
            arm.settled_s.pop(update.client_id, None)
        if update.state not in OPEN:
            arm.settled_s.setdefault(update.client_id, now_s)


class Pair:
    """One bot, two arms, two venues."""

    def __init__(self, dialect: str, folder: Path, seed: int = 1) -> None:
        self.dialect = dialect
        self._folder = folder
        self._seed = seed
        self._open = ExitStack()
        self.rows = 0
        """How many rows it has been through."""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def _start(self) -> None:
        processes = []
        for number in (0, 1):
            state = str(self._folder / f"venue-{number}")
            arguments = ["--dialect", self.dialect, "--seed", str(self._seed + number), "--state", state]
            processes.append(self._open.enter_context(VenueProcess(arguments)))
        self.hurt, self.calm = processes
        patch = self._open.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(tree, "ExchangeSettings", partial(tree.ExchangeSettings, account_poll_s=POLL_S))
        patch.setattr(tree, "orders_settings", partial(_asking_often, tree.orders_settings))
        for module in (link, market_data):
            patch.setattr(module, "ReconnectBackoff", partial(ReconnectBackoff, healthy_s=HEALTHY_S))
        waits = {"timeout_s": TIMEOUT_S, "book_wait_s": BOOK_WAIT_S, "keep_alive_s": KEEP_ALIVE_S}
        patch.setattr(venues, "CcxtSettings", partial(venues.CcxtSettings, **waits))
        config = configuration(self.dialect, self.hurt, self.calm, self._folder)
        self.stage = self._open.enter_context(Stage(config))
        self.news = News(self.stage)
        self.wait(lambda: all(map(self.settled, (HURT, CALM))), 30, "both arms are Live and reconciled")
        self.wait(lambda: all(map(self.stage.trading, (HURT, CALM))), 30, "both arms trade")
        # a trade must have been heard on both sides, so that there is something to compare from
        self.wait(lambda: self.stage.tape.mode_trades(f"{CALM}-listener"), 30, "trades come")
        self._whole_s, self._all_streams = time.monotonic(), self._subscribed()

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    @property
    def control(self) -> VenueControl:
        """The hurt venue's."""
        return self.hurt.control

    def differences(self) -> list[str]:
        """Where the hurt arm's books and its venue's differ now."""
        found = self.stage.differences(HURT, InWireIds(self.control.base_url, self.dialect))
        return [self._with_state(text) for text in found if not self._never_sent(text)]

    def _never_sent(self, text: str) -> bool:
        """Whether it is about an order that was canceled while it still waited to be sent: no venue has to know it."""
        if not text.endswith("is unknown to the venue"):
            return False
        client_id = text.split()[1]
        state, _ = self.news.orders.get(client_id, (None, ""))
        return state is OrderState.CANCELED and not self.control.requests(kind="place", client_id=client_id)

    def _with_state(self, text: str) -> str:
        state = next((self.news.orders[word] for word in text.split() if word in self.news.orders), None)
        return text if state is None else f"{text}: {state[0]} ({state[1] or 'no reason'})"

    def quiet(self) -> bool:
        """Whether the hurt arm's connection and books are healthy, and were for long enough."""
        arm, now_s = self.news.arms[HURT], time.monotonic()
        changes = [*(at_s for at_s, _ in arm.moves), *arm.invalid_s.values(), *arm.reconciled_s]
        if not self.settled(HURT) or self.news.degraded[HURT] or self._subscribed() < self._all_streams:
            self._whole_s = now_s
            return False
        return all(now_s - at_s > 2 * HEALTHY_S for at_s in (self._whole_s, *changes))

    def _subscribed(self) -> int:
        """How many streams the hurt venue sends: trades come back without a word."""
        return sum(len(connection["subscriptions"]) for connection in self.control.connections())

    def settled(self, arm: str) -> bool:
        """Whether an arm is Live, reconciled and fed."""
        self.news.follow()
        return self.news.state[arm] is ConnectionState.LIVE and self.news.is_reconciled[arm]

    def wait(self, condition: Callable[[], object], timeout_s: float, what: str) -> None:
        """Wait until a condition holds.

        Raises:
            TimeoutError: with `what` and what was said last.
        """

        def look() -> bool:
            self.news.follow()
            return bool(condition())

        if not self.stage.system.wait_for(look, timeout_s):
            last = "; ".join(self.news.arms[HURT].said[-3:])
            raise TimeoutError(f"not within {timeout_s:g} s: {what} (said last: {last or 'nothing'})")

    def book_s(self, arm: str, symbol: str, after_s: float) -> float | None:
        """When the arm's book was fed first, after a time and after it was last said to be invalid."""
        since_s = max(after_s, self.news.arms[arm].invalid_s.get(symbol, 0.0))
        later = (m.received_s for m in reversed(self.stage.tape.books[arm, symbol]))
        found = list(itertools.takewhile(lambda at_s: at_s > since_s, later))
        return found[-1] if found else None


class InWireIds(VenueControl):
    """A venue's control endpoint with the trade ids that its protocol has, instead of the engine's own."""

    def __init__(self, base_url: str, dialect: str) -> None:
        super().__init__(base_url)
        self._dialect = dialect

    def ledger(self) -> dict[str, Any]:
        """See `VenueControl.ledger`."""
        known = super().ledger()
        if self._dialect == "kraken":
            names = Pairs(())
            for fill in known["accounts"]["demo"]["fills"]:
                fill["trade_id"] = names.trade_id(fill["symbol"], fill["trade_id"])
        return known


class Calm:
    """What the calm arm must have handled since a moment: every frame that its venue sent."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._tape = pair.stage.tape
        self._books = {symbol: len(self._tape.books[CALM, symbol]) for symbol in (BTC, ETH)}
        self._trades = len(self._tape.mode_trades(f"{CALM}-listener"))
        self._violations = len(pair.news.violations)

    def longest_silence_s(self) -> float:
        """The longest pause between two changes of its books."""
        pauses: list[float] = []
        for symbol, first in self._books.items():
            times = [message.received_s for message in self._tape.books[CALM, symbol][first - 1 :]]
            pauses += [later - earlier for earlier, later in itertools.pairwise(times)]
        return max(pauses, default=0.0)

    def problems(self) -> list[str]:
        """What went wrong with it; nothing should."""
        arm, found = self._pair.news.arms[CALM], []
        found += [f"calm: it went {state}" for _, state in arm.moves]
        found += [f"calm: {path} failed" for path in arm.failed]
        found += [f"calm: halted: {cause}" for cause in arm.halted]
        found += [f"calm: the book of {symbol} became invalid" for symbol in arm.invalid_s]
        words, control = words_of(self._pair.dialect), self._pair.calm.control
        for symbol, first in self._books.items():
            if words["numbered books"]:
                stream = words["stream of book"].format(words["id of"](symbol))
                handled = self._tape.handled_ids(CALM, symbol)[first - 1 :]
                sent = frames_of(control, stream, handled[0], handled[-1])
                if handled[1:] != sent:
                    found.append(f"calm: {symbol}: {len(sent)} depth frames sent, {len(handled) - 1} handled")
            messages = self._tape.books[CALM, symbol][first - 1 :]
            gaps = [b for a, b in itertools.pairwise(messages) if b.sequence != a.sequence + 1]
            found += [f"calm: {symbol}: {len(gaps)} gaps in the book"] * bool(gaps)
        ticks = self._tape.mode_trades(f"{CALM}-listener")[self._trades - 1 :]
        ids = [int(tick.trade_id) for tick in ticks]
        sent = frames_of(control, words["stream of trades"].format(words["id of"](BTC)), ids[0], ids[-1])
        # a frame may carry several trades, and is logged with the last of them
        lost = sorted(set(sent).difference(ids))
        holes = [number for earlier, number in itertools.pairwise(ids) if number != earlier + 1]
        if lost or holes:
            found.append(f"calm: trades not handled: {lost or holes}")
        return found


def _asking_often(usual: Callable[[ExchangeConfig], OrdersSettings], exchange: ExchangeConfig) -> OrdersSettings:
    return msgspec.structs.replace(usual(exchange), vote_spacing_s=VOTE_S)


def words_of(dialect: str) -> dict[str, Any]:
    """What a dialect calls things."""
    return WORDS[dialect]


WORDS: dict[str, dict[str, Any]] = {
    "binance": {
        "numbered books": True,
        "stream of book": "{}@depth*",
        "stream of trades": "{}@trade",
        "id of": lambda symbol: symbol.replace("/", "").lower(),
    },
    "kraken": {
        "numbered books": False,
        "stream of book": "book*@{}",
        "stream of trades": "trade@{}",
        "id of": lambda symbol: symbol,
    },
}


def by_order(entries: list[dict[str, Any]]) -> dict[str, int]:
    """How often each client id was placed, by the request log; what a fault repeated on purpose counts once."""
    counts: defaultdict[str, int] = defaultdict(int)
    for entry in entries:
        counts[entry["client_id"]] += entry["fault"] != "duplicate" or not counts[entry["client_id"]]
    return counts
