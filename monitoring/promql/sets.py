"""The set operators: and, or, unless."""

from __future__ import annotations

import numpy as np

from monitoring.promql.grouping import merge_same, projection, stack
from monitoring.promql.syntax import Binary
from monitoring.promql.values import Bools, Ints, Vector


def combine_sets(node: Binary, left: Vector, right: Vector) -> Vector:
    project = projection(node.matching.labels, keep=node.matching.on)
    ours, theirs, groups = project.numbered_together(left.labels, right.labels)
    if node.op == "and":
        return left.where(_occupied(right, theirs, groups)[ours])
    if node.op == "unless":
        return left.where(~_occupied(right, theirs, groups)[ours])
    added = right.where(~_occupied(left, ours, groups)[theirs])
    return merge_same(stack([left, added]))


def _occupied(vector: Vector, ids: Ints, groups: int) -> Bools:
    """Return groups by steps: whether any series of the group has a value."""
    occupied = np.zeros((groups, vector.steps), np.bool_)
    if len(ids) == 0:
        return occupied
    order = np.argsort(ids, kind="stable")
    found, starts = np.unique(ids[order], return_index=True)
    occupied[found] = np.logical_or.reduceat(vector.present[order], starts, axis=0)
    return occupied
