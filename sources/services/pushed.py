"""Groups of pushed metrics: kept, shown again every scrape interval, and deleted."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import connection, transaction
from django.db.models import QuerySet

from monitoring.labels import METRIC_NAME, Labels, fingerprint
from monitoring.telemetry import STALE_NAN_BITS, SampleBatch, nanoseconds
from sources.models import BatchKind, PushedGroup, Source
from sources.services.inbox import Arrival, BacklogFullError, deposit

# Groups an organization may have: each is written again and again.
MAX_GROUPS = 5_000
# How often what was pushed is said again: a usual scrape interval.
INTERVAL_SECONDS = 15

# What a sample weighs in the byte counts.
_SAMPLE_BYTES = 16


class TooManyGroupsError(Exception):
    """The organization keeps as many groups as it may."""


@dataclass(frozen=True, slots=True)
class Group:
    """Whose group it is, and the labels that name it."""

    organization_id: int
    team_id: int | None
    source_id: int | None
    labels: Labels

    @property
    def fingerprint(self) -> int:
        """Groups of different teams or sources do not meet."""
        owner = ("", f"{self.team_id or 0}/{self.source_id or 0}")
        return fingerprint((owner, *self.labels))


def keep(
    group: Group, pushed: SampleBatch, *, replace: bool, now: datetime
) -> SampleBatch:
    """Keep what was pushed; return the group's samples and ends of what it no longer has.

    With `replace` nothing else is left of the group; otherwise metrics of other names
    stay. Raises TooManyGroupsError.
    """
    with transaction.atomic():
        before = _locked(group)
        if before is None:
            _check_room(group.organization_id)
        kept = pushed if replace or before is None else _joined(before, pushed)
        PushedGroup.unscoped.update_or_create(
            organization_id=group.organization_id,
            fingerprint=group.fingerprint,
            defaults={
                "team_id": group.team_id,
                "source_id": group.source_id,
                "labels": dict(group.labels),
                "payload": kept.encode(),
                "pushed_at": now,
            },
        )
    gone = set() if before is None else set(before.series) - set(kept.series)
    return _with_ends(pushed, gone, now)


def delete(group: Group, now: datetime) -> SampleBatch | None:
    """Forget the group; return the ends of its series, or None when there is none."""
    with transaction.atomic():
        before = _locked(group)
        _rows(group).delete()
    return None if before is None else _with_ends(None, set(before.series), now)


def anything_pushed() -> bool:
    return PushedGroup.unscoped.exists()


def deposit_all(now: datetime) -> None:
    """Say again what every group holds, at this time.

    An organization whose backlog is full waits for the next round, and no other.
    """
    now_ms = nanoseconds(now) // 10**6
    groups = PushedGroup.unscoped.select_related("source").order_by("id")
    for row in groups.iterator(chunk_size=100):
        source: Source | None = row.source
        if source is not None and not source.enabled:
            continue
        batch = SampleBatch.decode(bytes(row.payload))
        with suppress(BacklogFullError):
            deposit([_arrival(row, _at(batch, now_ms), now)])


def _arrival(row: PushedGroup, batch: SampleBatch, now: datetime) -> Arrival:
    priority = Source.Priority.NORMAL if row.source is None else row.source.priority
    return Arrival(
        organization_id=row.organization_id,
        source_id=row.source_id,
        team_id=row.team_id,
        priority=priority,
        kind=BatchKind.SAMPLES,
        payload=batch.encode(),
        count=batch.count,
        size=batch.count * _SAMPLE_BYTES,
        received_at=now,
    )


def _at(batch: SampleBatch, now_ms: int) -> SampleBatch:
    times = np.full(batch.count, now_ms, np.int64)
    return SampleBatch(batch.series, batch.series_index, times, batch.values)


def _rows(group: Group) -> QuerySet[PushedGroup]:
    return PushedGroup.unscoped.filter(
        organization_id=group.organization_id, fingerprint=group.fingerprint
    )


def _locked(group: Group) -> SampleBatch | None:
    """Return what the group holds; pushes to one group wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('sources.pushed', %s))",
            [group.organization_id],
        )
    row = _rows(group).first()
    return None if row is None else SampleBatch.decode(bytes(row.payload))


def _check_room(organization_id: int) -> None:
    groups = PushedGroup.unscoped.filter(organization_id=organization_id)
    if groups.count() >= MAX_GROUPS:
        raise TooManyGroupsError(
            f"There are {MAX_GROUPS} groups already: delete those that are over."
        )


def _joined(before: SampleBatch, pushed: SampleBatch) -> SampleBatch:
    """Keep the metrics of other names; those of the same are replaced."""
    names = {dict(labels)[METRIC_NAME] for labels in pushed.series}
    stays = np.array(
        [dict(before.series[i])[METRIC_NAME] not in names for i in before.series_index],
        np.bool_,
    )
    series = [before.series[i] for i in before.series_index[stays]]
    count = len(series)
    return SampleBatch(
        (*series, *pushed.series),
        np.append(np.arange(count), pushed.series_index + count).astype(np.int32),
        np.append(before.ts_ms[stays], pushed.ts_ms),
        np.append(before.values[stays], pushed.values),
        {**before.metadata, **pushed.metadata},
    )


def _with_ends(
    batch: SampleBatch | None, gone: Iterable[Labels], now: datetime
) -> SampleBatch:
    """Return the batch with a stale marker behind each series that is gone."""
    ended = sorted(gone)
    first = 0 if batch is None else len(batch.series)
    index = np.arange(first, first + len(ended), dtype=np.int32)
    times = np.full(len(ended), nanoseconds(now) // 10**6, np.int64)
    markers = np.full(len(ended), STALE_NAN_BITS, np.uint64).view(np.float64)
    if batch is None:
        return SampleBatch(tuple(ended), index, times, markers)
    return SampleBatch(
        (*batch.series, *ended),
        np.append(batch.series_index, index),
        np.append(batch.ts_ms, times),
        np.append(batch.values, markers),
        batch.metadata,
    )
