"""Arithmetic and comparisons between two vectors whose series find each other.

Every pair of series that may meet becomes one row of the outcome. Which of them do
meet is decided at every step anew: series come and go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitoring.labels import Labels, make_labels
from monitoring.promql.arithmetic import ARITHMETIC, calculate, compare
from monitoring.promql.columns import taken
from monitoring.promql.errors import EvaluationError
from monitoring.promql.grouping import (
    EVERYTHING,
    NAMELESS,
    Projection,
    merge_same,
    projection,
    stacked,
)
from monitoring.promql.limits import Budget
from monitoring.promql.segments import spread_out
from monitoring.promql.syntax import Binary, Cardinality, Matching
from monitoring.promql.values import Bools, Floats, Ints, Vector

_MANY_ON_BOTH_SIDES = (
    "found duplicate series for the match group {group} on the {side} hand-side of the "
    "operation: [{one}, {other}];many-to-many matching not allowed: matching labels "
    "must be unique on one side"
)
_IMPLICIT_MANY = (
    "multiple matches for labels: many-to-one matching must be explicit "
    "(group_left/group_right)"
)
_SAME_OUTCOME = (
    "multiple matches for labels: grouping labels must ensure unique matches"
)


@dataclass(frozen=True, slots=True)
class Side:
    """One operand; `ids` number the match group of each of its series."""

    vector: Vector
    ids: Ints
    groups: int

    def count(self) -> Ints:
        """Return groups by steps: how many series have a value."""
        counts = np.zeros((self.groups, self.vector.steps), np.int64)
        if len(self.ids):
            order = np.argsort(self.ids, kind="stable")
            found, starts = np.unique(self.ids[order], return_index=True)
            present = self.vector.present[order]
            counts[found] = np.add.reduceat(present, starts, axis=0, dtype=np.int64)
        return counts


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of the outcome before the operator is applied."""

    labels: Sequence[Labels]
    many: Floats
    one: Floats
    present: Bools
    nameless: Bools
    ids: Ints

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        if len(parts) == 1:
            return parts[0]
        return cls(
            stacked([part.labels for part in parts]),
            np.concatenate([part.many for part in parts]),
            np.concatenate([part.one for part in parts]),
            np.concatenate([part.present for part in parts]),
            np.concatenate([part.nameless for part in parts]),
            np.concatenate([part.ids for part in parts]),
        )


def combine(node: Binary, left: Vector, right: Vector, budget: Budget) -> Vector:
    """Apply an operator to all pairs. Raises EvaluationError for ambiguous ones."""
    matching, many, one = _orient(node.matching, left, right)
    project = projection(matching.labels, keep=matching.on)
    many_side, one_side = _sides(many, one, project)
    _refuse_duplicates(matching, many_side, one_side, project)
    result_labels = _ResultLabels(node.op, matching)
    parts = [_matched(many_side, one_side, result_labels, budget)]
    if matching.fill_right is not None:
        missing = one_side.count() == 0
        parts.append(_without_one(many_side, missing, project, result_labels, matching))
    if matching.fill_left is not None:
        missing = many_side.count() == 0
        parts.append(_without_many(one_side, missing, project, result_labels, matching))
    return _apply(node, matching, Pairs.joined(parts))


def _orient(
    matching: Matching, left: Vector, right: Vector
) -> tuple[Matching, Vector, Vector]:
    """Return the sides as "many" and "one"; the fills follow their sides."""
    if matching.cardinality is not Cardinality.ONE_TO_MANY:
        return matching, left, right
    turned = replace(
        matching, fill_left=matching.fill_right, fill_right=matching.fill_left
    )
    return turned, right, left


def _sides(many: Vector, one: Vector, project: Projection) -> tuple[Side, Side]:
    ours, theirs, groups = project.numbered_together(many.labels, one.labels)
    return Side(many, ours, groups), Side(one, theirs, groups)


def _refuse_duplicates(
    matching: Matching, many: Side, one: Side, project: Projection
) -> None:
    if len(np.unique(one.ids)) == len(one.ids):
        return
    doubled = one.count() > 1
    if matching.fill_left is None and matching.fill_right is None:
        # Nothing is matched at steps where the other side has no series at all.
        doubled &= many.vector.present.any(axis=0)
    if not doubled.any():
        return
    step = int(np.flatnonzero(doubled.any(axis=0))[0])
    group = int(np.flatnonzero(doubled[:, step])[0])
    rows = np.flatnonzero((one.ids == group) & one.vector.present[:, step])
    first, second = (one.vector.labels[row] for row in rows[:2].tolist())
    swapped = matching.cardinality is Cardinality.ONE_TO_MANY
    raise EvaluationError(
        _MANY_ON_BOTH_SIDES.format(
            group=format_labels(project(first)),
            side="left" if swapped else "right",
            one=format_labels(second),
            other=format_labels(first),
        )
    )


