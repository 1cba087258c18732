"""A rule group: how its rules fare, and the group as text to change it by."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import ScopedRequest, scoped_page
from alerts.evaluation.rule_files import (
    RuleFileError,
    group_document,
    read_group,
    write_yaml,
)
from alerts.forms import GroupForm
from alerts.models import RuleGroup
from alerts.services import rule_groups
from alerts.services.access import may_maintain
from alerts.services.rule_drafts import InvalidRuleError


@require_http_methods(["GET", "HEAD", "POST"])
@scoped_page
def group_edit(request: ScopedRequest, pk: int) -> HttpResponse:
    group = get_object_or_404(rule_groups.visible_groups(request.scope), pk=pk)
    if request.method == "POST":
        return _save(request, group)
    text = write_yaml(group_document(rule_groups.draft_of_group(group)))
    return _page(request, group, GroupForm(initial={"text": text}))


@require_POST
@scoped_page
def group_delete(request: ScopedRequest, pk: int) -> HttpResponse:
    group = get_object_or_404(rule_groups.visible_groups(request.scope), pk=pk)
    rule_groups.delete_group(request.scope, group, now=timezone.now())
    messages.success(request, f"Rule group “{group}” is deleted.")
    return redirect("rules", request.scope.organization_slug)


def _save(request: ScopedRequest, group: RuleGroup) -> HttpResponse:
    form = GroupForm(request.POST)
    if not form.is_valid():
        return _page(request, group, form, status=422)
    try:
        draft = read_group(form.cleaned_data["text"], group.namespace).groups[0]
        _check_name(group, draft.name)
        rule_groups.put_group(request.scope, draft, group.team, now=timezone.now())
    except RuleFileError as error:
        form.add_error("text", error.problems)
        return _page(request, group, form, status=422)
    except InvalidRuleError as error:
        form.add_error("text", error.sentences)
        return _page(request, group, form, status=422)
    except PermissionDenied as error:
        form.add_error(None, str(error))
        return _page(request, group, form, status=403)
    messages.success(request, f"Rule group “{group}” is saved.")
    return redirect("rules", request.scope.organization_slug)


def _check_name(group: RuleGroup, name: str) -> None:
    if name != group.name:
        raise RuleFileError([f"the group's name stays “{group.name}”"])


def _page(
    request: ScopedRequest, group: RuleGroup, form: GroupForm, *, status: int = 200
) -> HttpResponse:
    failing = sum(bool(rule.state.error) for rule in group.rules.all())
    context: dict[str, Any] = {
        "group": group,
        "form": form,
        "conclusion": _conclusion(group, failing),
        "lead": f"Evaluated every {group.interval_seconds} s, one rule after the other.",
        "can_edit": may_maintain(request.scope, group.team_id),
    }
    return render(request, "alerts/group_form.html", context, status=status)


def _conclusion(group: RuleGroup, failing: int) -> str:
    count = len(group.rules.all())
    noun = "rule" if count == 1 else "rules"
    if failing:
        return f"{failing} of {count} {noun} in {group} cannot be evaluated."
    return f"{count} {noun} in {group}."
