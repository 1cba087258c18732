"""Reads roll-ups where they say what samples would, and more cheaply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from accounts.scope import Scope
from accounts.services.believed import Believed
from monitoring.labels import Matcher
from monitoring.promql.rolled import Buckets
from monitoring.services import selection
from monitoring.services.selection import Selected
from monitoring.store import engine
from monitoring.store.rollup_columns import Rolled, join, roll
from monitoring.store.rollups import WINDOW_MS, Coverage, window_end
from monitoring.store.series_index import SeriesIndex

# Where samples come too seldom for roll-ups of a minute, each question would ask for
# them anew. What is rolled up since is there as samples, too, for much longer.
_known_to_have_none: Believed[bool] = Believed(60.0)


def forget() -> None:
    """Ask for roll-ups again, as a new process does."""
    _known_to_have_none.clear()


def buckets(
    scope: Scope,
    matchers: Sequence[Matcher],
    start_ms: int,
    end_ms: int,
    *,
    step_ms: int,
    columns: Sequence[str],
    index: SeriesIndex | None = None,
) -> Buckets | None:
    """Return the buckets with start < end of the bucket <= end of matching series.

    What is not rolled up is read as samples, and rolled here. None where that would
    be the greater part. Raises TooMuchDataError.
    """
    if end_ms - start_ms < WINDOW_MS:
        return None  # Samples of two blocks are nothing to save.
    found = selection.matching_series(scope, matchers, index=index)
    metrics = found.metrics
    if not metrics or len(metrics) >= selection.MANY_METRICS:
        return None
    place = scope.organization_id, step_ms, tuple(metrics)
    if _known_to_have_none.get(place):
        return None
    covered = engine.rolled_up(
        scope.organization_id,
        metrics,
        found.ids,
        step_ms=step_ms,
        start_ms=start_ms,
        end_ms=end_ms,
    )
    if not covered.any_at_all:
        _known_to_have_none.look_up(place, lambda: True)
        return None
    windows = _windows(start_ms, end_ms)
    if 2 * len(covered.blocks) < len(windows) * len(metrics):
        return None
    runs = covered.rolled(found.ids, start_ms, end_ms, columns)
    for missing, first, last in _gaps(covered, metrics, windows):
        samples = engine.read_samples(
            scope.organization_id,
            found.of_metrics(missing),
            missing,
            max(first, start_ms) + 1,
            min(last, end_ms),
        )
        runs.append(roll(samples, step_ms))
    return _buckets(found, join(runs, columns), step_ms)


def _windows(start_ms: int, end_ms: int) -> list[int]:
    """Return the ends of all windows that have a part in start < ts <= end."""
    edges = window_end(np.array([start_ms + 1, end_ms])).tolist()
    return list(range(edges[0], edges[1] + 1, WINDOW_MS))


def _gaps(
    covered: Coverage, metrics: Sequence[int], windows: Sequence[int]
) -> Iterator[tuple[list[int], int, int]]:
    """Yield metrics and the time, start < ts <= end, that no roll-up tells of."""
    known = covered.windows

    def missing(end: int) -> list[int]:
        return [metric for metric in metrics if (metric, end) not in known]

    for lacking, group in groupby(windows, key=missing):
        ends = list(group)
        if lacking:
            yield lacking, ends[0] - WINDOW_MS, ends[-1]


def _buckets(found: Selected, run: Rolled, step_ms: int) -> Buckets:
    # A bucket of nothing but a stale marker counts only for who asks for markers.
    if "ended_ts" not in run.columns:
        run = run.take(run.columns["count"] > 0)
    starts = np.flatnonzero(np.diff(run.series, prepend=-1))
    place = np.searchsorted(found.ids, run.series[starts])
    return Buckets(
        step_ms,
        found.table(place),
        np.append(starts, len(run)).astype(np.int64),
        run.ends_ms,
        run.columns,
    )
