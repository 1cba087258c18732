"""Log lines over time, as histograms and as counts by level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.scope import Scope
from monitoring.labels import Matcher
from monitoring.services.charts import Volume, VolumeColumn
from monitoring.services.logs import LogQuery, VolumeBucket, log_volume
from monitoring.services.ranges import TimeRange, step_words
from monitoring.telemetry import Level, LineFilter, nanoseconds

COLUMNS = 60
_BAD = frozenset({Level.ERROR, Level.FATAL})
_PER = {
    timedelta(seconds=1): "per second",
    timedelta(minutes=1): "per minute",
    timedelta(hours=1): "per hour",
    timedelta(days=1): "per day",
}


@dataclass(frozen=True, slots=True)
class LineCounts:
    """How many lines of each level there are, whatever levels are shown, and when."""

    by_level: Counter[Level]
    volume: Volume

    @property
    def errors(self) -> int:
        return sum(self.by_level[level] for level in _BAD)


def count_lines(
    scope: Scope,
    shown: TimeRange,
    *,
    matchers: Sequence[Matcher] = (),
    filters: Sequence[LineFilter] = (),
    levels: frozenset[Level] = frozenset(Level),
) -> LineCounts:
    """Count the lines of a page's range in some sixty columns."""
    step, start, end = columns_of(shown)
    query = LogQuery(
        matchers=tuple(matchers),
        start_ns=nanoseconds(start),
        end_ns=nanoseconds(end),
        filters=tuple(filters),
    )
    buckets = log_volume(scope, query, int(step.total_seconds()) * 1_000_000_000)
    return counted(buckets, shown, levels)


def columns_of(shown: TimeRange) -> tuple[timedelta, datetime, datetime]:
    """Return how wide the columns of a range are, where they begin and end."""
    step = shown.step(points=COLUMNS)
    return step, *shown.aligned(step)


def counted(
    buckets: Sequence[VolumeBucket], shown: TimeRange, levels: frozenset[Level]
) -> LineCounts:
    """Return the buckets of a range's columns as a page shows them."""
    step, start, end = columns_of(shown)
    by_level: Counter[Level] = Counter()
    for bucket in buckets:
        by_level.update(bucket.counts)
    return LineCounts(by_level, _volume(buckets, start, end, step, levels))


def _volume(
    buckets: Sequence[VolumeBucket],
    start: datetime,
    end: datetime,
    step: timedelta,
    levels: frozenset[Level],
) -> Volume:
    return Volume(
        start_ms=int(start.timestamp() * 1000),
        end_ms=int(end.timestamp() * 1000),
        per=_PER.get(step) or f"per {step_words(step)}",
        columns=[_column(bucket, levels) for bucket in buckets],
    )


def _column(bucket: VolumeBucket, levels: frozenset[Level]) -> VolumeColumn:
    counts = {level: n for level, n in bucket.counts.items() if level in levels}
    error = sum(counts.pop(level, 0) for level in _BAD)
    warn = counts.pop(Level.WARN, 0)
    return VolumeColumn(bucket.start_ns // 1_000_000, error, warn, sum(counts.values()))
