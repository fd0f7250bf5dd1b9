"""Faults as data, and the swarm that draws them: what a simulated world is given to go wrong."""

from ganglion.simulation.faults.fault import (
    ALL,
    KINDS,
    Fault,
    FaultError,
    FaultKind,
    KindInfo,
    Requests,
    Site,
    Target,
    fault_text,
    read_kind,
    read_kinds,
)
from ganglion.simulation.faults.swarm import Faults, Sites

__all__ = [
    "ALL",
    "KINDS",
    "Fault",
    "FaultError",
    "FaultKind",
    "Faults",
    "KindInfo",
    "Requests",
    "Site",
    "Sites",
    "Target",
    "fault_text",
    "read_kind",
    "read_kinds",
]
