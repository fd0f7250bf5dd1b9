"""Paper trading: real market data, orders filled by the matching engine, no word to anybody of either.

`PaperVenue` is the `Venue` port that an exchange actor stands on; `PaperAccount` is what it trades with, and outlives
it. Nothing here knows a bot.
"""

from __future__ import annotations

from ganglion.simulation.paper.agenda import Agenda, LoopAgenda
from ganglion.simulation.paper.exchange import PaperAccount, PaperSettings
from ganglion.simulation.paper.venue import PaperVenue

__all__ = ["Agenda", "LoopAgenda", "PaperAccount", "PaperSettings", "PaperVenue"]
