"""OTLP's histograms as classic ones: buckets that count everything up to a bound."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

# Exponential buckets are merged until at most four of them double the value: their
# bounds are then few and the same for every sender, and a quantile is right to 19 %.
FINEST_SCALE = 2

# Deltas are added up bound by bound, so that all points need the same bounds: zero, and
# the powers of two from a millionth to a million.
_FIXED_BOUNDS = [0.0, *(2.0**exponent for exponent in range(-20, 21))]

# More would be as many series each.
MAX_BUCKETS = 400

Counts = npt.NDArray[np.float64]


class InvalidHistogramError(ValueError):
    """The text says what does not fit."""


def explicit(point: Any) -> tuple[list[float], Counts]:
    """Return upper bounds and cumulative counts, without that of +Inf.

    Raises InvalidHistogramError.
    """
    bounds, counts = list(point.explicit_bounds), np.array(point.bucket_counts, float)
    if len(counts) and len(counts) != len(bounds) + 1:
        raise InvalidHistogramError(
            f"{len(counts)} bucket counts do not fit {len(bounds)} explicit bounds"
        )
    if len(bounds) > MAX_BUCKETS:
        raise InvalidHistogramError(
            f"{len(bounds)} buckets are more than the {MAX_BUCKETS} that may be"
        )
    if any(a >= b for a, b in pairwise(bounds)):
        raise InvalidHistogramError("explicit bounds do not ascend")
    if not len(counts):
        return [], np.empty(0)
    return bounds, np.cumsum(counts)[:-1]


def exponential(point: Any) -> tuple[list[float], Counts]:
    """Return upper bounds and cumulative counts of merged buckets, without +Inf.

    A bucket with index i holds values up to 2 ** ((i + 1) / 2 ** scale). Merging two
    neighbours halves the scale and moves no bound that is left, so that points of
    different scales have bounds in common. Raises InvalidHistogramError.
    """
    scale = int(point.scale)
    if not -10 <= scale <= 20:  # noqa: PLR2004 - what OpenTelemetry allows
        raise InvalidHistogramError(f"scale {scale} is not between -10 and 20")
    shift = max(0, scale - FINEST_SCALE)
    negative = _merged(point.negative, shift)
    positive = _merged(point.positive, shift)
    base = 2.0 ** -(scale - shift)
    bounds: list[float] = []
    counts: list[float] = []
    for index in sorted(negative, reverse=True):  # Upwards from the most negative.
        bounds.append(-_power(index * base))
        counts.append(negative[index])
    bounds.append(float(point.zero_threshold))
    counts.append(float(point.zero_count))
    for index in sorted(positive):
        bounds.append(_power((index + 1) * base))
        counts.append(positive[index])
    if len(bounds) > MAX_BUCKETS:
        raise InvalidHistogramError(
            f"{len(bounds)} buckets are more than the {MAX_BUCKETS} that may be"
        )
    return _distinct(bounds, counts)


def exponential_delta(point: Any) -> tuple[list[float], Counts]:
    """Return the same at bounds that are always the same ones.

    What is not above zero counts at zero. Raises InvalidHistogramError.
    """
    bounds, counts = exponential(point)
    upper = np.array(bounds)
    upper[upper <= point.zero_threshold] = 0.0
    place = np.searchsorted(upper, np.array(_FIXED_BOUNDS) * (1 + 1e-9), "right")
    below = np.append(0.0, counts)[place]
    return list(_FIXED_BOUNDS), below


def _merged(buckets: Any, shift: int) -> dict[int, float]:
    """Return the counts that are not zero by their index at the coarser scale."""
    found: dict[int, float] = {}
    for place, count in enumerate(buckets.bucket_counts):
        if count:
            index = (buckets.offset + place) >> shift
            found[index] = found.get(index, 0.0) + count
    return found


def _power(exponent: float) -> float:
    """Exponents beyond a float's are those of bounds that nothing reaches."""
    return float(2.0 ** min(max(exponent, -1074.0), 1023.0))


def _distinct(
    bounds: Sequence[float], counts: Sequence[float]
) -> tuple[list[float], Counts]:
    """Join buckets of one bound, which a wide zero bucket or tiny values may have."""
    ascending = np.maximum.accumulate(np.array(bounds))
    cumulative = np.cumsum(np.array(counts))
    last = np.append(np.diff(ascending) > 0, True)
    return ascending[last].tolist(), cumulative[last]


def bound_text(bound: float) -> str:
    """Return a bound as the label `le` has it: the shortest digits, no exponent."""
    return np.format_float_positional(bound, trim="-")
