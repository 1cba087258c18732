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
    ranks = np.full(vector.values.shape, np.iinfo(np.int64).max)
    for table in tables(vector, groups):
        run.budget.check()
        inside = table.rows >= 0
        ranks[table.rows[inside], table.steps] = _RANKS[node.op](table)[inside]
    picked = vector.where(ranks < wanted)
    if grid.count > 1 or node.op == "limitk":
        return picked
    # At an instant the answer is ordered: by group, then as they were ranked.
    return picked.take(np.lexsort((ranks[:, 0], groups.ids)))


def _counts(run: Evaluation, node: Aggregation, grid: Grid) -> Floats:
    assert node.param is not None  # noqa: S101  # the parser has counted arguments
    wanted = run.scalar(node.param, grid)
    if np.isnan(wanted).any():
        raise EvaluationError("Parameter value is NaN")
    for number in wanted[np.abs(wanted) >= _INT64].tolist():
        direction = "overflows" if number > 0 else "underflows"
        raise EvaluationError(f"Scalar value {general(number)} {direction} int64")
    return np.trunc(wanted)


def _rank_by_value(table: Table, keys: Floats) -> Ints:
    """Rank ascending; equal values keep their order, NaN comes after all others."""
    order = np.argsort(keys, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(keys.shape[1])[None, :, None], axis=1)
    nan = table.present & np.isnan(keys)
    if nan.any():
        # What is not there is NaN as well: count only those that are.
        numbers = (table.present & ~nan).sum(axis=1, keepdims=True)
        ranks = np.where(nan, numbers + np.cumsum(nan, axis=1) - 1, ranks)
    return ranks


def _rank_by_order(table: Table) -> Ints:
    ranks: Ints = np.cumsum(table.present, axis=1) - 1
    return ranks


_RANKS: dict[str, Callable[[Table], Ints]] = {
    "bottomk": lambda table: _rank_by_value(table, table.values),
    "limitk": _rank_by_order,
    "topk": lambda table: _rank_by_value(table, -table.values),
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
