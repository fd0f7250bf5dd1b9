"""Collector, summary and live view: what a bot says about itself."""

import io
import json
from decimal import Decimal

import msgspec
import pytest
from rich.console import Console

from ganglion.bot.collector import CollectorActor, ReadStatus
from ganglion.bot.live_view import LiveView, render, render_compact
from ganglion.bot.logs import LogRing
from ganglion.bot.secrets import Reference, Scrubber, Secret
from ganglion.bot.summary import Summary, check_writable, money_text, save, summarize, write
from ganglion.bot.views import Status
from ganglion.messages.account import AssetView, External, LedgerRead, PortfolioView, Reconciled
from ganglion.messages.base import Message
from ganglion.messages.lifecycle import (
    ActorParked,
    CellState,
    ConnectionChanged,
    ConnectionState,
    Failure,
    Violation,
)
from ganglion.messages.market import BookInvalid, TopOfBook
from ganglion.messages.orders import Fill, OrderState, OrderUpdate
from ganglion.messages.trading import TradingStates
from ganglion.messages.values import Liquidity, OrderType, Side
from ganglion.supervision import CellInfo, System, Tree
from tests.actors.trading.halts import halted_for

BTC = "BTC/USDT"


class Collected:
    """A collector in a simulated system."""

    def __init__(self) -> None:
        self.system = System(dispatcher="simulated")
        self.address = self.system.spawn(
            lambda: CollectorActor({"alpha": (BTC,)}, {"maker": ("alpha", BTC)}), name="collector"
        )
        self.trades = 0

    def tell(self, *messages: Message) -> None:
        for message in messages:
            self.address.tell(message)
        self.system.run_until_idle()

    def status(self) -> Status:
        return self.address.ask(ReadStatus(), timeout=1.0)

    def move(self, state: ConnectionState, seconds: float = 0.0) -> None:
        self.tell(ConnectionChanged("alpha", state, 1, "test", 0.0))
        self.system.run_for(seconds)

    def fill(self, side: Side, price: str, amount: str, fee: str = "0", asset: str = "USDT", **more: object) -> Fill:
        self.trades += 1
        fill = Fill(
            account="alpha",
            symbol=BTC,
            trade_id=str(self.trades),
            intent_id="i1",
            mode="maker",
            client_id="c1",
            side=side,
            price=Decimal(price),
            amount=Decimal(amount),
            fee=Decimal(fee),
            fee_asset=asset,
            liquidity=Liquidity.MAKER,
            timestamp_ms=0,
            sequence=self.trades,
            **more,  # type: ignore[arg-type]
        )
        self.tell(fill)
        return fill


def top(bid: float = 99.0, ask: float = 101.0) -> TopOfBook:
    return TopOfBook("alpha", BTC, bid, 1.0, ask, 1.0, 1, 0.0)


def update(state: OrderState, intent_id: str = "i1") -> OrderUpdate:
    return OrderUpdate(
        intent_id=intent_id,
        account="alpha",
        mode="maker",
        client_id="c1",
        venue_id="v1",
        symbol=BTC,
        side=Side.BUY,
        type=OrderType.LIMIT,
        price=Decimal(100),
        amount=Decimal(1),
        state=state,
        filled=Decimal(0),
        reason="",
        sequence=1,
    )


def view(free: str = "1000", reserved: str = "100") -> PortfolioView:
    zero = Decimal(0)
    asset = AssetView("USDT", Decimal(free), Decimal(reserved), zero, Decimal(1100), zero, zero, zero)
    return PortfolioView("alpha", 1, 1, (asset,), reconciled=True, halted=None)


def tree_of(**dead: int) -> Tree:
    def cell(path: str, state: CellState = CellState.RUNNING, *children: CellInfo, **more: int) -> CellInfo:
        return CellInfo(
            path=path,
            actor="Actor",
            state=state,
            incarnation=1,
            restarts=more.get("restarts", 0),
            last_failure=None,
            queued=more.get("queued", 0),
            handled=more.get("handled", 0),
            children=children,
        )

    running = CellState.RUNNING
    book = cell("/bot/alpha/books/BTC-USDT", running, restarts=2, handled=70)
    books = cell("/bot/alpha/books", running, book, handled=3)
    alpha = cell("/bot/alpha", running, cell("/bot/alpha/exchange", running, queued=5), books)
    modes = cell("/bot/modes", running, cell("/bot/modes/maker", CellState.PARKED, restarts=3))
    return Tree(cell("/", running, cell("/bot", running, alpha, modes)), (), dead)


