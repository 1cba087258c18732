"""Who may change what a source is: said once for settings and dead letters."""

from __future__ import annotations

from accounts.scope import Scope, TeamRole


class PermissionRefusedError(Exception):
    """The actor sees the thing but may not do this to it; the text says who may."""


def has_team_role(scope: Scope, team_id: int | None, role: TeamRole) -> bool:
    """What belongs to no team is the whole organization's: its admins' business."""
    if team_id is None:
        return scope.sees_all_teams
    return scope.has_team_role(team_id, role)


def require_team_role(scope: Scope, team_id: int | None, role: TeamRole) -> None:
    """Raises PermissionRefusedError."""
    if has_team_role(scope, team_id, role):
        return
    if team_id is None:
        raise PermissionRefusedError(
            "Only admins of the organization may change what belongs to no team."
        )
    raise PermissionRefusedError(
        f"Only {role.name.lower()}s of its team and admins may change it."
    )
