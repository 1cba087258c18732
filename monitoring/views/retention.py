"""The page that says what is kept for how long, and lets admins change it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import Role
from monitoring.forms import RetentionForm, retention_initial
from monitoring.models import RetentionRule, Signal
from monitoring.services import archive, deletion, hindrances, policy, retention_rules
from monitoring.services.retention_rules import InvalidRetentionError, Loss

_DELETES_SHOWN = 10


@require_http_methods(["GET", "HEAD", "POST"])
@scoped_page
def show(request: ScopedRequest) -> HttpResponse:
    return _answer(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@scoped_page
def edit(request: ScopedRequest, pk: int) -> HttpResponse:
    rules = retention_rules.visible_rules(request.scope)
    return _answer(request, get_object_or_404(rules, pk=pk))


@require_POST
@scoped_page
def move(request: ScopedRequest, pk: int) -> HttpResponse:
    by = -1 if request.POST.get("by") == "up" else 1
    try:
        retention_rules.move_rule(request.scope, pk, by=by)
    except RetentionRule.DoesNotExist:
        raise Http404 from None
    return redirect("retention", request.scope.organization_slug)


@require_POST
@scoped_page
def delete(request: ScopedRequest, pk: int) -> HttpResponse:
    try:
        retention_rules.delete_rule(request.scope, pk)
    except RetentionRule.DoesNotExist:
        raise Http404 from None
    messages.success(request, "The rule is deleted.")
    return redirect("retention", request.scope.organization_slug)


def _answer(request: ScopedRequest, rule: RetentionRule | None) -> HttpResponse:
    if request.method == "POST":
        return _save(request, rule)
    initial = retention_initial(retention_rules.draft_of(rule)) if rule else None
    return _page(request, rule, RetentionForm(request.scope, initial=initial))


def _save(request: ScopedRequest, rule: RetentionRule | None) -> HttpResponse:
    """Save the rule or, before that, tell what it would delete."""
    if not _may_edit(request):
        raise PermissionDenied
    form = RetentionForm(request.scope, request.POST)
    if not form.is_valid():
        return _page(request, rule, form, status=422)
    try:
        if request.POST.get("do") == "preview":
            losses = retention_rules.preview_of_change(
                request.scope,
                form.draft(),
                replacing=rule.pk if rule else None,
                now=timezone.now(),
            )
            return _page(request, rule, form, losses=losses)
        if rule is None:
            retention_rules.create_rule(request.scope, form.draft())
        else:
            retention_rules.update_rule(request.scope, rule.pk, form.draft())
    except InvalidRetentionError as error:
        form.show(error)
        return _page(request, rule, form, status=422)
    messages.success(request, "The rule is saved. It is applied within the hour.")
    return redirect("retention", request.scope.organization_slug)


def _page(
    request: ScopedRequest,
    rule: RetentionRule | None,
    form: RetentionForm,
    *,
    losses: list[Loss] | None = None,
    status: int = 200,
) -> HttpResponse:
    scope = request.scope
    known = policy.policy_of(scope.organization_id)
    rules = list(retention_rules.visible_rules(scope))
    can_edit = _may_edit(request)
    context = {
        "rule": rule,
        "form": form,
        "rows": [
            {"rule": one, "keep_for": retention_rules.keep_for_text(one.keep_for)}
            for one in rules
        ],
        "defaults": [
            {
                "label": signal.label,
                "keep_for": retention_rules.keep_for_text(known.defaults[signal]),
            }
            for signal in Signal
        ],
        "losses": losses,
        "can_edit": can_edit,
        "archived": archive.summary(scope),
        "failing": hindrances.visible_hindrances(scope),
        "deletes": (
            list(deletion.visible_requests(scope)[:_DELETES_SHOWN]) if can_edit else []
        ),
        **_head(len(rules)),
    }
    return render(request, "monitoring/retention.html", context, status=status)


def _head(count: int) -> dict[str, Any]:
    noun = "rule decides" if count == 1 else "rules decide"
    conclusion = (
        f"{count} {noun} what is kept." if count else "Everything is kept alike."
    )
    lead = (
        "The first rule that takes a series or stream decides; the defaults come last."
    )
    return {"conclusion": conclusion, "lead": lead}


def _may_edit(request: ScopedRequest) -> bool:
    return request.scope.has_role(Role.ADMIN)
