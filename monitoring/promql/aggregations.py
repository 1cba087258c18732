"""Aggregation operators that make one series of each group."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from monitoring.promql.context import Evaluation
from monitoring.promql.distributions import call_count_values, call_quantile
from monitoring.promql.grouping import Groups, projection
from monitoring.promql.ranking import call_limit_ratio, call_ranked
from monitoring.promql.segments import CANCELLED, LongFloats, neumaier
from monitoring.promql.syntax import Aggregation
from monitoring.promql.values import Bools, Floats, Grid, Ints, Vector

# Given values (series by steps, sorted by group), which of them count, and where
# each group starts: one row per group.
Reduction = Callable[[Floats, Bools, Ints], Floats]

# Cells that are reduced at a time, so that they stay in the CPU's cache.
_CHUNK = 1 << 18


def aggregate(run: Evaluation, node: Aggregation, grid: Grid) -> Vector:
    picked = _WITH_PARAMETER.get(node.op)
    if picked is not None:
        return picked(run, node, grid)
    vector = run.vector(node.expr, grid)
    if len(vector.labels) == 0:
        return vector
    groups = Groups.of(vector.labels, projection(node.labels, keep=not node.without))
    return reduce_groups(vector, groups, _REDUCTIONS[node.op])


def reduce_groups(vector: Vector, groups: Groups, reduction: Reduction) -> Vector:
    shape = (len(groups.labels), vector.steps)
    reduced, filled = np.empty(shape), np.empty(shape, np.bool_)
    width = max(1, _CHUNK // len(vector.labels))
    for start in range(0, vector.steps, width):
        steps = slice(start, start + width)
        values = vector.values[:, steps][groups.order]
        present = vector.present[:, steps][groups.order]
        reduced[:, steps] = reduction(values, present, groups.starts[:-1])
        filled[:, steps] = groups.any_of(vector.present[:, steps])
    return Vector(groups.labels, reduced, filled, groups.nameless(vector.nameless))


def counts(present: Bools, starts: Ints) -> Floats:
    total = np.add.reduceat(present, starts, axis=0, dtype=np.int64)
    return total.astype(np.float64)


def sums(values: Floats, present: Bools, starts: Ints) -> Floats:
    return _long_sums(values, present, starts).astype(np.float64)


def means(values: Floats, present: Bools, starts: Ints) -> Floats:
    mean = _long_sums(values, present, starts) / counts(present, starts)
    return mean.astype(np.float64)


def _long_sums(values: Floats, present: Bools, starts: Ints) -> LongFloats:
    """Return the groups' sums, to be rounded by the caller (see segments.py)."""
    terms = values if present.all() else np.where(present, values, 0.0)
    total: LongFloats = np.add.reduceat(terms, starts, axis=0, dtype=np.longdouble)
    if (terms < 0).any() and (terms > 0).any():
        magnitude = np.add.reduceat(np.abs(terms), starts, axis=0)
        poor = (np.abs(total) < magnitude * CANCELLED).any(axis=0)
        if poor.any():
            total[:, poor] = _sums_exactly(terms[:, poor], starts)
    return total


def _sums_exactly(terms: Floats, starts: Ints) -> Floats:
    """Add the n-th series of all groups to their sums, n by n, with compensation."""
    ends = np.append(starts[1:], len(terms))
    total = np.zeros((len(starts), terms.shape[1]))
    lost = np.zeros_like(total)
    for position in range(int((ends - starts).max())):
        rows = starts + position
        inside = rows < ends
        total[inside], lost[inside] = neumaier(
            total[inside], lost[inside], terms[rows[inside]]
        )
    return total + lost


def variances(values: Floats, present: Bools, starts: Ints) -> Floats:
    sizes = np.diff(np.append(starts, len(values)))
    # Measured from the smallest, so that equal values have exactly none.
    least = np.repeat(minima(values, present, starts), sizes, axis=0)
    apart = values - least
    apart -= np.repeat(means(apart, present, starts), sizes, axis=0)
    squares = np.where(present, apart * apart, 0.0)
    return np.add.reduceat(squares, starts, axis=0) / counts(present, starts)


def deviations(values: Floats, present: Bools, starts: Ints) -> Floats:
    return np.sqrt(variances(values, present, starts))


def minima(values: Floats, present: Bools, starts: Ints) -> Floats:
    """NaN counts only where there is nothing else."""
    return np.fmin.reduceat(np.where(present, values, np.nan), starts, axis=0)


def maxima(values: Floats, present: Bools, starts: Ints) -> Floats:
    return np.fmax.reduceat(np.where(present, values, np.nan), starts, axis=0)


_REDUCTIONS: dict[str, Reduction] = {
    "avg": means,
    "count": lambda values, present, starts: counts(present, starts),
    "group": lambda values, present, starts: np.ones((len(starts), values.shape[1])),
    "max": maxima,
    "min": minima,
    "stddev": deviations,
    "stdvar": variances,
    "sum": sums,
}

_WITH_PARAMETER: dict[str, Callable[[Evaluation, Aggregation, Grid], Vector]] = {
    "bottomk": call_ranked,
    "count_values": call_count_values,
    "limit_ratio": call_limit_ratio,
    "limitk": call_ranked,
    "quantile": call_quantile,
    "topk": call_ranked,
}
