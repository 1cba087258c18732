"""Rule groups: written as wholes, namespace by namespace, as Prometheus's files are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet

from accounts.models import Team
from accounts.scope import Scope
from accounts.services import audit
from alerts.evaluation.grouped import RuleGroupDraft
from alerts.evaluation.rule_files import check_group
from alerts.evaluation.rule_reading import MAX_NAME
from alerts.models import Rule, RuleGroup, RuleGroupState
from alerts.models.group import RuleGroupQuerySet
from alerts.services import group_series
from alerts.services.access import require_maintainer
from alerts.services.group_rows import grouped_rule, write_rules
from alerts.services.presentation import health_json, team_json
from alerts.services.rule_drafts import InvalidRuleError
from alerts.services.rules import author_of, end_alerts
from monitoring.moments import iso

# What one organization may have; each group is a task every interval.
MAX_GROUPS = 10_000


class Written(StrEnum):
    """What writing a group came to."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Outcome:
    group: RuleGroup
    written: Written


def visible_groups(scope: Scope) -> RuleGroupQuerySet:
    """Return the scope's groups with what their presentation needs."""
    groups = RuleGroup.objects.visible_to(scope).select_related("team", "state")
    return groups.prefetch_related(rules_in_order())


def rules_in_order() -> Prefetch[str, QuerySet[Rule], str]:
    ordered = Rule.unscoped.select_related("state").order_by("position", "pk")
    return Prefetch("rules", ordered.prefetch_related("levels"))


def draft_of_group(group: RuleGroup) -> RuleGroupDraft:
    """Return the draft that a group was made from."""
    return RuleGroupDraft(
        namespace=group.namespace,
        name=group.name,
        interval=timedelta(seconds=group.interval_seconds),
        limit=group.limit,
        query_offset=timedelta(seconds=group.query_offset_seconds),
        labels=group.labels,
        rules=tuple(grouped_rule(rule) for rule in group.rules.all()),
        language=group.language,
    )


@transaction.atomic
def put_group(
    scope: Scope, draft: RuleGroupDraft, team: Team | None, *, now: datetime
) -> Outcome:
    """Create the group, or give the one of this namespace and name these rules.

    A rule that keeps its name and labels keeps its alerts. Raises PermissionDenied
    and InvalidRuleError.
    """
    team_id = team.pk if team else None
    require_maintainer(scope, team_id)
    _check(scope, draft, team)
    group = _locked(scope, draft)
    if group is None:
        return Outcome(_create(scope, draft, team, now=now), Written.CREATED)
    require_maintainer(scope, group.team_id)
    if draft_of_group(group) == draft and group.team_id == team_id:
        return Outcome(group, Written.UNCHANGED)
    before = group_json(group)
    if group.team_id != team_id:
        for rule in group.rules.all():
            end_alerts(scope, rule, "the rule was given to another team", now=now)
    _fill(group, draft, team)
    group.save()
    write_rules(scope, group, draft.rules, now=now)
    RuleGroupState.objects.filter(group=group).update(due_at=now, error="")
    group = visible_groups(scope).get(pk=group.pk)
    old, new = audit.differences(before, group_json(group))
    audit.record(scope, "rule_group.update", group, before=old, after=new)
    return Outcome(group, Written.UPDATED)


@transaction.atomic
def create_group(
    scope: Scope, draft: RuleGroupDraft, team: Team | None, *, now: datetime
) -> RuleGroup:
    """Create the group; one that exists is refused.

    Raises PermissionDenied and InvalidRuleError.
    """
    require_maintainer(scope, team.pk if team else None)
    _check(scope, draft, team)
    if _locked(scope, draft) is not None:
        raise InvalidRuleError({"name": ["Another group has this name."]})
    return _create(scope, draft, team, now=now)


@transaction.atomic
def delete_group(scope: Scope, group: RuleGroup, *, now: datetime) -> None:
    """Delete the group; its alerts stay as history, its series end.

    Raises PermissionDenied.
    """
    require_maintainer(scope, group.team_id)
    state = RuleGroupState.objects.select_for_update().get(group=group)
    for rule in group.rules.all():
        end_alerts(scope, rule, "the rule was deleted", now=now)
    group_series.end_all(group, state, now=now)
    audit.record(scope, "rule_group.delete", group, before=group_json(group))
    group.delete()


@transaction.atomic
def take_out(scope: Scope, group: RuleGroup, rule: Rule, *, now: datetime) -> None:
    """Delete one rule of a group, and the group with its last.

    Raises PermissionDenied.
    """
    rows = list(group.rules.all())
    kept = [grouped_rule(row) for row in rows if row.pk != rule.pk]
    if not kept:
        return delete_group(scope, group, now=now)
    draft = replace(draft_of_group(group), rules=tuple(kept))
    put_group(scope, draft, group.team, now=now)
    return None


