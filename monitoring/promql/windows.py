"""Which samples lie in which window: index arithmetic on flattened series.

A window ends at a step and is left-open: it holds the samples with
end - range < ts <= end. The samples of all series stand in one array, sorted by
series and then by time; a window is the pair `low:high` of indices into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from monitoring.labels import Labels
from monitoring.promql.values import Bools, Floats, Grid, Ints
from monitoring.telemetry import STALE_NAN_BITS, SeriesData

# A block of this many windows keeps its intermediate arrays in the CPU's cache.
BLOCK_CELLS = 1 << 16

# Counting costs about 8 ns a sample, searching about 80 ns a window (measured).
_SEARCH_FACTOR = 10


@dataclass(frozen=True)
class Block:
    """The windows of some neighbouring series; indices count from the first sample.

    `values` and `ts_ms` have one more element than there are samples, so that
    `high` may be used as an index; it belongs to no window.
    """

    ts_ms: Ints
    values: Floats
    offsets: Ints
    low: Ints
    high: Ints
    # The end of each step's window, and the time at which it is evaluated.
    ends_ms: Ints
    times_ms: Ints
    range_ms: int

    @cached_property
    def count(self) -> Ints:
        return self.high - self.low

    @cached_property
    def filled(self) -> Bools:
        return self.high > self.low

    @cached_property
    def last(self) -> Ints:
        """Index of each window's last sample; a valid index even without one."""
        return np.maximum(self.high - 1, 0)

    @cached_property
    def follows(self) -> Bools:
        """Whether a sample has a predecessor in its own series."""
        inside = np.ones(len(self.values), np.bool_)
        inside[self.offsets] = False
        return inside


@dataclass(frozen=True, slots=True)
class RangeVector:
    """Series with a window per step.

    `ends` are the windows' ends, which `@` and `offset` move away from the steps of
    `grid`; it has one step where all windows are the same.
    """

    labels: Sequence[Labels]
    nameless: Bools
    data: SeriesData
    grid: Grid
    ends: Grid
    range_ms: int

    def blocks(self) -> Iterator[tuple[slice, Block]]:
        """Yield every series exactly once, a cache-friendly number at a time."""
        height = max(1, BLOCK_CELLS // max(1, self.grid.count))
        for start in range(0, len(self.labels), height):
            rows = slice(start, min(start + height, len(self.labels)))
            yield rows, self._block(rows)

    def _block(self, rows: slice) -> Block:
        offsets = self.data.offsets[rows.start : rows.stop + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        offsets = offsets - first
        ts_ms = self.data.ts_ms[first:last]
        low, high = find_windows(ts_ms, offsets, self.ends, self.range_ms)
        shape = (len(offsets) - 1, self.grid.count)
        return Block(
            ts_ms=np.append(ts_ms, 0),
            values=np.append(self.data.values[first:last], 0.0),
            offsets=offsets,
            low=np.broadcast_to(low, shape),
            high=np.broadcast_to(high, shape),
            ends_ms=np.broadcast_to(self.ends.times_ms, (self.grid.count,)),
            times_ms=self.grid.times_ms,
            range_ms=self.range_ms,
        )


def find_windows(
    ts_ms: Ints, offsets: Ints, ends: Grid, range_ms: int
) -> tuple[Ints, Ints]:
    """Return `low` and `high`, each series by steps, for windows that end at `ends`."""
    shift, rest = divmod(range_ms, ends.step_ms)
    if rest == 0 and shift <= ends.count:
        # The windows start where others end: one count answers both.
        longer = Grid(ends.start_ms - range_ms, ends.step_ms, ends.count + shift)
        edges = count_until(ts_ms, offsets, longer)
        return edges[:, : ends.count], edges[:, shift:]
    low = count_until(ts_ms, offsets, ends.moved(-range_ms))
    return low, count_until(ts_ms, offsets, ends)


def count_until(ts_ms: Ints, offsets: Ints, grid: Grid) -> Ints:
    """Return the index behind the last sample with ts <= time, series by steps."""
    series = len(offsets) - 1
    if len(ts_ms) > _SEARCH_FACTOR * series * grid.count:
        return _search(ts_ms, offsets, grid)
    # Samples of step 0 or before, then those new in each step, then the rest.
    step = -((grid.start_ms - ts_ms) // grid.step_ms)
    np.clip(step, 0, grid.count, out=step)
    step += np.repeat(np.arange(series) * (grid.count + 1), np.diff(offsets))
    new = np.bincount(step, minlength=series * (grid.count + 1))
    until = np.cumsum(new.reshape(series, grid.count + 1)[:, :-1], axis=1)
    return until + offsets[:-1, None]


def _search(ts_ms: Ints, offsets: Ints, grid: Grid) -> Ints:
    """Do the same by binary search: better for few steps over many samples."""
    origin = min(int(ts_ms.min()), grid.start_ms)
    stride = max(int(ts_ms.max()), grid.end_ms) - origin + 1
    series = np.arange(len(offsets) - 1) * stride
    keys = ts_ms - origin + np.repeat(series, np.diff(offsets))
    wanted = grid.times_ms - origin + series[:, None]
    return np.searchsorted(keys, wanted.ravel(), side="right").reshape(wanted.shape)


def stale(values: Floats) -> Bools:
    marked: Bools = values.view(np.int64) == STALE_NAN_BITS
    return marked


def without_stale(data: SeriesData) -> SeriesData:
    """Return the data without stale markers: windows do not see them."""
    values = np.ascontiguousarray(data.values)
    if not np.isnan(values).any():
        return data
    gone = stale(values)
    if not gone.any():
        return data
    kept = ~gone
    before = np.concatenate(([0], np.cumsum(kept)))
    offsets = before[data.offsets]
    return SeriesData(data.labels, offsets, data.ts_ms[kept], values[kept])
