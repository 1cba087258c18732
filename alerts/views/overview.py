"""What the overview and the frame of every page show of alerts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.views.shell import reading_scope
from alerts.models import Alert
from alerts.services import history
from alerts.services.access import may_respond
from alerts.views.changed import latest_change
from alerts.views.listing import conclusion
from alerts.views.rows import holder_of, rows_of, visible_alerts, worst_first
from monitoring.templatetags.clocks import zone_of_request
from monitoring.templatetags.figures import span

DAY = timedelta(days=1)
ATTENTION_ROWS = 5
_OPEN = [Alert.Status.FIRING, Alert.Status.ACKNOWLEDGED]


@require_safe
@scoped_page
def alert_headline(request: ScopedRequest) -> HttpResponse:
    now, scope = timezone.now(), reading_scope(request)
    alerts = visible_alerts(scope)
    waiting = worst_first(alerts.filter(status=Alert.Status.FIRING)).first()
    worst = waiting or worst_first(alerts.filter(status__in=_OPEN)).first()
    drawn = history.watch(alerts, now=now, length=DAY, slots=96, span="24 hours")
    context = {
        "counts": history.severity_counts(scope),
        "worst": waiting,
        "conclusion": conclusion(scope, now=now),
        "watch": drawn.statuses,
        "watch_text": drawn.text,
        "broke": _broke(request, worst, now=now),
        "holder": _holder(worst, now=now),
        "changed": latest_change(scope, before=now),
        "can_respond": waiting is not None
        and may_respond(request.scope, waiting.team_id),
    }
    return render(request, "alerts/_headline.html", context)


@require_safe
@scoped_page
def alert_attention(request: ScopedRequest) -> HttpResponse:
    now, scope = timezone.now(), reading_scope(request)
    open_ = visible_alerts(scope).filter(status__in=_OPEN)
    rows = list(worst_first(open_)[:ATTENTION_ROWS])
    context = {
        "rows": rows_of(scope, rows, now=now, zone=zone_of_request(request)),
        "firing": open_.count(),
    }
    return render(request, "alerts/_attention.html", context)


@require_safe
@scoped_page
def alert_count(request: ScopedRequest) -> HttpResponse:
    counts = history.severity_counts(reading_scope(request))
    context = {"counts": counts, "firing": sum(counts.values())}
    return render(request, "alerts/_count.html", context)


def _broke(
    request: ScopedRequest, worst: Alert | None, *, now: datetime
) -> dict[str, Any] | None:
    if worst is None:
        return None
    summary = worst.annotations.get("summary", "")
    labels = ", ".join(f"{k}={v}" for k, v in sorted(worst.labels.items()))
    lasted = span(now - worst.started_at)
    slug = request.scope.organization_slug
    return {
        "title": worst.name,
        "detail": f"{summary or labels or worst.severity}, for {lasted}.",
        "url": reverse("alert-detail", args=[slug, worst.pk]),
    }


def _holder(worst: Alert | None, *, now: datetime) -> dict[str, str]:
    if worst is None:
        return {"title": "Nobody needs to", "detail": "No alert is firing."}
    if name := holder_of(worst):
        word = "has acknowledged it" if worst.acknowledged_at else "is assigned"
        return {"title": name, "detail": f"{word[0].upper()}{word[1:]}."}
    waits = span(now - (worst.fired_at or worst.started_at))
    return {"title": "Nobody yet", "detail": f"It has waited {waits}."}
