"""A mode hears each amount once, however trades come in for inferred fills and whenever it starts anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.actors.modes.standing import Standing
from ganglion.actors.trading.orders.counted import Counted, Fact
from ganglion.actors.trading.orders.line import Line
from ganglion.messages.account import Resume
from ganglion.messages.orders import Fill, VenueTrade
from ganglion.messages.values import ZERO, Liquidity, Side
from tests.actors.modes.samples import ACCOUNT, SYMBOL, funds, market, top
from tests.actors.trading.evidence import intent


def trade(trade_id: str, amount: Decimal) -> VenueTrade:
    return VenueTrade(
        symbol=SYMBOL,
        trade_id=trade_id,
        venue_order_id="1",
        client_id="c",
        side=Side.BUY,
        price=Decimal(100),
        amount=amount,
        fee=ZERO,
        fee_asset="USDT",
        liquidity=Liquidity.MAKER,
        timestamp_ms=0,
    )


@dataclass
class Life:
    """An order line that counts, and a mode that sums up what it hears and saves its sum."""

    line: Line = field(default_factory=lambda: Line(intent("i"), 1, "c"))
    counted: Counted = field(default_factory=lambda: Counted(ACCOUNT))
    standing: Standing = field(default_factory=lambda: Standing(clears_first=False))
    heard: Decimal = ZERO
    saved: tuple[int, Decimal] | None = None
    trades: int = 0

    def start(self) -> None:
        """A new incarnation of the mode goes on from what was saved."""
        self.standing = Standing(clears_first=False)
        self.standing.top = top(99.0, 101.0)
        self.resume()

    def resume(self) -> None:
        """Reconciled: everything since the last save comes once more."""
        since, sum_saved = self.saved or (0, ZERO)
        self.standing.resume(
            Resume(
                mode="mode",
                account=ACCOUNT,
                epoch=1,
                market=market(),
                funds=funds(),
                open_orders=(),
                fills_since=tuple(fill for fill in self.counted.fills.values() if fill.sequence > since),
                saved_state=b"",
                saved_as_of=since,
                reason="test",
                as_of=self.counted.sequence,
            )
        )
        first = self.standing._first
        resume = self.standing.take_resumption()
        self.heard = sum_saved if first else self.heard
        self.hear(resume.fills_since)

    def hear(self, fills: Iterable[Fill]) -> None:
        self.heard += sum((fill.amount for fill in fills), ZERO)

    def tell(self, facts: Iterable[Fact], *, lost: bool) -> None:
        """The facts reach the mode, or die on the way; then the account is reconciled before anything else."""
        for fact in facts:
            assert isinstance(fact, Fill)
            if not lost:
                self.standing.fill(fact)
        if lost:
            self.resume()
        while (told := self.standing.next_fact()) is not None:
            assert isinstance(told, Fill)
            self.hear([told])

    def inferred(self, amount: Decimal, *, lost: bool) -> None:
        self.tell([self.counted.stand_in(self.line, trade("", amount))], lost=lost)

    def traded(self, amount: Decimal, *, lost: bool) -> None:
        self.trades += 1
        self.tell(self.counted.count_real(self.line, trade(str(self.trades), amount)), lost=lost)

    def save(self) -> None:
        self.saved = (self.standing.told, self.heard)

    def crash(self) -> None:
        self.start()


AMOUNTS = st.decimals(Decimal("0.00000001"), Decimal(50), places=8)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["inferred", "traded"]), AMOUNTS, st.booleans()),
        st.tuples(st.sampled_from(["save", "crash"])),
    ),
    max_size=30,
)


@settings(max_examples=200)
@given(STEPS)
def test_what_a_mode_has_heard_is_what_was_filled_after_every_step(steps):
    life = Life()
    life.start()
    for step in steps:
        if step[0] in ("inferred", "traded"):
            getattr(life, step[0])(step[1], lost=step[2])
        else:
            getattr(life, step[0])()
        filled = sum((fill.amount for fill in life.counted.fills.values()), ZERO)
        assert life.heard == filled


def test_a_state_that_contains_an_inferred_fill_does_not_hear_its_trades_again():
    life = Life()
    life.start()
    life.inferred(Decimal(3), lost=False)
    life.save()
    life.traded(Decimal(1), lost=False)
    life.crash()
    assert life.heard == Decimal(3)
    life.traded(Decimal("2.5"), lost=False)
    life.crash()
    assert life.heard == Decimal("3.5")


def test_a_mode_that_starts_between_two_trades_of_an_inferred_fill_hears_its_amount_once():
    life = Life()
    life.start()
    life.inferred(Decimal(2), lost=False)
    life.traded(Decimal(1), lost=False)
    life.crash()
    life.traded(Decimal(1), lost=False)
    assert life.heard == Decimal(2)
