"""Figures and spans of time in words: the same everywhere a page shows them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TypeGuard

NONE = "—"
MINUTE, HOUR, DAY = 60, 3600, 86400
_LARGE = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = (
    (2**50, "PiB"),
    (2**40, "TiB"),
    (2**30, "GiB"),
    (2**20, "MiB"),
    (2**10, "KiB"),
)
_FULL_FIGURES_BELOW = 10_000
_PLAIN = 100


def number(value: float | None) -> str:
    """Return a count as people write it: 1,842, 12.8 k, 3.4 M."""
    if not _is_known(value):
        return NONE
    if abs(value) < _FULL_FIGURES_BELOW:
        return _trimmed(value)
    for size, letter in _LARGE:
        if abs(value) >= size:
            return f"{value / size:,.1f} {letter}"
    return _trimmed(value)


def size(value: float | None) -> str:
    """Return bytes in the largest unit that leaves a figure of at least one."""
    if not _is_known(value):
        return NONE
    for unit, letters in _BYTES:
        if abs(value) >= unit:
            return f"{_trimmed(value / unit)} {letters}"
    return f"{value:.0f} B"


def percent(value: float | None) -> str:
    """Return a value that is already in percent, one decimal below 10."""
    if not _is_known(value):
        return NONE
    return f"{value:.1f} %" if 0 < abs(value) < 10 else f"{value:.0f} %"  # noqa: PLR2004 - ten


def seconds(value: float | None) -> str:
    """Return a duration: 84 ms, 3.1 s, 13 min, 2 h 5 min, 3 d."""
    if not _is_known(value):
        return NONE
    if abs(value) < 1:
        return f"{_trimmed(value * 1000)} ms"
    if abs(value) < MINUTE:
        return f"{_trimmed(value)} s"
    return span(timedelta(seconds=value))


def span(length: timedelta) -> str:
    """Return how long something lasts, in its two largest units at most."""
    total = max(0, int(length.total_seconds()))
    if total < MINUTE:
        return f"{total} s"
    if total < HOUR:
        return f"{total // MINUTE} min"
    if total < DAY:
        hours, minutes = divmod(total // MINUTE, 60)
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"  # noqa: PLR2004 - ten
    return f"{total // DAY} d"


def ago(moment: datetime | None, *, now: datetime) -> str:
    """Return how long ago a moment was; the last five seconds are now."""
    if moment is None:
        return "never"
    passed = now - moment
    return "now" if passed < timedelta(seconds=5) else f"{span(passed)} ago"


def in_unit(value: float | None, unit: str) -> str:
    """Return a value in the words of its unit: percent, bytes, seconds and their rates."""
    words = {
        "percent": percent,
        "bytes": size,
        "seconds": seconds,
    }
    if not unit.endswith("/s"):
        return words.get(unit, number)(value)
    if not _is_known(value):
        return NONE
    amount = in_unit(value, unit.removesuffix("/s"))
    return f"{amount}/s" if " " in amount else f"{amount} /s"


def split_unit(text: str) -> tuple[str, str]:
    """Part a figure from its unit, so that the unit can be set smaller."""
    figure, _, unit = text.partition(" ")
    return figure, unit


def _is_known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _trimmed(value: float) -> str:
    if abs(value) >= _PLAIN or value == int(value):
        return f"{value:,.0f}"
    digits = 1 if abs(value) >= 10 else 2  # noqa: PLR2004 - ten
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".")
