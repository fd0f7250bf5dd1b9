"""What can stand in a backtest's way before it begins: one class, whose text says what to do."""

from __future__ import annotations


class BacktestError(ValueError):
    """Data and configuration don't fit each other."""
