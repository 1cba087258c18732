"""Parts of a date, in UTC, of values that are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from monitoring.promql.context import Evaluation
from monitoring.promql.syntax import Call
from monitoring.promql.values import Floats, Grid, Ints, Vector

_DAY = 86_400
_DAYS_IN_WEEK = 7
# The epoch was a Thursday.
_EPOCH_WEEKDAY = 4


Dates = np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]


def _date(seconds: Ints) -> Dates:
    return (seconds // _DAY).astype("M8[D]")


def _start(seconds: Ints, unit: str) -> Ints:
    """Return the day since the epoch at which the month or year starts."""
    first = _date(seconds).astype(f"M8[{unit}]").astype("M8[D]")
    start: Ints = first.astype(np.int64)
    return start


def _days_in_month(seconds: Ints) -> Ints:
    month = _date(seconds).astype("M8[M]")
    length = (month + 1).astype("M8[D]") - month.astype("M8[D]")
    days: Ints = length.astype(np.int64)
    return days


CLOCK_PARTS: dict[str, Callable[[Ints], Ints]] = {
    "day_of_month": lambda s: s // _DAY - _start(s, "M") + 1,
    "day_of_week": lambda s: (s // _DAY + _EPOCH_WEEKDAY) % _DAYS_IN_WEEK,
    "day_of_year": lambda s: s // _DAY - _start(s, "Y") + 1,
    "days_in_month": _days_in_month,
    "hour": lambda s: s % _DAY // 3600,
    "minute": lambda s: s % 3600 // 60,
    "month": lambda s: _date(s).astype("M8[M]").astype(np.int64) % 12 + 1,
    "year": lambda s: _date(s).astype("M8[Y]").astype(np.int64) + 1970,
}


def call_clock_part(run: Evaluation, call: Call, grid: Grid) -> Vector:
    if not call.args:
        times = grid.times_s[None, :]
        parts = _part_of(call.name, times)
        return Vector.named([()], parts, np.ones(times.shape, np.bool_))
    vector = run.vector(call.args[0], grid)
    return vector.with_values(_part_of(call.name, vector.values))


def _part_of(name: str, values: Floats) -> Floats:
    # Dates beyond this are not dates any more, and would overflow.
    sane = np.abs(values) < 1e14  # noqa: PLR2004  # NaN is not sane either
    seconds = np.trunc(np.where(sane, values, 0.0)).astype(np.int64)
    return np.where(sane, CLOCK_PARTS[name](seconds), np.nan)