def test_seconds_in_each_state_and_reconnects_are_counted():
    collected = Collected()
    collected.system.run_for(1.0)
    collected.move(ConnectionState.CONNECTING, 2.0)
    collected.move(ConnectionState.LIVE, 10.0)
    collected.move(ConnectionState.CONNECTING, 3.0)
    collected.move(ConnectionState.SYNCING, 0.5)
    collected.move(ConnectionState.LIVE, 4.0)
    (alpha,) = collected.status().exchanges
    assert alpha.seconds_in == pytest.approx({"down": 1.0, "connecting": 5.0, "live": 14.0, "syncing": 0.5})
    assert alpha.reconnects == 1


def test_an_order_counts_once_in_the_state_that_it_is_in():
    collected = Collected()
    collected.tell(update(OrderState.SUBMITTED), update(OrderState.ACCEPTED), update(OrderState.ACCEPTED, "i2"))
    status = collected.status()
    assert status.exchanges[0].orders == {"accepted": 2}
    assert status.exchanges[0].markets[0].open_orders == 2
    assert status.modes[0].orders == 2
    collected.tell(update(OrderState.FILLED))
    assert collected.status().exchanges[0].orders == {"accepted": 1, "filled": 1}
    assert collected.status().exchanges[0].markets[0].open_orders == 1


def test_pnl_is_cash_of_own_fills_and_inventory_at_mid_less_fees():
    collected = Collected()
    collected.fill(Side.BUY, "100", "2", fee="0.2")
    assert collected.status().modes[0].pnl is None
    collected.tell(top(109.0, 111.0))
    assert collected.status().modes[0].pnl == Decimal("-200.2") + 2 * Decimal("110.0")
    collected.fill(Side.SELL, "120", "2", fee="0.24")
    collected.tell(BookInvalid("alpha", BTC, "gap"))
    assert collected.status().modes[0].pnl == Decimal("39.56")


def test_fees_in_base_are_valued_at_mid():
    collected = Collected()
    collected.fill(Side.BUY, "100", "1", fee="0.001", asset="BTC")
    collected.tell(top())
    assert collected.status().modes[0].pnl == Decimal(-100) + Decimal("0.999") * 100


def test_a_real_trade_takes_the_place_of_its_synthetic_stand_in():
    collected = Collected()
    collected.tell(top())
    stand_in = collected.fill(Side.BUY, "100", "1", synthetic=True)
    collected.fill(Side.BUY, "98", "1", replaces=(stand_in.trade_id,))
    status = collected.status()
    assert (status.modes[0].fills, status.exchanges[0].fills) == (1, 1)
    assert status.modes[0].pnl == Decimal(2)


def test_fills_of_this_run_are_told_from_those_that_the_journal_had():
    collected = Collected()
    old = [collected.fill(Side.BUY, "100", "1") for _ in range(3)]
    collected = Collected()
    collected.trades = 3
    collected.tell(LedgerRead("alpha", (), tuple(old), ""))
    assert counted(collected) == (3, 0)
    new = [collected.fill(Side.SELL, "101", "1") for _ in range(2)]
    assert counted(collected) == (5, 2)
    # Its order line starts again and tells everything anew, a fill among it that nobody had published.
    collected.tell(LedgerRead("alpha", (), (*old, *new), ""))
    assert counted(collected) == (5, 2)
    unheard = msgspec.structs.replace(new[-1], trade_id="6", sequence=6)
    collected.tell(LedgerRead("alpha", (), (*old, *new, unheard), ""))
    assert counted(collected) == (6, 3)


def test_a_venue_that_began_anew_has_no_fills_of_before():
    collected = Collected()
    old = collected.fill(Side.BUY, "100", "1")
    collected = Collected()
    collected.trades = 1
    collected.tell(LedgerRead("alpha", (), (old,), ""), LedgerRead("alpha", (), (), ""))
    assert counted(collected) == (0, 0)
    collected.fill(Side.BUY, "100", "1")
    assert counted(collected) == (1, 1)


