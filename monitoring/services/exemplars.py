"""Reading exemplars: those of the series that an expression selects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from accounts.scope import Scope
from monitoring import promql
from monitoring.labels import Labels
from monitoring.promql.syntax import Expr, VectorSelector, children
from monitoring.services import selection
from monitoring.store import exemplars
from monitoring.store.exemplars import StoredExemplar
from monitoring.telemetry import nanoseconds

# Traces that exemplars point to are seldom kept for longer.
KEPT = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class SeriesExemplars:
    labels: Labels
    exemplars: list[StoredExemplar]


def query_exemplars(
    scope: Scope, query: str, *, start: datetime, end: datetime
) -> list[SeriesExemplars]:
    """Return the exemplars of every selector in the expression, both ends included.

    Offsets and ranges of selectors say nothing here, as in Prometheus. Raises
    PromQLSyntaxError, UnsupportedError, TooMuchDataError.
    """
    labels: dict[int, Labels] = {}
    for selector in _selectors(promql.parse(query)):
        found = selection.matching_series(scope, selector.matchers)
        labels.update(zip(found.ids.tolist(), found.labels(), strict=True))
    rows = exemplars.read(scope.organization_id, sorted(labels), _ms(start), _ms(end))
    by_series = groupby(rows, lambda row: row.series_id)
    return [SeriesExemplars(labels[pk], list(group)) for pk, group in by_series]


def delete_old(now: datetime) -> int:
    """Let go of exemplars that nobody looks up any more."""
    return exemplars.delete_before(_ms(now - KEPT))


def _selectors(expr: Expr) -> Iterator[VectorSelector]:
    if isinstance(expr, VectorSelector):
        yield expr
    for child in children(expr):
        yield from _selectors(child)


def _ms(moment: datetime) -> int:
    return nanoseconds(moment) // 10**6
