"""Prometheus's notation for series and their samples: `x{a="b"} 1+2x5 _ stale NaN`."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.telemetry import STALE_NAN_BITS

STALE = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]

_UNITS_MS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_DURATION_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_STRING = r'"(?:\\.|[^"\\])*"'
_LABEL = re.compile(rf"\s*({_STRING}|[\w.:]+)\s*(?:=\s*({_STRING}))?\s*(?:,|\Z)")
_METRIC = re.compile(
    rf'(?P<name>[a-zA-Z_:][\w:]*)?(?:\{{(?P<labels>(?:{_STRING}|[^"}}])*)\}})?'
)
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[iI]nf|NaN)"
_POINT = re.compile(
    rf"(?:(?P<gap>_)|(?P<stale>stale)|(?P<start>{_NUMBER})(?P<change>{_NUMBER})?)"
    r"(?:x(?P<times>\d+))?\Z"
)


class NotationError(ValueError):
    """The text is not in the notation, or asks for what the engine does not have."""


def parse_duration(text: str) -> int:
    """Return milliseconds; a bare number counts seconds."""
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return round(float(text) * 1000)
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(a + b for a, b in parts) != text:
        raise NotationError(f"{text!r} is no duration")
    return sum(int(count) * _UNITS_MS[unit] for count, unit in parts)


def parse_metric(text: str) -> tuple[Labels, str]:
    """Return the labels at the start of the text, and the rest of it."""
    found = _METRIC.match(text)
    if found is None or not found[0]:
        raise NotationError(f"{text!r} does not start with a metric")
    labels = {METRIC_NAME: found["name"] or ""}
    inside = found["labels"] or ""
    position = 0
    while inside[position:].strip():
        label = _LABEL.match(inside, position)
        if label is None:
            raise NotationError(f"{inside!r} are no labels")
        name, value = _unquote(label[1]), label[2]
        if value is None:
            labels[METRIC_NAME] = name
        else:
            labels[name] = _unquote(value)
        position = label.end()
    return make_labels(labels), text[found.end() :].strip()


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text
    return text[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape")


def parse_points(text: str) -> list[float | None]:
    """Return the samples one after the other, None for a gap."""
    return [point for word in text.split() for point in _expand(word)]


def _expand(word: str) -> Iterator[float | None]:
    if word.startswith("{{"):
        raise NotationError("native histograms are not supported")
    found = _POINT.match(word)
    if found is None:
        raise NotationError(f"{word!r} is no sample")
    times = int(found["times"] or 0)
    if found["gap"]:
        yield from [None] * max(1, times)
    elif found["stale"]:
        yield STALE
    else:
        start, change = float(found["start"]), float(found["change"] or 0)
        # a+bxn is a and n more.
        yield from (start + change * n if n else start for n in range(times + 1))
