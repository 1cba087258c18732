from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.promql.buckets import fractions_of_buckets, quantiles_of_buckets

pytestmark = pytest.mark.unit

BOUNDS = st.lists(
    st.sampled_from([-2.0, -0.5, 0.0, 0.1, 0.5, 1.0, 2.5, 10.0]),
    unique=True,
    min_size=1,
    max_size=6,
).map(lambda bounds: [*sorted(bounds), math.inf])
HISTOGRAMS = BOUNDS.flatmap(
    lambda bounds: st.tuples(
        st.just(bounds),
        st.lists(st.integers(0, 9), min_size=len(bounds), max_size=len(bounds)),
    )
)


@given(histogram=HISTOGRAMS, quantile=st.integers(0, 100).map(lambda n: n / 100))
def test_a_quantile_is_interpolated_inside_its_bucket(histogram, quantile):
    bounds, sizes = histogram
    counts = np.cumsum(sizes, dtype=float)

    with np.errstate(all="ignore"):
        (value,), (forced,) = quantiles_of_buckets(
            np.array([quantile]), np.array(bounds), counts[None, :]
        )

    wanted = slow_quantile(quantile, bounds, counts.tolist())
    assert value == pytest.approx(wanted, nan_ok=True)
    assert not forced


def slow_quantile(quantile: float, bounds: list[float], counts: list[float]) -> float:
    if counts[-1] == 0:
        return math.nan
    rank = quantile * counts[-1]
    hits = [n for n, count in enumerate(counts[:-1]) if count >= rank]
    bucket = hits[0] if hits else len(bounds) - 1
    if bucket == len(bounds) - 1:
        return bounds[-2]
    if bucket == 0:
        if bounds[0] <= 0:
            return bounds[0]
        share = rank / counts[0] if counts[0] else math.nan
        return bounds[0] * share
    inside = counts[bucket] - counts[bucket - 1]
    share = (rank - counts[bucket - 1]) / inside
    return bounds[bucket - 1] + (bounds[bucket] - bounds[bucket - 1]) * share


@given(
    bounds=BOUNDS,
    counts=st.lists(st.integers(0, 9).map(float), min_size=7, max_size=7),
)
def test_falling_counts_are_forced_up_and_reported(bounds, counts):
    counts = counts[: len(bounds)]
    rising = np.maximum.accumulate(counts)

    with np.errstate(all="ignore"):
        half, exact = np.array([0.5]), np.array(bounds)
        (value,), (forced,) = quantiles_of_buckets(half, exact, np.array([counts]))
        (wanted,), _ = quantiles_of_buckets(half, exact, rising[None, :])

    assert value == pytest.approx(wanted, nan_ok=True)
    assert forced == (counts != rising.tolist())


@given(
    histogram=HISTOGRAMS,
    lower=st.sampled_from([-math.inf, -2.0, 0.0, 0.05, 0.5, 3.0]),
    middle=st.sampled_from([0.5, 0.7, 1.0, 4.0]),
    upper=st.sampled_from([2.5, 5.0, 10.0, 11.0, math.inf]),
)
def test_the_fractions_of_neighbouring_intervals_add_up(
    histogram, lower, middle, upper
):
    bounds, sizes = histogram
    counts = np.cumsum(sizes, dtype=float)[None, :]
    if not lower < middle < upper:
        return

    def fraction(low: float, high: float) -> float:
        with np.errstate(all="ignore"):
            between = np.array([low]), np.array([high])
            return float(fractions_of_buckets(*between, np.array(bounds), counts)[0])

    whole = fraction(lower, upper)
    parts = fraction(lower, middle) + fraction(middle, upper)

    assert parts == pytest.approx(whole, nan_ok=True)
