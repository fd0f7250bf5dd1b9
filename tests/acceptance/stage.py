"""A whole bot on local venue processes through real ccxt, with everything tapped that a case wants to compare.

`Stage` builds the bot that the command line would build and keeps what its books, candles and modes handled (`Tape`),
what its parts published (`spy`) and its journal. Nothing of the product is replaced: the taps are subclasses that write
a message down before they handle it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from ganglion.actors.exchange.ccxt import adapter
from ganglion.actors.exchange.ccxt.book_tap import BookTap, TappedBook
from ganglion.actors.market.candles import CandleActor
from ganglion.actors.market.order_book import OrderBookActor
from ganglion.actors.modes import ModeActor
from ganglion.actors.trading.journal import read_journal
from ganglion.actors.trading.orders import records
from ganglion.actors.trading.orders.ledger import Ledger, replay
from ganglion.bot import parts, tree
from ganglion.bot.config import BotConfig, parse
from ganglion.bot.process import Bot, build
from ganglion.bot.tree import Places
from ganglion.messages.account import AccountSnapshot, Reconciled
from ganglion.messages.base import Message
from ganglion.messages.lifecycle import (
    ActorFailed,
    ActorParked,
    ActorStarted,
    ConnectionChanged,
    ConnectionState,
    DeadLetter,
    Halted,
    VenuePaused,
    Violation,
)
from ganglion.messages.market import BookDelta, BookInvalid, BookSnapshot, TopOfBook, TradeTick
from ganglion.messages.orders import Fill, OrderDenied, OrderState, OrderUpdate
from ganglion.simulation.venue import VenueControl
from ganglion.simulation.venue.dialects.binance.ccxt_settings import toml_text
from ganglion.supervision import CellInfo, System

M = TypeVar("M", bound=Message)

ODD_MODES = Path(__file__).with_name("odd_modes.py")
BTC, ETH = "BTC/USDT", "ETH/USDT"
NEVER_AT_THE_VENUE = frozenset({OrderState.INTENDED, OrderState.DENIED, OrderState.REJECTED})
"""States of an order that no venue has to know."""

FROM_EXCHANGE = (ConnectionChanged, VenuePaused)
FROM_BOOK = (TopOfBook, BookInvalid)
FROM_PORTFOLIO = (OrderUpdate, Fill, OrderDenied, Halted, AccountSnapshot)
FROM_ORDERS = (Reconciled,)
FROM_MONITOR = (Violation,)
FROM_TREE = (ActorFailed, ActorParked, ActorStarted, DeadLetter)


# ------------------------------------------------------------------ configuration


def arm_text(
    name: str,
    base_url: str,
    *,
    symbols: tuple[str, ...] = (BTC, ETH),
    key: str = "demo",
    exchange_id: str = "binance",
    extra: str = "evidence_grace_s = 1.0",
) -> str:
    """One exchange's tables; key and secret of an account are the same word here."""
    text = toml_text(base_url, symbols, name)
    text = text.replace('id = "binance"', f'id = "{exchange_id}"').replace('type = "spot"', f'type = "spot"\n{extra}')
    return text.replace(f"env:{name.upper()}_KEY", f"env:{key}").replace(f"env:{name.upper()}_SECRET", f"env:{key}")


def mode_text(name: str, mode: str, exchange: str, symbol: str = BTC, **settings: object) -> str:
    """One mode's table."""
    own = "\n".join(f"{key} = {_toml(value)}" for key, value in settings.items())
    return f'[modes.{name}]\nmode = "{mode}"\nexchange = "{exchange}"\nsymbol = "{symbol}"\n{own}'


def odd_mode(name: str) -> str:
    """The configuration's name of a mode in odd_modes.py."""
    return f"{ODD_MODES}:{name}"


def traders(arm: str) -> list[str]:
    """Both built-in modes on one arm, each in its market."""
    return [
        mode_text(f"{arm}-maker", "market_making", arm, BTC, spread_pct=0.05, min_interval_s=0.5),
        mode_text(f"{arm}-grid", "grid", arm, ETH, step_pct=0.1),
    ]


def bot_text(*parts: str, name: str = "acceptance") -> str:
    """A whole configuration."""
    return "\n\n".join([f'[bot]\nname = "{name}"', *parts])


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


class Environment(dict[str, str]):
    """Every key's value is its own name: `env:demo` is the key of the account `demo`."""

    def __missing__(self, name: str) -> str:
        return name

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return name

    def __contains__(self, name: object) -> bool:
        return True


def configured(text: str, folder: Path) -> BotConfig:
    """The configuration of this text."""
    return parse(text, folder / "bot.toml", Environment())


# ------------------------------------------------------------------ taps


