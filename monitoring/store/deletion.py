"""Deleting records out of blocks: bounded steps, each a transaction.

A step rewrites a few blocks without the doomed records, at the place in age that they
had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.db import transaction

from monitoring.store import archive, partitions, rollup_deletion
from monitoring.store.blocks import Int64s, decode_logs, decode_samples
from monitoring.store.connection import Row, copy_in, execute, fetch
from monitoring.store.log_writing import COLUMNS as LOG_COLUMNS
from monitoring.store.log_writing import MERGED
from monitoring.store.log_writing import block_row as log_row
from monitoring.store.samples import PLACED, day_of_ms
from monitoring.store.samples import block_row as sample_row
from monitoring.store.tombstones import METRICS, NS_IN_MS, Tombstone, unit_of

# Blocks of one step; together they have a few million samples at most.
BATCH = 16


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction has done."""

    blocks: int
    records: int


@contextmanager
def alone(organization_id: int) -> Iterator[None]:
    """Open a transaction that waits for compactions and keeps new ones off.

    Raises OperationalError when that takes longer than ten seconds.
    """
    with transaction.atomic():
        execute("SET LOCAL lock_timeout = '10s'", ())
        fetch(
            "SELECT pg_advisory_xact_lock("
            "hashtextextended('monitoring.compaction', %s))",
            [organization_id],
        )
        yield


def mark() -> int:
    """Return a number between those of blocks there are and those to come."""
    ((marker,),) = fetch("SELECT nextval('monitoring_block_id')", ())
    return int(marker)


def erase_blocks(
    organization_id: int,
    signal: str,
    doom: Tombstone,
    metrics: Sequence[int] | None = None,
) -> Iterator[Step]:
    """Delete the doomed records of blocks; begun anew, it goes on where it stopped.

    `metrics` are the metrics of the doomed series, where they are known.
    """
    for day, ids in _candidates(organization_id, signal, doom, metrics):
        for start in range(0, len(ids), BATCH):
            with alone(organization_id):
                step = _erase(organization_id, signal, doom, day, ids[start:][:BATCH])
            yield step


def erase_rollups(organization_id: int, signal: str, doom: Tombstone) -> None:
    """Forget what the doomed samples were rolled up to."""
    if signal == METRICS:
        with alone(organization_id):
            rollup_deletion.delete_series(
                organization_id, doom.ids, doom.start, doom.end
            )


def erase_old_rollups(
    organization_id: int, series: Int64s, span: rollup_deletion.Span
) -> Iterator[Step]:
    """Delete these series' buckets (ids, sorted) of a span; records are buckets."""
    rows = rollup_deletion.rows_in(organization_id, series, span)
    for start in range(0, len(rows), BATCH):
        with alone(organization_id):
            step = Step(*rollup_deletion.forget(rows[start:][:BATCH], series))
        yield step


def _candidates(
    organization_id: int, signal: str, doom: Tombstone, metrics: Sequence[int] | None
) -> list[tuple[date, list[int]]]:
    """Return the blocks that may have doomed records, by day."""
    if not len(doom.ids):
        return []
    if signal == METRICS:
        age, where = "appended", "max_series >= %s AND min_series <= %s"
        more: list[Any] = [int(doom.ids[0]), int(doom.ids[-1])]
        if metrics is not None:
            where, more = where + " AND metrics && %s::bigint[]", [*more, list(metrics)]
    else:
        age, where, more = "id", "stream_id = ANY(%s::bigint[])", [doom.ids.tolist()]
    rows = fetch(
        f"SELECT day, array_agg(id ORDER BY id) FROM {archive.TABLES[signal]}"  # noqa: S608 - constants
        " WHERE organization_id = %s AND day BETWEEN %s AND %s"
        f" AND max_ts >= %s AND min_ts <= %s AND (%s::bigint IS NULL OR {age} <= %s)"
        f" AND {where} GROUP BY day ORDER BY day",
        [
            organization_id,
            day_of(signal, doom.start),
            day_of(signal, doom.end),
            doom.start,
            doom.end,
            doom.marker,
            doom.marker,
            *more,
        ],
    )
    return [(day, ids) for day, ids in rows]


