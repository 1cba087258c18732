"""The two questions that can be asked: at an instant, and over a range."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from monitoring.logql.errors import EvaluationError, UnsupportedError
from monitoring.logql.evaluator import Evaluator
from monitoring.logql.limits import DEFAULT_LIMITS, Budget, Limits
from monitoring.logql.pipeline import compile_query, parse
from monitoring.logql.ranges import RangeReader
from monitoring.logql.results import Direction, Result, ResultType
from monitoring.logql.selection import Question, select_lines
from monitoring.logql.syntax import Expr, LogQuery
from monitoring.promql import errors as promql_errors
from monitoring.promql import syntax as promql
from monitoring.promql.grouping import merge_same
from monitoring.promql.values import Grid, Scalar, Value, Vector
from monitoring.telemetry import LogQuerier, TooMuchDataError

DEFAULT_LIMIT = 100

_NO_INSTANT = (
    "log queries are not supported as an instant query type, please change your "
    "query to a range query type"
)


def instant(
    querier: LogQuerier,
    expr: str | Expr,
    *,
    time_ns: int,
    limits: Limits = DEFAULT_LIMITS,
) -> Result:
    """Return a metric query's value at one time.

    Raises LogQLError (see errors.py) and TooMuchDataError.
    """
    tree = parse(expr) if isinstance(expr, str) else expr
    if isinstance(tree, LogQuery):
        raise EvaluationError(_NO_INSTANT)
    return _metric(querier, tree, Grid.at(time_ns), limits, ResultType.VECTOR)


def range_query(
    querier: LogQuerier,
    expr: str | Expr,
    *,
    start_ns: int,
    end_ns: int,
    step_ns: int = 10**9,
    limit: int = DEFAULT_LIMIT,
    direction: Direction = Direction.BACKWARD,
    limits: Limits = DEFAULT_LIMITS,
) -> Result:
    """Return a log query's lines, or a metric query's values step by step.

    Lines have start <= ts < end, and at most `limit` of them are returned over all
    streams; steps go from start to end, inclusive.
    Raises LogQLError (see errors.py) and TooMuchDataError.
    """
    tree = parse(expr) if isinstance(expr, str) else expr
    if isinstance(tree, LogQuery):
        question = Question(start_ns, end_ns, limit, direction)
        return _lines(querier, tree, question, limits)
    if step_ns < 1 or end_ns < start_ns:
        raise ValueError("a range needs a positive step and an end after its start")
    # PromQL's grid knows no unit: here it counts nanoseconds.
    grid = Grid(start_ns, step_ns, (end_ns - start_ns) // step_ns + 1)
    return _metric(querier, tree, grid, limits, ResultType.MATRIX)


def _lines(
    querier: LogQuerier, query: LogQuery, question: Question, limits: Limits
) -> Result:
    if limits.max_entries is not None and question.limit > limits.max_entries:
        raise TooMuchDataError(
            f"max entries limit per query exceeded, limit > max_entries_limit "
            f"({question.limit} > {limits.max_entries})"
        )
    budget = Budget(limits)
    budget.check()
    streams = select_lines(querier, compile_query(query), question, budget)
    return Result(ResultType.STREAMS, budget.stats, streams=streams)


def _metric(
    querier: LogQuerier, tree: promql.Expr, grid: Grid, limits: Limits, kind: ResultType
) -> Result:
    budget = Budget(limits)
    series = budget.of_series()
    with _calmly():
        series.admit_points(1, grid.count)
        run = Evaluator(grid, series, RangeReader(querier, budget, grid))
        return _result(run.evaluate(tree, grid), budget, grid, kind)


@contextmanager
def _calmly() -> Iterator[None]:
    # Division by zero and the like have their answers in IEEE 754.
    with np.errstate(all="ignore"):
        try:
            yield
        except promql_errors.EvaluationError as error:
            raise EvaluationError(str(error)) from error
        except promql_errors.UnsupportedError as error:
            raise UnsupportedError(str(error)) from error
        except OverflowError:
            raise EvaluationError("the query's times are out of range") from None
        except RecursionError:
            raise EvaluationError("the expression is nested too deeply") from None


def _result(value: Value, budget: Budget, grid: Grid, kind: ResultType) -> Result:
    steps = grid.times_ms
    if isinstance(value, Scalar):
        kind = kind if kind is ResultType.MATRIX else ResultType.SCALAR
        row, present = value.values[None, :], np.ones((1, grid.count), np.bool_)
        found = Vector.named([()], row, present)
    elif isinstance(value, Vector):
        found = _present(value)
        if kind is ResultType.MATRIX:
            found = _by_labels(found)
    else:
        raise EvaluationError("a text is no answer")
    values = np.where(found.present, found.values, np.nan)
    return Result(
        kind,
        budget.stats,
        labels=list(found.labels),
        steps_ns=steps,
        values=values,
        present=found.present,
    )


def _present(vector: Vector) -> Vector:
    found = vector.take(np.flatnonzero(vector.present.any(axis=1)))
    return merge_same(Vector.named(found.labels, found.values, found.present))


def _by_labels(vector: Vector) -> Vector:
    order = sorted(range(len(vector.labels)), key=vector.labels.__getitem__)
    return vector.take(np.array(order, np.int64))
