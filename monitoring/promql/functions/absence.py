"""absent and absent_over_time: one where nothing is."""

from __future__ import annotations

import numpy as np

from monitoring.labels import METRIC_NAME, Labels, MatchOp, make_labels
from monitoring.promql.context import Evaluation
from monitoring.promql.syntax import Call, Expr, MatrixSelector, VectorSelector, bare
from monitoring.promql.values import Bools, Grid, Vector


def call_absent(run: Evaluation, call: Call, grid: Grid) -> Vector:
    vector = run.vector(call.args[0], grid)
    found: Bools = np.logical_or.reduce(vector.present, axis=0)
    return _absent(call.args[0], found)


def call_absent_over_time(run: Evaluation, call: Call, grid: Grid) -> Vector:
    windows = run.windows(call.args[0], grid)
    found = np.zeros(grid.count, np.bool_)
    for _, block in windows.blocks():
        found |= block.filled.any(axis=0)
    return _absent(call.args[0], found)


def _absent(expr: Expr, found: Bools) -> Vector:
    return Vector.named([_wanted(bare(expr))], np.ones((1, len(found))), ~found[None])


def _wanted(expr: Expr) -> Labels:
    """Return the labels that a selector pins to one value."""
    if isinstance(expr, MatrixSelector):
        expr = expr.selector
    if not isinstance(expr, VectorSelector):
        return ()
    wanted: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in expr.matchers:
        # A label with two conditions is left out, whatever they are.
        if matcher.op is MatchOp.EQUAL and matcher.name not in seen:
            wanted[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            wanted.pop(matcher.name, None)
    wanted.pop(METRIC_NAME, None)
    return make_labels(wanted)
