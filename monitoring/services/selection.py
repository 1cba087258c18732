"""Which series and streams a scope sees that match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.db.models import QuerySet

from accounts.scope import Scope
from monitoring.labels import METRIC_NAME, Labels, Matcher, MatchOp, matches_all
from monitoring.models import LogStream, Metric, Series
from monitoring.telemetry import TooMuchDataError

# What one query may touch.
MAX_SERIES = 200_000

# NUL, and halves of a surrogate pair.
_UNKNOWN_TO_POSTGRESQL = re.compile("[\0\ud800-\udfff]")

Q = TypeVar("Q", bound=QuerySet[Any])


def matching_streams(scope: Scope, matchers: Sequence[Matcher]) -> list[int] | None:
    """Return the ids of the visible streams that match; None means all there are."""
    if scope.visible_teams is None and not matchers:
        return None
    rows = _with_equal_labels(LogStream.objects.visible_to(scope), matchers)
    if not _left_to_check(matchers):
        return list(rows.values_list("id", flat=True))
    pairs = rows.values_list("id", "labels")
    return [pk for pk, labels in pairs if matches_all(matchers, labels)]


def stream_labels(scope: Scope, ids: Iterable[int]) -> dict[int, dict[str, str]]:
    """Return the labels of those of the streams that the scope sees."""
    rows = LogStream.objects.visible_to(scope).filter(pk__in=list(ids))
    return dict(rows.values_list("id", "labels"))


def matching_series(
    scope: Scope, matchers: Sequence[Matcher]
) -> list[tuple[int, int, Labels]]:
    """Return (id, metric id, labels) of the visible series that match, by id.

    Raises TooMuchDataError for more than MAX_SERIES.
    """
    of_name = [m for m in matchers if m.name == METRIC_NAME]
    others = [m for m in matchers if m.name != METRIC_NAME]
    metrics = _matching_metrics(scope, of_name)
    rows = Series.objects.visible_to(scope)
    if of_name:
        rows = rows.filter(metric_id__in=metrics)
    rows = _with_equal_labels(rows, others)
    check = bool(_left_to_check(others))
    found: list[tuple[int, int, Labels]] = []
    columns = rows.order_by("id").values_list("id", "metric_id", "labels")
    for pk, metric_id, labels in columns:
        # A metric may be younger than the question for the metrics.
        if metric_id not in metrics or (check and not matches_all(others, labels)):
            continue
        if len(found) == MAX_SERIES:
            raise TooMuchDataError(f"The query touches more than {MAX_SERIES} series.")
        name = (METRIC_NAME, metrics[metric_id])
        found.append((pk, metric_id, tuple(sorted((name, *labels.items())))))
    return found


def _matching_metrics(scope: Scope, matchers: Sequence[Matcher]) -> dict[int, str]:
    rows = Metric.objects.visible_to(scope)
    for matcher in matchers:
        if _is_plain(matcher):
            rows = rows.filter(name=matcher.value)
    return {
        pk: name
        for pk, name in rows.order_by().values_list("id", "name")
        if all(matcher.matches(name) for matcher in matchers)
    }


def _with_equal_labels(rows: Q, matchers: Sequence[Matcher]) -> Q:
    """Leave to PostgreSQL what it can say: this label has this value."""
    equal = {m.name: m.value for m in matchers if _is_plain(m)}
    return rows.filter(labels__contains=equal) if equal else rows


def _left_to_check(matchers: Sequence[Matcher]) -> list[Matcher]:
    names = [m.name for m in matchers if _is_plain(m)]
    # Two different values for one label cannot stand in one object.
    return [m for m in matchers if not _is_plain(m) or names.count(m.name) > 1]


def _is_plain(matcher: Matcher) -> bool:
    """Whether PostgreSQL can compare."""
    return (
        matcher.op is MatchOp.EQUAL
        and matcher.value != ""
        and _UNKNOWN_TO_POSTGRESQL.search(matcher.name + matcher.value) is None
    )
