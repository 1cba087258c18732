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
    return sum_segments(block.values, block.low, block.high), block.filled


def avg_over_time(block: Block) -> Outcome:
    return averages(block), block.filled


def averages(block: Block) -> Floats:
    """Return the windows' means; a sum that overflows does not spoil them."""
    total = sum_segments(block.values, block.low, block.high)
    mean = total / np.maximum(block.count, 1)
    huge = np.isinf(total) & block.filled
    if huge.any():
        size = block.count[huge].astype(np.float64)
        scaled = _scaled_sum(block, huge, size)
        mean[huge] = scaled
    return mean


def _scaled_sum(block: Block, chosen: Bools, size: Floats) -> Floats:
    # Dividing each term by a power of two first is exact, unlike by the count.
    scale = 2.0 ** np.ceil(np.log2(size.max()))
    array = block.values / scale
    total = sum_segments(array, block.low[chosen], block.high[chosen])
    mean: Floats = total / (size / scale)
    return mean


def min_over_time(block: Block) -> Outcome:
    """NaN counts only where there is nothing else."""
    return reduce_segments(np.fmin, block.values, block.low, block.high), block.filled


def max_over_time(block: Block) -> Outcome:
    return reduce_segments(np.fmax, block.values, block.low, block.high), block.filled
