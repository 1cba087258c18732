"""Windows that are a whole number of buckets: what roll-ups can answer.

A bucket keeps of its samples the number, first, last, least, greatest and sum, and what
counter resets took (monitoring/store/rollup_columns.py). Where a window's borders lie
on borders of buckets, its functions need no more (functions/rolled.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from monitoring.labels import Labels, Matcher
from monitoring.promql.segments import sum_segments
from monitoring.promql.values import Bools, Floats, Grid, Ints
from monitoring.promql.windows import BLOCK_CELLS, find_windows

STEPS_MS = (3_600_000, 300_000, 60_000)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets of selected series, sorted by series and time.

    Series `i` has `labels[i]` and the buckets `offsets[i]:offsets[i + 1]`; each ends
    at `ends_ms` and is left-open. See monitoring/store/rollup_columns.py.
    """

    step_ms: int
    labels: Sequence[Labels]
    offsets: Ints
    ends_ms: Ints
    columns: Mapping[str, npt.NDArray[Any]]


@runtime_checkable
class RolledQuerier(Protocol):
    """A Querier that can answer from roll-ups, too."""

    def buckets(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        *,
        step_ms: int,
        columns: Sequence[str],
    ) -> Buckets | None:
        """Return the buckets with start < end of the bucket <= end.

        Both are multiples of the step. None where the samples themselves are the
        better answer. Raises TooMuchDataError.
        """
        ...


def fitting_step(grid: Grid, length_ms: int) -> int | None:
    """Return the widest step whose buckets fill windows of this length at all steps."""
    between = grid.step_ms if grid.count > 1 else 0
    for step_ms in STEPS_MS:
        multiples = (grid.start_ms, between, length_ms)
        if all(number % step_ms == 0 for number in multiples):
            return step_ms
    return None


def from_rollups(step_ms: int) -> str:
    """Return what the answer says of itself."""
    minutes = step_ms // 60_000
    step = f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"
    return f"answered from roll-ups of {step}"


@dataclass(frozen=True)
class BucketBlock:
    """The windows of some neighbouring series; `low:high` are indices of buckets.

    Columns have one more element than there are buckets.
    """

    columns: Mapping[str, npt.NDArray[Any]]
    offsets: Ints
    low: Ints
    high: Ints
    ends_ms: Ints
    range_ms: int

    @property
    def filled(self) -> Bools:
        return self.high > self.low

    @property
    def last(self) -> Ints:
        return np.maximum(self.high - 1, 0)

    def total(self, name: str) -> Floats:
        column = self.columns[name].astype(np.float64)
        total = sum_segments(column, self.low, self.high).astype(np.float64)
        return np.where(self.filled, total, 0.0)


@dataclass(frozen=True, slots=True)
class RolledVector:
    """Series with a window of buckets per step, like RangeVector with one of samples."""

    data: Buckets
    grid: Grid
    ends: Grid
    range_ms: int

    @property
    def labels(self) -> Sequence[Labels]:
        return self.data.labels

    def blocks(self) -> Iterator[tuple[slice, BucketBlock]]:
        height = max(1, BLOCK_CELLS // max(1, self.grid.count))
        for start in range(0, len(self.labels), height):
            rows = slice(start, min(start + height, len(self.labels)))
            yield rows, self._block(rows)

    def _block(self, rows: slice) -> BucketBlock:
        offsets = self.data.offsets[rows.start : rows.stop + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        offsets = offsets - first
        ends_ms = self.data.ends_ms[first:last]
        low, high = find_windows(ends_ms, offsets, self.ends, self.range_ms)
        shape = (len(offsets) - 1, self.grid.count)
        return BucketBlock(
            {n: np.append(c[first:last], 0) for n, c in self.data.columns.items()},
            offsets,
            np.broadcast_to(low, shape),
            np.broadcast_to(high, shape),
            np.broadcast_to(self.ends.times_ms, (self.grid.count,)),
            self.range_ms,
        )