@transaction.atomic
def delete_groups(
    scope: Scope, groups: Collection[RuleGroup], *, now: datetime
) -> None:
    """Delete a whole namespace, or nothing of it. Raises PermissionDenied."""
    for group in groups:
        delete_group(scope, group, now=now)


def group_json(group: RuleGroup) -> dict[str, Any]:
    """Return the group as the API shows it; what can be written is valid input."""
    return {
        "id": group.pk,
        "namespace": group.namespace,
        "name": group.name,
        "language": group.language,
        "team": team_json(group.team),
        "interval_seconds": group.interval_seconds,
        "limit": group.limit,
        "query_offset_seconds": group.query_offset_seconds,
        "labels": group.labels,
        "rules": [_rule_json(rule) for rule in group.rules.all()],
        "state": _state_json(group),
        "created_at": iso(group.created_at),
        "updated_at": iso(group.updated_at),
    }


def _rule_json(rule: Rule) -> dict[str, Any]:
    draft = grouped_rule(rule)
    common = {
        "id": rule.pk,
        "kind": rule.kind,
        "name": rule.name,
        "expr": rule.query,
        "labels": rule.labels,
        "state": health_json(rule),
    }
    if not draft.is_alerting:
        return common
    return common | {
        "for": draft.hold.total_seconds(),
        "keep_firing_for": draft.keep_firing.total_seconds(),
        "annotations": rule.annotations,
    }


def _state_json(group: RuleGroup) -> dict[str, Any]:
    state = getattr(group, "state", None)
    return {
        "evaluated_at": iso(state.evaluated_at) if state else None,
        "duration_ms": state.duration_ms if state else None,
        "error": (state.error or None) if state else None,
    }


def _check(scope: Scope, draft: RuleGroupDraft, team: Team | None) -> None:
    errors: dict[str, list[str]] = {}
    if not draft.namespace.strip() or len(draft.namespace) > MAX_NAME:
        errors["namespace"] = [f"Give a namespace of {MAX_NAME} characters at most."]
    if "\0" in draft.namespace + draft.name:
        errors["name"] = ["A name has no null characters."]
    if draft.language not in RuleGroup.Language.values:
        known = ", ".join(RuleGroup.Language.values)
        errors["language"] = [f"Choose one of {known}."]
    elif problems := check_group(draft):
        errors["rules"] = problems
    if team is not None and team.organization_id != scope.organization_id:
        errors["team"] = ["There is no such team."]
    if errors:
        raise InvalidRuleError(errors)


def _locked(scope: Scope, draft: RuleGroupDraft) -> RuleGroup | None:
    """Return the group that is to be changed, and keep evaluations of it off.

    Raises InvalidRuleError where another team has it: names are one an organization.
    """
    found = RuleGroup.unscoped.filter(
        organization_id=scope.organization_id,
        language=draft.language,
        namespace=draft.namespace,
        name=draft.name,
    )
    group = found.select_for_update().first()
    if group is None:
        return None
    if not scope.sees_team(group.team_id):
        raise InvalidRuleError({"name": ["Another group has this name."]})
    RuleGroupState.objects.select_for_update().get(group=group)
    return visible_groups(scope).get(pk=group.pk)


def _create(
    scope: Scope, draft: RuleGroupDraft, team: Team | None, *, now: datetime
) -> RuleGroup:
    there = RuleGroup.unscoped.filter(organization_id=scope.organization_id).count()
    if there >= MAX_GROUPS:
        raise InvalidRuleError({"name": [f"There are {MAX_GROUPS} groups already."]})
    group = RuleGroup(
        organization_id=scope.organization_id,
        namespace=draft.namespace,
        name=draft.name,
        language=draft.language,
        created_by=author_of(scope),
    )
    _fill(group, draft, team)
    group.save()
    RuleGroupState.objects.create(group=group, due_at=now)
    write_rules(scope, group, draft.rules, now=now)
    group = visible_groups(scope).get(pk=group.pk)
    audit.record(scope, "rule_group.create", group, after=group_json(group))
    return group


def _fill(group: RuleGroup, draft: RuleGroupDraft, team: Team | None) -> None:
    group.team = team
    group.interval_seconds = int(draft.interval.total_seconds())
    group.limit = draft.limit
    group.query_offset_seconds = int(draft.query_offset.total_seconds())
    group.labels = dict(draft.labels)