@dataclass
class Tape:
    """What the bot's actors handled, in order."""

    books: dict[tuple[str, str], list[BookSnapshot | BookDelta]] = field(default_factory=lambda: defaultdict(list))
    """By (arm, symbol), as the book actor handled them."""
    candle_trades: dict[tuple[str, str], list[TradeTick]] = field(default_factory=lambda: defaultdict(list))
    mode_messages: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    """Trades and tops by path of the mode."""
    nonces: dict[tuple[str, str, int], int] = field(default_factory=dict)
    """The venue's own last update id by (arm, symbol, sequence of a book message)."""

    def handled_ids(self, arm: str, symbol: str) -> list[int]:
        """The venue's update ids of everything that a book actor handled."""
        return [self.nonces[arm, symbol, message.sequence] for message in list(self.books[arm, symbol])]

    def mode_trades(self, mode: str, symbol: str = BTC) -> list[TradeTick]:
        """Public trades of one market that a mode's actor handled."""
        heard = list(self.mode_messages[f"{tree.BOT}/modes/{mode}"])
        return [m for m in heard if isinstance(m, TradeTick) and m.symbol == symbol]


@contextmanager
def tapped() -> Iterator[Tape]:
    """Have every bot that is built meanwhile write its tape."""
    tape = Tape()

    class TapedBook(OrderBookActor):
        def snapshot(self, message: BookSnapshot) -> None:
            tape.books[message.exchange, message.symbol].append(message)
            super().snapshot(message)

        def delta(self, message: BookDelta) -> None:
            tape.books[message.exchange, message.symbol].append(message)
            super().delta(message)

    class TapedCandles(CandleActor):
        def trade(self, message: TradeTick) -> None:
            tape.candle_trades[message.exchange, message.symbol].append(message)
            super().trade(message)

    class TapedMode(ModeActor):
        def trade(self, message: TradeTick) -> None:
            tape.mode_messages[self.path].append(message)
            super().trade(message)

        def top(self, message: TopOfBook) -> None:
            tape.mode_messages[self.path].append(message)
            super().top(message)

    class TapedTap(BookTap):
        def _flush(self, book: TappedBook) -> None:
            before = self._sequences.get(book.symbol or "", 0)
            super()._flush(book)
            symbol = book.symbol or ""
            if self._sequences.get(symbol, 0) > before:
                tape.nonces[self.exchange, symbol, self._sequences[symbol]] = book["nonce"]

        def repeat(self, symbol: str, book: TappedBook) -> None:
            super().repeat(symbol, book)
            tape.nonces[self.exchange, symbol, self._sequences[symbol]] = book["nonce"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "OrderBookActor", TapedBook)
        patch.setattr(parts, "CandleActor", TapedCandles)
        patch.setattr(tree, "ModeActor", TapedMode)
        patch.setattr(adapter, "BookTap", TapedTap)
        yield tape


# ------------------------------------------------------------------ the bot


