"""The base of all modes: what it is told, when, and what becomes of its decisions."""

from decimal import Decimal
from typing import ClassVar

import msgspec
import pytest
from structlog.testing import capture_logs

from ganglion.actors.modes import AmountError, ModeConfig, ModeDefinitionError, SaveError, TradingMode
from ganglion.messages.account import Drain, Funds, Resume, Suspend
from ganglion.messages.market import Candle, TopOfBook, TradeTick
from ganglion.messages.orders import AmendOrder, DenyReason, Fill, OrderDenied, OrderState, OrderUpdate
from ganglion.messages.values import OrderType, Side, TimeInForce
from tests.actors.modes.samples import ACCOUNT, SYMBOL, funds
from tests.actors.modes.stage import Stage

HEARD: list[tuple[str, object]] = []


class ScribeConfig(ModeConfig):
    amount: str = "10%"
    price: str | None = "-1%"


class Scribe(TradingMode[ScribeConfig]):
    """Writes down what it is told, and buys on each book if a test wants it to."""

    def on_start(self) -> None:
        HEARD.append(("start", None))

    def on_resume(self, resume: Resume) -> None:
        HEARD.append(("resume", resume))

    def on_book(self, top: TopOfBook) -> None:
        HEARD.append(("book", top.sequence))

    def on_trade(self, trade: TradeTick) -> None:
        HEARD.append(("trade", trade.trade_id))

    def on_candle(self, candle: Candle) -> None:
        HEARD.append(("candle", len(self.candles)))

    def on_fill(self, fill: Fill) -> None:
        HEARD.append(("fill", fill.trade_id))

    def on_order(self, update: OrderUpdate) -> None:
        HEARD.append(("order", update.state))

    def on_timer(self, key: str) -> None:
        HEARD.append(("timer", key))

    def on_pause(self, reason: str) -> None:
        HEARD.append(("pause", reason))

    def on_denied(self, denied: OrderDenied) -> None:
        HEARD.append(("denied", denied.deny_reason))


class Buyer(Scribe):
    """Buys on each book."""

    def on_book(self, top: TopOfBook) -> None:
        super().on_book(top)
        self.buy(self.config.amount, self.config.price, reason="test")


class Chaser(Buyer):
    """Buys in every hook that it has, wise or not."""

    def on_start(self) -> None:
        super().on_start()
        self.timer("again", 1.0)
        self.buy("10%", "-1%")

    def on_timer(self, key: str) -> None:
        super().on_timer(key)
        self.buy("10%", "-1%")

    def on_pause(self, reason: str) -> None:
        super().on_pause(reason)
        self.buy("10%", "-1%")


@pytest.fixture(autouse=True)
def nothing_heard_yet():
    HEARD.clear()


def heard() -> list[str]:
    return [name for name, _ in HEARD]


def tick(trade_id: str = "1") -> TradeTick:
    return TradeTick(ACCOUNT, SYMBOL, trade_id, Side.BUY, 50_000.0, 0.1, 0, 0.0)


def candle(open_ms: int = 0) -> Candle:
    return Candle(ACCOUNT, SYMBOL, "1m", open_ms, 1.0, 2.0, 0.5, 1.5, 10.0)


def test_a_mode_asks_where_it_stands_and_is_told_nothing_before_it_is_reconciled():
    stage = Stage(Buyer)
    stage.book()
    stage.tell(tick())
    assert heard() == ["start"]
    assert stage.requests == 1
    assert stage.intents == []


def test_a_mode_is_resumed_once_the_account_is_reconciled_and_the_book_whole():
    stage = Stage(Scribe)
    stage.resume()
    assert heard() == ["start"]
    stage.book()
    assert heard() == ["start", "resume", "book"]


def test_a_decision_becomes_an_intent_with_epoch_deadline_and_causes():
    stage = Stage(Buyer)
    stage.start()
    stage.book()
    (intent,) = stage.intents
    assert (intent.side, intent.type, intent.symbol, intent.account) == (Side.BUY, OrderType.LIMIT, SYMBOL, ACCOUNT)
    assert intent.price == Decimal("49500.00")
    assert intent.amount == Decimal("0.10101")
    assert intent.epoch == stage.epoch
    assert intent.deadline_s == stage.system.clock.monotonic_s() + Buyer.deadline_s
    assert intent.causation_id == f"book:{stage.sequence}"
    assert len(intent.intent_id) == len(intent.correlation_id) == 20
    assert intent.intent_id != intent.correlation_id


