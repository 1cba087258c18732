"""Letting go of roll-ups: with their series, by age, and of what is no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings

from monitoring.store.blocks import Int64s
from monitoring.store.connection import Row, copy_in, execute, fetch
from monitoring.store.days import MAX_DECODED, NOTHING, Amount
from monitoring.store.rollup_columns import decode_rolled
from monitoring.store.rollups import COLUMNS, TABLE, WINDOW_MS, rollup_row
from monitoring.store.samples import day_of_ms
from monitoring.store.tombstones import is_among


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


@dataclass(frozen=True, slots=True)
class Span:
    """Windows that end until `end_ms`: after `since_ms`, or made since the marker."""

    end_ms: int
    since_ms: int = 0
    marker: int | None = None

    @property
    def condition(self) -> str:
        return (
            "organization_id = %(organization)s AND end_ts <= %(end)s"
            " AND (end_ts > %(since)s OR id > %(marker)s)"
        )

    def parameters(self, organization_id: int) -> dict[str, Any]:
        return {
            "organization": organization_id,
            "end": self.end_ms,
            "since": self.since_ms,
            "marker": self.marker,
        }


def any_in(organization_id: int, span: Span) -> bool:
    ((found,),) = fetch(
        f"SELECT EXISTS (SELECT FROM {TABLE} WHERE {span.condition})",  # noqa: S608 - constants
        span.parameters(organization_id),
    )
    return bool(found)


def rows_in(organization_id: int, series: Int64s, span: Span) -> list[int]:
    """Return the ids of rows that may have buckets of these series (sorted)."""
    return [row[0] for row in _rows(organization_id, series, span, "id")]


def _rows(organization_id: int, series: Int64s, span: Span, columns: str) -> list[Row]:
    if len(series) == 0:
        return []
    reach = {"first": int(series[0]), "last": int(series[-1])}
    return fetch(
        f"SELECT {columns} FROM {TABLE} WHERE {span.condition}"  # noqa: S608 - constants
        " AND max_series >= %(first)s AND min_series <= %(last)s ORDER BY end_ts, id",
        {**span.parameters(organization_id), **reach},
    )


def forget(row_ids: Sequence[int], series: Int64s) -> tuple[int, int]:
    """Delete the buckets of these series (sorted) from some rows, for good.

    Return how many rows were changed, and how many buckets deleted. Unlike a deletion
    it does not have the windows rolled up again: what is left of them stays as it is,
    even where the samples are gone. Joins the caller's transaction.
    """
    rows = fetch(
        "SELECT id, organization_id, metric_id, step_ms, end_ts, payload"  # noqa: S608 - constants
        f" FROM {TABLE} WHERE id = ANY(%s::bigint[]) FOR UPDATE",
        [list(row_ids)],
    )
    touched: list[int] = []
    written: list[Row] = []
    buckets = 0
    for row_id, organization_id, metric, step_ms, window, payload in rows:
        run = decode_rolled(payload, step_ms)
        gone = is_among(run.series, series)
        if gone.any():
            touched.append(row_id)
            buckets += int(np.count_nonzero(gone))
        if gone.any() and not gone.all():
            kept = run.take(~gone)
            written.append(rollup_row(organization_id, metric, step_ms, window, kept))
    execute(f"DELETE FROM {TABLE} WHERE id = ANY(%s::bigint[])", [touched])  # noqa: S608 - constants
    copy_in(TABLE, COLUMNS, written)
    return len(touched), buckets


def amount(
    organization_id: int, series: Int64s, span: Span
) -> tuple[Amount, date | None]:
    """Return how many buckets these series (sorted) have, and the first one's day."""
    rows = _rows(
        organization_id,
        series,
        span,
        "id, step_ms, end_ts, count, octet_length(payload), min_series, max_series",
    )
    total, oldest = NOTHING, None
    for number, (row_id, step_ms, window, count, size, first, last) in enumerate(rows):
        exact = number < MAX_DECODED
        if exact:
            doomed = _count(row_id, step_ms, series)
        else:
            share = ((series >= first) & (series <= last)).sum() / (last - first + 1)
            doomed = int(count * share)
        total += Amount(doomed, size * doomed // count, exact)
        if doomed and oldest is None:
            # The window of midnight belongs to the day before.
            oldest = day_of_ms(window - 1)
    return total, oldest


def _count(row_id: int, step_ms: int, series: Int64s) -> int:
    rows = fetch(f"SELECT payload FROM {TABLE} WHERE id = %s", [row_id])  # noqa: S608 - constants
    runs = (decode_rolled(row[0], step_ms, ()) for row in rows)
    return sum(int(is_among(run.series, series).sum()) for run in runs)


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
