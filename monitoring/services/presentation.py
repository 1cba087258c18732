"""How log lines and samples look in JSON: the same in REST, snapshots and pages."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from accounts.scope import Scope
from monitoring.labels import Matcher, MatchOp
from monitoring.logql import LogQLError, Stream
from monitoring.logql.lines import DETECTED_LEVEL
from monitoring.logql.parser import parse_stages
from monitoring.moments import iso_ms, iso_ns
from monitoring.services import logql_queries, logs, queries
from monitoring.telemetry import Level, TooMuchDataError, nanoseconds

LATEST_LINES = 100


def line_json(record: logs.LogRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "timestamp": iso_ns(record.timestamp_ns),
        "line": record.line,
        "level": record.level.word,
        "labels": record.labels,
        "fields": record.fields,
        "source": record.source,
    }


def sample_json(sample: queries.LatestSample) -> dict[str, Any]:
    return {
        "name": sample.name,
        "labels": sample.labels,
        "value": sample.value if math.isfinite(sample.value) else None,
        "timestamp": iso_ms(sample.timestamp),
        "type": sample.type,
        "unit": sample.unit,
    }


def volume_json(bucket: logs.VolumeBucket) -> dict[str, int]:
    return {level.word: count for level, count in bucket.counts.items()}


def snapshot(
    scope: Scope, *, names: Sequence[str], now: datetime
) -> list[dict[str, Any]]:
    return [sample_json(s) for s in queries.snapshot(scope, names=names, now=now)]


def latest_lines(
    scope: Scope, wanted: Mapping[str, Any], *, now: datetime
) -> list[dict[str, Any]]:
    """Return the last lines of the past hour that pass a live filter, oldest first.

    Raises ValueError for a level that is none, and for a query that has no answer.
    """
    if isinstance(wanted.get("query"), str):
        return _latest_queried(scope, wanted["query"], now)
    labels = dict(wanted.get("labels") or {})
    if wanted.get("source"):
        labels["source"] = wanted["source"]
    matchers = [_matcher(name, value) for name, value in labels.items()]
    query = logs.LogQuery(
        matchers=tuple(matchers),
        start_ns=nanoseconds(now - timedelta(hours=1)),
        end_ns=nanoseconds(now + timedelta(seconds=1)),
        contains=str(wanted.get("contains") or ""),
        levels=_levels(wanted),
        limit=LATEST_LINES,
        direction="backward",
        after=None,
    )
    return [
        line_json(record) for record in reversed(logs.read_logs(scope, query).records)
    ]


def _latest_queried(scope: Scope, text: str, now: datetime) -> list[dict[str, Any]]:
    """Return the last lines of a log query; one without a selector takes all."""
    try:
        result = logql_queries.range_query(
            scope,
            parse_stages(text),
            start_ns=nanoseconds(now - timedelta(hours=1)),
            end_ns=nanoseconds(now + timedelta(seconds=1)),
            limit=LATEST_LINES,
        )
    except (LogQLError, TooMuchDataError) as error:
        raise ValueError(str(error)) from None
    found = [
        _record(stream, row)
        for stream in result.streams
        for row in range(len(stream.lines))
    ]
    found.sort(key=lambda record: record.timestamp_ns)
    return [line_json(record) for record in found]


def _record(stream: Stream, row: int) -> logs.LogRecord:
    fields = dict(stream.metadata[row])
    labels = dict(stream.stream)
    return logs.LogRecord(
        timestamp_ns=stream.ts_ns[row],
        line=stream.lines[row],
        level=Level.from_word(fields.pop(DETECTED_LEVEL, "unknown")),
        labels=labels,
        fields=fields,
        source=labels.get("source", ""),
    )


def _matcher(name: str, wanted: Any) -> Matcher:
    """A list stands for any of its members."""
    if not isinstance(wanted, list):
        return Matcher(name, MatchOp.EQUAL, str(wanted))
    return Matcher(name, MatchOp.REGEX, "|".join(re.escape(str(w)) for w in wanted))


def _levels(wanted: Mapping[str, Any]) -> frozenset[Level]:
    if "min_level" in wanted:
        least = Level.from_word(str(wanted["min_level"]))
        return frozenset(level for level in Level if level >= least)
    words = wanted.get("level") or []
    words = words if isinstance(words, list) else [words]
    return frozenset(Level.from_word(str(word)) for word in words) or frozenset(Level)