def test_a_market_order_is_reserved_at_a_price_beyond_the_touch():
    stage = Stage(Buyer, ScribeConfig(amount="0.01", price=None))
    stage.start()
    stage.book(bid=49_990.0, ask=50_000.0)
    (intent,) = stage.intents
    assert intent.type is OrderType.MARKET
    assert intent.price == Decimal("50500.00")


def test_what_is_decided_while_nothing_can_be_placed_is_denied_and_never_sent():
    stage = Stage(Chaser)
    stage.start()
    stage.suspend()
    assert stage.intents == []
    assert heard().count("denied") == 2
    assert HEARD[-1] == ("denied", DenyReason.NOT_RECONCILED)


def test_an_amount_below_one_step_is_denied_with_what_to_do():
    stage = Stage(Buyer, ScribeConfig(amount="0.000001"))
    stage.start()
    stage.book()
    assert stage.intents == []
    assert HEARD[-1] == ("denied", DenyReason.BELOW_MINIMUM)


def test_a_suspended_mode_hears_nothing_until_it_is_resumed_and_then_each_fact_once():
    stage = Stage(Buyer)
    stage.start()
    stage.book()
    stage.accept_all()
    stage.suspend()
    HEARD.clear()
    fill = stage.fill(stage.intents[0])
    stage.book()
    assert heard() == []
    stage.resume("reconnect")
    stage.tell(fill)
    assert heard() == ["resume", "fill", "order"]


def test_fills_that_only_the_resume_knows_of_come_to_on_fill_in_the_same_incarnation():
    stage = Stage(Buyer)
    stage.start()
    stage.book()
    stage.accept_all()
    stage.suspend()
    stage.fill(stage.intents[0], tell=False)
    HEARD.clear()
    stage.resume("reconnect")
    assert heard() == ["resume", "fill"]
    assert HEARD[0][1].fills_since == ()
    assert HEARD[0][1].open_orders == ()


def test_after_a_crash_the_fills_since_the_saved_state_are_in_the_resume_and_not_told_twice():
    stage = Stage(Buyer)
    stage.start()
    stage.book()
    stage.accept_all()
    stage.fill(stage.intents[0])
    HEARD.clear()
    stage.crash()
    stage.book()
    stage.resume("restart")
    assert heard() == ["start", "resume"]
    assert [fill.trade_id for fill in HEARD[1][1].fills_since] == ["1"]


def test_a_synthetic_fill_is_not_told_again_when_the_real_trade_replaces_it():
    stage = Stage(Buyer)
    stage.start()
    stage.book()
    stage.accept_all()
    fill = stage.fill(stage.intents[0])
    HEARD.clear()
    stage.tell(
        msgspec.structs.replace(
            fill,
            trade_id="real",
            replaces=(fill.trade_id,),
            told_as=((fill.amount, (fill.sequence,)),),
            sequence=99,
        )
    )
    assert heard() == []


def test_an_order_counts_as_open_from_the_moment_it_is_decided():
    class Once(Scribe):
        def on_book(self, top: TopOfBook) -> None:
            if not self.open_orders:
                self.buy("10%", "-1%")

    stage = Stage(Once)
    stage.start()
    for _ in range(5):
        stage.book()
    assert len(stage.intents) == 1


def test_an_order_on_its_way_counts_as_open_through_a_resume_of_the_same_epoch_only():
    class Once(Scribe):
        def on_book(self, top: TopOfBook) -> None:
            if not self.open_orders:
                self.buy("10%", "-1%")

    stage = Stage(Once)
    stage.start()
    stage.book()
    stage.suspend("paused: 429")
    stage.epoch -= 1
    stage.resume("after pause")
    stage.book()
    assert len(stage.intents) == 1
    stage.suspend("disconnected")
    stage.resume("reconnect")
    stage.book()
    assert len(stage.intents) == 2


def test_a_denied_order_is_no_longer_open():
    stage = Stage(Buyer)
    stage.start()
    stage.book()
    (intent,) = stage.intents
    stage.tell(OrderDenied(intent.intent_id, ACCOUNT, "mode", DenyReason.INSUFFICIENT_FUNDS, "no funds", ""))
    stage.system.run_for(1.0)
    HEARD.clear()
    stage.book()
    assert len(stage.intents) == 2
    assert heard() == ["book"]


