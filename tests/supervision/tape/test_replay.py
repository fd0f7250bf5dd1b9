"""What a live system did with a tape is repeated by its replay: every turn, every id, every reading of the clock."""

import re
import threading
from contextlib import suppress

import pytest

from ganglion.messages.lifecycle import CellState
from ganglion.supervision import ChildSpec, Message, StartError, Supervisor, System
from ganglion.supervision.tape import (
    Divergence,
    Recorder,
    Replayer,
    ReplaySystem,
    TapedSystem,
    TapeEnded,
    join,
    recording,
    split,
)
from ganglion.supervision.tape.records import (
    MessageTurn,
    Name,
    OrderTurn,
    Record,
    ToldTurn,
    TurnEnd,
    TurnRecord,
    encode,
)
from tests.supervision.tape.stage import (
    LIMIT_S,
    SEED,
    Ball,
    Crash,
    Forgetful,
    Player,
    Recording,
    Seen,
    Serve,
    Sink,
    rally,
    record,
    replay,
    tree,
    until,
)


@pytest.fixture(scope="module")
def rallied() -> Recording:
    return record(rally)


def test_a_replay_handles_the_same_in_the_same_order_with_the_same_ids_and_clock(rallied: Recording) -> None:
    assert len(rallied.lines) > 200
    assert replay(rallied) == rallied.lines


def test_a_replay_is_itself_repeatable(rallied: Recording) -> None:
    told: list[list[str]] = [[], []]
    for lines in told:
        replay(rallied, tell=lines.append)
    assert told[0] == told[1]
    assert [line.split()[0] for line in told[0]] == [str(number) for number in range(1, len(told[0]) + 1)]


@pytest.mark.parametrize("attempt", range(5))
def test_crashes_restarts_timers_and_conflated_prices_of_many_threads_are_repeated(attempt: int) -> None:
    recording = record(rally)
    assert replay(recording) == recording.lines
    what = " ".join(line.split()[2] for line in recording.lines)
    assert {"crash", "price", "later", "seen", "serve"} <= set(what.split()), attempt


def test_a_changed_actor_diverges_at_the_first_turn_that_sends_something_else(rallied: Recording) -> None:
    with pytest.raises(Divergence, match="of other content") as diverged:
        replay(rallied, Forgetful)
    assert diverged.value.path == "/game/right"
    assert "changed" in str(diverged.value)
    told: list[str] = []
    with pytest.raises(Divergence):
        replay(rallied, Forgetful, tell=told.append)
    balls = [line for line in told if "/game/right Ball" in line]
    assert balls[-1].startswith(f"{diverged.value.turn} ")
    # Everything before was the same.
    assert len(balls) > 20


def test_another_seed_diverges_at_the_first_id(rallied: Recording) -> None:
    with pytest.raises(Divergence, match=r"Serve it sent 2 messages, here as many messages, of other content"):
        replay(rallied, seed=SEED + 1)


def test_a_replay_without_what_was_started_then_says_so(rallied: Recording) -> None:
    replayer = Replayer(split(rallied.tape))
    system = ReplaySystem(replayer, SEED)
    with pytest.raises(Divergence, match="_spawn:game"):
        system.spawn(ChildSpec("another", Supervisor))


def test_a_replay_goes_as_far_as_it_is_told_to(rallied: Recording) -> None:
    told: list[str] = []
    replayer = Replayer(split(rallied.tape), told.append, until=3)
    system = ReplaySystem(replayer, SEED)
    with pytest.raises(TapeEnded, match="turn 3"):
        system.spawn(ChildSpec("game", Supervisor))
    assert len(told) == 3


def test_a_replay_that_stops_anywhere_never_calls_it_a_divergence(rallied: Recording) -> None:
    for last in range(1, 60):
        told: list[str] = []
        replayer = Replayer(split(rallied.tape), told.append, until=last)
        with suppress(TapeEnded):
            system = ReplaySystem(replayer, SEED)
            system.spawn(tree(system, []))
            replayer.run()
        assert len(told) == last
        assert replayer.cut
        assert replayer.ended == ""


def test_a_replay_that_is_to_stop_behind_the_end_is_not_cut(rallied: Recording) -> None:
    whole: list[str] = []
    replay(rallied, tell=whole.append)
    for last in (len(whole), len(whole) + 1, 10**9):
        replayer = Replayer(split(rallied.tape), until=last)
        system = ReplaySystem(replayer, SEED)
        system.spawn(tree(system, []))
        replayer.run()
        assert (replayer.turns, replayer.cut, replayer.ended) == (len(whole), False, "the system stopped")


def test_what_the_last_turn_sends_is_still_compared(rallied: Recording) -> None:
    with pytest.raises(Divergence) as diverged:
        replay(rallied, Forgetful)
    records = split(rallied.tape)
    (end,) = (n for n, r in enumerate(records) if isinstance(r, TurnEnd) and r.turn == diverged.value.turn)
    # Other threads may have begun turns before this one was over.
    replayer = Replayer(records, until=sum(isinstance(record, TurnRecord) for record in records[:end]))
    system = ReplaySystem(replayer, SEED)
    system.spawn(tree(system, [], Forgetful))
    with pytest.raises(Divergence, match="of other content"):
        replayer.run()


