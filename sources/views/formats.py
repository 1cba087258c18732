"""Formats of the organization's own: the list, and the form."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import Scope, TeamRole
from accounts.views.shell import reading_scope
from sources.forms.formats import FormatForm
from sources.models import LogFormat, Source
from sources.services.access import PermissionRefusedError, has_team_role
from sources.services.configs import InvalidSourceError
from sources.services.log_formats import (
    Uses,
    create_format,
    delete_format,
    update_format,
    uses_of,
)
from sources.views.format_tests import tested
from sources.views.listing import can_edit

SOURCES_SHOWN = 20


@scoped_page
@require_safe
def format_list(request: ScopedRequest) -> HttpResponse:
    scope = reading_scope(request)
    uses = uses_of(scope)
    rows = [
        {"format": row, "uses": uses.get(row.name, Uses())}
        for row in LogFormat.objects.visible_to(scope)
    ]
    context = {
        "rows": rows,
        "conclusion": _conclusion(len(rows)),
        "can_edit": _may_edit(request.scope),
    }
    return render(request, "sources/formats.html", context)


@scoped_page
@require_http_methods(["GET", "HEAD", "POST"])
def format_add(request: ScopedRequest) -> HttpResponse:
    if not _may_edit(request.scope):
        raise PermissionDenied
    return _edited(request, FormatForm(request.POST or None), None)


@scoped_page
@require_http_methods(["GET", "HEAD", "POST"])
def format_edit(request: ScopedRequest, pk: int) -> HttpResponse:
    """Who may not change a format sees it here, too."""
    row = _find(request.scope, pk)
    may_edit = _may_edit(request.scope)
    if request.method == "POST" and not may_edit:
        raise PermissionDenied
    form = FormatForm(request.POST or None, row=row, may_edit=may_edit)
    return _edited(request, form, row)


@scoped_page
@require_POST
def format_test(request: ScopedRequest) -> HttpResponse:
    if not can_edit(request.scope):
        raise PermissionDenied
    context = {"test": tested(FormatForm(request.POST))}
    return render(request, "sources/_format_test.html", context)


@scoped_page
@require_POST
def format_delete(request: ScopedRequest, pk: int) -> HttpResponse:
    row, slug = _find(request.scope, pk), request.scope.organization_slug
    try:
        delete_format(request.scope, row)
    except PermissionRefusedError as error:
        messages.error(request, str(error))
    except InvalidSourceError as error:
        messages.error(request, next(iter(error.fields.values()))[0])
    else:
        messages.success(request, f"Format “{row}” is deleted.")
        return redirect("formats", organization_slug=slug)
    return redirect("format-edit", organization_slug=slug, pk=pk)


def _edited(
    request: ScopedRequest, form: FormatForm, row: LogFormat | None
) -> HttpResponse:
    if request.method != "POST" or "try" in request.POST:
        return _page(request, form, row, shown=tested(form))
    saved = _saved(request.scope, form, row)
    if saved is None:
        return _page(request, form, row, shown=tested(form), status=422)
    messages.success(request, f"Format “{saved}” is saved.")
    return redirect("formats", organization_slug=request.scope.organization_slug)


def _saved(scope: Scope, form: FormatForm, row: LogFormat | None) -> LogFormat | None:
    if not form.is_valid():
        return None
    try:
        if row is None:
            return create_format(scope, **form.settings())
        return update_format(scope, row, **form.settings())
    except InvalidSourceError as error:
        for name, problems in error.fields.items():
            form.add_error(name, problems)
    except PermissionRefusedError as error:
        form.add_error(None, str(error))
    return None


def _page(
    request: ScopedRequest,
    form: FormatForm,
    row: LogFormat | None,
    *,
    shown: dict[str, Any] | None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "row": row,
        "form": form,
        "folded_errors": any(
            form[name].errors for name in ("time_format", "event_start")
        ),
        "test": shown,
        "can_edit": _may_edit(request.scope),
        **(_users(request.scope, row) if row else {}),
    }
    return render(request, "sources/format_form.html", context, status=status)


def _users(scope: Scope, row: LogFormat) -> dict[str, Any]:
    named = Source.objects.visible_to(scope).filter(format=row.name).order_by("name")
    return {
        "users": named[:SOURCES_SHOWN],
        "more_users": max(named.count() - SOURCES_SHOWN, 0),
    }


def _find(scope: Scope, pk: int) -> LogFormat:
    return get_object_or_404(LogFormat.objects.visible_to(scope), pk=pk)


def _may_edit(scope: Scope) -> bool:
    return has_team_role(scope, None, TeamRole.MAINTAINER)


def _conclusion(count: int) -> str:
    if not count:
        return "No formats of your own yet."
    return "One format of your own." if count == 1 else f"{count} formats of your own."
