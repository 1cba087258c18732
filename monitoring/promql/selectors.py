"""Reads what selectors ask for, and brings it onto the grid of the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from monitoring.labels import Matcher
from monitoring.promql.limits import Budget
from monitoring.promql.rolled import (
    Buckets,
    RolledQuerier,
    RolledVector,
    fitting_step,
)
from monitoring.promql.syntax import At, AtKind, MatrixSelector, VectorSelector
from monitoring.promql.values import Bools, Floats, Grid, Ints, Vector
from monitoring.promql.windows import (
    BLOCK_CELLS,
    RangeVector,
    count_until,
    stale,
    without_stale,
)
from monitoring.telemetry import STALE_NAN_BITS, Querier, SeriesData

STALE: Final = np.array([STALE_NAN_BITS], np.int64).view(np.float64)[0]


@dataclass(slots=True)
class Selection:
    """Selects for one query, each thing once however often the query names it."""

    querier: Querier
    outer: Grid
    budget: Budget
    # The steps of the roll-ups that were used.
    rolled_steps: set[int] = field(default_factory=set)
    _seen: dict[tuple[tuple[Matcher, ...], int, int], SeriesData] = field(
        default_factory=dict
    )

    def instant(self, selector: VectorSelector, grid: Grid) -> Vector:
        """Return each series' newest sample within the lookback of every step."""
        data, index, present = self._newest(selector, grid)
        return self._spread(data, data.values, index, present, grid)

    def times(self, selector: VectorSelector, grid: Grid) -> Vector:
        """Return the time of that sample, in seconds, as its value."""
        data, index, present = self._newest(selector, grid)
        return self._spread(data, data.ts_ms / 1000.0, index, present, grid)

    def windows(self, matrix: MatrixSelector, grid: Grid) -> RangeVector:
        selector = matrix.selector
        ends = self.moved(grid, selector.at, selector.offset_ms)
        first = ends.start_ms - matrix.range_ms + 1
        data = without_stale(self._select(selector.matchers, first, ends.end_ms))
        self.budget.admit_points(len(data.labels), grid.count)
        named = np.zeros(len(data.labels), np.bool_)
        return RangeVector(data.labels, named, data, grid, ends, matrix.range_ms)

    def rolled(
        self, matrix: MatrixSelector, grid: Grid, columns: Sequence[str]
    ) -> RolledVector | None:
        """Return the same windows as buckets of roll-ups, where that can be."""
        selector = matrix.selector
        ends = self.moved(grid, selector.at, selector.offset_ms)
        step_ms = fitting_step(ends, matrix.range_ms)
        if step_ms is None:
            return None
        first = ends.start_ms - matrix.range_ms
        data = self._buckets(
            selector.matchers, first, ends.end_ms, step_ms=step_ms, columns=columns
        )
        if data is None:
            return None
        self.budget.admit_points(len(data.labels), grid.count)
        return RolledVector(data, grid, ends, matrix.range_ms)

    def _buckets(
        self,
        matchers: tuple[Matcher, ...],
        start_ms: int,
        end_ms: int,
        *,
        step_ms: int,
        columns: Sequence[str],
    ) -> Buckets | None:
        if not isinstance(self.querier, RolledQuerier):
            return None
        self.budget.check()
        data = self.querier.buckets(
            matchers, start_ms, end_ms, step_ms=step_ms, columns=columns
        )
        if data is not None:
            self.budget.admit_buckets(len(data.labels), len(data.ends_ms))
            self.rolled_steps.add(step_ms)
        return data

    def moved(self, grid: Grid, at: At | None, offset_ms: int) -> Grid:
        """Return the times that `@` and `offset` make of the grid's."""
        match at:
            case None:
                pinned = grid
            case At(AtKind.START):
                pinned = Grid.at(self.outer.start_ms)
            case At(AtKind.END):
                pinned = Grid.at(self.outer.end_ms)
            case At(_, time_ms):
                pinned = Grid.at(time_ms)
        return pinned.moved(-offset_ms)

    def _newest(
        self, selector: VectorSelector, grid: Grid
    ) -> tuple[SeriesData, Ints, Bools]:
        times = self.moved(grid, selector.at, selector.offset_ms)
        lookback_ms = self.budget.limits.lookback_ms
        first = times.start_ms - lookback_ms + 1
        data = self._newest_of_buckets(selector.matchers, times, lookback_ms)
        if data is None:
            data = self._select(selector.matchers, first, times.end_ms)
        self.budget.admit_points(len(data.labels), grid.count)
        index, present = newest(data, times, lookback_ms)
        return data, index, present

    def _newest_of_buckets(
        self, matchers: tuple[Matcher, ...], times: Grid, lookback_ms: int
    ) -> SeriesData | None:
        """Return the newest sample of each bucket: where steps are borders, no other
        sample can be a step's newest.
        """
        step_ms = fitting_step(times, 0)
        if step_ms is None:
            return None
        first = times.start_ms - -(-lookback_ms // step_ms) * step_ms
        columns = ("count", "last", "last_ts", "ended_ts")
        found = self._buckets(
            matchers, first, times.end_ms, step_ms=step_ms, columns=columns
        )
        if found is None:
            return None
        ended = found.columns["ended_ts"] > 0
        return SeriesData(
            found.labels,
            found.offsets,
            np.where(ended, found.columns["ended_ts"], found.columns["last_ts"]),
            np.where(ended, STALE, found.columns["last"]),
        )

    def _spread(
        self, data: SeriesData, column: Floats, index: Ints, present: Bools, grid: Grid
    ) -> Vector:
        if len(column) == 0:
            return Vector.empty(grid.count)
        shape = (len(data.labels), grid.count)
        values = np.broadcast_to(column[index], shape)
        return Vector.named(data.labels, values, np.broadcast_to(present, shape))

    def _select(
        self, matchers: tuple[Matcher, ...], start_ms: int, end_ms: int
    ) -> SeriesData:
        key = (matchers, start_ms, end_ms)
        if key not in self._seen:
            self.budget.check()
            data = self.querier.select(matchers, start_ms, end_ms)
            self.budget.admit_data(data)
            self._seen[key] = data
        return self._seen[key]


def newest(data: SeriesData, times: Grid, lookback_ms: int) -> tuple[Ints, Bools]:
    """Return the index of each step's sample, and whether there is one at all.

    A stale marker hides what came before it. An index is valid even where there
    is no sample.
    """
    series = len(data.labels)
    index = np.zeros((series, times.count), np.int64)
    present = np.zeros((series, times.count), np.bool_)
    if len(data.values) == 0:
        return index, present
    usable = ~stale(np.ascontiguousarray(data.values))
    oldest = times.times_ms - lookback_ms
    height = max(1, BLOCK_CELLS // times.count)
    for start in range(0, series, height):
        rows = slice(start, min(start + height, series))
        offsets = data.offsets[rows.start : rows.stop + 1]
        first = int(offsets[0])
        ts_ms = data.ts_ms[first : int(offsets[-1])]
        high = count_until(ts_ms, offsets - first, times) + first
        found = high > offsets[:-1, None]
        last = np.maximum(high - 1, 0)
        index[rows] = last
        present[rows] = found & (data.ts_ms[last] > oldest) & usable[last]
    return index, present
