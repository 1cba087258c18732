"""The blocks of samples that were read lately, unpacked, per process.

Dashboards and rules read the same hours again and again. As with blocks of lines
(open_blocks.py), one never changes under its id; whether it still exists the database
says each time.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.store.blocks import Int64s, Samples
from monitoring.store.open_blocks import LastUsed

# What is kept may take so much memory: a small machine has less.
MOST_BYTES = min(2**27, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 64)
# Smaller blocks are quickly read, and soon merged.
LEAST_SAMPLES = 8192


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run sorted by series and time: series `i` has `starts[i]:starts[i + 1]`."""

    ids: Int64s
    starts: Int64s
    ts_ms: Int64s
    values: npt.NDArray[np.float64]

    @classmethod
    def of(cls, run: Samples) -> OpenRun | None:
        """Return None where the run is empty, or not sorted by series and time."""
        if len(run) == 0:
            return None
        steps = np.diff(run.series)
        if (steps < 0).any() or (np.diff(run.ts_ms)[steps == 0] < 0).any():
            return None
        first = np.flatnonzero(np.concatenate(([True], steps > 0)))
        starts = np.append(first, len(run))
        return cls(run.series[first], starts, run.ts_ms, run.values)

    def __len__(self) -> int:
        return len(self.ts_ms)

    @property
    def size(self) -> int:
        columns = self.ids, self.starts, self.ts_ms, self.values
        return sum(column.nbytes for column in columns)

    def narrowed(self, series: Int64s, start_ms: int, end_ms: int) -> Samples:
        """Return what these series (sorted) have of start <= ts <= end."""
        place = np.searchsorted(self.ids, series)
        place[place == len(self.ids)] = 0
        rows = place[self.ids[place] == series]
        low = self._first_not_before(start_ms, rows)
        sizes = self._first_not_before(end_ms + 1, rows) - low
        taken: Int64s | slice = slice(None)
        if sizes.sum() < len(self):
            before = np.cumsum(sizes) - sizes
            taken = np.arange(sizes.sum()) + np.repeat(low - before, sizes)
        ids = np.repeat(self.ids[rows], sizes)
        return Samples(ids, self.ts_ms[taken], self.values[taken])

    def _first_not_before(self, ts_ms: int, rows: Int64s) -> Int64s:
        """Search all series at once, each among its own samples."""
        times = self.ts_ms
        low, high = self.starts[rows], self.starts[rows + 1]
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) // 2
            # An empty rest asks for any sample, and does not move.
            before = times[np.minimum(middle, len(times) - 1)] < ts_ms
            low, high = (
                np.where(before & (low < high), middle + 1, low),
                np.where(before, high, middle),
            )
        return low


class OpenSamples:
    """Those used last, up to a number of bytes. Threads share them."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._lock = threading.Lock()
        self.clear()

    def of(self, organization_id: int) -> dict[int, OpenRun]:
        """Return what is kept of an organization now, by the blocks' ids."""
        with self._lock:
            kept = self._kept.things.items()
            return {
                pk: run
                for pk, ((owner, run), _size, _used) in kept
                if owner == organization_id
            }

    def keep(self, organization_id: int, block_id: int, run: OpenRun) -> None:
        """Note that the block was used; without room for it, it is not kept."""
        if len(run) < LEAST_SAMPLES:
            return
        with self._lock:
            entry = organization_id, run
            self._kept.keep(block_id, entry, run.size, time.monotonic())

    def clear(self) -> None:
        with self._lock:
            self._kept = LastUsed[tuple[int, OpenRun]](self.most_bytes)


open_samples = OpenSamples()
