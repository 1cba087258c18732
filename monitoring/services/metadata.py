"""What series there are: their labels, and what their metrics' senders say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest

from django.db.models import Count, Exists, Max, Min, OuterRef, Q

from accounts.scope import Scope
from monitoring.labels import METRIC_NAME, Labels, Matcher
from monitoring.models import Metric, SampleBlock, Series
from monitoring.models.series import MetricQuerySet, SeriesQuerySet
from monitoring.services import selection
from monitoring.telemetry import MetricMetadata, MetricType

# How far `Series.last_seen` may lag behind the last sample.
LAG = timedelta(hours=7)

Selectors = Sequence[Sequence[Matcher]]


def series_labels(
    scope: Scope, selectors: Selectors, *, since: datetime | None = None
) -> list[Labels]:
    """Return the label sets that any of the selectors matches, sorted.

    Series that ended before `since`, to within seven hours, are left out.
    Raises TooMuchDataError.
    """
    found = [_selected(scope, matchers, since) for matchers in selectors]
    return sorted({labels for one in found for labels in one.labels()})


def label_names(
    scope: Scope, selectors: Selectors = (), *, since: datetime | None = None
) -> list[str]:
    """Return the names of the labels of matching series, or of all; sorted.

    Raises TooMuchDataError.
    """
    found = [_selected(scope, matchers, since) for matchers in selectors or [()]]
    return sorted({name for one in found for name in one.index.names(one.rows)})


def label_values(
    scope: Scope,
    name: str,
    selectors: Selectors = (),
    *,
    since: datetime | None = None,
) -> list[str]:
    """Return the values that a label has in matching series, or in all; sorted.

    Raises TooMuchDataError.
    """
    found = [_selected(scope, matchers, since) for matchers in selectors or [()]]
    return sorted(
        {value for one in found for value in one.index.values(name, one.rows)}
    )


def metric_metadata(scope: Scope, *, metric: str = "") -> dict[str, MetricMetadata]:
    """Return what is known of the metrics, or of one, by the name of the family.

    A histogram or summary is one metric, whose parts are series of other names.
    """
    nothing = Q(type=MetricType.UNKNOWN.value, unit="", help="")
    rows = _metrics(scope, None).exclude(nothing).order_by("name")
    if metric:
        name = metric.replace("\0", "\ufffd")
        endings = {ending for parts in _PARTS.values() for ending in parts}
        rows = rows.filter(name__in=[name, *(f"{name}{e}" for e in endings)])
    found: dict[str, MetricMetadata] = {}
    for name, kind, unit, text in rows.values_list("name", "type", "unit", "help"):
        family = _family(name, MetricType(kind))
        if not metric or family == metric:
            found.setdefault(family, MetricMetadata(MetricType(kind), unit, text))
    return dict(sorted(found.items()))


# What the series of a family end in besides, where the type alone says so.
_PARTS = {
    MetricType.HISTOGRAM: ("_bucket", "_sum", "_count"),
    MetricType.GAUGE_HISTOGRAM: ("_bucket", "_gsum", "_gcount"),
    MetricType.SUMMARY: ("_sum", "_count"),
}


def _family(name: str, kind: MetricType) -> str:
    for ending in _PARTS.get(kind, ()):
        if name.endswith(ending) and name != ending:
            return name.removesuffix(ending)
    return name


Counts = list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Cardinality:
    """How many series there are, and what they have in common, most first.

    `chunks`, `min_ms` and `max_ms` are about the blocks of the whole organization.
    """

    series: int
    label_pairs: int
    chunks: int
    min_ms: int
    max_ms: int
    series_by_metric: Counts
    values_by_label: Counts
    bytes_by_label: Counts
    series_by_pair: Counts


def cardinality(scope: Scope, *, limit: int) -> Cardinality:
    found = selection.visible_series(scope)
    values = {
        name: found.index.values(name, found.rows)
        for name in found.index.names(found.rows)
    }
    pairs = {f"{n}={v}": count for n, of in values.items() for v, count in of.items()}
    blocks = SampleBlock.objects.filter(organization_id=scope.organization_id)
    extent = blocks.aggregate(Count("id"), Min("min_ts"), Max("max_ts"))
    return Cardinality(
        series=len(found),
        label_pairs=len(pairs),
        chunks=extent["id__count"],
        min_ms=extent["min_ts__min"] or 0,
        max_ms=extent["max_ts__max"] or 0,
        series_by_metric=_most(values.get(METRIC_NAME, {}), limit),
        values_by_label=_most({name: len(of) for name, of in values.items()}, limit),
        bytes_by_label=_most(
            {name: sum(len(v.encode()) for v in of) for name, of in values.items()},
            limit,
        ),
        series_by_pair=_most(pairs, limit),
    )


def _most(counts: Mapping[str, int], limit: int) -> Counts:
    return nsmallest(limit, counts.items(), key=lambda item: (-item[1], item[0]))


def _selected(
    scope: Scope, matchers: Sequence[Matcher], since: datetime | None
) -> selection.Selected:
    """Return what matches, without the series that ended before `since`."""
    if matchers:
        found = selection.matching_series(scope, matchers)
    else:
        found = selection.visible_series(scope)
    ended = _ended(scope, since)
    return found.without(ended) if ended else found


def _alive(scope: Scope, since: datetime | None) -> SeriesQuerySet:
    rows = Series.objects.visible_to(scope).order_by()
    return rows if since is None else rows.filter(last_seen__gte=_cut(since))


def _ended(scope: Scope, since: datetime | None) -> set[int]:
    if since is None:
        return set()
    rows = Series.objects.visible_to(scope).filter(last_seen__lt=_cut(since))
    return set(rows.order_by().values_list("id", flat=True))


def _metrics(scope: Scope, since: datetime | None) -> MetricQuerySet:
    """Return the metrics of which the scope sees a series: names may tell a lot."""
    series = _alive(scope, since).filter(metric=OuterRef("pk"))
    return Metric.objects.visible_to(scope).filter(Exists(series)).order_by()


def _cut(since: datetime) -> datetime:
    return since - LAG if since.year > 1 else since
