"""What is recorded is read back exactly; a killed run is gone on with; what was missed stands in it as a gap."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, Overflowed
from ganglion.messages.market import BookDelta, BookInvalid, BookSnapshot, Candle, ResyncBook, TradeTick
from ganglion.messages.values import Side
from ganglion.simulation.data import Bars, BookDeltas, RecordingError, Trades, read
from ganglion.simulation.data.recorder import ReadRecorded, RecorderActor
from ganglion.simulation.data.recording import FolderLock, MarketRecording, cut_torn_end
from ganglion.supervision import ChildSpec, System

DAY = 86_400_000
START = 1_700_000_040_000
SYMBOL = "BTC/USDT"


def market(folder, *timeframes: str) -> MarketRecording:
    return MarketRecording(folder, "alpha", SYMBOL, timeframes or ("1m",))


def of(folder, kind: type):
    return next(series for series in read(folder, keep_ids=True) if isinstance(series, kind))


def candle(index: int, close: float = 1.0) -> Candle:
    return Candle("alpha", SYMBOL, "1m", START + index * 60_000, 1.0, 3.0, 0.5, close, 7.25)


def record_trade(recording: MarketRecording, index: int, at_ms: int | None = None) -> None:
    time_ms = START + index * 10 if at_ms is None else at_ms
    recording.trade(time_ms, time_ms - 3, f"t{index}", Side.BUY if index % 2 else Side.SELL, 100.5 + index, 0.25)


# ------------------------------------------------------------------ files


def test_trades_books_and_candles_are_read_back_as_they_were_told(tmp_path):
    recording = market(tmp_path)
    record_trade(recording, 0)
    record_trade(recording, 1)
    recording.levels(START, ((99.0, 1.0),), ((101.0, 2.0), (102.0, 3.0)), snapshot=True)
    recording.levels(START + 5, (), ((101.0, 0.0),), snapshot=False)
    recording.candle(candle(0))
    recording.candle(candle(1, close=2.0))
    recording.flush()
    trades, book, bars = of(tmp_path, Trades), of(tmp_path, BookDeltas), of(tmp_path, Bars)
    assert (trades.exchange, trades.symbol, trades.ids) == ("alpha", SYMBOL, ["t0", "t1"])
    assert (list(trades.time_ms), list(trades.price), list(trades.side)) == (
        [START, START + 10],
        [100.5, 101.5],
        [2, 1],
    )
    assert list(zip(book.side, book.price, book.amount, book.first, strict=True)) == [
        (1, 99.0, 1.0, 1),
        (2, 101.0, 2.0, 0),
        (2, 102.0, 3.0, 0),
        (2, 101.0, 0.0, 0),
    ]
    assert (bars.timeframe, list(bars.close), list(bars.volume)) == ("1m", [1.0, 2.0], [7.25, 7.25])


def test_each_day_has_a_file_of_its_own(tmp_path):
    recording = market(tmp_path)
    for index in range(3):
        record_trade(recording, index, START + index * DAY)
    recording.flush()
    assert [path.name for path in sorted(tmp_path.rglob("trades-*"))] == [
        "trades-2023-11-14.csv.gz",
        "trades-2023-11-15.csv.gz",
        "trades-2023-11-16.csv.gz",
    ]
    assert len(of(tmp_path, Trades)) == 3


def test_a_book_says_when_a_change_begins_another_days_file(tmp_path):
    recording = market(tmp_path)
    recording.levels(START, ((99.0, 1.0),), (), snapshot=True)
    assert not recording.levels(START + 1, ((99.0, 2.0),), (), snapshot=False)
    assert recording.levels(START + DAY, ((99.0, 3.0),), (), snapshot=False)


def test_a_run_that_was_ended_is_gone_on_with_and_the_time_between_is_a_gap(tmp_path):
    first = market(tmp_path)
    record_trade(first, 0)
    first.flush()
    second = market(tmp_path)
    second.resumed(START + 60_000)
    record_trade(second, 7000)
    second.flush()
    trades = of(tmp_path, Trades)
    assert trades.ids == ["t0", "t7000"]
    (gap,) = trades.facts.gaps
    assert (gap.from_ms, gap.to_ms, gap.reason) == (START + 1, START + 60_000, "nobody recorded")


def test_a_run_that_heard_nothing_leaves_no_second_gap_over_the_first(tmp_path):
    first = market(tmp_path)
    record_trade(first, 0)
    first.flush()
    for at_ms in (START + 1_000, START + 2_000):
        again = market(tmp_path)
        again.resumed(at_ms)
        again.flush()
    gaps = of(tmp_path, Trades).facts.gaps
    assert [(gap.from_ms, gap.to_ms) for gap in gaps] == [(START + 1, START + 1_000), (START + 1_000, START + 2_000)]


def test_a_trade_that_is_told_again_after_a_reconnect_is_written_once(tmp_path):
    first = market(tmp_path)
    record_trade(first, 0)
    record_trade(first, 0)
    first.flush()
    second = market(tmp_path)
    second.trade(START + 9_000, START - 3, "t0", Side.SELL, 100.5, 0.25)
    record_trade(second, 1, START + 9_001)
    second.flush()
    assert of(tmp_path, Trades).ids == ["t0", "t1"]


def test_a_candle_that_is_there_is_not_written_again(tmp_path):
    first = market(tmp_path)
    first.candle(candle(0))
    first.flush()
    second = market(tmp_path)
    second.candle(candle(0, close=2.0))
    second.candle(candle(1))
    second.flush()
    assert list(of(tmp_path, Bars).close) == [1.0, 1.0]


def test_a_candle_that_lacks_trades_is_counted(tmp_path):
    recording = market(tmp_path)
    recording.candle(candle(0))
    recording.candle(Candle("alpha", SYMBOL, "1m", START + 60_000, 1.0, 1.0, 1.0, 1.0, 1.0, complete=False))
    recording.flush()
    assert of(tmp_path, Bars).facts.incomplete == 1


def test_a_clock_that_is_set_back_does_not_turn_a_recording_round(tmp_path):
    recording = market(tmp_path)
    record_trade(recording, 0, START + 500)
    record_trade(recording, 1, START)
    recording.flush()
    assert list(of(tmp_path, Trades).time_ms) == [START + 500, START + 500]


def test_a_recording_that_is_still_written_can_be_read(tmp_path):
    recording = market(tmp_path)
    record_trade(recording, 0)
    recording.flush()
    path = next(tmp_path.rglob("trades-*"))
    path.write_bytes(path.read_bytes() + gzip.compress(b"1,2,3\n")[:12])
    trades = of(tmp_path, Trades)
    assert len(trades) == 1
    assert any("ends in the middle of a write" in note for note in trades.facts.notes)


@given(st.integers(1, 4), st.integers(0, 400), st.booleans())
def test_a_torn_end_is_cut_and_whole_pieces_stay(tmp_path_factory, pieces, cut, zeros):
    path = tmp_path_factory.mktemp("torn") / "x.csv.gz"
    whole = [gzip.compress(f"{index},row\n".encode()) for index in range(pieces)]
    last = gzip.compress(b"lost,row\n" * 50)
    torn = last[: min(cut, len(last) - 1)]
    path.write_bytes(b"".join(whole) + (bytes(len(torn)) if zeros else torn))
    assert cut_torn_end(path) == [f"{index},row\n" for index in range(pieces)]
    assert path.read_bytes() == b"".join(whole)


def test_a_second_recorder_is_kept_out_of_the_folder(tmp_path):
    lock = FolderLock(tmp_path)
    with pytest.raises(RecordingError, match="another process records into this folder"):
        FolderLock(tmp_path)
    lock.close()
    FolderLock(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="name a folder that you may write to"):
        FolderLock(tmp_path / "file")


# ------------------------------------------------------------------ the actor


class Scene:
    """A recorder in virtual time, and an exchange that keeps what it is asked."""

    def __init__(self, folder) -> None:
        self.system = System(dispatcher="simulated")
        self.venue = self.system.probe("exchange")
        self.folder = folder
        spec = ChildSpec(
            "recorder", lambda: RecorderActor("alpha", SYMBOL, self.venue.address, lambda: market(self.folder))
        )
        self.address = self.system.spawn(spec)

    def tell(self, *messages) -> None:
        for message in messages:
            self.address.tell(message)
            self.system.run_for(0.1)

    def snapshot(self, sequence: int, *bids: tuple[float, float]) -> None:
        self.tell(BookSnapshot("alpha", SYMBOL, bids, ((101.0, 1.0),), sequence, self.system.clock.monotonic_s()))

    def delta(self, previous: int, sequence: int, *bids: tuple[float, float]) -> None:
        self.tell(BookDelta("alpha", SYMBOL, bids, (), previous, sequence, self.system.clock.monotonic_s()))

    def trade(self, number: int) -> None:
        now_ms, now_s = self.system.clock.now_ms(), self.system.clock.monotonic_s()
        self.tell(TradeTick("alpha", SYMBOL, str(number), Side.BUY, 100.0, 1.0, now_ms, now_s))

    def connection(self, state: ConnectionState, reason: str = "") -> None:
        self.tell(ConnectionChanged("alpha", state, 1, reason, self.system.clock.monotonic_s()))

    def bids(self) -> list[tuple[float, float]]:
        book = self.read(BookDeltas)
        return [(p, a) for p, a, side in zip(book.price, book.amount, book.side, strict=True) if side == 1]

    def read(self, kind: type):
        self.system.run_for(5)
        return of(self.folder, kind)


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.system.stop()


def test_a_book_is_written_from_its_snapshot_on(scene):
    scene.delta(4, 5, (98.0, 1.0))
    scene.snapshot(5, (99.0, 1.0))
    scene.delta(5, 6, (99.0, 2.0))
    assert scene.bids() == [(99.0, 1.0), (99.0, 2.0)]


def test_changes_that_overtook_their_snapshot_are_applied_on_top_of_it(scene):
    scene.delta(5, 6, (99.0, 2.0))
    scene.delta(6, 7, (99.0, 3.0))
    scene.snapshot(6, (99.0, 2.0))
    assert scene.bids() == [(99.0, 2.0), (99.0, 3.0)]


def test_a_missing_change_is_a_gap_until_the_snapshot_that_is_asked_for(scene):
    scene.snapshot(5, (99.0, 1.0))
    scene.delta(8, 9, (99.0, 2.0))
    assert scene.venue.expect(ResyncBook).reason.startswith("gap")
    scene.snapshot(9, (99.0, 2.0))
    scene.delta(9, 10, (99.0, 3.0))
    assert scene.bids() == [(99.0, 1.0), (99.0, 2.0), (99.0, 3.0)]
    book = scene.read(BookDeltas)
    (gap,) = book.facts.gaps
    assert "follows 8" in gap.reason
    assert list(book.first) == [1, 0, 1, 0, 0]


def test_a_snapshot_is_asked_for_until_it_comes(scene):
    scene.snapshot(5, (99.0, 1.0))
    scene.delta(8, 9, (99.0, 2.0))
    scene.system.run_for(11)
    assert len(scene.venue.of(ResyncBook)) == 3


def test_a_lost_book_stream_is_a_gap(scene):
    scene.snapshot(5, (99.0, 1.0))
    scene.tell(BookInvalid("alpha", SYMBOL, "disconnected: reset"))
    scene.system.run_for(30)
    scene.snapshot(9, (99.0, 1.0))
    (gap,) = scene.read(BookDeltas).facts.gaps
    assert gap.reason == "disconnected: reset"
    assert 30_000 <= gap.to_ms - gap.from_ms < 31_000


def test_an_empty_book_is_a_gap_until_there_is_something_in_it(scene):
    scene.snapshot(5, (99.0, 1.0))
    scene.tell(BookSnapshot("alpha", SYMBOL, (), (), 6, scene.system.clock.monotonic_s()))
    scene.delta(6, 7, (98.0, 1.0))
    scene.snapshot(7, (98.0, 1.0))
    book = scene.read(BookDeltas)
    assert scene.bids() == [(99.0, 1.0), (98.0, 1.0)]
    assert (book.first.count(1), book.facts.gaps[0].reason) == (2, "the book is empty")


def test_trades_that_did_not_arrive_are_a_gap(scene):
    scene.trade(1)
    scene.connection(ConnectionState.CONNECTING, "socket closed")
    scene.system.run_for(10)
    scene.connection(ConnectionState.LIVE)
    scene.trade(2)
    trades = scene.read(Trades)
    (gap,) = trades.facts.gaps
    assert (trades.ids, gap.reason) == (["1", "2"], "not connected: socket closed")
    assert trades.time_ms[0] < gap.from_ms < gap.to_ms <= trades.time_ms[1]


def test_messages_that_were_dropped_are_a_gap(scene):
    scene.snapshot(5, (99.0, 1.0))
    scene.trade(1)
    scene.tell(Overflowed("TradeTick", 7), Overflowed("BookDelta", 9))
    assert "9 BookDelta dropped" in scene.venue.expect(ResyncBook).reason
    assert "7 TradeTick dropped" in scene.read(Trades).facts.gaps[0].reason


def test_a_recorder_that_crashes_goes_on_where_its_files_end(scene):
    scene.snapshot(5, (99.0, 1.0))
    scene.trade(1)
    scene.system.run_for(3)
    scene.system.fail("/recorder")
    scene.system.run_for(3)
    assert scene.venue.expect(ResyncBook).symbol == SYMBOL
    scene.trade(2)
    trades = scene.read(Trades)
    assert trades.ids == ["1", "2"]
    assert trades.facts.gaps[0].reason == "nobody recorded"


def test_it_says_how_much_there_is_and_what_it_waits_for(scene):
    scene.trade(1)
    scene.tell(candle(0))
    found = scene.address.ask(ReadRecorded())
    assert (found.trades, found.levels, found.candles, found.book_lost) == (1, 0, 1, "no snapshot yet")


# ------------------------------------------------------------------ the recorded book is the venue's book

PRICES = st.sampled_from([97.0, 98.0, 99.0, 101.0, 102.0, 103.0])
LEVELS = st.lists(st.tuples(PRICES, st.sampled_from([0.0, 1.0, 2.5])), max_size=4, unique_by=lambda level: level[0])
STEPS = st.lists(
    st.tuples(st.sampled_from(["delta", "delta", "delta", "snapshot"]), LEVELS, st.integers(0, 2)), max_size=25
)


@given(STEPS)
def test_a_recorded_book_gone_through_ends_as_the_book_that_was_told(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("book")
    recording = market(folder)
    told: dict[tuple[int, float], float] = {}
    time_ms = START
    for what, levels, wait_ms in [("snapshot", [(97.0, 1.0), (103.0, 1.0)], 0), *steps]:
        time_ms += wait_ms
        shown = [level for level in levels if level[1]] if what == "snapshot" else levels
        if what == "snapshot":
            shown = shown or [(97.0, 1.0)]
            told.clear()
        bids = tuple(level for level in shown if level[0] < 100)
        asks = tuple(level for level in shown if level[0] > 100)
        recording.levels(time_ms, bids, asks, snapshot=what == "snapshot")
        told |= {(1 if price < 100 else 2, price): size for price, size in shown}
    recording.flush()
    book = of(folder, BookDeltas)
    replayed: dict[tuple[int, float], float] = {}
    for first, side, price, amount in zip(book.first, book.side, book.price, book.amount, strict=True):
        if first:
            replayed.clear()
        replayed[side, price] = amount
    assert {key: size for key, size in replayed.items() if size} == {key: size for key, size in told.items() if size}


def test_a_disk_that_does_not_take_it_loses_nothing_that_was_gathered(tmp_path):
    recording = market(tmp_path)
    record_trade(recording, 0)
    place = tmp_path / "alpha"
    place.write_text("in the way")
    with pytest.raises(OSError, match="alpha"):
        recording.flush()
    place.unlink()
    recording.flush()
    assert of(tmp_path, Trades).ids == ["t0"]
