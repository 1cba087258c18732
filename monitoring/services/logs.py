"""Reading log lines: pages, counts, volume over time, labels."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from accounts.scope import Scope
from monitoring.labels import Matcher
from monitoring.services import selection
from monitoring.services.log_queries import LogTimeoutError, deadline_in
from monitoring.store import engine
from monitoring.store.interface import ALL_LEVELS, FoundLine, LogScan, Position
from monitoring.telemetry import Level, LineFilter, LineOp, TooMuchDataError

__all__ = [
    "InvalidCursorError",
    "LogPage",
    "LogQuery",
    "LogRecord",
    "LogTimeoutError",
    "VolumeBucket",
    "count_logs",
    "log_labels",
    "log_volume",
    "position_of",
    "read_logs",
    "records",
    "scan_of",
]

MAX_LIMIT = 10_000
MAX_BUCKETS = 11_000

_POSITION = struct.Struct("<qqqq")


class InvalidCursorError(ValueError):
    """The cursor does not come from an earlier page."""


@dataclass(frozen=True)
class LogQuery:
    """Which lines are wanted: start <= ts < end, in nanoseconds since the epoch.

    `contains` is a substring of the line, case and all; `filters` hold beside it, and
    their expressions have been checked. `after` is the `next` of an earlier page of
    the same query.
    """

    matchers: tuple[Matcher, ...]
    start_ns: int
    end_ns: int
    contains: str = ""
    levels: frozenset[Level] = ALL_LEVELS
    limit: int = 100
    direction: Literal["backward", "forward"] = "backward"
    after: str | None = None
    filters: tuple[LineFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A line as it is shown; `id` names it for as long as it is kept."""

    timestamp_ns: int
    line: str
    level: Level
    labels: dict[str, str]
    fields: dict[str, str]
    source: str
    id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class LogPage:
    """`next` is an opaque cursor, or None when no line is left.

    Going on from it repeats no line and leaves out none that was stored when the page
    was read, whatever arrives or is compacted meanwhile.
    """

    records: list[LogRecord]
    next: str | None


@dataclass(frozen=True, slots=True)
class VolumeBucket:
    start_ns: int
    counts: Mapping[Level, int]


def read_logs(scope: Scope, query: LogQuery) -> LogPage:
    """Return a page of lines. Raises InvalidCursorError, LogTimeoutError."""
    after = None if query.after is None else position_of(query.after)
    limit = max(1, min(query.limit, MAX_LIMIT))
    scan = scan_of(scope, query)
    if scan is None:
        return LogPage([], None)
    found = engine.read_logs(
        scan,
        newest_first=query.direction == "backward",
        after=after,
        limit=limit + 1,
    )
    shown = found[:limit]
    more = len(found) > limit
    return LogPage(
        records(scope, shown), _encode_cursor(shown[-1].position) if more else None
    )


def count_logs(scope: Scope, query: LogQuery) -> int:
    """Return the exact number of lines, whatever the query's limit.

    Raises LogTimeoutError.
    """
    scan = scan_of(scope, query)
    return 0 if scan is None else engine.count_logs(scan)


def log_volume(scope: Scope, query: LogQuery, step_ns: int) -> list[VolumeBucket]:
    """Return the lines per step and level; buckets begin at the query's start.

    Raises TooMuchDataError for more than 11,000 buckets, and LogTimeoutError.
    """
    span = query.end_ns - query.start_ns
    if step_ns <= 0 or span // step_ns >= MAX_BUCKETS:
        raise TooMuchDataError(f"Ask for at most {MAX_BUCKETS} steps.")
    scan = scan_of(scope, query)
    starts = range(query.start_ns, query.end_ns, step_ns)
    if scan is None:
        return [VolumeBucket(start, {}) for start in starts]
    volume = engine.log_volume(scan, step_ns).tolist()
    return [
        VolumeBucket(start, {Level(n): c for n, c in enumerate(counts) if c})
        for start, counts in zip(starts, volume, strict=True)
    ]


def log_labels(scope: Scope, start_ns: int, end_ns: int) -> dict[str, list[str]]:
    """Return the values of each label of the streams with lines in the range."""
    used = engine.streams_with_lines(scope.organization_id, start_ns, end_ns)
    values: dict[str, set[str]] = {}
    for labels in selection.stream_labels(scope, used).values():
        for name, value in labels.items():
            values.setdefault(name, set()).add(value)
    return {name: sorted(of_name) for name, of_name in sorted(values.items())}


def scan_of(scope: Scope, query: LogQuery) -> LogScan | None:
    """Return what to look for; None when no visible stream matches."""
    streams = selection.matching_streams(scope, query.matchers)
    if (streams is not None and not streams) or query.end_ns <= query.start_ns:
        return None
    contains = (LineFilter(LineOp.CONTAINS, (query.contains,)),)
    return LogScan(
        organization_id=scope.organization_id,
        start_ns=query.start_ns,
        end_ns=query.end_ns,
        streams=streams,
        filters=(*(contains if query.contains else ()), *query.filters),
        levels=query.levels,
        deadline=deadline_in(),
    )


def records(scope: Scope, found: Sequence[FoundLine]) -> list[LogRecord]:
    """Return found lines with their streams' labels."""
    streams = {line.position.stream_id for line in found}
    labels = selection.stream_labels(scope, sorted(streams))
    return [_record(line, labels.get(line.position.stream_id, {})) for line in found]


def _record(line: FoundLine, labels: dict[str, str]) -> LogRecord:
    return LogRecord(
        timestamp_ns=line.position.ts_ns,
        line=line.line,
        level=Level(line.level),
        labels=labels,
        fields=line.fields,
        source=labels.get("source", ""),
        id=_encode_cursor(line.position),
    )


def _encode_cursor(position: Position) -> str:
    return base64.urlsafe_b64encode(_POSITION.pack(*position)).decode().rstrip("=")


def position_of(cursor: str) -> Position:
    """Return the place that a cursor or a line's id names. Raises InvalidCursorError."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return Position(*_POSITION.unpack(base64.urlsafe_b64decode(padded)))
    except (ValueError, struct.error) as error:
        raise InvalidCursorError("The cursor is not one of this API's.") from error
