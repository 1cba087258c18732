"""Quantiles and fractions of one histogram layout's classic buckets.

`counts` are cumulative, one row per histogram and step, one column per bucket;
`bounds` are the buckets' upper bounds in ascending order, the last one +Inf.
"""

from __future__ import annotations

import numpy as np

from monitoring.promql.values import Bools, Floats

# Differences between neighbouring buckets below this are rounding errors.
_TOLERANCE = 1e-12
_SMALLEST_NORMAL = 2.2250738585072014e-308


def coalesce(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Make one bucket of those with equal bounds, such as le="1" and le="1.0"."""
    distinct, starts = np.unique(bounds, return_index=True)
    if len(distinct) == len(bounds):
        return bounds, counts
    return distinct, np.add.reduceat(counts, starts, axis=1)


def make_monotonic(counts: Floats) -> tuple[Floats, Bools]:
    """Return counts that never fall, and the rows that needed more than rounding."""
    fixed = counts.copy()
    forced = np.zeros(len(counts), np.bool_)
    previous = counts[:, 0]
    for column in range(1, counts.shape[1]):
        current = counts[:, column]
        same = current == previous
        near = ~same & _almost_equal(previous, current)
        fallen = ~same & ~near & (current < previous)
        forced |= fallen
        # What is ignored does not become the measure for the next bucket either.
        fixed[:, column] = np.where(near | fallen, previous, current)
        previous = fixed[:, column]
    return fixed, forced


def _almost_equal(one: Floats, other: Floats) -> Bools:
    total = np.abs(one) + np.abs(other)
    apart = np.abs(one - other)
    tiny = (one == 0) | (other == 0) | (total < _SMALLEST_NORMAL)
    largest = np.finfo(np.float64).max
    close = np.where(
        tiny,
        apart < _TOLERANCE * _SMALLEST_NORMAL,
        apart / np.minimum(total, largest) < _TOLERANCE,
    )
    return close | (np.isnan(one) & np.isnan(other))


def quantiles_of_buckets(
    quantile: Floats, bounds: Floats, counts: Floats
) -> tuple[Floats, Bools]:
    """Return each row's quantile, and the rows that had to be made monotonic."""
    forced = np.zeros(len(counts), np.bool_)
    values = np.full(len(counts), np.nan)
    if np.isposinf(bounds[-1]):
        bounds, counts = coalesce(bounds, counts)
        if len(bounds) > 1:
            counts, forced = make_monotonic(counts)
            values = _interpolate(quantile, bounds, counts)
    values = np.where(quantile < 0, -np.inf, values)
    values = np.where(quantile > 1, np.inf, values)
    sane = (quantile >= 0) & (quantile <= 1)
    return np.where(np.isnan(quantile), np.nan, values), forced & sane


def _interpolate(quantile: Floats, bounds: Floats, counts: Floats) -> Floats:
    observations = counts[:, -1]
    rank = quantile * observations
    reached = counts[:, :-1] >= rank[:, None]
    bucket = np.where(reached.any(axis=1), reached.argmax(axis=1), len(bounds) - 1)
    below = np.concatenate(([0.0], bounds[:-1]))
    before = np.hstack((np.zeros((len(counts), 1)), counts[:, :-1]))
    rows = np.arange(len(counts))
    inside = counts[rows, bucket] - before[rows, bucket]
    share = (rank - before[rows, bucket]) / inside
    start = below[bucket]
    values = start + (bounds[bucket] - start) * share
    # Nothing is known above the last finite bound, nor below a first one under 0.
    values = np.where(bucket == len(bounds) - 1, bounds[-2], values)
    values = np.where((bucket == 0) & (bounds[0] <= 0), bounds[0], values)
    return np.where(observations == 0, np.nan, values)


def fractions_of_buckets(
    lower: Floats, upper: Floats, bounds: Floats, counts: Floats
) -> Floats:
    """Return for each row which share of its observations lies between the bounds."""
    if not np.isposinf(bounds[-1]):
        return np.full(len(counts), np.nan)
    bounds, counts = coalesce(bounds, counts)
    total = counts[:, -1]
    share = _rank(upper, bounds, counts) - _rank(lower, bounds, counts)
    fraction = np.where(lower >= upper, 0.0, share / total)
    unknown = (total == 0) | np.isnan(lower) | np.isnan(upper) | np.isnan(total)
    return np.where(unknown, np.nan, fraction)


def _rank(value: Floats, bounds: Floats, counts: Floats) -> Floats:
    """Return how many observations lie below the value, assumed evenly spread."""
    rows = np.arange(len(counts))
    # The first bucket whose upper bound is above the value holds it.
    bucket = np.minimum(np.searchsorted(bounds, value, "right"), len(bounds) - 1)
    lowest = 0.0 if bounds[0] > 0 else -np.inf
    below = np.concatenate(([lowest], bounds[:-1]))[bucket]
    before = np.where(bucket > 0, counts[rows, np.maximum(bucket - 1, 0)], 0.0)
    within = (
        (counts[rows, bucket] - before) * (value - below) / (bounds[bucket] - below)
    )
    rank = np.where(value <= below, before, before + within)
    rank = np.where(value == np.inf, counts[:, -1], rank)
    return np.minimum(rank, counts[:, -1])
