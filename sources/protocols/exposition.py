"""What a target exposes: Prometheus's text format 0.0.4 and OpenMetrics 1.0.

The whole body is one match of one expression, in C; a series' text is taken apart when
it is seen for the first time. Only a body with a fault is read line by line, to say
which line it is: one bad line, or a missing end, makes all of it invalid.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.telemetry import (
    NO_EXEMPLARS,
    Exemplars,
    MetricMetadata,
    MetricType,
    SampleBatch,
)
from sources.protocols import MalformedBodyError, shown
from sources.protocols.series_labels import InvalidSeriesError, series_labels

OPENMETRICS = "application/openmetrics-text"

# Texts of series that are remembered with their labels.
_KNOWN_SERIES = 65_536
# More labels of an exemplar than the format allows are refused with it.
_MAX_EXEMPLAR = 128

_QUOTED = r'"(?:[^"\\\n]|\\[^\n])*+"'
_BRACES = rf'\{{(?:[^"{{}}\n]|{_QUOTED})*+\}}'
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_SERIES = rf"(?:{_NAME}(?:[ \t]*+{_BRACES})?+|{_BRACES})"
_VALUE = r"[^ \t\n{#]++"
# A value stands apart from a bare name; behind a brace it need not.
_APART = r"(?:(?<=\})[ \t]*+|[ \t]++)"

_TEXT_LINE = re.compile(
    rf"^[ \t]*+(?:#[^\n]*+|({_SERIES}){_APART}({_VALUE})(?:[ \t]++(-?[0-9]++))?+[ \t]*+|)$",
    re.MULTILINE,
)
_OPENMETRICS_LINE = re.compile(
    rf"^(?:#[^\n]*+|({_SERIES}){_APART}({_VALUE})(?:[ \t]++({_VALUE}))?+"
    rf"(?:[ \t]++#[ \t]++({_BRACES})[ \t]*+({_VALUE})(?:[ \t]++({_VALUE}))?+)?+[ \t]*+)$",
    re.MULTILINE,
)
_ABOUT = re.compile(
    rf"^[ \t]*+#[ \t]++(HELP|TYPE|UNIT)[ \t]++({_NAME}|{_QUOTED})(?:[ \t]([^\n]*+))?+$",
    re.MULTILINE,
)
_PAIR = re.compile(
    rf"[ \t]*+(?:({_QUOTED})|({_NAME}))[ \t]*+(?:=[ \t]*+({_QUOTED})[ \t]*+)?+(?:,|\Z)"
)
_START = re.compile(rf"[ \t]*+({_NAME})?+([ \t]*+{_BRACES})?+[ \t]*+")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

_TYPES = {kind.value: kind for kind in MetricType}
_TEXT_TYPES = {
    "counter": MetricType.COUNTER,
    "gauge": MetricType.GAUGE,
    "histogram": MetricType.HISTOGRAM,
    "summary": MetricType.SUMMARY,
    "untyped": MetricType.UNKNOWN,
}

Matched = Sequence[tuple[str, ...]]


class ExpositionError(MalformedBodyError):
    """The text says which line cannot be read, and what stands there."""


@dataclass(frozen=True, slots=True)
class Exposition:
    """The samples of one exposition, and which of them came with their own time.

    Metadata go by the name of the family, as the format has it: that of a histogram
    `x` is at `x`, not at `x_bucket`.
    """

    batch: SampleBatch
    has_time: npt.NDArray[np.bool_]


def parse(body: bytes, content_type: str, *, now_ms: int) -> Exposition:
    """Read an exposition; `now_ms` is the time of samples without one.

    Without OpenMetrics's content type the body is the text format. Raises
    ExpositionError, and then nothing of it counts.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ExpositionError(f"line {line}: invalid UTF-8") from None
    if content_type.partition(";")[0].strip().lower() == OPENMETRICS:
        return _openmetrics(text, now_ms)
    matched = _matched(_TEXT_LINE, text.removesuffix("\n"))
    series, values, times = _columns(matched, 3)
    found = _exposition(series, values, _text_times(times, now_ms), times)
    return _described(found, text, _TEXT_TYPES)


