"""Walks a metric query: PromQL's operators over LogQL's range aggregations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from monitoring.logql.errors import EvaluationError
from monitoring.logql.ranges import RangeReader
from monitoring.logql.syntax import Grouping, RangeAggregation
from monitoring.promql.aggregations import aggregate
from monitoring.promql.annotations import Annotations
from monitoring.promql.binary import evaluate_binary
from monitoring.promql.context import Evaluation, Operands
from monitoring.promql.functions.conversions import call_vector
from monitoring.promql.functions.labelling import call_label_replace
from monitoring.promql.functions.sorting import call_sort
from monitoring.promql.limits import Budget
from monitoring.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Expr,
    Negation,
    Number,
    Source,
    String,
    Subquery,
    VectorSelector,
    bare,
)
from monitoring.promql.values import Grid, Scalar, Text, Value, Vector
from monitoring.promql.windows import RangeVector

_FUNCTIONS: dict[str, Callable[[Evaluation, Call, Grid], Vector]] = {
    "label_replace": call_label_replace,
    "sort": call_sort,
    "sort_desc": call_sort,
    "vector": call_vector,
}
# A sum of these is the same as one of them over the whole group.
_ADDING = {
    "bytes_over_time",
    "bytes_rate",
    "count_over_time",
    "rate",
    "sum_over_time",
}


@dataclass(frozen=True, slots=True)
class Evaluated(Source):
    """A vector that is there already."""

    vector: Vector


@dataclass(slots=True)
class Evaluator(Operands):
    """One query while it runs (promql.context.Evaluation)."""

    outer: Grid
    budget: Budget
    reader: RangeReader
    notes: Annotations = field(default_factory=Annotations)

    def evaluate(self, expr: Expr, grid: Grid) -> Value:
        self.budget.check()
        match bare(expr):
            case Number(number):
                return Scalar(np.full(grid.count, number))
            case String(text):
                return Text(text)
            case RangeAggregation() as leaf:
                return self.reader.evaluate(leaf, None)
            case Evaluated(vector):
                return vector
            case operation:
                return self._operate(operation, grid)

    def _operate(self, expr: Expr, grid: Grid) -> Value:
        match expr:
            case Negation(inner):
                return _negate(self.evaluate(inner, grid))
            case Binary():
                return evaluate_binary(self, expr, grid)
            case Aggregation():
                return self._aggregate(expr, grid)
            case Call():
                return _FUNCTIONS[expr.name](self, expr, grid)
        raise AssertionError("the parser makes no other nodes")

    def _aggregate(self, node: Aggregation, grid: Grid) -> Vector:
        inner = bare(node.expr)
        if node.op == "approx_topk":
            if grid.count > 1:
                raise EvaluationError("approx_topk is for instant queries only")
            node = replace(node, op="topk")
        if _adds_up(node) and isinstance(inner, RangeAggregation):
            found = self.reader.evaluate(inner, Grouping(node.labels))
            node = replace(node, expr=Evaluated(found))
        return aggregate(self, node, grid)

    def windows(self, expr: Expr, grid: Grid) -> RangeVector:
        raise AssertionError("LogQL has no range vectors of samples")

    def rolled(self, expr: Expr, grid: Grid, columns: Sequence[str]) -> None:
        raise AssertionError("LogQL has no roll-ups of samples")

    def sample_times(self, selector: VectorSelector, grid: Grid) -> Vector:
        raise AssertionError("LogQL has no selectors of samples")

    def moved(self, subquery: Subquery, grid: Grid) -> Grid:
        raise AssertionError("LogQL has no subqueries")


def _adds_up(node: Aggregation) -> bool:
    inner = bare(node.expr)
    return (
        node.op == "sum"
        and not node.without
        and isinstance(inner, RangeAggregation)
        and inner.op in _ADDING
    )


def _negate(value: Value) -> Value:
    match value:
        case Scalar(values):
            return Scalar(-values)
        case Vector():
            return value.with_values(-value.values)
    raise AssertionError("the parser lets no other types through")
