"""Durations as Prometheus writes them: `90s`, `1h30m`, `15d`. Pure: used everywhere."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS_MS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_LONGEST_TEXT = 40
_PART = re.compile(r"(\d+)(ms|[ywdhms])", re.ASCII)
_PARTS = re.compile(r"(?:\d+(?:ms|[ywdhms]))+", re.ASCII)
# Go's parser, and so Prometheus's, wants each unit once and the greater ones first.
_ORDERED = re.compile("".join(rf"(?:\d+{unit})?" for unit in UNITS_MS), re.ASCII)
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,3})?", re.ASCII)


class InvalidDurationError(ValueError):
    """The text is no duration."""


def milliseconds_of(text: str, *, ordered: bool = False) -> int | None:
    """Return the milliseconds of `1h30m`, None for what is written otherwise.

    `ordered` insists on each unit once and the greater ones first, as Prometheus does.
    """
    if not (_ORDERED if ordered else _PARTS).fullmatch(text) or not text:
        return None
    return sum(int(count) * UNITS_MS[unit] for count, unit in _PART.findall(text))


def parse_duration(text: str) -> timedelta:
    """Return the duration of `2m`, `1h30m` or a number of seconds.

    Raises InvalidDurationError.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=float(text))
    found = milliseconds_of(text) if len(text) <= _LONGEST_TEXT else None
    if found is None:
        raise InvalidDurationError(
            f"“{text[:_LONGEST_TEXT]}” is no duration: write seconds, or 90s, 5m, 1h30m, 2d."
        )
    try:
        return timedelta(milliseconds=found)
    except OverflowError:
        raise InvalidDurationError(f"“{text}” is too long.") from None


def format_duration(duration: timedelta) -> str:
    """Return `1h30m` for 5400 seconds; days are the greatest unit, milliseconds the least."""
    rest = round(duration / timedelta(milliseconds=1))
    words = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, UNITS_MS[unit])
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"