def test_an_older_state_of_an_order_changes_nothing():
    stage = Stage(Buyer)
    stage.start()
    stage.book()
    stage.accept_all()
    newest = stage.open[stage.intents[0].intent_id]
    HEARD.clear()
    stage.tell(msgspec.structs.replace(newest, state=OrderState.SUBMITTED, sequence=newest.sequence - 1))
    assert heard() == []


def test_a_mode_decides_nothing_while_its_book_is_not_whole_and_hears_why():
    stage = Stage(Buyer)
    stage.start()
    HEARD.clear()
    stage.blind("gap: the book is at 5")
    stage.tell(tick())
    assert HEARD == [("pause", "book: gap: the book is at 5")]
    stage.book()
    assert heard() == ["pause", "book"]


def test_best_prices_that_took_too_long_to_arrive_are_not_decided_on():
    stage = Stage(Buyer)
    stage.start()
    HEARD.clear()
    stage.book(late_s=6.0)
    assert heard() == ["pause"]
    assert stage.intents == []


def test_a_halted_mode_decides_nothing_until_it_is_resumed():
    stage = Stage(Buyer)
    stage.start()
    HEARD.clear()
    stage.tell(Suspend(account=ACCOUNT, reason="halted: I6"))
    stage.book()
    assert HEARD == [("pause", "halted: I6")]
    stage.resume("un-halt")
    stage.book()
    assert heard() == ["pause", "resume", "book"]


def test_a_drained_mode_decides_nothing_any_more_whatever_comes():
    stage = Stage(Buyer)
    stage.start()
    HEARD.clear()
    stage.tell(Drain("the bot stops"))
    stage.book()
    stage.suspend()
    stage.resume("reconnect")
    stage.book()
    assert HEARD == [("pause", "the bot stops")]
    assert stage.intents == []


def test_a_cancel_that_came_too_late_is_no_reason_to_slow_down():
    stage = Stage(Buyer)
    stage.start()
    stage.book()
    stage.accept_all()
    HEARD.clear()
    gone = stage.intents[0].intent_id
    stage.tell(OrderDenied(gone, ACCOUNT, "mode", DenyReason.UNKNOWN_ORDER, "already filled", ""))
    stage.book()
    assert heard() == ["book"]
    assert len(stage.intents) == 2


def test_denials_make_no_storm_but_ever_longer_pauses():
    stage = Stage(Buyer)
    stage.start()
    for _ in range(1000):
        stage.book()
        while stage.intents and len(stage.intents) > heard().count("denied"):
            intent = stage.intents[heard().count("denied")]
            stage.tell(OrderDenied(intent.intent_id, ACCOUNT, "mode", DenyReason.INSUFFICIENT_FUNDS, "no funds", ""))
        stage.system.run_for(0.05)
    # 50 s of books, 20 a second: pauses of 0.5, 1, 2, 4, 8, 16, 30 s.
    assert len(stage.intents) == 7


def test_an_accepted_order_ends_the_pauses():
    stage = Stage(Buyer)
    stage.start()
    stage.book()
    stage.tell(OrderDenied(stage.intents[0].intent_id, ACCOUNT, "mode", DenyReason.PAUSED, "429", ""))
    stage.system.run_for(0.6)
    stage.book()
    stage.accept_all()
    stage.tell(OrderDenied("later", ACCOUNT, "mode", DenyReason.PAUSED, "429", ""))
    stage.system.run_for(0.6)
    stage.book()
    assert len(stage.intents) == 3


def test_with_on_restart_cancel_the_old_orders_are_gone_before_anything_is_decided():
    stage = Stage(Buyer, on_restart="cancel")
    stage.start()
    stage.book()
    stage.book()
    stage.accept_all()
    old = list(stage.open)
    HEARD.clear()
    stage.crash()
    stage.book()
    stage.resume("restart")
    assert stage.cancel_alls == 1
    stage.end(old[0])
    stage.book()
    assert heard() == ["start"]
    stage.fill(next(i for i in stage.intents if i.intent_id == old[1]))
    assert heard()[:2] == ["start", "resume"]
    resume = HEARD[1][1]
    assert resume.open_orders == ()
    assert [fill.intent_id for fill in resume.fills_since] == [old[1]]


