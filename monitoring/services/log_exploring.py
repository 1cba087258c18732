"""What a search for lines finds: pages of lines, counts, numbers and fields."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from accounts.scope import Scope
from monitoring.labels import Matcher, MatchOp
from monitoring.logql import Expr, LogQLError, Result, Stream
from monitoring.logql.lines import DETECTED_LEVEL
from monitoring.services import log_details, logql_queries
from monitoring.services.charts import Chart
from monitoring.services.explorer import (
    LISTED,
    POINTS,
    Complaint,
    Exploration,
    rows_of,
    series_note,
    series_of,
)
from monitoring.services.log_details import FieldCounts, FieldValues
from monitoring.services.log_queries import MAX_TIME
from monitoring.services.log_searches import Search
from monitoring.services.logs import (
    InvalidCursorError,
    LogPage,
    LogRecord,
    VolumeBucket,
    read_logs,
)
from monitoring.services.logs import LogQuery as StoredQuery
from monitoring.services.ranges import TimeRange
from monitoring.services.volumes import LineCounts, columns_of, count_lines, counted
from monitoring.telemetry import Level, TooMuchDataError, nanoseconds

_SECOND = 10**9
# A line of this very second may bear a time a little ahead of ours.
_AHEAD = 60 * _SECOND
# Lines of a piped query of which the fields are counted.
_SAMPLED = 2_000
_CURSOR = re.compile(r"before-(\d{1,19})\Z")
_LEVEL_OF = {level.word: level for level in Level}
_ERRORS = frozenset({"__error__", "__error_details__"})


def ends_of(shown: TimeRange) -> tuple[int, int]:
    """Return the nanoseconds between which a page's lines lie."""
    end = nanoseconds(shown.end)
    return nanoseconds(shown.start), end + (_AHEAD if shown.is_live else 0)


def read_found(
    scope: Scope,
    search: Search,
    *,
    start_ns: int,
    end_ns: int,
    limit: int,
    cursor: str | None = None,
) -> LogPage:
    """Return a page of lines, newest first.

    Raises InvalidCursorError, LogQLError, TooMuchDataError (LogTimeoutError is one).
    """
    if search.piped is None:
        return read_logs(
            scope, search.stored(start_ns, end_ns, limit=limit, after=cursor)
        )
    if cursor is not None:
        end_ns = min(end_ns, _before(cursor))
    tree = search.leveled()
    found = _records(scope, tree, start_ns, end_ns, limit + 1)
    if len(found) <= limit:
        return LogPage(found, None)
    return _cut(scope, tree, found[:limit])


def _before(cursor: str) -> int:
    found = _CURSOR.match(cursor)
    if found is None:
        raise InvalidCursorError("The cursor is not one of this page's.")
    return int(found[1])


def _cut(scope: Scope, tree: Expr, found: list[LogRecord]) -> LogPage:
    """Return a full page, which ends with all the lines of one time.

    The lines of LogQL's engine have no ids: the next page begins before a time.
    """
    last = found[-1].timestamp_ns
    kept = [record for record in found if record.timestamp_ns > last]
    if kept:
        return LogPage(kept, f"before-{last + 1}")
    same = _records(scope, tree, last, last + 1, logql_queries.MAX_ENTRIES)
    return LogPage(same, f"before-{last}")


def _records(
    scope: Scope, tree: Expr, start_ns: int, end_ns: int, limit: int
) -> list[LogRecord]:
    if end_ns <= start_ns:
        return []
    result = logql_queries.range_query(
        scope, tree, start_ns=start_ns, end_ns=end_ns, limit=limit
    )
    found = [record for stream in result.streams for record in _of_stream(stream)]
    return sorted(found, key=lambda record: -record.timestamp_ns)


def _of_stream(stream: Stream) -> Iterator[LogRecord]:
    labels, parsed = dict(stream.stream), dict(stream.parsed)
    for ts_ns, line, metadata in zip(
        stream.ts_ns, stream.lines, stream.metadata, strict=True
    ):
        fields = {**dict(metadata), **parsed}
        level = _LEVEL_OF.get(fields.pop(DETECTED_LEVEL, ""), Level.UNKNOWN)
        yield LogRecord(ts_ns, line, level, labels, fields, labels.get("source", ""))


def count_found(
    scope: Scope, search: Search, shown: TimeRange, *, timeout: timedelta = MAX_TIME
) -> LineCounts:
    """Count lines by level and time; `timeout` holds for what is parsed for it.

    Raises what `read_found` does.
    """
    if search.piped is None:
        return count_lines(
            scope,
            shown,
            matchers=search.matchers,
            filters=search.filters,
            levels=search.levels,
        )
    step, start, end = columns_of(shown)
    size = int(step.total_seconds())
    # A window reaches back from its end and holds it: the end is the last nanosecond.
    first = nanoseconds(start)
    result = logql_queries.range_query(
        scope,
        search.by_level(size),
        start_ns=first + size * _SECOND - 1,
        end_ns=nanoseconds(end) - 1,
        step_ns=size * _SECOND,
        timeout=timeout,
    )
    return counted(_buckets(result, first, size * _SECOND), shown, search.levels)


