"""The list of alerts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.models import Membership
from accounts.scope import Scope, TeamRole
from accounts.views.shell import reading_scope
from alerts.evaluation import Severity
from alerts.models import Alert
from alerts.services import history
from alerts.services.access import may_respond
from alerts.views.rows import rows_of, visible_alerts, worst_first
from monitoring.services.ranges import TimeRange
from monitoring.templatetags.clocks import zone_of_request
from monitoring.templatetags.figures import span

PAGE = 50
MAX_TEXT = 200
TABS = ("active", "acknowledged", "resolved", "mine")


@require_safe
@scoped_page
def alert_list(request: ScopedRequest) -> HttpResponse:
    now, scope = timezone.now(), reading_scope(request)
    shown = range_of(request, now=now, default="24h")
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "active"
    wanted = _filtered(request, visible_alerts(scope))
    tabs = _tabs(request.scope, shown)
    counts = wanted.order_by().aggregate(
        **{name: Count("pk", filter=condition) for name, condition in tabs.items()}
    )
    start = cursor_of(request)
    alerts = _ordered(wanted.filter(tabs[tab]), tab)[start : start + PAGE]
    zone = zone_of_request(request)
    drawn = history.hours(visible_alerts(scope), now=now)
    severity_counts = history.severity_counts(scope)
    context = {
        "range": shown,
        "tab": tab,
        "tab_counts": counts,
        "counts": severity_counts,
        "conclusion": conclusion(scope, now=now),
        "lead": _lead(scope, now=now),
        "severities": request.GET.getlist("severity"),
        "q": request.GET.get("q", "")[:MAX_TEXT],
        "rows": rows_of(scope, list(alerts), now=now, zone=zone),
        "total": counts[tab],
        "next_cursor": str(start + PAGE) if start + PAGE < counts[tab] else "",
        "hours": drawn.columns,
        "hours_text": drawn.text,
        "hours_description": f"Alerts an hour, {drawn.text}.",
        "members": members_of(scope),
        "can_respond": can_respond(request.scope),
        "can_edit_rules": request.scope.has_team_role(None, TeamRole.MAINTAINER),
    }
    return render(request, "alerts/list.html", context)


@require_safe
@scoped_page
def alert_row(request: ScopedRequest, pk: int) -> HttpResponse:
    scope = request.scope
    alert = get_object_or_404(visible_alerts(scope), pk=pk)
    row = rows_of(scope, [alert], now=timezone.now(), zone=zone_of_request(request))
    context = {"row": row[0], "can_respond": can_respond(scope)}
    return render(request, "alerts/_row.html", context)


def range_of(request: HttpRequest, *, now: datetime, default: str) -> TimeRange:
    zone = zone_of_request(request)
    return TimeRange.parse(request.GET.dict(), now=now, zone=zone, default=default)


def cursor_of(request: HttpRequest) -> int:
    text = request.GET.get("cursor", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0  # noqa: PLR2004 - nobody has so many pages


def can_respond(scope: Scope) -> bool:
    return may_respond(scope, None)


def members_of(scope: Scope) -> list[dict[str, Any]]:
    """Return who an alert can be assigned to; the service looks at its team."""
    members = Membership.objects.filter(
        organization_id=scope.organization_id, user__is_active=True
    ).select_related("user")
    people = [{"id": m.user_id, "name": str(m.user)} for m in members]
    return sorted(people, key=lambda person: str(person["name"]).lower())


def conclusion(scope: Scope, *, now: datetime) -> str:
    """Return who waits for someone, as the rest of the headline."""
    waiting = Alert.objects.visible_to(scope).filter(
        status=Alert.Status.FIRING, severity__in=["critical", "error"], assignee=None
    )
    found = list(waiting.order_by("fired_at").values_list("severity", "fired_at"))
    if not found:
        return ""
    severity, fired_at = found[0]
    one = f"One {severity} alert has" if len(found) == 1 else f"{len(found)} have"
    longest = "" if len(found) == 1 else "up to "
    return f"{one} waited {longest}{span(now - (fired_at or now))} for someone."


def _lead(scope: Scope, *, now: datetime) -> str:
    week = now - timedelta(days=7)
    told = Alert.objects.visible_to(scope).told()
    acknowledge, resolve = history.usual_times(told, since=week)
    said = [
        f"acknowledged in {span(acknowledge)}" if acknowledge is not None else "",
        f"resolved in {span(resolve)}" if resolve is not None else "",
    ]
    words = ", ".join(word for word in said if word)
    if not words:
        return "New alerts show here at once, without a reload."
    return f"{words[0].upper()}{words[1:]}, in the median this week."


def _tabs(scope: Scope, shown: TimeRange) -> dict[str, Q]:
    tabs = history.tab_filters(scope.actor.id, scope.actor.name)
    ended = Q(resolved_at__gte=shown.start, resolved_at__lte=shown.end)
    return tabs | {"resolved": tabs["resolved"] & ended}


def _filtered(request: HttpRequest, alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    severities = [s for s in request.GET.getlist("severity") if s in set(Severity)]
    if severities:
        alerts = alerts.filter(severity__in=severities)
    if text := request.GET.get("q", "").replace("\0", "")[:MAX_TEXT].strip():
        alerts = alerts.filter(Q(name__icontains=text) | Q(labels__icontains=text))
    return alerts


def _ordered(alerts: QuerySet[Alert], tab: str) -> QuerySet[Alert]:
    return alerts.order_by("-resolved_at") if tab == "resolved" else worst_first(alerts)
