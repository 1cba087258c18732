"""The default store: compressed blocks in PostgreSQL.

This module is what `interface.Store` asks for; mypy checks that it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain

from monitoring.store import partitions
from monitoring.store.compaction import organizations_to_compact
from monitoring.store.log_compaction import compact_logs
from monitoring.store.log_reads import count_logs, log_volume, read_logs
from monitoring.store.log_scans import count_windows, scan_logs
from monitoring.store.logs import append_logs, streams_with_lines
from monitoring.store.partitions import delete_orphans
from monitoring.store.partitions import ensure as prepare
from monitoring.store.sample_compaction import compact_samples
from monitoring.store.samples import append_samples, read_samples

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
    "read_logs",
    "read_samples",
    "scan_logs",
    "streams_with_lines",
]


def compact(organization_id: int, *, now: datetime) -> Iterator[int]:
    return chain(
        compact_samples(organization_id, now=now),
        compact_logs(organization_id, now=now),
    )


def delete_before(*, samples: date, logs: date) -> int:
    dropped = partitions.drop_before(partitions.SAMPLES, samples)
    return dropped + partitions.drop_before(partitions.LOGS, logs)
