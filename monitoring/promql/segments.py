"""Reductions over segments of an array: windows of samples, groups of series.

A segment is `low:high`, two arrays of indices; segments may overlap and leave
gaps. The array must be longer than every `high`. What comes out for an empty
segment means nothing.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from monitoring.promql.values import Floats, Ints

# Sums are made in long doubles (64 bits of mantissa on x86) and rounded once: as
# good as a compensated sum, and faster. Only where terms cancel each other down to
# this share of their magnitude is that not enough.
CANCELLED = 1e-2

# Integers up to here, and so their sums, are exact in doubles.
_EXACT = 2.0**53

A = TypeVar("A", Floats, npt.NDArray[np.longdouble])
LongFloats = npt.NDArray[np.longdouble]


def reduce_segments(ufunc: np.ufunc, array: A, low: Ints, high: Ints) -> A:
    """Return `ufunc.reduce(array[low:high])` for every segment, in their shape."""
    pairs = np.empty((low.size, 2), np.int64)
    pairs[:, 0] = low.ravel()
    pairs[:, 1] = high.ravel()
    # Every second result spans from one segment's end to the next one's start.
    reduced: A = ufunc.reduceat(array, pairs.ravel())[::2].reshape(low.shape)
    return reduced


def sum_segments(array: Floats, low: Ints, high: Ints) -> Floats | LongFloats:
    """Return every segment's sum, to be rounded by the caller."""
    if _sums_are_exact(array, high - low):
        return reduce_segments(np.add, array, low, high)
    total = reduce_segments(np.add, array.astype(np.longdouble), low, high)
    if (array < 0).any() and (array > 0).any():
        magnitude = reduce_segments(np.add, np.abs(array), low, high)
        # False for NaN and for infinite sums, which no compensation would change.
        poor = (np.abs(total) < magnitude * CANCELLED) & (high > low)
        if poor.any():
            total[poor] = _sum_exactly(array, low[poor], high[poor])
    return total


def _sums_are_exact(array: Floats, sizes: Ints) -> bool:
    largest = np.abs(array).max(initial=0.0) * sizes.max(initial=1)
    return bool(largest < _EXACT and (array == np.rint(array)).all())


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
    grown = total + term
    larger = np.abs(total) >= np.abs(term)
    error = np.where(larger, (total - grown) + term, (term - grown) + total)
    return grown, np.where(np.isinf(grown), 0.0, lost + error)


def spread_out(low: Ints, high: Ints) -> Ints:
    """Return the indices of all segments' elements, one segment after the other."""
    sizes = high - low
    borders = np.cumsum(sizes) - sizes
    index: Ints = np.arange(sizes.sum()) + np.repeat(low - borders, sizes)
    return index
