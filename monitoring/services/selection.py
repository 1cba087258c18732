"""Which series and streams a scope sees that match."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from django.db.models import QuerySet

from accounts.scope import Scope
from monitoring.labels import METRIC_NAME, Labels, Matcher, MatchOp, matches_all
from monitoring.models import LogStream
from monitoring.promql.columns import ColumnarLabels
from monitoring.store.blocks import Int64s
from monitoring.store.known_series import index_of
from monitoring.store.series_index import SeriesIndex
from monitoring.telemetry import TooMuchDataError

# What one query may touch.
MAX_SERIES = 200_000

# From so many metrics on, blocks are not narrowed by metric.
MANY_METRICS = 200

# NUL, and halves of a surrogate pair.
_UNKNOWN_TO_POSTGRESQL = re.compile("[\0\ud800-\udfff]")

Q = TypeVar("Q", bound=QuerySet[Any])

# Teams that are seen, and matchers.
Question = tuple[frozenset[int] | None, tuple[Matcher, ...]]


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


@dataclass(frozen=True)
class Selected:
    """Series of one organization: `rows` of its index, in the order of ids."""

    index: SeriesIndex
    rows: Int64s

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def ids(self) -> Int64s:
        return self.index.ids[self.rows]

    @cached_property
    def metrics(self) -> list[int]:
        """Ids of the series' metrics, sorted."""
        found: list[int] = np.unique(self.index.metrics[self.rows]).tolist()
        return found

    @cached_property
    def _table(self) -> ColumnarLabels:
        return ColumnarLabels(self.index.columns, self.rows)

    def of_metrics(self, metrics: Sequence[int]) -> Int64s:
        """Return the ids of the series of these metrics."""
        return self.ids[np.isin(self.index.metrics[self.rows], metrics)]

    def labels(self) -> list[Labels]:
        return self.index.labels(self.rows)

    def table(self, places: Int64s) -> ColumnarLabels:
        """Return the label sets of some of the series, unmade; places are sorted."""
        if len(places) == len(self.rows):
            return self._table.view()
        return self._table.take(places)

    def without(self, ids: Iterable[int]) -> Selected:
        gone = np.isin(self.ids, list(ids))
        return Selected(self.index, self.rows[~gone])


def matching_series(
    scope: Scope, matchers: Sequence[Matcher], *, index: SeriesIndex | None = None
) -> Selected:
    """Return the visible series that match, of an index taken before if there is one.

    Raises TooMuchDataError for more than MAX_SERIES.
    """
    found = visible_series(scope, matchers, index=index)
    if len(found) > MAX_SERIES:
        raise TooMuchDataError(
            f"The query touches {len(found)} series, more than {MAX_SERIES}."
        )
    return found


def visible_series(
    scope: Scope,
    matchers: Sequence[Matcher] = (),
    *,
    index: SeriesIndex | None = None,
) -> Selected:
    """Return the same, however many there are: for what only counts them."""
    index = index_of(scope.organization_id) if index is None else index
    question = scope.visible_teams, tuple(matchers)
    known = _known.get(scope.organization_id, index, question)
    if known is None:
        # The metric's name leaves the fewest for the others to look at.
        by_name = sorted(matchers, key=lambda m: (m.name != METRIC_NAME, m.is_regex))
        known = Selected(index, index.matching(by_name, scope.visible_teams))
        _known.put(scope.organization_id, question, known)
    return known


class KnownSelections:
    """What was selected of the newest index of some organizations.

    Dashboards and rules select the same again and again, and series are seldom new.
    """

    MOST_ORGANIZATIONS = 8
    # Of one organization.
    MOST_ROWS = 200_000
    MOST = 1000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_organization: OrderedDict[int, dict[Question, Selected]] = (
            OrderedDict()
        )

    def get(
        self, organization_id: int, index: SeriesIndex, question: Question
    ) -> Selected | None:
        with self._lock:
            known = self._by_organization.get(organization_id, {}).get(question)
        return known if known is not None and known.index is index else None

    def put(self, organization_id: int, question: Question, found: Selected) -> None:
        if len(found) > self.MOST_ROWS:
            return
        with self._lock:
            known = self._by_organization.setdefault(organization_id, {})
            if self._is_over(known, found):
                known.clear()
            known[question] = found
            self._by_organization.move_to_end(organization_id)
            if len(self._by_organization) > self.MOST_ORGANIZATIONS:
                self._by_organization.popitem(last=False)

    def _is_over(self, known: Mapping[Question, Selected], new: Selected) -> bool:
        """Whether all must go: they are of another index, or have become too many."""
        if any(found.index is not new.index for found in islice(known.values(), 1)):
            return True
        rows = len(new) + sum(map(len, known.values()))
        return rows > self.MOST_ROWS or len(known) >= self.MOST


_known = KnownSelections()


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
