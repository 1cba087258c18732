"""Deltas to running totals, which outlive restarts: they commit with their samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitoring.store.blocks import Samples
from monitoring.store.connection import execute, fetch
from monitoring.store.owner import Owner, lock


def accumulate(owner: Owner, samples: Samples, *, late_count: bool = False) -> Samples:
    """Return cumulative samples for deltas, sorted by series and time.

    A delta that is no later than what is counted already is dropped: it is either a
    repetition, or its time has a total that must not change any more. Call it in the
    transaction that stores the samples.

    Where `late_count`, a late delta counts just after what is counted already: for
    those that are never repeated, one a series, which parallel workers bring in any
    order.
    """
    lock(owner)
    order = np.lexsort((samples.ts_ms, samples.series))
    ordered = samples.take(order)
    ids, first = np.unique(ordered.series, return_index=True)
    totals, last = _state(ids)
    row = np.searchsorted(ids, ordered.series)
    if late_count:
        times = np.maximum(ordered.ts_ms, last[row] + 1)
        ordered = Samples(ordered.series, times, ordered.values)
    fresh = ordered.ts_ms > last[row]
    fresh[1:] &= (np.diff(ordered.series) != 0) | (np.diff(ordered.ts_ms) != 0)
    kept, row = ordered.take(fresh), row[fresh]
    if not len(kept):
        return kept
    cumulative = totals[row] + _running(kept.values, row, len(first))
    _keep(ids, row, cumulative, kept.ts_ms)
    return Samples(kept.series, kept.ts_ms, cumulative)


def delete_orphans() -> int:
    """Forget the totals of series that are gone."""
    return execute(
        "DELETE FROM monitoring_deltatotal d WHERE NOT EXISTS"
        " (SELECT FROM monitoring_series s WHERE s.id = d.series_id)",
        [],
    )


def _running(
    values: npt.NDArray[np.float64], row: npt.NDArray[np.intp], count: int
) -> npt.NDArray[np.float64]:
    """Return the running sum of the values of each row; rows ascend."""
    if not (np.diff(row) == 0).any():
        return values
    sums = np.empty(len(values))
    ends = np.cumsum(np.bincount(row, minlength=count))
    start = 0
    for end in np.unique(ends).tolist():
        sums[start:end] = np.cumsum(values[start:end])
        start = end
    return sums


def _state(
    ids: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return total and last time of each series; one that is new has none."""
    totals = np.zeros(len(ids))
    last = np.full(len(ids), np.iinfo(np.int64).min)
    rows = fetch(
        "SELECT series_id, total, last_ts_ms FROM monitoring_deltatotal"
        " WHERE series_id = ANY(%s::bigint[])",
        [ids.tolist()],
    )
    if rows:
        known = np.searchsorted(ids, [series_id for series_id, _, _ in rows])
        totals[known] = [total for _, total, _ in rows]
        last[known] = [ts_ms for _, _, ts_ms in rows]
    return totals, last


def _keep(
    ids: npt.NDArray[np.int64],
    row: npt.NDArray[np.intp],
    cumulative: npt.NDArray[np.float64],
    ts_ms: npt.NDArray[np.int64],
) -> None:
    final = np.append(np.diff(row) != 0, True)
    execute(
        "INSERT INTO monitoring_deltatotal (series_id, total, last_ts_ms)"
        " SELECT * FROM unnest(%s::bigint[], %s::float8[], %s::bigint[])"
        " ON CONFLICT (series_id) DO UPDATE"
        " SET total = excluded.total, last_ts_ms = excluded.last_ts_ms",
        [ids[row[final]].tolist(), cumulative[final].tolist(), ts_ms[final].tolist()],
    )
