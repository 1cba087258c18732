"""Rules: made, changed and deleted together with their levels and open alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Team, User
from accounts.scope import ActorKind, Scope
from accounts.services import audit
from alerts.models import (
    Alert,
    PatternCount,
    Rule,
    RuleLevel,
    RuleState,
    Transition,
)
from alerts.models.rule import RuleQuerySet
from alerts.services import notifications, windows
from alerts.services.access import require_maintainer
from alerts.services.presentation import (
    publish_after_commit,
    rule_json,
)
from alerts.services.rule_checks import check_draft
from alerts.services.rule_drafts import InvalidRuleError, RuleDraft

# A change of these makes open alerts speak of something that is no longer watched.
_CONDITION = (
    "kind",
    "query",
    "pattern",
    "ignore_case",
    "matchers",
    "group_by",
    "team_id",
)


def visible_rules(scope: Scope) -> RuleQuerySet:
    """Return the scope's rules with what their presentation needs."""
    rules = Rule.objects.visible_to(scope).select_related("team", "state", "group")
    return rules.prefetch_related("levels__channels")


@transaction.atomic
def create_rule(scope: Scope, draft: RuleDraft, *, now: datetime) -> Rule:
    """Create the rule; from the commit on it is evaluated.

    Raises PermissionDenied and InvalidRuleError.
    """
    require_maintainer(scope, draft.team.pk if draft.team else None)
    check_draft(draft)
    rule = Rule(organization_id=scope.organization_id, created_by=author_of(scope))
    _check_team_is_ours(scope, draft.team)
    _check_name_is_free(scope, draft.name, rule.pk)
    draft.write_to(rule)
    rule.save()
    _write_levels(rule, draft)
    RuleState.objects.create(rule=rule, due_at=now)
    rule = _fresh(scope, rule)
    audit.record(scope, "rule.create", rule, after=_audited(rule))
    return rule


@transaction.atomic
def update_rule(scope: Scope, rule: Rule, draft: RuleDraft, *, now: datetime) -> Rule:
    """Give the rule new settings. Alerts of a condition that is no more are resolved.

    Raises PermissionDenied and InvalidRuleError.
    """
    require_maintainer(scope, rule.team_id)
    require_maintainer(scope, draft.team.pk if draft.team else None)
    _check_stands_alone(rule)
    check_draft(draft)
    rule = _locked(scope, rule)
    before, condition = _audited(_fresh(scope, rule)), _condition_of(rule)
    _check_team_is_ours(scope, draft.team)
    _check_name_is_free(scope, draft.name, rule.pk)
    draft.write_to(rule)
    rule.save()
    rule.levels.all().delete()
    _write_levels(rule, draft)
    RuleState.objects.filter(rule=rule).update(due_at=now, error="")
    if _condition_of(rule) != condition:
        end_alerts(scope, rule, "the rule was changed", now=now)
    elif not rule.enabled:
        end_alerts(scope, rule, "the rule was switched off", now=now)
    rule = _fresh(scope, rule)
    old, new = audit.differences(before, _audited(rule))
    audit.record(scope, "rule.update", rule, before=old, after=new)
    return rule


@transaction.atomic
def delete_rule(scope: Scope, rule: Rule, *, now: datetime) -> None:
    """Delete the rule; its alerts stay as history.

    Raises PermissionDenied and InvalidRuleError.
    """
    require_maintainer(scope, rule.team_id)
    _check_stands_alone(rule)
    rule = _fresh(scope, _locked(scope, rule))
    end_alerts(scope, rule, "the rule was deleted", now=now)
    audit.record(scope, "rule.delete", rule, before=_audited(rule))
    rule.delete()


def _check_stands_alone(rule: Rule) -> None:
    if rule.group is not None:
        problem = f"It is a rule of the group “{rule.group}”: change that one."
        raise InvalidRuleError({"group": [problem]})


def author_of(scope: Scope) -> User | None:
    """Return the person who acts, if it is one."""
    actor = scope.actor
    if actor.kind is not ActorKind.USER or actor.id is None:
        return None
    return User.objects.filter(pk=actor.id).first()


def _check_team_is_ours(scope: Scope, team: Team | None) -> None:
    if team is not None and team.organization_id != scope.organization_id:
        raise InvalidRuleError({"team": ["There is no such team."]})


def _check_name_is_free(scope: Scope, name: str, rule_id: int | None) -> None:
    """Names are one an organization, so also a name that the actor cannot see is taken."""
    rules = Rule.unscoped.filter(organization_id=scope.organization_id, name=name)
    taken = rules.filter(group__isnull=True)
    if taken.exclude(pk=rule_id or 0).exists():
        raise InvalidRuleError({"name": ["Another rule has this name."]})


def _locked(scope: Scope, rule: Rule) -> Rule:
    """Wait for evaluations of the rule that run now, and keep new ones off."""
    if rule.kind == Rule.Kind.PATTERN:
        windows.lock(scope.organization_id)
    RuleState.objects.select_for_update().filter(rule=rule).first()
    rules = Rule.objects.visible_to(scope).select_for_update(of=("self",))
    return rules.select_related("team", "organization").get(pk=rule.pk or 0)


def _fresh(scope: Scope, rule: Rule) -> Rule:
    return visible_rules(scope).select_related("organization").get(pk=rule.pk)


def _condition_of(rule: Rule) -> tuple[object, ...]:
    return tuple(getattr(rule, name) for name in _CONDITION)


def _audited(rule: Rule) -> dict[str, Any]:
    unsaid = {"state", "updated_at"}
    return {k: v for k, v in rule_json(rule).items() if k not in unsaid}


def _write_levels(rule: Rule, draft: RuleDraft) -> None:
    for position, level in enumerate(draft.levels):
        row: RuleLevel = level.row(position)
        row.rule = rule
        row.save()
        row.channels.set(level.channels)


def end_alerts(scope: Scope, rule: Rule, reason: str, *, now: datetime) -> None:
    """Resolve what the rule has open, and forget what it remembers."""
    PatternCount.objects.filter(rule=rule).delete()
    pending = Alert.unscoped.filter(rule=rule, status=Alert.Status.PENDING)
    pending.delete()
    Alert.unscoped.filter(rule=rule).update(awaits_recovery=False)
    related = ("organization", "team", "rule", "assignee")
    open_ = Alert.unscoped.filter(rule=rule).exclude(status=Alert.Status.RESOLVED)
    rows = open_.select_for_update(of=("self",)).select_related(*related)
    alerts = list(rows.order_by("pk"))
    transitions = [_end(scope, alert, reason, now=now) for alert in alerts]
    fields = ["status", "resolved_at", "resolved_by", "updated_at"]
    Alert.unscoped.bulk_update(alerts, fields)
    Transition.unscoped.bulk_create(transitions)
    notifications.enqueue(transitions, now=now)
    publish_after_commit(alerts)


def _end(scope: Scope, alert: Alert, reason: str, *, now: datetime) -> Transition:
    transition = Transition(
        organization_id=alert.organization_id,
        alert=alert,
        at=now,
        from_status=alert.status,
        to_status=Alert.Status.RESOLVED,
        from_severity=alert.severity,
        to_severity=alert.severity,
        value=alert.value,
        reason=reason,
        actor_name=scope.actor.name,
    )
    alert.status = Alert.Status.RESOLVED
    alert.resolved_at = alert.updated_at = now
    alert.resolved_by = scope.actor.name
    return transition
