"""Counts of alerts that other pages show."""

from __future__ import annotations

from django.db.models import Count

from accounts.scope import Scope
from alerts.models import Alert, Severity


def firing_counts(scope: Scope) -> dict[str, int]:
    """Return how many alerts fire, by severity; `acknowledged` ones count apart."""
    open_alerts = Alert.objects.visible_to(scope).open().told().order_by()
    rows = open_alerts.values_list("status", "severity").annotate(Count("pk"))
    counts = dict.fromkeys(Severity.values, 0)
    acknowledged = 0
    for status, severity, count in rows:
        if status == Alert.Status.ACKNOWLEDGED:
            acknowledged += count
        else:
            counts[severity] += count
    return {**counts, "acknowledged": acknowledged}
