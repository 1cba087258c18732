"""rate and its family: how much a series grew, with counter resets undone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitoring.promql.functions.over_time import Outcome
from monitoring.promql.segments import reduce_segments
from monitoring.promql.values import Bools, Floats, Ints
from monitoring.promql.windows import Block

# How far beyond the usual distance of samples a window's border may lie for the
# series to be taken as reaching that border.
_REACH = 1.1


def rate(block: Block) -> Outcome:
    grown, present = _extrapolate(block, counter=True)
    return grown / (block.range_ms / 1000.0), present


def increase(block: Block) -> Outcome:
    return _extrapolate(block, counter=True)


def delta(block: Block) -> Outcome:
    return _extrapolate(block, counter=False)


@dataclass(frozen=True, slots=True)
class Edges:
    """First and last samples of windows, and how many there are in each."""

    first: Floats
    first_ts: Ints
    last: Floats
    last_ts: Ints
    count: Ints | Floats
    ends_ms: Ints
    range_ms: int


def _extrapolate(block: Block, *, counter: bool) -> Outcome:
    """Return the growth between first and last sample, stretched to the window."""
    edges = Edges(
        block.values[block.low],
        block.ts_ms[block.low],
        block.values[block.last],
        block.ts_ms[block.last],
        block.count,
        block.ends_ms,
        block.range_ms,
    )
    grown = edges.last - edges.first
    if counter:
        grown = _undo_resets(block, grown)
    return extrapolate(edges, grown, counter=counter), block.count > 1


def extrapolate(edges: Edges, grown: Floats, *, counter: bool) -> Floats:
    """Return the growth, stretched from the samples to the borders of the window."""
    sampled = (edges.last_ts - edges.first_ts) / 1000.0
    spacing = sampled / np.maximum(edges.count - 1, 1)
    threshold = spacing * _REACH
    before = (edges.first_ts - (edges.ends_ms - edges.range_ms)) / 1000.0
    after = (edges.ends_ms - edges.last_ts) / 1000.0
    before = np.where(before >= threshold, spacing / 2, before)
    after = np.where(after >= threshold, spacing / 2, after)
    if counter:
        before = np.minimum(before, _since_zero(edges.first, grown, sampled))
    stretched: Floats = grown * ((sampled + before + after) / sampled)
    return stretched


def _since_zero(first: Floats, grown: Floats, sampled: Floats) -> Floats:
    """Return for how long a counter can have grown before its first sample."""
    return np.where((grown > 0) & (first >= 0), sampled * (first / grown), np.inf)


def _undo_resets(block: Block, grown: Floats) -> Floats:
    """Add what a counter had reached before each drop inside the window."""
    drops = _drops(block)
    if len(drops) == 0:
        return grown
    # A drop at sample i is inside where low < i <= last.
    low = np.searchsorted(drops, block.low.ravel(), side="right")
    high = np.searchsorted(drops, block.last.ravel(), side="right")
    high = np.maximum(low, high)
    reached = np.append(block.values[drops - 1], 0.0)
    lost = reduce_segments(np.add, reached, low, high)
    lost = np.where(high > low, lost, 0.0)
    return grown + lost.reshape(grown.shape)


def _drops(block: Block) -> Ints:
    dropped = np.zeros(len(block.values), np.bool_)
    np.less(block.values[1:], block.values[:-1], out=dropped[1:])
    # The last element is none of the samples.
    dropped &= block.follows
    return np.flatnonzero(dropped[:-1])


def resets(block: Block) -> Outcome:
    return _count_between(block, _changed_down(block)), block.filled


def changes(block: Block) -> Outcome:
    return _count_between(block, _changed(block)), block.filled


def _changed_down(block: Block) -> Bools:
    marks = np.zeros(len(block.values), np.bool_)
    marks[_drops(block)] = True
    return marks


def _changed(block: Block) -> Bools:
    values = block.values
    marks = np.zeros(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=marks[1:])
    nan = np.isnan(values)
    marks[1:] &= ~(nan[1:] & nan[:-1])
    return marks


def _count_between(block: Block, marks: Bools) -> Floats:
    """Count the marked samples of each window, without its first sample."""
    until = np.cumsum(marks)
    return (until[block.last] - until[block.low]).astype(np.float64)


def irate(block: Block) -> Outcome:
    last, previous, seconds, present = _newest_two(block)
    grown = np.where(last < previous, last, last - previous)
    return grown / seconds, present


def idelta(block: Block) -> Outcome:
    last, previous, _, present = _newest_two(block)
    return last - previous, present


def _newest_two(block: Block) -> tuple[Floats, Floats, Floats, Bools]:
    before = np.maximum(block.last - 1, 0)
    seconds = (block.ts_ms[block.last] - block.ts_ms[before]) / 1000.0
    present = block.count > 1
    return block.values[block.last], block.values[before], seconds, present
