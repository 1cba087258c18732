"""What series there are: their labels, and what their metrics' senders say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, Func, Max, Min, OuterRef, Q, TextField
from django.db.models import Value as SQLValue

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
    ended = _ended(scope, since)
    found = {
        labels
        for matchers in selectors
        for pk, _metric, labels in selection.matching_series(scope, matchers)
        if pk not in ended
    }
    return sorted(found)


def label_names(
    scope: Scope, selectors: Selectors = (), *, since: datetime | None = None
) -> list[str]:
    """Return the names of the labels of matching series, or of all; sorted.

    Raises TooMuchDataError.
    """
    if selectors:
        found = series_labels(scope, selectors, since=since)
        return sorted({name for labels in found for name, _value in labels})
    rows = _alive(scope, since)
    keys = Func(F("labels"), function="jsonb_object_keys", output_field=TextField())
    names = set(rows.annotate(key=keys).values_list("key", flat=True).distinct())
    if names or rows.exists():
        names.add(METRIC_NAME)
    return sorted(names)


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
    if selectors:
        found = series_labels(scope, selectors, since=since)
        return sorted({dict(labels)[name] for labels in found if name in dict(labels)})
    if name == METRIC_NAME:
        return sorted(_metrics(scope, since).values_list("name", flat=True))
    if "\0" in name:
        return []
    value = Func(
        F("labels"),
        SQLValue(name),
        function="jsonb_extract_path_text",
        output_field=TextField(),
    )
    rows = _alive(scope, since).filter(labels__has_key=name).annotate(value=value)
    return sorted(rows.values_list("value", flat=True).distinct())


def metric_metadata(scope: Scope, *, metric: str = "") -> dict[str, MetricMetadata]:
    """Return what is known of the metrics, or of one, by name."""
    nothing = Q(type=MetricType.UNKNOWN.value, unit="", help="")
    rows = _metrics(scope, None).exclude(nothing).order_by("name")
    if metric:
        rows = rows.filter(name=metric.replace("\0", "\ufffd"))
    described = rows.values_list("name", "type", "unit", "help")
    return {
        name: MetricMetadata(MetricType(kind), unit, text)
        for name, kind, unit, text in described
    }


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
    pairs: Counter[tuple[str, str]] = Counter()
    count = 0
    rows = Series.objects.visible_to(scope).order_by()
    for metric, labels in rows.values_list("metric__name", "labels").iterator():
        count += 1
        pairs[METRIC_NAME, metric] += 1
        pairs.update(labels.items())
    blocks = SampleBlock.objects.filter(organization_id=scope.organization_id)
    extent = blocks.aggregate(Count("id"), Min("min_ts"), Max("max_ts"))
    by_metric = Counter({v: n for (name, v), n in pairs.items() if name == METRIC_NAME})
    sizes: Counter[str] = Counter()
    for name, value in pairs:
        sizes[name] += len(value.encode())
    return Cardinality(
        series=count,
        label_pairs=len(pairs),
        chunks=extent["id__count"],
        min_ms=extent["min_ts__min"] or 0,
        max_ms=extent["max_ts__max"] or 0,
        series_by_metric=_most(by_metric, limit),
        values_by_label=_most(Counter(name for name, _value in pairs), limit),
        bytes_by_label=_most(sizes, limit),
        series_by_pair=_most(
            Counter({f"{name}={value}": n for (name, value), n in pairs.items()}), limit
        ),
    )


def _most(counts: Counter[str], limit: int) -> Counts:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]


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
