"""Compaction of log blocks: a stream's small blocks of a day become large ones.

A line keeps its `origin` and `row`, its place in the order of arrival, so that a
reader's cursor stays true whatever is merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from monitoring.store import partitions
from monitoring.store.blocks import (
    MAX_BYTES,
    MAX_LINES,
    decode_logs,
    merge_logs,
    split_logs,
)
from monitoring.store.compaction import (
    FAN_IN,
    Candidate,
    last_finished_day,
    merge_alone,
    take_out,
    tier,
)
from monitoring.store.connection import copy_in, fetch
from monitoring.store.log_writing import COLUMNS, FINISHED, MERGED, block_row

# What one merge may load.
MAX_MERGED_LINES = 4 * MAX_LINES
MAX_MERGED_BYTES = 4 * MAX_BYTES


@dataclass(frozen=True, slots=True)
class Merge:
    day: date
    stream_id: int
    level: int
    sources: Sequence[int]


def compact_logs(organization_id: int, *, now: datetime) -> Iterator[int]:
    """Do one merge at a time; yield how many blocks each has merged.

    Raises SourcesGoneError.
    """
    for day, stream_id in _days_with_fresh_blocks(organization_id):
        merge = _tier_merge(organization_id, day, stream_id)
        if merge is not None:
            yield _carry_out(organization_id, merge)
    for merge in _day_merges(organization_id, now):
        yield _carry_out(organization_id, merge)


def _days_with_fresh_blocks(organization_id: int) -> list[tuple[date, int]]:
    rows = fetch(
        "SELECT day, stream_id FROM monitoring_logblock"
        " WHERE organization_id = %s AND level = 0"
        " GROUP BY day, stream_id HAVING count(*) >= %s",
        [organization_id, FAN_IN],
    )
    return [(day, stream_id) for day, stream_id in rows]


def _tier_merge(organization_id: int, day: date, stream_id: int) -> Merge | None:
    """Blocks of one size; those between them in time make no difference."""
    rows = fetch(
        "SELECT id, count, size FROM monitoring_logblock"
        " WHERE organization_id = %s AND day = %s AND stream_id = %s"
        " AND count < %s AND size < %s ORDER BY count DESC, min_ts",
        [organization_id, day, stream_id, MAX_LINES // 2, MAX_BYTES // 2],
    )
    chosen = tier([Candidate(pk, count) for pk, count, _size in rows])
    if not chosen:
        return None
    wanted = {candidate.id for candidate in chosen}
    sources = _affordable([row for row in rows if row[0] in wanted][::-1])
    return Merge(day, stream_id, MERGED, sources) if len(sources) > 1 else None


def _day_merges(organization_id: int, now: datetime) -> Iterator[Merge]:
    """What is left of a finished day, small as it may be."""
    groups = fetch(
        "SELECT day, stream_id, array_agg(id ORDER BY min_ts),"
        " array_agg(count ORDER BY min_ts), array_agg(size ORDER BY min_ts)"
        " FROM monitoring_logblock WHERE organization_id = %s AND day <= %s"
        " AND level < %s AND count < %s AND size < %s"
        " GROUP BY day, stream_id HAVING count(*) > 1",
        [
            organization_id,
            last_finished_day(now),
            FINISHED,
            MAX_LINES // 2,
            MAX_BYTES // 2,
        ],
    )
    for day, stream_id, *columns in groups:
        sources = _affordable(list(zip(*columns, strict=True)))
        if len(sources) > 1:
            yield Merge(day, stream_id, FINISHED, sources)


def _affordable(rows: Sequence[tuple[int, int, int]]) -> list[int]:
    """Return the ids of the first (id, count, size) that one merge may load."""
    totals = np.cumsum([row[1:] for row in rows], axis=0)
    fit = (totals[:, 0] <= MAX_MERGED_LINES) & (totals[:, 1] <= MAX_MERGED_BYTES)
    return [row[0] for row in rows[: int(np.count_nonzero(fit))]]


def _carry_out(organization_id: int, merge: Merge) -> int:
    """Replace the sources by their merged blocks, unless someone else is at it."""
    with merge_alone(organization_id) as alone:
        if not alone:
            return 0
        rows = take_out(partitions.LOGS, "stream_id", merge.day, merge.sources)
        merged = merge_logs([decode_logs(p, pk, text=None) for _, pk, p in rows])
        copy_in(
            partitions.LOGS,
            COLUMNS,
            [
                block_row(organization_id, merge.stream_id, merge.level, piece)
                for piece in split_logs(merged)
            ],
        )
    return len(merge.sources)
