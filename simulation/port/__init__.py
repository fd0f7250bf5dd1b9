"""The `Venue` port in process: the exchange actor, unchanged, on the matching engine in virtual time.

`SimulatedExchange(settings, timeline, choices, sometimes)` is one venue of a world and outlives bots; its `connect()`
makes the port of one incarnation of an exchange actor. Faults begin by `begin(fault)` and end by themselves or `heal`.
"""

from __future__ import annotations

from ganglion.simulation.port.exchange import SimulatedExchange
from ganglion.simulation.port.port import SimulatedVenue
from ganglion.simulation.port.profiles import BINANCE, KRAKEN, PROFILES, Profile
from ganglion.simulation.port.settings import CALM, PortSettings

__all__ = ["BINANCE", "CALM", "KRAKEN", "PROFILES", "PortSettings", "Profile", "SimulatedExchange", "SimulatedVenue"]
