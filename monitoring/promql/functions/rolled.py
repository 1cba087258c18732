"""Functions of windows that are answered from roll-ups, exactly.

They are those of the samples, over buckets; only sums are added up in another order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from monitoring.promql.functions.counters import Edges, extrapolate
from monitoring.promql.functions.over_time import Outcome
from monitoring.promql.rolled import BucketBlock
from monitoring.promql.segments import reduce_segments, sum_segments
from monitoring.promql.values import Floats


def _count(block: BucketBlock) -> Outcome:
    return block.total("count"), block.filled


def _present(block: BucketBlock) -> Outcome:
    return np.ones(block.filled.shape), block.filled


def _first(block: BucketBlock) -> Outcome:
    return block.columns["first"][block.low], block.filled


def _last(block: BucketBlock) -> Outcome:
    return block.columns["last"][block.last], block.filled


def _sum(block: BucketBlock) -> Outcome:
    return block.total("sum"), block.filled


def _avg(block: BucketBlock) -> Outcome:
    total = sum_segments(block.columns["sum"], block.low, block.high)
    mean = total / np.maximum(block.total("count"), 1)
    return mean.astype(np.float64), block.filled


def _min(block: BucketBlock) -> Outcome:
    column = block.columns["min"]
    return reduce_segments(np.fmin, column, block.low, block.high), block.filled


def _max(block: BucketBlock) -> Outcome:
    column = block.columns["max"]
    return reduce_segments(np.fmax, column, block.low, block.high), block.filled


def _edges(block: BucketBlock) -> Edges:
    of = block.columns
    return Edges(
        first=of["first"][block.low],
        first_ts=of["first_ts"][block.low],
        last=of["last"][block.last],
        last_ts=of["last_ts"][block.last],
        count=block.total("count"),
        ends_ms=block.ends_ms,
        range_ms=block.range_ms,
    )


def _delta(block: BucketBlock) -> Outcome:
    edges = _edges(block)
    grown = extrapolate(edges, edges.last - edges.first, counter=False)
    return grown, edges.count > 1


def _increase(block: BucketBlock) -> Outcome:
    edges = _edges(block)
    grown = edges.last - edges.first + _lost(block)
    return extrapolate(edges, grown, counter=True), edges.count > 1


def _rate(block: BucketBlock) -> Outcome:
    grown, present = _increase(block)
    return grown / (block.range_ms / 1000.0), present


def _lost(block: BucketBlock) -> Floats:
    """Return what resets took inside the buckets of each window, and between them."""
    inside = block.columns["lost"].astype(np.float64)
    first, last = block.columns["first"], block.columns["last"]
    between = np.zeros(len(inside))
    between[1:] = np.where(first[1:] < last[:-1], last[:-1], 0.0)
    between[block.offsets] = 0.0
    between[-1] = 0.0
    lost = np.zeros(block.low.shape)
    for column, low in ((inside, block.low), (between, block.low + 1)):
        if column.any():
            low = np.minimum(low, block.high)  # noqa: PLW2901 - an empty window
            found = reduce_segments(np.add, column, low, block.high)
            lost += np.where(block.high > low, found, 0.0)
    return lost


_GROWTH: Final = ("count", "first", "first_ts", "last", "last_ts")

Function = Callable[[BucketBlock], Outcome]

# What each function is computed by, and from which columns beside the count.
ROLLED_FUNCTIONS: Final[dict[str, tuple[Function, tuple[str, ...]]]] = {
    "avg_over_time": (_avg, ("count", "sum")),
    "count_over_time": (_count, ("count",)),
    "delta": (_delta, _GROWTH),
    "first_over_time": (_first, ("count", "first")),
    "increase": (_increase, (*_GROWTH, "lost")),
    "last_over_time": (_last, ("count", "last")),
    "max_over_time": (_max, ("count", "max")),
    "min_over_time": (_min, ("count", "min")),
    "present_over_time": (_present, ("count",)),
    "rate": (_rate, (*_GROWTH, "lost")),
    "sum_over_time": (_sum, ("count", "sum")),
}