def counted(collected: Collected) -> tuple[int, int]:
    (alpha,) = summarize(collected.status(), tree_of()).exchanges.values()
    return alpha.fills, alpha.fills_of_run


def test_the_summary_has_the_promised_shape_with_money_as_text():
    collected = Collected()
    collected.move(ConnectionState.LIVE)
    collected.tell(top(), view(), update(OrderState.ACCEPTED))
    collected.fill(Side.BUY, "100", "1")
    raw = json.loads(summarize(collected.status(), tree_of(Fill=1)).to_json())
    assert set(raw) == {
        "seconds",
        "messages",
        "actors",
        "restarts",
        "dead_letters",
        "invariant_violations",
        "violations",
        "exchanges",
        "modes",
        "parked",
    }
    assert raw["dead_letters"] == {"Fill": 1}
    assert raw["restarts"] == 5
    alpha = raw["exchanges"]["alpha"]
    assert (alpha["state"], alpha["restarts"], alpha["book_updates"], alpha["fills"]) == ("live", 2, 70, 1)
    assert alpha["orders"] == {"accepted": 1}
    assert alpha["balances"] == {"USDT": {"free": "1000", "reserved": "100", "total": "1100"}}
    maker = raw["modes"]["maker"]
    assert (maker["state"], maker["restarts"], maker["orders"], maker["fills"], maker["pnl"]) == (
        "parked",
        3,
        1,
        1,
        "0",
    )


def test_violations_halts_and_unequal_balances_are_faults():
    collected = Collected()
    assert summarize(collected.status(), tree_of()).faultless
    collected.tell(Reconciled("alpha", 1, False, (External("USDT", Decimal(5), "?"),), 0.0))
    summary = summarize(collected.status(), tree_of())
    assert not summary.faultless
    assert summary.exchanges["alpha"].differences == ("USDT 5 (?)",)
    collected.tell(TradingStates("alpha", (halted_for("I6"),)), Violation("I6", "alpha", "5 USDT"))
    summary = summarize(collected.status(), tree_of())
    assert summary.halted
    assert (summary.invariant_violations, summary.violations) == (1, ("I6 alpha: 5 USDT",))


def test_a_summary_is_written_whole_and_without_secrets(tmp_path):
    secret = Secret("hush-0123456789", Reference("env", "KEY"))
    collected = Collected()
    collected.tell(Violation("I6", "alpha", f"venue said {secret.reveal()}"))
    summary = summarize(collected.status(), tree_of())
    write(summary, tmp_path / "summary.json", Scrubber([secret]))
    text = (tmp_path / "summary.json").read_text()
    assert "***" in text
    assert secret.reveal() not in text
    assert msgspec.json.decode(text, type=Summary).invariant_violations == 1
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


@pytest.mark.parametrize(
    ("amount", "text"), [("1E+3", "1000"), ("0.10", "0.1"), ("0E-8", "0"), ("-5.00", "-5"), ("1E-8", "0.00000001")]
)
def test_money_is_written_in_plain_digits(amount, text):
    assert money_text(Decimal(amount)) == text


def shown(status: Status, tree: Tree, lines: tuple[str, ...] = ()) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(render(status, tree, title="test", lines=lines))
    return console.export_text()


def test_the_live_view_shows_tree_prices_orders_balances_and_pnl():
    collected = Collected()
    collected.move(ConnectionState.LIVE)
    collected.tell(top(61_602.01, 61_602.02), view(), update(OrderState.ACCEPTED))
    collected.fill(Side.BUY, "61602.01", "1")
    text = shown(collected.status(), tree_of(Tick=2), ("a line of log",))
    for piece in (
        "61602.01",
        "61602.02",
        "live",
        "BTC-USDT running restarts=2",
        "exchange running queue=5",
        "maker parked restarts=3",
        "1000",
        "+0.00 USDT",
        "5 restarts",
        "2 dead letters",
        "0 violations",
        "a line of log",
    ):
        assert piece in text


