"""Alerts as the list and the overview show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Case, IntegerField, QuerySet, Value, When

from accounts.scope import Scope
from alerts.evaluation import Severity
from alerts.models import Alert
from alerts.services.charts import level_of, limit_text, sparks

RELATED = ("organization", "team", "rule", "assignee")


@dataclass(frozen=True, slots=True)
class Row:
    """`state` is the status in a word, with the time where it is over."""

    alert: Alert
    unit: str
    limit: str
    holder: str
    state: str
    spark: list[float | None] = field(default_factory=list)


def visible_alerts(scope: Scope) -> QuerySet[Alert]:
    """Return the alerts that people have been told, with what a row needs."""
    alerts = Alert.objects.visible_to(scope).told().select_related(*RELATED)
    return alerts.prefetch_related("rule__levels")


def worst_first(alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    rank = Case(
        *(When(severity=s.value, then=Value(s.rank)) for s in Severity),
        output_field=IntegerField(),
    )
    return alerts.order_by(rank.desc(), "-fired_at", "-pk")


def rows_of(
    scope: Scope, alerts: Sequence[Alert], *, now: datetime, zone: ZoneInfo
) -> list[Row]:
    lines = sparks(scope, alerts, now=now)
    return [row_of(alert, lines.get(alert.pk, []), zone=zone) for alert in alerts]


def row_of(alert: Alert, spark: list[float | None], *, zone: ZoneInfo) -> Row:
    unit = alert.rule.unit if alert.rule else ""
    return Row(
        alert=alert,
        unit=unit,
        limit=limit_text(level_of(alert), unit),
        holder=holder_of(alert),
        state=_state(alert, zone),
        spark=spark,
    )


def holder_of(alert: Alert) -> str:
    return str(alert.assignee) if alert.assignee else alert.acknowledged_by


def _state(alert: Alert, zone: ZoneInfo) -> str:
    if alert.resolved_at is None:
        return alert.get_status_display().lower()
    return f"at {alert.resolved_at.astimezone(zone):%H:%M}"
