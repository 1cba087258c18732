"""InfluxDB's line protocol to samples: a field of a measurement is a metric.

`cpu,host=a usage=1.5,free=2i 1700000000` becomes cpu_usage{host="a"} and
cpu_free{host="a"}. Like an exposition, the body is matched in C by one expression;
texts are taken apart when they are new. Fields of text are passed over, as there is no
number to keep; true and false are 1 and 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from monitoring.labels import METRIC_NAME, Labels
from monitoring.telemetry import SampleBatch
from sources.protocols import Decoded, Rejection, Terms, shown
from sources.protocols.series_labels import InvalidSeriesError, series_labels

# Nanoseconds of each precision; Influx's versions 1 and 2 name some differently.
PRECISIONS = {
    "ns": 1,
    "n": 1,
    "us": 10**3,
    "u": 10**3,
    "µ": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}

_SAMPLE_BYTES = 16
_KNOWN_SERIES = 65_536

_ESCAPED = r"(?:[^ ,=\\\n]|\\.)"
_LINE = re.compile(
    r"(?P<series>(?:[^ \\\n]|\\.)++) ++"
    r'(?P<fields>(?:[^ "\\\r\n]|\\.|"(?:[^"\\]|\\.)*+")++)'
    r"(?: ++(?P<time>-?[0-9]++))?+ *+\r?\Z",
    re.DOTALL,
)
# A line ends where no quotation is open: the text of a field may hold newlines.
_LINES = re.compile(r'(?:[^"\n\\]|\\.|"(?:[^"\\]|\\.)*+")++', re.DOTALL)
_FIELD = re.compile(
    rf"({_ESCAPED}++)=(?:(-?[0-9.]++(?:[eE][+-]?[0-9]++)?+)([iu]?)"
    r'|([tTfF][a-zA-Z]*+)|("(?:[^"\\]|\\.)*+"))(?:,|\Z)',
    re.DOTALL,
)
_TAG = re.compile(rf"({_ESCAPED}++)=({_ESCAPED}++)(?:,|\Z)", re.DOTALL)
_NAME = re.compile(r"((?:[^ ,\\\n]|\\.)++)(?:,|\Z)", re.DOTALL)
_UNESCAPE = re.compile(r"\\([ ,=])")
_BOOLEANS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), 1.0),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), 0.0),
}
_NO_METRIC_CHARACTER = re.compile(r"[^a-zA-Z0-9_:]")
_NO_LABEL_CHARACTER = re.compile(r"[^a-zA-Z0-9_]")


class InvalidLineError(ValueError):
    """The text says what is wrong with a line, in the words that Influx uses."""


@dataclass(slots=True)
class _Rows:
    series: dict[Labels, int]
    index: list[int]
    times: list[int]
    values: list[float]


def decode(body: bytes, terms: Terms, *, unit_ns: int) -> Decoded[SampleBatch]:
    """Read lines; those that cannot be read are named, from 0, with what they hold.

    `unit_ns` is what the times of the lines count.
    """
    rows = _Rows({}, [], [], [])
    rejected: list[Rejection] = []
    extra = tuple(sorted(terms.labels.items()))
    text = body.decode("utf-8", "surrogateescape")
    for number, line in enumerate(_LINES.findall(text)):
        if line.startswith("#") or not line.strip():
            continue
        try:
            _add(line, rows, terms, unit_ns, extra)
        except (InvalidLineError, InvalidSeriesError) as error:
            rejected.append(
                Rejection(number, f"unable to parse {shown(line)}: {error}")
            )
    batch = SampleBatch(
        tuple(rows.series),
        np.array(rows.index, np.int32),
        np.array(rows.times, np.int64),
        np.array(rows.values, np.float64),
    )
    return Decoded(batch, rejected, batch.count * _SAMPLE_BYTES)


def _add(
    line: str,
    rows: _Rows,
    terms: Terms,
    unit_ns: int,
    extra: tuple[tuple[str, str], ...],
) -> None:
    """Raises InvalidLineError, InvalidSeriesError, and then nothing is added."""
    found = _LINE.match(line.lstrip(" "))
    if found is None:
        raise InvalidLineError(_what_is_missing(line))
    time = found["time"]
    ts_ns = terms.now_ns if time is None else int(time) * unit_ns
    if not terms.earliest_ns <= ts_ns <= terms.latest_ns:
        raise InvalidLineError("time outside range of what is kept")
    named = [
        (_series(found["series"], name, extra), value)
        for name, value in _fields(found["fields"])
    ]
    for labels, value in named:
        rows.index.append(rows.series.setdefault(labels, len(rows.series)))
        rows.times.append(ts_ns // 10**6)
        rows.values.append(value)


def _what_is_missing(line: str) -> str:
    if not re.search(r"(?<!\\) ", line.strip()):
        return "missing fields"
    return "bad timestamp" if line.count('"') % 2 == 0 else "unbalanced quotes"


def _fields(text: str) -> list[tuple[str, float]]:
    """Raises InvalidLineError."""
    fields: list[tuple[str, float]] = []
    place = 0
    while place < len(text):
        found = _FIELD.match(text, place)
        if found is None:
            raise InvalidLineError("invalid field format")
        place = found.end()
        name, number, _, boolean, _ = found.groups()
        if number is not None:
            fields.append((_plain(name), _number(number)))
        elif boolean is not None:
            if boolean not in _BOOLEANS:
                raise InvalidLineError("invalid boolean")
            fields.append((_plain(name), _BOOLEANS[boolean]))
    return fields


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidLineError("invalid number") from None


@lru_cache(maxsize=_KNOWN_SERIES)
def _series(text: str, field: str, extra: tuple[tuple[str, str], ...]) -> Labels:
    """Return the labels of a measurement's field. Raises what a line does."""
    found = _NAME.match(text)
    if found is None:
        raise InvalidLineError("missing measurement")
    name = f"{_plain(found[1])}_{field}" if field != "value" else _plain(found[1])
    pairs = [(METRIC_NAME, _metric_name(name))]
    place = found.end()
    while place < len(text):
        tag = _TAG.match(text, place)
        if tag is None:
            raise InvalidLineError("missing tag value")
        pairs.append((_label_name(_plain(tag[1])), _plain(tag[2])))
        place = tag.end()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidLineError("invalid UTF-8") from None
    return series_labels(pairs, dict(extra))


def _metric_name(name: str) -> str:
    clean = _NO_METRIC_CHARACTER.sub("_", name)
    return f"_{clean}" if clean[:1].isdigit() else clean


def _label_name(name: str) -> str:
    clean = _NO_LABEL_CHARACTER.sub("_", name)
    return f"_{clean}" if clean[:1].isdigit() else clean


def _plain(text: str) -> str:
    return _UNESCAPE.sub(r"\1", text) if "\\" in text else text
