"""Heartbeats: the list, one with its pings, the form, and acts on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import Scope, TeamRole
from accounts.views.shell import reading_scope
from sources.forms.heartbeats import HeartbeatForm
from sources.models import Heartbeat
from sources.services.access import PermissionRefusedError, has_team_role
from sources.services.configs import InvalidSourceError
from sources.services.heartbeats import keys
from sources.services.heartbeats.presentation import (
    colour_of,
    ping_url,
    slug_url,
    word_of,
)
from sources.services.heartbeats.settings import (
    NotPausedError,
    create_heartbeat,
    delete_heartbeat,
    pause_heartbeat,
    resume_heartbeat,
    update_heartbeat,
)
from sources.services.heartbeats.states import due_at, status_at
from sources.views.listing import can_edit

PINGS_SHOWN, FLIPS_SHOWN = 50, 20
_WORST_FIRST = ("critical", "warning", "unknown", "ok")


@scoped_page
@require_safe
def heartbeat_list(request: ScopedRequest) -> HttpResponse:
    now, scope = timezone.now(), reading_scope(request)
    found = Heartbeat.objects.visible_to(scope).select_related("team")
    rows = [_row(heartbeat, now) for heartbeat in found]
    rows.sort(key=lambda row: _WORST_FIRST.index(row["colour"]))
    context = {
        **_conclusion(rows),
        "rows": rows,
        "can_edit": can_edit(request.scope),
        "key": _key(request.scope),
        "may_renew": has_team_role(request.scope, None, TeamRole.MAINTAINER),
    }
    return render(request, "sources/heartbeats.html", context)


@scoped_page
@require_safe
def heartbeat_detail(request: ScopedRequest, pk: int) -> HttpResponse:
    now = timezone.now()
    heartbeat = _find(request.scope, pk)
    context = {
        **_row(heartbeat, now),
        "pings": heartbeat.pings.all()[:PINGS_SHOWN],
        "flips": heartbeat.flips.all()[:FLIPS_SHOWN],
        "ping_url": ping_url(heartbeat),
        "slug_url": slug_url(heartbeat, _key(request.scope) or "<PING_KEY>"),
        "snippet": _snippet(heartbeat),
        "can_change": _may_change(request.scope, heartbeat),
    }
    return render(request, "sources/heartbeat.html", context)


@scoped_page
@require_http_methods(["GET", "HEAD", "POST"])
def heartbeat_add(request: ScopedRequest) -> HttpResponse:
    if not can_edit(request.scope):
        raise PermissionDenied
    form = HeartbeatForm(request.scope, request.POST or None)
    return _edited(request, form, None)


@scoped_page
@require_http_methods(["GET", "HEAD", "POST"])
def heartbeat_edit(request: ScopedRequest, pk: int) -> HttpResponse:
    heartbeat = _find(request.scope, pk)
    if not _may_change(request.scope, heartbeat):
        raise PermissionDenied
    form = HeartbeatForm(request.scope, request.POST or None, heartbeat=heartbeat)
    return _edited(request, form, heartbeat)


@scoped_page
@require_POST
def heartbeat_act(request: ScopedRequest, pk: int, act: str) -> HttpResponse:
    if act not in _ACTS:
        raise Http404
    heartbeat = _find(request.scope, pk)
    try:
        said = _ACTS[act](request.scope, heartbeat, timezone.now())
    except (PermissionRefusedError, NotPausedError) as error:
        messages.error(request, str(error) or "It is not paused.")
    else:
        messages.success(request, said)
    slug = request.scope.organization_slug
    if act == "delete":
        return redirect("heartbeats", organization_slug=slug)
    return redirect("heartbeat-detail", organization_slug=slug, pk=pk)


@scoped_page
@require_POST
def renew_key(request: ScopedRequest) -> HttpResponse:
    try:
        keys.renew_ping_key(request.scope)
    except PermissionRefusedError as error:
        raise PermissionDenied(str(error)) from None
    messages.success(request, "There is a new ping key; the old one is no more.")
    return redirect("heartbeats", organization_slug=request.scope.organization_slug)


def _pause(scope: Scope, heartbeat: Heartbeat, now: datetime) -> str:
    pause_heartbeat(scope, heartbeat, now=now)
    return "Paused: nothing is expected of it."


def _resume(scope: Scope, heartbeat: Heartbeat, now: datetime) -> str:
    resume_heartbeat(scope, heartbeat, now=now)
    return "Resumed: it waits for its first ping."


def _delete(scope: Scope, heartbeat: Heartbeat, now: datetime) -> str:
    delete_heartbeat(scope, heartbeat)
    return f"Heartbeat “{heartbeat}” is deleted."


_ACTS: dict[str, Callable[[Scope, Heartbeat, datetime], str]] = {
    "pause": _pause,
    "resume": _resume,
    "delete": _delete,
}


def _edited(
    request: ScopedRequest, form: HeartbeatForm, heartbeat: Heartbeat | None
) -> HttpResponse:
    status = 200
    if request.method == "POST":
        saved = _saved(request, form, heartbeat)
        if saved is not None:
            slug = request.scope.organization_slug
            messages.success(request, f"Heartbeat “{saved}” is saved.")
            return redirect("heartbeat-detail", organization_slug=slug, pk=saved.pk)
        status = 422
    context = {"form": form, "heartbeat": heartbeat}
    return render(request, "sources/heartbeat_form.html", context, status=status)


def _saved(
    request: ScopedRequest, form: HeartbeatForm, heartbeat: Heartbeat | None
) -> Heartbeat | None:
    if not form.is_valid():
        return None
    wanted, now = form.settings(), timezone.now()
    try:
        if heartbeat is None:
            return create_heartbeat(request.scope, wanted, now=now)
        return update_heartbeat(request.scope, heartbeat, wanted.changes(), now=now)
    except InvalidSourceError as error:
        for name, problems in error.fields.items():
            form.add_error(name if name in form.fields else None, problems)
    except PermissionRefusedError as error:
        form.add_error("team", str(error))
    return None


def _find(scope: Scope, pk: int) -> Heartbeat:
    rows = Heartbeat.objects.visible_to(scope).select_related("team")
    return get_object_or_404(rows, pk=pk)


def _may_change(scope: Scope, heartbeat: Heartbeat) -> bool:
    return has_team_role(scope, heartbeat.team_id, TeamRole.MAINTAINER)


def _key(scope: Scope) -> str:
    try:
        return keys.ping_key(scope)
    except PermissionRefusedError:
        return ""


def _row(heartbeat: Heartbeat, now: datetime) -> dict[str, Any]:
    return {
        "heartbeat": heartbeat,
        "status": status_at(heartbeat, now),
        "colour": colour_of(heartbeat, now),
        "word": word_of(heartbeat, now),
        "due_at": due_at(heartbeat),
    }


def _conclusion(rows: list[dict[str, Any]]) -> dict[str, str]:
    colours = Counter(row["colour"] for row in rows)
    if not rows:
        said = "No heartbeats yet."
    elif colours["critical"]:
        noun = "heartbeat is" if colours["critical"] == 1 else "heartbeats are"
        said = f"{colours['critical']} {noun} down."
    elif colours["warning"]:
        noun = "heartbeat is" if colours["warning"] == 1 else "heartbeats are"
        said = f"{colours['warning']} {noun} late."
    else:
        said = "Every job is on time."
    return {
        "conclusion": said,
        "lead": "Jobs say here that they are alive; when one does not, that is an alert.",
    }


def _snippet(heartbeat: Heartbeat) -> str:
    url = ping_url(heartbeat)
    return (
        "# at the end of the job\n"
        f"curl -fsS -m 10 --retry 5 -o /dev/null {url}\n"
        "# or around it, with its exit status and output\n"
        f"curl -fsS -m 10 --retry 5 {url}/start\n"
        "out=$(./job.sh 2>&1)\n"
        f'curl -fsS -m 10 --retry 5 --data-raw "$out" {url}/$?'
    )