def test_a_tape_that_breaks_off_before_a_spawn_has_not_diverged(rallied: Recording) -> None:
    records = split(rallied.tape)
    _, spawn, *_ = (n for n, record in enumerate(records) if isinstance(record, OrderTurn))
    torn = Replayer(records[:spawn])
    system = ReplaySystem(torn, SEED)
    game = tree(system, [])
    with pytest.raises(TapeEnded, match="the tape ends after turn"):
        system.spawn(game)
    assert not torn.cut


def test_a_torn_tape_replays_up_to_its_last_record(rallied: Recording) -> None:
    records = split(rallied.tape)
    whole = replay(rallied)
    for share in (0.3, 0.6, 0.9):
        torn = Recording(_joined(records[: int(len(records) * share)]), [])
        lines = replay(torn)
        assert lines == whole[: len(lines)]
        assert len(lines) > 10


def test_only_what_comes_from_outside_is_on_the_tape_with_its_content(rallied: Recording) -> None:
    records = split(rallied.tape)
    names = [record.text for record in records if isinstance(record, Name)]
    told = {names[record.kind].rpartition(":")[2] for record in records if isinstance(record, ToldTurn)}
    assert told == {"Serve", "Price", "Crash"}
    handled = {names[record.kind] for record in records if isinstance(record, MessageTurn)}
    assert {"Ball", "Due:Later", "Handled", "Price", "Seen"} <= handled


def test_messages_of_a_muted_dispatcher_are_left_out_and_what_it_tells_comes_from_outside() -> None:
    def play(system: System, lines: list[str]) -> None:
        system.address("/game/right").tell(Ball(0, "first"))
        until(system, lambda: any("ball 0 first" in line for line in lines))
        system.address("/game/left").tell(Ball(3, "second"))
        until(system, lambda: any("ball 0 " in line for line in lines[1:]))

    recording = record(play, muted=frozenset({"right"}))
    names = [record.text for record in split(recording.tape) if isinstance(record, Name)]
    turns = [r for r in split(recording.tape) if isinstance(r, MessageTurn) and names[r.path] == "/game/right"]
    assert turns == []
    mine = [line for line in recording.lines if line.startswith("/game/left")]
    replayed = replay(recording)
    assert [line for line in replayed if line.startswith("/game/left")] == mine
    assert [_strokes(line) for line in replayed] == [_strokes(line) for line in recording.lines]


def test_a_stop_from_outside_and_what_is_told_to_the_dead_are_repeated() -> None:
    def play(system: System, lines: list[str]) -> None:
        left, right = system.address("/game/left"), system.address("/game/right")
        left.tell(Serve(4))
        until(system, lambda: any("ball 0 " in line for line in lines))
        assert right.stop(timeout=LIMIT_S)
        left.tell(Serve(1))  # its ball goes nowhere
        until(system, lambda: sum(line.split()[2] == "serve" for line in lines) == 2)
        until(system, lambda: system.dead_letters["Ball"] == 1)
        assert left.stop(drain=True, timeout=LIMIT_S)

    recording = record(play)
    assert replay(recording) == recording.lines


def test_a_path_that_is_taken_again_is_told_apart_from_its_first_owner() -> None:
    lines: list[str] = []

    def game(system: System) -> ChildSpec:
        other, book = system.address("/nobody"), system.address("/nothing")
        return ChildSpec("game", lambda: Keeping(other, book, lines), restart="temporary")

    sink = Sink()
    system = TapedSystem(Recorder(sink), SEED)
    first = system.spawn(game(system))
    first.tell(Ball(0, "first"))
    assert first.stop(drain=True, timeout=LIMIT_S)
    second = system.spawn(game(system))
    with pytest.raises(Exception, match="has stopped"):
        first.tell(Ball(0, "to the dead"))
    second.tell(Ball(0, "second"))
    until(system, lambda: len(lines) == 2)
    system.stop()
    live, lines[:] = list(lines), []
    replayer = Replayer(split(join(sink.records)))
    again = ReplaySystem(replayer, SEED)
    again.spawn(game(again))
    again.spawn(game(again))
    replayer.run()
    assert lines == live == ["first", "second"]
    assert again.dead_letters == system.dead_letters


class Keeping(Player):
    """Writes the marks of balls down itself."""

    def __init__(self, other: object, book: object, lines: list[str]) -> None:
        super().__init__(other, book)  # type: ignore[arg-type]
        self._lines = lines

    def ball(self, message: Ball) -> None:
        self._lines.append(message.mark)


