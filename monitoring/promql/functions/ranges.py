"""Runs functions of range vectors over all windows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from monitoring.labels import METRIC_NAME
from monitoring.promql.columns import values_of
from monitoring.promql.context import Evaluation
from monitoring.promql.errors import EvaluationError
from monitoring.promql.functions import counters, distribution, over_time, regression
from monitoring.promql.functions.over_time import Outcome
from monitoring.promql.functions.rolled import ROLLED_FUNCTIONS
from monitoring.promql.quantiles import note_invalid_quantiles
from monitoring.promql.syntax import Call, Expr, ValueType, type_of
from monitoring.promql.values import Bools, Floats, Grid, Vector
from monitoring.promql.windows import RangeVector

# Given a block of windows and the scalar arguments (one number per step each).
RangeFunction = Callable[..., Outcome]

RANGE_FUNCTIONS: dict[str, RangeFunction] = {
    "avg_over_time": over_time.avg_over_time,
    "changes": counters.changes,
    "count_over_time": over_time.count_over_time,
    "delta": counters.delta,
    "deriv": regression.deriv,
    "double_exponential_smoothing": regression.double_exponential_smoothing,
    "first_over_time": over_time.first_over_time,
    "holt_winters": regression.double_exponential_smoothing,
    "idelta": counters.idelta,
    "increase": counters.increase,
    "irate": counters.irate,
    "last_over_time": over_time.last_over_time,
    "mad_over_time": distribution.mad_over_time,
    "max_over_time": over_time.max_over_time,
    "min_over_time": over_time.min_over_time,
    "predict_linear": regression.predict_linear,
    "present_over_time": over_time.present_over_time,
    "quantile_over_time": distribution.quantile_over_time,
    "rate": counters.rate,
    "resets": counters.resets,
    "stddev_over_time": distribution.stddev_over_time,
    "stdvar_over_time": distribution.stdvar_over_time,
    "sum_over_time": over_time.sum_over_time,
    "ts_of_first_over_time": distribution.ts_of_first_over_time,
    "ts_of_last_over_time": distribution.ts_of_last_over_time,
    "ts_of_max_over_time": distribution.ts_of_max_over_time,
    "ts_of_min_over_time": distribution.ts_of_min_over_time,
}

_SMOOTHING = frozenset({"double_exponential_smoothing", "holt_winters"})
_KEEP_NAME = frozenset({"first_over_time", "last_over_time"})
_FOR_COUNTERS = frozenset({"rate", "increase"})
_COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")


def call_range_function(run: Evaluation, call: Call, grid: Grid) -> Vector:
    matrix = next(a for a in call.args if type_of(a) is ValueType.MATRIX)
    rolled = _from_rollups(run, call, matrix, grid)
    if rolled is not None:
        return rolled
    params = [run.scalar(a, grid) for a in call.args if a is not matrix]
    windows = run.windows(matrix, grid)
    values, present = over_windows(run, RANGE_FUNCTIONS[call.name], windows, params)
    _check_parameters(run, call, params, present)
    return _named(run, call, Vector(windows.labels, values, present, windows.nameless))


def _named(run: Evaluation, call: Call, found: Vector) -> Vector:
    if call.name in _FOR_COUNTERS:
        _note_non_counters(run, found)
    return found if call.name in _KEEP_NAME else found.with_values(found.values)


def _from_rollups(
    run: Evaluation, call: Call, matrix: Expr, grid: Grid
) -> Vector | None:
    """Return the same from roll-ups, where they say it exactly and more cheaply."""
    if call.name not in ROLLED_FUNCTIONS:
        return None
    function, columns = ROLLED_FUNCTIONS[call.name]
    rolled = run.rolled(matrix, grid, columns)
    if rolled is None:
        return None
    values = np.empty((len(rolled.labels), grid.count))
    present = np.zeros(values.shape, np.bool_)
    for rows, block in rolled.blocks():
        run.budget.check()
        values[rows], present[rows] = function(block)
    return _named(run, call, Vector.named(rolled.labels, values, present))


def _check_parameters(
    run: Evaluation, call: Call, params: list[Floats], present: Bools
) -> None:
    used = present.any(axis=0)
    if call.name == "quantile_over_time":
        note_invalid_quantiles(run.notes, params[0][used])
    if call.name in _SMOOTHING:
        for word, factor in zip(("smoothing", "trend"), params, strict=True):
            for number in factor[used & ~((factor > 0) & (factor < 1))].tolist():
                raise EvaluationError(
                    f"invalid {word} factor. Expected: 0 < {word[0]}f < 1, "
                    f"got: {number:f}"
                )


def over_windows(
    run: Evaluation, function: RangeFunction, windows: RangeVector, params: list[Floats]
) -> tuple[Floats, Bools]:
    shape = (len(windows.labels), windows.grid.count)
    values = np.empty(shape)
    present = np.zeros(shape, np.bool_)
    for rows, block in windows.blocks():
        run.budget.check()
        values[rows], present[rows] = function(block, *params)
    return values, present


def _note_non_counters(run: Evaluation, vector: Vector) -> None:
    found = vector.present.any(axis=1) & ~vector.nameless
    names = values_of(vector.labels, METRIC_NAME, np.flatnonzero(found))
    for name in sorted(names - {""}):
        if not name.endswith(_COUNTER_SUFFIXES):
            run.notes.info(
                "metric might not be a counter, name does not end in "
                f'_total/_sum/_count/_bucket: "{name}"'
            )
