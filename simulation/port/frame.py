"""What a book stream says once, before it is numbered."""

from __future__ import annotations

from typing import NamedTuple

from ganglion.messages.market import Levels


class Frame(NamedTuple):
    """What a book stream says once: the whole book, or what changed. It is numbered when it arrives."""

    bids: Levels
    asks: Levels
    whole: bool
    lost: bool = False
    """It takes its number and is told to nobody."""
    twice: bool = False
