"""Straight lines through the samples of a window, and smoothed trends."""

from __future__ import annotations

import numpy as np

from monitoring.promql.functions.dense import Dense, dense_windows
from monitoring.promql.functions.over_time import Outcome
from monitoring.promql.values import Floats, Ints
from monitoring.promql.windows import Block

_TWO = 2


def deriv(block: Block) -> Outcome:
    slope = np.empty(block.low.size)
    for part in dense_windows(block, at_least=_TWO):
        origin = block.ts_ms[part.index[:, 0]]
        slope[part.cells], _ = _line(block, part, origin)
    return slope.reshape(block.low.shape), block.count >= _TWO


def predict_linear(block: Block, seconds: Floats) -> Outcome:
    """Return where the line arrives so many seconds after the evaluation."""
    value = np.empty(block.low.size)
    for part in dense_windows(block, at_least=_TWO):
        step = part.cells % len(seconds)
        slope, intercept = _line(block, part, block.times_ms[step])
        value[part.cells] = slope * seconds[step] + intercept
    return value.reshape(block.low.shape), block.count >= _TWO


def _line(block: Block, part: Dense, origin_ms: Ints) -> tuple[Floats, Floats]:
    """Return slope per second and value at the origin, by least squares."""
    # Centred on the means, so that little is lost to cancellation.
    x = (block.ts_ms[part.index] - origin_ms[:, None]) / 1000.0
    x = np.where(part.inside, x, 0.0)
    y = np.where(part.inside, part.values - part.first[:, None], 0.0)
    mean_x, mean_y = x.sum(axis=1) / part.size, y.sum(axis=1) / part.size
    from_x = np.where(part.inside, x - mean_x[:, None], 0.0)
    slope = (from_x * y).sum(axis=1) / (from_x * from_x).sum(axis=1)
    intercept = mean_y - slope * mean_x + part.first
    level = np.isfinite(part.first) & ~y.any(axis=1)
    return np.where(level, 0.0, slope), np.where(level, part.first, intercept)


def double_exponential_smoothing(
    block: Block, smoothing: Floats, trending: Floats
) -> Outcome:
    result = np.empty(block.low.size)
    for part in dense_windows(block, at_least=_TWO):
        step = part.cells % len(smoothing)
        result[part.cells] = _smooth(part, smoothing[step], trending[step])
    return result.reshape(block.low.shape), block.count >= _TWO


def _smooth(part: Dense, smoothing: Floats, trending: Floats) -> Floats:
    """Run the recursion over all windows side by side, sample by sample."""
    before, level = np.zeros(len(part.cells)), part.first
    trend = part.values[:, 1] - part.first
    for position in range(1, part.values.shape[1]):
        if position > 1:
            trend = trending * (level - before) + (1 - trending) * trend
        smoothed = smoothing * part.values[:, position]
        smoothed = smoothed + (1 - smoothing) * (level + trend)
        inside = part.inside[:, position]
        before = np.where(inside, level, before)
        level = np.where(inside, smoothed, level)
    return level
