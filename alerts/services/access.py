"""Who may do what with rules, channels and alerts; refused acts say who may."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from accounts.scope import Permission, Scope, TeamRole


def require_maintainer(scope: Scope, team_id: int | None) -> None:
    """What belongs to no team reads and tells across teams: its admins' business.

    Raises PermissionDenied.
    """
    if not may_maintain(scope, team_id):
        raise PermissionDenied(
            "Only admins of the organization may change what belongs to no team."
            if team_id is None
            else "Only maintainers of its team and admins may change it."
        )


def may_maintain(scope: Scope, team_id: int | None) -> bool:
    if not scope.may(Permission.WRITE):
        return False
    if team_id is None:
        return scope.sees_all_teams
    return scope.has_team_role(team_id, TeamRole.MAINTAINER)


def require_responder(scope: Scope, team_id: int | None) -> None:
    """Raises PermissionDenied."""
    if not may_respond(scope, team_id):
        raise PermissionDenied("Only responders of its team and admins may do this.")


def may_respond(scope: Scope, team_id: int | None) -> bool:
    allowed = scope.has_team_role(team_id, TeamRole.RESPONDER)
    return allowed and scope.may(Permission.WRITE)
