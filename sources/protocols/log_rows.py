"""Log records that come one by one, on their way to columns.

For protocols whose records are documents of any shape. What a record says beyond
`MAX_FIELDS` different names a body is kept too, as JSON in one field of its own, so
that no line is refused for what it knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.labels import LABEL_NAME
from monitoring.telemetry import FIELD_PREFIX, Level, LogBatch
from sources.protocols import Decoded, Rejection, Terms
from sources.protocols.json_values import texts_of_values
from sources.protocols.label_sets import (
    InvalidLabelsError,
    LabelSets,
    check_labels,
    index_rows,
)
from sources.protocols.levels import InvalidLevelError, level_of
from sources.protocols.timestamps import (
    InvalidTimeError,
    column_to_ns,
    values_to_ns,
)

# A field is a column of the whole batch: few lines with many names would cost much.
MAX_FIELDS = 128
MAX_FIELD_NAME = 255
# Where the fields go for which there is no column.
OTHERS = "other_fields"

_NOTHING: Mapping[str, Any] = {}


class _Row(NamedTuple):
    place: int
    line: str
    time_ns: int | None
    time: Any
    level: Level | None
    labels: Mapping[str, str]
    fields: Mapping[str, Any]


class LogRows:
    """Takes records in their order; `decoded` makes a batch of them.

    `time_error` is what a record's error begins with that is refused for its time.
    """

    def __init__(self, terms: Terms, *, time_error: str = "") -> None:
        self._terms, self._time_error = terms, time_error
        self._rows: list[_Row] = []
        self._sets = LabelSets(terms.labels)
        self._checked: dict[tuple[tuple[str, str], ...], str | None] = {}
        self._rejected: list[Rejection] = []

    def reject(self, index: int, error: str) -> None:
        self._rejected.append(Rejection(index, error))

    def add(
        self,
        index: int,
        line: str,
        *,
        time_ns: int | None = None,
        time: Any = None,
        level: Level | None = None,
        labels: Mapping[str, str] = _NOTHING,
        fields: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """Take a record, or refuse it with the reason.

        `time` is as the sender says it, and read later, of all records at once.
        `fields` are flat.
        """
        error = self._fault(line, labels)
        if error is None:
            self._rows.append(_Row(index, line, time_ns, time, level, labels, fields))
        else:
            self.reject(index, error)

    def time(self, value: Any) -> int | None:
        """Return nanoseconds of a time that may be none. Raises InvalidTimeError."""
        found = values_to_ns([value], self._terms)[0]
        if isinstance(found, str):
            raise InvalidTimeError(found)
        return found

    def decoded(self) -> Decoded[LogBatch]:
        times = self._with_times()
        rows = self._rows
        lines = pa.array([row.line for row in rows], pa.large_string())
        columns = {
            "stream": pa.array(index_rows([row.labels for row in rows], self._sets)),
            "ts_ns": pa.array(times, pa.int64()),
            "line": lines,
            "level": pa.array([row.level for row in rows], pa.int8()),
            **field_columns([row.fields for row in rows]),
        }
        self._rejected.sort(key=lambda rejection: rejection.index)
        batch = LogBatch(self._sets.sets, pa.table(columns))
        return Decoded(batch, self._rejected, size_of(lines))

    def _with_times(self) -> list[int | None]:
        """Return the times, and let go of the rows whose time cannot be read."""
        said = [row.time for row in self._rows if row.time is not None]
        if not said:
            return [row.time_ns for row in self._rows]
        found = iter(_read_times(said, self._terms))
        kept: list[_Row] = []
        times: list[int | None] = []
        for row in self._rows:
            time_ns = row.time_ns if row.time is None else next(found)
            if isinstance(time_ns, str):
                self.reject(row.place, self._time_error + time_ns)
            else:
                kept.append(row)
                times.append(time_ns)
        self._rows = kept
        return times

    def _fault(self, line: str, labels: Mapping[str, str]) -> str | None:
        most = self._terms.max_line_bytes
        if len(line) * 4 > most and len(line.encode()) > most:
            return f"line has {len(line.encode())} bytes; {most} may be"
        key = tuple(labels.items())
        if key not in self._checked:
            self._checked[key] = _fault_in_labels(labels)
        return self._checked[key]


def _fault_in_labels(labels: Mapping[str, str]) -> str | None:
    try:
        check_labels(labels)
    except InvalidLabelsError as error:
        return str(error)
    return None


def _read_times(said: Sequence[Any], terms: Terms) -> Sequence[int | str | None]:
    """Return nanoseconds, or what is wrong; times of one kind are read in bulk."""
    kinds = set(map(type, said))
    try:
        if kinds == {str}:
            column = pa.array(said, pa.string())
        elif kinds in ({int}, {float}):
            column = pa.array(said, pa.int64() if kinds == {int} else pa.float64())
        else:
            return values_to_ns(said, terms)
        found: list[int | None] = column_to_ns(column, terms).to_pylist()
    except (InvalidTimeError, pa.ArrowInvalid, OverflowError):
        return values_to_ns(said, terms)
    return found


def size_of(lines: pa.Array) -> int:
    """Return the raw bytes of lines, each with its newline."""
    return int(pc.sum(pc.binary_length(lines)).as_py() or 0) + len(lines)


def field_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, pa.Array]:
    """Return the columns "field.<name>" of flat rows; the first names have them."""
    names = list(dict.fromkeys(chain.from_iterable(rows)))
    chosen = [name for name in names if 0 < len(name) <= MAX_FIELD_NAME]
    chosen = [name for name in chosen if "\x00" not in name and name != OTHERS]
    if len(chosen) != len(names) or len(names) > MAX_FIELDS:
        chosen = chosen[: MAX_FIELDS - 1]
        rows = _with_others(rows, frozenset(chosen))
        chosen.append(OTHERS)
    columns = {
        FIELD_PREFIX + name: texts_of_values([row.get(name) for row in rows])
        for name in chosen
    }
    return {n: column for n, column in columns.items() if column.null_count < len(rows)}


def _with_others(
    rows: Sequence[Mapping[str, Any]], chosen: frozenset[str]
) -> list[Mapping[str, Any]]:
    folded = []
    for row in rows:
        others = {name: value for name, value in row.items() if name not in chosen}
        folded.append({**row, OTHERS: others} if others else row)
    return folded


def label_name(name: str) -> str:
    """Return a name as a label has it: what is no letter, digit or _ becomes _."""
    # Only names of a usual length are remembered, so that memory is bounded.
    return _clean(name) if len(name) > MAX_FIELD_NAME else _cleaned(name)


def _clean(name: str) -> str:
    if LABEL_NAME.match(name):
        return name
    clean = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    return f"_{clean}" if clean[:1].isdigit() else clean


_cleaned = lru_cache(maxsize=4096)(_clean)


def level_or_none(word: Any) -> Level | None:
    """Return the level a sender names; what is no such word is found in the line."""
    try:
        return level_of(word) if isinstance(word, str) else None
    except InvalidLevelError:
        return None


# Syslog's severities, from 0 (emergency) to 7 (debug).
_OF_SYSLOG = (
    *(Level.FATAL, Level.FATAL, Level.FATAL),
    *(Level.ERROR, Level.WARN, Level.INFO, Level.INFO, Level.DEBUG),
)


def level_of_severity(value: Any) -> Level | None:
    """Return the level of a syslog severity, a number or its digits."""
    try:
        severity = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return _OF_SYSLOG[severity] if 0 <= severity < len(_OF_SYSLOG) else None


def texts_of_bytes(values: pa.Array) -> pa.Array:
    """Return bytes as texts; what is not UTF-8 is marked with U+FFFD, not refused."""
    try:
        return values.cast(pa.large_string())
    except pa.ArrowInvalid:
        texts = [value.decode("utf-8", "replace") for value in values.to_pylist()]
        return pa.array(texts, pa.large_string())


def text_of(value: Any) -> str:
    """Return a message of any JSON kind as a line. Raises TypeError beyond 254 levels."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
