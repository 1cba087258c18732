"""One alert: what broke, who has it, what changed, who was told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import Scope
from alerts.models import Alert, Notification, Rule, Transition
from alerts.services import history
from alerts.services.access import may_respond
from alerts.services.charts import alert_chart, level_of, limit_text
from alerts.services.matching_lines import matching_lines, time_of
from alerts.views.changed import latest_change
from alerts.views.listing import members_of, range_of
from alerts.views.rows import holder_of, visible_alerts
from monitoring.templatetags.clocks import zone_of_request
from monitoring.templatetags.figures import in_unit, span

WEEK = timedelta(days=7)
TIMELINE = 200
_ICONS = {
    Transition.Kind.ACKNOWLEDGE: "check",
    Transition.Kind.UNACKNOWLEDGE: "undo",
    Transition.Kind.ASSIGN: "person",
    Transition.Kind.COMMENT: "note",
    Transition.Kind.RESOLVE: "check",
}


@require_safe
@scoped_page
def alert_detail(request: ScopedRequest, pk: int) -> HttpResponse:
    now, scope = timezone.now(), request.scope
    alert = get_object_or_404(visible_alerts(scope), pk=pk)
    same_rule = _same_rule(scope, alert)
    drawn = history.watch(same_rule, now=now, length=WEEK, slots=84, span="7 days")
    shown = range_of(request, now=now, default="1h")
    transitions = list(alert.transitions.order_by("-at", "-pk")[:TIMELINE])
    told = _told(scope, alert)
    unit = alert.rule.unit if alert.rule else ""
    context = {
        "alert": alert,
        "unit": unit,
        "range": shown,
        "summary": _summary(alert, unit),
        "lead": _lead(alert),
        "watch": drawn.statuses,
        "watch_text": drawn.text,
        "broke": _broke(alert, transitions),
        "holder": _holder(alert, now=now),
        "changed": latest_change(scope, before=alert.started_at),
        "chart": alert_chart(scope, alert, shown),
        **_lines(request, alert, now=now),
        "why": _why(alert, transitions, told, request),
        "timeline": _timeline(transitions, told),
        **_past(same_rule, alert, request, now=now),
        "members": members_of(scope),
        "can_respond": may_respond(scope, alert.team_id),
    }
    return render(request, "alerts/detail.html", context)


def _same_rule(scope: Scope, alert: Alert) -> QuerySet[Alert]:
    told = Alert.objects.visible_to(scope).told()
    return told.filter(rule=alert.rule) if alert.rule else told.filter(pk=alert.pk)


def _told(scope: Scope, alert: Alert) -> list[Notification]:
    sent = Notification.objects.visible_to(scope).filter(alert=alert)
    return list(sent.select_related("channel", "transition").order_by("-pk")[:TIMELINE])


def _summary(alert: Alert, unit: str) -> str:
    if alert.value is None:
        return f"{alert.name}."
    value = in_unit(alert.value, unit)
    limit = limit_text(level_of(alert), unit)
    said = f"{alert.name} is {value}"
    return f"{said}, limit {limit}." if limit else f"{said}."


def _lead(alert: Alert) -> str:
    if alert.resolution:
        return alert.resolution
    summary = alert.annotations.get("summary") or alert.annotations.get("description")
    return summary or (alert.rule.description if alert.rule else "")


def _broke(alert: Alert, transitions: list[Transition]) -> dict[str, str]:
    labels = ", ".join(f"{k}={v}" for k, v in sorted(alert.labels.items()))
    states = [t for t in transitions if t.kind == Transition.Kind.STATE]
    return {
        "title": labels or alert.name,
        "detail": states[0].reason if states else "",
    }


def _holder(alert: Alert, *, now: datetime) -> dict[str, str]:
    name = holder_of(alert)
    if alert.status == Alert.Status.RESOLVED:
        by = alert.resolved_by or "system"
        return {"title": name or "Nobody had it", "detail": f"Resolved by {by}."}
    if not name:
        waits = span(now - (alert.fired_at or alert.started_at))
        return {"title": "Nobody yet", "detail": f"It has waited {waits}."}
    if alert.acknowledged_at:
        passed = span(now - alert.acknowledged_at)
        return {"title": name, "detail": f"Acknowledged {passed} ago."}
    return {"title": name, "detail": "Assigned, not acknowledged yet."}


def _lines(request: ScopedRequest, alert: Alert, *, now: datetime) -> dict[str, Any]:
    if alert.rule is None or alert.rule.kind != Rule.Kind.PATTERN:
        return {"lines": [], "lines_text": "", "logs_url": "", "mark": ""}
    lines = matching_lines(request.scope, alert, now=now)
    start, end = time_of(alert, now=now)
    query = {"start": start.isoformat(), "end": end.isoformat()}
    if "source" in alert.labels:
        query["source"] = alert.labels["source"]
    logs = reverse("logs", args=[request.scope.organization_slug])
    pattern = alert.rule.pattern
    return {
        "lines": lines,
        "lines_text": f"newest {len(lines)}" if lines else "",
        "logs_url": f"{logs}?{urlencode(query)}",
        "mark": pattern if pattern.isalnum() else "",
    }


def _why(
    alert: Alert,
    transitions: list[Transition],
    told: list[Notification],
    request: ScopedRequest,
) -> list[dict[str, str]]:
    """Return who was told, oldest first, under the reason for it."""
    zone = zone_of_request(request)
    if not told:
        return []
    first = next((t for t in reversed(transitions) if t.to_status == "firing"), None)
    steps = []
    if first is not None:
        text = f"Rule {alert.name} reached {first.to_severity}: {first.reason}"
        at = f"{first.at.astimezone(zone):%H:%M:%S}"
        steps.append({"icon": "rules", "text": text, "end": at})
    for notification in reversed(told):
        channel = notification.channel
        about = notification.transition
        word = "resolved" if about.to_status == "resolved" else about.to_severity
        steps.append(
            {
                "icon": "mail" if channel.kind == "email" else "send",
                "text": f"{channel.name} ({channel.get_kind_display()}), {word}",
                "end": _outcome(notification),
            }
        )
    return steps


def _outcome(notification: Notification) -> str:
    if notification.delivered_at:
        took = (notification.delivered_at - notification.created_at).total_seconds()
        return f"delivered in {took:.1f} s"
    if notification.status == Notification.Status.PENDING:
        tries = notification.attempts
        return f"tried {tries} times" if tries else "on its way"
    return notification.get_status_display().lower()


def _timeline(
    transitions: list[Transition], told: list[Notification]
) -> list[dict[str, Any]]:
    items = [_transition_item(transition) for transition in transitions]
    for notification in told:
        if notification.delivered_at:
            channel = notification.channel
            items.append(
                {
                    "at": notification.delivered_at,
                    "icon": "mail" if channel.kind == "email" else "send",
                    "title": f"{channel.name} was told",
                    "detail": _outcome(notification),
                }
            )
    return sorted(items, key=lambda item: item["at"], reverse=True)


def _transition_item(transition: Transition) -> dict[str, Any]:
    if transition.kind != Transition.Kind.STATE:
        said = transition.reason[:1].upper() + transition.reason[1:]
        kind = Transition.Kind(transition.kind)
        return {
            "at": transition.at,
            "icon": _ICONS[kind],
            "title": f"{said} by {transition.actor_name}",
            "detail": transition.note,
        }
    title = "Resolved"
    if transition.to_status == Alert.Status.PENDING:
        title = f"Pending: {transition.to_severity}"
    elif transition.to_status != Alert.Status.RESOLVED:
        fired = transition.from_status in {"", Alert.Status.PENDING}
        title = f"{'Fired' if fired else 'Now'}: {transition.to_severity}"
    resolved = transition.to_status == Alert.Status.RESOLVED
    return {
        "at": transition.at,
        "status": "ok" if resolved else transition.to_severity,
        "title": title,
        "detail": transition.reason,
    }


def _past(
    same_rule: QuerySet[Alert], alert: Alert, request: ScopedRequest, *, now: datetime
) -> dict[str, str]:
    """Return how alerts of this rule usually go, and how the last one went."""
    others = same_rule.exclude(pk=alert.pk)
    acknowledge, resolve = history.usual_times(others, since=now - 4 * WEEK)
    usually = [
        f"acknowledged in {span(acknowledge)}" if acknowledge is not None else "",
        f"resolved in {span(resolve)}" if resolve is not None else "",
    ]
    before = others.filter(
        fingerprint=alert.fingerprint, pk__lt=alert.pk, resolved_at__isnull=False
    )
    last = before.order_by("-pk").first()
    last_fired = ""
    if last is not None and last.resolved_at is not None:
        zone = zone_of_request(request)
        lasted = span(last.resolved_at - last.started_at)
        last_fired = f"{last.started_at.astimezone(zone):%a %d %b %H:%M}, {lasted}"
        if last.resolution:
            last_fired += f": {last.resolution}"
    return {"usually": ", ".join(filter(None, usually)), "last_fired": last_fired}
