"""Who may change what a team has: the one rule, and how a refusal says it."""

from __future__ import annotations

from accounts.scope import Scope, TeamRole


def may_change(scope: Scope, team_id: int | None, role: TeamRole) -> bool:
    """What belongs to no team is the whole organization's: its admins' business."""
    if team_id is None:
        return scope.sees_all_teams
    return scope.has_team_role(team_id, role)


def refusal(team_id: int | None, role: TeamRole) -> str:
    """Return the sentence that says who may."""
    if team_id is None:
        return "Only admins of the organization may change what belongs to no team."
    return f"Only {role.name.lower()}s of its team and admins may change it."
