"""Durations as Prometheus writes them: `90s`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS_MS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_LONGEST_TEXT = 40
_PART = re.compile(r"(\d+)(ms|[ywdhms])")
_DURATION = re.compile(r"(?:\d+(?:ms|[ywdhms]))+\Z")


class InvalidDurationError(ValueError):
    """The text is no duration."""


def parse_duration(text: str) -> timedelta:
    """Return the duration of `2m`, `1h30m` or a number of seconds.

    Raises InvalidDurationError.
    """
    text = text.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,3})?", text):
        return timedelta(seconds=float(text))
    if len(text) > _LONGEST_TEXT or not _DURATION.match(text):
        raise InvalidDurationError(
            f"“{text[:_LONGEST_TEXT]}” is no duration: write seconds, or 90s, 5m, 1h30m, 2d."
        )
    parts = _PART.findall(text)
    try:
        return timedelta(milliseconds=sum(int(n) * _UNITS_MS[u] for n, u in parts))
    except OverflowError:
        raise InvalidDurationError(f"“{text}” is too long.") from None


def format_duration(duration: timedelta) -> str:
    """Return `1h30m` for 5400 seconds; milliseconds are the smallest unit."""
    rest = round(duration / timedelta(milliseconds=1))
    words = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS_MS[unit])
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"
