"""The form of a recording rule, with what it would store now beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import TeamRole
from accounts.services.teams import usual_team
from alerts.evaluation.grouped import GroupedKind, GroupedRule, RuleGroupDraft
from alerts.forms import RecordingForm
from alerts.models import Rule, RuleGroup
from alerts.services import rule_groups
from alerts.services.access import may_maintain
from alerts.services.group_recording import RuleFailedError, preview_recording
from alerts.services.rule_drafts import InvalidRuleError
from alerts.services.rules import visible_rules
from monitoring.promql import PromQLError
from monitoring.telemetry import TooMuchDataError

SHOWN = 50
MAX_TEXT = 2000


@require_http_methods(["GET", "HEAD", "POST"])
@scoped_page
def recording_add(request: ScopedRequest) -> HttpResponse:
    if not request.scope.has_team_role(None, TeamRole.MAINTAINER):
        raise PermissionDenied
    if request.method != "POST":
        expr = request.GET.get("query", "")[:MAX_TEXT]
        return _page(request, RecordingForm(initial={"expr": expr}), None)
    return _save(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@scoped_page
def recording_edit(request: ScopedRequest, pk: int) -> HttpResponse:
    recording = visible_rules(request.scope).filter(kind=Rule.Kind.RECORDING)
    rule = get_object_or_404(recording, pk=pk)
    if request.method != "POST":
        return _page(request, RecordingForm(initial=_initial(rule)), rule)
    return _save(request, rule)


@require_POST
@scoped_page
def recording_preview(request: ScopedRequest) -> HttpResponse:
    """What the rule of the form would store now."""
    form = RecordingForm(request.POST)
    form.is_valid()
    return render(
        request, "alerts/_recorded.html", {"recorded": _preview(request, form)}
    )


def _initial(rule: Rule) -> dict[str, Any]:
    group = _group_of(rule)
    return {
        "name": rule.name,
        "expr": rule.query,
        "labels": "\n".join(f'{k}="{v}"' for k, v in rule.labels.items()),
        "namespace": group.namespace,
        "group": group.name,
        "interval_seconds": group.interval_seconds,
    }


def _group_of(rule: Rule) -> RuleGroup:
    assert rule.group is not None  # noqa: S101 - every recording rule has one
    return rule.group


def _save(request: ScopedRequest, rule: Rule | None) -> HttpResponse:
    form = RecordingForm(request.POST)
    if not form.is_valid():
        return _page(request, form, rule, status=422)
    try:
        _write(request, form, rule)
    except InvalidRuleError as error:
        _show(form, error)
        return _page(request, form, rule, status=422)
    except PermissionDenied as error:
        form.add_error(None, str(error))
        return _page(request, form, rule, status=403)
    messages.success(request, f"Rule “{form.cleaned_data['name']}” is saved.")
    return redirect("rules", request.scope.organization_slug)


def _write(request: ScopedRequest, form: RecordingForm, rule: Rule | None) -> None:
    """Put the rule into its group, which is made if there is none."""
    scope, given, now = request.scope, form.cleaned_data, timezone.now()
    new = GroupedRule(
        GroupedKind.RECORDING, given["name"], given["expr"], labels=given["labels"]
    )
    name = (given["namespace"], given["group"])
    groups = rule_groups.visible_groups(scope).filter(language="promql")
    group = groups.filter(namespace=name[0], name=name[1]).first()
    old = groups.get(pk=_group_of(rule).pk) if rule else None
    if group is not None:
        draft = rule_groups.draft_of_group(group)
        team = group.team
    else:
        draft = RuleGroupDraft(*name, rules=())
        team = old.team if old else usual_team(scope)
    rules = list(draft.rules)
    if rule is not None and group is not None and group.pk == rule.group_id:
        rules[[each.pk for each in group.rules.all()].index(rule.pk)] = new
    else:
        rules.append(new)
    interval = timedelta(seconds=given["interval_seconds"])
    draft = replace(draft, rules=tuple(rules), interval=interval)
    rule_groups.put_group(scope, draft, team, now=now)
    if rule is not None and old is not None and (group is None or group.pk != old.pk):
        rule_groups.take_out(scope, old, rule, now=now)


def _show(form: RecordingForm, error: InvalidRuleError) -> None:
    for name, found in error.fields.items():
        known = name if name in form.fields else None
        form.add_error(known, [str(text) for text in found])


def _page(
    request: ScopedRequest, form: RecordingForm, rule: Rule | None, *, status: int = 200
) -> HttpResponse:
    slug = request.scope.organization_slug
    recorded = None
    if not form.is_bound and form.initial.get("expr"):
        recorded = _recorded(request, form.initial["expr"], form.initial.get("name"))
    context = {
        "rule": rule,
        "form": form,
        "conclusion": rule.name if rule else "What is worth computing once?",
        "lead": "A recording rule stores a query's answer as a metric of its own.",
        "recorded": recorded,
        "preview_url": reverse("recording-preview", args=[slug]),
        "can_edit": rule is None or may_maintain(request.scope, rule.team_id),
    }
    return render(request, "alerts/recording_form.html", context, status=status)


def _preview(request: ScopedRequest, form: RecordingForm) -> dict[str, Any]:
    for name, texts in form.errors.items():
        if name in {"name", "expr", "labels"}:
            return {"error": f"{name}: {texts[0]}"}
    given = form.cleaned_data
    return _recorded(request, given["expr"], given["name"], given["labels"])


def _recorded(
    request: ScopedRequest,
    expr: str,
    name: str | None,
    labels: dict[str, str] | None = None,
) -> dict[str, Any]:
    now = timezone.now()
    try:
        found = preview_recording(
            request.scope, expr, name or "result", labels or {}, now=now
        )
    except (PromQLError, TooMuchDataError, RuleFailedError) as error:
        return {"error": str(error)}
    rows = [
        {"labels": dict(series), "value": value}
        for series, value in list(found.items())[:SHOWN]
    ]
    return {"error": "", "rows": rows, "total": len(found)}
