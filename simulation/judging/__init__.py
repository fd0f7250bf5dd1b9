"""What judges a simulated world beyond the live monitor: the venue's truth, ownership of state, what was met."""

from ganglion.simulation.judging.coverage import FAULTS, NAMES, SITUATIONS, Coverage, CoverageError, fault_name
from ganglion.simulation.judging.deciding import Books, judge_modes
from ganglion.simulation.judging.inside import journals, ledger_at, stopped_at
from ganglion.simulation.judging.keeping import Keeping
from ganglion.simulation.judging.observer import ObserverActor, observe
from ganglion.simulation.judging.oracle import PLAIN, Spelling, VenueOracle
from ganglion.simulation.judging.owners import SHARED, OwnerCheck, Shared, sampled
from ganglion.simulation.judging.reconciles import Reconciles
from ganglion.simulation.judging.replay import judge_replay, quiescent
from ganglion.simulation.judging.settled import Places, judge_settled, restless
from ganglion.simulation.judging.sights import Sights

__all__ = [
    "FAULTS",
    "NAMES",
    "PLAIN",
    "SHARED",
    "SITUATIONS",
    "Books",
    "Coverage",
    "CoverageError",
    "Keeping",
    "ObserverActor",
    "OwnerCheck",
    "Places",
    "Reconciles",
    "Shared",
    "Sights",
    "Spelling",
    "VenueOracle",
    "fault_name",
    "journals",
    "judge_modes",
    "judge_replay",
    "judge_settled",
    "ledger_at",
    "observe",
    "quiescent",
    "restless",
    "sampled",
    "stopped_at",
]
