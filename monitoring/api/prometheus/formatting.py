"""Results as JSON, fast: numbers become text many thousands at a time.

One call formats a whole array of numbers, and one join makes the text; no Python
code runs for a single sample unless its number is written in an unusual way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import orjson

from monitoring.labels import Labels
from monitoring.promql import Result, ResultType
from monitoring.promql.values import Bools, Floats, Ints

TRUNCATED = "results truncated due to limit"

# Samples that are made into text together: as many as the processor's cache holds.
CHUNK = 1 << 14

# Both orjson and Go write the fewest digits that tell a number from all others.
# Between the first two, both do it without an exponent, and beyond the others both
# with one; Go's has two digits.
_SMALLEST_USUAL = 1e-5
_LARGEST_USUAL = 1e16
_SMALLEST_FIXED = 1e-6
_LARGEST_FIXED = 1e21
_EXPONENTS_IN_GO = ((b"e-7,", b"e-07,"), (b"e-8,", b"e-08,"), (b"e-9,", b"e-09,"))


def limited(result: Result, limit: int) -> Result:
    """Keep the first series, with a warning; 0 means all."""
    if limit == 0 or len(result.labels) <= limit:
        return result
    return replace(
        result,
        labels=result.labels[:limit],
        values=result.values[:limit],
        present=result.present[:limit],
        warnings=[*result.warnings, TRUNCATED],
    )


def result_json(result: Result) -> Iterator[bytes]:
    """Yield the fields `resultType` and `result`, without braces around them."""
    yield b'"resultType":"' + result.type.encode() + b'","result":'
    match result.type:
        case ResultType.STRING:
            yield _pair(result.steps_ms, orjson.dumps(result.string))
        case ResultType.SCALAR:
            value = b'"' + numbers(result.values[0, :1])[0] + b'"'
            yield _pair(result.steps_ms, value)
        case _:
            yield b"["
            yield from _series(result)
            yield b"]"


def _pair(steps_ms: Ints, value: bytes) -> bytes:
    return b"[" + seconds(int(steps_ms[0])).encode() + b"," + value + b"]"


def _series(result: Result) -> Iterator[bytes]:
    instant = result.type is ResultType.VECTOR
    opening, closing = (b',"value":', b"}") if instant else (b',"values":[', b"]}")
    times = np.array(
        [f"],[{seconds(ms)},".encode() for ms in result.steps_ms.tolist()], object
    )
    at_once = max(1, CHUNK // max(1, len(times)))
    separator = b""
    for start in range(0, len(result.labels), at_once):
        rows = slice(start, start + at_once)
        labels = result.labels[rows]
        heads = _heads(labels, times, result.present[rows], opening, closing)
        if heads:
            values = numbers(result.values[rows][result.present[rows]])
            yield separator + _woven(heads, values) + b"]" + closing
            separator = b","


def _heads(
    labels: Sequence[Labels],
    times: np.ndarray[tuple[int], np.dtype[np.object_]],
    present: Bools,
    opening: bytes,
    closing: bytes,
) -> list[bytes]:
    """Return what stands before each value, from the end of the value before it."""
    rows, columns = np.nonzero(present)
    heads: list[bytes] = times[columns].tolist()
    firsts = np.flatnonzero(np.diff(rows, prepend=-1))
    before = b""
    for place, row in zip(firsts.tolist(), rows[firsts].tolist(), strict=True):
        metric = b'{"metric":' + orjson.dumps(dict(labels[row])) + opening
        heads[place] = before + metric + heads[place][2:]
        before = b"]" + closing + b","
    return heads


def _woven(heads: list[bytes], values: list[bytes]) -> bytes:
    """Return head, value, head, value …, each value in quotes."""
    parts = [b""] * (2 * len(heads))
    parts[::2] = heads
    parts[1::2] = values
    return b'"'.join(parts) + b'"'


def numbers(values: Floats) -> list[bytes]:
    """Return the numbers as Go's JSON of Prometheus writes them."""
    if len(values) == 0:
        return []
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    text = (text[1:-1] + b",").replace(b".0,", b",")
    size = np.abs(values)
    if (size < _SMALLEST_FIXED).any():
        for theirs, ours in _EXPONENTS_IN_GO:
            text = text.replace(theirs, ours)
    texts = text[:-1].split(b",")
    with_decimals = (size >= _SMALLEST_USUAL) & (size < _LARGEST_USUAL)
    with_exponent = (size < _SMALLEST_FIXED) | (size >= _LARGEST_FIXED)
    unlike_go = np.flatnonzero(~(with_decimals | with_exponent) | np.isinf(size))
    for place, value in zip(
        unlike_go.tolist(), values[unlike_go].tolist(), strict=True
    ):
        texts[place] = _as_in_go(value).encode()
    return texts


def _as_in_go(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(value)), "f")


def seconds(ms: int) -> str:
    """Return Unix seconds, with three decimals where they are needed."""
    whole, rest = divmod(abs(ms), 1000)
    sign = "-" if ms < 0 else ""
    return f"{sign}{whole}.{rest:03}" if rest else f"{sign}{whole}"


def label_sets_json(found: Iterable[Labels]) -> bytes:
    return orjson.dumps([dict(labels) for labels in found])
