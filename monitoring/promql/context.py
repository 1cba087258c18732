"""What functions and aggregations may ask of the evaluation they are part of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from monitoring.promql.annotations import Annotations
from monitoring.promql.limits import Budget
from monitoring.promql.rolled import RolledVector
from monitoring.promql.syntax import Expr, Subquery, VectorSelector
from monitoring.promql.values import Floats, Grid, Scalar, Text, Value, Vector
from monitoring.promql.windows import RangeVector


class Evaluation(Protocol):
    """One query while it runs. `outer` is the grid of the whole query."""

    outer: Grid
    notes: Annotations
    budget: Budget

    def evaluate(self, expr: Expr, grid: Grid) -> Value: ...

    def vector(self, expr: Expr, grid: Grid) -> Vector: ...

    def scalar(self, expr: Expr, grid: Grid) -> Floats: ...

    def text(self, expr: Expr) -> str: ...

    def windows(self, expr: Expr, grid: Grid) -> RangeVector: ...

    def rolled(
        self, expr: Expr, grid: Grid, columns: Sequence[str]
    ) -> RolledVector | None:
        """Return the windows as whole buckets of roll-ups, where that can be."""
        ...

    def sample_times(self, selector: VectorSelector, grid: Grid) -> Vector:
        """Return the selected samples' own times, in seconds, as values."""
        ...

    def moved(self, subquery: Subquery, grid: Grid) -> Grid:
        """Return the times that the subquery's `@` and `offset` make of the grid's."""
        ...


class Operands:
    """What an expression is worth as the type that the parser has checked it to be."""

    __slots__ = ()

    def vector(self: Evaluation, expr: Expr, grid: Grid) -> Vector:
        value = self.evaluate(expr, grid)
        assert isinstance(value, Vector)  # noqa: S101  # the parser has checked types
        return value

    def scalar(self: Evaluation, expr: Expr, grid: Grid) -> Floats:
        value = self.evaluate(expr, grid)
        assert isinstance(value, Scalar)  # noqa: S101  # the parser has checked types
        return value.values

    def text(self: Evaluation, expr: Expr) -> str:
        value = self.evaluate(expr, self.outer)
        assert isinstance(value, Text)  # noqa: S101  # the parser has checked types
        return value.value
