"""What is done with alerts: each act redirects, or tells HTMX what to refresh."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.http import ScopedRequest, scoped_page
from accounts.models import User
from accounts.scope import Scope
from alerts.models import Alert
from alerts.services import alerts
from alerts.services.alerts import AlertConflictError, UnknownAssigneeError
from alerts.views.rows import RELATED

MAX_BULK = 200


@require_POST
@scoped_page
def acknowledge(request: ScopedRequest, pk: int) -> HttpResponse:
    def act(alert: Alert) -> str:
        alerts.acknowledge(request.scope, alert, now=timezone.now(), note=note(request))
        return f"“{alert.name}” is acknowledged."

    return _done(request, pk, act, undo="alert-unacknowledge")


@require_POST
@scoped_page
def unacknowledge(request: ScopedRequest, pk: int) -> HttpResponse:
    def act(alert: Alert) -> str:
        alerts.unacknowledge(request.scope, alert, now=timezone.now())
        return f"“{alert.name}” waits for someone again."

    return _done(request, pk, act)


@require_POST
@scoped_page
def assign(request: ScopedRequest, pk: int) -> HttpResponse:
    def act(alert: Alert) -> str:
        user = _assignee(request)
        alerts.assign(request.scope, alert, user, now=timezone.now())
        return f"“{alert.name}” is assigned to {user or 'nobody'}."

    return _done(request, pk, act)


@require_POST
@scoped_page
def resolve(request: ScopedRequest, pk: int) -> HttpResponse:
    def act(alert: Alert) -> str:
        alerts.resolve(request.scope, alert, now=timezone.now(), note=note(request))
        return f"“{alert.name}” is resolved."

    return _done(request, pk, act)


@require_POST
@scoped_page
def comment(request: ScopedRequest, pk: int) -> HttpResponse:
    def act(alert: Alert) -> str:
        if not note(request):
            raise AlertConflictError("A comment says something.")
        alerts.comment(request.scope, alert, now=timezone.now(), note=note(request))
        return "The comment is in the timeline."

    return _done(request, pk, act)


@require_POST
@scoped_page
def bulk(request: ScopedRequest) -> HttpResponse:
    """Do one thing to several alerts; those it cannot be done to are counted."""
    ids = [int(i) for i in request.POST.getlist("ids") if i.isdigit()][:MAX_BULK]
    action = request.POST.get("action", "")
    chosen = Alert.objects.visible_to(request.scope).select_related(*RELATED)
    done, refused = 0, 0
    for alert in chosen.filter(pk__in=ids).order_by("pk"):
        try:
            _bulk_act(request, action, alert)
        except (AlertConflictError, UnknownAssigneeError, PermissionDenied):
            refused += 1
        else:
            done += 1
    words = {"acknowledge": "acknowledged", "assign": "assigned", "resolve": "resolved"}
    text = f"{done} {words.get(action, 'changed')}."
    if refused:
        text += f" {refused} could not be."
    return _answer(request, text, reverse("alerts", args=[_slug(request)]))


def note(request: HttpRequest) -> str:
    return request.POST.get("note", "").strip()[: alerts.MAX_NOTE]


def _bulk_act(request: ScopedRequest, action: str, alert: Alert) -> None:
    scope, now = request.scope, timezone.now()
    if action == "acknowledge":
        alerts.acknowledge(scope, alert, now=now, note=note(request))
    elif action == "resolve":
        alerts.resolve(scope, alert, now=now, note=note(request))
    elif action == "assign":
        alerts.assign(scope, alert, _assignee(request), now=now)
    else:
        raise AlertConflictError(f"“{action}” is nothing that can be done.")


def _assignee(request: ScopedRequest) -> User | None:
    given = request.POST.get("assignee", "")
    if not given:
        return None
    wanted: int | str = int(given) if given.isdigit() and len(given) < 19 else given  # noqa: PLR2004 - a bigint
    return alerts.find_member(request.scope, wanted)


def _done(
    request: ScopedRequest,
    pk: int,
    act: Callable[[Alert], str],
    *,
    undo: str = "",
) -> HttpResponse:
    scope: Scope = request.scope
    rows = Alert.objects.visible_to(scope).select_related(*RELATED)
    alert = get_object_or_404(rows, pk=pk)
    home = reverse("alert-detail", args=[_slug(request), alert.pk])
    try:
        text = act(alert)
    except (AlertConflictError, UnknownAssigneeError) as error:
        return _answer(request, str(error), home, failed=True)
    url = reverse(undo, args=[_slug(request), alert.pk]) if undo else ""
    return _answer(request, text, home, undo=url)


def _answer(
    request: ScopedRequest,
    text: str,
    home: str,
    *,
    undo: str = "",
    failed: bool = False,
) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        toast: dict[str, Any] = {"text": text} | ({"undo": undo} if undo else {})
        events = {"refresh-alert": True, "refresh-alerts": True, "toast": toast}
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(events)})
    (messages.error if failed else messages.success)(request, text)
    following = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(following, {request.get_host()})
    return redirect(following if safe else home)


def _slug(request: ScopedRequest) -> str:
    return request.scope.organization_slug
