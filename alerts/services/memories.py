"""What evaluations remember: the open alerts, and those held back after a hand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from accounts.scope import Role, Scope, TeamRole
from alerts.models import Alert, Rule, RuleGroup


def remembered_alerts(
    scope: Scope, rule_ids: Collection[int]
) -> dict[int, dict[int, Alert]]:
    """Lock and return the remembered alerts of some rules, by rule and fingerprint.

    Locked, so that an acknowledgement of the same moment is not written over.
    """
    related = ("organization", "team", "rule", "assignee")
    alerts = Alert.objects.visible_to(scope).remembered().filter(rule_id__in=rule_ids)
    locked = alerts.select_for_update(of=("self",)).select_related(*related)
    found: dict[int, dict[int, Alert]] = {}
    for alert in locked.order_by("pk"):
        if alert.rule_id is not None:
            found.setdefault(alert.rule_id, {})[alert.fingerprint] = alert
    return found


def system_scope(thing: Rule | RuleGroup) -> Scope:
    """Return the scope of the platform's own work for the thing's organization."""
    return Scope.of_system(thing.organization_id, thing.organization.slug)


def reading_scope(rule: Rule) -> Scope:
    """Return what a rule may read: all, or what a member of its team sees."""
    return narrowed(system_scope(rule), rule.team_id)


def narrowed(scope: Scope, team_id: int | None) -> Scope:
    """Return the part of a scope that a member of the team has, too."""
    if team_id is None or not scope.sees_team(team_id):
        return scope
    return replace(scope, role=Role.MEMBER, team_roles={team_id: TeamRole.VIEWER})
