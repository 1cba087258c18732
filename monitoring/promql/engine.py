"""The two questions that can be asked: at an instant, and over a range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from monitoring.labels import METRIC_NAME, Labels
from monitoring.promql.errors import EvaluationError
from monitoring.promql.evaluator import Evaluator
from monitoring.promql.grouping import NAMELESS, merge_same
from monitoring.promql.limits import DEFAULT_LIMITS, Budget, Limits
from monitoring.promql.parser import parse
from monitoring.promql.rolled import from_rollups
from monitoring.promql.selectors import Selection
from monitoring.promql.syntax import ValueType, type_of
from monitoring.promql.values import (
    Grid,
    Ints,
    Result,
    ResultType,
    Scalar,
    Text,
    Value,
    Vector,
)
from monitoring.promql.windows import RangeVector
from monitoring.telemetry import Querier


def instant(
    querier: Querier, expr: str, *, time_ms: int, limits: Limits = DEFAULT_LIMITS
) -> Result:
    """Return the expression's value at one time.

    Raises PromQLError (see errors.py) and TooMuchDataError.
    """
    tree = parse(expr)
    run = _evaluator(querier, Grid.at(time_ms), limits)
    with _calmly():
        if type_of(tree) is ValueType.MATRIX:
            return _matrix(run.windows(tree, run.outer), run)
        value = run.evaluate(tree, run.outer)
        return _result(value, run, ResultType.VECTOR)


def range_query(
    querier: Querier,
    expr: str,
    *,
    start_ms: int,
    end_ms: int,
    step_ms: int,
    limits: Limits = DEFAULT_LIMITS,
) -> Result:
    """Return the expression's values from start to end, inclusive, step by step.

    Raises PromQLError (see errors.py) and TooMuchDataError.
    """
    tree = parse(expr)
    if type_of(tree) not in {ValueType.SCALAR, ValueType.VECTOR}:
        raise EvaluationError(
            f'invalid expression type "{_words(type_of(tree))}" for range query, '
            "must be Scalar or instant Vector"
        )
    if step_ms < 1 or end_ms < start_ms:
        raise ValueError("a range needs a positive step and an end after its start")
    grid = Grid(start_ms, step_ms, (end_ms - start_ms) // step_ms + 1)
    run = _evaluator(querier, grid, limits)
    with _calmly():
        return _result(run.evaluate(tree, grid), run, ResultType.MATRIX)


@contextmanager
def _calmly() -> Iterator[None]:
    # Division by zero and the like have their answers in IEEE 754.
    with np.errstate(all="ignore"):
        try:
            yield
        except RecursionError:
            raise EvaluationError("the expression is nested too deeply") from None


def _words(kind: ValueType) -> str:
    return "range vector" if kind is ValueType.MATRIX else kind.value


def _evaluator(querier: Querier, grid: Grid, limits: Limits) -> Evaluator:
    budget = Budget(limits)
    budget.admit_points(1, grid.count)
    return Evaluator(grid, budget, Selection(querier, grid, budget))


def _result(value: Value, run: Evaluator, kind: ResultType) -> Result:
    notes, steps = run.notes, run.outer.times_ms
    for step_ms in sorted(run.selection.rolled_steps):
        notes.info(from_rollups(step_ms))
    none = np.empty((0, run.outer.count))
    match value:
        case Text(text):
            return Result(
                ResultType.STRING, [], steps, none, none.astype(bool), string=text
            )
        case Scalar(values):
            kind = kind if kind is ResultType.MATRIX else ResultType.SCALAR
            row, present = values[None, :], np.ones((1, len(values)), np.bool_)
            labels: list[Labels] = [()]
        case Vector():
            clean = _named(value)
            if kind is ResultType.MATRIX:
                clean = _by_labels(clean)
            labels, row, present = list(clean.labels), clean.values, clean.present
    values = np.where(present, row, np.nan)
    return Result(kind, labels, steps, values, present, notes.warnings, notes.infos)


def _named(vector: Vector) -> Vector:
    """Drop the names that functions have left to be dropped, and empty series."""
    filled = vector.present.any(axis=1)
    found = vector if filled.all() else vector.take(np.flatnonzero(filled))
    return merge_same(Vector.named(_drop_names(found), found.values, found.present))


def _drop_names(vector: Vector) -> Sequence[Labels]:
    if not vector.nameless.any():
        return vector.labels
    if vector.nameless.all():
        return NAMELESS.of_all(vector.labels)
    return [
        tuple(pair for pair in labels if pair[0] != METRIC_NAME) if nameless else labels
        for labels, nameless in zip(
            vector.labels, vector.nameless.tolist(), strict=True
        )
    ]


def _by_labels(vector: Vector) -> Vector:
    labels = vector.labels
    return vector.take(
        np.array(sorted(range(len(labels)), key=labels.__getitem__), int)
    )


def _matrix(windows: RangeVector, run: Evaluator) -> Result:
    """Return the samples themselves, on the union of their times."""
    vector, times_ms = samples_of(windows, run.budget)
    clean = _by_labels(_named(vector))
    values = np.where(clean.present, clean.values, np.nan)
    notes, labels = run.notes, list(clean.labels)
    return Result(
        ResultType.MATRIX,
        labels,
        times_ms,
        values,
        clean.present,
        notes.warnings,
        notes.infos,
    )


def samples_of(windows: RangeVector, budget: Budget) -> tuple[Vector, Ints]:
    """Return the samples in the windows of the one step, a column for each time."""
    data, end_ms = windows.data, windows.ends.start_ms
    inside = (data.ts_ms > end_ms - windows.range_ms) & (data.ts_ms <= end_ms)
    rows = np.repeat(np.arange(len(data.labels)), np.diff(data.offsets))[inside]
    times_ms, columns = np.unique(data.ts_ms[inside], return_inverse=True)
    budget.admit_points(len(data.labels), len(times_ms))
    values = np.zeros((len(data.labels), len(times_ms)))
    present = np.zeros(values.shape, np.bool_)
    values[rows, columns] = data.values[inside]
    present[rows, columns] = True
    return Vector(data.labels, values, present, windows.nameless), times_ms