def _buckets(result: Result, first: int, step_ns: int) -> list[VolumeBucket]:
    levels = [
        _LEVEL_OF.get(dict(labels).get(DETECTED_LEVEL, ""), Level.UNKNOWN)
        for labels in result.labels
    ]
    values = np.where(result.present, result.values, 0).astype(np.int64)
    buckets = []
    for place in range(len(result.steps_ns)):
        counts: Counter[Level] = Counter()
        for level, count in zip(levels, values[:, place].tolist(), strict=True):
            counts[level] += count
        buckets.append(VolumeBucket(first + place * step_ns, +counts))
    return buckets


def chart_found(
    scope: Scope, text: str, search: Search, shown: TimeRange, *, url: str
) -> Exploration:
    """Evaluate a metric query over the range and at its end; errors are part of it."""
    begun = time.perf_counter()
    if search.metric is None:
        raise ValueError("only a metric query has a chart")
    step = shown.step(points=POINTS)
    start, end = shown.aligned(step)
    try:
        drawn = logql_queries.as_samples(
            logql_queries.range_query(
                scope,
                search.metric,
                start_ns=nanoseconds(start),
                end_ns=nanoseconds(end),
                step_ns=int(step.total_seconds()) * _SECOND,
            )
        )
        latest = logql_queries.as_samples(
            logql_queries.instant(scope, search.metric, at_ns=nanoseconds(shown.end))
        )
    except (LogQLError, TooMuchDataError) as error:
        return Exploration(text, complaint=complaint_of(error, text))
    rows, total = rows_of(latest), len(drawn.labels)
    chart = Chart(
        key="logs",
        title="Answer",
        note=series_note(total, step),
        unit="",
        times_ms=drawn.steps_ms.tolist(),
        series=series_of(drawn),
        start_ms=int(start.timestamp() * 1000),
        end_ms=int(end.timestamp() * 1000),
        height=280,
        url=url,
        empty="No line is counted in this time.",
        description=f"{total} series of {text[:200]}",
    )
    return Exploration(
        text,
        chart=chart,
        rows=rows[:LISTED],
        total=max(total, len(rows)),
        took_ms=1000 * (time.perf_counter() - begun),
    )


def complaint_of(error: Exception, text: str) -> Complaint:
    """Return what is wrong with a query, and at which character if that is known."""
    line, column = getattr(error, "line", 0), getattr(error, "column", 0)
    if not line:
        return Complaint(str(error))
    before = text.split("\n")[: line - 1]
    return Complaint(str(error), sum(len(each) + 1 for each in before) + column - 1)


def fields_found(
    scope: Scope, search: Search, shown: TimeRange, *, top: int
) -> FieldCounts:
    """Return the fields of the found lines with their commonest values.

    Raises what `read_found` does.
    """
    start_ns, end_ns = ends_of(shown)
    if search.piped is None:
        return log_details.field_values(scope, search.stored(start_ns, end_ns), top=top)
    found = _records(scope, search.leveled(), start_ns, end_ns, _SAMPLED)
    values: dict[str, Counter[str]] = {}
    for record in found:
        for name, value in record.fields.items():
            values.setdefault(name, Counter())[value] += 1
    having = {name: counter.total() for name, counter in values.items()}
    return FieldCounts(
        lines=len(found),
        sampled=len(found) >= _SAMPLED,
        levels=Counter(record.level for record in found),
        fields=[
            FieldValues(name, having[name], len(values[name]), _top(values[name], top))
            for name in sorted(values.keys() - _ERRORS, key=lambda n: (-having[n], n))
        ],
    )


def _top(values: Counter[str], top: int) -> list[tuple[str, int]]:
    return sorted(values.items(), key=lambda item: (-item[1], item[0]))[:top]


def find_line(
    scope: Scope, labels: dict[str, str], ts_ns: int, text: str
) -> str | None:
    """Return the id of the line of that stream and time that begins with the text.

    Of another text the stream's first of that time: a query may have changed it.
    """
    query = StoredQuery(
        matchers=tuple(Matcher(n, MatchOp.EQUAL, v) for n, v in labels.items()),
        start_ns=ts_ns,
        end_ns=ts_ns + 1,
        limit=1000,
    )
    found = read_logs(scope, query).records
    # A query may have taken labels away; whole streams come first all the same.
    found.sort(key=lambda record: record.labels != labels)
    same = (record for record in found if record.line.startswith(text))
    chosen = next(same, found[0] if found else None)
    return chosen.id if chosen else None


def pages_found(
    scope: Scope, search: Search, *, start_ns: int, end_ns: int, most: int, size: int
) -> Iterator[list[LogRecord]]:
    """Yield the found lines page by page, newest first, at most so many.

    Raises what `read_found` does.
    """
    cursor, left = None, most
    while left > 0:
        page = read_found(
            scope,
            search,
            start_ns=start_ns,
            end_ns=end_ns,
            limit=min(size, left),
            cursor=cursor,
        )
        yield page.records[:left]
        left -= len(page.records)
        cursor = page.next
        if cursor is None:
            return
