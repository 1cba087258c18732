"""How the pipeline is doing: what waits, how fast it goes, what could not be stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, QuerySet, Sum

from accounts.models import ProcessHeartbeat
from accounts.scope import Scope
from accounts.services.heartbeats import ALIVE_FOR
from sources.models import DeadLetter, InboxBatch, PipelineMinute, Source, SourceMinute

# Rates are those of the current minute and the whole one before it.
_RATE_WINDOW = timedelta(minutes=1)
_HISTORY = timedelta(hours=1)
_SUMS = ("lines", "samples", "bytes", "batches", "failures", "latency_ms_sum")


def pipeline_state(scope: Scope, now: datetime) -> dict[str, Any]:
    """Return the figures of the scope's organization.

    The inbox holds the whole organization's batches; its members see how many, not
    what is in them.
    """
    waiting = InboxBatch.objects.filter(organization_id=scope.organization_id)
    minutes = PipelineMinute.objects.filter(organization_id=scope.organization_id)
    return {
        "inbox": _inbox(waiting, now),
        "rates": _rates(minutes, now),
        "minutes": _minutes(minutes, now),
        "dead_letters": _dead_letters(DeadLetter.objects.visible_to(scope)),
        "processes": _processes(now),
    }


def platform_state(now: datetime) -> dict[str, Any]:
    """Return the figures of all organizations together: for operators alone."""
    return {
        "inbox": _inbox(InboxBatch.objects.all(), now),
        "rates": _rates(PipelineMinute.objects.all(), now),
        "dead_letters": _dead_letters(DeadLetter.unscoped.all()),
    }


def oldest_age(now: datetime) -> timedelta | None:
    """Return how long the oldest batch has waited that a worker could take at once."""
    ready = InboxBatch.objects.filter(attempts=0)
    oldest = ready.aggregate(oldest=Min("received_at"))["oldest"]
    return None if oldest is None else now - oldest


def source_rates(scope: Scope, now: datetime) -> dict[int, dict[str, Any]]:
    """Return the rates of each of the scope's sources that had any."""
    mine = SourceMinute.objects.filter(source__in=Source.objects.visible_to(scope))
    start = _window_start(now)
    rows = mine.filter(minute__gte=start).values("source_id").order_by("source_id")
    sums = rows.annotate(**{name: Sum(name) for name in _SUMS})
    return {row["source_id"]: _per_second(row, now - start) for row in sums}


def source_sparks(source_ids: Sequence[int], now: datetime) -> dict[int, list[float]]:
    """Return what each source brought in each minute of the last hour."""
    start = _window_start(now) - _HISTORY + _RATE_WINDOW
    rows = SourceMinute.objects.filter(source__in=source_ids, minute__gte=start)
    sparks: dict[int, list[float]] = {}
    for source_id, minute, lines, samples in rows.values_list(
        "source_id", "minute", "lines", "samples"
    ):
        spark = sparks.setdefault(source_id, [0.0] * 61)
        spark[int((minute - start).total_seconds() // 60)] = (lines + samples) / 60
    return sparks


def source_minutes(source_id: int, unit: str, now: datetime) -> dict[datetime, int]:
    """Return how many lines or samples came in each minute of the last hour."""
    rows = SourceMinute.objects.filter(source=source_id, minute__gt=now - 2 * _HISTORY)
    return dict(rows.values_list("minute", unit))


def _inbox(waiting: QuerySet[InboxBatch], now: datetime) -> dict[str, Any]:
    rows = {row["priority"]: row for row in _by_priority(waiting)}
    priorities = [_depth(p, rows.get(p.value, {}), now) for p in Source.Priority]
    ages = [p["oldest_age_seconds"] for p in priorities]
    known = [age for age in ages if age is not None]
    return {
        "batches": sum(p["batches"] for p in priorities),
        "records": sum(p["records"] for p in priorities),
        "bytes": sum(p["bytes"] for p in priorities),
        "oldest_age_seconds": max(known, default=None),
        "retrying": waiting.filter(attempts__gt=0).count(),
        "by_priority": priorities,
    }


def _by_priority(waiting: QuerySet[InboxBatch]) -> Iterable[Mapping[str, Any]]:
    return (
        waiting.values("priority")
        .annotate(
            batches=Count("pk"),
            records=Sum("count"),
            bytes=Sum("size"),
            oldest=Min("received_at"),
        )
        .order_by("priority")
    )


def _depth(
    priority: Source.Priority, row: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    oldest = row.get("oldest")
    age = None if oldest is None else max(0.0, (now - oldest).total_seconds())
    return {
        "priority": priority.name.lower(),
        "batches": row.get("batches", 0),
        "records": row.get("records", 0),
        "bytes": row.get("bytes", 0),
        "oldest_age_seconds": age,
    }


def _window_start(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0) - _RATE_WINDOW


def _rates(minutes: QuerySet[PipelineMinute], now: datetime) -> dict[str, Any]:
    start = _window_start(now)
    recent = minutes.filter(minute__gte=start)
    sums = recent.aggregate(**{name: Sum(name) for name in _SUMS})
    return _per_second(sums, now - start)


def _per_second(sums: Mapping[str, Any], span: timedelta) -> dict[str, Any]:
    seconds = span.total_seconds()
    batches = sums["batches"] or 0
    names = ("lines", "samples", "bytes", "batches")
    rates = {f"{n}_per_second": round((sums[n] or 0) / seconds, 3) for n in names}
    latency = round((sums["latency_ms_sum"] or 0) / batches) if batches else None
    return {
        **rates,
        "failures": sums["failures"] or 0,
        "latency_ms": latency,
        "window_seconds": round(seconds, 3),
    }


def _minutes(minutes: QuerySet[PipelineMinute], now: datetime) -> list[dict[str, Any]]:
    recent = minutes.filter(minute__gt=now - _HISTORY).order_by("minute")
    return [
        {
            "minute": row["minute"],
            **{name: row[name] for name in _SUMS[:-1]},
            "latency_ms": round(row["latency_ms_sum"] / row["batches"])
            if row["batches"]
            else None,
        }
        for row in recent.values("minute", *_SUMS)
    ]


def _dead_letters(letters: QuerySet[DeadLetter]) -> dict[str, Any]:
    found = letters.aggregate(
        batches=Count("pk"), records=Sum("count"), newest_at=Max("failed_at")
    )
    return {**found, "records": found["records"] or 0}


def _processes(now: datetime) -> list[dict[str, Any]]:
    """Return the kinds of processes there are, not where they run."""
    kinds = ProcessHeartbeat.objects.values("kind").annotate(last=Max("beat_at"))
    return [
        {
            "kind": row["kind"],
            "alive": now - row["last"] <= ALIVE_FOR,
            "last_seen": row["last"],
        }
        for row in kinds.order_by("kind")
    ]