def test_the_live_view_says_what_is_wrong():
    collected = Collected()
    collected.move(ConnectionState.CONNECTING)
    collected.tell(BookInvalid("alpha", BTC, "gap: at 5"), TradingStates("alpha", (halted_for("balances differ"),)))
    collected.tell(Violation("I6", "alpha", "5 USDT too little"))
    collected.tell(ActorParked("/bot/modes/maker", Failure(error="ValueError", text="no"), None))
    status = collected.status()
    text = shown(status, tree_of())
    for piece in ("connecting (test)", "gap", "HALTED: balances differ", "I6 alpha: 5 USDT too little", "1 violations"):
        assert piece in text
    assert status.parked == ("/bot/modes/maker: ValueError: no",)


@pytest.mark.parametrize("height", [24, 12])
def test_a_small_terminal_shows_arms_modes_and_balances_before_the_tree(height):
    collected = Collected()
    collected.move(ConnectionState.LIVE)
    collected.tell(top(), view(), update(OrderState.ACCEPTED), Violation("I6", "alpha", "5 USDT too little"))
    console = Console(width=80, height=height, record=True, file=io.StringIO())
    lines = tuple(f"line {number} of a log that is wider than any terminal of this size can be" for number in range(6))
    console.print(
        render_compact(collected.status(), tree_of(), title="test", height=height, lines=lines), soft_wrap=False
    )
    text = console.export_text()
    for piece in ("I6 alpha: 5 USDT too little", "live", "1 of 1 whole", "maker", "USDT", "1000", "1100"):
        assert piece in text
    assert len(text.splitlines()) < height
    assert ("BTC-USDT running" in text) is (height == 24)


def test_a_small_terminal_counts_what_has_no_room():
    collected = Collected()
    zero = Decimal(0)
    names = [f"A{number:02}" for number in range(40)]
    held = tuple(AssetView(name, Decimal(1), zero, zero, Decimal(1), zero, zero, zero) for name in names)
    collected.tell(PortfolioView("alpha", 1, 1, held, reconciled=True, halted=None))
    console = Console(width=80, height=24, record=True, file=io.StringIO())
    console.print(render_compact(collected.status(), tree_of(), title="test", height=24))
    text = console.export_text()
    assert "more" in text
    assert len(text.splitlines()) < 24


def test_balances_are_equal_only_where_everything_was_compared():
    collected = Collected()
    collected.tell(Reconciled("alpha", 1, True, (), 0.0))
    status = collected.status()
    assert summarize(status, tree_of()).exchanges["alpha"].balances_equal is True
    assert summarize(status, tree_of(), uncompared={"alpha"}).exchanges["alpha"].balances_equal is None
    collected.tell(update(OrderState.UNKNOWN))
    assert summarize(collected.status(), tree_of()).exchanges["alpha"].balances_equal is None


def test_a_difference_that_was_found_stays_one_when_a_later_comparison_fails():
    collected = Collected()
    collected.tell(Reconciled("alpha", 1, False, (External("USDT", Decimal(5), "?"),), 0.0))
    assert summarize(collected.status(), tree_of(), uncompared={"alpha"}).exchanges["alpha"].balances_equal is False


def test_a_rejected_order_counts_once_for_its_mode():
    collected = Collected()
    collected.tell(update(OrderState.REJECTED), update(OrderState.REJECTED), update(OrderState.REJECTED, "i2"))
    assert summarize(collected.status(), tree_of()).modes["maker"].rejected == 2


def test_where_a_summary_can_not_be_written_is_known_before_and_it_is_printed_after(tmp_path, capsys):
    check_writable(tmp_path / "summary.json")
    assert list(tmp_path.iterdir()) == []
    for path in (tmp_path, tmp_path / "nowhere" / "summary.json"):
        with pytest.raises(OSError, match="directory"):
            check_writable(path)
    save(summarize(Collected().status(), tree_of()), tmp_path / "nowhere" / "summary.json", Scrubber())
    said = capsys.readouterr()
    assert "was not written" in said.err
    assert msgspec.json.decode(said.out, type=Summary).restarts == 5


def test_the_live_view_looks_again_until_the_end():
    looks = []

    def look() -> tuple[Status, Tree]:
        looks.append(1)
        return Collected().status(), tree_of()

    console = Console(width=120, force_terminal=True, file=io.StringIO())
    with LiveView(look, title="test", ring=LogRing(), console=console):
        pass
    assert len(looks) >= 2
