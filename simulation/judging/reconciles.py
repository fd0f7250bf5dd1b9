"""Judges I5 from the venue's side: an epoch is reconciled only after the account was read in it.

Told by the sights of an account, at each of its epochs. That a bot says `Reconciled` is no proof: the venue knows
whether anybody has asked.
"""

from __future__ import annotations

from collections.abc import Callable

from ganglion.messages.account import Reconciled
from ganglion.messages.lifecycle import EpochOpened, Violation


class Reconciles:
    """All accounts of one bot."""

    def __init__(self, read: Callable[[str], int], tell: Callable[[Violation], None]) -> None:
        """Begin with no epoch.

        Args:
            read: how often the balances of an account were read at its venue so far.
            tell: hears of violations.
        """
        self._read = read
        self._tell = tell
        self._opened: dict[str, tuple[int, int]] = {}
        """Epoch of each account, and how often it was read before."""

    def epoch(self, opened: EpochOpened) -> None:
        """An account is frozen."""
        self._opened[opened.exchange] = opened.epoch, self._read(opened.exchange)

    def reconciled(self, reconciled: Reconciled) -> None:
        """It goes on."""
        account = reconciled.account
        epoch, before = self._opened.pop(account, (None, 0))
        if epoch == reconciled.epoch and self._read(account) <= before:
            text = f"epoch {epoch} is reconciled, and nobody has read the account since it began"
            self._tell(Violation("I5", account, text))
