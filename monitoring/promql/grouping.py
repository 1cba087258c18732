"""Sorts series into groups by some of their labels."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.promql.errors import EvaluationError
from monitoring.promql.values import Bools, Ints, Vector

SAME_LABELS = "vector cannot contain metrics with the same labelset"

K = TypeVar("K", bound=Hashable)
Projection = Callable[[Labels], Labels]


def keeping(names: Iterable[str]) -> Projection:
    """Return what leaves of a label set only these labels."""
    kept = frozenset(names)
    if not kept:
        return lambda labels: ()
    return lambda labels: tuple([pair for pair in labels if pair[0] in kept])


def dropping(names: Iterable[str]) -> Projection:
    """Return what takes these labels, and the metric's name, out of a label set."""
    gone = frozenset(names) | {METRIC_NAME}
    return lambda labels: tuple([pair for pair in labels if pair[0] not in gone])


def projection(labels: Iterable[str], *, keep: bool) -> Projection:
    return keeping(labels) if keep else dropping(labels)


def number(keys: Iterable[K]) -> tuple[Ints, list[K]]:
    """Number different keys by first appearance; return all numbers and the keys."""
    ids: dict[K, int] = {}
    numbers = [ids.setdefault(key, len(ids)) for key in keys]
    return np.array(numbers, np.int64), list(ids)


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows by group: those of group `g` are `order[starts[g]:starts[g + 1]]`.

    Inside a group they keep their order. No group is empty.
    """

    labels: Sequence[Labels]
    ids: Ints
    order: Ints
    starts: Ints

    @classmethod
    def of(cls, labels: Sequence[Labels], project: Projection) -> Groups:
        ids, keys = number(map(project, labels))
        order = np.argsort(ids, kind="stable")
        starts = np.searchsorted(ids[order], np.arange(len(keys) + 1))
        return cls(keys, ids, order, starts)

    @property
    def sizes(self) -> Ints:
        return np.diff(self.starts)

    def any_of(self, rows: Bools) -> Bools:
        """Return for each group whether any of its rows is marked."""
        if len(rows) == 0:
            return rows
        return np.logical_or.reduceat(rows[self.order], self.starts[:-1], axis=0)


def with_label(labels: Labels, name: str, value: str) -> Labels:
    """Return the labels with one set, or taken away if the value is empty."""
    kept = [pair for pair in labels if pair[0] != name]
    return make_labels([*kept, (name, value)])


def stack(vectors: Sequence[Vector]) -> Vector:
    """Return the series of all vectors, one below the other."""
    return Vector(
        [labels for vector in vectors for labels in vector.labels],
        np.concatenate([vector.values for vector in vectors]),
        np.concatenate([vector.present for vector in vectors]),
        np.concatenate([vector.nameless for vector in vectors]),
    )


def merge_same(vector: Vector) -> Vector:
    """Return the vector with the rows of equal labels made one.

    Raises EvaluationError where two of them have a value at the same step.
    """
    if len(set(vector.labels)) == len(vector.labels):
        return vector
    nameless = vector.nameless
    if nameless.any() and not nameless.all():
        # With its name still to go a series is another one than with it to stay.
        parts = np.flatnonzero(~nameless), np.flatnonzero(nameless)
        return stack([merge_same(vector.take(rows)) for rows in parts])
    groups = Groups.of(vector.labels, lambda labels: labels)
    present = vector.present[groups.order]
    if (np.add.reduceat(present, groups.starts[:-1], axis=0, dtype=np.int64) > 1).any():
        raise EvaluationError(SAME_LABELS)
    heads = groups.order[groups.starts[:-1]]
    # Bits, because a sum would lose the sign of zero.
    bits = np.where(present, vector.values[groups.order], 0.0).view(np.int64)
    values = np.bitwise_or.reduceat(bits, groups.starts[:-1], axis=0)
    return Vector(
        groups.labels,
        values.view(np.float64),
        groups.any_of(vector.present),
        vector.nameless[heads],
    )
