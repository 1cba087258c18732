"""Functions of one window, written as one would explain them: sample by sample."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

# Time in milliseconds, and value.
Sample = tuple[int, float]


@dataclass(frozen=True)
class Window:
    samples: list[Sample]
    start_ms: int
    end_ms: int
    # When the question is asked, which @ and offset do not move.
    asked_ms: int

    @property
    def values(self) -> list[float]:
        return [value for _, value in self.samples]


def extrapolated(window: Window, *, counter: bool) -> float | None:
    samples = window.samples
    if len(samples) < 2:
        return None
    grown = samples[-1][1] - samples[0][1]
    if counter:
        for (_, before), (_, after) in pairwise(samples):
            if after < before:
                grown += before
    sampled = (samples[-1][0] - samples[0][0]) / 1000
    spacing = sampled / (len(samples) - 1)
    to_start = (samples[0][0] - window.start_ms) / 1000
    to_end = (window.end_ms - samples[-1][0]) / 1000
    if to_start >= spacing * 1.1:
        to_start = spacing / 2
    if counter and grown > 0 and samples[0][1] >= 0:
        to_start = min(to_start, sampled * (samples[0][1] / grown))
    if to_end >= spacing * 1.1:
        to_end = spacing / 2
    return grown * ((sampled + to_start + to_end) / sampled)


def rate(window: Window) -> float | None:
    grown = extrapolated(window, counter=True)
    seconds = (window.end_ms - window.start_ms) / 1000
    return None if grown is None else grown / seconds


def newest_two(window: Window) -> tuple[float, float, float] | None:
    if len(window.samples) < 2:
        return None
    (earlier, before), (later, after) = window.samples[-2:]
    return before, after, (later - earlier) / 1000


def irate(window: Window) -> float | None:
    two = newest_two(window)
    if two is None:
        return None
    before, after, seconds = two
    return (after if after < before else after - before) / seconds


def idelta(window: Window) -> float | None:
    two = newest_two(window)
    return None if two is None else two[1] - two[0]


def changes(window: Window) -> float:
    pairs = pairwise(window.values)
    return float(
        sum(a != b and not (math.isnan(a) and math.isnan(b)) for a, b in pairs)
    )


def resets(window: Window) -> float:
    return float(sum(b < a for a, b in pairwise(window.values)))


def total(values: list[float]) -> float:
    if any(not math.isfinite(value) for value in values):
        return sum(values)
    return math.fsum(values)


def mean(values: list[float]) -> float:
    return total(values) / len(values)


def variance(values: list[float]) -> float:
    if any(not math.isfinite(value) for value in values):
        return math.nan
    return statistics.pvariance(values)


def least(values: list[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return min(numbers) if numbers else math.nan


def most(values: list[float]) -> float:
    return -least([-value for value in values])


def quantile(wanted: float, values: list[float]) -> float:
    if math.isnan(wanted):
        return math.nan
    if not 0 <= wanted <= 1:
        return math.inf if wanted > 1 else -math.inf
    ordered = sorted(values, key=lambda value: (not math.isnan(value), value))
    rank = wanted * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(lower + 1, len(ordered) - 1)
    weight = rank - lower
    return ordered[lower] * (1 - weight) + ordered[upper] * weight


def deviation_from_median(values: list[float]) -> float:
    median = quantile(0.5, values)
    return quantile(0.5, [abs(value - median) for value in values])


def time_of(window: Window, extreme: float) -> float:
    hits = [ts for ts, v in window.samples if v == extreme or math.isnan(extreme)]
    return hits[-1] / 1000


def line(window: Window, origin_ms: int) -> tuple[float, float] | None:
    """Return slope per second and value at the origin."""
    values = window.values
    if len(values) < 2:
        return None
    if len(set(values)) == 1:
        return (0.0, values[0]) if math.isfinite(values[0]) else (math.nan, math.nan)
    if any(not math.isfinite(value) for value in values):
        return math.nan, math.nan
    times = [(ts - origin_ms) / 1000 for ts, _ in window.samples]
    slope, intercept = statistics.linear_regression(times, values)
    return slope, intercept


def deriv(window: Window) -> float | None:
    found = line(window, window.samples[0][0])
    return None if found is None else found[0]


def predict_linear(window: Window, seconds: float) -> float | None:
    found = line(window, window.asked_ms)
    return None if found is None else found[0] * seconds + found[1]


def smoothing(window: Window, smooth: float, trend: float) -> float | None:
    values = window.values
    if len(values) < 2:
        return None
    before, level, slope = 0.0, values[0], values[1] - values[0]
    for position, value in enumerate(values[1:]):
        if position > 0:
            slope = trend * (level - before) + (1 - trend) * slope
        before, level = level, smooth * value + (1 - smooth) * (level + slope)
    return level


FUNCTIONS: dict[str, Callable[..., float | None]] = {
    "avg_over_time": lambda w: mean(w.values),
    "changes": changes,
    "count_over_time": lambda w: float(len(w.values)),
    "delta": lambda w: extrapolated(w, counter=False),
    "deriv": deriv,
    "double_exponential_smoothing": smoothing,
    "first_over_time": lambda w: w.values[0],
    "idelta": idelta,
    "increase": lambda w: extrapolated(w, counter=True),
    "irate": irate,
    "last_over_time": lambda w: w.values[-1],
    "mad_over_time": lambda w: deviation_from_median(w.values),
    "max_over_time": lambda w: most(w.values),
    "min_over_time": lambda w: least(w.values),
    "predict_linear": predict_linear,
    "present_over_time": lambda w: 1.0,
    "quantile_over_time": lambda w, wanted: quantile(wanted, w.values),
    "rate": rate,
    "resets": resets,
    "stddev_over_time": lambda w: math.sqrt(variance(w.values)),
    "stdvar_over_time": lambda w: variance(w.values),
    "sum_over_time": lambda w: total(w.values),
    "ts_of_first_over_time": lambda w: w.samples[0][0] / 1000,
    "ts_of_last_over_time": lambda w: w.samples[-1][0] / 1000,
    "ts_of_max_over_time": lambda w: time_of(w, most(w.values)),
    "ts_of_min_over_time": lambda w: time_of(w, least(w.values)),
}
