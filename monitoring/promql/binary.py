"""Binary operators, by the kinds of their sides."""

from __future__ import annotations

from monitoring.promql.arithmetic import (
    ARITHMETIC,
    SET_OPERATORS,
    calculate,
    compare,
)
from monitoring.promql.context import Evaluation
from monitoring.promql.matching import combine
from monitoring.promql.sets import combine_sets
from monitoring.promql.syntax import Binary
from monitoring.promql.values import Floats, Grid, Scalar, Value, Vector


def evaluate_binary(run: Evaluation, node: Binary, grid: Grid) -> Value:
    left = run.evaluate(node.left, grid)
    right = run.evaluate(node.right, grid)
    match left, right:
        case Scalar(), Scalar():
            return Scalar(calculate(node.op, left.values, right.values))
        case Vector(), Scalar():
            return _with_scalar(node, left, left.values, right.values)
        case Scalar(), Vector():
            return _with_scalar(node, right, left.values, right.values)
        case Vector(), Vector() if node.op in SET_OPERATORS:
            return combine_sets(node, left, right)
        case Vector(), Vector():
            return combine(node, left, right, run.budget)
    raise AssertionError("the parser lets no other types through")


def _with_scalar(node: Binary, vector: Vector, left: Floats, right: Floats) -> Vector:
    if node.op in ARITHMETIC or node.return_bool:
        return vector.with_values(calculate(node.op, left, right))
    # A comparison filters: what stays is always the vector's value.
    return vector.where(compare(node.op, left, right))
