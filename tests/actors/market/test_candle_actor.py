"""The candle actor: warm-up, closing by the clock, healing after a lost connection, refusals of the venue."""

from __future__ import annotations

import pytest
from msgspec import structs

from ganglion.actors.market.candles import CandleActor, Watermark
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, Overflowed, Tick
from ganglion.messages.market import Candle, CandlesRead, CandlesRequest, TradeTick
from ganglion.messages.values import Side
from ganglion.supervision import Actor, Address, Probe, System, receives

MINUTE = 60_000


class VenueOfTrades(Actor[CandlesRequest | Tick]):
    """Answers with the candles of all trades that ever happened, as an exchange does; a test may break it."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    @receives
    def asked(self, message: CandlesRequest) -> None:
        self.scene.requests.append(message)
        if self.scene.silent:
            return
        made: dict[int, Candle] = {}
        for trade in self.scene.happened:
            open_ms = trade.timestamp_ms // MINUTE * MINUTE
            c = made.get(open_ms, Candle("", "A/B", "1m", open_ms, trade.price, 0.0, 1e9, 0.0, 0.0))
            high, low = max(c.high, trade.price), min(c.low, trade.price)
            volume = c.volume + trade.size
            made[open_ms] = Candle("", "A/B", "1m", open_ms, c.open, high, low, trade.price, volume)
        candles = () if self.scene.error else tuple(made.values())[-message.limit :]
        answer = CandlesRead("A/B", "1m", candles, 0, self.scene.error)
        self.scene.answers.append(answer)
        self.after(self.scene.latency_s, Tick(key=str(len(self.scene.answers) - 1)))

    @receives
    def answered(self, message: Tick) -> None:
        answer = self.scene.answers[int(message.key)]
        arrived_ms = self.clock.now_ms() + self.scene.ahead_ms
        self.scene.candles.tell(structs.replace(answer, read_ms=arrived_ms))


class Scene:
    """A candle actor, a venue whose trades it hears or not, and a mode that listens."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.happened: list[TradeTick] = []
        self.requests: list[CandlesRequest] = []
        self.error: str | None = None
        self.silent = False
        self.ahead_ms = 0
        self.latency_s = 0.0
        self.answers: list[CandlesRead] = []
        self.mode: Probe = system.probe("mode")
        self.candles: Address[object] = system.address("/candles")
        system.subscribe(self.candles, self.mode.address, Candle)
        venue = system.spawn(lambda: VenueOfTrades(self), name="venue")
        watermark = Watermark()
        self.start = lambda history=200: system.spawn(
            lambda: CandleActor("x", "A/B", "1m", venue, history=history, watermark=watermark),
            name="candles",
        )
        # From the start of a minute on: every test says what second it is.
        system.run_for((-system.clock.now_ms() % MINUTE) / 1000)
        self.first_ms = system.clock.now_ms()

    def trade(self, price: float, *, heard: bool = True, symbol: str = "A/B") -> None:
        number = str(len(self.happened))
        now_ms = self.system.clock.now_ms()
        tick = TradeTick("x", symbol, number, Side.BUY, price, 1.0, now_ms, 0.0)
        if symbol == "A/B":
            self.happened.append(tick)
        if heard:
            self.candles.tell(tick)
            self.system.run_until_idle()

    def connection(self, state: ConnectionState) -> None:
        self.candles.tell(ConnectionChanged("x", state, 1, "test", 0.0))
        self.system.run_until_idle()

    @property
    def told(self) -> list[tuple[int, float, float, float, float, float, bool]]:
        """Minute since the scene began, open, high, low, close, volume, complete."""
        return [
            ((c.open_ms - self.first_ms) // MINUTE, c.open, c.high, c.low, c.close, c.volume, c.complete)
            for c in self.mode.of(Candle)
        ]


@pytest.fixture
def scene(system: System) -> Scene:
    return Scene(system)


def test_history_and_trades_join_without_a_gap_or_a_double(scene: Scene):
    scene.trade(5.0, heard=False)
    scene.system.run_for(70)
    scene.trade(6.0, heard=False)
    scene.start()
    scene.system.run_for(10)
    scene.trade(8.0)
    scene.system.run_for(50)
    scene.trade(7.0)
    scene.system.run_for(70)
    assert scene.told == [
        (0, 5.0, 5.0, 5.0, 5.0, 1.0, True),
        (1, 6.0, 8.0, 6.0, 8.0, 2.0, True),
        (2, 7.0, 7.0, 7.0, 7.0, 1.0, True),
    ]


def test_candles_carry_the_arms_own_name(scene: Scene):
    scene.trade(5.0, heard=False)
    scene.system.run_for(70)
    scene.start()
    assert scene.mode.expect(Candle).exchange == "x"


def test_once_joined_a_later_trade_closes_a_candle_without_asking_the_venue(scene: Scene):
    scene.start()
    scene.system.run_for(63)
    asked = len(scene.requests)
    scene.trade(5.0)
    scene.system.run_for(59)
    scene.trade(6.0)
    assert scene.told == [(1, 5.0, 5.0, 5.0, 5.0, 1.0, True)]
    assert len(scene.requests) == asked


def test_the_clock_closes_a_candle_that_no_trade_follows(scene: Scene):
    scene.start()
    scene.system.run_for(63)
    scene.trade(5.0)
    scene.system.run_for(58.9)
    assert scene.told == []
    scene.system.run_for(0.2)
    assert scene.told == [(1, 5.0, 5.0, 5.0, 5.0, 1.0, True)]


def test_intervals_end_by_the_venues_clock(scene: Scene):
    scene.ahead_ms = 20_000
    scene.start()
    scene.system.run_for(43)
    scene.candles.tell(TradeTick("x", "A/B", "1", Side.BUY, 5.0, 1.0, scene.first_ms + MINUTE, 0.0))
    scene.system.run_for(58.9)
    assert scene.told == []
    scene.system.run_for(0.2)
    assert [told[0] for told in scene.told] == [1]


def test_an_answer_that_was_long_on_its_way_is_not_the_last_word(scene: Scene):
    scene.latency_s = 5.0
    scene.system.run_for(58)
    scene.trade(5.0, heard=False)
    scene.start()
    scene.system.run_for(1)
    scene.trade(9.0)
    scene.system.run_for(70)
    assert scene.told == [(0, 5.0, 9.0, 5.0, 9.0, 2.0, True)]


def test_without_history_only_what_happens_from_now_on_is_told(scene: Scene):
    scene.trade(5.0, heard=False)
    scene.system.run_for(70)
    scene.trade(6.0, heard=False)
    scene.start(history=0)
    scene.system.run_for(70)
    assert [told[0] for told in scene.told] == [1]


def test_trades_of_other_markets_are_not_its_business(scene: Scene):
    scene.start()
    scene.system.run_for(63)
    scene.trade(5.0)
    scene.trade(99.0, symbol="C/D")
    scene.system.run_for(70)
    assert scene.told[0][2] == 5.0


def test_what_a_lost_connection_missed_is_read_when_it_is_back(scene: Scene):
    scene.start()
    scene.system.run_for(63)
    scene.trade(5.0)
    asked = len(scene.requests)
    scene.connection(ConnectionState.DOWN)
    scene.trade(9.0, heard=False)
    scene.system.run_for(120)
    assert len(scene.requests) == asked, "nobody asks a venue that is away"
    scene.trade(4.0, heard=False)
    scene.connection(ConnectionState.SYNCING)
    scene.connection(ConnectionState.LIVE)
    scene.trade(6.0)
    scene.system.run_for(60)
    assert scene.told == [
        (1, 5.0, 9.0, 5.0, 9.0, 2.0, True),
        (3, 4.0, 6.0, 4.0, 6.0, 2.0, True),
    ]


def test_what_cant_be_healed_is_told_as_incomplete(scene: Scene):
    scene.start()
    scene.system.run_for(63)
    scene.trade(5.0)
    scene.error = "NotSupported: fetchOHLCV"
    scene.connection(ConnectionState.DOWN)
    scene.trade(9.0, heard=False)
    scene.connection(ConnectionState.LIVE)
    scene.trade(6.0)
    scene.system.run_for(70)
    scene.trade(7.0)
    scene.system.run_for(70)
    assert scene.told == [
        (1, 5.0, 6.0, 5.0, 6.0, 2.0, False),
        (2, 7.0, 7.0, 7.0, 7.0, 1.0, True),
    ]


def test_a_venue_without_candles_leaves_only_the_first_one_incomplete_and_is_left_alone(scene: Scene):
    scene.error = "NotSupported: fetchOHLCV"
    scene.start()
    scene.trade(5.0)
    scene.system.run_for(70)
    scene.trade(6.0)
    scene.system.run_for(300)
    assert [(told[0], told[-1]) for told in scene.told] == [(0, False), (1, True)]
    assert len(scene.requests) == 6, "three tries at the start, three for the first candle"


def test_a_quiet_market_without_candles_does_not_ask_for_ever(scene: Scene):
    scene.error = "NotSupported: fetchOHLCV"
    scene.start()
    scene.system.run_for(3600)
    assert len(scene.requests) == 6
    assert scene.told == []


def test_a_venue_that_does_not_answer_is_asked_again_and_then_done_without(scene: Scene):
    scene.silent = True
    scene.start()
    scene.trade(5.0)
    scene.system.run_for(400)
    assert scene.told == [(0, 5.0, 5.0, 5.0, 5.0, 1.0, False)]
    assert len(scene.requests) == 3, "30 s each: the first candle is over by then"


def test_an_overflow_is_healed_by_the_venues_candle(scene: Scene):
    scene.start()
    scene.system.run_for(63)
    scene.trade(5.0)
    scene.trade(9.0, heard=False)
    scene.candles.tell(Overflowed("TradeTick", 1))
    scene.system.run_for(60)
    assert scene.told == [(1, 5.0, 9.0, 5.0, 9.0, 2.0, True)]


def test_an_overflow_that_cant_be_healed_marks_its_candle_incomplete(scene: Scene):
    scene.start()
    scene.system.run_for(63)
    scene.trade(5.0)
    scene.error = "RequestTimeout"
    scene.candles.tell(Overflowed("TradeTick", 1))
    scene.system.run_for(70)
    assert scene.told == [(1, 5.0, 5.0, 5.0, 5.0, 1.0, False)]


def test_a_restarted_actor_goes_on_where_the_last_one_stopped(scene: Scene):
    scene.trade(5.0, heard=False)
    scene.system.run_for(70)
    scene.start()
    scene.trade(6.0)
    scene.system.run_for(5)
    scene.system.fail("/candles", "on purpose")
    scene.trade(9.0, heard=False)
    scene.system.run_for(120)
    assert scene.told == [
        (0, 5.0, 5.0, 5.0, 5.0, 1.0, True),
        (1, 6.0, 9.0, 6.0, 9.0, 2.0, True),
    ]


def test_candles_of_another_timeframe_are_not_its_business(scene: Scene):
    scene.silent = True
    scene.start()
    scene.system.run_until_idle()
    strange = Candle("x", "A/B", "1h", 0, 1.0, 1.0, 1.0, 1.0, 1.0)
    scene.candles.tell(CandlesRead("A/B", "1h", (strange,), scene.first_ms))
    scene.system.run_until_idle()
    assert scene.told == []
