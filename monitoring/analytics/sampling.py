"""Which lines of a batch stand for the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.telemetry import Level

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of the batch, ascending, and how many lines each of them stands for."""

    rows: Ints
    weights: Floats


def sample(streams: Ints, levels: Ints, *, most: int) -> Sample:
    """Choose about `most` rows, evenly within each stream, and of errors on their own.

    Every stream and its errors have one at least, so that rare lines are not lost
    among many; a batch that is small is taken whole.
    """
    count = len(streams)
    if count <= most:
        return Sample(np.arange(count), np.ones(count))
    strata = streams.astype(np.int64) * 2 + (levels >= Level.ERROR)
    _, which, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    quota = np.maximum(1, sizes * most // count)
    stride = -(-sizes // quota)
    order = np.argsort(which, kind="stable")
    firsts = np.cumsum(sizes) - sizes
    place = np.empty(count, np.int64)
    place[order] = np.arange(count) - np.repeat(firsts, sizes)
    rows = np.flatnonzero(place % stride[which] == 0)
    taken = np.bincount(which[rows], minlength=len(sizes))
    return Sample(rows, (sizes / taken)[which[rows]])
