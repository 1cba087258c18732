"""Roll-ups in PostgreSQL: made by compaction, read where a query's steps allow it.

A roll-up covers one metric and one window of two hours, `start < ts <= end`, and is
made when the window is over. What compaction puts into blocks of a metric is marked as
due in the same transaction, so late samples have their window rolled again; until then
the window's samples are read instead. So are those of a window with samples that no
compaction has sorted by metric yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

import numpy as np

from monitoring.store.blocks import Int64s, Samples, decode_samples, merge_samples
from monitoring.store.connection import Row, copy_in, execute, fetch
from monitoring.store.rollup_columns import (
    STEPS_MS,
    Rolled,
    decode_rolled,
    encode_rolled,
    roll,
)
from monitoring.store.samples import day_of_ms
from monitoring.store.tombstones import METRICS, PENDING, reach_of_pending
from monitoring.telemetry import STALE_NAN_BITS

WINDOW_MS = 2 * 3_600_000
# Samples of a window arrive for some time after its end.
GRACE = timedelta(minutes=10)
# A roll-up is made where it has at most this part of the samples' number of rows: of
# samples every 15 s there is none of a minute. It would take twice as much as they do.
LEAST_GAIN = 8
# What one transaction rolls up.
METRICS_AT_ONCE = 50

TABLE = "monitoring_rollupblock"
COLUMNS = {
    "organization_id": "int8",
    "metric_id": "int8",
    "step_ms": "int4",
    "end_ts": "int8",
    "min_series": "int8",
    "max_series": "int8",
    "count": "int4",
    "samples": "int8",
    "payload": "bytea",
}

# Kinds of rows that a reader is told.
_ROLLED, _DUE, _FRESH, _HIDDEN, _ANY = range(5)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which windows can be answered from roll-ups of one step.

    `blocks` are (metric, end of the window, payload); `windows` are the same without
    payload. `any_at_all` says whether the metrics have such roll-ups of any time.
    """

    step_ms: int
    blocks: Sequence[tuple[int, int, bytes]]
    any_at_all: bool = True

    @property
    def windows(self) -> set[tuple[int, int]]:
        return {(metric, end) for metric, end, _payload in self.blocks}

    def rolled(
        self, series: Int64s, start_ms: int, end_ms: int, wanted: Sequence[str]
    ) -> list[Rolled]:
        """Return the buckets of the series (sorted) with start < end of bucket <= end."""
        runs = []
        for _metric, _end, payload in self.blocks:
            run = decode_rolled(payload, self.step_ms, wanted)
            place = np.minimum(np.searchsorted(series, run.series), len(series) - 1)
            inside = series[place] == run.series
            inside &= (run.ends_ms > start_ms) & (run.ends_ms <= end_ms)
            runs.append(run if inside.all() else run.take(inside))
        return runs


