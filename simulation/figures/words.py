"""How figures are written for people: shares, money, times, lengths. Pure; terminal and report use the same words."""

from __future__ import annotations

import math
from datetime import UTC, datetime

NOTHING = "-"
"""Stands where a figure can't be said."""


def share(value: float | None, decimals: int = 2) -> str:
    """A fraction as a signed percentage: +12.30 %."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if abs(value) >= 100:
        return f"{value * 100:+,.0f} %"
    return f"{value * 100:+.{decimals}f} %" if round(abs(value) * 100, decimals) else f"{0:.{decimals}f} %"


def part(value: float | None, decimals: int = 1) -> str:
    """A fraction as a percentage without a sign."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value * 100:.{decimals}f} %"


def ratio(value: float | None) -> str:
    """A plain ratio."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"


def money(value: float | None, *, signed: bool = False) -> str:
    """An amount of the reference currency, to as many digits as its size asks for."""
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    decimals = 0 if size >= 100_000 else 2 if size >= 1 or not size else 4 if size >= 0.01 else 8
    return f"{value:+,.{decimals}f}" if signed and value else f"{value:,.{decimals}f}"


def price(value: float) -> str:
    """A price to seven significant digits, plain."""
    if not math.isfinite(value):
        return NOTHING
    decimals = 2 if abs(value) >= 1000 or not value else min(12, max(2, 6 - math.floor(math.log10(abs(value)))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals > 2 else text


def count(value: int) -> str:
    """A whole number."""
    return f"{value:,}"


def length(seconds: float | None) -> str:
    """A length of time in its two largest units: 3 d 4 h."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds else "0 s"
    whole = round(seconds)
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        number, whole = divmod(whole, size)
        if number:
            parts.append(f"{number} {name}")
        elif parts:
            break
    return " ".join(parts[:2])


def moment(time_ms: int, *, seconds: bool = False) -> str:
    """A time, UTC: 2022-01-31 23:59."""
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime(form)
