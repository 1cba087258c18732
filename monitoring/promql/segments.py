"""Reductions over segments of an array: windows of samples, groups of series.

A segment is `low:high`, two arrays of indices; segments may overlap and leave
gaps. The array must be longer than every `high`. What comes out for an empty
segment means nothing.
"""

from __future__ import annotations

import numpy as np

from monitoring.promql.values import Floats, Ints

# numpy sums pairwise. Only where terms cancel so much that its error could show
# in the leading digits is the slower, compensated sum worth its price.
_CANCELLED = 1e-4

_CHUNK = 1 << 20


def reduce_segments(ufunc: np.ufunc, array: Floats, low: Ints, high: Ints) -> Floats:
    """Return `ufunc.reduce(array[low:high])` for every segment, in their shape."""
    pairs = np.empty((low.size, 2), np.int64)
    pairs[:, 0] = low.ravel()
    pairs[:, 1] = high.ravel()
    # Every second result spans from one segment's end to the next one's start.
    return ufunc.reduceat(array, pairs.ravel())[::2].reshape(low.shape)


def sum_segments(array: Floats, low: Ints, high: Ints) -> Floats:
    """Return every segment's sum, compensated where that matters."""
    total = reduce_segments(np.add, array, low, high)
    magnitude = reduce_segments(np.add, np.abs(array), low, high)
    # False for NaN and for infinite sums, which no compensation would change.
    poor = np.abs(total) < magnitude * _CANCELLED
    poor &= high > low
    if poor.any():
        total = total.copy()
        total[poor] = _sum_exactly(array, low[poor], high[poor])
    return total


def _sum_exactly(array: Floats, low: Ints, high: Ints) -> Floats:
    """Sum each segment with Neumaier's compensation, all segments side by side."""
    total = np.zeros(len(low))
    lost = np.zeros(len(low))
    for position in range(int((high - low).max())):
        inside = low + position < high
        term = np.where(inside, array[np.minimum(low + position, high - 1)], 0.0)
        total, lost = neumaier(total, lost, term)
    return total + lost


def neumaier(total: Floats, lost: Floats, term: Floats) -> tuple[Floats, Floats]:
    """Add a term to a sum; `lost` gathers what rounding took from it."""
    with np.errstate(invalid="ignore", over="ignore"):
        grown = total + term
        larger = np.abs(total) >= np.abs(term)
        error = np.where(larger, (total - grown) + term, (term - grown) + total)
        return grown, np.where(np.isinf(grown), 0.0, lost + error)


def spread_out(low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Return the indices of all segments' elements in a row, and their borders.

    Segment `i` becomes `borders[i]:borders[i + 1]`.
    """
    sizes = high - low
    borders = np.concatenate(([0], np.cumsum(sizes)))
    index = np.arange(borders[-1]) + np.repeat(low - borders[:-1], sizes)
    return index, borders
