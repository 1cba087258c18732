"""How much a query may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from monitoring.promql.limits import Budget as SeriesBudget
from monitoring.promql.limits import Limits as SeriesLimits
from monitoring.telemetry import LogChunk, TooMuchDataError


@dataclass(frozen=True, slots=True)
class Limits:
    """None means no limit.

    `max_series` counts the series of a range aggregation, `max_entries` the lines
    that a log query may ask for, `max_lines` those that are read for the whole
    query, `max_samples` what of them is held for aggregation, `max_points` series
    times steps. `deadline` is called between chunks and operators; it ends the
    query by raising an error of its caller's.
    """

    max_series: int | None = None
    max_entries: int | None = None
    max_lines: int | None = None
    max_samples: int | None = None
    max_points: int | None = None
    deadline: Callable[[], None] | None = None


DEFAULT_LIMITS = Limits()


@dataclass(slots=True)
class Stats:
    """What a query has read: lines that were looked at and their bytes.

    Lines that the store has counted by itself are counted here too, without bytes.
    """

    lines: int = 0
    bytes: int = 0
    chunks: int = 0


@dataclass(slots=True)
class Budget:
    """What is left of the limits while a query runs."""

    limits: Limits
    stats: Stats = field(default_factory=Stats)
    samples: int = 0

    def check(self) -> None:
        if self.limits.deadline is not None:
            self.limits.deadline()

    def admit_chunk(self, chunk: LogChunk, rows: int, size: int) -> None:
        """Raises TooMuchDataError."""
        self.check()
        self.stats.chunks += 1
        self.admit_lines(rows, size)

    def admit_lines(self, rows: int, size: int) -> None:
        self.stats.lines += rows
        self.stats.bytes += size
        _refuse_over(self.limits.max_lines, self.stats.lines, "lines")

    def admit_samples(self, samples: int, series: int) -> None:
        """Raises TooMuchDataError."""
        self.samples += samples
        _refuse_over(self.limits.max_samples, self.samples, "samples")
        _refuse_over(self.limits.max_series, series, "series")

    def of_series(self) -> SeriesBudget:
        """Return what PromQL's operators are limited by."""
        limits = self.limits
        return SeriesBudget(
            SeriesLimits(max_points=limits.max_points, deadline=limits.deadline)
        )


def _refuse_over(limit: int | None, count: int, noun: str) -> None:
    if limit is not None and count > limit:
        raise TooMuchDataError(
            f"the query needs {count:,} {noun}, more than the limit of {limit:,}: "
            "narrow its selector, filter more lines or shorten its range"
        )