def test_cancels_of_old_orders_are_asked_for_again_until_they_are_gone():
    stage = Stage(Buyer, on_restart="cancel")
    stage.start()
    stage.book()
    stage.accept_all()
    stage.crash()
    stage.book()
    stage.resume("restart")
    stage.system.run_for(11.0)
    assert stage.cancel_alls == 3
    stage.end(next(iter(stage.open)))
    stage.system.run_for(20.0)
    assert stage.cancel_alls == 3


def test_a_reconnect_cancels_nothing():
    stage = Stage(Buyer, on_restart="cancel")
    stage.start()
    stage.book()
    stage.accept_all()
    stage.suspend()
    stage.resume("reconnect")
    assert stage.cancel_alls == 0


def test_timers_are_told_by_key_and_wait_while_nothing_can_be_decided():
    class Clockwork(Scribe):
        def on_start(self) -> None:
            self.timer("early", 1.0)
            self.timer("late", 60.0)
            self.timer("late", 3.0)

    stage = Stage(Clockwork)
    stage.system.run_for(2.0)
    assert heard() == []
    stage.start()
    assert HEARD[1:] == [("timer", "early")]
    stage.system.run_for(1.5)
    assert HEARD[2:] == [("timer", "late")]
    stage.system.run_for(100.0)
    assert heard().count("timer") == 2


def test_candles_are_kept_even_while_nothing_can_be_decided():
    stage = Stage(Scribe)
    stage.tell(candle(0))
    stage.start()
    stage.tell(candle(60_000))
    assert HEARD[-1] == ("candle", 2)


def test_a_saved_state_says_which_facts_it_contains_and_comes_back_after_a_crash():
    class Counting(Scribe):
        def on_resume(self, resume: Resume) -> None:
            super().on_resume(resume)
            self.count = self.restore(resume, dict[str, int]) or {"fills": 0}

        def on_fill(self, fill: Fill) -> None:
            self.count["fills"] += 1
            self.save(self.count)

        def on_book(self, top: TopOfBook) -> None:
            if not self.open_orders:
                self.sell("1%", "+1%")

    stage = Stage(Counting)
    stage.start()
    stage.book()
    stage.accept_all()
    fill = stage.fill(stage.intents[0])
    assert stage.saved is not None
    assert stage.saved.sequence == fill.sequence
    stage.crash()
    stage.book()
    stage.resume("restart")
    resume = next(what for name, what in reversed(HEARD) if name == "resume")
    assert resume.saved_state == b'{"fills":1}'
    assert resume.fills_since == ()


def test_an_amend_replaces_an_open_order_and_only_an_open_one():
    class Mover(Scribe):
        def on_book(self, top: TopOfBook) -> None:
            if not self.open_orders:
                self.buy("10%", "-1%", time_in_force=TimeInForce.GTC)
            elif len(self.open_orders) == 1:
                self.amend(self.open_orders[0].intent_id, "10%", "-2%", post_only=True)
            else:
                self.amend("nothing", "10%", "-2%")

    stage = Stage(Mover)
    stage.start()
    stage.book()
    stage.accept_all()
    stage.book()
    (amend,) = stage.portfolio.of(AmendOrder)
    assert amend.intent_id == stage.intents[0].intent_id
    assert amend.intent.price == Decimal("49000.00")
    assert amend.intent.post_only
    stage.book()
    cell = stage.system.tree().find(stage.path)
    assert cell is not None
    assert cell.last_failure is not None
    assert "no open order" in cell.last_failure.text


def test_a_text_of_no_known_form_is_the_modes_own_failure():
    stage = Stage(Buyer, ScribeConfig(amount="lots"))
    stage.start()
    stage.book()
    cell = stage.system.tree().find(stage.path)
    assert cell is not None
    assert cell.last_failure is not None
    assert cell.last_failure.error == AmountError.__name__


def test_percentages_follow_the_funds_as_they_change():
    stage = Stage(Buyer, ScribeConfig(amount="10%", price="@50000"))
    stage.start()
    stage.tell(funds("1", "10000"))
    stage.book()
    other = msgspec.structs.replace(funds("1", "90000"), symbol="ETH/USDT")
    assert isinstance(other, Funds)
    stage.tell(other)
    stage.book()
    assert [intent.amount for intent in stage.intents] == [Decimal("0.02"), Decimal("0.02")]


