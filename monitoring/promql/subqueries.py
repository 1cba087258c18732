"""Subqueries: an expression evaluated on its own steps, then seen as samples."""

from __future__ import annotations

import numpy as np

from monitoring.promql.context import Evaluation
from monitoring.promql.syntax import Subquery
from monitoring.promql.values import Grid, Vector
from monitoring.promql.windows import RangeVector
from monitoring.telemetry import SeriesData


def subquery_windows(run: Evaluation, node: Subquery, grid: Grid) -> RangeVector:
    ends = run.moved(node, grid)
    step_ms = node.step_ms or run.budget.limits.subquery_step_ms
    inner = aligned(ends.start_ms - node.range_ms, ends.end_ms, step_ms)
    if inner.count < 1:
        data, nameless = SeriesData.empty(), np.zeros(0, np.bool_)
    else:
        run.budget.admit_points(1, inner.count)
        vector = run.vector(node.expr, inner)
        data, nameless = flatten(vector, inner), vector.nameless
    run.budget.admit_points(len(data.labels), grid.count)
    return RangeVector(data.labels, nameless, data, grid, ends, node.range_ms)


def aligned(start_ms: int, end_ms: int, step_ms: int) -> Grid:
    """Return the multiples of the step after the start, up to the end.

    They do not depend on when the query is asked, so that neighbouring queries
    see the same points.
    """
    first = (start_ms // step_ms + 1) * step_ms
    return Grid(first, step_ms, (end_ms - first) // step_ms + 1)


def flatten(vector: Vector, grid: Grid) -> SeriesData:
    """Return the present values as samples of their series."""
    times = np.broadcast_to(grid.times_ms, vector.present.shape)
    offsets = np.concatenate(([0], np.cumsum(vector.present.sum(axis=1))))
    return SeriesData(
        vector.labels, offsets, times[vector.present], vector.values[vector.present]
    )
