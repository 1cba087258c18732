"""How the samples of a window are spread: deviation, quantiles, extremes."""

from __future__ import annotations

import numpy as np

from monitoring.promql.functions.dense import Dense, dense_windows
from monitoring.promql.functions.over_time import Outcome
from monitoring.promql.quantiles import quantile_of_sorted
from monitoring.promql.segments import reduce_segments
from monitoring.promql.values import Bools, Floats
from monitoring.promql.windows import Block


def stdvar_over_time(block: Block) -> Outcome:
    variance = np.empty(block.low.size)
    for part in dense_windows(block):
        variance[part.cells] = _variance(part)
    return variance.reshape(block.low.shape), block.filled


def stddev_over_time(block: Block) -> Outcome:
    variance, present = stdvar_over_time(block)
    return np.sqrt(variance), present


def _variance(part: Dense) -> Floats:
    # Measured from the first sample, so that equal samples have exactly none.
    apart = np.where(part.inside, part.values - part.first[:, None], 0.0)
    mean = apart.sum(axis=1) / part.size
    squares = np.where(part.inside, (apart - mean[:, None]) ** 2, 0.0)
    variance: Floats = squares.sum(axis=1) / part.size
    return variance


def quantile_over_time(block: Block, quantile: Floats) -> Outcome:
    result = np.empty(block.low.size)
    for part in dense_windows(block):
        wanted = quantile[part.cells % len(quantile)]
        ordered = np.sort(part.values, axis=1)
        result[part.cells] = quantile_of_sorted(ordered, part.size, wanted)
    return result.reshape(block.low.shape), block.filled


def mad_over_time(block: Block) -> Outcome:
    """Return the median of the distances from the median."""
    result = np.empty(block.low.size)
    half = np.full(1, 0.5)
    for part in dense_windows(block):
        median = quantile_of_sorted(np.sort(part.values, axis=1), part.size, half)
        apart = np.sort(np.abs(part.values - median[:, None]), axis=1)
        result[part.cells] = quantile_of_sorted(apart, part.size, half)
    return result.reshape(block.low.shape), block.filled


def ts_of_first_over_time(block: Block) -> Outcome:
    return block.ts_ms[block.low] / 1000.0, block.filled


def ts_of_last_over_time(block: Block) -> Outcome:
    return block.ts_ms[block.last] / 1000.0, block.filled


def ts_of_min_over_time(block: Block) -> Outcome:
    return _time_of(block, np.fmin)


def ts_of_max_over_time(block: Block) -> Outcome:
    return _time_of(block, np.fmax)


def _time_of(block: Block, extreme: np.ufunc) -> Outcome:
    """Return when the extreme was last seen."""
    best = reduce_segments(extreme, block.values, block.low, block.high).ravel()
    seconds = np.empty(block.low.size)
    for part in dense_windows(block):
        wanted = best[part.cells, None]
        hit: Bools = part.inside & ((part.values == wanted) | np.isnan(wanted))
        last = hit.shape[1] - 1 - np.argmax(hit[:, ::-1], axis=1)
        index = np.take_along_axis(part.index, last[:, None], axis=1)[:, 0]
        seconds[part.cells] = block.ts_ms[index] / 1000.0
    return seconds.reshape(block.low.shape), block.filled
