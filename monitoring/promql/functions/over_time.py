"""Functions `<aggregation>_over_time` that need one reduction per window."""

from __future__ import annotations

import numpy as np

from monitoring.promql.segments import reduce_segments, sum_segments
from monitoring.promql.values import Bools, Floats
from monitoring.promql.windows import Block

Outcome = tuple[Floats, Bools]


def count_over_time(block: Block) -> Outcome:
    return block.count.astype(np.float64), block.filled


def present_over_time(block: Block) -> Outcome:
    return np.ones(block.filled.shape), block.filled


def last_over_time(block: Block) -> Outcome:
    return block.values[block.last], block.filled


def first_over_time(block: Block) -> Outcome:
    return block.values[block.low], block.filled


def sum_over_time(block: Block) -> Outcome:
    total = sum_segments(block.values, block.low, block.high)
    return total.astype(np.float64), block.filled


def avg_over_time(block: Block) -> Outcome:
    total = sum_segments(block.values, block.low, block.high)
    mean = total / np.maximum(block.count, 1)
    return mean.astype(np.float64), block.filled


def min_over_time(block: Block) -> Outcome:
    """NaN counts only where there is nothing else."""
    return reduce_segments(np.fmin, block.values, block.low, block.high), block.filled


def max_over_time(block: Block) -> Outcome:
    return reduce_segments(np.fmax, block.values, block.low, block.high), block.filled
