"""Walks the syntax tree: every node is evaluated once, for all steps together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from monitoring.promql.aggregations import aggregate
from monitoring.promql.annotations import Annotations
from monitoring.promql.binary import evaluate_binary
from monitoring.promql.context import Operands
from monitoring.promql.errors import UnsupportedError
from monitoring.promql.functions import FUNCTIONS
from monitoring.promql.limits import Budget
from monitoring.promql.rolled import RolledVector
from monitoring.promql.selectors import Selection
from monitoring.promql.subqueries import subquery_windows
from monitoring.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Negation,
    Number,
    String,
    Subquery,
    VectorSelector,
    bare,
    is_constant,
)
from monitoring.promql.values import Grid, Scalar, Text, Value, Vector
from monitoring.promql.windows import RangeVector


@dataclass(slots=True)
class Evaluator(Operands):
    """One query while it runs (context.Evaluation)."""

    outer: Grid
    budget: Budget
    selection: Selection
    notes: Annotations = field(default_factory=Annotations)

    def evaluate(self, expr: Expr, grid: Grid) -> Value:
        if grid.count > 1 and is_constant(expr):
            return _repeat(self.evaluate(expr, Grid.at(grid.start_ms)), grid)
        self.budget.check()
        match bare(expr):
            case Number(number):
                return Scalar(np.full(grid.count, number))
            case String(text):
                return Text(text)
            case operation:
                return self._operate(operation, grid)

    def _operate(self, expr: Expr, grid: Grid) -> Value:
        match expr:
            case VectorSelector():
                return self.selection.instant(expr, grid)
            case Negation(inner):
                return _negate(self.evaluate(inner, grid))
            case Binary():
                return evaluate_binary(self, expr, grid)
            case Aggregation():
                return aggregate(self, expr, grid)
            case Call():
                return self._call(expr, grid)
        raise AssertionError("a range vector is no value of its own")

    def _call(self, call: Call, grid: Grid) -> Value:
        function = FUNCTIONS.get(call.name)
        if function is None:
            raise UnsupportedError(f"the function {call.name}() is not supported")
        return function(self, call, grid)

    def windows(self, expr: Expr, grid: Grid) -> RangeVector:
        match bare(expr):
            case MatrixSelector() as matrix:
                return self.selection.windows(matrix, grid)
            case Subquery() as subquery:
                return subquery_windows(self, subquery, grid)
        raise AssertionError("the parser lets no other types through")

    def rolled(
        self, expr: Expr, grid: Grid, columns: Sequence[str]
    ) -> RolledVector | None:
        matrix = bare(expr)
        if not isinstance(matrix, MatrixSelector):
            return None
        return self.selection.rolled(matrix, grid, columns)

    def moved(self, subquery: Subquery, grid: Grid) -> Grid:
        return self.selection.moved(grid, subquery.at, subquery.offset_ms)

    def sample_times(self, selector: VectorSelector, grid: Grid) -> Vector:
        return self.selection.times(selector, grid)


def _negate(value: Value) -> Value:
    match value:
        case Scalar(values):
            return Scalar(-values)
        case Vector():
            return value.with_values(-value.values)
    raise AssertionError("the parser lets no other types through")


def _repeat(value: Value, grid: Grid) -> Value:
    match value:
        case Scalar(values):
            return Scalar(np.broadcast_to(values, (grid.count,)))
        case Vector():
            shape = (len(value.labels), grid.count)
            return Vector(
                value.labels,
                np.broadcast_to(value.values, shape),
                np.broadcast_to(value.present, shape),
                value.nameless,
            )
        case _:
            return value
