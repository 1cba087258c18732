"""What a threshold rule's query says: PromQL in, observations out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from accounts.scope import Scope
from alerts.evaluation import Observation
from monitoring.labels import METRIC_NAME, Labels
from monitoring.promql import PromQLError, PromQLSyntaxError, Result, parse
from monitoring.promql.syntax import Binary, ValueType, bare, type_of
from monitoring.services import queries
from monitoring.telemetry import TooMuchDataError

_COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class QueryError(Exception):
    """The query has no answer now; the text says why."""


class InvalidQueryError(ValueError):
    """The text is no query that a rule can have."""


def check_query(query: str) -> None:
    """Raises InvalidQueryError, with the position where it is known."""
    try:
        expression = parse(query)
    except PromQLSyntaxError as error:
        where = "" if error.position is None else f" (position {error.position})"
        raise InvalidQueryError(f"This is not PromQL: {error}{where}") from None
    except PromQLError as error:
        raise InvalidQueryError(str(error)) from None
    kind = type_of(expression)
    if kind not in {ValueType.VECTOR, ValueType.SCALAR}:
        word = "range vector" if kind is ValueType.MATRIX else kind.value
        raise InvalidQueryError(f"A rule needs one value a series; this is a {word}.")


def answers_only_breaches(query: str) -> bool:
    """Whether the query is a comparison that leaves out what does not hold.

    Then a series that is missing has recovered, as in `up == 0`.
    """
    try:
        expression = bare(parse(query))
    except PromQLError:
        return False
    if not isinstance(expression, Binary) or expression.return_bool:
        return False
    return expression.op in _COMPARISONS


def observe(scope: Scope, query: str, *, now: datetime) -> list[Observation]:
    """Return the query's values now, one a label set. Raises QueryError."""
    try:
        result = queries.instant(scope, query, now=now)
    except (PromQLError, TooMuchDataError) as error:
        raise QueryError(str(error)) from error
    return observations_of(result)


def observations_of(result: Result) -> list[Observation]:
    """Return what an instant query has found. Raises QueryError."""
    return _at_step(result, _unnamed(result), 0)


def observe_range(
    scope: Scope, query: str, *, start: datetime, end: datetime, step: timedelta
) -> Iterator[tuple[datetime, list[Observation]]]:
    """Yield the query's values step by step, oldest first. Raises QueryError."""
    try:
        result = queries.range_query(scope, query, start=start, end=end, step=step)
    except (PromQLError, TooMuchDataError) as error:
        raise QueryError(str(error)) from error
    labels = _unnamed(result)
    for index, step_ms in enumerate(result.steps_ms.tolist()):
        moment = _EPOCH + timedelta(milliseconds=step_ms)
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
