"""What a threshold rule's query says: PromQL in, observations out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from accounts.scope import Scope
from alerts.evaluation import Observation
from alerts.evaluation.languages import (
    LOGQL,
    PROMQL,
    ExpressionError,
    ExpressionTypeError,
    check_expression,
)
from monitoring.labels import METRIC_NAME, Labels
from monitoring.logql import LogQLError
from monitoring.moments import EPOCH
from monitoring.promql import PromQLError, Result
from monitoring.services import logql_queries, queries
from monitoring.services.logql_queries import InvalidFilterError
from monitoring.telemetry import TooMuchDataError

# What a query of either language may fail with.
FAILURES = (PromQLError, LogQLError, InvalidFilterError, TooMuchDataError)

_WORDS = {PROMQL: "PromQL", LOGQL: "LogQL"}


class QueryError(Exception):
    """The query has no answer now; the text says why."""


class InvalidQueryError(ValueError):
    """The text is no query that a rule can have."""


def check_query(query: str, language: str = PROMQL) -> None:
    """Raises InvalidQueryError, with the position where it is known."""
    try:
        check_expression(query, language)
    except ExpressionError as error:
        raise InvalidQueryError(f"This is not {_WORDS[language]}: {error}") from None
    except ExpressionTypeError as error:
        raise InvalidQueryError(
            f"A rule needs one value a series; this is a {error}."
        ) from None


def observe(
    scope: Scope, query: str, *, now: datetime, language: str = PROMQL
) -> list[Observation]:
    """Return the query's values now, one a label set. Raises QueryError."""
    ask = logql_queries.instant_samples if language == LOGQL else queries.instant
    try:
        result = ask(scope, query, now=now)
    except FAILURES as error:
        raise QueryError(str(error)) from error
    return observations_of(result)


def observations_of(result: Result) -> list[Observation]:
    """Return what an instant query has found. Raises QueryError."""
    return _at_step(result, _unnamed(result), 0)


def observe_range(
    scope: Scope,
    query: str,
    *,
    start: datetime,
    end: datetime,
    step: timedelta,
    language: str = PROMQL,
) -> Iterator[tuple[datetime, list[Observation]]]:
    """Yield the query's values step by step, oldest first. Raises QueryError."""
    ask = logql_queries.range_samples if language == LOGQL else queries.range_query
    try:
        result = ask(scope, query, start=start, end=end, step=step)
    except FAILURES as error:
        raise QueryError(str(error)) from error
    labels = _unnamed(result)
    for index, step_ms in enumerate(result.steps_ms.tolist()):
        moment = EPOCH + timedelta(milliseconds=step_ms)
        yield moment, _at_step(result, labels, index)


def _unnamed(result: Result) -> list[Labels]:
    """Return the label sets without the metric's name, as alerts have them."""
    labels = [
        tuple(pair for pair in pairs if pair[0] != METRIC_NAME)
        for pairs in result.labels
    ]
    if len(set(labels)) < len(labels):
        raise QueryError(
            "Several metrics have the same labels: aggregate, or name one metric."
        )
    return labels


def _at_step(result: Result, labels: list[Labels], index: int) -> list[Observation]:
    return [
        Observation.of(pairs, value)
        for pairs, value, present in zip(
            labels,
            result.values[:, index].tolist(),
            result.present[:, index].tolist(),
            strict=True,
        )
        if present
    ]
