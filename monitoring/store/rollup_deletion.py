"""Letting go of roll-ups: with their series, by age, and of what is no more."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from django.conf import settings

from monitoring.store.blocks import Int64s
from monitoring.store.connection import Row, copy_in, execute, fetch
from monitoring.store.rollup_columns import decode_rolled
from monitoring.store.rollups import COLUMNS, TABLE, WINDOW_MS, rollup_row


def delete_series(
    organization_id: int, series: Int64s, start_ms: int, end_ms: int
) -> None:
    """Forget the buckets of these series (sorted) that reach into start <= ts <= end.

    What is left of their windows is rolled up again, as far as its samples are there.
    To be called where no compaction runs; joins the caller's transaction.
    """
    if len(series) == 0:
        return
    rows = fetch(
        f"SELECT id, metric_id, step_ms, end_ts, payload FROM {TABLE}"  # noqa: S608 - constants
        " WHERE organization_id = %s AND end_ts >= %s AND end_ts < %s"
        " AND max_series >= %s AND min_series <= %s",
        [
            organization_id,
            start_ms,
            end_ms + WINDOW_MS,
            int(series[0]),
            int(series[-1]),
        ],
    )
    touched: list[int] = []
    written: list[Row] = []
    for row_id, metric, step_ms, window, payload in rows:
        run = decode_rolled(payload, step_ms)
        gone = np.isin(run.series, series) & (run.ends_ms >= start_ms)
        gone &= run.ends_ms - step_ms < end_ms
        if gone.any():
            touched.append(row_id)
        if gone.any() and not gone.all():
            kept = run.take(~gone)
            written.append(rollup_row(organization_id, metric, step_ms, window, kept))
    _exchange(organization_id, touched, written)


def _exchange(organization_id: int, touched: list[int], written: list[Row]) -> None:
    execute(
        "INSERT INTO monitoring_rollupdue (organization_id, metric_id, end_ts)"
        " SELECT DISTINCT %s::bigint, metric_id, end_ts FROM monitoring_rollupblock"
        " WHERE id = ANY(%s::bigint[]) ON CONFLICT DO NOTHING",
        [organization_id, touched],
    )
    execute(f"DELETE FROM {TABLE} WHERE id = ANY(%s::bigint[])", [touched])  # noqa: S608 - constants
    copy_in(TABLE, COLUMNS, written)


def delete_before(organization_id: int, now: datetime) -> int:
    """Delete what is older than roll-ups are kept; return the number of blocks."""
    oldest = now - timedelta(days=settings.METRIC_ROLLUP_RETENTION_DAYS)
    return execute(
        f"DELETE FROM {TABLE} WHERE organization_id = %s AND end_ts < %s",  # noqa: S608 - constants
        [organization_id, int(oldest.timestamp() * 1000)],
    )


def delete_orphans() -> int:
    """Delete what deleted metrics and organizations have left."""
    return sum(
        execute(
            f"DELETE FROM {table} r WHERE NOT EXISTS"  # noqa: S608 - constants
            " (SELECT FROM monitoring_metric m WHERE m.id = r.metric_id)",
            (),
        )
        for table in (TABLE, "monitoring_rollupdue")
    )
