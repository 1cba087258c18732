"""LogQL over what a scope sees: the one place that says what a query may take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from accounts.scope import Scope
from monitoring import logql, promql
from monitoring.labels import Labels
from monitoring.logql import (
    Direction,
    Expr,
    Limits,
    LogQLSyntaxError,
    LogQuery,
    Result,
)
from monitoring.services.log_queries import (
    MAX_TIME,
    InvalidFilterError,
    LogTimeoutError,
    deadline_in,
    log_querier,
)
from monitoring.telemetry import nanoseconds

__all__ = [
    "MAX_ENTRIES",
    "MAX_STEPS",
    "InvalidFilterError",
    "LogReads",
    "LogTimeoutError",
    "instant",
    "is_metric",
    "log_selector",
    "range_query",
]

# Lines of one answer: 100,000 with their labels take some 60 MB on their way.
MAX_ENTRIES = 100_000
MAX_STEPS = 11_000
# Samples are held as numbers with their series: 20 M take 480 MB.
_MAX_SAMPLES = 20_000_000
_MAX_SERIES = 100_000
_MAX_POINTS = 20_000_000
# A rule that reads longer holds up its group.
_RULE_TIME = timedelta(seconds=30)


def instant(
    scope: Scope, text: str | Expr, *, at_ns: int, timeout: timedelta = MAX_TIME
) -> Result:
    """Return a metric query's value at one time.

    Raises LogQLError, TooMuchDataError (LogTimeoutError is one), InvalidFilterError.
    """
    querier = log_querier(scope, timeout=timeout)
    return logql.instant(querier, text, time_ns=at_ns, limits=_limits(timeout))


def range_query(
    scope: Scope,
    text: str | Expr,
    *,
    start_ns: int,
    end_ns: int,
    step_ns: int = 10**9,
    limit: int = 100,
    direction: Direction = Direction.BACKWARD,
    timeout: timedelta = MAX_TIME,
) -> Result:
    """Return lines with start <= ts < end, or values from start to end, step by step.

    Raises what `instant` does.
    """
    return logql.range_query(
        log_querier(scope, timeout=timeout),
        text,
        start_ns=start_ns,
        end_ns=end_ns,
        step_ns=step_ns,
        limit=limit,
        direction=direction,
        limits=_limits(timeout),
    )


def as_samples(result: Result) -> promql.Result:
    """Return a metric query's answer as PromQL's: both tell times in milliseconds."""
    return promql.Result(
        promql.ResultType(result.type.value),
        result.labels,
        result.steps_ns // 10**6,
        result.values,
        result.present,
    )


def instant_samples(scope: Scope, text: str, *, now: datetime) -> promql.Result:
    """Return a metric query's value now, for rules. Raises what `instant` does."""
    found = instant(scope, text, at_ns=nanoseconds(now), timeout=_RULE_TIME)
    return as_samples(found)


def range_samples(
    scope: Scope, text: str, *, start: datetime, end: datetime, step: timedelta
) -> promql.Result:
    """Return a metric query's values, for previews and charts of rules."""
    found = range_query(
        scope,
        text,
        start_ns=nanoseconds(start),
        end_ns=nanoseconds(end),
        step_ns=step // timedelta(microseconds=1) * 1000,
    )
    return as_samples(found)


class LogReads:
    """What the rules of one group read of lines, all at one moment."""

    def __init__(self, scope: Scope, *, at: datetime) -> None:
        self._scope, self._at = scope, at

    def instant(self, expr: str) -> promql.Result:
        """Return the expression's value at the moment. Raises what `instant` does."""
        return instant_samples(self._scope, expr, now=self._at)

    def lay_over(self, samples: Mapping[Labels, float]) -> None:
        """Lines do not see what rules of their group have come to."""


def is_metric(text: str) -> bool:
    """Whether the query's answer are numbers, not lines. Raises LogQLError."""
    return not isinstance(logql.parse(text), LogQuery)


def log_selector(text: str) -> LogQuery:
    """Return a log query, and refuse a metric query. Raises LogQLError."""
    found = logql.parse(text)
    if not isinstance(found, LogQuery):
        raise LogQLSyntaxError("only log queries are supported here", line=1, column=1)
    return found


def _limits(timeout: timedelta) -> Limits:
    return Limits(
        max_series=_MAX_SERIES,
        max_entries=MAX_ENTRIES,
        max_samples=_MAX_SAMPLES,
        max_points=_MAX_POINTS,
        deadline=deadline_in(timeout),
    )
