"""What an alert's value did: the chart on its page, the small lines in the list."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from accounts.scope import Scope
from alerts.evaluation import Comparator, Severity
from alerts.evaluation.reasons import format_value
from alerts.models import Alert, Rule, RuleLevel
from alerts.services.memories import narrowed
from alerts.services.observations import QueryError, observe_range
from monitoring.labels import Labels, make_labels
from monitoring.services.charts import Chart, ChartSeries, Mark, Threshold
from monitoring.services.ranges import TimeRange

SPARK_POINTS = 60
SPARK_RULES = 10
CHART_POINTS = 240
_LOOKS = {Severity.ERROR: Severity.CRITICAL}

Values = list[float | None]


def limit_text(level: RuleLevel | None, unit: str) -> str:
    """Return the limit of a level as in `> 90 %`."""
    if level is None:
        return ""
    symbol = Comparator(level.comparator).symbol
    percent = " %" if unit == "percent" else ""
    return f"{symbol} {format_value(level.threshold)}{percent}"


def level_of(alert: Alert) -> RuleLevel | None:
    """Return the level of the rule that the alert stands on."""
    if alert.rule is None:
        return None
    levels = alert.rule.levels.all()
    return next((lv for lv in levels if lv.severity == alert.severity), None)


def sparks(
    scope: Scope, alerts: Sequence[Alert], *, now: datetime
) -> dict[int, Values]:
    """Return the last hour of each alert's value, of the first rules only.

    One query a rule. Alerts of patterns have none.
    """
    by_rule: dict[int, list[Alert]] = {}
    for alert in alerts:
        if alert.rule is not None and alert.rule.kind == Rule.Kind.THRESHOLD:
            by_rule.setdefault(alert.rule.pk, []).append(alert)
    found: dict[int, Values] = {}
    start, step = now - timedelta(hours=1), timedelta(hours=1) / SPARK_POINTS
    for group in list(by_rule.values())[:SPARK_RULES]:
        rule = group[0].rule
        if rule is None:
            continue
        _, series = values_of(scope, rule, start=start, end=now, step=step)
        for alert in group:
            found[alert.pk] = series.get(_own_labels(alert, series), [])
    return found


def values_of(
    scope: Scope, rule: Rule, *, start: datetime, end: datetime, step: timedelta
) -> tuple[list[datetime], Mapping[Labels, Values]]:
    """Return the rule's values by label set, as far as the scope may see them."""
    reading = narrowed(scope, rule.team_id)
    try:
        ticks = list(
            observe_range(
                reading,
                rule.query,
                start=start,
                end=end,
                step=step,
                language=rule.language,
            )
        )
    except QueryError:
        return [], {}
    series: dict[Labels, Values] = {}
    for index, (_, observations) in enumerate(ticks):
        for seen in observations:
            values = series.setdefault(seen.labels, [None] * len(ticks))
            values[index] = seen.value if math.isfinite(seen.value) else None
    return [moment for moment, _ in ticks], series


def alert_chart(scope: Scope, alert: Alert, shown: TimeRange) -> Chart | None:
    """Return the alert's value with its rule's limits; None for a pattern's alert."""
    rule = alert.rule
    if rule is None or rule.kind != Rule.Kind.THRESHOLD:
        return None
    step = shown.step(points=CHART_POINTS)
    start, end = shown.aligned(step)
    end = min(end, shown.end)
    times, series = values_of(scope, rule, start=start, end=end, step=step)
    own = _own_labels(alert, series)
    values = series.get(own, [])
    return Chart(
        key="alert-value",
        title=alert.name,
        note=", ".join(f"{name}={value}" for name, value in own),
        unit=rule.unit,
        times_ms=[int(moment.timestamp() * 1000) for moment in times],
        series=[ChartSeries(alert.name, values, area=True)] if values else [],
        start_ms=int(shown.start.timestamp() * 1000),
        end_ms=int(shown.end.timestamp() * 1000),
        thresholds=thresholds(rule.levels.all(), rule.unit),
        marks=_marks(alert, shown),
        description=f"{alert.name} with its limits, {shown.label.lower()}.",
    )


def thresholds(levels: Iterable[RuleLevel], unit: str) -> list[Threshold]:
    return [
        Threshold(
            status=_LOOKS.get(Severity(level.severity), level.severity),
            value=level.threshold,
            text=f"{level.severity} {limit_text(level, unit)}",
        )
        for level in levels
    ]


def _marks(alert: Alert, shown: TimeRange) -> list[Mark]:
    moments = [
        (alert.fired_at, "fired", "alert"),
        (alert.acknowledged_at, "acknowledged", "mark"),
        (alert.resolved_at, "resolved", "mark"),
    ]
    return [
        Mark(int(at.timestamp() * 1000), text, kind)
        for at, text, kind in moments
        if at is not None and shown.start <= at <= shown.end
    ]


def _own_labels(alert: Alert, series: Mapping[Labels, Values]) -> Labels:
    """Return the observed label set of an alert, which has its rule's labels on top."""
    if alert.rule is None or not alert.rule.labels:
        return make_labels(alert.labels)
    added = set(alert.rule.labels)
    for labels in series:
        if {**alert.labels, **dict(labels)} == alert.labels and {
            name for name in alert.labels if name not in dict(labels)
        } <= added:
            return labels
    return make_labels((n, v) for n, v in alert.labels.items() if n not in added)
