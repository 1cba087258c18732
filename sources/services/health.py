"""How an organization is doing, in one look: its alerts, its sources, the pipeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count

from accounts.models import Organization
from accounts.scope import Scope
from alerts.services.figures import firing_counts
from monitoring import live
from monitoring.moments import iso
from sources.models import Source
from sources.models.inbox import DeadLetter, InboxBatch

# What is being taken in may wait this long before the pipeline is said to lag.
LAG_SECONDS = 30


def health(scope: Scope, now: datetime) -> dict[str, Any]:
    """Return what the scope may know of its organization's health."""
    alerts = firing_counts(scope)
    sources = _source_counts(scope, now)
    pipeline = _pipeline(scope, now)
    return {
        "status": _status(alerts, sources, pipeline),
        "alerts": alerts,
        "sources": sources,
        "pipeline": pipeline,
        "at": iso(now),
    }


def _status(
    alerts: dict[str, int], sources: dict[str, int], pipeline: dict[str, Any]
) -> str:
    if alerts["critical"] or alerts["error"]:
        return "critical"
    late = pipeline["oldest_seconds"] > LAG_SECONDS
    if alerts["warning"] or sources["error"] or pipeline["dead_letters"] or late:
        return "warning"
    return "ok"


def _source_counts(scope: Scope, now: datetime) -> dict[str, int]:
    rows = Source.objects.visible_to(scope).with_status(now).order_by()
    found = dict(rows.values_list("status").annotate(Count("pk")))
    counts = {status: found.get(status, 0) for status in Source.Status.values}
    return {**counts, "total": sum(counts.values())}


def _pipeline(scope: Scope, now: datetime) -> dict[str, Any]:
    waiting = InboxBatch.objects.filter(organization_id=scope.organization_id)
    oldest = waiting.order_by("received_at").values_list("received_at", flat=True)
    first = oldest.first()
    return {
        "oldest_seconds": (now - first).total_seconds() if first else 0.0,
        "dead_letters": DeadLetter.objects.visible_to(scope).count(),
    }


def publish_health(now: datetime) -> None:
    """Tell the organizations that are being watched to look at their health anew."""
    for organization_id in Organization.objects.values_list("pk", flat=True):
        if live.has_listeners(organization_id, "health"):
            live.publish(organization_id, "health", {"at": iso(now)})
