"""Aggregations that pick series out of each group: topk, limitk and the like."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from monitoring.labels import fingerprint
from monitoring.promql.context import Evaluation
from monitoring.promql.errors import EvaluationError
from monitoring.promql.grouping import Groups, projection
from monitoring.promql.numbers import general
from monitoring.promql.syntax import Aggregation
from monitoring.promql.tables import Table, tables
from monitoring.promql.values import Bools, Floats, Grid, Ints, Vector

_INT64 = 2.0**63
_FINGERPRINTS = float(1 << 63)


def call_ranked(run: Evaluation, node: Aggregation, grid: Grid) -> Vector:
    """topk, bottomk and limitk: the first k of each group, in different orders."""
    wanted = _counts(run, node, grid)
    vector = run.vector(node.expr, grid)
    groups = Groups.of(vector.labels, projection(node.labels, keep=not node.without))
    picked = np.zeros(vector.values.shape, np.bool_)
    for table in tables(vector, groups):
        run.budget.check()
        chosen = _CHOICES[node.op](table, wanted[table.steps])
        inside = table.rows >= 0
        rows = table.rows[inside]
        picked[rows, table.steps] = chosen.transpose(0, 2, 1)[inside]
    found = vector.where(picked)
    if grid.count > 1 or node.op == "limitk":
        return found
    # At an instant the answer is ordered: by group, then by rank.
    keys = vector.values[:, 0] * (1 if node.op == "bottomk" else -1)
    return found.take(np.lexsort((keys, groups.ids)))


def _counts(run: Evaluation, node: Aggregation, grid: Grid) -> Ints:
    assert node.param is not None  # noqa: S101  # the parser has counted arguments
    wanted = run.scalar(node.param, grid)
    if np.isnan(wanted).any():
        raise EvaluationError("Parameter value is NaN")
    for number in wanted[np.abs(wanted) >= _INT64].tolist():
        direction = "overflows" if number > 0 else "underflows"
        raise EvaluationError(f"Scalar value {general(number)} {direction} int64")
    return wanted.astype(np.int64)


def _smallest(table: Table, keys: Floats, wanted: Ints) -> Bools:
    """Choose so many with the smallest keys; of equal ones the first, NaN last."""
    chosen = np.zeros(keys.shape, np.bool_)
    for count in np.unique(wanted[wanted > 0]).tolist():
        steps = np.flatnonzero(wanted == count)
        present = table.present[:, steps]
        chosen[:, steps] = _smallest_of(keys[:, steps], present, count)
    return chosen


def _smallest_of(keys: Floats, present: Bools, count: int) -> Bools:
    if count >= keys.shape[2]:
        return present
    # What is not there is NaN, and so is behind everything else.
    last = np.partition(keys, count - 1, axis=2)[:, :, count - 1 : count]
    short = np.isnan(last)
    numbers = ~np.isnan(keys)
    chosen: Bools = np.where(short, numbers, keys < last)
    even = np.where(short, present & ~numbers, keys == last)
    room = count - chosen.sum(axis=2, keepdims=True)
    if (even.sum(axis=2, keepdims=True) > room).any():
        even &= np.cumsum(even, axis=2) <= room
    return chosen | even


def _first(table: Table, wanted: Ints) -> Bools:
    chosen: Bools = np.cumsum(table.present, axis=2) <= wanted[:, None]
    return chosen & table.present


_CHOICES: dict[str, Callable[[Table, Ints], Bools]] = {
    "bottomk": lambda table, wanted: _smallest(table, table.values, wanted),
    "limitk": _first,
    "topk": lambda table, wanted: _smallest(table, -table.values, wanted),
}


def call_limit_ratio(run: Evaluation, node: Aggregation, grid: Grid) -> Vector:
    """Keep a share of the series, chosen by a hash of their labels.

    A negative share keeps just what its positive counterpart leaves out.
    """
    assert node.param is not None  # noqa: S101  # the parser has counted arguments
    ratio = run.scalar(node.param, grid)
    if np.isnan(ratio).any():
        raise EvaluationError("Ratio value is NaN")
    for number in np.unique(ratio[np.abs(ratio) > 1]).tolist():
        run.notes.warn(
            f"ratio value should be between -1 and 1, got {general(number)}, "
            f"capping to {'1' if number > 0 else '-1'}"
        )
    ratio = np.clip(ratio, -1, 1)
    vector = run.vector(node.expr, grid)
    return vector.where(_chosen(vector, ratio))


def _chosen(vector: Vector, ratio: Floats) -> Bools:
    hashes = [fingerprint(labels) / _FINGERPRINTS for labels in vector.labels]
    place = np.array(hashes, np.float64)[:, None]
    chosen: Bools = np.where(ratio >= 0, place < ratio, place >= 1 + ratio)
    return chosen
