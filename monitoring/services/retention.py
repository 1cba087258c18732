"""Letting go of what is older than the operator wants to keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from accounts.models import Organization
from monitoring.services import exemplars
from monitoring.store import engine, registry

# A day is dropped this long after its last sample or line could still be appended:
# ids that a process has cached then still exist. See monitoring/store/known.py.
MARGIN = timedelta(days=1)
# Partitions are made so many days ahead.
AHEAD = 2


@dataclass(frozen=True, slots=True)
class RetentionOutcome:
    days_dropped: int
    blocks_deleted: int
    series_deleted: int
    streams_deleted: int


def apply_retention(now: datetime) -> RetentionOutcome:
    """Drop old days, what deleted organizations left, and unused series and streams.

    To be called outside a transaction: partitions are detached concurrently.
    """
    metrics_from = now - timedelta(days=settings.METRIC_RETENTION_DAYS) - MARGIN
    logs_from = now - timedelta(days=settings.LOG_RETENTION_DAYS) - MARGIN
    dropped = engine.delete_before(samples=metrics_from.date(), logs=logs_from.date())
    orphans = engine.delete_orphans()
    exemplars.delete_old(now)
    series = streams = 0
    for organization_id in Organization.objects.values_list("pk", flat=True):
        # `last_seen` is true to within hours, and whole days are dropped.
        series += registry.delete_unused_series(organization_id, metrics_from - MARGIN)
        streams += registry.delete_unused_streams(organization_id, logs_from - MARGIN)
    return RetentionOutcome(dropped, orphans, series, streams)


def prepare_partitions(now: datetime) -> None:
    """Make the partitions of today and the next days."""
    days: Iterable[datetime] = (now + timedelta(days=n) for n in range(AHEAD + 1))
    engine.prepare([day.date() for day in days], now=now)
