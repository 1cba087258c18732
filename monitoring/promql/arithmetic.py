"""The operators on numbers, as numpy has them or as PromQL wants them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from monitoring.promql.values import Bools, Floats

# LogQL's division: by zero it has no answer, where PromQL's is infinite.
DIVIDE_OR_NAN = "divide or NaN"


def _divide_or_nan(left: Floats, right: Floats) -> Floats:
    return np.divide(left, np.where(right == 0, np.nan, right))


ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    DIVIDE_OR_NAN: _divide_or_nan,
    # The sign of the dividend, as in C.
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}

COMPARISONS: dict[str, Callable[[Floats, Floats], Bools]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}

SET_OPERATORS = frozenset({"and", "or", "unless"})


def calculate(op: str, left: Floats, right: Floats) -> Floats:
    """Return the outcome of any operator; a comparison's is 1 or 0."""
    if op in ARITHMETIC:
        return ARITHMETIC[op](left, right)
    return COMPARISONS[op](left, right).astype(np.float64)


def compare(op: str, left: Floats, right: Floats) -> Bools:
    return COMPARISONS[op](left, right)
