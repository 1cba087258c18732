"""Reading the templates of lines: how often, since when, an example of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

from accounts.models import Organization
from accounts.scope import Scope
from monitoring.labels import Matcher
from monitoring.models import LogPattern, LogPatternHour, LogStream, Signal
from monitoring.moments import iso_ms, moment_of
from monitoring.services import selection
from monitoring.services.policy import longest_kept
from monitoring.telemetry import Level

# Rows that one question looks at, newest first, and that an organization may keep.
MAX_ROWS = 5_000
MAX_KEPT = 100_000
MAX_STEPS = 11_000
_SHOWN_NEWEST = 50

MINUTE_NS = 60 * 10**9
_HOUR_NS = 60 * MINUTE_NS

_HOURS = """
SELECT pattern_id, (extract(epoch FROM hour) / 3600)::bigint, counts
FROM monitoring_logpatternhour
WHERE pattern_id = ANY(%s) AND hour >= %s AND hour <= %s
"""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PatternQuery:
    """Patterns of lines with start <= ts < end, counted by whole minutes.

    `contains` is sought in template and sample.
    """

    matchers: tuple[Matcher, ...]
    start_ns: int
    end_ns: int
    step_ns: int = MINUTE_NS
    contains: str = ""
    levels: frozenset[Level] = frozenset(Level)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`counts` are the lines of each step; `share` is of all lines that are counted."""

    template: str
    level: Level
    count: int
    share: float
    first_seen: datetime
    last_seen: datetime
    sample: str
    streams: int
    counts: list[int]


@dataclass(frozen=True, slots=True)
class FoundPatterns:
    """Patterns with lines in the range, commonest first; steps begin at `start_ns`."""

    start_ns: int
    step_ns: int
    lines: int
    patterns: list[Pattern]


def find(scope: Scope, query: PatternQuery) -> FoundPatterns:
    """Return the patterns of the visible streams that match."""
    start = query.start_ns // MINUTE_NS * MINUTE_NS
    step = max(MINUTE_NS, -(-query.step_ns // MINUTE_NS) * MINUTE_NS)
    # More steps than anyone can look at become longer ones.
    span = max(1, query.end_ns - start)
    step = max(step, -(-span // MAX_STEPS // MINUTE_NS) * MINUTE_NS)
    rows = _rows(scope, query)
    counted = _counted([row.pk for row in rows], start, query.end_ns, step)
    groups: dict[tuple[str, int], list[LogPattern]] = {}
    for row in rows:
        if counted[row.pk].any():
            groups.setdefault((row.template, row.level), []).append(row)
    lines = sum(int(counted[r.pk].sum()) for same in groups.values() for r in same)
    found = [_pattern(same, counted, lines) for same in groups.values()]
    found.sort(key=lambda one: (-one.count, one.template, one.level))
    return FoundPatterns(start, step, lines, found)


def newest(scope: Scope) -> list[dict[str, Any]]:
    """Return the patterns that were seen first most recently, as their events are."""
    rows = LogPattern.objects.visible_to(scope).order_by("-pk")[:_SHOWN_NEWEST]
    found = list(rows)
    labels = selection.stream_labels(scope, {row.stream_id for row in found})
    return [event_json(row, labels.get(row.stream_id, {})) for row in found]


def event_json(row: LogPattern, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row.pk,
        "template": row.template,
        "level": Level(row.level).word,
        "labels": labels,
        "sample": row.sample,
        "first_seen": iso_ms(row.first_seen),
    }


def pattern_json(one: Pattern) -> dict[str, Any]:
    return {
        "template": one.template,
        "level": one.level.word,
        "count": one.count,
        "share": round(one.share, 6),
        "first_seen": iso_ms(one.first_seen),
        "last_seen": iso_ms(one.last_seen),
        "sample": one.sample,
        "streams": one.streams,
        "counts": one.counts,
    }


def forget(now: datetime) -> int:
    """Delete what is older than the lines that are kept, and what is too much."""
    deleted = 0
    for organization_id in Organization.objects.values_list("pk", flat=True):
        kept_from = now - longest_kept(organization_id, Signal.LOGS)
        mine = LogPattern.unscoped.filter(organization_id=organization_id)
        streams = LogStream.unscoped.filter(organization_id=organization_id)
        old = mine.filter(last_seen__lt=kept_from)
        orphans = mine.exclude(stream_id__in=streams.values("pk"))
        over = mine.order_by("-last_seen", "-pk").values_list("pk")[MAX_KEPT:]
        for gone in (old, orphans, mine.filter(pk__in=over)):
            deleted += gone.delete()[1].get("monitoring.LogPattern", 0)
        hours = LogPatternHour.objects.filter(
            pattern__organization_id=organization_id,
            hour__lt=kept_from - timedelta(hours=1),
        )
        hours.delete()
    return deleted


def forget_streams(stream_ids: Sequence[int]) -> None:
    """Delete the patterns of streams whose lines were asked to be deleted: samples
    would tell of them. What comes later is mined anew."""
    LogPattern.unscoped.filter(stream_id__in=stream_ids).delete()


def _rows(scope: Scope, query: PatternQuery) -> list[LogPattern]:
    rows = LogPattern.objects.visible_to(scope).filter(
        first_seen__lte=_moment(query.end_ns),
        last_seen__gte=_moment(query.start_ns),
        level__in=[level.value for level in query.levels],
    )
    streams = selection.matching_streams(scope, query.matchers)
    if streams is not None:
        rows = rows.filter(stream_id__in=streams)
    if query.contains:
        rows = rows.filter(
            template__contains=query.contains.replace("\0", "")
        ) | rows.filter(sample__contains=query.contains.replace("\0", ""))
    return list(rows.order_by("-last_seen", "-pk")[:MAX_ROWS])


def _counted(
    ids: Sequence[int], start_ns: int, end_ns: int, step_ns: int
) -> dict[int, Ints]:
    """Return each pattern's lines by step."""
    steps = max(0, -(-(end_ns - start_ns) // step_ns))
    counts: dict[int, Ints] = {pk: np.zeros(steps, np.int64) for pk in ids}
    if not ids or not steps:
        return counts
    first_hour = start_ns // _HOUR_NS * _HOUR_NS
    with connection.cursor() as cursor:
        cursor.execute(_HOURS, [list(ids), _moment(first_hour), _moment(end_ns)])
        for pk, hour, minutes in cursor.fetchall():
            times = hour * _HOUR_NS + np.arange(60) * MINUTE_NS
            inside = (times >= start_ns) & (times < end_ns)
            places = ((times - start_ns) // step_ns)[inside]
            np.add.at(counts[pk], places, np.array(minutes, np.int64)[inside])
    return counts


def _pattern(
    rows: Sequence[LogPattern], counted: dict[int, Ints], lines: int
) -> Pattern:
    counts = sum((counted[row.pk] for row in rows[1:]), counted[rows[0].pk])
    count = int(counts.sum())
    return Pattern(
        template=rows[0].template,
        level=Level(rows[0].level),
        count=count,
        share=count / lines,
        first_seen=min(row.first_seen for row in rows),
        last_seen=max(row.last_seen for row in rows),
        sample=rows[0].sample,
        streams=len({row.stream_id for row in rows}),
        counts=counts.tolist(),
    )


def _moment(ns: int) -> datetime:
    # PostgreSQL's and Python's times do not reach as far as numbers do.
    bounded = min(max(ns, 0), 2**63 - 1)
    return moment_of(bounded)
