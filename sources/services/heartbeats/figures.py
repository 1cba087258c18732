"""Heartbeats as metrics, under the names that Healthchecks gives its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

import numpy as np

from monitoring.labels import Labels, make_labels
from monitoring.telemetry import (
    MetricMetadata,
    MetricType,
    SampleBatch,
    nanoseconds,
)
from sources.models import BatchKind, Heartbeat, Source
from sources.services.heartbeats.states import status_at
from sources.services.inbox import Arrival, deposit

UP = "hc_check_up"
STARTED = "hc_check_started"
DURATION = "hc_check_duration_seconds"

_METADATA = {
    UP: MetricMetadata(MetricType.GAUGE, "", "0 while a heartbeat is late or failed."),
    STARTED: MetricMetadata(MetricType.GAUGE, "", "1 while a heartbeat's job runs."),
    DURATION: MetricMetadata(
        MetricType.GAUGE, "seconds", "How long a heartbeat's job took the last time."
    ),
}

Sample = tuple[Labels, float]


def deposit_figures(heartbeats: Sequence[Heartbeat], *, now: datetime) -> None:
    """Send the states of these heartbeats on the way that all samples take."""
    deposit([_arrival(list(own), now) for own in _by_owner(heartbeats)])


def deposit_all(now: datetime) -> None:
    """Say the states of all heartbeats again: a sample is believed five minutes."""
    rows = Heartbeat.unscoped.exclude(
        status__in=[Heartbeat.Status.NEW, Heartbeat.Status.PAUSED]
    )
    if found := list(rows):
        deposit_figures(found, now=now)


def _by_owner(heartbeats: Iterable[Heartbeat]) -> Iterator[Iterator[Heartbeat]]:
    def owner(heartbeat: Heartbeat) -> tuple[int, int]:
        return heartbeat.organization_id, heartbeat.team_id or 0

    for _, own in groupby(sorted(heartbeats, key=owner), owner):
        yield own


def _arrival(own: Sequence[Heartbeat], now: datetime) -> Arrival:
    samples = [sample for heartbeat in own for sample in _samples(heartbeat, now)]
    ts_ms = nanoseconds(now) // 10**6
    batch = SampleBatch(
        series=tuple(labels for labels, _ in samples),
        series_index=np.arange(len(samples), dtype=np.int32),
        ts_ms=np.full(len(samples), ts_ms, np.int64),
        values=np.array([value for _, value in samples], np.float64),
        metadata=_METADATA,
    )
    payload = batch.encode()
    return Arrival(
        organization_id=own[0].organization_id,
        source_id=None,
        team_id=own[0].team_id,
        priority=Source.Priority.HIGH,
        kind=BatchKind.SAMPLES,
        payload=payload,
        count=batch.count,
        size=len(payload),
        received_at=now,
    )


def _samples(heartbeat: Heartbeat, now: datetime) -> Iterator[Sample]:
    labels = {
        "name": str(heartbeat),
        "slug": heartbeat.slug,
        "tags": " ".join(heartbeat.tags),
        "unique_key": heartbeat.code.hex,
    }
    is_up = status_at(heartbeat, now) != Heartbeat.Status.DOWN
    yield make_labels({"__name__": UP, **labels}), float(is_up)
    is_started = heartbeat.last_start_at is not None
    yield make_labels({"__name__": STARTED, **labels}), float(is_started)
    if heartbeat.last_duration is not None:
        took = heartbeat.last_duration.total_seconds()
        yield make_labels({"__name__": DURATION, **labels}), took
