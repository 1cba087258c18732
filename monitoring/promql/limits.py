"""How much a query may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from monitoring.telemetry import SeriesData, TooMuchDataError


@dataclass(frozen=True, slots=True)
class Limits:
    """None means no limit.

    `max_series` counts the series a selector touches, `max_samples` what all
    selectors of the query load together, `max_points` series times steps of any
    intermediate result. `deadline` is called between operators; it ends the query
    by raising QueryTimeoutError or QueryCancelledError.
    """

    lookback_ms: int = 300_000
    max_series: int | None = None
    max_samples: int | None = None
    max_points: int | None = None
    deadline: Callable[[], None] | None = None
    # The resolution of a subquery that names none.
    subquery_step_ms: int = 60_000


DEFAULT_LIMITS = Limits()


@dataclass(slots=True)
class Budget:
    """What is left of the limits while a query runs."""

    limits: Limits
    samples: int = field(default=0)

    def check(self) -> None:
        if self.limits.deadline is not None:
            self.limits.deadline()

    def admit_data(self, data: SeriesData) -> None:
        """Raises TooMuchDataError."""
        self.samples += len(data.values)
        _refuse_over(self.limits.max_series, len(data.labels), "series")
        _refuse_over(self.limits.max_samples, self.samples, "samples")

    def admit_buckets(self, series: int, buckets: int) -> None:
        """Raises TooMuchDataError; a bucket counts as a sample."""
        self.samples += buckets
        _refuse_over(self.limits.max_series, series, "series")
        _refuse_over(self.limits.max_samples, self.samples, "samples")

    def admit_points(self, series: int, steps: int) -> None:
        """Raises TooMuchDataError."""
        _refuse_over(self.limits.max_points, series * steps, "points")


def _refuse_over(limit: int | None, count: int, noun: str) -> None:
    if limit is not None and count > limit:
        raise TooMuchDataError(
            f"the query needs {count:,} {noun}, more than the limit of {limit:,}: "
            "narrow its selectors, shorten its range or lengthen its step"
        )
