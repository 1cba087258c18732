"""Who may do what with rules, channels and alerts; refused acts say who may."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from accounts.scope import Permission, Scope, TeamRole
from accounts.services import access


def require_maintainer(scope: Scope, team_id: int | None) -> None:
    """Raises PermissionDenied."""
    if not may_maintain(scope, team_id):
        raise PermissionDenied(access.refusal(team_id, TeamRole.MAINTAINER))


def may_maintain(scope: Scope, team_id: int | None) -> bool:
    """What belongs to no team reads and tells across teams: its admins' business."""
    allowed = access.may_change(scope, team_id, TeamRole.MAINTAINER)
    return allowed and scope.may(Permission.WRITE)


def require_responder(scope: Scope, team_id: int | None) -> None:
    """Raises PermissionDenied."""
    if not may_respond(scope, team_id):
        raise PermissionDenied("Only responders of its team and admins may do this.")


def may_respond(scope: Scope, team_id: int | None) -> bool:
    allowed = scope.has_team_role(team_id, TeamRole.RESPONDER)
    return allowed and scope.may(Permission.WRITE)