def window_end(ts_ms: Int64s) -> Int64s:
    """Return the end of the window that each time lies in."""
    ends: Int64s = -(-ts_ms // WINDOW_MS) * WINDOW_MS
    return ends


def mark_due(organization_id: int, metrics: Int64s, samples: Samples) -> None:
    """Have the windows of these samples rolled up; joins the caller's transaction."""
    pairs = np.unique(np.stack([metrics, window_end(samples.ts_ms)]), axis=1)
    execute(
        "INSERT INTO monitoring_rollupdue (organization_id, metric_id, end_ts)"
        " SELECT %s, m.id, n.end_ts FROM unnest(%s::bigint[], %s::bigint[])"
        " AS n(metric_id, end_ts) JOIN monitoring_metric m ON m.id = n.metric_id"
        " ON CONFLICT DO NOTHING",
        [organization_id, pairs[0].tolist(), pairs[1].tolist()],
    )


def due(organization_id: int, now: datetime) -> Iterator[tuple[int, list[int]]]:
    """Yield the end and some metrics of windows that are over and not rolled up."""
    over = int((now - GRACE).timestamp() * 1000)
    rows = fetch(
        "SELECT end_ts, metric_id FROM monitoring_rollupdue"
        " WHERE organization_id = %s AND end_ts <= %s ORDER BY 1, 2",
        [organization_id, over],
    )
    for end, of_window in groupby(rows, key=lambda row: row[0]):
        metrics = [row[1] for row in of_window]
        for first in range(0, len(metrics), METRICS_AT_ONCE):
            yield end, metrics[first : first + METRICS_AT_ONCE]


def roll_up(organization_id: int, end_ms: int, metrics: Sequence[int]) -> None:
    """Make the roll-ups of one window anew; to be called by the only compaction."""
    for metric in metrics:
        samples = _sorted_samples(organization_id, metric, end_ms)
        if len(samples):
            _replace(organization_id, metric, end_ms, samples)
    execute(
        "DELETE FROM monitoring_rollupdue WHERE organization_id = %s AND end_ts = %s"
        " AND metric_id = ANY(%s::bigint[])",
        [organization_id, end_ms, list(metrics)],
    )


def _sorted_samples(organization_id: int, metric: int, end_ms: int) -> Samples:
    start_ms = end_ms - WINDOW_MS
    rows = fetch(
        "SELECT payload FROM monitoring_sampleblock WHERE organization_id = %s"
        " AND level > 0 AND metrics[1] = %s AND max_ts > %s AND min_ts <= %s"
        " AND day BETWEEN %s AND %s ORDER BY appended",
        [
            organization_id,
            metric,
            start_ms,
            end_ms,
            datetime.fromtimestamp(start_ms / 1000, tz=UTC).date(),
            datetime.fromtimestamp(end_ms / 1000, tz=UTC).date(),
        ],
    )
    runs = []
    for (payload,) in rows:
        run = decode_samples(payload)
        inside = (run.ts_ms > start_ms) & (run.ts_ms <= end_ms)
        runs.append(run if inside.all() else run.take(inside))
    return merge_samples(runs)


def _replace(organization_id: int, metric: int, end_ms: int, samples: Samples) -> None:
    """Put what the samples come to in the place of what was there.

    Where that had known more samples, some are in the archive or gone: then there is no
    roll-up any more, and readers take what samples there are.
    """
    known = fetch(
        f"DELETE FROM {TABLE} WHERE organization_id = %s AND metric_id = %s"  # noqa: S608 - constants
        " AND end_ts = %s RETURNING samples",
        [organization_id, metric, end_ms],
    )
    rows = []
    for step_ms in STEPS_MS:
        rolled = roll(samples, step_ms)
        if len(rolled) * LEAST_GAIN <= len(samples):
            rows.append(rollup_row(organization_id, metric, step_ms, end_ms, rolled))
    count = np.count_nonzero(samples.values.view(np.uint64) != STALE_NAN_BITS)
    if all(before <= count for (before,) in known):
        copy_in(TABLE, COLUMNS, rows)


def rollup_row(
    organization_id: int, metric: int, step_ms: int, end_ms: int, rolled: Rolled
) -> Row:
    return (
        organization_id,
        metric,
        step_ms,
        end_ms,
        int(rolled.series[0]),
        int(rolled.series[-1]),
        len(rolled),
        int(rolled.columns["count"].sum()),
        encode_rolled(rolled, step_ms),
    )


# All of it in one snapshot: a window is rolled up anew while others read. A deletion
# that is under way is one of which roll-ups do not know yet.
_COVERAGE = f"""
SELECT {_ROLLED}, metric_id, end_ts, 0, payload FROM {TABLE}
WHERE organization_id = %(organization)s AND step_ms = %(step)s
  AND metric_id = ANY(%(metrics)s::bigint[])
  AND end_ts > %(start)s AND end_ts <= %(end)s
UNION ALL
SELECT {_DUE}, metric_id, end_ts, 0, NULL FROM monitoring_rollupdue
WHERE organization_id = %(organization)s AND end_ts > %(start)s
  AND end_ts <= %(end)s AND metric_id = ANY(%(metrics)s::bigint[])
UNION ALL
SELECT DISTINCT {_FRESH}, m.id, b.min_ts / %(window)s, b.max_ts / %(window)s, NULL::bytea
FROM monitoring_sampleblock b
JOIN unnest(%(metrics)s::bigint[]) AS m(id) ON b.metrics @> ARRAY[m.id]
WHERE b.organization_id = %(organization)s AND b.level = 0
  AND b.day BETWEEN %(first_day)s AND %(last_day)s
  AND b.max_ts > %(start)s AND b.min_ts <= %(end)s
UNION ALL
SELECT {_HIDDEN}, 0, 0, 0, NULL FROM monitoring_deleterequest WHERE {PENDING}
UNION ALL
SELECT {_ANY}, 0, 0, 0, NULL WHERE EXISTS (
  SELECT FROM {TABLE} WHERE organization_id = %(organization)s
    AND step_ms = %(step)s AND metric_id = ANY(%(metrics)s::bigint[]))
"""  # noqa: S608 - constants


def coverage(
    organization_id: int,
    metrics: Sequence[int],
    series: Int64s,
    *,
    step_ms: int,
    start_ms: int,
    end_ms: int,
) -> Coverage:
    """Return the roll-ups that say all there is of their windows."""
    asked = {
        **reach_of_pending(organization_id, METRICS, start_ms, end_ms),
        "metrics": list(metrics),
        "step": step_ms,
        "start": start_ms,
        "end": int(window_end(np.array([end_ms]))[0]),
        "window": WINDOW_MS,
        "first_day": day_of_ms(start_ms),
        "last_day": day_of_ms(end_ms),
    }
    rows = fetch(_COVERAGE, asked)
    if any(row[0] == _HIDDEN for row in rows):
        return Coverage(step_ms, [])
    dirty = _not_rolled_up(rows)
    rolled = [(row[1], row[2], row[4]) for row in rows if row[0] == _ROLLED]
    covered = [row for row in rolled if row[:2] not in dirty]
    return Coverage(step_ms, covered, any(row[0] == _ANY for row in rows))


def _not_rolled_up(rows: Sequence[Row]) -> set[tuple[int, int]]:
    """Return (metric, end of window) with samples that no roll-up knows."""
    marked = {(metric, end) for kind, metric, end, *_ in rows if kind == _DUE}
    # A sample at the very edge belongs to the window that it ends.
    edges = {
        (metric, number * WINDOW_MS)
        for kind, metric, first, last, _ in rows
        if kind == _FRESH
        for number in range(first, last + 2)
    }
    return marked | edges
