"""Windows as rows of a matrix, for functions that need all their samples at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from monitoring.promql.values import Bools, Floats, Ints
from monitoring.promql.windows import Block

# Cells of the matrices that are held at a time.
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Dense:
    """Some windows of a block: `cells` are their places in the flattened block.

    Behind a window's `inside` samples, its row is filled up with NaN.
    """

    cells: Ints
    index: Ints
    inside: Bools
    values: Floats
    size: Ints

    @property
    def first(self) -> Floats:
        return self.values[:, 0]


def dense_windows(block: Block, *, at_least: int = 1) -> Iterator[Dense]:
    """Yield all windows that hold `at_least` this many samples."""
    low, size = block.low.ravel(), block.count.ravel()
    wanted = np.flatnonzero(size >= at_least)
    # Neighbours in size share a matrix, so that little of it is filling.
    wanted = wanted[np.argsort(size[wanted], kind="stable")]
    start = 0
    while start < len(wanted):
        # Sizes grow: the guess from the first one is corrected by the last one.
        height = max(1, _CHUNK // int(size[wanted[start]]))
        width = int(size[wanted[min(start + height, len(wanted)) - 1]])
        height = max(1, min(height, _CHUNK // width))
        yield _dense(block, low, size, wanted[start : start + height])
        start += height


def _dense(block: Block, low: Ints, size: Ints, cells: Ints) -> Dense:
    sizes = size[cells]
    position = np.arange(int(sizes[-1]))
    inside = position < sizes[:, None]
    index = np.where(inside, low[cells, None] + position, 0)
    values = np.where(inside, block.values[index], np.nan)
    return Dense(cells, index, inside, values, sizes)
