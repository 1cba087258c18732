"""Groups as rows of equal length, for aggregations that compare all their members."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from monitoring.promql.grouping import Groups
from monitoring.promql.values import Bools, Floats, Ints, Vector

# Cells of the tables that are held at a time.
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Table:
    """Some groups at some steps: `values` are groups by steps by members.

    `rows` are the members' rows in the vector, groups by members, -1 behind the last
    one. What is not `present` is NaN.
    """

    groups: Ints
    rows: Ints
    steps: slice
    values: Floats
    present: Bools


def tables(vector: Vector, groups: Groups) -> Iterator[Table]:
    """Yield every group at every step once.

    Groups share a table with those of about their size, so that at most half of
    it is filling.
    """
    classes = np.ceil(np.log2(groups.sizes)).astype(np.int64)
    for power in np.unique(classes).tolist():
        members = np.flatnonzero(classes == power)
        height = max(1, _CHUNK >> power)
        for start in range(0, len(members), height):
            yield from _by_steps(vector, groups, members[start : start + height])


def _by_steps(vector: Vector, groups: Groups, members: Ints) -> Iterator[Table]:
    rows = _rows(groups, members)
    length = max(1, _CHUNK // rows.size)
    for start in range(0, vector.steps, length):
        steps = slice(start, min(start + length, vector.steps))
        present = vector.present[:, steps][rows].transpose(0, 2, 1)
        present = present & (rows >= 0)[:, None, :]
        values = vector.values[:, steps][rows].transpose(0, 2, 1)
        values = np.where(present, values, np.nan)
        yield Table(members, rows, steps, values, present)


def _rows(groups: Groups, members: Ints) -> Ints:
    sizes = groups.sizes[members]
    position = np.arange(int(sizes.max()))
    inside = position < sizes[:, None]
    index = np.where(inside, groups.starts[members][:, None] + position, 0)
    return np.where(inside, groups.order[index], -1)
