"""Runs functions of range vectors over all windows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from monitoring.promql.context import Evaluation
from monitoring.promql.functions import counters, over_time
from monitoring.promql.functions.over_time import Outcome
from monitoring.promql.syntax import (
    Call,
    ValueType,
    type_of,
)
from monitoring.promql.values import Bools, Floats, Grid, Vector
from monitoring.promql.windows import RangeVector

# Given a block of windows and the scalar arguments (one number per step each).
RangeFunction = Callable[..., Outcome]

RANGE_FUNCTIONS: dict[str, RangeFunction] = {
    "avg_over_time": over_time.avg_over_time,
    "changes": counters.changes,
    "count_over_time": over_time.count_over_time,
    "delta": counters.delta,
    "first_over_time": over_time.first_over_time,
    "idelta": counters.idelta,
    "increase": counters.increase,
    "irate": counters.irate,
    "last_over_time": over_time.last_over_time,
    "max_over_time": over_time.max_over_time,
    "min_over_time": over_time.min_over_time,
    "present_over_time": over_time.present_over_time,
    "rate": counters.rate,
    "resets": counters.resets,
    "sum_over_time": over_time.sum_over_time,
}

_KEEP_NAME = frozenset({"first_over_time", "last_over_time"})
_FOR_COUNTERS = frozenset({"rate", "increase"})
_COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")


def call_range_function(run: Evaluation, call: Call, grid: Grid) -> Vector:
    matrix = next(a for a in call.args if type_of(a) is ValueType.MATRIX)
    params = [run.scalar(a, grid) for a in call.args if a is not matrix]
    windows = run.windows(matrix, grid)
    values, present = over_windows(run, RANGE_FUNCTIONS[call.name], windows, params)
    nameless = windows.nameless
    if call.name not in _KEEP_NAME:
        nameless = np.ones(len(windows.labels), np.bool_)
    if call.name in _FOR_COUNTERS:
        _note_non_counters(run, windows, present)
    return Vector(windows.labels, values, present, nameless)


def over_windows(
    run: Evaluation, function: RangeFunction, windows: RangeVector, params: list[Floats]
) -> tuple[Floats, Bools]:
    shape = (len(windows.labels), windows.grid.count)
    values = np.empty(shape)
    present = np.zeros(shape, np.bool_)
    for rows, block in windows.blocks():
        run.budget.check()
        with np.errstate(all="ignore"):
            values[rows], present[rows] = function(block, *params)
    return values, present


def _note_non_counters(run: Evaluation, windows: RangeVector, present: Bools) -> None:
    found = present.any(axis=1) & ~windows.nameless
    names = {
        dict(windows.labels[row]).get("__name__", "")
        for row in np.flatnonzero(found).tolist()
    }
    for name in sorted(names - {""}):
        if not name.endswith(_COUNTER_SUFFIXES):
            run.notes.info(
                "metric might not be a counter, name does not end in "
                f'_total/_sum/_count/_bucket: "{name}"'
            )
