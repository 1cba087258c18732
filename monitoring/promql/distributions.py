"""Aggregations over the values of a group: quantile and count_values."""

from __future__ import annotations

import numpy as np

from monitoring.labels import Labels
from monitoring.promql.context import Evaluation
from monitoring.promql.errors import EvaluationError
from monitoring.promql.grouping import (
    Groups,
    Projection,
    dropping,
    keeping,
    number,
    projection,
    with_label,
)
from monitoring.promql.numbers import plain
from monitoring.promql.quantiles import note_invalid_quantiles, quantile_of_sorted
from monitoring.promql.syntax import Aggregation
from monitoring.promql.tables import tables
from monitoring.promql.values import Floats, Grid, Ints, Vector


def call_quantile(run: Evaluation, node: Aggregation, grid: Grid) -> Vector:
    assert node.param is not None  # noqa: S101  # the parser has counted arguments
    quantile = run.scalar(node.param, grid)
    note_invalid_quantiles(run.notes, quantile)
    vector = run.vector(node.expr, grid)
    groups = Groups.of(vector.labels, projection(node.labels, keep=not node.without))
    values = np.full((len(groups.labels), vector.steps), np.nan)
    filled = np.zeros(values.shape, np.bool_)
    for table in tables(vector, groups):
        run.budget.check()
        ordered = np.sort(table.values, axis=2)
        size = table.present.sum(axis=2)
        found = quantile_of_sorted(ordered, size, quantile[table.steps])
        values[table.groups, table.steps] = found
        filled[table.groups, table.steps] = size > 0
    return Vector(groups.labels, values, filled, groups.nameless(vector.nameless))


def call_count_values(run: Evaluation, node: Aggregation, grid: Grid) -> Vector:
    """Count the series of each value; the value becomes a label."""
    assert node.param is not None  # noqa: S101  # the parser has counted arguments
    label = run.text(node.param)
    if not label:
        raise EvaluationError(f'invalid label name "{label}"')
    vector = run.vector(node.expr, grid)
    sources, steps = np.nonzero(vector.present)
    values = vector.values[sources, steps]
    labels, rows = _labels_of_values(node, label, vector, values, sources)
    run.budget.admit_points(len(labels), grid.count)
    shape = (len(labels), grid.count)
    counts = np.bincount(rows * grid.count + steps, minlength=shape[0] * shape[1])
    counted = counts.reshape(shape).astype(np.float64)
    unnamed = np.bincount(rows, vector.nameless[sources], minlength=len(labels))
    return Vector(labels, counted, counted > 0, unnamed > 0)


def _labels_of_values(
    node: Aggregation, label: str, vector: Vector, values: Floats, rows: Ints
) -> tuple[list[Labels], Ints]:
    """Return the label sets of the outcome, and which of them each value is for."""
    groups = Groups.of(vector.labels, _without_label(node, label))
    # By bits, so that -0 is not 0; but NaN is NaN.
    bits = np.where(np.isnan(values), np.nan, values).view(np.int64)
    distinct, value_ids = np.unique(bits, return_inverse=True)
    texts = [plain(value) for value in distinct.view(np.float64).tolist()]
    pairs = groups.ids[rows] * max(1, len(texts)) + value_ids
    pairs, pair_ids = np.unique(pairs, return_inverse=True)
    written = not (node.without and label in node.labels)
    found = []
    for group, value in (divmod(pair, len(texts)) for pair in pairs.tolist()):
        base = groups.labels[group]
        found.append(with_label(base, label, texts[value]) if written else base)
    ids, labels = number(found)
    return labels, ids[pair_ids]


def _without_label(node: Aggregation, label: str) -> Projection:
    if node.without:
        return dropping({*node.labels, label})
    return keeping(set(node.labels) - {label})
