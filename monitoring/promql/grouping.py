"""Sorts series into groups by some of their labels."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.promql.columns import ColumnarLabels
from monitoring.promql.errors import EvaluationError
from monitoring.promql.values import Bools, Ints, Vector

SAME_LABELS = "vector cannot contain metrics with the same labelset"

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Projection:
    """What is left of a label set: only these labels, or all but them."""

    names: frozenset[str]
    keep: bool

    def __call__(self, labels: Labels) -> Labels:
        names, keep = self.names, self.keep
        return tuple([pair for pair in labels if (pair[0] in names) is keep])

    def of_all(self, labels: Sequence[Labels]) -> Sequence[Labels]:
        if isinstance(labels, ColumnarLabels):
            return labels.reduced(self.names, keep=self.keep)
        return list(map(self, labels))

    def numbered(self, labels: Sequence[Labels]) -> tuple[Ints, list[Labels]]:
        """Return the number of what is left of each, and what the numbers stand for."""
        if not isinstance(labels, ColumnarLabels):
            return number(map(self, labels))
        return labels.once(
            self,
            lambda: labels.numbered(self.names, keep=self.keep),
            size=lambda found: len(found[1]),
        )

    def numbered_together(
        self, ours: Sequence[Labels], theirs: Sequence[Labels]
    ) -> tuple[Ints, Ints, int]:
        """Return the numbers of two lists' sets, and how many different ones there are."""
        together: Sequence[Labels] | None = None
        if isinstance(ours, ColumnarLabels) and isinstance(theirs, ColumnarLabels):
            together = ours.joined(theirs)
        if together is None:
            together = [*ours, *theirs]
        ids, keys = self.numbered(together)
        return ids[: len(ours)], ids[len(ours) :], len(keys)


EVERYTHING = Projection(frozenset(), keep=False)
NAMELESS = Projection(frozenset({METRIC_NAME}), keep=False)


def keeping(names: Iterable[str]) -> Projection:
    """Return what leaves of a label set only these labels."""
    return Projection(frozenset(names), keep=True)


def dropping(names: Iterable[str]) -> Projection:
    """Return what takes these labels, and the metric's name, out of a label set."""
    return Projection(frozenset(names) | {METRIC_NAME}, keep=False)


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

    Inside a group they keep their order. No group is empty. `named` says whether the
    metric's name may be among the labels.
    """

    labels: Sequence[Labels]
    ids: Ints
    order: Ints
    starts: Ints
    named: bool

    @classmethod
    def of(cls, labels: Sequence[Labels], project: Projection) -> Groups:
        if not isinstance(labels, ColumnarLabels):
            return cls._of(labels, project)
        return labels.once(
            (cls, project),
            lambda: cls._of(labels, project),
            size=lambda found: len(found.labels),
        )

    @classmethod
    def _of(cls, labels: Sequence[Labels], project: Projection) -> Groups:
        ids, keys = project.numbered(labels)
        order = np.argsort(ids, kind="stable")
        starts = np.searchsorted(ids[order], np.arange(len(keys) + 1))
        named = (METRIC_NAME in project.names) is project.keep
        return cls(keys, ids, order, starts, named)

    @property
    def sizes(self) -> Ints:
        return np.diff(self.starts)

    def any_of(self, rows: Bools) -> Bools:
        """Return for each group whether any of its rows is marked."""
        if len(rows) == 0:
            return rows
        return np.logical_or.reduceat(rows[self.order], self.starts[:-1], axis=0)

    def nameless(self, rows: Bools) -> Bools:
        """Return for each group whether it has a name that will have to go."""
        if not self.named:
            return np.zeros(len(self.labels), np.bool_)
        return self.any_of(rows)


def with_label(labels: Labels, name: str, value: str) -> Labels:
    """Return the labels with one set, or taken away if the value is empty."""
    kept = [pair for pair in labels if pair[0] != name]
    return make_labels([*kept, (name, value)])


def stacked(parts: Sequence[Sequence[Labels]]) -> Sequence[Labels]:
    """Return the label sets of all parts, one behind the other."""
    return parts[0] if len(parts) == 1 else [each for part in parts for each in part]


def stack(vectors: Sequence[Vector]) -> Vector:
    """Return the series of all vectors, one below the other."""
    return Vector(
        stacked([vector.labels for vector in vectors]),
        np.concatenate([vector.values for vector in vectors]),
        np.concatenate([vector.present for vector in vectors]),
        np.concatenate([vector.nameless for vector in vectors]),
    )


def _all_differ(labels: Sequence[Labels]) -> bool:
    if isinstance(labels, ColumnarLabels):
        return labels.all_differ()
    return len(set(labels)) == len(labels)


def merge_same(vector: Vector) -> Vector:
    """Return the vector with the rows of equal labels made one.

    Raises EvaluationError where two of them have a value at the same step.
    """
    if _all_differ(vector.labels):
        return vector
    nameless = vector.nameless
    if nameless.any() and not nameless.all():
        # With its name still to go a series is another one than with it to stay.
        parts = np.flatnonzero(~nameless), np.flatnonzero(nameless)
        return stack([merge_same(vector.take(rows)) for rows in parts])
    groups = Groups.of(vector.labels, EVERYTHING)
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
