"""Sees to a trading mode that was parked: its orders are cancelled and it places nothing until somebody resumes it.

Subscribed to the system's ActorParked; tells HaltMode and CancelAll to the portfolio of the mode's account. The first
cause is kept there. Nothing else of the bot is touched: the neighbours of a parked mode trade on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ganglion.messages.lifecycle import ActorParked, HaltMode
from ganglion.messages.orders import CancelAll
from ganglion.supervision import Actor, Address, receives

ToPortfolio: TypeAlias = HaltMode | CancelAll


class WardenActor(Actor[ActorParked]):
    """Knows which portfolio stands behind which mode."""

    def __init__(self, modes: Mapping[str, tuple[str, Address[ToPortfolio]]]) -> None:
        """Name each mode and its portfolio by the path of the mode's actor."""
        self._modes = dict(modes)

    @receives
    def parked(self, message: ActorParked) -> None:
        """Take a parked mode's orders back."""
        known = self._modes.get(message.path)
        if known is None:
            return
        mode, portfolio = known
        cause = f"parked: {message.failure.error}: {message.failure.text}"
        self.log.error("mode_parked", mode=mode, cause=cause)
        portfolio.tell(HaltMode(mode=mode, cause=cause))
        portfolio.tell(CancelAll(mode=mode, reason=cause))