def _openmetrics(text: str, now_ms: int) -> Exposition:
    content, end, behind = text.rpartition("# EOF")
    if behind not in {"", "\n"} or not end or (content and content[-1] != "\n"):
        place = re.search(r"^# EOF$", text, re.MULTILINE)
        raise ExpositionError(
            "unexpected data after # EOF" if place else "data does not end with # EOF"
        )
    if re.search(r"^# EOF$", content, re.MULTILINE):
        raise ExpositionError("unexpected data after # EOF")
    matched = _matched(_OPENMETRICS_LINE, content.removesuffix("\n")) if content else []
    series, values, times, *examples = _columns(matched, 6)
    ts_ms = _second_times(times, now_ms)
    found = _exposition(series, values, ts_ms, times)
    batch = found.batch
    exemplars = _exemplars(examples, batch.series_index, ts_ms)
    with_examples = SampleBatch(
        batch.series, batch.series_index, ts_ms, batch.values, {}, exemplars
    )
    return _described(Exposition(with_examples, found.has_time), text, _TYPES)


def _matched(pattern: re.Pattern[str], text: str) -> Matched:
    """Return the groups of all lines. Raises ExpositionError when one does not match."""
    lines: Matched = pattern.findall(text)
    if len(lines) != text.count("\n") + 1:
        raise _fault(pattern, text)
    return [line for line in lines if line[0]]


def _columns(matched: Matched, width: int) -> Sequence[Sequence[str]]:
    return list(zip(*matched, strict=True)) if matched else [()] * width


def _exposition(
    series: Sequence[str],
    values: Sequence[str],
    ts_ms: npt.NDArray[np.int64],
    times: Sequence[str],
) -> Exposition:
    indexes: dict[Labels, int] = {}
    try:
        known = [indexes.setdefault(s, len(indexes)) for s in map(_labels, series)]
    except InvalidSeriesError as error:
        raise ExpositionError(str(error)) from None
    batch = SampleBatch(
        tuple(indexes), np.array(known, np.int32), ts_ms, _numbers(values, "value")
    )
    return Exposition(batch, np.array([time != "" for time in times], np.bool_))


@lru_cache(maxsize=_KNOWN_SERIES)
def _labels(text: str) -> Labels:
    """Raises InvalidSeriesError."""
    name, brace, inner = text.partition("{")
    pairs = [(METRIC_NAME, name.rstrip(" \t"))] if name else []
    return series_labels(pairs + (_pairs(inner[:-1]) if brace else []))


def _pairs(inner: str) -> list[tuple[str, str]]:
    """Take apart what stands between the braces; a quoted name alone is the metric's.

    Raises InvalidSeriesError.
    """
    pairs: list[tuple[str, str]] = []
    place, end = 0, len(inner.rstrip(" \t"))
    while place < end:
        found = _PAIR.match(inner, place)
        if found is None or (found[3] is None and found[1] is None):
            raise InvalidSeriesError(
                f'expected name="value" in the braces, got {shown(inner[place:])}'
            )
        name = _unquoted(found[1]) if found[1] else found[2]
        if found[3] is None:
            pairs.append((METRIC_NAME, name))
        else:
            pairs.append((name, _unquoted(found[3])))
        place = found.end()
    return pairs


def _unquoted(quoted: str) -> str:
    """Only three escapes have a meaning; a backslash before others stays."""
    inner = quoted[1:-1]
    if "\\" not in inner:
        return inner
    meanings = {"n": "\n", "\\": "\\", '"': '"'}
    return _ESCAPE.sub(lambda found: meanings.get(found[1], found[0]), inner)


def _numbers(texts: Sequence[str], what: str) -> npt.NDArray[np.float64]:
    """Go's numbers in decimal: Python would read digits of all scripts, and "1_0" too."""
    joined = "".join(texts)
    try:
        if "_" in joined or not joined.isascii():
            raise ValueError(what)  # noqa: TRY301 - the same answer
        return np.array(list(map(float, texts)), np.float64)
    except ValueError:
        raise ExpositionError(_first_bad_number(texts, what)) from None


def _first_bad_number(texts: Sequence[str], what: str) -> str:
    for text in texts:
        try:
            fine = "_" not in text and text.isascii()
            float(text)
        except ValueError:
            fine = False
        if not fine:
            return f"{what} {shown(text)} is not a number"
    return f"a {what} is not a number"


