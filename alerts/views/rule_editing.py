"""The form of a rule, with its preview beside it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import Scope, TeamRole
from alerts.forms import (
    EMPTY_DRAFT,
    BaseLevelFormSet,
    LevelFormSet,
    RuleForm,
    level_initial,
    rule_initial,
)
from alerts.models import Alert, Rule
from alerts.services.access import may_maintain
from alerts.services.previews import PreviewError, preview
from alerts.services.rule_drafts import (
    InvalidRuleError,
    LevelDraft,
    RuleDraft,
    draft_of,
)
from alerts.services.rules import create_rule, update_rule, visible_rules
from alerts.views.rule_preview import preview_context, preview_error
from monitoring.templatetags.clocks import zone_of_request

WEEK = timedelta(days=7)
_NEW_LEVELS = (
    LevelDraft(severity="warning", threshold=80.0),
    LevelDraft(severity="critical", threshold=90.0),
)
_NEW_PATTERN_LEVELS = (
    LevelDraft(severity="warning", comparator="ge", threshold=5.0),
    LevelDraft(severity="critical", comparator="ge", threshold=10.0),
)
MAX_TEXT = 2000


@require_http_methods(["GET", "HEAD", "POST"])
@scoped_page
def rule_add(request: ScopedRequest) -> HttpResponse:
    if not request.scope.has_team_role(None, TeamRole.MAINTAINER):
        raise PermissionDenied
    before = _suggested(request)
    if request.method != "POST":
        return _page(request, *_forms(request.scope, before), None)
    return _save(request, before, None)


@require_http_methods(["GET", "HEAD", "POST"])
@scoped_page
def rule_edit(request: ScopedRequest, pk: int) -> HttpResponse:
    rule = _find(request.scope, pk)
    if rule.kind == Rule.Kind.RECORDING:
        return redirect("recording-edit", request.scope.organization_slug, rule.pk)
    if rule.group is not None:
        return redirect("rule-group", request.scope.organization_slug, rule.group.pk)
    if request.method != "POST":
        return _page(request, *_forms(request.scope, draft_of(rule)), rule)
    return _save(request, draft_of(rule), rule)


@require_POST
@scoped_page
def rule_preview(request: ScopedRequest) -> HttpResponse:
    """The backtest of what the form says now."""
    form, levels = _posted(request)
    found: dict[str, Any]
    if not form.is_valid() or not levels.is_valid():
        found = preview_error(_first_error(form, levels))
    else:
        draft = form.draft(levels.drafts(()), EMPTY_DRAFT)
        found = _preview(request, draft)
    return render(request, "alerts/_preview.html", {"preview": found})


def _find(scope: Scope, pk: int) -> Rule:
    return get_object_or_404(visible_rules(scope), pk=pk)


def _suggested(request: HttpRequest) -> RuleDraft:
    """Return what the address suggests for a new rule, as the log page's link does."""
    given = request.GET
    is_pattern = given.get("kind") == Rule.Kind.PATTERN
    source = given.get("source", "")
    matchers = [{"name": "source", "op": "=", "value": source}] if source else []
    return RuleDraft(
        name=given.get("name", "")[:200],
        kind=Rule.Kind.PATTERN if is_pattern else Rule.Kind.THRESHOLD,
        query=given.get("query", "")[:MAX_TEXT],
        language=_language(given.get("language", "")),
        pattern=given.get("pattern", "")[:MAX_TEXT],
        matchers=matchers,
        group_by=["source"] if is_pattern else [],
        levels=_NEW_PATTERN_LEVELS if is_pattern else _NEW_LEVELS,
    )


def _language(text: str) -> str:
    return text if text in Rule.Language.values else Rule.Language.PROMQL


def _forms(scope: Scope, draft: RuleDraft) -> tuple[RuleForm, BaseLevelFormSet]:
    levels = LevelFormSet(
        prefix="levels",
        initial=[level_initial(level) for level in draft.levels],
        form_kwargs={"scope": scope},
    )
    return RuleForm(scope, initial=rule_initial(draft)), levels


def _posted(request: ScopedRequest) -> tuple[RuleForm, BaseLevelFormSet]:
    levels = LevelFormSet(
        request.POST, prefix="levels", form_kwargs={"scope": request.scope}
    )
    return RuleForm(request.scope, request.POST), levels


def _save(request: ScopedRequest, before: RuleDraft, rule: Rule | None) -> HttpResponse:
    form, levels = _posted(request)
    if not form.is_valid() or not levels.is_valid():
        return _page(request, form, levels, rule, status=422)
    draft = form.draft(levels.drafts(before.levels), before)
    now = timezone.now()
    try:
        if rule is None:
            saved = create_rule(request.scope, draft, now=now)
        else:
            saved = update_rule(request.scope, rule, draft, now=now)
    except InvalidRuleError as error:
        form.show(error, levels)
        return _page(request, form, levels, rule, status=422)
    except PermissionDenied as error:
        form.add_error("team", str(error))
        return _page(request, form, levels, rule, status=403)
    messages.success(request, f"Rule “{saved.name}” is saved.")
    return redirect("rules", request.scope.organization_slug)


def _page(
    request: ScopedRequest,
    form: RuleForm,
    levels: BaseLevelFormSet,
    rule: Rule | None,
    *,
    status: int = 200,
) -> HttpResponse:
    scope = request.scope
    found = None
    if rule is not None and not form.is_bound:
        found = _preview(request, draft_of(rule))
    can_edit = rule is None or may_maintain(scope, rule.team_id)
    context = {
        "rule": rule,
        "form": form,
        "levels": levels,
        **_head(rule, found),
        "preview": found,
        "preview_url": reverse("rule-preview", args=[scope.organization_slug]),
        "can_edit": can_edit,
        "firing": _firing(scope, rule),
    }
    return render(request, "alerts/rule_form.html", context, status=status)


def _firing(scope: Scope, rule: Rule | None) -> int:
    if rule is None:
        return 0
    return Alert.objects.visible_to(scope).open().told().filter(rule=rule).count()


def _head(rule: Rule | None, found: dict[str, Any] | None) -> dict[str, str]:
    if rule is None:
        lead = "The backtest beside the form says when it would have fired."
        return {"conclusion": "What must not happen?", "lead": lead}
    if found is None or found["error"]:
        return {"conclusion": rule.name, "lead": rule.description}
    return {"conclusion": found["sentence"], "lead": rule.description}


def _preview(request: ScopedRequest, draft: RuleDraft) -> dict[str, Any]:
    end = timezone.now()
    try:
        found = preview(request.scope, draft, start=end - WEEK, end=end)
    except InvalidRuleError as error:
        return preview_error(_first_text(error.fields))
    except PreviewError as error:
        return preview_error(str(error))
    return preview_context(found, draft, zone=zone_of_request(request))


def _first_error(form: RuleForm, levels: BaseLevelFormSet) -> str:
    for each in (form, *levels.forms):
        for name, texts in each.errors.items():
            return f"{name}: {texts[0]}"
    return "; ".join(map(str, levels.non_form_errors()))


def _first_text(found: Any) -> str:
    while isinstance(found, dict | list):
        values = list(found.values()) if isinstance(found, dict) else found
        found = next((value for value in values if value), "")
    return str(found)
