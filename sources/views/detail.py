"""One source: is it well, what did it bring, what came last; and acts on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.models import AuditEntry
from accounts.scope import Scope
from accounts.services.secrets import UnreadableSecretError
from monitoring.labels import Matcher, MatchOp, series_text
from monitoring.services.charts import Chart, ChartSeries
from monitoring.services.logs import LogQuery, LogRecord, read_logs
from monitoring.services.queries import snapshot
from sources.models import Cursor, Source
from sources.services.format_changes import ACTION as FORMAT_CHANGE
from sources.services.pipeline_state import source_minutes
from sources.services.probing import test_settings
from sources.services.sources import (
    PermissionRefusedError,
    delete_source,
    may_change,
    update_source,
)
from sources.services.streams import stream_of
from sources.services.targets import targets_of
from sources.views.previews import snippets_of
from sources.views.rows import Row, rows_of

HOUR = timedelta(hours=1)
LINES, SAMPLES, FILES, TARGETS, CHANGES = 10, 20, 100, 200, 10
# What all series of a source have in common.
_SHARED = frozenset({"source", "instance", "host"})
# What a target's health is called, and what colours it.
HEALTH = {
    "up": ("ok", "Up"),
    "down": ("critical", "Down"),
    "unknown": ("unknown", "Not asked yet"),
}


@scoped_page
@require_safe
def source_detail(request: ScopedRequest, pk: int) -> HttpResponse:
    return _page(request, find(request.scope, pk))


@scoped_page
@require_POST
def source_test(request: ScopedRequest, pk: int) -> HttpResponse:
    """Try the source as it is set, and show on its page how that went."""
    source = find(request.scope, pk)
    if not may_change(request.scope, source):
        return _refused(request, source, "Only maintainers of its team may test it.")
    try:
        probe = test_settings(source)
    except UnreadableSecretError as error:
        return _page(request, source, {"ok": False, "text": str(error)})
    return _page(request, source, {"ok": probe.ok, "text": probe.text})


@scoped_page
@require_POST
def source_toggle(request: ScopedRequest, pk: int) -> HttpResponse:
    source = find(request.scope, pk)
    try:
        update_source(request.scope, source, enabled=not source.enabled)
    except PermissionRefusedError as error:
        return _refused(request, source, str(error))
    return _back_to(request, source)


@scoped_page
@require_POST
def source_delete(request: ScopedRequest, pk: int) -> HttpResponse:
    source = find(request.scope, pk)
    name = source.name
    try:
        delete_source(request.scope, source)
    except PermissionRefusedError as error:
        return _refused(request, source, str(error))
    messages.success(request, f"Source “{name}” is deleted; what it brought stays.")
    return redirect("sources", organization_slug=request.scope.organization_slug)


def find(scope: Scope, pk: int) -> Source:
    rows = Source.objects.visible_to(scope).with_status(timezone.now())
    source: Source = get_object_or_404(rows.select_related("state", "team"), pk=pk)
    return source


def _refused(request: ScopedRequest, source: Source, why: str) -> HttpResponse:
    messages.error(request, why)
    return _back_to(request, source)


def _back_to(request: ScopedRequest, source: Source) -> HttpResponse:
    slug = request.scope.organization_slug
    return redirect("source-detail", organization_slug=slug, pk=source.pk)


def _page(
    request: ScopedRequest, source: Source, test: dict[str, Any] | None = None
) -> HttpResponse:
    now, scope = timezone.now(), request.scope
    (row,) = rows_of(scope, [source], now)
    has_lines = row.kind.has_lines
    slug = scope.organization_slug
    logs = reverse("logs", args=[slug]) + "?" + urlencode({"source": source.name})
    context = {
        "row": row,
        "conclusion": f"{source.name} {_conclusion(row)}",
        "lead": row.where,
        "chart": _chart(source, row, now),
        "files": _files(source),
        "lines": _lines(scope, source, now) if has_lines else [],
        "logs_url": logs if has_lines else "",
        "samples": [] if has_lines else _samples(scope, source, now),
        "snippets": snippets_of(
            source.kind, source.name, source.config, settings.SITE_ROOT
        ),
        "pool": _pool(source),
        "stream": stream_of(source),
        "changes": _changes(scope, source),
        "test": test,
        "can_edit": may_change(scope, source),
        "rules": [],
    }
    return render(request, "sources/detail.html", context)


def _conclusion(row: Row) -> str:
    if not row.source.enabled:
        return "is paused."
    if row.last_seen is None:
        return "has brought nothing yet."
    return f"brings {row.rate:,.1f} {row.rate_unit} a second."


def _chart(source: Source, row: Row, now: datetime) -> Chart:
    start = now.replace(second=0, microsecond=0) - HOUR
    counts = source_minutes(source.pk, row.rate_unit, now)
    minutes = [start + timedelta(minutes=i) for i in range(60)]
    values = [counts.get(minute, 0) / 60 for minute in minutes]
    return Chart(
        key="rate",
        title=f"{row.rate_unit.capitalize()} per second",
        note="last hour",
        unit="",
        times_ms=[_ms(minute) for minute in minutes],
        series=[ChartSeries(row.rate_unit, values, area=True)],
        start_ms=_ms(start),
        end_ms=_ms(now),
        description=f"{row.rate_unit.capitalize()} per second in the last hour.",
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _lines(scope: Scope, source: Source, now: datetime) -> list[LogRecord]:
    matcher = Matcher("source", MatchOp.EQUAL, source.name)
    end = _ms(now + HOUR) * 10**6
    query = LogQuery((matcher,), _ms(now - 24 * HOUR) * 10**6, end, limit=LINES)
    return list(read_logs(scope, query).records)


def _samples(scope: Scope, source: Source, now: datetime) -> list[dict[str, Any]]:
    is_host = source.kind == Source.Kind.HOST
    own = {"job": "host", **source.labels} if is_host else {"source": source.name}
    wanted = own.items()
    mine = [s for s in snapshot(scope, now=now) if wanted <= s.labels.items()]
    return [
        {
            "name": series_text(sample.name, sample.labels, hidden=_SHARED),
            "value": sample.value,
            "unit": sample.unit,
            "at": sample.timestamp,
        }
        for sample in mine[:SAMPLES]
    ]


def _files(source: Source) -> list[dict[str, Any]]:
    cursors = Cursor.objects.filter(source=source).order_by("-updated_at")
    return [
        {
            "path": cursor.path,
            "offset": cursor.offset,
            "size": max(cursor.offset, _size(cursor.path)),
            "updated_at": cursor.updated_at,
        }
        for cursor in cursors[:FILES]
    ]


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _pool(source: Source) -> dict[str, Any] | None:
    """Return the targets of a source, those that are down first."""
    pool = targets_of(source)
    if pool is None:
        return None
    order = {"down": 0, "unknown": 1, "up": 2}
    listed = sorted(pool.active, key=lambda t: (order.get(t["health"], 1), t["url"]))
    health = Counter(target["health"] for target in pool.active)
    return {
        "up": health["up"],
        "total": len(pool.active),
        "dropped": pool.dropped_count,
        "targets": [_target(target) for target in listed[:TARGETS]],
        "more": max(0, len(listed) - TARGETS),
    }


def _target(target: Mapping[str, Any]) -> dict[str, Any]:
    hidden = {"job", "source"}
    status, word = HEALTH[target["health"]]
    return {
        "url": target["url"],
        "status": status,
        "word": word,
        "error": target["last_error"],
        "labels": {k: v for k, v in target["labels"].items() if k not in hidden},
        "seconds": target["last_seconds"],
        "at": parse_datetime(target["last_asked"]) if target["last_asked"] else None,
    }


def _changes(scope: Scope, source: Source) -> list[dict[str, Any]]:
    entries = AuditEntry.objects.visible_to(scope).filter(
        object_type="sources.source", object_id=str(source.pk)
    )
    return [
        {"at": entry.at, "icon": "edit", "next": False, **_said(entry)}
        for entry in entries[:CHANGES]
    ]


def _said(entry: AuditEntry) -> dict[str, str]:
    before, after = entry.before or {}, entry.after or {}
    if entry.action == FORMAT_CHANGE:
        changed = f"{before.get('format')} to {after.get('format')}"
        return {"title": "Its lines have another format", "detail": changed}
    words = {"source.create": "added it", "source.update": "changed it"}
    title = f"{entry.actor_name} {words.get(entry.action, entry.action)}"
    return {"title": title, "detail": ", ".join(after) if before else ""}