@dataclass(frozen=True, slots=True)
class _ResultLabels:
    op: str
    matching: Matching

    def __call__(
        self, many: Sequence[Labels], one: Sequence[Labels]
    ) -> Sequence[Labels]:
        """Return the labels of each pair."""
        for project in self._projections:
            many = project.of_all(many)
        include = self.matching.include
        if not include:
            return many
        return [
            make_labels(
                [pair for pair in ours if pair[0] not in include]
                + [pair for pair in theirs if pair[0] in include]
            )
            for ours, theirs in zip(many, one, strict=True)
        ]

    @property
    def _projections(self) -> list[Projection]:
        """What is taken out of the labels of the side of many."""
        found = [NAMELESS] if self.op in ARITHMETIC else []
        if self.matching.cardinality is Cardinality.ONE_TO_ONE:
            names = frozenset(self.matching.labels)
            found.append(Projection(names, keep=self.matching.on))
        return found


def _matched(
    many: Side, one: Side, result_labels: _ResultLabels, budget: Budget
) -> Pairs:
    """Return all pairs of series within one group."""
    order = np.argsort(one.ids, kind="stable")
    starts = np.searchsorted(one.ids[order], np.arange(one.groups + 1))
    sizes = np.diff(starts)[many.ids]
    budget.admit_points(int(sizes.sum()), many.vector.steps)
    partners = order[spread_out(starts[many.ids], starts[many.ids + 1])]
    rows = np.repeat(np.arange(len(many.ids)), sizes)
    return Pairs(
        result_labels(
            taken(many.vector.labels, rows), taken(one.vector.labels, partners)
        ),
        many.vector.values[rows],
        one.vector.values[partners],
        many.vector.present[rows] & one.vector.present[partners],
        many.vector.nameless[rows],
        many.ids[rows],
    )


def _without_one(
    many: Side,
    missing: Bools,
    project: Projection,
    result_labels: _ResultLabels,
    matching: Matching,
) -> Pairs:
    labels = many.vector.labels
    values = many.vector.values
    fill = np.broadcast_to(np.float64(matching.fill_right or 0.0), values.shape)
    return Pairs(
        result_labels(labels, project.of_all(labels)),
        values,
        fill,
        many.vector.present & missing[many.ids],
        many.vector.nameless,
        many.ids,
    )


def _without_many(
    one: Side,
    missing: Bools,
    project: Projection,
    result_labels: _ResultLabels,
    matching: Matching,
) -> Pairs:
    labels = one.vector.labels
    values = one.vector.values
    fill = np.broadcast_to(np.float64(matching.fill_left or 0.0), values.shape)
    return Pairs(
        result_labels(project.of_all(labels), labels),
        fill,
        values,
        one.vector.present & missing[one.ids],
        np.zeros(len(labels), np.bool_),
        one.ids,
    )


def _apply(node: Binary, matching: Matching, pairs: Pairs) -> Vector:
    swapped = matching.cardinality is Cardinality.ONE_TO_MANY
    left, right = (pairs.one, pairs.many) if swapped else (pairs.many, pairs.one)
    present, nameless = pairs.present, pairs.nameless
    if node.op in ARITHMETIC or node.return_bool:
        values = calculate(node.op, left, right)
        nameless = np.ones(len(pairs.labels), np.bool_)
    else:
        values = left
        present = present & compare(node.op, left, right)
    _refuse_ambiguity(matching, pairs, present)
    return merge_same(Vector(pairs.labels, values, present, nameless))


def _refuse_ambiguity(matching: Matching, pairs: Pairs, present: Bools) -> None:
    ids, message = pairs.ids, _IMPLICIT_MANY
    if matching.cardinality is not Cardinality.ONE_TO_ONE:
        outcomes, different = EVERYTHING.numbered(pairs.labels)
        ids, message = ids * len(different) + outcomes, _SAME_OUTCOME
    distinct = np.unique(ids)
    if len(distinct) == len(ids):
        return
    order = np.argsort(ids, kind="stable")
    starts = np.searchsorted(ids[order], distinct)
    counts = np.add.reduceat(present[order], starts, axis=0, dtype=np.int64)
    if (counts > 1).any():
        raise EvaluationError(message)


def format_labels(labels: Labels) -> str:
    """Return a label set as Prometheus writes it in its messages."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
