"""Functions that map every value of a vector by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from monitoring.promql.context import Evaluation
from monitoring.promql.syntax import Call
from monitoring.promql.values import Floats, Grid, Vector

# Given the values, and the scalar arguments (one number per step each).
Mapping = Callable[..., Floats]


def _round(values: Floats, nearest: Floats | float = 1.0) -> Floats:
    # Half rounds up; multiplying by the inverse is how Prometheus does it.
    inverse = 1.0 / np.asarray(nearest)
    rounded: Floats = np.floor(values * inverse + 0.5) / inverse
    return rounded


def _sign(values: Floats) -> Floats:
    # Unlike np.sign, the sign of zero stays.
    return np.where(values == 0, values, np.sign(values))


def larger(one: Floats, other: Floats) -> Floats:
    # Nothing is larger than infinity, not even NaN.
    endless = np.isposinf(one) | np.isposinf(other)
    return np.where(endless, np.inf, np.maximum(one, other))


def smaller(one: Floats, other: Floats) -> Floats:
    endless = np.isneginf(one) | np.isneginf(other)
    return np.where(endless, -np.inf, np.minimum(one, other))


MAPPINGS: dict[str, Mapping] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "clamp_max": smaller,
    "clamp_min": larger,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": np.rad2deg,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": np.deg2rad,
    "round": _round,
    "sgn": _sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}


def call_mapping(run: Evaluation, call: Call, grid: Grid) -> Vector:
    vector = run.vector(call.args[0], grid)
    params = [run.scalar(arg, grid) for arg in call.args[1:]]
    return vector.with_values(MAPPINGS[call.name](vector.values, *params))


def call_clamp(run: Evaluation, call: Call, grid: Grid) -> Vector:
    vector = run.vector(call.args[0], grid)
    low, high = (run.scalar(arg, grid) for arg in call.args[1:])
    clamped = larger(low, smaller(high, vector.values))
    # Nothing lies between a minimum and a smaller maximum.
    return vector.with_values(clamped).where(~(high < low))
