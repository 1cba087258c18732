from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.models import AuditEntry
from accounts.scope import Scope
from accounts.services.changes import recent_changes
from accounts.views.shell import reading_scope
from monitoring.services import overview
from monitoring.services.overview import Figure
from monitoring.services.ranges import TimeRange
from monitoring.services.volumes import LineCounts, count_lines
from monitoring.templatetags.figures import in_unit
from monitoring.views.pages import range_of, start_command

CHANGES_FOR = timedelta(days=1)
MOST_CHANGES = 6
# What people ask for at three in the morning: a source or a rule is not as it was.
_ICONS = {
    "source.create": ("sources", "Source “{}” added"),
    "source.update": ("sources", "Source “{}” changed"),
    "source.delete": ("sources", "Source “{}” deleted"),
    "rule.create": ("rules", "Rule “{}” added"),
    "rule.update": ("rules", "Rule “{}” changed"),
    "rule.delete": ("rules", "Rule “{}” deleted"),
    "channel.create": ("send", "Channel “{}” added"),
    "channel.update": ("send", "Channel “{}” changed"),
    "channel.delete": ("send", "Channel “{}” deleted"),
}


@scoped_page
@require_safe
def show(request: ScopedRequest) -> HttpResponse:
    scope, now = reading_scope(request), timezone.now()
    shown = range_of(request, now=now)
    context: dict[str, Any] = {
        "range": shown,
        "has_telemetry": overview.has_telemetry(scope),
        "start_command": start_command(),
    }
    if context["has_telemetry"]:
        lines = count_lines(scope, shown)
        context |= {
            "kpis": _figures(request, scope, shown, lines),
            "resources": overview.resources(scope, now=now),
            "charts": overview.charts(scope, shown, url=_charts_url(request, shown)),
            "volume": lines.volume,
            "changes": changes(scope, now=now),
        }
    return render(request, "monitoring/overview.html", context)


@scoped_page
@require_safe
def figures(request: ScopedRequest) -> HttpResponse:
    """The key figures alone, for refreshing."""
    scope, shown = reading_scope(request), range_of(request, now=timezone.now())
    kpis = _figures(request, scope, shown, count_lines(scope, shown))
    return render(request, "monitoring/_figures.html", {"kpis": kpis, "range": shown})


@scoped_page
@require_safe
def resources(request: ScopedRequest) -> HttpResponse:
    found = overview.resources(reading_scope(request), now=timezone.now())
    return render(request, "monitoring/_resources.html", {"resources": found})


@scoped_page
@require_safe
def charts(request: ScopedRequest) -> HttpResponse:
    """What the charts draw, as data, for what came since."""
    shown = range_of(request, now=timezone.now())
    drawn = overview.charts(
        reading_scope(request), shown, url=_charts_url(request, shown)
    )
    return JsonResponse({"charts": [chart.payload for chart in drawn]})


def _charts_url(request: ScopedRequest, shown: TimeRange) -> str:
    params = request.GET.copy()
    for name, value in shown.params:
        params[name] = value
    path = reverse("overview-charts", args=[request.scope.organization_slug])
    return f"{path}?{params.urlencode()}"


def _figures(
    request: ScopedRequest, scope: Scope, shown: TimeRange, lines: LineCounts
) -> list[dict[str, Any]]:
    found = [*overview.host_figures(scope, shown), *_line_figures(request, lines)]
    return [_kpi(figure, shown) for figure in found]


def _line_figures(request: ScopedRequest, lines: LineCounts) -> list[Figure]:
    logs = reverse("logs", args=[request.scope.organization_slug])
    columns = lines.volume.columns
    length = (lines.volume.end_ms - lines.volume.start_ms) / 1000 / max(1, len(columns))
    per_second = [column.total / length for column in columns]
    errors = [column.error / length for column in columns]
    return [
        _rate("lines", "Log lines", per_second, logs),
        _rate("errors", "Error lines", errors, f"{logs}?level=error&level=fatal"),
    ]


def _rate(key: str, label: str, rates: list[float], url: str) -> Figure:
    # The last column has only begun: the one before it is the latest whole one.
    whole = rates[:-1] or rates
    last = whole[-1] if whole else 0.0
    return Figure(
        key,
        label,
        last,
        "count/s",
        trend=overview.trend(whole[0] if whole else None, last),
        spark=list(whole),
        url=url,
    )


def _kpi(figure: Figure, shown: TimeRange) -> dict[str, Any]:
    """Return a figure with its comparison in words."""
    known = [value for value in figure.spark if value is not None]
    earlier = f"was {in_unit(known[0], figure.unit)}" if known else "not measured"
    if figure.trend == "flat":
        earlier = "steady"
    return {
        "key": figure.key,
        "label": figure.label,
        "value": figure.value,
        "unit": figure.unit,
        "status": figure.status,
        "trend": figure.trend,
        "delta": earlier,
        "spark": figure.spark,
        "url": f"{figure.url}{'&' if '?' in figure.url else '?'}{shown.query}"
        if figure.url
        else "",
    }


def changes(scope: Scope, *, now: datetime) -> list[dict[str, Any]]:
    """Return what was changed in the last day, as items of a timeline."""
    entries = recent_changes(
        scope, since=now - CHANGES_FOR, actions=_ICONS, limit=MOST_CHANGES
    )
    return [_change(entry) for entry in entries]


def _change(entry: AuditEntry) -> dict[str, Any]:
    icon, title = _ICONS[entry.action]
    changed = ", ".join(entry.after) if entry.before and entry.after else ""
    by = f"by {entry.actor_name}"
    return {
        "at": entry.at,
        "icon": icon,
        "title": title.format(entry.object_name),
        "detail": f"{changed}, {by}" if changed else by,
    }