def test_a_failed_start_is_repeated() -> None:
    def broken() -> Player:
        raise OSError("no such thing")

    sink = Sink()
    system = TapedSystem(Recorder(sink), SEED)
    with pytest.raises(StartError, match="no such thing"):
        system.spawn(ChildSpec("broken", broken))
    system.stop()
    replayer = Replayer(split(join(sink.records)))
    again = ReplaySystem(replayer, SEED)
    with pytest.raises(StartError, match="no such thing"):
        again.spawn(ChildSpec("broken", broken))
    replayer.run()
    assert replayer.ended == "the system stopped"


class Never:
    """Nothing that can be written down."""


class Live(Message, frozen=True, gc=False):
    """Holds something that no bytes can stand for."""

    thing: "Never"


def test_a_message_that_can_not_be_written_down_diverges_by_name() -> None:
    def play(system: System, lines: list[str]) -> None:
        system.address("/game/left").tell(Live(Never()))
        system.address("/game/left").tell(Serve(0))
        until(system, lambda: any("ball 0 " in line for line in lines))

    with pytest.raises(Divergence, match="Live"):
        replay(record(play))


def test_a_hung_thread_that_is_left_ends_the_tape_and_the_system_goes_on() -> None:
    release = threading.Event()

    class Hanging(Player):
        def crash(self, message: Crash) -> None:
            release.wait(LIMIT_S)

    lines: list[str] = []
    recorder = Recorder(Sink())
    system = TapedSystem(recorder, SEED, stuck_after_s=0.1, hang_s=0.3)
    try:
        nobody = system.address("/nobody")
        place = system.spawn(ChildSpec("hanging", lambda: Hanging(nobody, nobody), dispatcher=system.dispatcher("own")))
        place.tell(Crash("hang"))
        until(system, lambda: not recorder.on)
        assert re.match("a thread was abandoned: .*Crash", recorder.reason)
        until(system, lambda: system.cell_at("/hanging").state is CellState.RUNNING)
        assert place.ask(Seen(), timeout=LIMIT_S) == 0
    finally:
        release.set()
        system.stop()
    assert lines == []


def test_a_sink_that_takes_no_more_ends_the_tape_and_nothing_else() -> None:
    class Full(Sink):
        def write(self, record: bytes) -> bool:
            super().write(record)
            return len(self.records) < 100

    sink, lines = Full(), []
    recorder = Recorder(sink)
    system = TapedSystem(recorder, SEED)
    try:
        system.spawn(tree(system, lines))
        rally(system, lines)
    finally:
        system.stop()
    assert not recorder.on
    assert len(sink.records) < 110
    replayed = replay(Recording(join(sink.records), lines))
    assert replayed == lines[: len(replayed)]


def test_a_handler_that_takes_long_holds_up_nobody_else() -> None:
    entered, release = threading.Event(), threading.Event()

    class Slow(Player):
        def crash(self, message: Crash) -> None:
            entered.set()
            release.wait(LIMIT_S)

    sink = Sink()
    system = TapedSystem(Recorder(sink), SEED)
    try:
        nobody = system.address("/nobody")
        slow = system.spawn(ChildSpec("slow", lambda: Slow(nobody, nobody), dispatcher=system.dispatcher("own")))
        quick = system.spawn(ChildSpec("quick", lambda: Player(nobody, nobody), dispatcher=system.dispatcher("other")))
        slow.tell(Crash("slowly"))
        assert entered.wait(LIMIT_S)
        quick.tell(Ball(0, "meanwhile"))
        assert quick.ask(Seen(), timeout=LIMIT_S) == 1
    finally:
        release.set()
        system.stop()
    records = split(join(sink.records))
    ends = [record.turn for record in records if isinstance(record, TurnEnd)]
    assert ends != sorted(ends)  # the slow turn began before others and ended after them


def test_a_start_that_takes_too_long_ends_the_tape_and_holds_up_nobody_for_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "STALL_S", 0.1)
    entered, release = threading.Event(), threading.Event()

    class Reluctant(Player):
        def on_start(self) -> None:
            entered.set()
            release.wait(LIMIT_S)

    recorder = Recorder(Sink())
    system = TapedSystem(recorder, SEED)
    try:
        nobody = system.address("/nobody")
        quick = system.spawn(ChildSpec("quick", lambda: Player(nobody, nobody), dispatcher=system.dispatcher("other")))
        own = system.dispatcher("own")
        starter = threading.Thread(
            target=lambda: system.spawn(ChildSpec("late", lambda: Reluctant(nobody, nobody), dispatcher=own))
        )
        starter.start()
        assert entered.wait(LIMIT_S)
        quick.tell(Ball(0, "meanwhile"))
        assert quick.ask(Seen(), timeout=LIMIT_S) == 1
        assert re.search("waited 0.1 s for a start", recorder.reason)
        release.set()
        starter.join(LIMIT_S)
        assert system.address("/late").ask(Seen(), timeout=LIMIT_S) == 0
    finally:
        release.set()
        system.stop()


def _strokes(line: str) -> str:
    return " ".join(line.split()[:4])


def _joined(records: list[Record]) -> bytes:
    return join([encode(record) for record in records])
