"""Prometheus's notation for series and their samples: `x{a="b"} 1+2x5 _ stale NaN`."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.telemetry import STALE_NAN_BITS

STALE: float = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]

# What one text may stand for: a hundred thousand of `1x9` are few words.
MAX_POINTS = 1_000_000

_STRING = r'"(?:\\.|[^"\\])*"'
_LABEL = re.compile(rf"\s*({_STRING}|[\w.:]+)\s*(?:=\s*({_STRING}))?\s*(?:,|\Z)")
_METRIC = re.compile(
    rf'(?P<name>[a-zA-Z_:][\w:]*)?(?:\{{(?P<labels>(?:{_STRING}|[^"}}])*)\}})?'
)
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[iI]nf|NaN)"
_POINT = re.compile(
    rf"(?:(?P<gap>_)|(?P<stale>stale)|(?P<start>{_NUMBER})(?P<change>{_NUMBER})?)"
    r"(?:x(?P<times>\d{1,9}))?\Z"
)


class NotationError(ValueError):
    """The text is not in the notation, or asks for what the engine does not have."""


def parse_metric(text: str) -> tuple[Labels, str]:
    """Return the labels at the start of the text, and the rest. Raises NotationError."""
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
    """Return the samples one after the other, None for a gap. Raises NotationError."""
    points: list[float | None] = []
    for word in text.split():
        points += _expand(word)
        _refuse_over(len(points))
    return points


def _expand(word: str) -> Sequence[float | None]:
    if word.startswith("{{"):
        raise NotationError("native histograms are not supported")
    found = _POINT.match(word)
    if found is None:
        raise NotationError(f"{word!r} is no sample")
    times = int(found["times"] or 0)
    _refuse_over(times)
    if found["gap"]:
        return [None] * max(1, times)
    if found["stale"]:
        return [STALE]
    start, change = float(found["start"]), float(found["change"] or 0)
    # a+bxn is a and n more.
    return [start + change * n if n else start for n in range(times + 1)]


def _refuse_over(points: int) -> None:
    if points > MAX_POINTS:
        raise NotationError(f"a series may have {MAX_POINTS} samples")
