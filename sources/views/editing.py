"""The wizard that adds and edits a source, page by page, without a script too."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import ScopedRequest, scoped_page
from accounts.services.secrets import UnreadableSecretError
from sources.forms import SourceForm
from sources.models import Source
from sources.services.configs import InvalidSourceError, shown_config
from sources.services.kinds import KINDS
from sources.services.kinds.base import Group
from sources.services.log_formats import formats_of
from sources.services.sources import (
    PermissionRefusedError,
    create_source,
    may_change,
    preview_source,
    test_source,
    update_source,
)
from sources.views.detail import find
from sources.views.listing import can_edit
from sources.views.previews import (
    error_context,
    preview_context,
    probe_context,
    snippets_of,
)

STEP_NAMES = {
    "kind": "Kind",
    "where": "Where",
    "check": "Check",
    "save": "Name and save",
}
_CONCLUSIONS = {
    "kind": "What should be watched?",
    "where": "Where is it?",
    "check": "Is this what you expect?",
    "save": "What is it called?",
}
_LEADS = {
    "kind": "Each begins to bring data as soon as it is saved.",
    "where": "Nothing is stored until you save.",
    "check": "The newest lines, as the parser understands them. Nothing is stored yet.",
    "save": "The name becomes the label “source” of all its telemetry.",
}


@scoped_page
@require_http_methods(["GET", "HEAD", "POST"])
def source_add(request: ScopedRequest) -> HttpResponse:
    if not can_edit(request.scope):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request, SourceForm(request.scope), "kind")
    return _posted(request, SourceForm(request.scope, request.POST))


@scoped_page
@require_http_methods(["GET", "HEAD", "POST"])
def source_edit(request: ScopedRequest, pk: int) -> HttpResponse:
    source = find(request.scope, pk)
    if not may_change(request.scope, source):
        raise PermissionDenied
    if request.method != "POST":
        form = SourceForm(request.scope, source=source)
        return _page(request, form, form.steps[0])
    return _posted(request, SourceForm(request.scope, request.POST, source=source))


@scoped_page
@require_POST
def source_preview(request: ScopedRequest) -> HttpResponse:
    if not can_edit(request.scope):
        raise PermissionDenied
    form = SourceForm(request.scope, request.POST)
    form.check(("where",))
    return render(request, "sources/_preview.html", {"preview": _preview(form)})


def _posted(request: ScopedRequest, form: SourceForm) -> HttpResponse:
    steps = form.steps
    step = request.POST.get("step", "")
    step = step if step in steps else steps[0]
    back = request.POST.get("back", "")
    if back in steps:
        form.check(())
        return _page(request, form, back)
    place = steps.index(step)
    if not form.check(steps[: place + 1]):
        return _page(request, form, step, status=422)
    if "try" in request.POST:
        return _page(request, form, step, preview=_preview(form))
    if step != steps[-1]:
        return _page(request, form, steps[place + 1])
    return _save(request, form)


def _save(request: ScopedRequest, form: SourceForm) -> HttpResponse:
    try:
        source = _saved(request, form)
    except InvalidSourceError as error:
        form.show(error)
        return _page(request, form, _step_of_error(form), status=422)
    except PermissionRefusedError as error:
        form.add_error("team", str(error))
        return _page(request, form, "save", status=422)
    messages.success(request, f"Source “{source.name}” is saved.")
    slug = request.scope.organization_slug
    return redirect("source-detail", organization_slug=slug, pk=source.pk)


def _saved(request: ScopedRequest, form: SourceForm) -> Source:
    wanted = form.settings()
    if form.source is not None:
        return update_source(request.scope, form.source, **wanted)
    return create_source(request.scope, kind=form.chosen_kind, **wanted)


def _step_of_error(form: SourceForm) -> str:
    """Return the first step that shows a field with an error."""
    for step in form.steps:
        if any(field.errors for field in form.shown(step)):
            return step
    return form.steps[-1]


def _page(
    request: ScopedRequest,
    form: SourceForm,
    step: str,
    *,
    preview: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    steps = form.steps
    place = steps.index(step)
    context = {
        "source": form.source,
        "step": step,
        "steps": _steps(steps, place),
        "groups": _groups() if step == "kind" else [],
        "form": form,
        "shown": form.shown(step),
        **_fold(form, step),
        "can_be_tried": step == "where" and form.chosen.can_be_tried,
        "conclusion": _CONCLUSIONS[step],
        "lead": _LEADS[step],
        "preview": preview or _beside(form, step),
        "blocked": _blocked(form),
        "next_word": "Save" if step == steps[-1] else "Next",
        "back": steps[place - 1] if place else "",
        "api_snippet": _api_snippet(form) if step == "save" else "",
    }
    return render(request, "sources/add.html", context, status=status)


def _steps(steps: tuple[str, ...], place: int) -> list[dict[str, str]]:
    states = ["done"] * place + ["current"] + [""] * (len(steps) - place - 1)
    return [
        {"key": key, "name": STEP_NAMES[key], "state": state}
        for key, state in zip(steps, states, strict=True)
    ]


def _blocked(form: SourceForm) -> str:
    if not form.is_bound or not form.errors:
        return ""
    count = len(form.errors)
    return "One field to fix first." if count == 1 else f"{count} fields to fix first."


def _preview(form: SourceForm) -> dict[str, Any]:
    if not form.is_bound:
        form = SourceForm(form.scope, form.initial, source=form.source)
        form.check(("where",))
    if form.errors:
        problems = [str(p) for told in form.errors.values() for p in told]
        return error_context(problems[0])
    try:
        return _tried(form)
    except InvalidSourceError as error:
        return error_context(next(iter(error.fields.values()))[0])
    except UnreadableSecretError as error:
        return error_context(str(error))


def _tried(form: SourceForm) -> dict[str, Any]:
    stored = form.source.config if form.source else None
    form.check_rules()
    if form.errors:
        return error_context(str(next(iter(form.errors.values()))[0]))
    if form.cleaned_data.get("sample", "").strip():
        return _sampled(form)
    if form.chosen.newest_lines is None:
        return probe_context(
            test_source(form.chosen_kind, form.config(), stored=stored)
        )
    preview = preview_source(
        form.config(),
        kind=form.chosen_kind,
        stored=stored,
        format_name=form.cleaned_data.get("format", ""),
        received_ns=int(timezone.now().timestamp()) * 10**9,
        processing=form.processing(),
        own=formats_of(form.scope),
    )
    return preview_context(preview)


def _sampled(form: SourceForm) -> dict[str, Any]:
    """Return what becomes of pasted lines."""
    preview = preview_source(
        sample=form.cleaned_data["sample"],
        format_name=form.cleaned_data.get("format", ""),
        received_ns=int(timezone.now().timestamp()) * 10**9,
        processing=form.processing(),
        own=formats_of(form.scope),
    )
    return preview_context(preview)


def _fold(form: SourceForm, step: str) -> dict[str, bool]:
    """Return whether some settings are behind a fold, and whether that is open."""
    shown = form.shown(step)
    folded = [f for f in shown if getattr(f.field, "advanced", False)]
    return {"folded": bool(folded), "fold_open": any(f.errors for f in folded)}


def _groups() -> list[dict[str, Any]]:
    groups = [
        {"title": group.value, "kinds": [k for k in KINDS.values() if k.group is group]}
        for group in Group
    ]
    return [group for group in groups if group["kinds"]]


def _beside(form: SourceForm, step: str) -> dict[str, Any] | None:
    """Return what stands beside the fields of a step."""
    if step == "check":
        return _preview(form)
    if step != "save":
        return None
    name = form["name"].value() or "NAME"
    config = form.config() if form.is_bound else {}
    found = snippets_of(form.chosen_kind, name, config, settings.SITE_ROOT)
    return {**error_context(""), "snippets": found} if found else None


def _api_snippet(form: SourceForm) -> str:
    if not form.is_bound:
        return ""
    body = {
        "kind": form.chosen_kind,
        "name": form["name"].value() or "NAME",
        "config": shown_config(form.chosen_kind, form.config()),
    }
    return (
        f"curl {settings.SITE_ROOT}/api/v1/sources \\\n"
        '  -H "Authorization: Bearer TOKEN" \\\n'
        f"  --json '{json.dumps(body)}'"
    )
