"""Durations and sizes as LogQL writes them, which is as Go does."""

from __future__ import annotations

import re

from monitoring.gotemplates.literals import quote

_UNITS_NS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,  # the micro sign
    "μs": 1000,  # the Greek letter
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 7 * 86_400 * 10**9,
    "y": 365 * 86_400 * 10**9,
}
_DURATION_PART = re.compile(
    r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|[smhdwy])",
    re.ASCII,
)
_MAX_DURATION_TEXT = 64
# Go keeps a duration in 63 bits of nanoseconds.
_LONGEST_NS = 2**63 - 1

_PREFIXES = "kmgtpe"
_SIZE = re.compile(r"\s*([0-9][0-9,]*(?:\.\d*)?|\.\d+)\s*([a-zA-Z]*)\s*", re.ASCII)


def duration_ns(text: str) -> int:
    """Return nanoseconds; units may come in any order. Raises ValueError."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    digits = digits.removeprefix("+") if sign == 1 else digits
    if digits == "0":
        return 0
    parts = _DURATION_PART.findall(digits) if len(text) <= _MAX_DURATION_TEXT else []
    if not parts or sum(len(a) + len(b) for a, b in parts) != len(digits):
        raise ValueError(f"not a valid duration string: {quote(text[:80])}")
    total = sum(_nanoseconds(count, unit) for count, unit in parts)
    if total > _LONGEST_NS:
        raise ValueError(f"duration out of range: {quote(text[:80])}")
    return sign * total


def _nanoseconds(count: str, unit: str) -> int:
    whole, _, fraction = count.partition(".")
    scale = _UNITS_NS[unit]
    part = int(fraction) * scale // 10 ** len(fraction) if fraction else 0
    return int(whole or 0) * scale + part


def size_bytes(text: str) -> float:
    """Return the bytes of `42MB` (powers of 1000) or `42MiB`. Raises ValueError."""
    found = _SIZE.fullmatch(text) if len(text) <= _MAX_DURATION_TEXT else None
    scale = None if found is None else _scale(found[2].lower())
    if found is None or scale is None:
        raise ValueError(f"unhandled size name: {quote(text[:80])}")
    return float(int(float(found[1].replace(",", "")) * scale))


def _scale(unit: str) -> int | None:
    if unit in {"", "b"}:
        return 1
    power = _PREFIXES.find(unit[0]) + 1
    base = {"": 1000, "b": 1000, "i": 1024, "ib": 1024}.get(unit[1:])
    return None if not power or base is None else base**power


def format_duration_ns(number: int) -> str:
    """Return `1h30m` for a number of nanoseconds, as a query's range is written."""
    if number < 0:
        return "-" + format_duration_ns(-number)
    words = []
    for unit in ("w", "d", "h", "m", "s", "ms", "us", "ns"):
        count, number = divmod(number, _UNITS_NS[unit])
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"