def test_the_config_class_is_read_from_the_brackets_and_inherited():
    assert Scribe.Config is ScribeConfig
    assert Buyer.Config is ScribeConfig
    assert "amount" in Buyer.Config.model_json_schema()["properties"]


def test_a_nested_config_class_works_too():
    class Nested(TradingMode):
        class Config(ModeConfig):
            timeframe: str = "5m"

    assert Nested.timeframes(Nested.Config()) == ("5m",)
    assert Scribe.timeframes(ScribeConfig()) == ()


def test_a_hook_that_nobody_would_call_is_an_error_that_names_the_nearest():
    with pytest.raises(ModeDefinitionError, match=r"on_boook is no hook, .* did you mean on_book"):

        class Typo(TradingMode[ModeConfig]):
            def on_boook(self, top: TopOfBook) -> None: ...


def test_a_private_method_may_be_called_as_its_mode_likes():
    class Quiet(TradingMode[ModeConfig]):
        on_restart = "cancel"

        def _on_anything(self) -> None: ...

    assert Quiet.on_restart == "cancel"


class Keeper(TradingMode[ModeConfig]):
    """Saves what the test wants."""

    state: object = None

    def on_book(self, top: TopOfBook) -> None:
        self.save(self.state)


def test_a_plain_dict_can_be_saved(monkeypatch):
    monkeypatch.setattr(Keeper, "state", {"a": 1})
    stage = Stage(Keeper)
    stage.start()
    stage.book()
    assert stage.saved is not None
    assert stage.saved.state == b'{"a":1}'


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (object(), "a object can't be saved"),
        ({(1, 2): object}, "a dict can't be saved"),
        ("x" * 1024 * 1024, "the state takes 1048578 bytes, and 1048576 are allowed"),
    ],
)
def test_a_state_that_can_not_be_saved_is_refused_clearly(monkeypatch, state, said):
    monkeypatch.setattr(Keeper, "state", state)
    stage = Stage(Keeper)
    stage.start()
    with capture_logs() as lines:
        stage.book()
    failed = [line for line in lines if line.get("error") == SaveError.__name__]
    assert failed
    assert said in failed[0]["text"]
    assert stage.saved is None


class Careless(TradingMode[ModeConfig]):
    """Buys an amount that is none."""

    def on_book(self, top: TopOfBook) -> None:
        self.buy("a lot")


def test_the_log_names_the_line_of_the_mode_that_failed():
    stage = Stage(Careless)
    stage.start()
    with capture_logs() as lines:
        stage.book()
    [failed] = [line for line in lines if line.get("error") == AmountError.__name__]
    assert failed["where"].startswith(f"{__file__}:")
    assert failed["where"].endswith(" in Careless.on_book")


class Numbers(ModeConfig):
    levels: int = 1
    pause_s: float | None = None
    step_pct: Decimal = Decimal(1)


@pytest.mark.parametrize(
    "written",
    [{"levels": "3"}, {"levels": True}, {"pause_s": "1"}, {"pause_s": float("nan")}, {"step_pct": "0.5 %"}],
)
def test_a_setting_that_is_not_written_as_a_number_is_none(written):
    with pytest.raises(ValueError, match=r"number|write 0\.5"):
        Numbers(**written)


def test_a_setting_keeps_the_digits_of_its_text():
    assert Numbers(levels=3, pause_s=None, step_pct="0.10").step_pct == Decimal("0.10")


class Changing(TradingMode[ModeConfig]):
    """Takes back what stands and orders anew, then raises where it is told to."""

    raises: ClassVar[bool] = False

    def on_book(self, top: TopOfBook) -> None:
        self.save({"seen": top.sequence})
        self.buy("0.1", "-1%")
        self.cancel_all("again")
        if self.raises:
            raise RuntimeError("after it decided")


def test_a_hook_that_raises_has_placed_nothing_and_saved_nothing_but_its_cancels_are_sent():
    stage = Stage(Changing)
    stage.start()
    Changing.raises = True
    try:
        before = len(stage.portfolio.received)
        stage.book()
        stage.system.run_for(0.1)
    finally:
        Changing.raises = False
    said = [type(message).__name__ for message in stage.portfolio.received[before:]]
    assert said == ["CancelAll", "ResumeRequest"]