def _text_times(times: Sequence[str], now_ms: int) -> npt.NDArray[np.int64]:
    if not any(times):
        return np.full(len(times), now_ms, np.int64)
    try:
        return np.array([int(time) if time else now_ms for time in times], np.int64)
    except (ValueError, OverflowError):
        longest = max(times, key=len)
        raise ExpositionError(f"timestamp {shown(longest)} is out of range") from None


def _second_times(times: Sequence[str], now_ms: int) -> npt.NDArray[np.int64]:
    """OpenMetrics counts seconds, with a fraction."""
    if not any(times):
        return np.full(len(times), now_ms, np.int64)
    seconds = _numbers([time or "0" for time in times], "timestamp")
    if not np.all(np.abs(seconds) < 2**52 / 1000):
        raise ExpositionError("a timestamp is out of range")
    given = np.array([time != "" for time in times], np.bool_)
    return np.where(given, np.trunc(seconds * 1000 + 0.0), now_ms).astype(np.int64)


def _exemplars(
    columns: Sequence[Sequence[str]],
    series_index: npt.NDArray[np.int32],
    ts_ms: npt.NDArray[np.int64],
) -> Exemplars:
    """An exemplar without a time of its own has its sample's."""
    texts, values, times = columns
    rows = [row for row, text in enumerate(texts) if text]
    if not rows:
        return NO_EXEMPLARS
    given = [times[row] for row in rows]
    own = _second_times(given, 0)
    has_time = np.array([time != "" for time in given], np.bool_)
    return Exemplars(
        series_index[rows],
        np.where(has_time, own, ts_ms[rows]),
        _numbers([values[row] for row in rows], "exemplar"),
        [_exemplar_labels(texts[row]) for row in rows],
    )


def _exemplar_labels(text: str) -> Labels:
    try:
        labels = make_labels(_pairs(text[1:-1]))
    except InvalidSeriesError as error:
        raise ExpositionError(str(error)) from None
    if sum(len(name) + len(value) for name, value in labels) > _MAX_EXEMPLAR:
        raise ExpositionError(
            f"the labels of an exemplar have more than {_MAX_EXEMPLAR} characters"
        )
    return labels


def _described(
    found: Exposition, text: str, types: dict[str, MetricType]
) -> Exposition:
    said: dict[str, dict[str, str]] = {}
    for keyword, name, value in _ABOUT.findall(text):
        family = _unquoted(name) if name.startswith('"') else name
        said.setdefault(family, {})[keyword] = value
    batch = found.batch
    metadata = {name: _metadata(name, about, types) for name, about in said.items()}
    described = SampleBatch(
        batch.series,
        batch.series_index,
        batch.ts_ms,
        batch.values,
        metadata,
        batch.exemplars,
    )
    return Exposition(described, found.has_time)


def _metadata(
    name: str, about: dict[str, str], types: dict[str, MetricType]
) -> MetricMetadata:
    kind = about.get("TYPE", "untyped" if "untyped" in types else "unknown").strip()
    if kind not in types:
        raise ExpositionError(f"invalid metric type {shown(kind)} of {shown(name)}")
    meanings = {"n": "\n", "\\": "\\", '"': '"'}
    text = _ESCAPE.sub(lambda m: meanings.get(m[1], m[0]), about.get("HELP", ""))
    return MetricMetadata(types[kind], about.get("UNIT", "").strip(), text)


def _fault(pattern: re.Pattern[str], text: str) -> ExpositionError:
    for number, line in enumerate(text.split("\n"), 1):
        if not pattern.fullmatch(line):
            return ExpositionError(f"line {number}: {_what_is_wrong(line)}")
    return ExpositionError("a line cannot be read")


def _what_is_wrong(line: str) -> str:
    start = _START.match(line)
    if start is None or not (start[1] or start[2]):
        return f"expected a metric's name, got {shown(line)}"
    rest = line[start.end() :]
    if rest.startswith("{"):
        return f"the braces of {shown(line)} do not end"
    if not rest:
        return f"expected a value after {shown(line)}"
    if start.end() == start.end(1):
        return f"unexpected character in the name {shown(line)}"
    return f"expected a value and at most a timestamp, got {shown(rest)}"
