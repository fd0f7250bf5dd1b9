"""The input tape: makes a live system's run repeatable, message by message. Opt-in; without one nothing of it runs.

`TapedSystem` with a `Recorder` records, `ReplaySystem` with a `Replayer` repeats. Bytes come and go through a `Sink`
and an iterable of records: where they are kept, and which parts are outside, is for whoever uses it to say.
"""

from ganglion.supervision.tape.live import TapedSystem
from ganglion.supervision.tape.recording import REFUSED, Recorder, Sink
from ganglion.supervision.tape.records import FORMAT, Record, UnknownType, join, split
from ganglion.supervision.tape.replay_system import ReplaySystem, TapeEnded
from ganglion.supervision.tape.replaying import Divergence, Replayer

__all__ = [
    "FORMAT",
    "REFUSED",
    "Divergence",
    "Record",
    "Recorder",
    "ReplaySystem",
    "Replayer",
    "Sink",
    "TapeEnded",
    "TapedSystem",
    "UnknownType",
    "join",
    "split",
]