def day_of(signal: str, moment: int) -> date:
    return day_of_ms(moment * unit_of(signal) // NS_IN_MS)


def _erase(
    organization_id: int, signal: str, doom: Tombstone, day: date, ids: list[int]
) -> Step:
    erase = _erase_samples if signal == METRICS else _erase_lines
    return erase(organization_id, doom, day, ids)


def _erase_samples(
    organization_id: int, doom: Tombstone, day: date, ids: list[int]
) -> Step:
    rows = fetch(
        "SELECT id, level, appended, metrics, payload FROM monitoring_sampleblock"
        " WHERE day = %s AND id = ANY(%s::bigint[]) FOR UPDATE",
        [day, ids],
    )
    touched: list[int] = []
    written: list[Row] = []
    records = 0
    for block_id, level, appended, metrics, payload in rows:
        run = decode_samples(payload)
        hit = doom.doomed(run.series, run.ts_ms)
        if not hit.any():
            continue
        touched.append(block_id)
        records += int(np.count_nonzero(hit))
        if not hit.all():
            # Which metric has no sample left is not worth a look into the registry.
            kept = sample_row(organization_id, level, np.array(metrics), run.take(~hit))
            written.append((*kept, appended))
    _exchange(partitions.SAMPLES, PLACED, day, touched, written)
    return Step(len(touched), records)


def _erase_lines(
    organization_id: int, doom: Tombstone, day: date, ids: list[int]
) -> Step:
    rows = fetch(
        "SELECT id, stream_id, level, count,"
        " CASE WHEN min_ts >= %s AND max_ts <= %s THEN NULL ELSE payload END"
        " FROM monitoring_logblock WHERE day = %s AND id = ANY(%s::bigint[]) FOR UPDATE",
        [doom.start, doom.end, day, ids],
    )
    touched: list[int] = []
    written: list[Row] = []
    records = 0
    for block_id, stream_id, level, count, payload in rows:
        if payload is None:  # All of its lines are doomed.
            touched.append(block_id)
            records += count
            continue
        lines = decode_logs(payload, block_id, text=None)
        kept = np.flatnonzero((lines.ts_ns < doom.start) | (lines.ts_ns > doom.end))
        if len(kept) < count:
            touched.append(block_id)
            records += count - len(kept)
            rest = lines.take(kept)
            if len(rest):
                # From MERGED on a block says where its lines stood when they arrived.
                kept_level = max(level, MERGED)
                written.append(log_row(organization_id, stream_id, kept_level, rest))
    _exchange(partitions.LOGS, LOG_COLUMNS, day, touched, written)
    return Step(len(touched), records)


def _exchange(
    table: str, columns: dict[str, str], day: date, old: list[int], new: list[Row]
) -> None:
    execute(
        f"DELETE FROM {table} WHERE day = %s AND id = ANY(%s::bigint[])",  # noqa: S608 - constants
        [day, old],
    )
    if new:
        copy_in(table, columns, new)


def erase_day(organization_id: int, signal: str, day: date) -> Iterator[Step]:
    """Delete all of an organization's blocks and files of one day."""
    table = archive.TABLES[signal]
    while True:
        rows = fetch(
            f"DELETE FROM {table} WHERE day = %s AND id = ANY(ARRAY("  # noqa: S608 - constants
            f" SELECT id FROM {table} WHERE organization_id = %s AND day = %s"
            " LIMIT 500 FOR UPDATE SKIP LOCKED)) RETURNING count",
            [day, organization_id, day],
        )
        if not rows:
            break
        yield Step(len(rows), sum(row[0] for row in rows))
