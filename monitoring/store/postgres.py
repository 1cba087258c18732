"""The default store: compressed blocks in PostgreSQL.

This module is what `interface.Store` asks for; mypy checks that it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import chain

from monitoring.store import archive_reads, partitions, rollup_deletion, rollups, vault
from monitoring.store.blocks import Int64s, Samples, merge_samples
from monitoring.store.compaction import organizations_to_compact
from monitoring.store.connection import snapshot
from monitoring.store.log_compaction import compact_logs
from monitoring.store.log_reads import count_logs, log_volume, read_logs
from monitoring.store.log_scans import count_windows, scan_logs
from monitoring.store.log_sources import streams_with_lines
from monitoring.store.log_writing import append_logs
from monitoring.store.partitions import ensure as prepare
from monitoring.store.progress import progress
from monitoring.store.rollups import Coverage
from monitoring.store.sample_compaction import compact_samples
from monitoring.store.samples import append_samples, read_runs
from monitoring.store.tombstones import METRICS, pending

__all__ = [
    "append_logs",
    "append_samples",
    "compact",
    "count_logs",
    "count_windows",
    "delete_before",
    "delete_orphans",
    "log_volume",
    "organizations_to_compact",
    "prepare",
    "progress",
    "read_logs",
    "read_samples",
    "rolled_up",
    "scan_logs",
    "streams_with_lines",
]


def read_samples(
    organization_id: int,
    series: Int64s,
    metrics: Sequence[int] | None,
    start_ms: int,
    end_ms: int,
) -> Samples:
    """Unite blocks and archive; what a block has is younger than what a file has."""
    if len(series) == 0 or end_ms < start_ms:
        return Samples.join([])
    wanted = (organization_id, series, metrics, start_ms, end_ms)
    if not vault.is_configured():
        return merge_samples(read_runs(*wanted))
    tombstones = pending(organization_id, METRICS, start_ms, end_ms)
    with snapshot():
        archived = archive_reads.read_samples(*wanted, tombstones=tombstones)
        stored = read_runs(*wanted, tombstones=tombstones)
    return merge_samples([*archived, *stored])


def rolled_up(
    organization_id: int,
    metrics: Sequence[int],
    series: Int64s,
    *,
    step_ms: int,
    start_ms: int,
    end_ms: int,
) -> Coverage:
    return rollups.coverage(
        organization_id,
        metrics,
        series,
        step_ms=step_ms,
        start_ms=start_ms,
        end_ms=end_ms,
    )


def compact(organization_id: int, *, now: datetime) -> Iterator[int]:
    return chain(
        compact_samples(organization_id, now=now),
        compact_logs(organization_id, now=now),
    )


def delete_before(*, samples: date, logs: date) -> int:
    dropped = partitions.drop_before(partitions.SAMPLES, samples)
    return dropped + partitions.drop_before(partitions.LOGS, logs)


def delete_orphans() -> int:
    return partitions.delete_orphans() + rollup_deletion.delete_orphans()
