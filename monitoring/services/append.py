"""The one way in: batches of lines and samples become blocks.

Called inside the caller's transaction; everything here is in bulk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from accounts.models import Organization
from accounts.scope import Scope
from monitoring.labels import unpack_labels
from monitoring.models import Signal
from monitoring.services.policy import longest_kept
from monitoring.store import deltas, engine, exemplars, metrics, registry
from monitoring.store.blocks import Samples
from monitoring.store.owner import Owner
from monitoring.store.registry import LimitExceededError
from monitoring.telemetry import (
    LogBatch,
    PackedSeries,
    RefSamples,
    SampleBatch,
    nanoseconds,
    packed_series,
)

__all__ = [
    "AppendOutcome",
    "LimitExceededError",
    "append_logs",
    "append_refs",
    "append_samples",
]

# How far ahead of ours a sender's clock may be.
MAX_AHEAD = timedelta(hours=1)

TOO_OLD = "older_than_retention"
TOO_NEW = "too_far_in_the_future"


@dataclass(frozen=True, slots=True)
class AppendOutcome:
    """How many records were stored, and how many were not, by reason."""

    stored: int
    rejected: Mapping[str, int] = field(default_factory=dict)


def append_logs(
    scope: Scope, batch: LogBatch, *, team_id: int | None, now: datetime
) -> AppendOutcome:
    """Store parsed lines: neither `ts_ns` nor `level` is null.

    No line is refused for its time: one older than retention or too far in the future
    is stored under the time of its arrival. Raises LimitExceededError, and then
    nothing is written.
    """
    if batch.count == 0:
        return AppendOutcome(0)
    owner = Owner(scope.organization_id, team_id)
    index = batch.table.column("stream").to_numpy()
    used = np.unique(index)
    ids = registry.resolve_streams(
        owner,
        [batch.streams[i] for i in used],
        limit=lambda: _limits(scope).max_streams,
        now=now,
    )
    engine.append_logs(
        scope.organization_id,
        np.array(ids, np.int64)[np.searchsorted(used, index)],
        _plausible(scope, batch.table.column("ts_ns").to_numpy(), now),
        batch.table.column("level").to_numpy(),
        batch.table.drop_columns(["stream", "ts_ns", "level"]),
        now=now,
    )
    return AppendOutcome(batch.count)


def _plausible(
    scope: Scope, ts_ns: npt.NDArray[np.int64], now: datetime
) -> npt.NDArray[np.int64]:
    """Replace times outside what is kept by the time of arrival."""
    oldest = now - longest_kept(scope.organization_id, Signal.LOGS)
    odd = (ts_ns < nanoseconds(oldest)) | (ts_ns > nanoseconds(now + MAX_AHEAD))
    return np.where(odd, nanoseconds(now), ts_ns) if odd.any() else ts_ns


def append_samples(
    scope: Scope,
    batch: SampleBatch,
    *,
    team_id: int | None,
    now: datetime,
    late_count: bool = False,
) -> AppendOutcome:
    """Store samples, except those with a time outside what is kept.

    Deltas are stored as what they add up to; where `late_count`, even those that come
    late, one a series at the most.

    Raises LimitExceededError when the batch brings more new series than the
    organization may have; then nothing is written.
    """
    kept, rejected = _within_retention(scope, batch.ts_ms, now)
    owner = Owner(scope.organization_id, team_id)
    index = batch.series_index[kept]
    by_series = _ids(scope, owner, batch, index, now)
    metrics.describe(owner, batch.metadata, now=now)
    _append_exemplars(scope, batch, by_series[:, 0], now)
    if not len(index):
        return AppendOutcome(0, rejected)
    samples = Samples(
        by_series[index, 0],
        batch.ts_ms[kept].astype(np.int64, copy=False),
        batch.values[kept],
    )
    named = by_series[index, 1]
    if batch.is_delta:
        samples = deltas.accumulate(owner, samples, late_count=late_count)
        place = np.argsort(by_series[:, 0])
        found = np.searchsorted(by_series[place, 0], samples.series)
        named = by_series[place[found], 1]
    if len(samples):
        engine.append_samples(scope.organization_id, named, samples, now=now)
    return AppendOutcome(len(samples), rejected)


def append_refs(scope: Scope, samples: RefSamples, *, now: datetime) -> AppendOutcome:
    """Store samples of registered series, except those with a time outside what is kept.

    That a series may be gone which somebody still refers to needs no look: one is
    deleted when it has not been in use for longer than any of its samples is kept.
    """
    kept, rejected = _within_retention(scope, samples.ts_ms, now)
    taken = Samples(samples.series, samples.ts_ms, samples.values).take(kept)
    if len(taken):
        metrics_of = samples.metrics[kept]
        engine.append_samples(scope.organization_id, metrics_of, taken, now=now)
    return AppendOutcome(len(taken), rejected)


def _ids(
    scope: Scope,
    owner: Owner,
    batch: SampleBatch,
    index: npt.NDArray[np.int32],
    now: datetime,
) -> npt.NDArray[np.int64]:
    """Return (series id, metric id) of each of the batch's series that is used.

    The other rows are zeros.
    """
    packed = packed_series(batch.series)
    ids = np.zeros((len(packed), 2), np.int64)
    named = np.concatenate([index, batch.exemplars.series_index])
    used = np.flatnonzero(np.bincount(named, minlength=len(packed)))
    if not len(used):
        return ids
    ids[used] = registry.resolve_series(
        owner,
        PackedSeries([packed[place] for place in used.tolist()]),
        limit=lambda: _limits(scope).max_series,
        now=now,
    )
    return ids


def _append_exemplars(
    scope: Scope, batch: SampleBatch, ids: npt.NDArray[np.int64], now: datetime
) -> None:
    """Keep the exemplars of stored series whose time is one that is kept."""
    found = batch.exemplars
    if not len(found):
        return
    series = ids[found.series_index]
    kept, _ = _within_retention(scope, found.ts_ms, now)
    rows = np.flatnonzero(kept & (series != 0))
    labels = packed_series(found.labels)
    exemplars.append(
        scope.organization_id,
        series[rows],
        found.ts_ms[rows],
        found.values[rows],
        [unpack_labels(labels[row]) for row in rows.tolist()],
    )


def _within_retention(
    scope: Scope, ts_ms: npt.NDArray[np.int64], now: datetime
) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
    now_ms = nanoseconds(now) // 10**6
    kept = longest_kept(scope.organization_id, Signal.METRICS)
    old = ts_ms < now_ms - kept // timedelta(milliseconds=1)
    new = ts_ms > now_ms + int(MAX_AHEAD.total_seconds() * 1000)
    counts = {TOO_OLD: np.count_nonzero(old), TOO_NEW: np.count_nonzero(new)}
    rejected = {reason: int(count) for reason, count in counts.items() if count}
    return ~(old | new), rejected


def _limits(scope: Scope) -> Organization:
    return Organization.objects.only("max_series", "max_streams").get(
        pk=scope.organization_id
    )
