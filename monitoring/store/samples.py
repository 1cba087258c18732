"""Sample blocks in PostgreSQL: written per drain and day, read in one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.store import blocks, interface, partitions
from monitoring.store.blocks import Int64s, Samples
from monitoring.store.connection import Row, copy_in, fetch
from monitoring.store.open_samples import OpenRun, open_samples
from monitoring.store.tombstones import (
    METRICS,
    PENDING,
    Tombstone,
    pending,
    reach_of_pending,
    visible_samples,
)
from monitoring.telemetry import TooMuchDataError, distinct

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)
# The id of the row that says that something is to be hidden.
_HIDDEN = -1
# The last millisecond that a date can have.
LAST_MS = 253_402_300_799_999

# Until it is compacted into a day, a block stays inside one window.
WINDOW_MS = 2 * 3_600_000

COLUMNS = {
    "day": "date",
    "organization_id": "int8",
    "metrics": "int8[]",
    "level": "int2",
    "min_ts": "int8",
    "max_ts": "int8",
    "min_series": "int8",
    "max_series": "int8",
    "count": "int4",
    "payload": "bytea",
}
PLACED = {**COLUMNS, "appended": "int8"}

# Mixed blocks and blocks of one metric are found by an index each, in one statement
# and hence one snapshot: a compaction that runs meanwhile neither hides nor doubles
# a sample. Older ones come first, so that the last appended of doubles wins. Before
# them a row of no block says that something is to be hidden, which is rare.
_READ = """
SELECT * FROM (
  SELECT {hidden}::bigint AS id, -1::bigint AS appended, NULL::bytea AS payload
  FROM monitoring_deleterequest
  WHERE %(tombstones)s AND {pending} LIMIT 1
) hidden
UNION ALL
SELECT id, appended, {payload} FROM monitoring_sampleblock
WHERE organization_id = %(organization)s AND level = 0 AND {reach}
  AND (%(metrics)s::bigint[] IS NULL OR metrics && %(metrics)s::bigint[])
UNION ALL
SELECT id, appended, {payload} FROM monitoring_sampleblock
WHERE organization_id = %(organization)s AND level > 0 AND {reach}
  AND (%(metrics)s::bigint[] IS NULL OR metrics[1] = ANY(%(metrics)s::bigint[]))
ORDER BY 2
""".format(  # noqa: S608 - constants
    payload="CASE WHEN id = ANY(%(kept)s::bigint[]) THEN NULL ELSE payload END",
    hidden=_HIDDEN,
    pending=PENDING,
    reach="""day BETWEEN %(first_day)s AND %(last_day)s
  AND max_ts >= %(start)s AND min_ts <= %(end)s
  AND max_series >= %(min_series)s AND min_series <= %(max_series)s""",
)


def day_of_ms(ts_ms: int) -> date:
    """Return the day in UTC; times beyond what a date can say count as the nearest."""
    return EPOCH + timedelta(days=min(max(ts_ms, 0), LAST_MS) // DAY_MS)


def append_samples(
    organization_id: int, metrics: Int64s, samples: Samples, *, now: datetime
) -> None:
    """Write one mixed block a window; `metrics` has the metric id of every sample."""
    windows = samples.ts_ms // WINDOW_MS
    starts = distinct(windows)
    days = {day_of_ms(int(window) * WINDOW_MS) for window in starts}
    partitions.ensure(days, now=now)
    rows = []
    for window in starts:
        chosen = slice(None) if len(starts) == 1 else windows == window
        inside = samples.take(chosen)
        rows.append(block_row(organization_id, 0, distinct(metrics[chosen]), inside))
    copy_in(partitions.SAMPLES, COLUMNS, rows)


def block_row(
    organization_id: int, level: int, metrics: npt.NDArray[Any], samples: Samples
) -> Row:
    first = int(samples.ts_ms.min())
    return (
        day_of_ms(first),
        organization_id,
        [int(metric) for metric in metrics],
        level,
        first,
        int(samples.ts_ms.max()),
        int(samples.series.min()),
        int(samples.series.max()),
        len(samples),
        blocks.encode_samples(samples),
    )


def read_runs(
    organization_id: int,
    series: Int64s,
    metrics: Sequence[int] | None,
    start_ms: int,
    end_ms: int,
    *,
    tombstones: Sequence[Tombstone] | None = None,
) -> list[Samples]:
    """Return the samples of these series (ids, sorted) with start <= ts <= end.

    A run for each block, the last appended last. `metrics` are the series' metrics;
    None spares the narrowing where nearly all of them are meant. Tombstones are looked
    for unless they are given. Raises TooMuchDataError.
    """
    kept = open_samples.of(organization_id)
    reach = _reach(organization_id, series, metrics, start_ms, end_ms)
    asked = {**reach, "kept": list(kept), "tombstones": tombstones is None}
    rows = fetch(_READ, asked)
    if rows and rows[0][0] == _HIDDEN:
        tombstones = pending(organization_id, METRICS, start_ms, end_ms)
        rows = rows[1:]
    runs: list[Samples] = []
    total = 0
    for block_id, appended, payload in rows:
        whole = kept[block_id] if payload is None else _opened(payload)
        if isinstance(whole, OpenRun):
            open_samples.keep(organization_id, block_id, whole)
            run = whole.narrowed(series, start_ms, end_ms)
        else:
            run = narrow(whole, series, start_ms, end_ms)
        hiding = [t for t in tombstones or () if t.covers_block(appended)]
        run = visible_samples(run, hiding) if hiding else run
        total += len(run)
        if total > interface.MAX_SAMPLES:
            raise TooMuchDataError(
                f"The query needs more than {interface.MAX_SAMPLES} samples."
            )
        runs.append(run)
    return runs


def _opened(payload: bytes) -> OpenRun | Samples:
    """Return a block's samples, with each series' place where they are sorted."""
    run = blocks.decode_samples(payload)
    opened = OpenRun.of(run)
    return run if opened is None else opened


def _reach(
    organization_id: int,
    series: Int64s,
    metrics: Sequence[int] | None,
    start_ms: int,
    end_ms: int,
) -> dict[str, Any]:
    return {
        "organization": organization_id,
        "metrics": None if metrics is None else list(metrics),
        "first_day": day_of_ms(start_ms),
        "last_day": day_of_ms(end_ms),
        "start": start_ms,
        "end": end_ms,
        "min_series": int(series[0]),
        "max_series": int(series[-1]),
        **reach_of_pending(organization_id, METRICS, start_ms, end_ms),
    }


def narrow(run: Samples, series: Int64s, start_ms: int, end_ms: int) -> Samples:
    """Keep what is asked for; `series` is sorted, so that a binary search finds it."""
    place = np.searchsorted(series, run.series)
    place[place == len(series)] = 0
    wanted = series[place] == run.series
    wanted &= (run.ts_ms >= start_ms) & (run.ts_ms <= end_ms)
    return run if wanted.all() else run.take(wanted)