class Stage:
    """One running bot and all that is known of it."""

    def __init__(self, config: BotConfig) -> None:
        self.config = config
        self.system = System(dispatcher="loop")
        self._taps = tapped()
        self.tape = self._taps.__enter__()
        self.spy = self.system.probe("spy")
        self._listen()
        try:
            self.bot: Bot = build(config, self.system)
        except BaseException:
            self._taps.__exit__(None, None, None)
            self.system.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self.bot.stop()
        finally:
            self._taps.__exit__(None, None, None)

    def _listen(self) -> None:
        places, spy = Places(self.system), self.spy.address
        for arm, exchange in self.config.exchanges.items():
            self.system.subscribe(places.exchange(arm), spy, *FROM_EXCHANGE)
            self.system.subscribe(places.portfolio(arm), spy, *FROM_PORTFOLIO)
            self.system.subscribe(places.orders(arm), spy, *FROM_ORDERS)
            for symbol in exchange.table.symbols:
                self.system.subscribe(places.book(arm, symbol), spy, *FROM_BOOK)
        self.system.subscribe(places.at("monitor"), spy, *FROM_MONITOR)
        self.system.events.subscribe(spy, *FROM_TREE)

    # -------------------------------------------------------------- waiting

    def wait(self, condition: Callable[[], object], timeout_s: float, what: str) -> None:
        """Wait until a condition holds; the test fails with `what` and the newest news if it does not in time."""
        if not self.system.wait_for(lambda: bool(condition()), timeout_s):
            news = [m for m in list(self.spy.received) if not isinstance(m, TopOfBook)][-5:]
            pytest.fail(f"not within {timeout_s:g} s: {what}\n" + "\n".join(map(str, news)), pytrace=False)

    def heard(self, kind: type[M], where: Callable[[M], bool] = lambda _: True) -> list[M]:
        """Every message of a type that was published so far."""
        return [m for m in list(self.spy.received) if isinstance(m, kind) and where(m)]

    def until(
        self, kind: type[M], where: Callable[[M], bool] = lambda _: True, timeout_s: float = 10.0, after: int = 0
    ) -> M:
        """The first message of a type for which `where` holds, `after` so many messages."""
        found: list[M] = []

        def look() -> bool:
            found[:] = [m for m in list(self.spy.received)[after:] if isinstance(m, kind) and where(m)]
            return bool(found)

        self.wait(look, timeout_s, f"{kind.__name__} as expected")
        return found[0]

    @property
    def mark(self) -> int:
        """How many messages there are so far."""
        return len(self.spy.received)

    # -------------------------------------------------------------- looking

    def state(self, arm: str) -> ConnectionState:
        """Where an arm's connection stands."""
        changes = self.heard(ConnectionChanged, lambda m: m.exchange == arm)
        return changes[-1].state if changes else ConnectionState.DOWN

    def reconciled(self, arm: str, after: int = 0) -> bool:
        """Whether an arm is Live, and reconciled since then."""
        news = [
            m
            for m in list(self.spy.received)[after:]
            if (isinstance(m, ConnectionChanged) and m.exchange == arm)
            or (isinstance(m, Reconciled) and m.account == arm)
        ]
        return self.state(arm) is ConnectionState.LIVE and bool(news) and isinstance(news[-1], Reconciled)

    def trading(self, arm: str) -> bool:
        """Whether the venue has accepted an order of every built-in mode of this arm."""
        accepted = {m.mode for m in self.heard(OrderUpdate, lambda m: m.account == arm and m.venue_id is not None)}
        return accepted >= {
            name
            for name, mode in self.config.modes.items()
            if mode.table.exchange == arm and mode.table.mode in {"market_making", "grid"}
        }

    def tops(self, arm: str) -> int:
        """How many best prices an arm's books have published."""
        return len(self.heard(TopOfBook, lambda m: m.exchange == arm))

    def ledger(self, arm: str) -> Ledger:
        """What the journal of an account says."""
        entries = read_journal(self.config.data)
        return replay(arm, (records.decode(entry.record) for entry in entries if entry.account == arm))

    def cell(self, *steps: str) -> CellInfo:
        """One place of the tree."""
        path = "/".join((tree.BOT, *steps))
        found = self.system.tree().find(path)
        assert found is not None, f"nothing at {path}"
        return found

    def violations(self) -> list[str]:
        """What the monitor found wrong."""
        return [str(m) for m in self.heard(Violation)]

    # -------------------------------------------------------------- comparing with a venue

    def differences(self, arm: str, control: VenueControl, key: str = "demo") -> list[str]:
        """Where the bot's books and the venue's differ: orders both ways, fills, balances. Empty where they agree."""
        ours, theirs = self.ledger(arm), control.ledger()["accounts"][key]
        orders = Counter(order["client_id"] for order in theirs["orders"])
        # One that was taken back before it was sent is canceled, and no venue has heard of it.
        known = {name for name, line in ours.lines.items() if line.state not in NEVER_AT_THE_VENUE and line.exists}
        open_there = {o["client_id"] for o in theirs["orders"] if o["status"] in {"new", "partially_filled"}}
        open_here = {line.client_id for line in ours.open_lines() if line.state is not OrderState.INTENDED}
        fills_there = Counter((fill["symbol"], str(fill["trade_id"])) for fill in theirs["fills"])
        fills_here = Counter(ours.fills.keys())
        totals = {a: Decimal(b["free"]) + Decimal(b["locked"]) for a, b in theirs["balances"].items()}
        totals_here = ours.totals()
        return [
            *(f"order {client_id} is {count} times at the venue" for client_id, count in orders.items() if count > 1),
            *(f"order {client_id} is unknown to the bot" for client_id in orders if client_id not in ours.lines),
            *(f"order {client_id} is unknown to the venue" for client_id in known - orders.keys()),
            *(f"order {client_id} is open on one side only" for client_id in open_there ^ open_here),
            *(f"order {line.client_id} is unknown" for line in ours.open_lines() if line.state is OrderState.UNKNOWN),
            *(f"fill {key} is on one side only" for key in fills_there.keys() ^ fills_here.keys()),
            *(
                f"{asset}: {totals_here.get(asset, Decimal(0))} here, {totals.get(asset, Decimal(0))} there"
                for asset in sorted({*totals, *totals_here})
                if totals.get(asset, Decimal(0)) != totals_here.get(asset, Decimal(0))
            ),
        ]

    def agree(self, arm: str, control: VenueControl, timeout_s: float = 10.0, key: str = "demo") -> None:
        """Wait until the bot and the venue agree on everything; while it trades they differ for moments."""
        last: list[str] = []

        def look() -> bool:
            last[:] = self.differences(arm, control, key)
            return not last

        if not self.system.wait_for(look, timeout_s):
            pytest.fail(f"{arm} and its venue differ:\n" + "\n".join(last), pytrace=False)


def posts(control: VenueControl, **where: str | int) -> Counter[str]:
    """How often each client id was sent to the venue in a place."""
    return Counter(entry["client_id"] for entry in control.requests(kind="place", **where))


def frames_of(control: VenueControl, stream: str, after: int, until: int) -> list[int]:
    """The last ids of the frames of a stream that were sent, those above `after` up to `until`."""
    sent: Iterable[dict[str, Any]] = control.frames(stream=stream)
    return [frame["last"] for frame in sent if after < frame["last"] <= until]
