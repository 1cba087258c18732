"""Functions between scalars and vectors, and those of the query's own times."""

from __future__ import annotations

import math

import numpy as np

from monitoring.promql.context import Evaluation
from monitoring.promql.functions.elementwise import larger, smaller
from monitoring.promql.syntax import Call, VectorSelector, bare
from monitoring.promql.values import Grid, Scalar, Vector


def call_scalar(run: Evaluation, call: Call, grid: Grid) -> Scalar:
    """Return the value of the one series, NaN where there is not exactly one."""
    vector = run.vector(call.args[0], grid)
    alone = vector.present.sum(axis=0) == 1
    values = np.where(vector.present, vector.values, 0.0).sum(axis=0)
    return Scalar(np.where(alone, values, np.nan))


def call_vector(run: Evaluation, call: Call, grid: Grid) -> Vector:
    values = run.scalar(call.args[0], grid)[None, :]
    return Vector.named([()], values, np.ones(values.shape, np.bool_))


def call_time(run: Evaluation, call: Call, grid: Grid) -> Scalar:
    return Scalar(grid.times_s)


def call_pi(run: Evaluation, call: Call, grid: Grid) -> Scalar:
    return _constant(math.pi, grid)


def call_start(run: Evaluation, call: Call, grid: Grid) -> Scalar:
    return _constant(run.outer.start_ms / 1000, grid)


def call_end(run: Evaluation, call: Call, grid: Grid) -> Scalar:
    return _constant(run.outer.end_ms / 1000, grid)


def call_range(run: Evaluation, call: Call, grid: Grid) -> Scalar:
    return _constant((run.outer.end_ms - run.outer.start_ms) / 1000, grid)


def call_step(run: Evaluation, call: Call, grid: Grid) -> Scalar:
    step_ms = run.outer.step_ms if run.outer.count > 1 else 0
    return _constant(step_ms / 1000, grid)


def call_max_of(run: Evaluation, call: Call, grid: Grid) -> Scalar:
    one, other = (run.scalar(arg, grid) for arg in call.args)
    return Scalar(larger(one, other))


def call_min_of(run: Evaluation, call: Call, grid: Grid) -> Scalar:
    one, other = (run.scalar(arg, grid) for arg in call.args)
    return Scalar(smaller(one, other))


def call_timestamp(run: Evaluation, call: Call, grid: Grid) -> Vector:
    """Return the samples' own times for a selector, else the evaluation's."""
    argument = bare(call.args[0])
    if isinstance(argument, VectorSelector):
        times = run.sample_times(argument, grid)
        return times.with_values(times.values)
    vector = run.vector(argument, grid)
    return vector.with_values(np.broadcast_to(grid.times_s, vector.values.shape))


def _constant(number: float, grid: Grid) -> Scalar:
    return Scalar(np.full(grid.count, number))
