"""The list of rules, and switching them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count, Max, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.http import ScopedRequest, scoped_page
from accounts.scope import Scope, TeamRole
from accounts.views.shell import reading_scope
from alerts.evaluation import Severity
from alerts.models import Alert, NotificationChannel, Rule, RuleGroup
from alerts.services.rule_drafts import InvalidRuleError, draft_of
from alerts.services.rule_groups import visible_groups
from alerts.services.rules import delete_rule, update_rule, visible_rules
from alerts.views.listing import cursor_of

PAGE = 50
# Of groups as many are shown; the API lists all.
MAX_GROUPS = 100


@dataclass(frozen=True, slots=True)
class RuleRow:
    rule: Rule
    firing: int
    worst: str
    last_fired: datetime | None
    sees: str
    told: str


@require_safe
@scoped_page
def rule_list(request: ScopedRequest) -> HttpResponse:
    scope = reading_scope(request)
    rules = visible_rules(scope).standing_alone()
    groups = _groups(scope)
    total = rules.count()
    errors = rules.exclude(state__error="").exclude(state=None).count()
    start = cursor_of(request)
    rows = rows_of(scope, list(rules[start : start + PAGE]))
    context = {
        **_head(total, rules.filter(enabled=False).count(), errors),
        "rows": rows,
        "total": total,
        "next_cursor": str(start + PAGE) if start + PAGE < total else "",
        "can_edit": request.scope.has_team_role(None, TeamRole.MAINTAINER),
        "error_count": errors,
        "groups": groups[:MAX_GROUPS],
        "more_groups": max(0, len(groups) - MAX_GROUPS),
    }
    return render(request, "alerts/rules.html", context)


def _groups(scope: Scope) -> list[RuleGroup]:
    return list(visible_groups(scope).order_by("namespace", "name"))


@require_POST
@scoped_page
def rule_toggle(request: ScopedRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(visible_rules(request.scope), pk=pk)
    draft = replace(draft_of(rule), enabled=not rule.enabled)
    try:
        update_rule(request.scope, rule, draft, now=timezone.now())
    except InvalidRuleError as error:
        messages.error(request, f"“{rule.name}” cannot be switched: {error}")
    else:
        word = "on" if draft.enabled else "off"
        messages.success(request, f"“{rule.name}” is switched {word}.")
    return redirect("rules", request.scope.organization_slug)


@require_POST
@scoped_page
def rule_delete(request: ScopedRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(visible_rules(request.scope), pk=pk)
    try:
        delete_rule(request.scope, rule, now=timezone.now())
    except InvalidRuleError as error:
        messages.error(request, f"“{rule.name}” cannot be deleted: {error}")
    else:
        messages.success(request, f"Rule “{rule.name}” is deleted.")
    return redirect("rules", request.scope.organization_slug)


def rows_of(scope: Scope, rules: Sequence[Rule]) -> list[RuleRow]:
    alerts = Alert.objects.visible_to(scope).filter(rule__in=rules).order_by()
    open_ = Q(status__in=[Alert.Status.FIRING, Alert.Status.ACKNOWLEDGED])
    fired = {
        row["rule"]: row
        for row in alerts.values("rule").annotate(
            firing=Count("pk", filter=open_), last=Max("fired_at")
        )
    }
    worst: dict[int, Severity] = {}
    for rule_id, word in alerts.filter(open_).values_list("rule", "severity"):
        severity = Severity(word)
        if rule_id not in worst or severity.rank > worst[rule_id].rank:
            worst[rule_id] = severity
    defaults = NotificationChannel.objects.visible_to(scope).filter(
        is_default=True, enabled=True
    )
    names = [channel.name for channel in defaults]
    return [
        RuleRow(
            rule=rule,
            firing=fired[rule.pk]["firing"] if rule.pk in fired else 0,
            worst=worst.get(rule.pk, "ok"),
            last_fired=fired[rule.pk]["last"] if rule.pk in fired else None,
            sees=rule.query or rule.pattern,
            told=_told(rule, names),
        )
        for rule in rules
    ]


def _told(rule: Rule, defaults: Sequence[str]) -> str:
    named = {c.name for level in rule.levels.all() for c in level.channels.all()}
    falls_back = any(not level.channels.all() for level in rule.levels.all())
    everyone = named | (set(defaults) if falls_back else set())
    return ", ".join(sorted(everyone)) or "nobody"


def _head(total: int, off: int, errors: int) -> dict[str, Any]:
    if not total:
        lead = "A rule says what must not happen, and who is to know."
        return {"conclusion": "No rules yet.", "lead": lead}
    noun = "rule watches" if total - off == 1 else "rules watch"
    conclusion = f"{total - off} {noun} your logs and metrics."
    if errors:
        failing = "one is" if errors == 1 else f"{errors} are"
        conclusion = f"{conclusion[:-1]}, {failing} failing."
    lead = f"{off} switched off." if off else "All of them are switched on."
    return {"conclusion": conclusion, "lead": lead}
